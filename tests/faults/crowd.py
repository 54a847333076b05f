"""
Crowd: persons by the thousand, written straight into the store of a gateway that does not run.

As their own uploads would have left them, though cheaper: a name, attributes, and no audiences yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec

from fencepost_gateway.decide.ids import person_id_of_user
from fencepost_gateway.decide.person import Person

_pack = msgspec.msgpack.Encoder().encode


def person_ids(count: int) -> list[str]:
    """Give the ids of so many persons of the default workspace."""
    return [person_id_of_user("default", f"u{n}") for n in range(count)]


def populate(db_path: Path, count: int, judged: str = "") -> None:
    """
    Write so many persons; every second one is a regular.

    Args:
        db_path: The store's file; nobody else writes it now.
        count: How many.
        judged: By which definitions of audiences; else they are judged at their first turn.

    """
    db = apsw.Connection(str(db_path))
    rows = _rows(count, judged)
    sql = "INSERT INTO person (person_id, body) VALUES (?, ?)"
    try:
        with db:
            db.executemany(sql, rows)
    finally:
        db.close()


def _rows(count: int, judged: str) -> Iterator[tuple[str, bytes]]:
    for n, person_id in enumerate(person_ids(count)):
        points = 300 if n % 2 else 100
        person = Person(person_id, user_id=f"u{n}", attributes={"points": points})
        person.judged = judged
        yield person_id, _pack(person)
