"""
Broadcasts in SQLite: what many are told of, schedules, calls, and counts of campaigns.

What writes runs on the writer's thread inside its transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import apsw
import msgspec

from fencepost_gateway.decide.broadcasts import Broadcast
from fencepost_gateway.intake.records import Announced, Started, Stretch
from fencepost_gateway.ports import KEPT_MS, Announcement, BroadcastRow, Effects, ScheduleRow, Start
from fencepost_gateway.stores.sqlite_door import Door
from fencepost_gateway.stores.sqlite_side import Side

_pack = msgspec.msgpack.Encoder().encode
_broadcast: msgspec.msgpack.Decoder[Broadcast] = msgspec.msgpack.Decoder(Broadcast)


def begin_and_end(db: apsw.Connection, sql: SimpleNamespace, effects: Effects) -> None:
    """Write what a group has begun and ended, and counts of campaigns; in the caller's commit."""
    for number, is_wanted in effects.begun.items():
        if is_wanted:
            db.execute(sql.begin_broadcast, (db.execute(sql.persons_count).get, number))
        else:
            db.execute(sql.end_broadcast, (effects.now_ms, number))
    for number in effects.ended:
        db.execute(sql.end_broadcast, (effects.now_ms, number))
    db.executemany(sql.put_tally, [(*key, count) for key, count in effects.tallies.items()])


def count_reached(db: apsw.Connection, sql: SimpleNamespace, reached: Mapping[int, int]) -> None:
    """Add to how many broadcasts woke something for; in the caller's commit."""
    db.executemany(sql.reach_broadcast, [(more, number) for number, more in reached.items()])


class SqliteBroadcasts:
    """``BroadcastBook`` of the SQLite store."""

    def __init__(self, read: Side, write: Side, sql: SimpleNamespace, door: Door) -> None:
        self._read = read
        self._write = write
        self._sql = sql
        self._door = door

    async def announce(
        self, broadcast: Broadcast, now_ms: int, *, begun: bool = False
    ) -> Announcement:
        """See ``BroadcastBook.announce``."""
        return await self._write.run(lambda: self._announce(broadcast, now_ms, begun=begun))

    def _announce(self, broadcast: Broadcast, now_ms: int, *, begun: bool) -> Announcement:
        run, sql = self._write.db.execute, self._sql
        run(sql.forget_broadcast, (broadcast.broadcast_id, now_ms - KEPT_MS))
        known = run(sql.broadcast_number, (broadcast.broadcast_id,)).get
        if known is not None:
            return Announcement(int(known), is_new=False)
        number = self._door.append(Announced(broadcast), now_ms)
        state = "running" if begun else "waiting"
        total = run(sql.persons_count).get if begun else 0
        row = (number, broadcast.broadcast_id, broadcast.name, _pack(broadcast), now_ms)
        run(sql.put_broadcast, (*row, state, number, total))
        return Announcement(number, is_new=True)

    async def advance(self, limit: int, now_ms: int) -> int:
        """See ``BroadcastBook.advance``."""

        def unit() -> int:
            run, sql = self._write.db.execute, self._sql
            found: Any = run(sql.next_broadcast).get
            if found is None:
                return 0
            number, body, after = found
            ids = [str(row[0]) for row in run(sql.person_ids_behind, (after, limit))]
            is_last = len(ids) < limit
            told = Stretch(number, _broadcast.decode(body), ids, is_last)
            position = self._door.append(told, now_ms)
            state = "told" if is_last else "running"
            row = (position, ids[-1] if ids else after, len(ids), state, number)
            run(sql.move_broadcast, row)
            return position

        return await self._write.run(unit)

    async def open(self) -> dict[int, Broadcast]:
        """See ``BroadcastBook.open``."""

        def query() -> dict[int, Broadcast]:
            found: list[Any] = self._read.db.execute(self._sql.open_broadcasts).fetchall()
            return {number: _broadcast.decode(body) for number, body in found}

        return await self._read.run(query)

    async def waiting(self) -> int:
        """See ``BroadcastBook.waiting``."""
        return await self._read.run(
            lambda: int(self._read.db.execute(self._sql.waiting_broadcasts).get)
        )

    async def page(self, before: int, limit: int, *, name: str = "") -> list[BroadcastRow]:
        """See ``BroadcastBook.page``."""
        sql = self._sql.broadcasts_named if name else self._sql.broadcasts
        row = (*([name] if name else []), before or 1 << 62, limit)

        def query() -> list[BroadcastRow]:
            found: list[Any] = self._read.db.execute(sql, row).fetchall()
            return [
                BroadcastRow(number, _broadcast.decode(body), *rest)
                for number, body, *rest in found
            ]

        return await self._read.run(query)

    async def trim(self, now_ms: int) -> None:
        """See ``BroadcastBook.trim``."""

        def unit() -> None:
            oldest = (now_ms - KEPT_MS,)
            self._write.db.execute(self._sql.trim_broadcasts, oldest)
            self._write.db.execute(self._sql.trim_started, oldest)

        await self._write.run(unit)

    async def keep_schedules(self, rows: Sequence[ScheduleRow]) -> None:
        """See ``BroadcastBook.keep_schedules``."""

        def unit() -> None:
            names = (json.dumps([row.schedule_id for row in rows]),)
            self._write.db.execute(self._sql.drop_schedules, names)
            wanted = [(row.schedule_id, row.due_ms) for row in rows]
            self._write.db.executemany(self._sql.keep_schedule, wanted)

        await self._write.run(unit)

    async def schedules(self) -> list[ScheduleRow]:
        """See ``BroadcastBook.schedules``."""
        return await self._read.run(
            lambda: [ScheduleRow(*row) for row in self._read.db.execute(self._sql.schedules)]
        )

    async def fire(self, row: ScheduleRow, broadcast: Broadcast, now_ms: int) -> bool:
        """See ``BroadcastBook.fire``."""

        def unit() -> bool:
            moved = (row.due_ms, row.schedule_id)
            self._write.db.execute(self._sql.move_schedule, moved)
            return self._announce(broadcast, now_ms, begun=False).is_new

        return await self._write.run(unit)

    async def start(self, started: Started, now_ms: int) -> Start:
        """See ``BroadcastBook.start``."""
        key = (started.campaign_id, started.key)

        def unit() -> Start:
            run, sql = self._write.db.execute, self._sql
            run(sql.forget_started, (*key, now_ms - KEPT_MS))
            known: Any = run(sql.started, key).get
            if known is not None:
                return Start(str(known[0]), int(known[1]), is_new=False)
            run(sql.put_started, (*key, started.person_id, now_ms))
            self._door.append(started, now_ms)
            return Start(started.person_id, now_ms, is_new=True)

        return await self._write.run(unit)

    async def tallies(self) -> dict[tuple[str, str], int]:
        """See ``BroadcastBook.tallies``."""

        def query() -> dict[tuple[str, str], int]:
            found = self._read.db.execute(self._sql.tallies)
            return {(campaign_id, what): count for campaign_id, what, count in found}

        return await self._read.run(query)
