"""
Looked: what a run has looked up, as rules and templates read it.

Pure. A value is kept with where it is from and when it was told, so that a rule can ask for a fresh
one and a record can say how old it was.

Rule 1. What a run may carry is bounded: a value by ``VALUE_MAX_BYTES`` and ``LEVELS_MAX``, all of
        a run's together by ``VALUES_MAX_BYTES``. What does not fit was not found.
Rule 2. The values of a message are those of its run, which lives as long as its messages are under
        way; so they are not carried twice. A message of no run has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

if TYPE_CHECKING:
    from fencepost_gateway.decide.person import Person

VALUE_MAX_BYTES: Final = 4_096
VALUES_MAX_BYTES: Final = 8_192  # of forty runs: a third of a mebibyte in their person's row
LEVELS_MAX: Final = 8

_packed = msgspec.msgpack.Encoder().encode


class Looked(Struct, frozen=True):
    """A value, the table or source it is from, and when that one told it."""

    value: Any
    source: str
    at_ms: int


def fault_of(value: object) -> str:
    """Say why a value is no run's to carry (Rule 1), empty if it may be."""
    if _levels(value) > LEVELS_MAX:
        return "too_deep"
    return "too_large" if len(_packed(value)) > VALUE_MAX_BYTES else ""


def has_room(values: Mapping[str, Looked], name: str, value: object) -> bool:
    """Say whether a run may carry one more value under a name (Rule 1)."""
    others = (len(_packed(held)) for key, held in values.items() if key != name)
    return sum(others) + len(_packed(value)) <= VALUES_MAX_BYTES


def values_of(person: Person, run_id: str) -> Mapping[str, Looked]:
    """Give what a run has looked up (Rule 2)."""
    for run in person.runs.values():
        if run.run_id == run_id and run.at is not None:
            return run.at.values
    return {}


def _levels(value: object) -> int:
    """Count how deep a value goes, no further than it may."""
    deepest, ahead = 0, [(value, 0)]
    while ahead and deepest <= LEVELS_MAX:
        each, level = ahead.pop()
        below = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
        deepest = max(deepest, level)
        ahead += [(one, level + 1) for one in below]
    return deepest
