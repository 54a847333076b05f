"""
Journey states: where people are in a journey, how they came on, and where they are stuck.

Pure. Two sources, neither of which grows with what went by: who stands where now (``Waiting``, from
the rows of runs that live), and what was counted as it happened (``JourneyCount``).

Rule 1. At every step came = left + ended + waiting, as long as all days are looked at. Over a span
        of days the counts are those of the span; who waits is always now.
Rule 2. Stuck is who time should have moved on ``STUCK_MS`` ago: ``overdue``, and by how much the
        twentieth of them that waits longest is late (p95). Of everybody who waits the p95 is told
        as well: it shows where people wait longer than the author meant.
Rule 3. Of the version that is live, or still in use, every step is told, also where nobody came by;
        steps stand in the order in which they were written.
Rule 4. A campaign of one message has no steps: who came, who was kept out and why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Struct, field

from fencepost_gateway.decide.steps import END, Flow
from fencepost_gateway.ports import JourneyCount, JourneyPlace, Waiting

STUCK_MS: Final = 60_000  # a timer is at most a second late under load
SHARE: Final = 20  # of so many the one that waits longest is left aside: p95

Flows = Mapping[tuple[str, int], Flow]


class Standings(Struct):
    """What is known of one campaign: counts and waits by place."""

    counts: dict[JourneyPlace, dict[str, int]] = field(default_factory=dict)
    waiting: dict[JourneyPlace, list[Waiting]] = field(default_factory=dict)


class Lateness(Struct, frozen=True):
    """The p95 of how long people wait at a step by now, and of how much they are overdue."""

    waits_ms: int | None = None
    overdue_ms: int | None = None


def gathered(counts: Iterable[JourneyCount], waiting: Iterable[Waiting]) -> Standings:
    """Lay out what the store gave, by step, by stage and by journey."""
    found = Standings()
    for each in counts:
        found.counts.setdefault(each.place, {})[each.what] = each.count
    for one in waiting:
        place = one.place
        journey = JourneyPlace(place.campaign_id, place.version)
        step = JourneyPlace(place.campaign_id, place.version, step_id=place.step_id)
        stage = JourneyPlace(place.campaign_id, place.version, stage=place.stage)
        for each_place in (journey, step, stage) if place.stage else (journey, step):
            found.waiting.setdefault(each_place, []).append(one)
    return found


def rank_of(count: int) -> int:
    """Give the place of the p95 among so many, the longest first."""
    return count // SHARE


def summed(found: Standings) -> dict[str, Any]:
    """Sum up a campaign over its versions."""
    places = {p for p in (*found.counts, *found.waiting) if not p.step_id and not p.stage}
    rows = [_row(found, place) for place in places]
    return {
        "came": sum(row["came"] for row in rows),
        "kept_out": _added(row["kept_out"] for row in rows),
        "ended": _added(row["ended"] for row in rows),
        "waiting": sum(row["waiting"] for row in rows),
        "held": sum(row["held"] for row in rows),
        "overdue": sum(row["overdue"] for row in rows),
    }


def steps_of(
    found: Standings, flows: Flows, late: Mapping[JourneyPlace, Lateness], now_ms: int
) -> list[dict[str, Any]]:
    """Tell every step of every version that there is something to say of (Rule 3)."""
    known = {p for p in (*found.counts, *found.waiting) if p.step_id}
    order: dict[tuple[int, str], int] = {}
    for (campaign_id, version), flow in flows.items():
        for number, step_id in enumerate((*flow.steps, END)):
            order[version, step_id] = number
            known.add(JourneyPlace(campaign_id, version, step_id=step_id))
    rows = []
    for place in sorted(
        known, key=lambda p: (-p.version, order.get((p.version, p.step_id), 1 << 20), p.step_id)
    ):
        row = _row(found, place)
        oldest_ms = min((w.oldest_ms for w in found.waiting.get(place, [])), default=None)
        told = late.get(place, Lateness())
        rows.append(
            {"version": place.version, "step": place.step_id}
            | {name: row[name] for name in ("came", "went", "ended", "waiting", "held", "overdue")}
            | {
                "oldest_ms": None if oldest_ms is None else max(0, now_ms - oldest_ms),
                "waits_p95_ms": told.waits_ms,
                "overdue_p95_ms": told.overdue_ms,
            }
        )
    return rows


def stages_of(found: Standings) -> list[dict[str, Any]]:
    """Tell the stages: who came in, went on to another, ended in it, and is in it now."""
    places = sorted(
        (p for p in {*found.counts, *found.waiting} if p.stage and not p.step_id),
        key=lambda p: (-p.version, p.stage),
    )
    rows = []
    for place in places:
        row = _row(found, place)
        rows.append(
            {
                "version": place.version,
                "stage": place.stage,
                "came": row["came"],
                "went": sum(row["went"].values()),
                "ended": row["ended"],
                "waiting": row["waiting"],
            }
        )
    return rows


def _row(found: Standings, place: JourneyPlace) -> dict[str, Any]:
    counts, waiting = found.counts.get(place, {}), found.waiting.get(place, [])
    by: dict[str, dict[str, int]] = {"went": {}, "ended": {}, "kept_out": {}}
    for what, count in sorted(counts.items()):
        kind, _, name = what.partition(":")
        if kind in by:
            by[kind][name] = count
    return {
        "came": counts.get("came", 0),
        **by,
        "waiting": sum(each.count for each in waiting),
        "held": sum(each.held for each in waiting),
        "overdue": sum(each.overdue for each in waiting),
    }


def _added(found: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in found:
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    return dict(sorted(total.items()))
