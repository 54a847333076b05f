"""
Trials in SQLite: what is on trial, and what it would have done.

What writes runs on the writer's thread inside its transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import apsw
import msgspec
from msgspec import structs

from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.message import Message
from fencepost_gateway.decide.standing import Standing
from fencepost_gateway.intake.records import TrialBegun
from fencepost_gateway.ports import (
    DocumentRow,
    Effects,
    RecordRow,
    TrialFacts,
    TrialMessage,
    TrialRow,
    TrialSum,
    TrialVerdict,
)
from fencepost_gateway.stores.sqlite_door import Door
from fencepost_gateway.stores.sqlite_facts import Facts
from fencepost_gateway.stores.sqlite_side import Side

_pack = msgspec.msgpack.Encoder().encode
_plain = msgspec.msgpack.Decoder()
_message: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
_slot: msgspec.msgpack.Decoder[Slot] = msgspec.msgpack.Decoder(Slot)
_documents: msgspec.msgpack.Decoder[list[DocumentRow]] = msgspec.msgpack.Decoder(list[DocumentRow])
_SUMMED = ("campaign_id", "outcome", "reason", "channel")


def take_trial(db: apsw.Connection, sql: SimpleNamespace, effects: Effects) -> None:
    """Write what is wanted and recorded on trial; in the caller's transaction."""
    if effects.trial_begins:
        for clear in (sql.drop_trial_messages, sql.drop_trial_records, sql.drop_trial_tallies):
            db.execute(clear)
    messages = [
        (m.message_id, m.person_id, effects.now_ms, m.priority, m.cause.at_ms, _pack(m))
        for m in effects.trial_messages
    ]
    if messages:
        db.executemany(sql.put_trial_message, messages)
    _put_records(db, sql, effects.trial_records)


def _put_records(db: apsw.Connection, sql: SimpleNamespace, found: Sequence[RecordRow]) -> None:
    rows = [
        (
            *(r.at_ms, r.person_id, r.kind, r.subject),
            *(str(r.body.get(name) or "") for name in _SUMMED),
            _pack(r.body),
        )
        for r in found
    ]
    if rows:
        db.executemany(sql.put_trial_record, rows)


class SqliteTrials:
    """``TrialBook`` of the SQLite store."""

    def __init__(self, read: Side, write: Side, sql: SimpleNamespace, door: Door) -> None:
        self._read = read
        self._write = write
        self._sql = sql
        self._door = door

    async def current(self) -> TrialRow:
        """See ``TrialBook.current``."""
        return await self._read.run(lambda: self._current(self._read.db))

    def _current(self, db: apsw.Connection) -> TrialRow:
        row: Any = db.execute(self._sql.trial).get
        if row is None:
            return TrialRow()
        return structs.replace(TrialRow(*row[:-1]), documents=_documents.decode(row[-1]))

    async def begin(self, trial: TrialRow, now_ms: int) -> int:
        """See ``TrialBook.begin``."""

        def unit() -> int:
            db = self._write.db
            number = self._current(db).number + 1
            row = (number, trial.mode, trial.shorten_ms, now_ms, _pack(trial.documents))
            db.execute(self._sql.set_trial, row)
            self._door.append(TrialBegun(number), now_ms)
            return number

        return await self._write.run(unit)

    async def due(self, now_ms: int, limit: int) -> list[str]:
        """See ``TrialBook.due``."""
        sql, row = self._sql.trial_due, (now_ms, limit)
        return await self._read.run(lambda: [str(i) for (i,) in self._read.db.execute(sql, row)])

    async def peek(self, message_id: str) -> TrialFacts | None:
        """See ``TrialBook.peek``."""

        def query() -> TrialFacts | None:
            db, sql = self._read.db, self._sql
            row: Any = db.execute(sql.trial_message, (message_id,)).get
            if row is None:
                return None
            body, person_id, _, due_ms, ahead_ms = row
            message = structs.replace(_message.decode(body), person_id=person_id)
            reader = Facts(db, sql)
            at = Standing(message, "queued", due_ms)
            facts = reader.claim_facts(at, reader.consents(person_id))
            slots = [
                structs.replace(_slot.decode(packed), person_id=owner)
                for owner, packed in db.execute(sql.trial_slots, (person_id,))
            ]
            return TrialFacts(structs.replace(facts, slots=(*facts.slots, *slots)), ahead_ms)

        return await self._read.run(query)

    async def judged(self, verdict: TrialVerdict, now_ms: int) -> bool:
        """See ``TrialBook.judged``."""
        row = (
            *(verdict.state, verdict.due_ms, verdict.ahead_ms, verdict.channel),
            None if verdict.content is None else _pack(verdict.content),
            None if verdict.slot is None else _pack(verdict.slot),
            verdict.message_id,
        )

        def unit() -> bool:
            db = self._write.db
            db.execute(self._sql.set_trial_message, row)
            if not db.changes():
                return False
            _put_records(db, self._sql, verdict.records)
            if verdict.told is not None:
                self._door.append(verdict.told, now_ms)
            return True

        return await self._write.run(unit)

    async def sums(self) -> list[TrialSum]:
        """See ``TrialBook.sums``."""
        sql = self._sql.trial_sums
        return await self._read.run(lambda: [TrialSum(*r) for r in self._read.db.execute(sql)])

    async def records_of(self, person_id: str) -> list[RecordRow]:
        """See ``TrialBook.records_of``."""

        def query() -> list[RecordRow]:
            found: Any = self._read.db.execute(self._sql.trial_records_of, (person_id,))
            return [
                RecordRow(cursor, at_ms, owner, kind, subject, _plain.decode(body))
                for cursor, at_ms, owner, kind, subject, body in found
            ]

        return await self._read.run(query)

    async def messages_of(self, person_id: str) -> list[TrialMessage]:
        """See ``TrialBook.messages_of``."""

        def query() -> list[TrialMessage]:
            found: Any = self._read.db.execute(self._sql.trial_messages_of, (person_id,))
            return [
                TrialMessage(
                    structs.replace(_message.decode(body), person_id=person_id),
                    state,
                    channel,
                    None if content is None else _plain.decode(content),
                )
                for body, state, channel, content in found
            ]

        return await self._read.run(query)
