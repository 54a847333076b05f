"""
The file of the SQLite store: lock, connection, schema, and what a commit in it survives.

Rule 1. What cannot be done durably here is refused at the start, with the way out.
Rule 2. Migrations only go forward, each in one transaction with its number.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

import apsw

from fencepost_gateway.errors import StartError
from fencepost_gateway.ports import AckLevel
from fencepost_gateway.stores.sql import load_migrations
from fencepost_gateway.stores.sqlite_former import teach

ACK_ORDER = ("memory", "os", "fsync")  # the least first
READ_MAX_MS = 5_000
PAGE_BYTES = 8192  # an upload of 50 events in one page: half the writes of 4096


def lock_folder(folder: Path) -> IO[str]:
    """Take the folder for this process; the lock dies with it."""
    lock = (folder / "fencepost.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise StartError(
            f"another gateway (process {holder}) uses {folder}: stop it, or set "
            "FENCEPOST_DATA_DIR to another folder"
        ) from error
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def connect(path: Path, *, read_only: bool = False) -> apsw.Connection:
    """Open a connection; the one that writes is durable, which is read back."""
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE
    db = apsw.Connection(str(path), flags=flags, statementcachesize=256)
    db.set_busy_timeout(READ_MAX_MS)
    if not read_only:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = ON")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        mode = db.execute("PRAGMA journal_mode").get
        level = db.execute("PRAGMA synchronous").get
        if (mode, level) != ("wal", 2):
            raise StartError(f"{path} cannot be opened durably (journal {mode}, sync {level})")
    return db


def migrate(db: apsw.Connection) -> None:
    """Bring the schema forward; a schema from the future is refused."""
    have = db.execute("PRAGMA user_version").get
    steps = load_migrations()
    newest = steps[-1][0]
    if have > newest:
        raise StartError(
            f"the store's schema is version {have}, this release knows {newest}: "
            "use the newer release; migrations only go forward"
        )
    teach(db)
    for number, script in steps:
        if number > have:
            with db:
                db.execute(script)
                db.execute(f"PRAGMA user_version = {number}")


def ack_level_of(folder: Path) -> AckLevel:
    """Find out what a commit in ``folder`` survives, from its file system."""
    kind = _file_system(folder.resolve())
    if kind in {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"}:
        raise StartError(
            f"{folder} is on a network file system ({kind}), where SQLite cannot keep its "
            "promises: set FENCEPOST_DATA_DIR to a local disk"
        )
    return "os" if kind in {"tmpfs", "ramfs"} else "fsync"


def _file_system(folder: Path) -> str:
    """Give the type of the file system that ``folder`` is on, empty where it cannot be told."""
    try:
        mounts = Path("/proc/self/mounts").read_text("utf-8").splitlines()
    except OSError:
        return ""
    found = [line.split()[1:3] for line in mounts]
    below = [(len(m), kind) for m, kind in found if folder.is_relative_to(m)]
    return max(below)[1] if below else ""
