"""Runs of journeys in memory: as the books say, row by row."""

from __future__ import annotations

from collections.abc import Callable

from fencepost_gateway.ports import Effects, RunRow
from fencepost_gateway.stores.memory_books import Books


def put_runs(books: Books, effects: Effects) -> None:
    """Write where runs stand."""
    books.runs |= effects.runs


class MemoryRuns:
    """``RunBook`` of the memory store."""

    def __init__(self, books: Callable[[], Books]) -> None:
        self._books = books

    async def versions(self) -> set[tuple[str, int]]:
        """See ``RunBook.versions``."""
        living = (row for row in self._books().runs.values() if row.ended_ms is None)
        return {(row.campaign_id, row.version) for row in living}

    async def of(self, person_id: str) -> list[RunRow]:
        """See ``RunBook.of``."""
        found = [row for row in self._books().runs.values() if row.person_id == person_id]
        return sorted(found, key=lambda row: (row.entered_ms, row.run_id))
