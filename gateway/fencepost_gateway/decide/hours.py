"""
Hours: spans of local time on weekdays, as instants in a zone.

Pure; the time-zone data is the pinned ``tzdata`` distribution.

Rule 1. Windows are turned into UTC instants, never compared on the wall: an edge in a gap takes
        effect at the first instant after it; in a fold quiet begins at the first occurrence and
        ends at the second.
Rule 2. Windows that touch are one: midnight, where overnight windows are split, is no edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from fencepost_gateway.decide.plan import LocalWindow
from fencepost_gateway.decide.solver import HORIZON_MS, Limit, Span
from fencepost_gateway.decide.spans import DAY_MIN, WEEKDAYS, local_time, parse_window_min

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_SECOND = timedelta(seconds=1)
_HORIZON_DAYS = HORIZON_MS // 86_400_000


def hours_limit(name: str, windows: tuple[LocalWindow, ...], zone: ZoneInfo) -> Limit:
    """Give the limit that is open within ``windows`` as the wall clock of ``zone`` shows them."""
    return Limit(name, lambda at_ms: _span(windows, zone, at_ms))


def weekly_windows(days: Mapping[str, object]) -> tuple[LocalWindow, ...] | None:
    """
    Read spans of local time by weekday; None when one cannot be read.

    Args:
        days: ``every_day`` and ``mo`` … ``su``, each ``"08:00-21:00"`` or a list of such. A weekday
            that is named replaces ``every_day``.

    """
    found: list[LocalWindow] = []
    for weekday, name in enumerate(WEEKDAYS):
        texts = days.get(name, days.get("every_day", []))
        for text in texts if isinstance(texts, list) else [texts]:
            window = parse_window_min(text)
            if window is None:
                return None
            found += _split(weekday, *window)
    return tuple(sorted(found, key=_order))


def quiet_to_allowed(quiet: Iterable[LocalWindow]) -> tuple[LocalWindow, ...]:
    """Turn windows of quiet into those that are left of the week."""
    allowed = []
    windows = sorted(quiet, key=_order)
    for weekday in range(len(WEEKDAYS)):
        free_min = 0
        for window in (each for each in windows if each.weekday == weekday):
            if window.start_min > free_min:
                allowed.append(LocalWindow(weekday, free_min, window.start_min))
            free_min = max(free_min, window.end_min)
        if free_min < DAY_MIN:
            allowed.append(LocalWindow(weekday, free_min, DAY_MIN))
    return tuple(allowed)


def _split(weekday: int, start_min: int, end_min: int) -> Iterator[LocalWindow]:
    """Give a span as windows of one weekday each; the smaller end is the next morning's."""
    if start_min < end_min:
        yield LocalWindow(weekday, start_min, end_min)
        return
    yield LocalWindow(weekday, start_min, DAY_MIN)
    if end_min:
        yield LocalWindow((weekday + 1) % len(WEEKDAYS), 0, end_min)


def _order(window: LocalWindow) -> tuple[int, int, int]:
    return (window.weekday, window.start_min, window.end_min)


def _span(windows: tuple[LocalWindow, ...], zone: ZoneInfo, at_ms: int) -> Span | None:
    today = local_time(at_ms, zone).date()
    return next((span for span in _spans(windows, zone, today) if span[1] > at_ms), None)


@lru_cache(maxsize=4096)  # a day of a zone is asked for by everybody who is there
def _spans(windows: tuple[LocalWindow, ...], zone: ZoneInfo, today: date) -> tuple[Span, ...]:
    """Give the spans from yesterday on, in order."""
    found = (
        (instant_ms(start, zone, fold=1), instant_ms(end, zone, fold=0))
        for start, end in _walls(windows, today)
    )
    return tuple(span for span in found if span[0] < span[1])  # a gap may leave nothing of it


def _walls(windows: Sequence[LocalWindow], today: date) -> Iterator[tuple[datetime, datetime]]:
    """Give the allowed spans as wall readings, from yesterday on, in order (Rule 2)."""
    pending: tuple[datetime, datetime] | None = None
    for offset in range(-1, _HORIZON_DAYS + 2):
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


def instant_ms(wall: datetime, zone: ZoneInfo, *, fold: int) -> int:
    """Give the instant of a wall reading; ``fold`` says which of two (Rule 1)."""
    instant = wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) != wall:
        instant = _after_gap(wall, zone)
    return (instant - _EPOCH) // _MS


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
