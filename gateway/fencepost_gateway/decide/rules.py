"""Rules: placeholder head, replaced in the same change."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct


class Operand(Struct, frozen=True):
    """One leaf of a rule as it was evaluated: what it asked, what it found, what came out."""

    rule: str
    value: Any
    ok: bool
    note: str = ""


class Evaluation(Struct, frozen=True):
    """The answer of a rule and the operands that were looked at, in order."""

    ok: bool
    operands: tuple[Operand, ...] = ()


class Rule(Protocol):
    """A compiled rule."""

    def evaluate(self, facts: Any) -> Evaluation:
        """Say whether the rule holds."""
