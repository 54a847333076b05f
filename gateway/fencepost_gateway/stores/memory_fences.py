"""What happened at fences, in memory: every row is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection

from fencepost_gateway.ports import RecordRow
from fencepost_gateway.stores.memory_books import Books, records_of, unpack


class MemoryFences:
    """``FenceBook`` of the memory store."""

    def __init__(self, books: Callable[[], Books]) -> None:
        self._books = books

    async def transitions(self, after: tuple[int, int], limit: int) -> list[RecordRow]:
        """See ``FenceBook.transitions``."""
        found = records_of(self._books())
        told = [r for r in found if r.kind == "transition" and (r.at_ms, r.cursor) > after]
        return sorted(told, key=lambda r: (r.at_ms, r.cursor))[:limit]

    async def days(
        self, since_day: int, fence_ids: Collection[str] | None = None
    ) -> dict[str, dict[str, int]]:
        """See ``FenceBook.days``."""
        found: dict[str, Counter[str]] = {}
        for (day, fence_id), body in self._books().fence_days.items():
            if day >= since_day and (fence_ids is None or fence_id in fence_ids):
                found.setdefault(fence_id, Counter()).update(unpack(body, dict[str, int]))
        return {fence_id: dict(counted) for fence_id, counted in found.items()}
