"""
Spend: what a short message costs, and whether the workspace may still spend it today.

Pure. Prices are the operator's: what a segment costs depends on their contract, and we know none.
Amounts are whole millionths of their currency, so that sums are exact.

Rule 1. A message costs its segments, times the price of one in the number's country. Of a calling
        code that several countries share, the dearest that has a price counts; where none has one,
        ``other``.
Rule 2. What a message costs is taken in the commit of its claim, whatever it is for: a cap on
        spending that service messages pass by would be none. A definite refusal gives it back; an
        unknown outcome does not.
Rule 3. The day is UTC's. What does not fit is withheld (``spend_cap``), or goes by another channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from msgspec import Struct

from fencepost_gateway.decide.countries import countries_of_phone

DAY_MS: Final = 86_400_000
MICROS: Final = 1_000_000


class SpendTerms(Struct, frozen=True):
    """Prices of a segment by country, ``other`` for the rest, and the most of a day, if any."""

    prices: dict[str, int] = {}
    other: int = 0
    per_day: int | None = None
    currency: str = ""


def micros(amount: Decimal) -> int:
    """Give an amount in millionths, rounded up: nothing that costs is free."""
    return int(-(-amount * MICROS // 1))


def day_of(now_ms: int) -> int:
    """Give the day that a moment's spending counts in (Rule 3)."""
    return now_ms // DAY_MS


def cost_of(terms: SpendTerms, number: str, segments: int) -> int:
    """Say what a message to a number costs (Rule 1)."""
    priced = [terms.prices[each] for each in countries_of_phone(number) if each in terms.prices]
    return max(priced, default=terms.other) * segments


def told(
    terms: SpendTerms, cost: int, segments: int, spent: Mapping[int, int], now_ms: int
) -> dict[str, Any]:
    """Say for the record what was judged by; amounts as plain decimals."""
    inputs: dict[str, Any] = {
        "segments": segments,
        "cost": amount(cost),
        "spent": amount(spent.get(day_of(now_ms), 0)),
        "currency": terms.currency,
    }
    return inputs | ({} if terms.per_day is None else {"per_day": amount(terms.per_day)})


def fits(terms: SpendTerms, cost: int, spent: Mapping[int, int], now_ms: int) -> bool:
    """Say whether it may still be spent today."""
    return terms.per_day is None or spent.get(day_of(now_ms), 0) + cost <= terms.per_day


def amount(found: int) -> str:
    """Write millionths as a decimal."""
    text = format(Decimal(found) / MICROS, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
