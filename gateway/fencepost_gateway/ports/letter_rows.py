"""Dead letters of messages: as a store shows them, and what it does with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class DeadMessage(Struct, frozen=True):
    """A message that failed through our side, when and why; never what it says, or to where."""

    message_id: str
    person_id: str
    campaign_id: str
    step_id: str
    channels: tuple[str, ...]
    failed_ms: int
    expires_at_ms: int
    attempt: int
    reason: str


class LetterBook(Protocol):
    """What a store keeps of messages that failed through our side (``decide.dead_letters``)."""

    async def dead(self, after: str, limit: int, now_ms: int) -> list[DeadMessage]:
        """Give dead letters behind id ``after``, by id."""

    async def redrive(self, message_ids: Sequence[str], now_ms: int) -> int:
        """
        Put dead letters back into the queue, in one commit; gives how many.

        What is none, or none any more, is left alone.
        """
