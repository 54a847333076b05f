"""
The SQLite store read from its file: beside a gateway that serves, or without one.

Nothing is locked and nothing is written, so it harms neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import apsw

from fencepost_gateway.errors import StartError
from fencepost_gateway.ports import DocumentRow
from fencepost_gateway.stores.sql import load_migrations, load_queries
from fencepost_gateway.stores.sqlite_file import connect


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
