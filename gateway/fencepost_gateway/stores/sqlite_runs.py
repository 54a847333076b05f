"""
Runs of journeys in SQLite: where they stand.

What writes runs on the writer's thread inside its transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import apsw
from msgspec import structs

from fencepost_gateway.ports import Effects, RunRow
from fencepost_gateway.stores.sqlite_side import Side


def put_runs(db: apsw.Connection, sql: SimpleNamespace, effects: Effects) -> None:
    """Write where runs stand; in the caller's transaction."""
    db.executemany(sql.put_run, [structs.astuple(row) for row in effects.runs.values()])


def run_row(row: Sequence[Any]) -> RunRow:
    """Read a run as its row has it."""
    *members, is_test, is_held, stage = row
    return structs.replace(
        RunRow(*members), is_test=bool(is_test), is_held=bool(is_held), stage=stage
    )


class SqliteRuns:
    """``RunBook`` of the SQLite store."""

    def __init__(self, read: Side, sql: SimpleNamespace) -> None:
        self._read = read
        self._sql = sql

    async def versions(self) -> set[tuple[str, int]]:
        """See ``RunBook.versions``."""
        sql = self._sql.versions_in_use
        return await self._read.run(
            lambda: {(str(i), int(v)) for i, v in self._read.db.execute(sql)}
        )

    async def of(self, person_id: str) -> list[RunRow]:
        """See ``RunBook.of``."""

        def query() -> list[RunRow]:
            found: list[Any] = self._read.db.execute(self._sql.runs_of, (person_id,)).fetchall()
            return [run_row(row) for row in found]

        return await self._read.run(query)
