"""Sizes of audiences: week by week, and from a sample."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.ports import AudienceDay
from fencepost_gateway.reports.audience_sizes import estimate, rounded, weeks

MONDAY = 20_605  # 2026-06-01


def test_week_begins_on_monday_and_carries_what_was_before() -> None:
    """A size is the sum of everything until then; a week without changes keeps it."""
    days = [
        AudienceDay(MONDAY - 40, "a", filled=50),
        AudienceDay(MONDAY - 1, "a", joined=4, left=1),
        AudienceDay(MONDAY, "a", joined=2),
        AudienceDay(MONDAY + 6, "a", left=3, cleared=2),
    ]
    told = [(w.first_day - MONDAY, w.size, w.joined, w.left) for w in weeks(days, MONDAY + 13, 4)]

    assert told == [(-14, 50, 0, 0), (-7, 53, 4, 1), (0, 50, 2, 3), (7, 50, 0, 0)]


def test_figures_of_places_come_in_tens() -> None:
    """One person more or less is never seen."""
    assert [rounded(n, is_located=True) for n in (0, 9, 10, 19, 137)] == [0, 0, 10, 10, 130]
    assert rounded(9, is_located=False) == 9


@given(st.integers(1, 2_000), st.data())
def test_estimate_holds_what_the_sample_has_seen(persons: int, data: st.DataObject) -> None:
    """Never fewer than were found, never more than those found and all who were not asked."""
    sampled = data.draw(st.integers(1, persons))
    matched = data.draw(st.integers(0, sampled))
    found = estimate(persons, sampled, matched)

    assert matched <= found.low <= found.size <= found.high <= persons - (sampled - matched)


def test_estimate_from_everybody_is_exact() -> None:
    """No interval where nobody was left out; none at all where there is nobody."""
    assert estimate(300, 300, 7).low == estimate(300, 300, 7).high == 7
    assert estimate(0, 0, 0).size == 0


def test_estimate_is_wilsons_interval() -> None:
    """Fifty of five hundred: 7.7 % to 12.9 % (worked by hand)."""
    found = estimate(100_000, 500, 50)

    assert (found.size, found.low // 100, found.high // 100) == (10_000, 76, 129)
