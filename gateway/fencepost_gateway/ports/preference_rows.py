"""Preference rows: what a person chooses on our own page, and what they ask there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from fencepost_gateway.decide.message import ClaimFacts
from fencepost_gateway.intake.admission import Withdrawal
from fencepost_gateway.intake.records import Started
from fencepost_gateway.intake.statement import ConsentChange

RequestKind = Literal["export", "erasure"]


class RequestRow(Struct, frozen=True):
    """Somebody asks for a copy of their data, or to be erased: when, and by when it is answered."""

    number: int
    person_id: str
    kind: RequestKind
    asked_ms: int
    due_ms: int


class Preferences(Struct, frozen=True):
    """How it stands with the person of a message: what a claim would see, and what they asked."""

    facts: ClaimFacts
    requests: tuple[RequestRow, ...] = ()


class Chosen(Struct, frozen=True):
    """
    What a form comes to, written in one commit.

    ``locates`` says whether positions are allowed when all of it is in force; ``requests`` maps
    what is asked to when it is due; ``starts`` wakes journeys and campaigns for the person.
    """

    changes: Sequence[ConsentChange] = ()
    withdrawals: Sequence[Withdrawal] = ()
    locates: bool = True
    requests: dict[RequestKind, int] = {}
    starts: Sequence[Started] = ()


Choose = Callable[[Preferences], Chosen]


class PreferenceBook(Protocol):
    """What somebody chooses through the link of a message, whoever they are by now."""

    async def read(self, message_id: str) -> Preferences | None:
        """Give how it stands with the person of a message; None: there is no such message."""

    async def take(self, message_id: str, choose: Choose, now_ms: int) -> bool:
        """
        Write what ``choose`` says, in one commit with the proofs, as ``Store.admit`` would.

        What withdrawals take back is taken back. Who asks twice has asked once.

        Returns:
            Whether there is such a message.

        """

    async def reached(self, message_id: str) -> tuple[str, str] | None:
        """Give channel and address reference of a message's last call; None: there was none."""

    async def requests(self, after: int, limit: int) -> list[RequestRow]:
        """Give what was asked behind a number, oldest first, under whoever asked by now."""
