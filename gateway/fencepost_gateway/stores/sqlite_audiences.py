"""
Audiences in SQLite: who was counted in and out, timers of persons, and the back-fill.

What writes runs on the writer's thread inside its transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import apsw
import msgspec
from msgspec import structs

from fencepost_gateway.decide.audiences import Keys
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.ranking import Ranking
from fencepost_gateway.intake.records import Published, TimerFired, Touched
from fencepost_gateway.ports import DEFINITIONS_MAX, AudienceDay, Effects, Sweep
from fencepost_gateway.stores.sqlite_door import Door
from fencepost_gateway.stores.sqlite_side import Side

_ranking: msgspec.msgpack.Decoder[Ranking] = msgspec.msgpack.Decoder(Ranking)
_keys: msgspec.msgpack.Decoder[dict[str, tuple[str, str]]] = msgspec.msgpack.Decoder(
    dict[str, tuple[str, str]]
)
_person: msgspec.msgpack.Decoder[Person] = msgspec.msgpack.Decoder(Person)


def count_audience_days(
    db: apsw.Connection, sql: SimpleNamespace, found: Mapping[tuple[int, str], Mapping[str, int]]
) -> None:
    """Add to what was counted; in the caller's transaction."""
    days = (AudienceDay(day, name, **counted) for (day, name), counted in found.items())
    db.executemany(sql.count_audience_day, [structs.astuple(day) for day in days])


def put_person_timers(db: apsw.Connection, sql: SimpleNamespace, effects: Effects) -> None:
    """Set and clear timers of persons; in the caller's transaction."""
    for person_id, due_ms in effects.person_timers.items():
        if due_ms is None:
            db.execute(sql.drop_person_timer, (person_id,))
        else:
            db.execute(sql.put_person_timer, (person_id, due_ms))


def fire_person_timers(
    db: apsw.Connection, sql: SimpleNamespace, door: Door, now_ms: int, limit: int
) -> int:
    """Append what is due and clear it; in the caller's transaction."""
    due: list[Any] = db.execute(sql.due_person_timers, (now_ms, limit)).fetchall()
    for person_id, due_ms in due:
        door.append(TimerFired(f"{person_id}@{due_ms}", "", person_id, due_ms), now_ms)
        db.execute(sql.drop_person_timer, (person_id,))
    return len(due)


class SqliteAudiences:
    """``AudienceBook`` of the SQLite store."""

    def __init__(
        self,
        read: Side,
        write: Side,
        sql: SimpleNamespace,
        door: Door,
    ) -> None:
        self._read = read
        self._write = write
        self._sql = sql
        self._door = door

    async def days(self, since_day: int, audience_id: str = "") -> list[AudienceDay]:
        """See ``AudienceBook.days``."""
        row = (since_day, audience_id, audience_id)

        def query() -> list[AudienceDay]:
            return [AudienceDay(*r) for r in self._read.db.execute(self._sql.audience_days, row)]

        return await self._read.run(query)

    async def sizes(self) -> dict[str, int]:
        """See ``AudienceBook.sizes``."""
        return await self._read.run(lambda: dict(self._read.db.execute(self._sql.audience_sizes)))

    async def sweep(self) -> Sweep:
        """See ``AudienceBook.sweep``."""
        return await self._read.run(lambda: _sweep(self._read.db, self._sql))

    async def begin_sweep(self, key: str) -> None:
        """See ``AudienceBook.begin_sweep``."""

        def unit() -> None:
            if _sweep(self._write.db, self._sql).key != key:
                total: int = self._write.db.execute(self._sql.persons_count).get
                self._put(Sweep(key, total=total, done=total == 0))

        await self._write.run(unit)

    async def advance_sweep(self, limit: int, now_ms: int) -> int:
        """See ``AudienceBook.advance_sweep``."""

        def unit() -> int:
            now = _sweep(self._write.db, self._sql)
            if now.done:
                return 0
            page = self._write.db.execute(self._sql.person_ids_behind, (now.after, limit))
            ids = [str(row[0]) for row in page]
            position = 0
            if ids:
                position = self._door.append(Touched(ids), now_ms)
                now = structs.replace(now, after=ids[-1], seen=now.seen + len(ids))
            self._put(structs.replace(now, done=not ids))
            return position

        return await self._write.run(unit)

    async def define(self, key: str, keys: Keys) -> dict[str, Keys]:
        """See ``AudienceBook.define``."""

        def unit() -> dict[str, Keys]:
            run, sql = self._write.db.execute, self._sql
            if run(sql.newest_audience_keys).get != key:
                run(sql.put_audience_keys, (key, msgspec.msgpack.encode(keys)))
                run(sql.trim_audience_keys, (DEFINITIONS_MAX,))
            return {name: _keys.decode(body) for name, body in run(sql.audience_keys)}

        return await self._write.run(unit)

    async def rankings(self) -> dict[str, Ranking]:
        """See ``AudienceBook.rankings``."""

        def query() -> dict[str, Ranking]:
            found: list[Any] = self._read.db.execute(self._sql.rankings).fetchall()
            return {trait_id: _ranking.decode(body) for trait_id, body in found}

        return await self._read.run(query)

    async def put_ranking(self, trait_id: str, ranking: Ranking, now_ms: int) -> None:
        """See ``AudienceBook.put_ranking``."""

        def unit() -> None:
            row = (trait_id, msgspec.msgpack.encode(ranking))
            self._write.db.execute(self._sql.put_ranking, row)
            revision: int = self._write.db.execute(self._sql.fact, ("revision",)).get or 0
            self._door.append(Published(revision), now_ms)

        await self._write.run(unit)

    async def sample(self, after: str, limit: int) -> dict[str, Person]:
        """See ``AudienceBook.sample``."""

        def query() -> dict[str, Person]:
            found: list[Any] = self._read.db.execute(
                self._sql.persons_behind, (after, limit)
            ).fetchall()
            return {person_id: _person.decode(body) for person_id, body in found}

        return await self._read.run(query)

    async def persons_count(self) -> int:
        """See ``AudienceBook.persons_count``."""
        return await self._read.run(lambda: int(self._read.db.execute(self._sql.persons_count).get))

    def _put(self, sweep: Sweep) -> None:
        self._write.db.execute(self._sql.put_sweep, structs.astuple(sweep))


def _sweep(db: apsw.Connection, sql: SimpleNamespace) -> Sweep:
    row: Any = db.execute(sql.sweep).get
    if row is None:
        return Sweep()
    key, after, seen, total, done = row
    return Sweep(key, after, seen, total, bool(done))
