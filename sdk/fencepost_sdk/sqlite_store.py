"""
SQLite store: the queue and everything else that must survive the process.

Not pure: one file, one connection, one process (``slot.py``). The caller holds a lock around every
call; each public method that changes something is one transaction, or part of the caller's
``transaction``.

Rule 1. WAL with ``synchronous=NORMAL``: a commit survives the death of the app. ``FULL`` on
        request, and always for consent: it survives the loss of power.
Rule 2. Every opening draws a ``stream``; ``seq`` counts 1, 2, 3 ... within it and is used up by the
        commit, also when the event itself has to yield in that commit.
Rule 3. Every event that leaves without a verdict is counted by reason, and its seq stands in
        ``loss`` until the gateway has been told.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from fencepost_sdk.ledger import Ledger, Row
from fencepost_sdk.message_table import MessageTable
from fencepost_sdk.queue import CLASS_OF, NEVER, Totals, Yield, overflow
from fencepost_sdk.schema import SCHEMA, SCHEMA_VERSION, UPGRADES
from fencepost_sdk.uploader import Effects, Item

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fencepost_sdk.limits import Limits
    from fencepost_sdk.wire import Loss

READY, HELD, ASIDE = 0, 1, 2
MEMORY = ":memory:"
ITEM = "SELECT id, stream, seq, size, envelope FROM event"


class NewEvent(NamedTuple):
    """What is known of an event before it has a seq; ``encode`` makes its bytes of that."""

    event_id: str
    kind: str
    is_held: bool
    envelope: int
    encode: Callable[[int], bytes]


class Known(NamedTuple):
    """What the store knows of an event: where it waits, or how it ended."""

    kind: str
    state: str
    code: str
    path: str
    at_ms: int


class UnreadableStoreError(Exception):
    """The file is no store, or a damaged one."""


class SqliteStore:
    """The tables of ``schema.py`` behind names that say what happens to events."""

    def __init__(self, path: str, *, stream: str, limits: Limits, fsync: bool = False) -> None:
        self.stream = stream
        self.in_flight: frozenset[int] = frozenset()
        self._limits = limits
        self._fsync = fsync
        self._seq = 0
        self._depth = 0
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
        self.ledger = Ledger(self._db, limits)
        self.messages = MessageTable(self._db, limits)
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            self._db.close()
            if isinstance(error, sqlite3.OperationalError):
                raise  # a full disk or a folder we may not write is not damage
            raise UnreadableStoreError(type(error).__name__) from error
        except UnreadableStoreError:
            self._db.close()
            raise

    def _open(self) -> None:
        run = self._db.execute
        run("PRAGMA locking_mode=EXCLUSIVE")
        run("PRAGMA journal_mode=WAL")
        run(f"PRAGMA synchronous={'FULL' if self._fsync else 'NORMAL'}")
        version = run("PRAGMA user_version").fetchone()[0]
        if version == 0:
            with self.transaction():
                for statement in SCHEMA.split(";")[:-1]:
                    run(statement)
                run(f"PRAGMA user_version={SCHEMA_VERSION}")
        elif version > SCHEMA_VERSION:
            raise UnreadableStoreError(f"schema {version} is newer than {SCHEMA_VERSION}")
        elif run("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise UnreadableStoreError("quick_check")
        elif version < SCHEMA_VERSION:
            self._upgrade(version)
        self.totals = self._counted()

    def _upgrade(self, version: int) -> None:
        """Bring the tables of an older release up to now, all or nothing."""
        with self.transaction():
            for older in range(version, SCHEMA_VERSION):
                for statement in UPGRADES[older].split(";")[:-1]:
                    self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def close(self) -> None:
        """Close the file; nothing that was committed is lost."""
        self._db.close()

    @property
    def is_in_transaction(self) -> bool:
        """Whether a commit is still to come."""
        return self._depth > 0

    @contextmanager
    def transaction(self, *, fsync: bool = False) -> Iterator[None]:
        """Commit all that happens inside at once, or nothing; ``fsync`` as in Rule 1."""
        if self._depth:
            yield
            return
        seq, forced = self._seq, fsync and not self._fsync
        if forced:
            self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("BEGIN IMMEDIATE")
        self._depth = 1
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            self._seq = seq
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            self.totals = self._counted()
            raise
        finally:
            self._depth = 0
            if forced:
                self._db.execute("PRAGMA synchronous=NORMAL")

    def _counted(self) -> Totals:
        totals = Totals()
        for kind, state, count, size in self._db.execute(
            "SELECT kind, state, COUNT(*), SUM(size) FROM event WHERE state < 2 GROUP BY 1, 2"
        ):
            totals.add(kind, size, is_held=state == HELD, count=count)
        return totals

    # -- events in ---------------------------------------------------------------------------------

    def put(self, event: NewEvent, now_ms: int) -> str:
        """Store an event and bring the queue into its bounds; give the reason when it fell."""
        with self.transaction():
            self._seq += 1
            raw = event.encode(self._seq)
            if len(raw) > self._limits.event_bytes:
                gone = Row(0, event.event_id, event.kind, READY, 0, self.stream, self._seq)
                self.ledger.lose("too_large", [gone], now_ms)
                return "too_large"
            klass, state = CLASS_OF[event.kind], HELD if event.is_held else READY
            row = (self.stream, self._seq, event.event_id, event.kind, klass, state, now_ms)
            cursor = self._db.execute(
                "INSERT INTO event (stream, seq, event_id, kind, klass, state, stored_ms,"
                " size, envelope, raw) VALUES (?,?,?,?,?,?,?,?,?,?)",
                (*row, len(raw), event.envelope, raw),
            )
            self.totals.add(event.kind, len(raw), is_held=event.is_held)
            return self._fit(cursor.lastrowid or 0, now_ms)

    def _fit(self, key: int, now_ms: int) -> str:
        """Drop what the bounds ask for; give the reason when that was ``key`` itself."""
        while (must := overflow(self.totals, self._limits)) is not None:
            gone = self._oldest(must)
            if not gone:
                return ""  # only what is in flight could yield: its verdict makes the room
            self._drop(gone)
            self.ledger.lose(must.reason, gone, now_ms)
            if gone[0].key == key:
                return must.reason
        return ""

    def _oldest(self, must: Yield) -> list[Row]:
        where = "klass = ? AND state " + ("= 1" if must.is_held else "< 2")
        if must.is_fix:
            where += " AND kind = 'fix'"
        if self.in_flight:
            where += f" AND id NOT IN ({','.join(map(str, sorted(self.in_flight)))})"
        return self._select(f"{where} ORDER BY id LIMIT 1", (must.klass,))

    def _select(self, where: str, values: Sequence[object] = ()) -> list[Row]:
        """Read what dropping needs to know of the events ``where``."""
        rows = self._db.execute(
            "SELECT id, event_id, kind, state, size, stream, seq FROM event WHERE "  # noqa: S608
            + where,  # constant words of this module; values are bound
            values,
        )
        return [Row(*row) for row in rows]

    def _drop(self, rows: Iterable[Row]) -> None:
        rows = list(rows)
        self._db.executemany("DELETE FROM event WHERE id = ?", [(row.key,) for row in rows])
        for row in rows:
            if row.state != ASIDE:
                self.totals.add(row.kind, -row.size, is_held=row.state == HELD, count=-1)

    def note_store_lost(self) -> None:
        """Count that an unreadable store was set aside: how many events it held, nobody knows."""
        with self.transaction():
            self.ledger.count("lost:store_lost")
            self.ledger.note("store_lost", "normal", "", 1)

    # -- events out --------------------------------------------------------------------------------

    def urgent(self) -> list[Item]:
        """Read the oldest consent changes."""
        rows = self._db.execute(
            f"{ITEM} WHERE klass = ? AND state = 0 ORDER BY id LIMIT ?",
            (NEVER, self._limits.batch_events),
        )
        return [Item(*row) for row in rows]

    def ready(self) -> list[Item]:
        """Read the oldest events that may be sent; enough for one batch."""
        rows = self._db.execute(
            f"{ITEM} WHERE +state = 0 AND +klass < ? ORDER BY id LIMIT ?",
            (NEVER, self._limits.batch_events),
        )
        return [Item(*row) for row in rows]

    def stored_ms(self, key: int) -> int:
        """Say when the event ``key`` was stored."""
        row = self._db.execute("SELECT stored_ms FROM event WHERE id = ?", (key,)).fetchone()
        return int(row[0])

    def raw(self, keys: Sequence[int]) -> list[bytes]:
        """Read the stored bytes of ``keys``, in order."""
        marks = ",".join("?" * len(keys))
        rows = self._db.execute(
            f"SELECT raw FROM event WHERE id IN ({marks}) ORDER BY id",  # noqa: S608 - only marks
            keys,
        )
        return [row[0] for row in rows]

    def oldest_seq(self, stream: str, *, with_losses: bool) -> int | None:
        """Say the lowest seq of ``stream`` that is still here (or lost and not told yet)."""
        row = self._db.execute(
            "SELECT MIN(seq) FROM event WHERE stream = ? AND state < 2", (stream,)
        ).fetchone()
        lost = self._db.execute("SELECT MIN(lo) FROM loss WHERE stream = ?", (stream,)).fetchone()
        known = [row[0], lost[0] if with_losses else None]
        return min((seq for seq in known if seq is not None), default=None)

    def newest_key(self) -> int:
        """Say the key of the newest event that may be sent; 0 when there is none."""
        row = self._db.execute(
            "SELECT id FROM event WHERE +state = 0 ORDER BY id DESC LIMIT 1"
        ).fetchone()
        return int(row[0]) if row else 0

    def left(self, up_to: int) -> int:
        """Count what may be sent and is not newer than ``up_to``."""
        row = self._db.execute(
            "SELECT COUNT(*) FROM event WHERE +state = 0 AND id <= ?", (up_to,)
        ).fetchone()
        return int(row[0])

    def settle(self, effects: Effects, told: Sequence[Loss], now_ms: int) -> None:
        """Do in one commit what an answer asks for."""
        with self.transaction():
            ruled = {each.key: each for each in effects.decided}
            marks = ",".join("?" * len(ruled))
            rows = self._select(f"id IN ({marks})", tuple(ruled)) if ruled else []
            self._drop(rows)
            self.ledger.end([(row, ruled[row.key]) for row in rows], now_ms)
            for key in effects.quarantined:
                self._quarantine(key, now_ms)
            if effects.answer is not None:
                self.ledger.forget_told(told)

    def _quarantine(self, key: int, now_ms: int) -> None:
        rows = self._select("id = ? AND state < 2", (key,))
        for row in rows:
            self.totals.add(row.kind, -row.size, is_held=row.state == HELD, count=-1)
        self._db.execute("UPDATE event SET state = 2 WHERE id = ?", (key,))
        self.ledger.lose("quarantined", rows, now_ms)
        self._db.execute(
            "DELETE FROM event WHERE state = 2 AND id NOT IN"
            " (SELECT id FROM event WHERE state = 2 ORDER BY id DESC LIMIT ?)",
            (self._limits.quarantined,),
        )

    # -- consent and age ---------------------------------------------------------------------------

    def release(self) -> None:
        """Let what was held go, in its order."""
        self._db.execute("UPDATE event SET state = 0 WHERE state = 1")
        totals = self.totals
        totals.ready = [a + b for a, b in zip(totals.ready, totals.held, strict=True)]
        totals.held = [0, 0, 0, 0]
        totals.ready_bytes, totals.held_bytes = totals.ready_bytes + totals.held_bytes, 0

    def clear(self, now_ms: int, *, fixes: bool) -> None:
        """Drop positions, or everything else that is not consent, because consent went."""
        is_place = "IN" if fixes else "NOT IN"
        rows = self._select(f"kind {is_place} ('fix', 'check_in') AND klass < ?", (NEVER,))
        self._drop(rows)
        self.ledger.lose("consent", [row for row in rows if row.state != ASIDE], now_ms)

    def expire(self, now_ms: int) -> None:
        """Drop what is too old, and what was held too long."""
        for reason, state, age_ms in (
            ("held_expired", HELD, self._limits.held_age_ms),
            ("too_old", READY, self._limits.age_ms),
        ):
            where = "+state = ? AND stored_ms < ? AND klass < ?"
            rows = self._select(where, (state, now_ms - age_ms, NEVER))
            if rows:
                with self.transaction():
                    self._drop(rows)
                    self.ledger.lose(reason, rows, now_ms)

    # -- what is known -----------------------------------------------------------------------------

    def quarantined(self) -> int:
        """Count what is set aside."""
        return int(self._db.execute("SELECT COUNT(*) FROM event WHERE +state = 2").fetchone()[0])

    def known(self, event_id: str) -> Known | None:
        """Say where an event waits, or how it ended; None when that is not remembered."""
        row = self._db.execute(
            "SELECT kind, state, stored_ms FROM event WHERE event_id = ?", (event_id,)
        ).fetchone()
        if row is not None:
            return Known(row[0], ("queued", "held", "quarantined")[row[1]], "", "", row[2])
        ended = self.ledger.outcome(event_id)
        return None if ended is None else Known(*ended)

    # -- small tables ------------------------------------------------------------------------------

    def meta(self) -> dict[str, str]:
        """Read every named value."""
        return dict(self._db.execute("SELECT name, value FROM meta").fetchall())

    def set_meta(self, name: str, value: str) -> None:
        """Store a named value."""
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    def envelope_id(self, who: str, context: str) -> int:
        """Give identity and context a number; the same pair keeps its number."""
        self._db.execute(
            "INSERT OR IGNORE INTO envelope (who, context) VALUES (?, ?)", (who, context)
        )
        row = self._db.execute(
            "SELECT id FROM envelope WHERE who = ? AND context = ?", (who, context)
        ).fetchone()
        return int(row[0])

    def envelope(self, number: int) -> tuple[str, str]:
        """Read identity and context of a number."""
        row = self._db.execute("SELECT who, context FROM envelope WHERE id = ?", (number,))
        who, context = row.fetchone()
        return (who, context)

    def consent(self) -> list[tuple[str, str, str, int]]:
        """Read every statement: purpose, value, channel, moment."""
        return self._db.execute("SELECT purpose, value, channel, at_ms FROM consent").fetchall()

    def set_consent(self, purpose: str, channel: str, value: str, at_ms: int) -> None:
        """Store a statement."""
        self._db.execute(
            "INSERT OR REPLACE INTO consent (purpose, channel, value, at_ms) VALUES (?,?,?,?)",
            (purpose, channel, value, at_ms),
        )

    def forget_consent_but_no(self) -> None:
        """Forget every statement but ``n``: a refusal outlives a log-out, a permission does not."""
        self._db.execute("DELETE FROM consent WHERE value <> 'n'")
