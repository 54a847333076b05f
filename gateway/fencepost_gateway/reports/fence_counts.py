"""
Fence counts: the names under which things are counted of a fence on a day.

Pure. Medians are taken from histograms with eight buckets a doubling: what is put in comes out at
most 5 % off, and a row stays a few hundred bytes however many fixes there were. The decision
records hold the exact figures of each transition, but a month of 100,000 fences is too many of them
to read for an answer, they end with the person they belong to, and a fence that is too small for
its receivers has fixes and no transitions.

====================  ==========================================================================
``decided``, ...      fixes weighed, by the reason of the verdict
``enter``             ENTERs, but ``initial`` ones and corrections
``again``             of these, the flaps: the same device had left less than ``AGAIN_MS`` before
``taken_back``        transitions that late fixes proved wrong
``mirrored``          uploads near it if latitude and longitude changed places, and near no fence
``sent``              deliveries caused by transitions of the fence
``a<bucket>``         accuracy reported near the fence, metres
``s<bucket>``         from the estimated crossing to the deciding fix of an ENTER, seconds
====================  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from math import log2
from typing import Final

ENTERS: Final = "enter"
FLAPS: Final = "again"
TAKEN_BACK: Final = "taken_back"
MIRRORED: Final = "mirrored"
SENT: Final = "sent"
ACCURACY: Final = "a"
DELAY: Final = "s"

# Errors persist for half a minute, and with a fix every two minutes an absence is not believed
# sooner than after some; whoever stays away longer than this has visited twice.
AGAIN_MS: Final = 5 * 60_000

PER_DOUBLING: Final = 8
TOP: Final = 160  # a million metres, or eleven days


def bucket(kind: str, value: float) -> str:
    """Give the name under which a value is counted; below 1 counts as 1."""
    return f"{kind}{min(TOP, round(PER_DOUBLING * log2(max(1.0, value))))}"


def spread(counts: Mapping[str, int], kind: str) -> dict[float, int]:
    """Give the histogram of a kind, by the middle of each bucket, in order."""
    found = {
        int(name[1:]): count
        for name, count in counts.items()
        if name[0] == kind and name[1:].isdigit()
    }
    return {2 ** (number / PER_DOUBLING): found[number] for number in sorted(found)}


def median(histogram: Mapping[float, int]) -> float | None:
    """Give the (lower) median of a histogram in order; None of nothing."""
    left = (sum(histogram.values()) + 1) // 2
    for value, count in histogram.items():
        left -= count
        if left <= 0:
            return value
    return None
