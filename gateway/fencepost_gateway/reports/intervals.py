"""
Intervals: between which bounds a share, or the difference of two shares, lies with 95 %.

Pure.

Rule 1. Of a share it is Wilson's score interval: it stays within 0 and 1, and is right with few
        and with none.
Rule 2. Of a difference of two independent shares it is Newcombe's hybrid score interval (his method
        10), made of the two Wilson intervals.

Sources: Wilson, Probable inference, the law of succession, and statistical inference, JASA 22
(1927) 209-212; Newcombe, Interval estimation for the difference between independent proportions:
comparison of eleven methods, Statistics in Medicine 17 (1998) 873-890.
"""

from __future__ import annotations

import math
from typing import Final

Z95: Final = 1.959964

Bounds = tuple[float, float]


def wilson(hits: int, size: int) -> Bounds:
    """Give the bounds of a share; of nobody anything may be true."""
    if size <= 0:
        return 0.0, 1.0
    share = hits / size
    spread = Z95**2 / size
    middle = (share + spread / 2) / (1 + spread)
    half = Z95 * math.sqrt(share * (1 - share) / size + spread / (4 * size)) / (1 + spread)
    low = 0.0 if hits <= 0 else max(0.0, middle - half)
    return low, 1.0 if hits >= size else min(1.0, middle + half)


def newcombe(one: tuple[int, int], other: tuple[int, int]) -> Bounds:
    """
    Give the bounds of the difference of two shares, one less the other.

    Args:
        one: Hits and size.
        other: Hits and size of what is taken off; neither is empty.

    """
    (low_1, high_1), (low_2, high_2) = wilson(*one), wilson(*other)
    share_1, share_2 = one[0] / one[1], other[0] / other[1]
    difference = share_1 - share_2
    below = math.hypot(share_1 - low_1, high_2 - share_2)
    above = math.hypot(high_1 - share_1, share_2 - low_2)
    return difference - below, difference + above
