"""History in memory, and what is let go of it: every row is looked at."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import takewhile

from msgspec import structs

from fencepost_gateway.ports import (
    CURSOR_END,
    KEPT_DAYS,
    LOG_KEEP_MS,
    Effects,
    HistoryRow,
    RecordRow,
)
from fencepost_gateway.stores.memory_books import Books, unpack
from fencepost_gateway.stores.memory_trials import prune_trial

DAY_MS = 86_400_000


def put_history(books: Books, effects: Effects) -> None:
    """Append what happened."""
    for row in effects.history:
        books.last_happened += 1
        books.history[books.last_happened] = structs.replace(row, cursor=books.last_happened)


class MemoryHistory:
    """``HistoryBook`` of the memory store."""

    def __init__(
        self, books: Callable[[], Books], unit: Callable[[], AbstractContextManager[Books]]
    ) -> None:
        self._books = books
        self._unit = unit

    async def page(self, after: int, limit: int, *, person_id: str = "") -> list[HistoryRow]:
        """See ``HistoryBook.page``."""
        found = self._books().history.values()
        return [r for r in found if r.cursor > after and person_id in {"", r.person_id}][:limit]

    async def newest(
        self, person_id: str, limit: int, *, before: int = CURSOR_END
    ) -> list[HistoryRow]:
        """See ``HistoryBook.newest``."""
        rows = [r for r in self._books().history.values() if r.cursor < before]
        return [r for r in rows if r.person_id == person_id][::-1][:limit]

    async def prune(self, now_ms: int, before_ms: int, limit: int) -> int:
        """See ``HistoryBook.prune``."""
        with self._unit() as books:
            had = _rows(books)
            done = min(books.position, books.trimmed + len(books.log) - 1) - books.trimmed
            first = books.log[: max(0, min(limit, done))]
            gone = len(list(takewhile(lambda row: row[0] < now_ms - LOG_KEEP_MS, first)))
            books.log, books.trimmed = books.log[gone:], books.trimmed + gone
            for cursor, row in list(books.history.items())[:limit]:
                if row.at_ms < before_ms:
                    del books.history[cursor]
            for cursor, record in list(books.records.items())[:limit]:
                if unpack(record.body, RecordRow).at_ms < before_ms:
                    del books.records[cursor]
            over = [r.run_id for r in books.runs.values() if (r.ended_ms or before_ms) < before_ms]
            for run_id in over[:limit]:
                del books.runs[run_id]
            prune_trial(books, before_ms, limit)
            past = [key for key in books.journey_days if key[0] < before_ms // DAY_MS]
            for each in past[:limit]:
                del books.journey_days[each]
            oldest_day = now_ms // DAY_MS - KEPT_DAYS
            for key in [key for key in books.fence_days if key[0] < oldest_day][:limit]:
                del books.fence_days[key]
            return had - _rows(books)


def _rows(books: Books) -> int:
    told = len(books.log) + len(books.history) + len(books.records) + len(books.runs)
    told += len(books.trial_messages) + len(books.trial_records)
    return told + len(books.fence_days) + len(books.journey_days)
