"""
Reports in SQLite: what is told of deliveries after their calls.

What writes runs on the writer's thread inside its transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, Protocol

import apsw
import msgspec
from msgspec import structs

from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.message import OPEN_STATES
from fencepost_gateway.decide.receipts import ACCEPTED, WENT, Word
from fencepost_gateway.decide.settle import Settlement
from fencepost_gateway.decide.standing import Standing
from fencepost_gateway.intake.reports import LaneReport
from fencepost_gateway.ports import KEPT_MS, DeliveredTo, RecordRow, Taken
from fencepost_gateway.stores import bouncing, rows
from fencepost_gateway.stores.refusing import Ledger
from fencepost_gateway.stores.sqlite_door import Door
from fencepost_gateway.stores.sqlite_facts import Facts
from fencepost_gateway.stores.sqlite_side import Side

_pack = msgspec.msgpack.Encoder().encode
_slot: msgspec.msgpack.Decoder[Slot] = msgspec.msgpack.Decoder(Slot)


class Endings(Protocol):
    """What the desk lends: how a call ends, the records, and what is done to addresses."""

    @property
    def ledger(self) -> Ledger:
        """The rows of people and lists."""

    def end(
        self,
        at: Standing,
        delivery_id: str,
        settlement: Settlement,
        now_ms: int,
        provider_id: str,
    ) -> None:
        """Write how a call ended."""

    def put_records(self, found: Sequence[RecordRow]) -> None:
        """Append decision records."""


class Receipts:
    """Moves deliveries by what is told of them, on the write connection."""

    def __init__(
        self, db: apsw.Connection, sql: SimpleNamespace, door: Door, desk: Endings
    ) -> None:
        self._db = db
        self._sql = sql
        self._door = door
        self._desk = desk
        self._facts = Facts(db, sql)

    def take(self, told: LaneReport, now_ms: int) -> Taken:
        """Take one report."""
        run, sql = self._db.execute, self._sql
        delivery_id = self._find(told)
        row = run(sql.delivery, (delivery_id,)).get if delivery_id else None
        found = self._facts.message(row[0]) if row is not None else None
        if row is None or found is None:
            return Taken("unknown")
        message = found.message
        names = delivery_id, row[0], message.person_id
        taken_ms = run(sql.report, (told.key,)).get
        if taken_ms is not None and taken_ms >= now_ms - KEPT_MS:
            return Taken("repeated", *names, row[3])
        run(sql.put_report, (told.key, now_ms))
        settles = self._move(delivery_id, told.what, told.code, now_ms, told.provider_id)
        bouncing.told(self._desk.ledger, (row[1], row[2]), told.what, now_ms)
        channel, state = row[1], run(sql.delivery, (delivery_id,)).get[3]
        heard = rows.reported(message, delivery_id, channel, told, state, settles=settles)
        self._door.append(heard, now_ms)
        self._desk.put_records([rows.report_record(message, delivery_id, told, now_ms)])
        return Taken("new", *names, state)

    def react(self, person_id: str, delivery_id: str, what: Word, now_ms: int) -> None:
        """Take what a person's own device tells of a delivery to them."""
        row = self._db.execute(self._sql.delivery, (delivery_id,)).get
        found = self._facts.message(row[0]) if row is not None else None
        if found is None or found.message.person_id != person_id:
            return
        self._move(delivery_id, what, "", now_ms)

    def _find(self, told: LaneReport) -> str:
        """Name the delivery that is meant; empty: there is none."""
        sql = self._sql
        asked: tuple[str, str] = (sql.delivery_by_ref, told.ref)
        if told.delivery_id:
            asked = (sql.delivery_by_id, told.delivery_id)
        elif told.message_id:
            asked = (sql.delivery_by_message, told.message_id)
        elif told.provider_id:
            asked = (sql.delivery_by_provider, told.provider_id)
        if not asked[1]:
            return ""
        found = self._db.execute(asked[0], {"id": asked[1], "channel": told.channel}).get
        return str(found or "")

    def _move(
        self, delivery_id: str, what: Word, code: str, now_ms: int, provider_id: str = ""
    ) -> bool:
        """Move a delivery, and the message whose last call it was; says whether it settles it."""
        run, sql = self._db.execute, self._sql
        message_id, channel, _, before, token, _ = run(sql.delivery, (delivery_id,)).get
        at = self._message(message_id)
        is_last = at.attempt == token
        is_open = is_last and at.state in {*OPEN_STATES, "sending"}
        state, reason, settles = rows.moved(channel, before, what, code, is_open=is_open)
        if state == before:
            return False
        if is_open:  # nobody has told yet what came of the call: this does
            known = provider_id or run(sql.provider_of, (delivery_id,)).get
            self._desk.end(at, delivery_id, ACCEPTED, now_ms, known)
        run(sql.raise_delivery, (state, reason, delivery_id))
        if is_last:
            due_ms = now_ms if is_open else at.due_ms
            run(sql.set_message, (state, due_ms, reason, message_id))
            if before not in WENT:
                self._confirm_slot(message_id)
        return settles

    def _message(self, message_id: str) -> Standing:
        found = self._facts.message(message_id)
        if found is None:
            raise LookupError("a delivery is of a message")
        return found

    def _confirm_slot(self, message_id: str) -> None:
        body: Any = self._db.execute(self._sql.slot, (message_id,)).get
        if body is not None:
            slot = structs.replace(_slot.decode(body), state="confirmed")
            row = (slot.slot_id, slot.person_id, slot.state, slot.reserved_at_ms, _pack(slot))
            self._db.execute(self._sql.put_slot, row)


class SqliteReports:
    """``ReportBook`` of the SQLite store."""

    def __init__(self, read: Side, write: Side, sql: SimpleNamespace, receipts: Receipts) -> None:
        self._read = read
        self._write = write
        self._sql = sql
        self._receipts = receipts

    async def take(self, reports: Sequence[LaneReport], now_ms: int) -> list[Taken]:
        """See ``ReportBook.take``."""
        take = self._receipts.take
        return await self._write.run(lambda: [take(each, now_ms) for each in reports])

    async def delivered_to(self, delivery_id: str) -> DeliveredTo | None:
        """See ``ReportBook.delivered_to``."""
        db, sql = self._read.db, self._sql

        def query() -> DeliveredTo | None:
            row = db.execute(sql.delivered_to, (delivery_id,)).get
            return None if row is None else DeliveredTo(*map(str, row))

        return await self._read.run(query)

    async def prune(self, before_ms: int, limit: int) -> int:
        """See ``ReportBook.prune``."""
        db, sql = self._write.db, self._sql

        def unit() -> int:
            db.execute(sql.prune_reports, (before_ms, limit))
            return db.changes()

        return await self._write.run(unit)
