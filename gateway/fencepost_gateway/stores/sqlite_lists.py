"""
The SQLite store's lists of addresses: suppression and allow list.

A row is a keyed hash of an address; see ``AddressLists`` in ``ports`` for what is promised.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

from fencepost_gateway.decide.message import ListedAddress, ListName
from fencepost_gateway.stores.sqlite_side import Side


class SqliteLists:
    """``AddressLists`` in two tables."""

    def __init__(self, read: Side, write: Side, sql: SimpleNamespace) -> None:
        self._read = read
        self._write = write
        self._put = {"suppression": sql.suppress, "allow": sql.allow}
        self._drop = {"suppression": sql.unsuppress, "allow": sql.disallow}
        self._page = {"suppression": sql.suppressed, "allow": sql.allowed}

    async def put(self, which: ListName, entries: Sequence[ListedAddress]) -> list[bool]:
        """See ``AddressLists.put``."""

        def unit() -> list[bool]:
            is_new = []
            for e in entries:
                row = (e.channel, e.ref, e.reason, e.since_ms, e.source)
                self._write.db.execute(self._put[which], row)
                is_new.append(self._write.db.changes() > 0)
            return is_new

        return await self._write.run(unit)

    async def drop(self, which: ListName, channel: str, ref: str) -> bool:
        """See ``AddressLists.drop``."""

        def unit() -> bool:
            self._write.db.execute(self._drop[which], (channel, ref))
            return self._write.db.changes() > 0

        return await self._write.run(unit)

    async def page(
        self, which: ListName, after: tuple[str, str], limit: int
    ) -> list[ListedAddress]:
        """See ``AddressLists.page``."""

        def query() -> list[ListedAddress]:
            row = (*after, limit)
            return [ListedAddress(*r) for r in self._read.db.execute(self._page[which], row)]

        return await self._read.run(query)
