"""Refusal rows: a no as a store keeps it, what taking one came to, and the book of them."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from fencepost_gateway.decide.message import ListedAddress
from fencepost_gateway.intake.refusals import Assent, Refusal, Undo


class RefusalRow(Struct, frozen=True):
    """
    A refusal (or an assent: without a reason, and nothing to undo) as it was taken.

    ``stands`` until a yes ends it. ``asks``: a person should look at it; ``text`` is kept for them
    until they have. ``listed_before`` is what the suppression list said of the address.
    """

    refusal_id: str
    channel: str
    ref: str
    taken_ms: int
    method: str
    reason: str = ""
    persons: tuple[str, ...] = ()
    stands: bool = False
    asks: bool = False
    text: str = ""
    undo: tuple[Undo, ...] = ()
    listed_before: ListedAddress | None = None


class Refused(Struct, frozen=True):
    """
    What taking a refusal came to; ``is_new`` is False where it was known already.

    ``again``: the address was listed for the same reason before, so its people know.
    """

    is_new: bool
    again: bool = False
    persons: tuple[str, ...] = ()
    withheld: int = 0


class Assented(Struct, frozen=True):
    """What taking an assent came to: how many refusals it ended, how many questions it answered."""

    is_new: bool
    ended: int = 0
    answered: int = 0


class RefusalBook(Protocol):
    """Who said no, and yes again, in another way than through an app (``intake.refusals``)."""

    async def take(self, refusal: Refusal, now_ms: int) -> Refused:
        """
        Take a no, in one commit: it is in force for the next claim when this returns.

        Consent entries with their proofs, the suppression list, pending marketing withheld with its
        records, ``Stated`` for the pipeline. A ``refusal_id`` that is known changes nothing.
        """

    async def lift(self, assent: Assent, now_ms: int) -> Assented:
        """
        Take a yes from an address, in one commit: what a no from it had changed is as before.

        An ``assent_id`` that is known changes nothing.
        """

    async def open(self, limit: int) -> list[RefusalRow]:
        """Give what a person should look at, the oldest first."""

    async def row(self, refusal_id: str) -> RefusalRow | None:
        """Give a refusal as it is kept."""

    async def looked_at(self, refusal_id: str) -> bool:
        """Say that a person has looked: its text is let go. Gives whether it was waiting for it."""

    async def prune(self, before_ms: int, limit: int) -> int:
        """Let go of what is over and was taken before ``before_ms``; gives how many."""
