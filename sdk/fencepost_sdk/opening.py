"""
Opening: from a data folder to a store that works, whatever the folder is like.

Not pure: files, locks. It does not fail: where nothing can be written the store is in memory, and
``Tracked.level`` says so.

Rule 1. An unreadable store is set aside and a new one begun; the caller is told, because a new
        store is a new device.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from fencepost_sdk import ids
from fencepost_sdk.slot import Slot, take_slot
from fencepost_sdk.sqlite_store import MEMORY, SqliteStore, UnreadableStoreError

if TYPE_CHECKING:
    from pathlib import Path

    from fencepost_sdk.clock import Clock
    from fencepost_sdk.limits import Limits

DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class Opening(NamedTuple):
    """A store, the slot that holds it (None: memory), and what went wrong on the way."""

    store: SqliteStore
    slot: Slot | None
    problem: Exception | None = None


def open_store(data_dir: Path, limits: Limits, clock: Clock, *, fsync: bool) -> Opening:
    """Open the first free slot of ``data_dir``, or a store in memory."""
    try:
        slot = take_slot(data_dir)
    except OSError as error:
        return Opening(_opened(MEMORY, limits, clock, fsync=fsync), None, error)
    return open_in(slot, limits, clock, fsync=fsync)


def open_in(slot: Slot, limits: Limits, clock: Clock, *, fsync: bool) -> Opening:
    """Open the store of a slot that is ours."""
    path = str(slot.store_path)
    try:
        try:
            return Opening(_opened(path, limits, clock, fsync=fsync), slot)
        except UnreadableStoreError as error:
            slot.set_aside(clock.wall_ms())
            store = _opened(path, limits, clock, fsync=fsync)
            store.note_store_lost()
            return Opening(store, slot, error)
    except (OSError, sqlite3.Error, UnreadableStoreError) as error:
        slot.release()
        return Opening(_opened(MEMORY, limits, clock, fsync=fsync), None, error)


def is_damage(error: sqlite3.Error) -> bool:
    """Say whether an error means that the file itself is broken."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGE


def _opened(path: str, limits: Limits, clock: Clock, *, fsync: bool) -> SqliteStore:
    stream = ids.token(clock.entropy(ids.STREAM_ENTROPY_BYTES))
    return SqliteStore(path, stream=stream, limits=limits, fsync=fsync)
