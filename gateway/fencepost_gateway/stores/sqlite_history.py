"""
History in SQLite, and what is let go of it.

Rows are appended in the commit of what they caused, and only change whose they are. So the oldest
stand in front: pruning looks at the first ``limit`` rows and no further.
"""

from __future__ import annotations

from types import SimpleNamespace

import apsw

from fencepost_gateway.ports import CURSOR_END, KEPT_DAYS, LOG_KEEP_MS, Effects, HistoryRow
from fencepost_gateway.stores.sqlite_side import Side

DAY_MS = 86_400_000


def put_history(db: apsw.Connection, sql: SimpleNamespace, effects: Effects) -> None:
    """Append what happened; in the caller's transaction."""
    rows = [(row.at_ms, row.person_id, row.body) for row in effects.history]
    db.executemany(sql.put_history, rows)


class SqliteHistory:
    """``HistoryBook`` of the SQLite store."""

    def __init__(self, read: Side, write: Side, sql: SimpleNamespace) -> None:
        self._read = read
        self._write = write
        self._sql = sql

    async def page(self, after: int, limit: int, *, person_id: str = "") -> list[HistoryRow]:
        """See ``HistoryBook.page``."""
        if person_id:
            return await self._rows(self._sql.history_of, (person_id, after, limit))
        return await self._rows(self._sql.history, (after, limit))

    async def newest(
        self, person_id: str, limit: int, *, before: int = CURSOR_END
    ) -> list[HistoryRow]:
        """See ``HistoryBook.newest``."""
        return await self._rows(self._sql.newest_history, (person_id, before, limit))

    async def _rows(self, sql: str, row: tuple[str | int, ...]) -> list[HistoryRow]:
        db = self._read.db
        return await self._read.run(lambda: [HistoryRow(*found) for found in db.execute(sql, row)])

    async def prune(self, now_ms: int, before_ms: int, limit: int) -> int:
        """See ``HistoryBook.prune``."""
        db, sql = self._write.db, self._sql

        def unit() -> int:
            done: int = db.execute(sql.fact, ("position",)).get or 0
            done = min(done, int(db.execute(sql.last_position).get) - 1)
            gone = 0
            for query, row in (
                (sql.trim_log, (limit, done, now_ms - LOG_KEEP_MS)),
                (sql.prune_history, (limit, before_ms)),
                (sql.prune_records, (limit, before_ms)),
                (sql.prune_runs, (before_ms, limit)),
                (sql.prune_trial_records, (limit, before_ms)),
                (sql.prune_trial_messages, (before_ms, limit)),
                (sql.trim_journey_days, (before_ms // DAY_MS, limit)),
                (sql.trim_fence_days, (now_ms // DAY_MS - KEPT_DAYS, limit)),
            ):
                db.execute(query, row)
                gone += db.changes()
            return gone

        return await self._write.run(unit)
