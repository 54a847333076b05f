"""What short messages cost and whether the day's money is there; amounts are exact."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.decide.spend import SpendTerms, amount, cost_of, fits, micros

TERMS = SpendTerms({"KR": 20_000, "US": 8_000, "CA": 7_000}, other=100_000, per_day=300_000)


@pytest.mark.parametrize(
    ("number", "segments", "cost"),
    [
        ("+821012345678", 1, 20_000),
        ("+821012345678", 3, 60_000),
        ("+12025550123", 1, 8_000),
        ("+33612345678", 2, 200_000),
        ("+", 1, 100_000),
    ],
)
def test_message_costs_its_segments_in_its_country(number: str, segments: int, cost: int) -> None:
    """Of a shared calling code the dearest; without a price that of all others."""
    assert cost_of(TERMS, number, segments) == cost


@pytest.mark.bad_input(114)
def test_day_holds_what_it_holds_to_the_last_segment() -> None:
    """Exactly the bound fits; one more does not; tomorrow is another day; no bound, no end."""
    day_ms = 86_400_000

    assert fits(TERMS, 100_000, {1: 200_000}, day_ms)
    assert not fits(TERMS, 100_001, {1: 200_000}, day_ms)
    assert fits(TERMS, 100_001, {1: 200_000}, 2 * day_ms)
    assert fits(SpendTerms({}, 1), 10**12, {1: 10**12}, day_ms)


@given(st.decimals(0, 1_000_000, places=6))
def test_amount_is_written_as_it_was(price: Decimal) -> None:
    """Millionths lose nothing, however often they are added."""
    assert Decimal(amount(micros(price))) == price
    assert micros(price) * 3 == micros(price * 3)
