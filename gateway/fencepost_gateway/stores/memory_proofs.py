"""The chain of consent proofs in memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from fencepost_gateway.decide.proof import ProofHead, ProofRow
from fencepost_gateway.ports import SignHead
from fencepost_gateway.stores.memory_books import Books, known_as


class MemoryProofs:
    """``ProofBook`` of the memory store."""

    def __init__(
        self, books: Callable[[], Books], unit: Callable[[], AbstractContextManager[Books]]
    ) -> None:
        self._books = books
        self._unit = unit

    async def page(self, after: int, limit: int, *, person_id: str = "") -> list[ProofRow]:
        """See ``ProofBook.page``."""
        wanted = known_as(self._books(), person_id)
        found = [p for p in self._books().proofs if not person_id or p.person_id in wanted]
        return [p for p in found if p.number > after][:limit]

    async def sign(self, sign: SignHead, day: int) -> bool:
        """See ``ProofBook.sign``."""
        with self._unit() as books:
            if not books.proofs or any(head.day == day for head in books.proof_heads):
                return False
            last = books.proofs[-1]
            heads = [*books.proof_heads, sign(last.number, last.hash)]
            books.proof_heads = tuple(sorted(heads, key=lambda head: head.day))
            return True

    async def heads(self) -> list[ProofHead]:
        """See ``ProofBook.heads``."""
        return list(self._books().proof_heads)
