"""
Spans: durations, local times and moments, as people write them, turned into numbers.

Pure. Every parser answers None for what it does not understand; the caller knows the place and
says how to mend it.

Rule 1. A duration is one number and one unit (``30s 10m 2h 7d``). There are no months: a month has
        no length.
Rule 2. A local time is ``HH:MM``; ``24:00`` is the end of a day and stands only where an end may.
Rule 3. A moment is ISO 8601. Without an offset it is in the workspace's zone, never silently UTC;
        a date is the moment its day begins.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

WEEKDAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")
DAY_MIN = 24 * 60
MAX_DURATION_MS = 10 * 366 * 86_400_000  # ten years: longer is a slip of the pen
_UNIT_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"([0-9]{1,9})([smhd])", re.ASCII)
_CLOCK = re.compile(r"([0-9]{2}):([0-9]{2})", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_duration_ms(text: object) -> int | None:
    """Read ``30s 10m 2h 7d`` as milliseconds; None when it is no duration > 0."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    duration_ms = int(match[1]) * _UNIT_MS[match[2]]
    return duration_ms if 0 < duration_ms <= MAX_DURATION_MS else None


def parse_clock_min(text: object) -> int | None:
    """Read ``07:30`` as minutes after midnight, ``24:00`` included; None when it is no time."""
    match = _CLOCK.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    hour, minute = int(match[1]), int(match[2])
    clock_min = hour * 60 + minute
    return clock_min if minute < 60 and clock_min <= DAY_MIN else None  # noqa: PLR2004 - an hour's


def parse_window_min(text: object) -> tuple[int, int] | None:
    """Read ``08:00-21:00`` as minutes after midnight; the end may be the smaller (overnight)."""
    ends = text.split("-") if isinstance(text, str) else []
    pair = 2
    start, end = (parse_clock_min(part) for part in ends) if len(ends) == pair else (None, None)
    if start is None or end is None or start in {DAY_MIN, end}:
        return None
    return start, end


@lru_cache(maxsize=1024)  # keeps zones alive: the library itself keeps eight, a claim asks for one
def zone_named(name: str) -> ZoneInfo | None:
    """Give the time zone of this IANA name; None when there is none."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # a folder, a path that leaves the data, no such zone
        return None


def parse_moment(text: object) -> datetime | None:
    """Read an ISO 8601 moment or date, aware or not yet; None when it is neither."""
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def moment_ms(moment: datetime, zone: ZoneInfo | None) -> int | None:
    """Place a moment in time; None when it has no offset and ``zone`` is unknown (Rule 3)."""
    if moment.tzinfo is None:
        if zone is None:
            return None
        moment = moment.replace(tzinfo=zone)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def local_time(at_ms: int, zone: ZoneInfo) -> datetime:
    """Read a moment on the wall clock of ``zone``."""
    return (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone)
