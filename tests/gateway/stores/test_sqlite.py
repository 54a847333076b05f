"""What the SQLite store promises beyond the port: one process, one file, one commit for many."""
# ruff: noqa: ASYNC220, ASYNC240 - nobody else runs on a test's loop, so it may block

import asyncio
import os
import stat
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from contract.store_kit import (
    SECRET,
    claimed,
    effects,
    facts_of,
    message,
    rooms,
    unwritable_upload,
    upload,
)
from fencepost_gateway.errors import StartError, StoreUnavailableError
from fencepost_gateway.intake.admission import Admission, AdmitFacts
from fencepost_gateway.intake.records import LogRecord, Published
from fencepost_gateway.ports import LOG_KEEP_MS, AdmitRequest
from fencepost_gateway.stores import sqlite_fences, sqlite_file
from fencepost_gateway.stores.sql import load_migrations
from fencepost_gateway.stores.sqlite import SqliteStore, open_sqlite
from fencepost_gateway.stores.sqlite_former import teach
from fencepost_gateway.stores.sqlite_tail import Tail
from gateway.batches import DAY_MS, NOW_MS, consent, event, visitor


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a data folder that does not exist yet."""
    return tmp_path / "data"


@pytest.fixture
async def store(folder: Path) -> AsyncIterator[SqliteStore]:
    """Give an empty store."""
    made = open_sqlite(folder)
    yield made
    await made.close()


def db_of(store: SqliteStore) -> apsw.Connection:
    """Give the write connection; only between units of work."""
    return store._write_db  # noqa: SLF001 - the test looks behind the port


def commits_of(store: SqliteStore) -> list[int]:
    """Count commits from now on: the list grows by one with each."""
    seen: list[int] = []

    def counted() -> bool:
        seen.append(1)
        return False

    db_of(store).set_commit_hook(counted)
    return seen


def fails() -> Any:
    """Fail, as a unit of work that has a bug."""
    raise ValueError("bad unit")


# ---- one process ---------------------------------------------------------------------------


async def test_folder_belongs_to_one_process(store: SqliteStore, folder: Path) -> None:
    """A second opening is refused, names the holder and says what to do."""
    assert store.ack_level in {"os", "fsync"}
    with pytest.raises(StartError, match=f"process {os.getpid()}.*FENCEPOST_DATA_DIR"):
        open_sqlite(folder)


async def test_folder_is_free_when_its_process_is_gone(folder: Path) -> None:
    """The lock dies with its holder, however it ended."""
    folder.mkdir()
    script = (
        "import fcntl, os, sys\n"
        f"lock = open({str(folder / 'fencepost.lock')!r}, 'a+')\n"
        "fcntl.flock(lock, fcntl.LOCK_EX)\n"
        "lock.write(str(os.getpid())); lock.flush()\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(StartError, match=f"process {holder.pid}"):
            open_sqlite(folder)
        holder.kill()
        holder.wait()
    store = open_sqlite(folder)

    assert await store.position() == 0
    await store.close()


async def test_files_are_for_their_owner_alone(store: SqliteStore, folder: Path) -> None:
    """Database, WAL and shared memory can be read by nobody else."""
    await store.append(Published(1), NOW_MS)
    files = [f for f in folder.iterdir() if f.name.startswith("fencepost.db")]

    assert {f.name for f in files} == {"fencepost.db", "fencepost.db-wal", "fencepost.db-shm"}
    assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


# ---- what is refused -----------------------------------------------------------------------


async def test_schema_of_a_newer_release_is_refused(folder: Path) -> None:
    """Migrations only go forward; nothing is changed, and the folder is let go."""
    await open_sqlite(folder).close()
    db = apsw.Connection(str(folder / "fencepost.db"))
    db.execute("PRAGMA user_version = 999")
    db.close()

    for _ in range(2):
        with pytest.raises(StartError, match=r"version 999.*newer release"):
            open_sqlite(folder)


@pytest.mark.parametrize("body", [b"not a database " * 400, b"SQLite format 3\0" + b"\xff" * 8192])
async def test_damaged_file_is_refused_and_left_as_it_is(folder: Path, body: bytes) -> None:
    """The start stops with the command that saves what can be saved; no byte is touched."""
    folder.mkdir()
    path = folder / "fencepost.db"
    path.write_bytes(body)

    with pytest.raises(StartError, match=r"damaged.*\.recover"):
        open_sqlite(folder)
    assert path.read_bytes() == body
    assert {f.name for f in folder.iterdir()} == {"fencepost.db", "fencepost.lock"}


async def test_old_sqlite_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A SQLite that can lose commits is named, with the cure."""
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.40.1")

    with pytest.raises(StartError, match=r"3\.40\.1.*pip install"):
        open_sqlite(folder)


@pytest.mark.parametrize(("kind", "level"), [("ext4", "fsync"), ("tmpfs", "os"), ("", "fsync")])
async def test_ack_level_is_found_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kind: str, level: str
) -> None:
    """On a file system in memory nothing survives a power cut, and the level says so."""
    monkeypatch.setattr(sqlite_file, "_file_system", lambda _: kind)
    store = open_sqlite(folder)
    await store.close()

    assert store.ack_level == level


async def test_network_file_system_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite cannot keep its promises there."""
    monkeypatch.setattr(sqlite_file, "_file_system", lambda _: "nfs4")

    with pytest.raises(StartError, match="nfs4"):
        open_sqlite(folder)


async def test_durability_is_what_the_pragmas_say(store: SqliteStore) -> None:
    """WAL with a sync at every commit, checkpoints only where we make them."""
    names = ("journal_mode", "synchronous", "fullfsync", "wal_autocheckpoint")
    found = [db_of(store).execute(f"PRAGMA {name}").get for name in names]

    assert found == ["wal", 2, 1, 0]


# ---- group commit --------------------------------------------------------------------------


async def test_units_that_wait_share_a_commit(store: SqliteStore) -> None:
    """A hundred writes at once need a handful of commits, and get a hundred positions."""
    commits = commits_of(store)
    found = await asyncio.gather(*(store.append(Published(n), NOW_MS) for n in range(100)))

    assert found == list(range(1, 101))
    assert 1 <= len(commits) <= 5


async def test_a_failing_unit_harms_only_itself(store: SqliteStore) -> None:
    """Its neighbours in the group commit; the log has no gap where it stood."""
    units: list[Callable[[], Any]] = [fails if n % 10 == 5 else ok(store, n) for n in range(40)]
    found = await asyncio.gather(*(store._write(u) for u in units), return_exceptions=True)  # noqa: SLF001 - a unit with a bug cannot be made through the port

    failed = [isinstance(f, ValueError) for f in found]
    assert failed == [n % 10 == 5 for n in range(40)]
    rows = await store.read_log(0, 100)
    assert [r.position for r in rows] == list(range(1, 37))
    assert [f for f in found if not isinstance(f, ValueError)] == list(range(1, 37))


def ok(store: SqliteStore, number: int) -> Callable[[], int]:
    """Give a unit of work that appends."""
    return lambda: store._door.append(Published(number), NOW_MS)  # noqa: SLF001 - as above


async def test_a_rolled_back_group_leaves_nothing_cached(store: SqliteStore) -> None:
    """Marks, consents, devices and links of a batch that failed are not remembered."""
    await store.admit(upload(event(1)))

    def breaks(facts: AdmitFacts) -> Admission:
        real = upload(event(2), consent(3, marketing="y"), event(4, "identify", user_id="u"))
        admission = real.admit(facts)
        admission.upload = unwritable_upload()
        return admission

    bad = AdmitRequest("device-1", SECRET, "stream-1", breaks, NOW_MS)
    good = upload(event(9))
    outcomes = await asyncio.gather(store.admit(good), store.admit(bad), return_exceptions=True)
    again = await store.admit(upload(event(2), event(9)))
    await store.commit(effects(0, message()))

    assert isinstance(outcomes[1], TypeError)
    assert again is not None
    assert (again.accepted, [(o.seq, o.verdict) for o in again.others]) == (
        [[2, 2]],
        [(9, "duplicate")],
    )
    assert again.person_id == visitor()
    assert (await facts_of(store)).consents == ()
    assert [r.position for r in await store.read_log(0, 10)] == [1, 2, 3]


# ---- a full disk ---------------------------------------------------------------------------


async def test_full_disk_raises_and_recovers(store: SqliteStore) -> None:
    """Nothing of a write that found no room is there; when there is room it goes on by itself."""
    await store.append(Published(0), NOW_MS)
    pages = db_of(store).execute("PRAGMA page_count").get
    db_of(store).execute(f"PRAGMA max_page_count = {pages}")
    large = message()
    large.cause.props["note"] = "x" * 100_000

    with pytest.raises(StoreUnavailableError):
        await store.commit(effects(1, large))
    unchanged = await store.position(), await store.due(NOW_MS, rooms(10))
    db_of(store).execute("PRAGMA max_page_count = 1000000")
    await store.commit(effects(1, large))

    assert unchanged == (0, [])
    assert await store.position() == 1
    assert (await claimed(store)).message == large


async def test_nobody_is_told_before_the_commit(store: SqliteStore) -> None:
    """A unit that ran well is not there until its transaction is; who asked hears of its end."""
    db_of(store).set_authorizer(_no_commit)
    with pytest.raises(StoreUnavailableError):
        await store.append(Published(1), NOW_MS)
    db_of(store).set_authorizer(None)

    assert await store.append(Published(2), NOW_MS) == 1


def _no_commit(action: int, name: str | None, *_: str | None) -> int:
    is_commit = action == apsw.SQLITE_TRANSACTION and name == "COMMIT"
    return apsw.SQLITE_DENY if is_commit else apsw.SQLITE_OK


async def test_a_checkpoint_that_finds_no_room_stops_nobody(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The WAL keeps what a checkpoint could not move; the writer goes on."""
    monkeypatch.setattr("fencepost_gateway.stores.sqlite_writer.CHECKPOINT_PAGES", 1)
    db_of(store).set_authorizer(_no_checkpoint)
    await store.append(Published(1), NOW_MS)

    assert await store.append(Published(2), NOW_MS) == 2


def _no_checkpoint(code: int, first: str | None, *_: Any) -> int:
    is_checkpoint = code == apsw.SQLITE_PRAGMA and first == "wal_checkpoint"
    return apsw.SQLITE_DENY if is_checkpoint else apsw.SQLITE_OK


async def test_checkpoints_keep_the_wal_short(store: SqliteStore, folder: Path) -> None:
    """The WAL is written back between transactions, so it does not grow with the log."""
    for n in range(12):
        rows = [Published(n)] * 100
        await asyncio.gather(*(store.append(r, NOW_MS) for r in rows))
        large = message(f"m-{n}")
        large.cause.props["note"] = "x" * 1_000_000
        await store.commit(effects(n, large))

    assert (folder / "fencepost.db-wal").stat().st_size < 10_000_000


# ---- reading -------------------------------------------------------------------------------


async def test_log_reads_the_same_from_memory_and_from_disk(
    store: SqliteStore,
) -> None:
    """The newest records are kept decoded; what is read back from the file is equal."""
    for n in range(1, 8):
        await store.admit(upload(event(n, props={"n": n, "half": n / 2}), consent(n + 100)))
    questions = [(0, 100), (0, 3), (3, 2), (6, 5), (7, 5), (20, 5)]
    from_tail = [await store.read_log(*q) for q in questions]
    store._tail = Tail(deque())  # noqa: SLF001 - as after a start
    from_disk = [await store.read_log(*q) for q in questions]

    assert from_tail == from_disk
    assert [len(rows) for rows in from_tail] == [7, 3, 2, 1, 0, 0]


async def test_log_is_read_from_disk_where_the_tail_has_moved_on(store: SqliteStore) -> None:
    """A reader far behind gets every record, none skipped."""
    tail: deque[LogRecord] = deque(maxlen=3)
    store._tail = Tail(tail)  # noqa: SLF001 - a short one
    for n in range(10):
        await store.append(Published(n), NOW_MS)

    assert [r.position for r in tail] == [8, 9, 10]
    for after in range(11):
        found: list[LogRecord] = await store.read_log(after, 100)
        assert [r.position for r in found] == list(range(after + 1, 11))


async def test_log_read_while_the_tail_moves_skips_nothing(store: SqliteStore) -> None:
    """The writer may push records out between two looks of a reader: then the file is asked."""

    class Moving(deque[LogRecord]):
        def __getitem__(self, at: Any) -> Any:
            first = super().__getitem__(at)
            self.append(newest)
            return first

    for n in range(4):
        await store.append(Published(n), NOW_MS)
    *older, newest = await store.read_log(0, 10)
    store._tail = Tail(Moving(older, maxlen=3))  # noqa: SLF001 - a writer at the worst moment

    assert [r.position for r in await store.read_log(0, 10)] == [1, 2, 3, 4]


async def pruned(store: SqliteStore, now_ms: int) -> None:
    """Let go of what is too old, except history and records."""
    await store.history.prune(now_ms, 0, 500)


async def test_trimmed_log_keeps_its_numbers(folder: Path) -> None:
    """Processed records of yesterday go; positions go on where they were, also after a start."""
    store = open_sqlite(folder)
    for n in range(3):
        await store.append(Published(n), NOW_MS)
    await store.commit(effects(3))
    await pruned(store, NOW_MS + LOG_KEEP_MS)
    kept = len(await store.read_log(0, 10))
    await pruned(store, NOW_MS + LOG_KEEP_MS + 1)
    await store.close()
    store = open_sqlite(folder)

    assert kept == 3
    assert [r.position for r in await store.read_log(0, 10)] == [3]
    assert await store.append(Published(9), NOW_MS) == 4
    await store.close()


async def test_unprocessed_records_are_never_trimmed(store: SqliteStore) -> None:
    """Whatever their age: the pipeline has not seen them."""
    for n in range(3):
        await store.append(Published(n), NOW_MS)
    await store.commit(effects(1))
    await pruned(store, NOW_MS + 10 * LOG_KEEP_MS)
    store._tail = Tail(deque())  # noqa: SLF001 - ask the file

    assert [r.position for r in await store.read_log(0, 10)] == [2, 3]


async def test_fence_days_are_read_page_by_page_to_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More rows than a page holds, over a start of the gateway too: none is left out or doubled."""
    monkeypatch.setattr(sqlite_fences, "PAGE_ROWS", 2)
    counted = {(day, name): {"enter": 1} for day in (7, 8) for name in "abcde"}
    store = open_sqlite(folder)
    await store.commit(effects(1, fence_days=counted))
    await store.close()
    store = open_sqlite(folder)

    assert await store.fences.days(7) == {name: {"enter": 2} for name in "abcde"}
    await store.close()


async def test_fence_days_older_than_a_month_go(store: SqliteStore) -> None:
    """Counts are kept for 31 days."""
    today = NOW_MS // DAY_MS
    counted = {(today - ago, "a"): {"enter": 1} for ago in (31, 32, 400)}
    await store.commit(effects(1, fence_days=counted))
    await pruned(store, NOW_MS)

    assert await store.fences.days(0) == {"a": {"enter": 1}}


# ---- migrations ----------------------------------------------------------------------------


def schema_of(path: Path) -> list[Any]:
    """Give the schema of a file and its number."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    found = list(db.execute("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"))
    number = db.execute("PRAGMA user_version").get
    db.close()
    return [*found, number]


async def test_fresh_schema_equals_every_migration_in_turn(folder: Path, tmp_path: Path) -> None:
    """A new store and one that came through every release have the same schema and number."""
    await open_sqlite(folder).close()
    stepwise = tmp_path / "stepwise.db"
    db = apsw.Connection(str(stepwise))
    teach(db)
    for number, script in load_migrations():
        db.execute(script)
        db.execute(f"PRAGMA user_version = {number}")
    db.close()

    assert schema_of(folder / "fencepost.db") == schema_of(stepwise)


async def test_migrations_are_numbered_without_gaps() -> None:
    """Each migration has the next number, from 1."""
    numbers = [number for number, _ in load_migrations()]

    assert numbers == list(range(1, len(numbers) + 1))


async def test_migration_that_was_cut_off_starts_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration and its number are one transaction: half of one is none."""
    real = load_migrations()
    broken = [(number, f"{script}; SELECT nonsense();") for number, script in real]
    monkeypatch.setattr(sqlite_file, "load_migrations", lambda: broken)
    with pytest.raises(apsw.SQLError):
        open_sqlite(folder)
    monkeypatch.setattr(sqlite_file, "load_migrations", lambda: real)
    store = open_sqlite(folder)

    assert await store.append(Published(1), NOW_MS) == 1
    await store.close()


async def test_close_finishes_what_waits(folder: Path) -> None:
    """Writes that were asked for before the end are there after it."""
    store = open_sqlite(folder)
    writes = [asyncio.ensure_future(store.append(Published(n), NOW_MS)) for n in range(2000)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writes)
    store = open_sqlite(folder)

    assert (await store.counts())["log"] == 2000
    await store.close()
