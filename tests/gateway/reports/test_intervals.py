"""Intervals as their authors published them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.reports.intervals import newcombe, wilson

# Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
SHARES = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0000, 0.1611),
    (1, 29, 0.0061, 0.1718),
]
# Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10.
DIFFERENCES = [
    ((56, 70), (48, 80), 0.0524, 0.3339),
    ((9, 10), (3, 10), 0.1705, 0.8090),
    ((6, 7), (2, 7), 0.0582, 0.8062),
    ((5, 56), (0, 29), -0.0381, 0.1926),
    ((0, 10), (0, 20), -0.1611, 0.2775),
    ((0, 10), (0, 10), -0.2775, 0.2775),
    ((10, 10), (0, 20), 0.6791, 1.0000),
    ((10, 10), (0, 10), 0.6075, 1.0000),
]


@pytest.mark.parametrize(("hits", "trials", "low", "high"), SHARES)
def test_wilson_is_as_published(hits: int, trials: int, low: float, high: float) -> None:
    """Four shares, to the four places of the paper."""
    assert wilson(hits, trials) == pytest.approx((low, high), abs=5.1e-5)


@pytest.mark.parametrize(("one", "other", "low", "high"), DIFFERENCES)
def test_newcombe_is_as_published(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    """Eight differences, to the four places of the paper."""
    assert newcombe(one, other) == pytest.approx((low, high), abs=5.1e-5)


@given(one=st.integers(1, 400), other=st.integers(1, 400), data=st.data())
def test_bounds_hold_the_difference_and_mirror(one: int, other: int, data: st.DataObject) -> None:
    """The difference lies between them, they stay within -1 and 1, and swapping turns them over."""
    pair = [(data.draw(st.integers(0, trials)), trials) for trials in (one, other)]
    low, high = newcombe(*pair)

    (hits_1, of_1), (hits_2, of_2) = pair
    assert -1 - 1e-9 <= low <= hits_1 / of_1 - hits_2 / of_2 <= high <= 1 + 1e-9
    assert newcombe(*pair[::-1]) == pytest.approx((-high, -low))
