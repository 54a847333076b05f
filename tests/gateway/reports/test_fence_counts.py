"""What is counted of a fence, and the medians that come of it."""

from __future__ import annotations

from collections import Counter
from statistics import median_low

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_gateway.reports.fence_counts import (
    ACCURACY,
    DELAY,
    ENTERS,
    FLAPS,
    TAKEN_BACK,
    bucket,
    median,
    spread,
)
from fencepost_gateway.reports.fence_health import UNDECIDED

OFF = 2 ** (1 / 16) - 1  # half a bucket of eight a doubling


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(1, 900_000), min_size=1, max_size=40))
def test_median_is_at_most_five_percent_off(values: list[float]) -> None:
    """The median of the histogram is the median of the values, but for half a bucket."""
    counts = Counter(bucket(ACCURACY, value) for value in values)
    counts["a"] = counts["adjourned"] = counts[bucket(DELAY, 7)] = 99

    assert median(spread(counts, ACCURACY)) == pytest.approx(median_low(values), rel=OFF + 1e-9)


def test_buckets_have_a_first_and_a_last() -> None:
    """Whatever a receiver says, there are at most 161 of a kind; nothing has no median."""
    assert bucket(DELAY, -5) == bucket(DELAY, 0.2) == "s0"
    assert bucket(DELAY, 1e300) == "s160"
    assert median({}) is None


def test_names_of_counts_never_meet() -> None:
    """No reason or count is taken for a bucket."""
    names = ["decided", *UNDECIDED, ENTERS, FLAPS, TAKEN_BACK]
    counts = dict.fromkeys(names, 1)

    assert len(counts) == len(names)
    assert spread(counts, ACCURACY) == spread(counts, DELAY) == {}
