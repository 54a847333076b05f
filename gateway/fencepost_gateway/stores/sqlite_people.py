"""
What is held and recorded of one person, in SQLite.

Reads only. Everything is found by an index (migrations 0004 and 0008).
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
from msgspec import structs

from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.ports import AddressSeen, DeviceSeen, Holdings, RecordRow, Statement
from fencepost_gateway.stores.sqlite_records import record_rows
from fencepost_gateway.stores.sqlite_side import Side

_slot: msgspec.msgpack.Decoder[Slot] = msgspec.msgpack.Decoder(Slot)
_plain: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder()


class SqlitePeople:
    """``PeopleBook`` of the SQLite store."""

    def __init__(self, read: Side, sql: SimpleNamespace) -> None:
        self._read = read
        self._sql = sql

    async def story(
        self, person_id: str, after: tuple[int, int], until_ms: int, limit: int
    ) -> list[RecordRow]:
        """See ``PeopleBook.story``."""
        row = (person_id, *after, until_ms, limit)
        return await self._read.run(lambda: record_rows(self._read.db, self._sql.story, row))

    async def newest_story(self, person_id: str, limit: int) -> list[RecordRow]:
        """See ``PeopleBook.newest_story``."""
        row = (person_id, limit)
        return await self._read.run(lambda: record_rows(self._read.db, self._sql.newest_story, row))

    async def persons_at(self, channel: str, ref: str, limit: int) -> list[str]:
        """See ``PeopleBook.persons_at``."""
        return [str(found) for (found,) in await self._rows("persons_at", (channel, ref, limit))]

    async def holdings(self, person_id: str) -> Holdings:
        """See ``PeopleBook.holdings``."""
        db, both = self._read.db, (person_id, person_id)

        def query() -> Holdings:
            with db:  # one moment for all four
                seen: list[Any] = db.execute(self._sql.addresses_seen, both).fetchall()
                slots: list[Any] = db.execute(self._sql.slots, both).fetchall()
                visitors = db.execute(self._sql.visitors_of, (person_id,)).fetchall()
                number = db.execute(self._sql.newest_number, both).get
            return Holdings(
                visitors=tuple(str(visitor) for (visitor,) in visitors),
                addresses=tuple(AddressSeen(*row) for row in seen),
                slots=tuple(structs.replace(_slot.decode(b), person_id=who) for who, b in slots),
                phone=str(_plain.decode(number).get("address", "")) if number is not None else "",
            )

        return await self._read.run(query)

    async def devices_of(self, person_id: str, limit: int) -> list[DeviceSeen]:
        """See ``PeopleBook.devices_of``."""
        found = await self._rows("devices_of", (person_id, person_id, limit))
        return [DeviceSeen(*row) for row in found]

    async def statements(self, person_id: str, limit: int) -> list[Statement]:
        """See ``PeopleBook.statements``."""
        newest_first = await self._rows("statements", (person_id, person_id, limit))
        return [Statement(at_ms, ConsentEntry(*said)) for at_ms, *said in reversed(newest_first)]

    async def _rows(self, name: str, row: tuple[str | int, ...]) -> list[Any]:
        sql: str = getattr(self._sql, name)
        return await self._read.run(lambda: self._read.db.execute(sql, row).fetchall())
