"""
Refusals in SQLite: a row each, and what a store lends to take one.

``SqliteLedger`` runs on the writer's thread inside its transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import apsw
import msgspec
from msgspec import structs

from fencepost_gateway.decide import consent
from fencepost_gateway.decide.bounces import Call
from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import ListedAddress
from fencepost_gateway.intake.admission import Withdrawal
from fencepost_gateway.intake.refusals import Assent, Refusal
from fencepost_gateway.intake.statement import ConsentChange
from fencepost_gateway.ports import LEASE_MS, Assented, RefusalRow, Refused
from fencepost_gateway.stores import refusing, rows
from fencepost_gateway.stores.sqlite_door import Door
from fencepost_gateway.stores.sqlite_side import Side

TakeBack = Callable[[Withdrawal, int], int]

_pack = msgspec.msgpack.Encoder().encode
_row: msgspec.msgpack.Decoder[RefusalRow] = msgspec.msgpack.Decoder(RefusalRow)
_slot: msgspec.msgpack.Decoder[Slot] = msgspec.msgpack.Decoder(Slot)


class SqliteLedger:
    """``Ledger`` on the write connection."""

    def __init__(
        self, db: apsw.Connection, sql: SimpleNamespace, door: Door, take_back: TakeBack
    ) -> None:
        self._db = db
        self._sql = sql
        self._door = door
        self.take_back = take_back

    def known(self, refusal_id: str) -> bool:
        """See ``Ledger.known``."""
        return self._db.execute(self._sql.refusal, (refusal_id,)).get is not None

    def people_at(self, channel: str, ref: str) -> list[str]:
        """See ``Ledger.people_at``."""
        found = self._db.execute(self._sql.persons_at, (channel, ref, -1)).fetchall()
        return [str(person_id) for (person_id,) in found]

    def resolve(self, person_id: str) -> str:
        """See ``Ledger.resolve``."""
        return self._door.resolve(person_id)

    def refs_of(self, person_id: str, channel: str) -> list[tuple[str, str]]:
        """See ``Ledger.refs_of``."""
        held = self._db.execute(self._sql.addresses_seen, (person_id, person_id)).fetchall()
        found = {(str(row[0]), str(row[1])) for row in held}
        return sorted(a for a in found if channel in {consent.ANY, a[0]})

    def consents(self, person_id: str) -> Sequence[ConsentEntry]:
        """See ``Ledger.consents``."""
        return self._door.consents(person_id)

    def slots(self, person_id: str) -> Sequence[Slot]:
        """See ``Ledger.slots``."""
        both = (person_id, person_id)
        found: list[Any] = self._db.execute(self._sql.slots, both).fetchall()
        return [structs.replace(_slot.decode(body), person_id=who) for who, body in found]

    def state(self, changes: Sequence[ConsentChange], now_ms: int) -> None:
        """See ``Ledger.state``."""
        self._door.put_consents(changes, now_ms)
        for record in rows.stated(changes):
            self._door.append(record, now_ms)

    def listed(self, channel: str, ref: str) -> ListedAddress | None:
        """See ``Ledger.listed``."""
        row = self._db.execute(self._sql.suppression_of, (channel, ref)).get
        return None if row is None else ListedAddress(*row)

    def put_listed(self, channel: str, ref: str, entry: ListedAddress | None) -> None:
        """See ``Ledger.put_listed``."""
        self._db.execute(self._sql.unsuppress, (channel, ref))
        if entry is not None:
            self._db.execute(self._sql.suppress, structs.astuple(entry))

    def calls_to(self, channel: str, ref: str, limit: int) -> list[Call]:
        """See ``Ledger.calls_to``."""
        found = self._db.execute(self._sql.calls_to, (channel, ref, limit))
        return [Call(state, reason, until_ms - LEASE_MS) for state, reason, until_ms in found]

    def standing(self, channel: str, ref: str) -> list[RefusalRow]:
        """See ``Ledger.standing``."""
        return _rows(self._db, self._sql.refusals_standing, (channel, ref))

    def keep(self, row: RefusalRow) -> None:
        """See ``Ledger.keep``."""
        keys = (row.refusal_id, row.channel, row.ref, row.taken_ms, row.stands, row.asks)
        self._db.execute(self._sql.put_refusal, (*keys, _pack(row)))


class SqliteRefusals:
    """``RefusalBook`` in a table."""

    def __init__(self, read: Side, write: Side, sql: SimpleNamespace, ledger: SqliteLedger) -> None:
        self._read = read
        self._write = write
        self._sql = sql
        self._ledger = ledger

    async def take(self, refusal: Refusal, now_ms: int) -> Refused:
        """See ``RefusalBook.take``."""
        return await self._write.run(lambda: refusing.take(self._ledger, refusal, now_ms))

    async def lift(self, assent: Assent, now_ms: int) -> Assented:
        """See ``RefusalBook.lift``."""
        return await self._write.run(lambda: refusing.lift(self._ledger, assent, now_ms))

    async def open(self, limit: int) -> list[RefusalRow]:
        """See ``RefusalBook.open``."""
        sql = self._sql.refusals_open
        return await self._read.run(lambda: _rows(self._read.db, sql, (limit,)))

    async def row(self, refusal_id: str) -> RefusalRow | None:
        """See ``RefusalBook.row``."""
        sql = self._sql.refusal
        found = await self._read.run(lambda: _rows(self._read.db, sql, (refusal_id,)))
        return found[0] if found else None

    async def looked_at(self, refusal_id: str) -> bool:
        """See ``RefusalBook.looked_at``."""

        def unit() -> bool:
            body: Any = self._write.db.execute(self._sql.refusal, (refusal_id,)).get
            row = None if body is None else _row.decode(body)
            if row is None or not row.asks:
                return False
            self._ledger.keep(structs.replace(row, asks=False, text=""))
            return True

        return await self._write.run(unit)

    async def prune(self, before_ms: int, limit: int) -> int:
        """See ``RefusalBook.prune``."""

        def unit() -> int:
            self._write.db.execute(self._sql.drop_refusals, (before_ms, limit))
            return self._write.db.changes()

        return await self._write.run(unit)


def _rows(db: apsw.Connection, sql: str, row: tuple[Any, ...]) -> list[RefusalRow]:
    found: list[Any] = db.execute(sql, row).fetchall()
    return [_row.decode(body) for (body,) in found]
