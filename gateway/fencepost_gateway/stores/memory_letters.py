"""Dead letters of messages in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from msgspec import structs

from fencepost_gateway.decide.dead_letters import is_dead, still_refused
from fencepost_gateway.ports import DeadMessage
from fencepost_gateway.stores import rows
from fencepost_gateway.stores.memory_books import Books, MessageRow, message_of


class MemoryLetters:
    """``LetterBook`` of the memory store."""

    def __init__(
        self, books: Callable[[], Books], unit: Callable[[], AbstractContextManager[Books]]
    ) -> None:
        self._books = books
        self._unit = unit

    async def dead(self, after: str, limit: int, now_ms: int) -> list[DeadMessage]:
        """See ``LetterBook.dead``."""
        found = sorted(self._books().messages.items())
        return [
            rows.dead_message(message_of(row), row.due_ms, row.attempt, row.reason)
            for message_id, row in found
            if message_id > after and _is_dead(row, now_ms)
        ][:limit]

    async def redrive(self, message_ids: Sequence[str], now_ms: int) -> int:
        """See ``LetterBook.redrive``."""
        moved = 0
        with self._unit() as books:
            for message_id in message_ids:
                row = books.messages.get(message_id)
                if row is None or not _is_dead(row, now_ms):
                    continue
                refused = still_refused(row.refused)
                books.messages[message_id] = structs.replace(
                    row,
                    state="queued",
                    due_ms=now_ms,
                    reason="",
                    refused=refused,
                    unknowns=0,
                    lane=rows.lane_of(message_of(row), refused),
                )
                moved += 1
        return moved


def _is_dead(row: MessageRow, now_ms: int) -> bool:
    return is_dead(row.state, row.reason, message_of(row).expires_at_ms, now_ms)
