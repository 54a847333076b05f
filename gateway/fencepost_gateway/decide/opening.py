"""
Opening: when a fence is active, by opening hours as OpenStreetMap writes them.

Pure. The grammar (``Mo-Fr 08:00-18:00; PH off``, overnight spans, sunrise, weeks, months) is in
https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification; ``opening_hours`` reads it.

Rule 1. Hours are wall-clock time in the fence's own zone, else the workspace's. A fence whose zone
        nobody knows is inactive; ``documents.check`` refuses it before.
Rule 2. ``PH`` are the public holidays of the country, and sunrise that of the place, where the
        fence lies.
Rule 3. What the hours call ``unknown`` is inactive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opening_hours import OpeningHours, validate

from fencepost_gateway.decide.spans import local_time, zone_named

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

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
