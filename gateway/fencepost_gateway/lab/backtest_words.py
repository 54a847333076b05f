"""
Backtest words: what a backtest came to, as JSON and for a terminal of 100 columns.

Pure. Whatever stands in a claim's place is a prediction, and is called one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import structs

from fencepost_gateway.decide.spans import local_time, zone_named
from fencepost_gateway.lab.backtest import Findings
from fencepost_gateway.lab.estimate import Told
from fencepost_gateway.lab.forecast import Difference, Forecast, moved, total
from fencepost_gateway.reports.lines import counted, paragraph

SHOWN_MAX: Final = 20
PREDICTED: Final = (
    "Predicted: what would have been decided had these documents been live. Claims are modelled "
    "one after the other when they are due, and every provider accepts."
)


def as_json(found: Findings, told: Told) -> dict[str, Any]:
    """Give everything as plain data, in an order that is always the same."""
    answer: dict[str, Any] = {
        "predicted": True,
        "from_ms": told.window.begin_ms,
        "until_ms": told.window.end_ms,
        "zone": told.zone or "UTC",
        "documents": list(told.changes),
        "notes": list(told.notes),
        **({"fences": structs.asdict(told.fences)} if told.fences else {}),
        **figures(found.forecasts[0]),
    }
    if len(found.forecasts) > 1:
        answer["against"] = {
            "name": told.names[1],
            **figures(found.forecasts[1]),
            **moved(found.differences),
            "differences": [structs.asdict(each) for each in found.differences],
        }
    return answer


def figures(one: Forecast) -> dict[str, Any]:
    """Give a forecast as plain data."""
    return {
        "people": one.people,
        "reached": one.reached,
        "app_events": one.events,
        "sends": sum(one.sends.values()),
        "by_day": dict(total(one.sends, by=0)),
        "by_channel": dict(total(one.sends, by=2)),
        "by_campaign": dict(total(one.sends, by=1)),
        "by_step": _nested(one.by_step),
        "by_fence": dict(total(one.sends, by=3)),
        "rows": [[*key, count] for key, count in sorted(one.sends.items())],
        "withheld": dict(total(one.withheld, by=1)),
        "withheld_by_campaign": _nested(one.withheld),
        "entered": dict(sorted(one.entered.items())),
        "kept_out": _nested(one.kept_out),
        "waiting": dict(sorted(one.waiting.items())),
        "under_way": dict(sorted(one.under_way.items())),
    }


def _nested(counts: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (campaign, reason), count in sorted(counts.items()):
        found.setdefault(campaign, {})[reason] = count
    return found


def tell(found: Findings, told: Told) -> Iterator[str]:
    """Say it in lines."""
    one = found.forecasts[0]
    zone = zone_named(told.zone or "UTC")
    if zone is not None:
        first, last = (local_time(ms, zone) for ms in (told.window.begin_ms, told.window.end_ms))
        yield f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} {told.zone or 'UTC'}"
    changes = ", ".join(told.changes) or "none: the documents as they are live"
    yield from paragraph(f"Changed documents: {changes}.")
    yield from paragraph(PREDICTED)
    for note in told.notes:
        yield from paragraph(f"Mind: {note}")
    sent = sum(one.sends.values())
    yield ""
    yield (
        f"{counted(sent, 'message')} to {one.reached:,} of "
        f"{counted(one.people, 'person', 'people')}, out of "
        f"{counted(one.events, 'app event')} and what else happened"
    )
    yield from _by_day(one)
    yield from _table("by campaign", total(one.sends, by=1))
    yield from _table("by step of a journey", _pairs(one.by_step))
    yield from _table("by fence", [row for row in total(one.sends, by=3) if row[0]])
    yield from _table("withheld", _pairs(one.withheld))
    yield from _table("kept out", _pairs(one.kept_out))
    yield from _table("messages that still wait at the end", sorted(one.waiting.items()))
    yield from _table("runs still under way at the end", sorted(one.under_way.items()))
    if len(found.forecasts) > 1:
        yield from _against(found, told.names[1])


def _pairs(counts: Mapping[tuple[str, str], int]) -> list[tuple[str, int]]:
    return [
        (f"{reason}  {campaign}", count) for (campaign, reason), count in sorted(counts.items())
    ]


def _by_day(one: Forecast) -> Iterator[str]:
    channels = [name for name, _ in total(one.sends, by=2)]
    if not channels:
        return
    days: dict[str, Counter[str]] = {}
    for (day, _, channel, _), count in sorted(one.sends.items()):
        days.setdefault(day, Counter())[channel] += count
    yield "  " + "".join(f"{name:>10}" for name in ("", *channels, "together"))
    for day, counts in days.items():
        row = [*(counts[name] for name in channels), sum(counts.values())]
        yield f"  {day:>10}" + "".join(f"{number:>10,}" for number in row)


def _table(title: str, rows: Sequence[tuple[str, int]]) -> Iterator[str]:
    if rows:
        yield f"{title}:"
        yield from (f"  {count:>10,}  {name}" for name, count in rows)


def _against(found: Findings, name: str) -> Iterator[str]:
    counts = moved(found.differences)
    before = found.forecasts[1]
    yield ""
    yield (
        f"Against {name}, with {counted(sum(before.sends.values()), 'message')} to "
        f"{counted(before.reached, 'person', 'people')}: {counts['gained']:,} gained, "
        f"{counts['lost']:,} lost, {counts['changed']:,} changed"
    )
    for each in found.differences[:SHOWN_MAX]:
        yield from _difference(each, name)
    rest = len(found.differences) - SHOWN_MAX
    if rest > 0:
        yield f"  and {counted(rest, 'person', 'people')} more: --json lists everybody"


def _difference(one: Difference, name: str) -> Iterator[str]:
    now, before = _said(one.now), _said(one.before)
    yield f"  {one.moved:8} {one.user_id or one.person_id}"
    yield from paragraph(f"{now}; {name}: {before}", "           ")


def _said(decided: Mapping[str, str] | None) -> str:
    if decided is None:
        return "nothing"
    where = decided.get("campaign_id", "") + (
        f" at {decided['step_id']}" if decided.get("step_id") else ""
    )
    what: Iterable[str] = (decided.get(each, "") for each in ("outcome", "channel", "reason"))
    said = " ".join(each for each in what if each)
    return f"{decided['kind']} of {where}: {said}"
