"""
Ranking: recency, frequency and monetary value in fifths of everybody who ever did the event.

Pure. RFM is relative to the others: a ranking is made over all persons at once, every night, and
kept as the four bounds between the fifths of each of the three; a person's own scores follow from
what they did until now and these bounds, so a purchase counts at once.

Rule 1. Ascending, by value and then by person id: of n persons the one at index i (from 0) is in
        fifth 1 + 5 i // n. 5 is the best: newest, most, highest.
Rule 2. Who never did the event has no score, and is not among the n.

Source: Hughes, Strategic Database Marketing (quintiles, each of them by itself).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from msgspec import Struct

FIFTHS: Final = 5
SCORES: Final = ("r", "f", "m")


class Standing(NamedTuple):
    """What one person brings to a ranking: last time (epoch ms), how many times, how much."""

    person_id: str
    last_ms: int
    times: int
    amount: float


class Ranking(Struct, frozen=True):
    """
    The bounds between the fifths, each ``(value, person id)``, ascending.

    ``key`` names the trait's definition, ``persons`` says how many were ranked.
    """

    key: str
    at_ms: int
    persons: int
    r: tuple[tuple[float, str], ...] = ()
    f: tuple[tuple[float, str], ...] = ()
    m: tuple[tuple[float, str], ...] = ()


def rank(key: str, standings: Sequence[Standing], now_ms: int) -> Ranking:
    """Rank everybody (Rule 1)."""
    by_value = [
        _bounds((float(getattr(s, member)), s.person_id) for s in standings)
        for member in ("last_ms", "times", "amount")
    ]
    return Ranking(key, now_ms, len(standings), *by_value)


def scores(ranking: Ranking, standing: Standing) -> dict[str, int]:
    """Give a person's fifths by ``SCORES``."""
    values = {"r": standing.last_ms, "f": standing.times, "m": standing.amount}
    return {
        name: 1 + bisect_right(getattr(ranking, name), (float(value), standing.person_id))
        for name, value in values.items()
    }


def _bounds(found: Iterable[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    """Give the first of each fifth but the lowest; fewer where there are too few persons."""
    ranked = sorted(found)
    firsts = (-(-k * len(ranked) // FIFTHS) for k in range(1, FIFTHS))
    return tuple(ranked[i] if i < len(ranked) else (float("inf"), "") for i in firsts)
