"""The brute force for hours: a scan of every minute, that knows nothing of folds or gaps."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

from fencepost_gateway.decide.plan import LocalWindow

WEEK_MIN = 7 * 24 * 60
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_MONDAY_MIN = 3 * 24 * 60  # 1970-01-01 was a Thursday


def wall_min(utc_min: int, zone: ZoneInfo) -> int:
    """Read the wall clock of a zone, in minutes since its own 1970."""
    local = (EPOCH + timedelta(minutes=utc_min)).astimezone(zone).replace(tzinfo=UTC)
    return int((local - EPOCH).total_seconds()) // 60


def edges_of(allowed: Sequence[LocalWindow]) -> list[tuple[int, int] | None]:
    """Give for each minute of the week how far its window reaches back and on; None: quiet."""
    free = [False] * WEEK_MIN
    for window in allowed:
        for minute in range(window.start_min, window.end_min):
            free[window.weekday * 1440 + minute] = True
    back, on = [0] * WEEK_MIN, [0] * WEEK_MIN
    for n in range(2 * WEEK_MIN):  # twice around, for windows across Sunday's end
        i, j = n % WEEK_MIN, -1 - n % WEEK_MIN
        back[i] = min(back[i - 1] + 1, WEEK_MIN) if free[i] else 0
        on[j] = min(on[(j + 1) % WEEK_MIN] + 1, WEEK_MIN) if free[j] else 0
    return [(back[minute] - 1, on[minute]) if free[minute] else None for minute in range(WEEK_MIN)]


def scan(edges: Sequence[tuple[int, int] | None], walls: Sequence[int]) -> list[bool]:
    """
    Say for each of consecutive UTC minutes, given by its wall reading, whether a message may go.

    The wall must show a minute of a window, must not have shown its end before (quiet begins at
    the first occurrence of an edge) and must not come back to its start (quiet ends at the second).
    """
    highest = accumulate(walls, max)
    lowest_after = [*reversed(list(accumulate(reversed(walls), min))), 1 << 60][1:]
    answers = []
    for wall, high, low_after in zip(walls, highest, lowest_after, strict=True):
        edge = edges[(wall + EPOCH_MONDAY_MIN) % WEEK_MIN]
        answers.append(edge is not None and high < wall + edge[1] and low_after > wall - edge[0])
    return answers
