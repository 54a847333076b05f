"""Links in SQLite: what they answered last."""

from __future__ import annotations

from collections.abc import Collection
from types import SimpleNamespace

from msgspec import structs

from fencepost_gateway.ports import LinkRow
from fencepost_gateway.stores.sqlite_side import Side


class SqliteLinks:
    """``LinkBook`` of the SQLite store."""

    def __init__(self, read: Side, write: Side, sql: SimpleNamespace) -> None:
        self._read = read
        self._write = write
        self._sql = sql

    async def rows(self) -> list[LinkRow]:
        """See ``LinkBook.rows``."""
        sql = self._sql.links
        return await self._read.run(lambda: [LinkRow(*r) for r in self._read.db.execute(sql)])

    async def put(self, row: LinkRow) -> None:
        """See ``LinkBook.put``."""
        await self._write.run(
            lambda: self._write.db.execute(self._sql.put_link, structs.astuple(row))
        )

    async def keep(self, urls: Collection[str]) -> None:
        """See ``LinkBook.keep``."""
        db, sql = self._write.db, self._sql

        def unit() -> None:
            gone = [(row[0],) for row in db.execute(sql.links) if row[0] not in urls]
            db.executemany(sql.drop_link, gone)

        await self._write.run(unit)
