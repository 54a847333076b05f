"""
Quiet hours: whether a message may go now where the person is, else when.

Pure; the time-zone data is the pinned ``tzdata`` distribution.

Rule 1. A message may go when *every* known zone of the person allows it (``strictest``).
Rule 2. Zones: the person's own choice and the device's. None known: the workspace's. None there
        either: unknown, and unknown never sends. Never silently UTC.
Rule 3. Windows are turned into UTC instants, never compared on the wall: an edge in a gap takes
        effect at the first instant after it; in a fold quiet begins at the first occurrence and
        ends at the second.
Rule 4. The next allowed instant is sought over ``HORIZON_DAYS``; none means withheld.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from fencepost_gateway.decide.plan import LocalWindow, QuietHours

HORIZON_DAYS = 8
DEVICE_ZONE_MAX_AGE_MS = 30 * 86_400_000
DAY_MIN = 24 * 60


class Zones(Struct, frozen=True):
    """The zones that count for a person and where each is known from; empty = unknown."""

    names: tuple[str, ...]
    source: str


class QuietAnswer(Struct, frozen=True):
    """May go (``allowed``), else at ``next_ms``; ``next_ms`` None: not within the horizon."""

    allowed: bool
    next_ms: int | None = None


def is_zone(name: str) -> bool:
    """Say whether ``name`` is a zone of the pinned time-zone data."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


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
    home = chosen if isinstance(chosen, str) and is_zone(chosen) else ""
    fresh = bool(device) and now_ms - device_at_ms <= DEVICE_ZONE_MAX_AGE_MS
    here = device if fresh and is_zone(device) else ""
    if home or here:
        names = tuple(dict.fromkeys(z for z in (home, here) if z))
        source = "chosen and device" if home and here else "chosen" if home else "device"
        return Zones(names, source)
    if workspace and is_zone(workspace):
        return Zones((workspace,), "workspace")
    return Zones((), "unknown")


def quiet(hours: QuietHours, zones: Sequence[str], now_ms: int) -> QuietAnswer:
    """Say whether ``hours`` allow ``now_ms`` in every one of ``zones``, else when next."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    spans = [list(_spans(hours.allowed, ZoneInfo(z), now)) for z in zones]
    if all(_within(s, now) for s in spans):
        return QuietAnswer(allowed=True)
    end = now + timedelta(days=HORIZON_DAYS)
    starts = sorted({start for s in spans for start, _ in s if now < start <= end})
    for start in starts:
        if all(_within(s, start) for s in spans):
            return QuietAnswer(allowed=False, next_ms=round(start.timestamp() * 1000))
    return QuietAnswer(allowed=False)


def _within(spans: Sequence[tuple[datetime, datetime]], at: datetime) -> bool:
    return any(start <= at < end for start, end in spans)


def _spans(
    windows: Sequence[LocalWindow], zone: ZoneInfo, now: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Give the allowed spans as UTC instants, from yesterday to the horizon (local days)."""
    today = now.astimezone(zone).date()
    for offset in range(-1, HORIZON_DAYS + 2):
        day = today + timedelta(days=offset)
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a wall reading
        for window in windows:
            if window.weekday == day.weekday():
                start = _instant(midnight + timedelta(minutes=window.start_min), zone, fold=1)
                end = _instant(midnight + timedelta(minutes=window.end_min), zone, fold=0)
                if start < end:
                    yield start, end


def _instant(wall: datetime, zone: ZoneInfo, *, fold: int) -> datetime:
    """Give the instant of a wall reading (Rule 3)."""
    local = wall.replace(tzinfo=zone, fold=fold)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall:
        return instant
    before = wall.replace(tzinfo=zone, fold=0).utcoffset()
    after = wall.replace(tzinfo=zone, fold=1).utcoffset()
    if before is None or after is None:  # pragma: no cover - zoneinfo always knows an offset
        return instant
    gap_start = _gap_start(wall, zone)
    return gap_start if gap_start is not None else instant


def _gap_start(wall: datetime, zone: ZoneInfo) -> datetime | None:
    """Find the instant of the jump that leaves ``wall`` out, to the second."""
    low = wall.replace(tzinfo=zone, fold=1).astimezone(UTC) - timedelta(hours=3)
    high = low + timedelta(hours=6)
    target_offset = high.astimezone(zone).utcoffset()
    if low.astimezone(zone).utcoffset() == target_offset:
        return None
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == target_offset:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)
