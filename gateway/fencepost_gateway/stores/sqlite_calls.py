"""
Calls of journeys in SQLite.

What writes runs on the writer's thread inside its transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import apsw
import msgspec
from msgspec import structs

from fencepost_gateway.decide.calls import Call, Reply
from fencepost_gateway.ports import DeadCall, Effects, TakenCall
from fencepost_gateway.stores import rows
from fencepost_gateway.stores.sqlite_door import Door
from fencepost_gateway.stores.sqlite_side import Side

_pack = msgspec.msgpack.Encoder().encode
_call: msgspec.msgpack.Decoder[Call] = msgspec.msgpack.Decoder(Call)


def put_calls(db: apsw.Connection, sql: SimpleNamespace, effects: Effects) -> None:
    """Write what is asked; drop what is answered, and what nobody waits for any more."""
    now_ms = effects.now_ms
    for c in effects.calls:
        row = (c.call_id, c.source_id, c.person_id, c.run_id, c.kind, now_ms, now_ms, _pack(c))
        db.execute(sql.put_call, row)
    for call_id in effects.answered:
        db.execute(sql.drop_call, (call_id,))
    for run in effects.runs.values():
        if run.ended_ms is not None:
            db.execute(sql.drop_look_ups, (run.run_id,))


class SqliteCalls:
    """``CallBook`` of the SQLite store."""

    def __init__(self, read: Side, write: Side, sql: SimpleNamespace, door: Door) -> None:
        self._read = read
        self._write = write
        self._sql = sql
        self._door = door

    async def sources(self, now_ms: int) -> list[str]:
        """See ``CallBook.sources``."""
        db, sql = self._read.db, self._sql.call_sources
        return await self._read.run(lambda: [str(i) for (i,) in db.execute(sql, (now_ms,))])

    async def take(self, now_ms: int, room: Mapping[str, int], lease_ms: int) -> list[TakenCall]:
        """See ``CallBook.take``."""
        db, sql = self._write.db, self._sql

        def unit() -> list[TakenCall]:
            taken: list[TakenCall] = []
            for source_id, limit in room.items():
                due: list[Any] = db.execute(sql.due_calls, (source_id, now_ms, limit)).fetchall()
                for call_id, person_id, begun_ms, attempt, body in due:
                    row = ("leased", now_ms + lease_ms, attempt + 1, "", call_id)
                    db.execute(sql.set_call, row)
                    call = structs.replace(_call.decode(body), person_id=person_id)
                    taken.append(TakenCall(call, attempt + 1, begun_ms))
            return taken

        return await self._write.run(unit)

    async def answer(self, reply: Reply, now_ms: int) -> bool:
        """See ``CallBook.answer``."""

        def unit() -> bool:
            db, sql = self._write.db, self._sql
            held: Any = db.execute(sql.call, (reply.call_id, reply.attempt)).get
            if held is None:
                return False
            call = structs.replace(_call.decode(held[3]), person_id=held[0])
            self._door.append(rows.answered(call, reply), now_ms)
            if rows.is_dead(reply):
                dead = ("dead", now_ms, reply.attempt, reply.failure, reply.call_id)
                db.execute(sql.set_call, dead)
            else:
                db.execute(sql.drop_call, (reply.call_id,))
            return True

        return await self._write.run(unit)

    async def put_off(self, call_id: str, attempt: int, failure: str, until_ms: int) -> bool:
        """See ``CallBook.put_off``."""

        def unit() -> bool:
            db, sql = self._write.db, self._sql
            if db.execute(sql.call, (call_id, attempt)).get is None:
                return False
            db.execute(sql.set_call, ("open", until_ms, attempt, failure, call_id))
            return True

        return await self._write.run(unit)

    async def release(self, now_ms: int) -> int:
        """See ``CallBook.release``."""
        await self._changes(self._sql.begin_look_ups, (now_ms,))
        return await self._changes(self._sql.release_calls, (now_ms,))

    async def next_due_ms(self) -> int | None:
        """See ``CallBook.next_due_ms``."""
        return await self._read.run(lambda: self._read.db.execute(self._sql.next_call).get)

    async def dead(self, after: str, limit: int) -> list[DeadCall]:
        """See ``CallBook.dead``."""

        def query() -> list[DeadCall]:
            found: list[Any] = self._read.db.execute(
                self._sql.dead_calls, (after, limit)
            ).fetchall()
            return [
                rows.dead_call(
                    structs.replace(_call.decode(body), person_id=person_id),
                    due_ms,
                    attempt,
                    failure,
                )
                for _, person_id, due_ms, attempt, failure, body in found
            ]

        return await self._read.run(query)

    async def redrive(self, now_ms: int, *, call_id: str = "", source_id: str = "") -> int:
        """See ``CallBook.redrive``."""
        return await self._changes(self._sql.redrive_calls, (now_ms, call_id, source_id))

    async def prune(self, before_ms: int, limit: int) -> int:
        """See ``CallBook.prune``."""
        return await self._changes(self._sql.prune_calls, (before_ms, limit))

    async def _changes(self, sql: str, row: tuple[int | str, ...]) -> int:
        db = self._write.db

        def unit() -> int:
            db.execute(sql, row)
            return db.changes()

        return await self._write.run(unit)
