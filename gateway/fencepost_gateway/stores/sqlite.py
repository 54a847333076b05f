"""
SQLite store: the embedded deployment. One file, one process, one writer.

Rule 1. One process per data folder, held by a lock on ``fencepost.lock``.
Rule 2. WAL with ``synchronous=FULL``; the ack level is read back from the pragmas and the file
        system, never assumed: on a file system in memory it is ``os``.
Rule 3. SQLite older than 3.51.3 is refused (it can lose commits when a WAL is reset; ADR-0004).
Rule 4. Reads go over a second, read-only connection on a thread of their own. The newest log
        records are kept decoded until the pipeline has processed them, so it rarely reads back.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any, TypeVar

import apsw
import msgspec

from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import ClaimFacts, MessageEnd
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.settle import CallOutcome, Settlement
from fencepost_gateway.errors import StartError
from fencepost_gateway.intake import records
from fencepost_gateway.intake.admission import Admission
from fencepost_gateway.intake.records import LogRecord, Record
from fencepost_gateway.ports import (
    AckLevel,
    AdmitRequest,
    Answer,
    Claimed,
    DocumentRow,
    DueMessage,
    Effects,
    InboxRow,
    Judge,
    RecordRow,
    Settle,
)
from fencepost_gateway.stores.sql import load_queries
from fencepost_gateway.stores.sqlite_audiences import SqliteAudiences
from fencepost_gateway.stores.sqlite_broadcasts import SqliteBroadcasts
from fencepost_gateway.stores.sqlite_calls import SqliteCalls
from fencepost_gateway.stores.sqlite_desk import Desk
from fencepost_gateway.stores.sqlite_documents import Documents
from fencepost_gateway.stores.sqlite_door import Door
from fencepost_gateway.stores.sqlite_facts import Facts
from fencepost_gateway.stores.sqlite_fences import SqliteFences
from fencepost_gateway.stores.sqlite_file import ack_level_of, connect, lock_folder, migrate
from fencepost_gateway.stores.sqlite_history import SqliteHistory
from fencepost_gateway.stores.sqlite_journeys import SqliteJourneys
from fencepost_gateway.stores.sqlite_letters import SqliteLetters
from fencepost_gateway.stores.sqlite_links import SqliteLinks
from fencepost_gateway.stores.sqlite_lists import SqliteLists
from fencepost_gateway.stores.sqlite_people import SqlitePeople
from fencepost_gateway.stores.sqlite_preferences import SqlitePreferences
from fencepost_gateway.stores.sqlite_proofs import SqliteProofs, begin_chain
from fencepost_gateway.stores.sqlite_records import record_rows
from fencepost_gateway.stores.sqlite_refusals import SqliteRefusals
from fencepost_gateway.stores.sqlite_reports import SqliteReports
from fencepost_gateway.stores.sqlite_runs import SqliteRuns
from fencepost_gateway.stores.sqlite_side import Side
from fencepost_gateway.stores.sqlite_tail import TAIL_MAX, Tail
from fencepost_gateway.stores.sqlite_trials import SqliteTrials
from fencepost_gateway.stores.sqlite_writer import Writer

SQLITE_MIN = (3, 51, 3)
LEASES_END_MS = 1 << 62

T = TypeVar("T")
_person: msgspec.msgpack.Decoder[Person] = msgspec.msgpack.Decoder(Person)


class SqliteStore:
    """``Store`` in one SQLite file; made by ``open_sqlite``."""

    def __init__(self, path: Path, lock: IO[str], ack_level: AckLevel) -> None:
        self._lock = lock
        self._ack_level = ack_level
        self._sql = load_queries()
        self._write_db = connect(path)
        migrate(self._write_db)
        begin_chain(self._write_db, self._sql)
        self._door = Door(self._write_db, self._sql)
        self._desk = Desk(self._write_db, self._sql, self._door)
        self._read_db = connect(path, read_only=True)
        self._facts = Facts(self._read_db, self._sql)
        self._documents = Documents(self._read_db, self._sql)
        self._reader = ThreadPoolExecutor(1, "fencepost-reader")
        self._tail = Tail(deque(maxlen=TAIL_MAX))
        self._writer = Writer(
            self._write_db, lambda: self._tail.keep(self._door.appended), self._door.forget
        )
        read, write = Side(self._read_db, self._read), Side(self._write_db, self._write)
        self.audiences = SqliteAudiences(read, write, self._sql, self._door)
        self.calls = SqliteCalls(read, write, self._sql, self._door)
        self.broadcasts = SqliteBroadcasts(read, write, self._sql, self._door)
        self.fences = SqliteFences(read, self._sql)
        self.history = SqliteHistory(read, write, self._sql)
        self.journeys = SqliteJourneys(read, write, self._sql, self._door)
        self.letters = SqliteLetters(read, write, self._sql)
        self.links = SqliteLinks(read, write, self._sql)
        self.lists = SqliteLists(read, write, self._sql)
        self.people = SqlitePeople(read, self._sql)
        self.preferences = SqlitePreferences(read, write, self._sql, self._door, self._desk)
        self.proofs = SqliteProofs(read, write, self._sql)
        self.refusals = SqliteRefusals(read, write, self._sql, self._desk.ledger)
        self.reports = SqliteReports(read, write, self._sql, self._desk.receipts)
        self.runs = SqliteRuns(read, self._sql)
        self.trials = SqliteTrials(read, write, self._sql, self._door)

    @property
    def ack_level(self) -> AckLevel:
        """What an acknowledged event survives."""
        return self._ack_level

    # ---- writes ---------------------------------------------------------------------------

    async def _write(self, unit: Callable[[], T]) -> T:
        return await self._writer.do(unit)

    async def admit(self, request: AdmitRequest) -> Admission | None:
        """See ``Store.admit``."""
        return await self._write(lambda: self._desk.admit(request))

    async def append(self, record: Record, now_ms: int) -> int:
        """See ``Store.append``."""
        return await self._write(lambda: self._door.append(record, now_ms))

    async def commit(self, effects: Effects) -> None:
        """See ``Store.commit``."""
        await self._write(lambda: self._desk.commit(effects))
        self._tail.let_go(effects.position)

    async def fire_timers(self, now_ms: int, limit: int) -> int:
        """See ``Store.fire_timers``."""
        return await self._write(lambda: self._desk.fire_timers(now_ms, limit))

    async def claim(self, message_id: str, judge: Judge, now_ms: int) -> Claimed | None:
        """See ``Store.claim``."""
        return await self._write(lambda: self._desk.claim(message_id, judge, now_ms))

    async def confirm(
        self,
        delivery_id: str,
        lease_token: int,
        outcome: CallOutcome,
        settle: Settle,
        now_ms: int,
        *,
        inbox: dict[str, Any] | None = None,
    ) -> Settlement | None:
        """See ``Store.confirm``."""
        return await self._write(
            lambda: self._desk.confirm(delivery_id, lease_token, outcome, settle, now_ms, inbox)
        )

    async def answer(self, message_id: str, decide: Answer, now_ms: int) -> bool:
        """See ``Store.answer``."""
        return await self._write(lambda: self._desk.answer(message_id, decide, now_ms))

    async def reconcile(self, now_ms: int, settle: Settle, *, all_leases: bool = False) -> int:
        """See ``Store.reconcile``."""
        horizon_ms = LEASES_END_MS if all_leases else now_ms
        return await self._write(lambda: self._desk.reconcile(now_ms, settle, horizon_ms))

    async def suppress(self, channel: str, ref: str, reason: str, now_ms: int) -> None:
        """See ``Store.suppress``."""
        row = (channel, ref, reason, now_ms, "operator")
        await self._write(lambda: self._write_db.execute(self._sql.suppress, row))

    async def retime(self, now_ms: int, spread_ms: int) -> int:
        """See ``Store.retime``."""
        row = {"now": now_ms, "spread": spread_ms}

        def unit() -> int:
            self._write_db.execute(self._sql.retime, row)
            return self._write_db.changes()

        return await self._write(unit)

    async def set_emergency_stop(self, *, on: bool) -> None:
        """See ``Store.set_emergency_stop``."""
        row = ("emergency_stop", int(on))
        await self._write(lambda: self._write_db.execute(self._sql.set_fact, row))

    async def publish(
        self, rows: Sequence[DocumentRow], now_ms: int, *, after: int | None = None
    ) -> int | None:
        """See ``Store.publish``."""
        documents = Documents(self._write_db, self._sql)
        return await self._write(lambda: documents.publish(rows, self._door, after, now_ms))

    # ---- reads ----------------------------------------------------------------------------

    async def _read(self, query: Callable[[], T]) -> T:
        # What is decoded is fetched whole before: a cursor that a bad row leaves open would keep
        # this connection at the moment it was opened.
        return await asyncio.get_running_loop().run_in_executor(self._reader, query)

    async def read_log(self, after: int, limit: int) -> list[LogRecord]:
        """See ``Store.read_log``."""
        newest = self._tail.behind(after, limit)
        if newest is not None:
            return newest

        def query() -> list[LogRecord]:
            found: list[Any] = self._read_db.execute(self._sql.read_log, (after, limit)).fetchall()
            return [LogRecord(p, ms, records.decode(body)) for p, ms, body in found]

        return await self._read(query)

    async def position(self) -> int:
        """See ``Store.position``."""
        return await self._fact("position")

    async def _fact(self, name: str) -> int:
        return await self._read(lambda: self._read_db.execute(self._sql.fact, (name,)).get or 0)

    async def persons(self, ids: Sequence[str]) -> dict[str, Person]:
        """See ``Store.persons``."""

        def query() -> dict[str, Person]:
            asked = (json.dumps(list(ids)),)
            found: list[Any] = self._read_db.execute(self._sql.persons, asked).fetchall()
            return {person_id: _person.decode(body) for person_id, body in found}

        return await self._read(query)

    async def resolve(self, visitor_ids: Sequence[str]) -> dict[str, str]:
        """See ``Store.resolve``."""
        asked = (json.dumps(list(visitor_ids)),)
        return await self._read(lambda: dict(self._read_db.execute(self._sql.merged, asked)))

    async def tracks(self, device_ids: Sequence[str]) -> dict[str, bytes]:
        """See ``Store.tracks``."""
        asked = (json.dumps(list(device_ids)),)
        return await self._read(lambda: dict(self._read_db.execute(self._sql.tracks, asked)))

    async def due(self, now_ms: int, rooms: Mapping[str, int]) -> list[DueMessage]:
        """See ``Store.due``."""
        return await self._read(lambda: self._facts.due(now_ms, rooms))

    async def over(self, now_ms: int, limit: int) -> list[DueMessage]:
        """See ``Store.over``."""
        row = (now_ms, limit)
        return await self._read(
            lambda: [DueMessage(*r) for r in self._read_db.execute(self._sql.over, row)]
        )

    async def messages(self, after: str, limit: int) -> list[MessageEnd]:
        """See ``Store.messages``."""
        return await self._read(lambda: self._facts.message_ends(after, limit))

    async def next_due_ms(self) -> int | None:
        """See ``Store.next_due_ms``."""
        return await self._read(lambda: self._read_db.execute(self._sql.next_due).get)

    async def peek(self, message_id: str) -> ClaimFacts | None:
        """See ``Store.peek``."""

        def query() -> ClaimFacts | None:
            found = self._facts.message(message_id)
            if found is None:
                return None
            return self._facts.claim_facts(found, self._facts.consents(found.message.person_id))

        return await self._read(query)

    async def trim_inbox(self, before_ms: int, limit: int) -> int:
        """See ``Store.trim_inbox``."""
        return await self._write(lambda: self._desk.trim_inbox(before_ms, limit))

    async def inbox(self, person_id: str, after: int, now_ms: int) -> list[InboxRow]:
        """See ``Store.inbox``."""
        return await self._read(lambda: self._facts.inbox(person_id, after, now_ms))

    async def message_of(self, delivery_id: str) -> str | None:
        """See ``Store.message_of``."""

        def query() -> str | None:
            row = self._read_db.execute(self._sql.delivery, (delivery_id,)).get
            return None if row is None else str(row[0])

        return await self._read(query)

    async def person_of_device(self, device_id: str, secret_hash: bytes) -> str | None:
        """See ``Store.person_of_device``."""

        def query() -> str | None:
            row = self._read_db.execute(self._sql.device, (device_id,)).get
            if row is None or row[0] != secret_hash:
                return None
            return self._read_db.execute(self._sql.alias, (row[1],)).get or str(row[1])

        return await self._read(query)

    async def consents(self, person_id: str) -> list[ConsentEntry]:
        """See ``Store.consents``."""
        return await self._read(lambda: self._facts.consents(person_id))

    async def documents(self, *, archived: bool = False) -> tuple[int, list[DocumentRow]]:
        """See ``Store.documents``."""
        return await self._read(lambda: self._documents.newest(archived=archived))

    async def records(
        self, after: int, limit: int, *, subject: str = "", person_id: str = ""
    ) -> list[RecordRow]:
        """See ``Store.records``."""
        sql: str = self._sql.records
        row: tuple[str | int, ...] = (after, limit)
        if subject:
            sql, row = self._sql.records_of_subject, (subject, person_id, person_id, *row)
        elif person_id:
            sql, row = self._sql.records_of_person, (person_id, *row)

        return await self._read(lambda: record_rows(self._read_db, sql, row))

    async def versions(self, kind: str, ids: Collection[str]) -> list[DocumentRow]:
        """See ``Store.versions``."""
        return await self._read(lambda: self._documents.versions(kind, ids))

    async def counts(self) -> dict[str, int]:
        """See ``Store.counts``."""

        def query() -> dict[str, int]:
            states = dict(self._read_db.execute(self._sql.message_states))
            last = self._read_db.execute(self._sql.last_position).get
            done = self._read_db.execute(self._sql.fact, ("position",)).get or 0
            over = self._read_db.execute(self._sql.count_passed_over).get
            return {"log": last, "pending": last - done, "passed_over": over, **states}

        return await self._read(query)

    async def close(self) -> None:
        """See ``Store.close``."""
        await self._writer.close()
        self._reader.shutdown()
        self._read_db.close()
        self._write_db.close()
        self._lock.close()


def open_sqlite(folder: Path) -> SqliteStore:
    """
    Open (or make) the store in ``folder``; needs a running event loop.

    Raises:
        StartError: Another gateway holds the folder, SQLite is too old, the file system cannot be
            trusted, or the file is damaged.

    """
    if tuple(int(n) for n in apsw.sqlite_lib_version().split(".")) < SQLITE_MIN:
        raise StartError(
            f"SQLite {apsw.sqlite_lib_version()} can lose commits; fencepost needs 3.51.3 or "
            "newer: pip install -U apsw"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = lock_folder(folder)
    path = folder / "fencepost.db"
    path.touch(mode=0o600)
    try:
        return SqliteStore(path, lock, ack_level_of(folder))
    except BaseException as error:
        lock.close()
        if isinstance(error, apsw.CorruptError | apsw.NotADBError):
            raise StartError(
                f"{path} is damaged ({type(error).__name__}). It is left as it is. Restore a "
                f"backup, or save what can be read: sqlite3 {path} .recover | sqlite3 rescued.db"
            ) from error
        raise
