"""
Audience sizes: how many belong, over the weeks, and how many would.

Pure.

Rule 1. The size at the end of a day is the sum of everything counted until then. Weeks begin on
        Monday, UTC, as the days are.
Rule 2. Of an audience that asks where people are or were, every figure is rounded down to tens, so
        that nobody's coming or going can be told from two answers (spec/consent.md section 7).
Rule 3. A size before saving is asked of a sample: ids are hashes, so a stretch of them is a draw
        by chance. A sample of everybody is exact; else the bounds are Wilson's (``intervals``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from fencepost_gateway.ports import AudienceDay
from fencepost_gateway.reports.intervals import wilson

ROUNDED_TO: Final = 10
WEEK: Final = 7
MONDAY: Final = 4  # day 4 since 1970 was one
COUNTED: Final = ("joined", "left", "filled", "cleared", "reached", "worth")


class Week(Struct, frozen=True):
    """What was counted in a week that begins on ``first_day``, and the size at its end."""

    first_day: int
    size: int
    joined: int = 0
    left: int = 0
    filled: int = 0
    cleared: int = 0
    reached: int = 0
    worth: int = 0


class Estimate(Struct, frozen=True):
    """How many of ``persons`` would belong: ``low`` to ``high``, ``size`` most likely."""

    persons: int
    sampled: int
    size: int
    low: int
    high: int


def weeks(days: Iterable[AudienceDay], now_day: int, count: int) -> list[Week]:
    """
    Give the last ``count`` weeks, oldest first.

    Args:
        days: Everything ever counted of one audience.
        now_day: Today, as days since 1970.
        count: How many weeks, the one that has begun among them.

    """
    newest = _monday(now_day)
    starts = [newest - WEEK * n for n in reversed(range(count))]
    by_week: dict[int, list[AudienceDay]] = {}
    for day in days:
        by_week.setdefault(_monday(day.day), []).append(day)
    size = sum(_grown(d) for start, found in by_week.items() if start < starts[0] for d in found)
    told = []
    for start in starts:
        found = by_week.get(start, [])
        size += sum(map(_grown, found))
        counted = {what: sum(getattr(d, what) for d in found) for what in COUNTED}
        told.append(Week(start, size, **counted))
    return told


def rounded(figure: int, *, is_located: bool) -> int:
    """Give a figure as it may be told (Rule 2)."""
    return figure // ROUNDED_TO * ROUNDED_TO if is_located else figure


def estimate(persons: int, sampled: int, matched: int) -> Estimate:
    """Say how many of all would belong, from a sample (Rule 3)."""
    if sampled >= persons:
        return Estimate(persons, sampled, matched, matched, matched)
    share = matched / sampled
    low, high = wilson(matched, sampled)
    most = persons - (sampled - matched)
    return Estimate(
        persons,
        sampled,
        round(share * persons),
        max(matched, math.floor(low * persons)),
        min(most, math.ceil(high * persons)),
    )


def _monday(day: int) -> int:
    return day - (day - MONDAY) % WEEK


def _grown(day: AudienceDay) -> int:
    return day.joined + day.filled - day.left - day.cleared
