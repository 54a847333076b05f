"""
Leaves: the forms of a rule that are more than one value compared: presence, transition, time.

Pure. Each ``compile_…`` takes the authored leaf and its path and gives a ``Check``, or None after
it has said what is wrong. ``rules`` owns the tree around them; what somebody did is read by
``rule_history``.

Rule 1. ``inside`` asks the presences of the person, of any device; ``for`` counts from the entry.
Rule 2. ``time`` is the wall clock of the person, the place (its metadata member ``zone``), the
        workspace, or a named zone. Unknown zone: false, note ``zone``. The end is exclusive; a
        window that runs past midnight belongs to the day on which it began.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from fencepost_gateway.decide.place import Selector
from fencepost_gateway.decide.rule_facts import (
    TRANSITIONS,
    Check,
    Faults,
    Json,
    Operand,
    Path,
    RuleFacts,
    person_zone,
)
from fencepost_gateway.decide.spans import (
    DAY_MIN,
    WEEKDAYS,
    local_time,
    parse_clock_min,
    parse_duration_ms,
    zone_named,
)

if TYPE_CHECKING:
    from datetime import datetime

_DURATION_HOW = "write a duration, such as 30s 10m 2h 7d"
_MARKS = ("initial", "opened", "clean")
_SELECTOR = ("id", "tag", "library")


def compile_selector(tree: object, path: Path, faults: Faults) -> Selector | None:
    """Compile ``{id: …}``, ``{tag: …}``, ``{library: …}`` or several of them, AND-ed."""
    if not isinstance(tree, Mapping) or not tree:
        faults.add(path, "no selector", "write {id: …}, {tag: …} or {library: …}")
        return None
    good = True
    for key, value in tree.items():
        if key not in _SELECTOR:
            faults.add((*path, key), f"unknown member {key}", "write id, tag or library")
            good = False
        elif not isinstance(value, str) or not value:
            faults.add((*path, key), f"{key} is no text", f"write one {key}")
            good = False
    if not good:
        return None
    return Selector(tree.get("id", ""), tree.get("tag", ""), tree.get("library", ""))


def compile_inside(leaf: Mapping[str, Json], path: Path, faults: Faults) -> Check | None:
    """Compile ``{inside: {tag: studio}, for: 10m}``."""
    selector = compile_selector(leaf["inside"], (*path, "inside"), faults)
    for_ms = read_duration_ms(leaf, "for", path, faults) if "for" in leaf else 0
    if selector is None or for_ms is None:
        return None
    chosen = selector
    since = for_ms
    text = f"inside {selector}" + (f" for {leaf['for']}" if for_ms else "")

    def check(facts: RuleFacts, out: list[Operand] | None) -> bool:
        oldest_ms: int | None = None
        for presence in facts.person.inside:
            fence = facts.fences.get(presence.fence_id)
            if fence is None or not chosen.matches(fence):
                continue
            if oldest_ms is None or presence.since_ms < oldest_ms:
                oldest_ms = presence.since_ms
        ok = oldest_ms is not None and facts.now_ms - oldest_ms >= since
        if out is not None:
            inside_s = None if oldest_ms is None else max(facts.now_ms - oldest_ms, 0) // 1_000
            out.append(Operand(text, "outside" if inside_s is None else f"for {inside_s}s", ok))
        return ok

    return check


def compile_transition(leaf: Mapping[str, Json], path: Path, faults: Faults) -> Check | None:
    """Compile ``{transition: enter, fence: {…}, initial: false, opened: false, clean: true}``."""
    kind = leaf["transition"]
    if kind not in TRANSITIONS:
        how = f"write one of: {', '.join(TRANSITIONS)}"
        faults.add((*path, "transition"), f"{kind!r} is no transition", how)
    marks = {mark: leaf[mark] for mark in _MARKS if leaf.get(mark) is not None}
    for mark, wanted in marks.items():
        if not isinstance(wanted, bool):
            faults.add((*path, mark), "not true or false", f"write {mark}: true or false")
    selector: Selector | None = Selector()
    if "fence" in leaf:
        selector = compile_selector(leaf["fence"], (*path, "fence"), faults)
    if faults.found or selector is None:
        return None
    chosen = selector
    text = f"transition {kind}" + (f" of {selector}" if "fence" in leaf else "")
    text += "".join(f" {mark} {str(wanted).lower()}" for mark, wanted in marks.items())

    def check(facts: RuleFacts, out: list[Operand] | None) -> bool:
        woke = facts.transition
        fence = facts.fences.get(woke.fence_id) if woke else None
        ok = (
            woke is not None
            and woke.kind == kind
            and all(getattr(woke, mark) is wanted for mark, wanted in marks.items())
            and (chosen == Selector() or (fence is not None and chosen.matches(fence)))
        )
        if out is not None:
            found = f"{woke.kind} of {woke.fence_id}" if woke else None
            if woke and not woke.clean:
                found = f"{found}, flagged"
            out.append(Operand(text, found, ok, "" if woke else "missing"))
        return ok

    return check


def compile_time(leaf: Mapping[str, Json], path: Path, faults: Faults) -> Check | None:
    """Compile ``{time: {from: "07:00", to: "09:30", days: [mo, tu]}, zone: person}``."""
    window, zone = leaf["time"], leaf.get("zone", "person")
    spot = (*path, "time")
    if not isinstance(window, Mapping) or not window or set(window) - {"from", "to", "days"}:
        faults.add(spot, "no time", 'write {from: "07:00", to: "09:30", days: [mo, tu]}')
        return None
    start_min, end_min = _clock_span(window, spot, faults)
    days = _days(window.get("days", list(WEEKDAYS)), (*spot, "days"), faults)
    zone_of = _zone_getter(zone, (*path, "zone"), faults)
    if start_min is None or end_min is None or days is None or zone_of is None:
        return None
    chosen, first_min, last_min, get_zone = days, start_min, end_min, zone_of
    span = f"{window.get('from', '00:00')}-{window.get('to', '24:00')}"
    text = f"time {span} {' '.join(WEEKDAYS[day] for day in sorted(days))} zone {zone}"

    def check(facts: RuleFacts, out: list[Operand] | None) -> bool:
        known = zone_named(get_zone(facts))
        if known is None:
            if out is not None:
                out.append(Operand(text, None, ok=False, note="zone"))
            return False
        local = local_time(facts.now_ms, known)
        ok = _in_window(local, first_min, last_min, chosen)
        if out is not None:
            out.append(Operand(text, f"{WEEKDAYS[local.weekday()]} {local:%H:%M} {known.key}", ok))
        return ok

    return check


def read_duration_ms(
    leaf: Mapping[str, Json], member: str, path: Path, faults: Faults
) -> int | None:
    """Read a member that is a duration; None after saying that it is none."""
    span_ms = parse_duration_ms(leaf[member])
    if span_ms is None:
        faults.add((*path, member), f"{leaf[member]!r} is no duration", _DURATION_HOW)
    return span_ms


def _clock_span(
    window: Mapping[str, Json], path: Path, faults: Faults
) -> tuple[int | None, int | None]:
    start = parse_clock_min(window.get("from", "00:00"))
    end = parse_clock_min(window.get("to", "24:00"))
    if start is None or start == DAY_MIN:
        faults.add((*path, "from"), "no local time", 'write HH:MM in quotes, such as "07:30"')
        start = None
    if end is None:
        faults.add((*path, "to"), "no local time", 'write HH:MM in quotes, such as "21:00"')
    if start is not None and start == end:
        faults.add(
            path, "from and to are the same", 'for a whole day leave both out; end is "24:00"'
        )
    return start, end


def _days(days: object, path: Path, faults: Faults) -> frozenset[int] | None:
    if isinstance(days, list) and days and all(day in WEEKDAYS for day in days):
        return frozenset(WEEKDAYS.index(day) for day in days)
    faults.add(path, "no days", "write a list of: " + " ".join(WEEKDAYS))
    return None


def _zone_getter(zone: object, path: Path, faults: Faults) -> Callable[[RuleFacts], str] | None:
    if zone == "person":
        return lambda facts: person_zone(facts.person)
    if zone == "workspace":
        return lambda facts: facts.workspace_zone
    if zone == "place":
        return _place_zone
    if isinstance(zone, str) and zone_named(zone) is not None:
        name = zone
        return lambda _facts: name
    faults.add(path, f"{zone!r} is no time zone", "write person, place, workspace or Europe/Monaco")
    return None


def _place_zone(facts: RuleFacts) -> str:
    zone = facts.place.meta.get("zone") if facts.place else None
    return zone if isinstance(zone, str) else ""


def _in_window(local: datetime, start_min: int, end_min: int, days: frozenset[int]) -> bool:
    at_min, day = local.hour * 60 + local.minute, local.weekday()
    if start_min < end_min:
        return day in days and start_min <= at_min < end_min
    if at_min >= start_min:
        return day in days
    return at_min < end_min and (day - 1) % len(WEEKDAYS) in days
