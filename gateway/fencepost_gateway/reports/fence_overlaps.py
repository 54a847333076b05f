"""
Fence overlaps: which of the fences that share ground somebody should look at.

Pure. ``fencepost_geofence.overlaps`` measures; this sorts, and says what follows.

Rule 1. ``duplicate``: both lie in each other but for a tenth. ``nested``: one lies in the other but
        for a twentieth, like a shop in its mall, and mostly on purpose. ``overlapping``: at least a
        fifth of one lies in the other. Less is no trouble.
Rule 2. In this order, and in each by the fixes that came by, then by share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct

from fencepost_geofence.overlaps import Overlap

Kind = Literal["duplicate", "overlapping", "nested"]
KINDS: Final[tuple[Kind, ...]] = ("duplicate", "overlapping", "nested")

SAME: Final = 0.9
WHOLE: Final = 0.95
MUCH: Final = 0.2


class SharedGround(Struct, frozen=True):
    """Two fences, the one that shares more first, what share of each, and what to do."""

    kind: Kind
    fences: tuple[str, str]
    shares: tuple[float, float]
    fixes: int
    advice: str


def sorted_out(pairs: Iterable[Overlap], fixes: Mapping[str, int]) -> list[SharedGround]:
    """Give the pairs worth a look, worst first; ``fixes`` says how many came by each fence."""
    found = [one for pair in pairs if (one := _judged(pair, fixes)) is not None]
    return sorted(found, key=_rank)


def _rank(one: SharedGround) -> tuple[int, int, float, tuple[str, str]]:
    return KINDS.index(one.kind), -one.fixes, -one.shares[0], one.fences


def _judged(pair: Overlap, fixes: Mapping[str, int]) -> SharedGround | None:
    sides = [(pair.first_share, pair.first_id), (pair.second_share, pair.second_id)]
    if pair.second_share > pair.first_share:
        sides.reverse()
    (share, inner), (less, outer) = sides
    kind: Kind
    if less >= SAME:
        kind = "duplicate"
        advice = f"{inner} and {outer} are the same ground: archive one, or each visit counts twice"
    elif share >= WHOLE:
        kind = "nested"
        advice = f"{inner} lies in {outer}: fine if it is part of it, who is there is in both"
    elif share >= MUCH:
        kind = "overlapping"
        percent = f"{100 * share:.0f} %"
        advice = (
            f"{percent} of {inner} lies in {outer}: draw them apart, or who is there enters both"
        )
    else:
        return None
    shares = round(share, 3), round(less, 3)
    return SharedGround(
        kind, (inner, outer), shares, fixes.get(inner, 0) + fixes.get(outer, 0), advice
    )
