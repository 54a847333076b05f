"""
Clock: the form ``time`` of a rule, and when a window of local time is entered or left next.

Pure; the time-zone data is the pinned ``tzdata`` distribution.

Rule 1. ``time`` is the wall clock of the person, the place (its metadata member ``zone``), the
        workspace, or a named zone. Unknown zone: false, note ``zone``. The end is exclusive; a
        window that runs past midnight belongs to the day on which it began.
Rule 2. The wall is read as it stands: a reading that a clock shows twice is inside both times, one
        that it never shows is inside never.
Rule 3. The next edge is sought piece by piece of constant offset: within one the wall runs as UTC
        does, so that edges are sums; where one ends the wall leaps, and that may be an edge itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec import Struct

from fencepost_gateway.decide.rule_facts import (
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
    zone_named,
)

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

_MIN_MS = 60_000
_DAY_MS = DAY_MIN * _MIN_MS
_HORIZON_DAYS = 16  # a week's one window may fall into a gap; then it is the week after
_MS = timedelta(milliseconds=1)


class _Window(Struct, frozen=True):
    """A span of local time on some weekdays."""

    start_min: int
    end_min: int
    days: frozenset[int]

    def holds(self, local: datetime) -> bool:
        """Say whether a reading of the wall clock is inside (Rule 1)."""
        at_min, day = local.hour * 60 + local.minute, local.weekday()
        if self.start_min < self.end_min:
            return day in self.days and self.start_min <= at_min < self.end_min
        if at_min >= self.start_min:
            return day in self.days
        return at_min < self.end_min and (day - 1) % len(WEEKDAYS) in self.days

    @property
    def is_always(self) -> bool:
        """Say whether it leaves nothing out."""
        is_day = self.start_min == 0 and self.end_min == DAY_MIN
        return is_day and len(self.days) == len(WEEKDAYS)


def compile_time(leaf: Mapping[str, Json], path: Path, faults: Faults) -> Check | None:
    """Compile ``{time: {from: "07:00", to: "09:30", days: [mo, tu]}, zone: person}``."""
    authored, zone = leaf["time"], leaf.get("zone", "person")
    spot = (*path, "time")
    if not isinstance(authored, Mapping) or not authored or set(authored) - {"from", "to", "days"}:
        faults.add(spot, "no time", 'write {from: "07:00", to: "09:30", days: [mo, tu]}')
        return None
    start_min, end_min = _clock_span(authored, spot, faults)
    days = _days(authored.get("days", list(WEEKDAYS)), (*spot, "days"), faults)
    zone_of = _zone_getter(zone, (*path, "zone"), faults)
    if start_min is None or end_min is None or days is None or zone_of is None:
        return None
    window, get_zone = _Window(start_min, end_min, days), zone_of
    span = f"{authored.get('from', '00:00')}-{authored.get('to', '24:00')}"
    text = f"time {span} {' '.join(WEEKDAYS[day] for day in sorted(days))} zone {zone}"

    def check(facts: RuleFacts, out: list[Operand] | None) -> bool:
        known = zone_named(get_zone(facts))
        if known is None:
            if out is not None:
                out.append(Operand(text, None, ok=False, note="zone"))
            return False
        local = local_time(facts.now_ms, known)
        ok = window.holds(local)
        if facts.wakes is not None:
            facts.may_change(_next_edge_ms(window, known, facts.now_ms))
        if out is not None:
            out.append(Operand(text, f"{WEEKDAYS[local.weekday()]} {local:%H:%M} {known.key}", ok))
        return ok

    return check


def _next_edge_ms(window: _Window, zone: ZoneInfo, now_ms: int) -> int | None:
    """Give the first moment after ``now_ms`` at which it is otherwise than now (Rule 3)."""
    if window.is_always:
        return None
    is_inside = window.holds(local_time(now_ms, zone))
    for at_ms in _edges(window, zone, now_ms):
        if at_ms > now_ms and window.holds(local_time(at_ms, zone)) != is_inside:
            return at_ms
    return now_ms + _HORIZON_DAYS * _DAY_MS  # never seen: look again then


def _edges(window: _Window, zone: ZoneInfo, now_ms: int) -> Iterator[int]:
    """Give, in order, the moments at which the wall reads a bound of the window, or leaps."""
    bounds_ms = sorted({bound % DAY_MIN * _MIN_MS for bound in (window.start_min, window.end_min)})
    for begin_ms, end_ms in _pieces(zone, now_ms):
        yield begin_ms
        offset_ms = _offset_ms(begin_ms, zone)
        midnight_ms = (begin_ms + offset_ms) // _DAY_MS * _DAY_MS
        while midnight_ms <= end_ms + offset_ms:
            for bound_ms in bounds_ms:
                at_ms = midnight_ms + bound_ms - offset_ms
                if begin_ms < at_ms < end_ms:
                    yield at_ms
            midnight_ms += _DAY_MS


def _pieces(zone: ZoneInfo, now_ms: int) -> Iterator[tuple[int, int]]:
    """Cut the time ahead where the zone's offset changes; pieces of a day at most."""
    begin_ms = now_ms
    for number in range(1, _HORIZON_DAYS + 1):
        end_ms = now_ms + number * _DAY_MS
        if _offset_ms(begin_ms, zone) != _offset_ms(end_ms, zone):
            leap_ms = _leap_ms(begin_ms, end_ms, zone)
            yield begin_ms, leap_ms
            begin_ms = leap_ms
        yield begin_ms, end_ms
        begin_ms = end_ms


def _leap_ms(low_ms: int, high_ms: int, zone: ZoneInfo) -> int:
    """Find the first moment with another offset than ``low_ms`` has."""
    before_ms = _offset_ms(low_ms, zone)
    while high_ms - low_ms > 1:
        middle_ms = (low_ms + high_ms) // 2
        if _offset_ms(middle_ms, zone) == before_ms:
            low_ms = middle_ms
        else:
            high_ms = middle_ms
    return high_ms


def _offset_ms(at_ms: int, zone: ZoneInfo) -> int:
    return (local_time(at_ms, zone).utcoffset() or timedelta()) // _MS


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
