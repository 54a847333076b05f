"""
Stuck: at which steps of a journey people get stuck, and which links have to do with it.

Pure; works on what ``journey_states`` tells of steps, on what ``click_tally`` counted, and on what
links answered (``link_watch``).

Rule 1. Leaving is ending at a step other than by the goal or the last step, and going to the end by
        a way that nobody chose: out of time, a condition no longer true, no answer, withheld. Who
        ends by a branch, or by something they did, is where the author meant them to be. Runs that
        an operator ended, or that became one with another, are no sign of anything.
Rule 2. A step is stuck where at least ``LEFT_MIN`` left and they are ``LEFT_SHARE`` of those who
        came; or where people are overdue; or where the twentieth that waits longest waits longer
        than 19 of 20 did who left, of at least ``STAYED_MIN`` who did.
Rule 3. Of each message: sent, clicked, and went on after the click; nothing is said of going on in
        a campaign of one message, which has no step behind it. Its broken links stand beside it,
        with what they answered and since when.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from fencepost_gateway.content.page_links import PageLinks
from fencepost_gateway.decide.steps import END, Flow, SplitStep, Step, WaitStep
from fencepost_gateway.ports import JourneyPlace, LinkRow
from fencepost_gateway.reports.journey_states import Flows, Standings

LEFT_SHARE: Final = 0.5
LEFT_MIN: Final = 5
STAYED_MIN: Final = 20
OF_TWENTY: Final = 0.95
ASTRAY: Final = frozenset({"timeout", "broken", "no_date", "missing", "error", "full", "withheld"})
NO_SIGN: Final = frozenset(
    {"completed", "goal_reached", "exited", "jumped", "stopped", "discarded", "merged"}
)

MessageLinks = Mapping[tuple[int, str], PageLinks]


def stuck_of(
    rows: Iterable[Mapping[str, Any]],
    found: Standings,
    flows: Flows,
    links: MessageLinks,
    known: Mapping[str, LinkRow],
) -> dict[str, Any]:
    """
    Tell where people get stuck.

    Args:
        rows: The steps as ``journey_states.steps_of`` tells them.
        found: What was counted.
        flows: The steps of each version.
        links: The links of each message, by version and step.
        known: What links answered last.

    """
    by_version = {version: flow for (_, version), flow in flows.items()}
    steps = [
        _step(row, by_version.get(row["version"]), stayed_s(found, row["version"], row["step"]))
        for row in rows
        if row["step"] != END
    ]
    return {
        "steps": [each for each in steps if each["why"]],
        "messages": list(_messages(found, by_version, links, known)),
    }


def stayed_s(found: Standings, version: int, step_id: str) -> int | None:
    """Give how long 19 of 20 stayed at most at a step, of those who left it (Rule 2)."""
    counts = {
        int(what.partition(":")[2]): count
        for place, each in found.counts.items()
        if (place.version, place.step_id) == (version, step_id)
        for what, count in each.items()
        if what.startswith("stayed:")
    }
    total, so_far = sum(counts.values()), 0
    if total < STAYED_MIN:
        return None
    for bound_s, count in sorted(counts.items()):
        so_far += count
        if so_far >= OF_TWENTY * total:
            return bound_s
    return None


def _step(row: Mapping[str, Any], flow: Flow | None, usual_s: int | None) -> dict[str, Any]:
    left = _left(row, flow)
    share = left / row["came"] if row["came"] else 0.0
    why = ["left"] if left >= LEFT_MIN and share >= LEFT_SHARE else []
    why += ["overdue"] if row["overdue"] else []
    waits_ms = row["waits_p95_ms"]
    is_long = usual_s is not None and waits_ms is not None and waits_ms > usual_s * 1_000
    why += ["long"] if is_long else []
    return {
        "version": row["version"],
        "step": row["step"],
        "why": why,
        "came": row["came"],
        "left": left,
        "left_share": round(share, 3),
        "overdue": row["overdue"],
        "waits_p95_ms": waits_ms,
        "usual_p95_ms": None if usual_s is None else usual_s * 1_000,
    }


def _left(row: Mapping[str, Any], flow: Flow | None) -> int:
    """Count who left the journey at a step (Rule 1)."""
    left: int = sum(n for outcome, n in row["ended"].items() if outcome not in NO_SIGN)
    step = flow.steps.get(row["step"]) if flow else None
    for way, count in row["went"].items() if step else ():
        if step and _is_astray(step, way) and step.way(way) == END:
            left += count
    return left


def _is_astray(step: Step, way: str) -> bool:
    """Say whether nobody chose a way; an author may have called one that they did the same."""
    does = step.does
    if isinstance(does, SplitStep):
        return False
    named = {each.name for each in does.awaited} if isinstance(does, WaitStep) else set()
    return way.partition(".")[0] in ASTRAY and way not in named


def _messages(
    found: Standings,
    flows: Mapping[int, Flow],
    links: MessageLinks,
    known: Mapping[str, LinkRow],
) -> Iterator[dict[str, Any]]:
    order = {
        (version, step_id): number
        for version, flow in flows.items()
        for number, step_id in enumerate(flow.steps)
    }
    counts = _counted(found)
    wanted = {*counts, *links}
    for key in sorted(wanted, key=lambda k: (-k[0], order.get(k, 1 << 20), k[1])):
        each, pages = counts.get(key, {}), links.get(key, PageLinks())
        asked = {url: known[url] for url in pages.urls if url in known}
        yield {
            "version": key[0],
            "step": key[1],
            "sent": each.get("sent", 0),
            "delivered": each.get("delivered", 0),
            "opened": each.get("opened", 0),
            "clicked": each.get("clicked", 0),
            "went_on": each.get("went_on", 0) if key[1] else None,
            "broken_links": [_link(row) for row in asked.values() if row.bad_since_ms is not None],
            "links": len(pages.urls),
            "links_asked": sum(row.failure != "private_host" for row in asked.values()),
            "links_made": pages.made,
        }


def _counted(found: Standings) -> dict[tuple[int, str], Mapping[str, int]]:
    """Give the counts of places that sent something."""
    return {
        _key(place): each
        for place, each in found.counts.items()
        if not place.stage and not each.keys().isdisjoint({"sent", "clicked"})
    }


def _key(place: JourneyPlace) -> tuple[int, str]:
    return place.version, place.step_id


def _link(row: LinkRow) -> dict[str, Any]:
    since = datetime.fromtimestamp((row.bad_since_ms or 0) / 1_000, UTC)
    return {
        "url": row.url,
        "status": row.status or None,
        "failure": row.failure or None,
        "since": since.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
