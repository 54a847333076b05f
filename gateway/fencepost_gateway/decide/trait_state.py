"""
Trait state: what a person keeps of one trait, and how it adds up.

Pure. A state is cells by step of time (``traits`` says how wide a step is and what goes in).

Rule 1. Cells add up in any order: late events, merged persons and another cut of the log agree.
Rule 2. Amounts are whole numbers of ten-thousandths, so that sums are exact.
Rule 3. Two persons become one by adding cells. Where one of them had such events and no state of
        this definition, neither state stays: it is filled anew from what is remembered.
Rule 4. ``distinct`` tells ``DISTINCT_MAX`` values apart; the oldest steps go beyond that. ``last``
        keeps its newest step alone: once that is out of the window, so is everything before.
Rule 5. All traits of a person together have ``CELLS_MAX`` numbers. Beyond, the oldest steps of the
        largest go, and ``whole_ms`` says so. Traits that are published no more go altogether.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct, field

AMOUNT_MAX: Final = 10**12
DECIMALS: Final = 10_000
SUM_MAX: Final = 2**63 - 1
DISTINCT_MAX: Final = 500
CELLS_MAX: Final = 8_000
TEXT_MAX: Final = 256

TraitKind = Literal["count", "sum", "last", "max", "distinct"]
Scalar = str | int | float | bool

_packed = msgspec.msgpack.Encoder().encode


class TraitState(Struct):
    """
    One trait of one person, in steps of ``step_ms``; since ``whole_ms`` no event is missing.

    A cell is a number (``count``; ``sum`` and ``max`` in ten-thousandths), ``[at_ms, value]``
    (``last``) or a sorted list of hashes (``distinct``).
    """

    key: str
    kind: TraitKind
    event: str
    cells: dict[int, Any] = field(default_factory=dict)
    whole_ms: int = 0
    step_ms: int = 0

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return sum(map(len, self.cells.values())) if self.kind == "distinct" else len(self.cells)


def cell_of(kind: TraitKind, at_ms: int, found: object) -> Any:
    """Make one event's cell; None when its property does not fit the trait."""
    if kind == "count":
        return 1
    if kind in ("sum", "max"):
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        return round(found * DECIMALS) if is_number and abs(found) <= AMOUNT_MAX else None  # type: ignore[arg-type, operator] # a number by then
    if not isinstance(found, Scalar) or (isinstance(found, str) and len(found) > TEXT_MAX):
        return None
    return [at_ms, found] if kind == "last" else [_hash(found)]


def put(state: TraitState, step: int, cell: Any) -> None:
    """Add a cell to those of its step (Rule 1)."""
    known = state.cells.get(step)
    state.cells[step] = cell if known is None else _joined(state.kind, known, cell)


def summed(kind: TraitKind, cells: Collection[Any]) -> Scalar | None:
    """Give what cells come to; None for nothing."""
    if kind == "count":
        return int(sum(cells))
    if kind == "sum":
        return _amount(sum(cells))
    if kind == "distinct":
        return len({each for cell in cells for each in cell})
    if not cells:
        return None
    if kind == "max":
        return _amount(max(cells))
    found: Scalar = max(cells, key=_recency)[1]
    return found


def bound(state: TraitState, first_step: int) -> None:
    """Let go of steps before ``first_step``, and of what is too much (Rule 4)."""
    if state.kind == "last" and state.cells:
        first_step = max(first_step, *state.cells)
    for step in [step for step in state.cells if step < first_step]:
        del state.cells[step]
    if state.kind == "distinct":
        while state.size > DISTINCT_MAX:
            if len(state.cells) == 1:
                (only,) = state.cells
                state.whole_ms = max(state.whole_ms, (only + 1) * state.step_ms, 1)
                state.cells[only] = state.cells[only][:DISTINCT_MAX]
            else:
                _let_go(state)


def bound_all(states: dict[str, TraitState], live: Collection[str] | None = None) -> None:
    """
    Let go of what is too much over all traits of a person (Rule 5).

    Args:
        states: By trait; changed in place.
        live: The traits that are published; None: they stay whatever they are.

    """
    for gone in sorted(states.keys() - live) if live is not None else ():
        del states[gone]
    over = sum(state.size for state in states.values()) - CELLS_MAX
    while over > 0:
        largest = max(states.values(), key=lambda state: (len(state.cells), state.key))
        if len(largest.cells) == 1:
            return  # as small as they get
        before = largest.size
        _let_go(largest)
        over -= before - largest.size


def _let_go(state: TraitState) -> None:
    """Forget the oldest step."""
    oldest = min(state.cells)
    state.whole_ms = max(state.whole_ms, (oldest + 1) * state.step_ms, 1)
    del state.cells[oldest]


def merge(
    ours: dict[str, TraitState],
    theirs: Mapping[str, TraitState],
    our_events: Collection[str],
    their_events: Collection[str],
) -> None:
    """
    Take a visitor's traits into ``ours`` (Rule 3).

    Args:
        ours: The known person's; changed in place.
        theirs: The visitor's.
        our_events: Names of the events the known person has had.
        their_events: Names of the events the visitor has had.

    """
    for trait_id in sorted({*ours, *theirs}):
        a, b = ours.get(trait_id), theirs.get(trait_id)
        if a is not None and b is not None and a.key == b.key:
            a.whole_ms = max(a.whole_ms, b.whole_ms)
            for step, cell in b.cells.items():
                put(a, step, cell)
        elif a is None and b is not None and b.event not in our_events:
            ours[trait_id] = b
        elif a is not None and (b is not None or a.event in their_events):
            del ours[trait_id]
    bound_all(ours)


def _joined(kind: TraitKind, a: Any, b: Any) -> Any:
    if kind in ("count", "sum"):
        return max(-SUM_MAX, min(SUM_MAX, a + b))
    if kind == "max":
        return max(a, b)
    if kind == "last":
        return max(a, b, key=_recency)
    return sorted({*a, *b})


def _recency(cell: list[Any]) -> tuple[int, bytes]:
    return cell[0], _packed(cell[1])  # of two at the same moment always the same one


def _amount(units: int) -> int | float:
    return units // DECIMALS if units % DECIMALS == 0 else units / DECIMALS


def _hash(value: Scalar) -> int:
    return int.from_bytes(hashlib.blake2b(_packed(value), digest_size=6).digest())
