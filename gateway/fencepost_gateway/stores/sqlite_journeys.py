"""
Journeys in SQLite: what operators decided of them, and what was counted of them.

What writes counts runs on the writer's thread inside its transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import apsw
import msgspec

from fencepost_gateway.decide.control import Control
from fencepost_gateway.intake.records import Controlled
from fencepost_gateway.ports import Act, JourneyCount, JourneyPlace, Turn, Waiting
from fencepost_gateway.stores.sqlite_door import Door
from fencepost_gateway.stores.sqlite_side import Side

_control: msgspec.msgpack.Decoder[Control] = msgspec.msgpack.Decoder(Control)


def count_journey_days(
    db: apsw.Connection,
    sql: SimpleNamespace,
    days: Mapping[tuple[int, JourneyPlace], Mapping[str, int]],
) -> None:
    """Add what was counted to what is there; in the caller's transaction."""
    rows = [
        (place.campaign_id, day, place.version, place.step_id, place.stage, what, count)
        for (day, place), counted in days.items()
        for what, count in counted.items()
    ]
    db.executemany(sql.count_journey_day, rows)


class SqliteJourneys:
    """``JourneyBook`` of the SQLite store."""

    def __init__(self, read: Side, write: Side, sql: SimpleNamespace, door: Door) -> None:
        self._read = read
        self._write = write
        self._sql = sql
        self._door = door

    async def controls(self) -> dict[str, Control]:
        """See ``JourneyBook.controls``."""
        return {name: _control.decode(body) for name, body in await self._rows(self._sql.controls)}

    async def steer(self, act: Act, turn: Turn) -> tuple[Control, Control] | None:
        """See ``JourneyBook.steer``."""
        db, sql = self._write.db, self._sql

        def unit() -> tuple[Control, Control] | None:
            body = db.execute(sql.control, (act.campaign_id,)).get
            before = Control(act.campaign_id) if body is None else _control.decode(body)
            after = turn(before)
            if after is None:
                return None
            if after != before:
                db.execute(sql.put_control, (act.campaign_id, msgspec.msgpack.encode(after)))
                self._put(act)
                self._door.append(Controlled(after), act.at_ms)
            return before, after

        return await self._write.run(unit)

    async def note(self, act: Act) -> None:
        """See ``JourneyBook.note``."""
        await self._write.run(lambda: self._put(act))

    def _put(self, act: Act) -> None:
        row = (act.at_ms, act.by, act.action, act.campaign_id, act.detail, act.note)
        self._write.db.execute(self._sql.put_act, row)

    async def acts(self, campaign_id: str, limit: int) -> list[Act]:
        """See ``JourneyBook.acts``."""
        return [Act(*row) for row in await self._rows(self._sql.acts, campaign_id, limit)]

    async def release(self, campaign_id: str, limit: int) -> int:
        """See ``JourneyBook.release``."""
        db, row = self._write.db, (campaign_id, limit)

        def unit() -> int:
            db.execute(self._sql.release_messages, row)
            return db.changes()

        return await self._write.run(unit)

    async def held(self) -> dict[str, int]:
        """See ``JourneyBook.held``."""
        return dict(await self._rows(self._sql.held_messages))

    async def living(self) -> set[str]:
        """See ``JourneyBook.living``."""
        return {str(row[0]) for row in await self._rows(self._sql.living_journeys)}

    async def ending(self, campaign_id: str, until_ms: int, limit: int) -> list[str]:
        """See ``JourneyBook.ending``."""
        found = await self._rows(self._sql.ending_runs, campaign_id, until_ms, limit)
        return [str(row[0]) for row in found]

    async def halted(self, campaign_id: str, limit: int) -> list[str]:
        """See ``JourneyBook.halted``."""
        found = await self._rows(self._sql.held_runs, campaign_id, limit)
        return [str(row[0]) for row in found]

    async def counts(self, since_day: int, campaign_id: str) -> list[JourneyCount]:
        """See ``JourneyBook.counts``."""
        found = await self._rows(self._sql.journey_counts, campaign_id, since_day)
        return [JourneyCount(JourneyPlace(*row[:4]), *row[4:]) for row in found]

    async def sums(self, since_day: int) -> list[JourneyCount]:
        """See ``JourneyBook.sums``."""
        found = await self._rows(self._sql.journey_sums, since_day)
        return [JourneyCount(JourneyPlace(*row[:2]), *row[2:]) for row in found]

    async def waiting(self, due_ms: int, campaign_id: str = "") -> list[Waiting]:
        """See ``JourneyBook.waiting``."""
        if campaign_id:
            found = await self._rows(self._sql.standing_in, due_ms, campaign_id)
        else:
            found = await self._rows(self._sql.standing, due_ms)
        return [Waiting(JourneyPlace(*row[:4]), *row[4:]) for row in found]

    async def waiting_since(self, place: JourneyPlace, rank: int) -> int | None:
        """See ``JourneyBook.waiting_since``."""
        row = (place.campaign_id, place.version, place.step_id, rank)
        return next((found[0] for found in await self._rows(self._sql.standing_since, *row)), None)

    async def due_since(self, place: JourneyPlace, rank: int) -> int | None:
        """See ``JourneyBook.due_since``."""
        row = (place.campaign_id, place.version, place.step_id, rank)
        return next((found[0] for found in await self._rows(self._sql.standing_due, *row)), None)

    async def _rows(self, sql: str, *values: Any) -> list[Any]:
        return await self._read.run(lambda: self._read.db.execute(sql, values).fetchall())
