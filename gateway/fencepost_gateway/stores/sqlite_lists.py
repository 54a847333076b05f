"""
The SQLite store's lists of addresses: suppression and allow list.

A row is a keyed hash of an address; see ``AddressLists`` in ``ports`` for what is promised.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any, Protocol

import apsw

from fencepost_gateway.decide.message import ListedAddress, ListName


class Doing(Protocol):
    """Runs a unit on the thread that may: a write in its transaction, or a read."""

    def __call__(self, unit: Callable[[], Any], /) -> Awaitable[Any]:
        """Run ``unit``; gives what it gives."""


class SqliteLists:
    """``AddressLists`` in two tables."""

    def __init__(
        self,
        write: tuple[Doing, apsw.Connection],
        read: tuple[Doing, apsw.Connection],
        sql: SimpleNamespace,
    ) -> None:
        self._write, self._write_db = write
        self._read, self._read_db = read
        self._put = {"suppression": sql.suppress, "allow": sql.allow}
        self._drop = {"suppression": sql.unsuppress, "allow": sql.disallow}
        self._page = {"suppression": sql.suppressed, "allow": sql.allowed}

    async def put(self, which: ListName, entries: Sequence[ListedAddress]) -> list[bool]:
        """See ``AddressLists.put``."""

        def unit() -> list[bool]:
            is_new = []
            for e in entries:
                row = (e.channel, e.ref, e.reason, e.since_ms, e.source)
                self._write_db.execute(self._put[which], row)
                is_new.append(self._write_db.changes() > 0)
            return is_new

        found: list[bool] = await self._write(unit)
        return found

    async def drop(self, which: ListName, channel: str, ref: str) -> bool:
        """See ``AddressLists.drop``."""

        def unit() -> bool:
            self._write_db.execute(self._drop[which], (channel, ref))
            return self._write_db.changes() > 0

        found: bool = await self._write(unit)
        return found

    async def page(
        self, which: ListName, after: tuple[str, str], limit: int
    ) -> list[ListedAddress]:
        """See ``AddressLists.page``."""

        def query() -> list[ListedAddress]:
            row = (*after, limit)
            return [ListedAddress(*r) for r in self._read_db.execute(self._page[which], row)]

        found: list[ListedAddress] = await self._read(query)
        return found
