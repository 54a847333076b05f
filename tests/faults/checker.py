"""
Checker: reads ledgers and stores after a run, and says whether the promises were kept.

Whatever it says comes from files of processes that have ended: the ledgers, the SDKs' stores, the
gateway's store. It trusts no counter that the gateway keeps of itself where rows can be counted.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import msgspec

from fencepost_gateway.credentials import open_credentials
from fencepost_gateway.intake import records, wire
from fencepost_gateway.intake.marks import Marks
from fencepost_gateway.intake.records import LogRecord, Published, Upload
from fencepost_gateway.ports import RecordRow
from fencepost_gateway.stores.sqlite import SqliteStore, open_sqlite
from fencepost_gateway.workers.group import Group
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.states import States

_plain = msgspec.msgpack.Decoder()
_marks: msgspec.msgpack.Decoder[Marks] = msgspec.msgpack.Decoder(Marks)


@dataclass(slots=True)
class AppLedger:
    """What one app's ledger and SDK store say."""

    tracked: dict[str, str] = field(default_factory=dict)  # event id -> what
    exchanges: list[tuple[int, int]] = field(default_factory=list)
    acked_seqs: set[tuple[str, int]] = field(default_factory=set)
    verdicts: dict[str, str] = field(default_factory=dict)  # event id -> the SDK's outcome
    waiting: int = 0
    losses: dict[str, int] = field(default_factory=dict)


def read_app(ledger: Path, sdk_folder: Path) -> AppLedger:
    """Read an app's ledger and, below it, the SDK's store."""
    app = AppLedger()
    for text in ledger.read_text("utf-8").splitlines():
        line = json.loads(text)
        if line["kind"] == "tracked":
            assert line["level"] in {"os", "fsync"}, line
            app.tracked[line["event_id"]] = line["what"]
        else:
            app.exchanges.append((line["began_ns"], line["ended_ns"]))
            app.acked_seqs |= set(_acked(line["stream"], line["verdicts"]))
    (store,) = sdk_folder.rglob("*.db")
    db = sqlite3.connect(store)
    app.verdicts = dict(db.execute("SELECT event_id, verdict FROM outcome ORDER BY id"))
    app.waiting = db.execute("SELECT count(*) FROM event").fetchone()[0]
    lost = "SELECT name, n FROM counter WHERE name LIKE 'lost:%' AND n > 0"
    app.losses = dict(db.execute(lost))
    db.close()
    return app


def _acked(stream: str, verdicts: Mapping[str, Any] | None) -> Iterable[tuple[str, int]]:
    if verdicts is None:
        return
    for low, high in verdicts["accepted"]:
        yield from ((stream, seq) for seq in range(low, high + 1))
    for other in verdicts["others"]:
        if other["verdict"] == "duplicate":
            yield stream, other["seq"]


@dataclass(slots=True)
class House:
    """What the gateway's store holds."""

    stored: Counter[str] = field(default_factory=Counter)  # event id -> how often in the log
    seqs: Counter[tuple[str, int]] = field(default_factory=Counter)
    log: list[LogRecord] = field(default_factory=list)
    position: int = 0
    persons: dict[str, bytes] = field(default_factory=dict)
    tracks: dict[str, bytes] = field(default_factory=dict)
    records: list[RecordRow] = field(default_factory=list)
    messages: dict[str, str] = field(default_factory=dict)  # message id -> state
    bodies: dict[str, bytes] = field(default_factory=dict)  # message id -> what was wanted
    inbox: set[str] = field(default_factory=set)  # message ids
    reasons: dict[str, str] = field(default_factory=dict)  # message id -> primary reason
    deliveries: dict[str, str] = field(default_factory=dict)  # delivery id -> state
    slot_states: dict[str, str] = field(default_factory=dict)  # message id -> state of its slot
    slots: Counter[str] = field(default_factory=Counter)
    marks: dict[tuple[str, str], Marks] = field(default_factory=dict)  # (device, stream)
    sizes: dict[str, int] = field(default_factory=dict)  # audience id -> counted in, less out
    timers: dict[str, int] = field(default_factory=dict)  # person id -> due
    integrity: str = ""


def read_house(data_dir: Path) -> House:
    """Read the store of a gateway that has ended."""
    db = apsw.Connection(str(data_dir / "fencepost.db"))
    house = House()
    for position, at_ms, body in db.execute(
        "SELECT position, appended_ms, body FROM log ORDER BY position"
    ):
        record = records.decode(body)
        house.log.append(LogRecord(position, at_ms, record))
        if isinstance(record, Upload):
            house.stored.update(e.event_id for e in record.events)
            house.seqs.update((record.stream, e.seq) for e in record.events)
    house.position = db.execute("SELECT value FROM fact WHERE name = 'position'").get or 0
    house.persons = dict(db.execute("SELECT person_id, body FROM person"))
    house.tracks = dict(db.execute("SELECT device_id, body FROM track"))
    house.records = [
        RecordRow(cursor, at_ms, person, kind, subject, _plain.decode(body))
        for cursor, at_ms, person, kind, subject, body in db.execute(
            "SELECT cursor, at_ms, person_id, kind, subject, body FROM record ORDER BY cursor"
        )
    ]
    house.messages = dict(db.execute("SELECT message_id, state FROM message"))
    house.bodies = dict(db.execute("SELECT message_id, body FROM message"))
    house.inbox = {message_id for (message_id,) in db.execute("SELECT message_id FROM inbox")}
    house.reasons = dict(db.execute("SELECT message_id, reason FROM message"))
    house.deliveries = dict(db.execute("SELECT delivery_id, state FROM delivery"))
    house.slot_states = dict(db.execute("SELECT slot_id, state FROM slot"))
    house.slots.update(house.slot_states.values())
    house.marks = {
        (device_id, stream): _marks.decode(marks)
        for device_id, stream, marks in db.execute("SELECT device_id, stream, marks FROM stream")
    }
    sizes = "SELECT audience_id, sum(joined + filled - left - cleared) FROM audience_day GROUP BY 1"
    house.sizes = {audience_id: n for audience_id, n in db.execute(sizes) if n}
    house.timers = dict(db.execute("SELECT person_id, due_ms FROM person_timer"))
    house.integrity = db.execute("PRAGMA integrity_check").get
    db.close()
    return house


def is_quiet(path: Path) -> bool:
    """
    Say whether a store is at rest, by its rows: counters die with a process.

    The log is processed, every message has come to its end, and no person's timer runs.
    """
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        last = db.execute("SELECT max(position) FROM log").get
        done = db.execute("SELECT value FROM fact WHERE name = 'position'").get
        open_ = """SELECT count(*) FROM message WHERE state IN ('queued', 'deferred', 'sending')
          UNION ALL SELECT count(*) FROM person_timer"""
        return bool(last == done) and not any(n for (n,) in db.execute(open_))
    finally:
        db.close()


async def once_through(data_dir: Path, log: list[LogRecord]) -> tuple[States, list[RecordRow]]:
    """
    Fold the log once more, from its beginning, as if nobody had been killed.

    Returns:
        Persons and devices as they should be, and the transitions and steps there should be.

    """
    plans = Plans(open_credentials(data_dir).seed)
    store: SqliteStore = open_sqlite(data_dir)
    states, told = States(), list[RecordRow]()
    try:
        for record in log:
            if isinstance(record.record, Published):
                await plans.load(store)
                continue
            group = Group(states, plans, "default", record.position)
            group.take(record)
            told += group.close().records
    finally:
        await store.close()
    return states, told


def gist(rows: Iterable[RecordRow], *kinds: str) -> Counter[tuple[str, str, str]]:
    """Give what the pipeline's own records say, without their cursors."""
    return Counter(
        (row.kind, row.subject, json.dumps(row.body, sort_keys=True))
        for row in rows
        if row.kind in kinds
    )


def app_events(house: House, until: int | None = None) -> Counter[str]:
    """Count stored app events by name; those up to a position, if one is given."""
    return Counter(
        "screen" if isinstance(e, wire.Screen) else e.name
        for r in house.log
        if isinstance(r.record, Upload) and (until is None or r.position <= until)
        for e in r.record.events
        if isinstance(e, wire.Track | wire.Screen)
    )
