"""
Opening: when a fence is active, by opening hours as OpenStreetMap writes them.

Pure. The grammar (``Mo-Fr 08:00-18:00; PH off``, overnight spans, sunrise, weeks, months) is in
https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification; ``opening_hours`` reads it.

Rule 1. Hours are wall-clock time in the fence's own zone, else the workspace's. A fence whose zone
        nobody knows is inactive; ``documents.check`` refuses it before.
Rule 2. ``PH`` are the public holidays of the country, and sunrise that of the place, where the
        fence lies.
Rule 3. What the hours call ``unknown`` is inactive.
Rule 4. An opening is a moment at which the wall clock comes from inactive to active hours; spans
        that touch are one, over midnight too. An opening that clocks put forward skip is the moment
        they are put forward, if it is still open by then; one that clocks put back show twice is
        the first of the two.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from opening_hours import OpeningHours, State, validate

from fencepost_gateway.decide.spans import local_time, moment_ms, zone_named

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

FORESIGHT = timedelta(days=400)  # a bound, as the library would look through all of time
HOURS_MAX = 1_000  # characters; the longest of OpenStreetMap has 255


class Opening:
    """The opening hours of one place."""

    __slots__ = ("_hours", "_zone", "text")

    def __init__(self, text: str, hours: OpeningHours | None, zone: ZoneInfo | None) -> None:
        self.text = text
        self._hours = hours
        self._zone = zone

    def is_open(self, at_ms: int) -> bool:
        """Say whether the place is open at a moment."""
        if self._hours is None or self._zone is None:
            return False
        # Without an offset, so that the pinned zone data counts and not the library's own.
        return self._hours.is_open(local_time(at_ms, self._zone).replace(tzinfo=None))

    def next_opening_ms(self, after_ms: int) -> int | None:
        """Give the first opening later than ``after_ms`` (Rule 4); None: not within a year."""
        if self._hours is None or self._zone is None:
            return None
        start = local_time(after_ms, self._zone).replace(tzinfo=None)
        was_open = True  # what is open at the start opened before
        for begin, _, state, _ in self._hours.intervals(start, start + FORESIGHT):
            is_open = state == State.OPEN
            if is_open and not was_open:
                at_ms = _moment_ms(begin, self._zone, after_ms)
                if at_ms > after_ms and self.is_open(at_ms) and not self.is_open(at_ms - 1):
                    return at_ms
            was_open = is_open
        return None

    def span_at(self, at_ms: int) -> tuple[int, int] | None:
        """Give the hours that hold ``at_ms``, else the next ones; None: not within a year."""
        start_ms = at_ms if self.is_open(at_ms) else self.next_opening_ms(at_ms)
        if start_ms is None or self._hours is None or self._zone is None:
            return None
        wall = local_time(start_ms, self._zone).replace(tzinfo=None)
        _, end, _, _ = next(iter(self._hours.intervals(wall, wall + FORESIGHT)))
        return start_ms, max(_moment_ms(end, self._zone, start_ms), start_ms + 1)

    @property
    def zone(self) -> str:
        """Name of the zone the hours are in."""
        return "" if self._zone is None else self._zone.key


def is_opening_hours(text: str) -> bool:
    """Say whether a text can be read as opening hours."""
    return len(text) <= HOURS_MAX and validate(text)


def opening_of(text: str, zone_name: str, lat: float, lon: float) -> Opening:
    """Give the opening hours ``text`` of a place that lies at ``lat, lon``."""
    zone = zone_named(zone_name)
    if zone is None or not is_opening_hours(text):
        return Opening(text, None, None)
    hours = OpeningHours(text, timezone=zone, coords=(lat, lon))
    return Opening(text, hours, zone)


def _moment_ms(wall: datetime, zone: ZoneInfo, after_ms: int) -> int:
    """Place a time of the wall clock; where there are two, the first that is after ``after_ms``."""
    # There is none that clocks put forward skip: the library moves it to where they are put.
    first_ms, last_ms = (
        moment_ms(wall.replace(tzinfo=zone, fold=fold), zone) or 0 for fold in (0, 1)
    )
    return first_ms if first_ms > after_ms else last_ms
