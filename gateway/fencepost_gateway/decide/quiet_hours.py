"""
Quiet hours: whether a message may go now where the person is, else when.

Pure; the time-zone data is the pinned ``tzdata`` distribution.

Rule 1. A message may go when *every* known zone of the person allows it (``strictest``).
Rule 2. Zones: the person's own choice and the device's. None known: the workspace's. None there
        either: unknown, and unknown never sends. Never silently UTC.
Rule 3. Windows are turned into UTC instants, never compared on the wall: an edge in a gap takes
        effect at the first instant after it; in a fold quiet begins at the first occurrence and
        ends at the second.
Rule 4. Windows that touch are one: midnight, where overnight windows are split, is no edge.
Rule 5. The next allowed instant is sought over ``HORIZON_DAYS``; none means withheld.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from fencepost_gateway.decide.plan import LocalWindow, QuietHours
from fencepost_gateway.decide.spans import zone_named

HORIZON_DAYS = 8
DEVICE_ZONE_MAX_AGE_MS = 30 * 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_SECOND = timedelta(seconds=1)


class Zones(Struct, frozen=True):
    """The zones that count for a person and where each is known from; empty = unknown."""

    names: tuple[str, ...]
    source: str


class QuietAnswer(Struct, frozen=True):
    """
    May go now (``allowed``), else from ``next_ms``; in both cases until ``until_ms``.

    ``next_ms`` is None when it may go now, and when it may not go within the horizon.
    """

    allowed: bool
    next_ms: int | None = None
    until_ms: int | None = None


def zones_of(chosen: object, device: str, device_at_ms: int, workspace: str, now_ms: int) -> Zones:
    """
    Climb the ladder of zones (Rule 2).

    Args:
        chosen: The person's own choice (attribute ``zone``), if it is a zone.
        device: Zone the device reported last, empty if never.
        device_at_ms: When it did.
        workspace: The workspace's zone, empty if not set.
        now_ms: Moment of the decision.

    """
    home = chosen if isinstance(chosen, str) and zone_named(chosen) else ""
    is_fresh = now_ms - device_at_ms <= DEVICE_ZONE_MAX_AGE_MS
    here = device if is_fresh and zone_named(device) else ""
    if home or here:
        names = tuple(dict.fromkeys(z for z in (home, here) if z))
        source = "chosen and device" if home and here else "chosen" if home else "device"
        return Zones(names, source)
    if zone_named(workspace):
        return Zones((workspace,), "workspace")
    return Zones((), "unknown")


def quiet(hours: QuietHours, zones: Sequence[str], now_ms: int) -> QuietAnswer:
    """Say whether ``hours`` allow ``now_ms`` in every one of ``zones``, else when next."""
    now = at = _EPOCH + now_ms * _MS
    infos = [ZoneInfo(zone) for zone in zones]
    while at <= now + timedelta(days=HORIZON_DAYS):
        spans = [_span(hours.allowed, zone, at) for zone in infos]
        found = [span for span in spans if span is not None]
        if not found or len(found) < len(spans):
            break
        start = max(at, *(start for start, _ in found))
        if start == at:
            next_ms = None if at == now else (at - _EPOCH) // _MS
            until_ms = (min(end for _, end in found) - _EPOCH) // _MS
            return QuietAnswer(at == now, next_ms, until_ms)
        at = start  # the zone that lets it go last; do the others still?
    return QuietAnswer(allowed=False)


def _span(
    windows: Sequence[LocalWindow], zone: ZoneInfo, at: datetime
) -> tuple[datetime, datetime] | None:
    """Give the allowed span that holds ``at``, else the next one, as instants."""
    local = at.astimezone(zone).replace(tzinfo=None)
    for start_wall, end_wall in _walls(windows, local.date()):
        if end_wall <= local:  # the wall has shown it: quiet began, whatever the clock did since
            continue
        end = _instant(end_wall, zone, fold=0)
        start = _instant(start_wall, zone, fold=1)
        if at < end and start < end:
            return start, end
    return None


def _walls(windows: Sequence[LocalWindow], today: date) -> Iterator[tuple[datetime, datetime]]:
    """Give the allowed spans as wall readings, from yesterday on, in order (Rule 4)."""
    pending: tuple[datetime, datetime] | None = None
    for offset in range(-1, HORIZON_DAYS + 2):
        midnight = datetime.combine(today + timedelta(days=offset), time.min)
        weekday = midnight.weekday()
        of_day = [(w.start_min, w.end_min) for w in windows if w.weekday == weekday]
        for start_min, end_min in sorted(of_day):
            start = midnight + timedelta(minutes=start_min)
            end = midnight + timedelta(minutes=end_min)
            if pending is None:
                pending = (start, end)
            elif start <= pending[1]:
                pending = (pending[0], max(end, pending[1]))
            else:
                yield pending
                pending = (start, end)
    if pending is not None:
        yield pending


def _instant(wall: datetime, zone: ZoneInfo, *, fold: int) -> datetime:
    """Give the instant of a wall reading; ``fold`` says which of two (Rule 3)."""
    instant = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    return _after_gap(wall, zone)


def _after_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """Find the first instant, to the second, at which the clock reads later than ``wall``."""
    low = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)  # by the offset after: before the jump
    high = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)  # by the offset before: past it
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        if middle.astimezone(zone).replace(tzinfo=None) > wall:
            high = middle
        else:
            low = middle
    return high
