"""
The SQLite store read from its file: beside a gateway that serves, or without one.

Nothing is locked and nothing is written, so it harms neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apsw
import msgspec

from fencepost_gateway.decide.person import Person
from fencepost_gateway.errors import StartError
from fencepost_gateway.ports import DocumentRow
from fencepost_gateway.stores.sql import load_migrations, load_queries
from fencepost_gateway.stores.sqlite_file import connect
from fencepost_geofence.state import DeviceState


@contextmanager
def reading(folder: Path) -> Iterator[tuple[apsw.Connection, SimpleNamespace]]:
    """
    Open the store in ``folder`` to read it.

    Raises:
        StartError: There is no store, it is damaged, or another release has written it.

    """
    path = folder / "fencepost.db"
    if not path.exists():
        raise StartError(f"{folder} holds no store: set FENCEPOST_DATA_DIR to the gateway's folder")
    db = connect(path, read_only=True)
    try:
        if db.execute("PRAGMA user_version").get != load_migrations()[-1][0]:
            raise StartError(f"{path} is of another release: start the gateway of this one first")
        yield db, load_queries()
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise StartError(f"{path} is damaged ({type(error).__name__}): restore a backup") from error
    finally:
        db.close()


def read_live(folder: Path) -> list[DocumentRow]:
    """Read the live documents."""
    with reading(folder) as (db, sql):
        rows = [DocumentRow(*row) for row in db.execute(sql.documents)]
    return [row for row in rows if row.state == "live"]


def read_newest_ms(folder: Path) -> int:
    """Read when the newest record of the log was appended; 0 if there is none."""
    with reading(folder) as (db, sql):
        return int(db.execute(sql.newest_ms).get)


def read_unreadable(folder: Path) -> dict[str, tuple[int, Sequence[str]]]:
    """Read every person and tracker; gives how many there are, and the ids of the bad ones."""
    with reading(folder) as (db, sql):
        return {
            "person": _unreadable(db.execute(sql.every_person), Person),
            "device": _unreadable(db.execute(sql.every_track), DeviceState),
        }


def _unreadable(rows: Iterable[Any], shape: type) -> tuple[int, Sequence[str]]:
    decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(shape)
    count, bad = 0, list[str]()
    for name, body in rows:
        count += 1
        try:
            decoder.decode(body)
        except msgspec.DecodeError:
            bad.append(name)
    return count, bad


def read_passed_over(folder: Path, limit: int) -> tuple[int, list[tuple[int, int, str]]]:
    """Read how many records could not be folded; and position, moment and why of the newest."""
    with reading(folder) as (db, sql):
        newest = [(at, at_ms, why) for at, at_ms, why in db.execute(sql.passed_over, (limit,))]
        return int(db.execute(sql.count_passed_over).get), newest
