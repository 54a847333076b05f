"""Preferences in SQLite: what people choose and ask on our own page."""

from __future__ import annotations

from types import SimpleNamespace

import apsw
from msgspec import structs

from fencepost_gateway.ports import Choose, Preferences, RequestRow
from fencepost_gateway.stores import rows
from fencepost_gateway.stores.sqlite_desk import Desk
from fencepost_gateway.stores.sqlite_door import Door
from fencepost_gateway.stores.sqlite_facts import Facts
from fencepost_gateway.stores.sqlite_side import Side


class SqlitePreferences:
    """``PreferenceBook`` of the SQLite store."""

    def __init__(
        self, read: Side, write: Side, sql: SimpleNamespace, door: Door, desk: Desk
    ) -> None:
        self._facts = Facts(read.db, sql)
        self._read = read
        self._write = write
        self._sql = sql
        self._door = door
        self._desk = desk

    async def read(self, message_id: str) -> Preferences | None:
        """See ``PreferenceBook.read``."""
        db, sql = self._read.db, self._sql

        def query() -> Preferences | None:
            with db:  # one moment for all of it
                found = self._facts.message(message_id)
                if found is None:
                    return None
                message = found.message
                subject = db.execute(sql.alias, (message.person_id,)).get or message.person_id
                facts = self._facts.claim_facts(found, self._facts.consents(subject))
                requests = _rows(db, sql.requests_of, (subject, subject))
            message = structs.replace(message, person_id=subject)
            return Preferences(structs.replace(facts, message=message), tuple(requests))

        return await self._read.run(query)

    async def take(self, message_id: str, choose: Choose, now_ms: int) -> bool:
        """See ``PreferenceBook.take``."""

        def unit() -> bool:
            found = self._now(message_id)
            if found is None:
                return False
            chosen = choose(found)
            self._desk.state(chosen.changes, now_ms)
            for record in chosen.starts:
                self._door.append(record, now_ms)
            self._desk.withdraw(chosen.withdrawals, now_ms, locates=chosen.locates)
            for row in rows.new_requests(found, chosen, now_ms):
                asked = (row.person_id, row.kind, row.asked_ms, row.due_ms)
                self._write.db.execute(self._sql.put_request, asked)
            return True

        return await self._write.run(unit)

    async def reached(self, message_id: str) -> tuple[str, str] | None:
        """See ``PreferenceBook.reached``."""
        query = (self._sql.reached_by, (message_id,))
        return await self._read.run(lambda: self._read.db.execute(*query).get)

    async def requests(self, after: int, limit: int) -> list[RequestRow]:
        """See ``PreferenceBook.requests``."""
        row = (after, limit)
        return await self._read.run(lambda: _rows(self._read.db, self._sql.requests, row))

    def _now(self, message_id: str) -> Preferences | None:
        facts = self._desk.facts_now(message_id)
        if facts is None:
            return None
        both = (facts.message.person_id,) * 2
        return Preferences(facts, tuple(_rows(self._write.db, self._sql.requests_of, both)))


def _rows(db: apsw.Connection, sql: str, row: tuple[int | str, ...]) -> list[RequestRow]:
    return [RequestRow(*found) for found in db.execute(sql, row)]
