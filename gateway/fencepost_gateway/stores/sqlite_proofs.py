"""
The SQLite store's chain of consent proofs: append, read, and read while nobody serves.

Appending runs on the writer's thread inside the transaction of the change. What was written once is
never written again: the one exception is a chain that has not begun, when a store of a former
release is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import apsw
from msgspec import structs

from fencepost_gateway.decide.proof import ProofHead, ProofRow, hash_of
from fencepost_gateway.ports import SignHead
from fencepost_gateway.stores.sqlite_reading import reading
from fencepost_gateway.stores.sqlite_side import Side

PAGE = 1000


def append_proof(db: apsw.Connection, sql: SimpleNamespace, row: ProofRow) -> None:
    """Put a change at the end of the chain, whatever number it was given."""
    number, head = db.execute(sql.proof_head).get or (0, b"")
    numbered = structs.replace(row, number=number + 1)
    chained = structs.replace(numbered, hash=hash_of(head, numbered))
    db.execute(sql.put_proof, structs.astuple(chained))


class SqliteProofs:
    """``ProofBook`` of the SQLite store."""

    def __init__(self, read: Side, write: Side, sql: SimpleNamespace) -> None:
        self._read = read
        self._write = write
        self._sql = sql

    async def page(self, after: int, limit: int, *, person_id: str = "") -> list[ProofRow]:
        """See ``ProofBook.page``."""
        return await self._read.run(
            lambda: _proofs(self._read.db, self._sql, after, limit, person_id)
        )

    async def sign(self, sign: SignHead, day: int) -> bool:
        """See ``ProofBook.sign``."""
        run, sql = self._write.db.execute, self._sql

        def unit() -> bool:
            last = run(sql.proof_head).get
            if last is None or run(sql.proof_head_of, (day,)).get:
                return False
            run(sql.put_proof_head, structs.astuple(sign(*last)))
            return True

        return await self._write.run(unit)

    async def heads(self) -> list[ProofHead]:
        """See ``ProofBook.heads``."""
        return await self._read.run(lambda: _heads(self._read.db, self._sql))


def begin_chain(db: apsw.Connection, sql: SimpleNamespace) -> None:
    """Chain what a former release wrote, if nothing is chained yet; all of it or nothing."""
    if db.execute(sql.proof_chained).get:
        return
    head, number = b"", 0
    with db:
        while page := _page(db, sql, number, ""):
            for row in page:
                head, number = hash_of(head, row), row.number
                db.execute(sql.chain_proof, (head, number))


def _proofs(
    db: apsw.Connection, sql: SimpleNamespace, after: int, limit: int, person_id: str
) -> list[ProofRow]:
    if person_id:
        found = db.execute(sql.proofs_of, (person_id, person_id, after, limit))
    else:
        found = db.execute(sql.proofs, (after, limit))
    return [ProofRow(*row) for row in found]


def read_proofs(folder: Path, person_id: str = "") -> Iterator[ProofRow]:
    """Read the chain in ``folder`` from its file (see ``reading``)."""
    with reading(folder) as (db, sql):
        after = 0
        while page := _page(db, sql, after, person_id):
            yield from page
            after = page[-1].number


def read_heads(folder: Path) -> list[ProofHead]:
    """Read the signed heads in ``folder`` (see ``reading``)."""
    with reading(folder) as (db, sql):
        return _heads(db, sql)


def _page(db: apsw.Connection, sql: SimpleNamespace, after: int, person_id: str) -> list[ProofRow]:
    return _proofs(db, sql, after, PAGE, person_id)


def _heads(db: apsw.Connection, sql: SimpleNamespace) -> list[ProofHead]:
    return [ProofHead(*row) for row in db.execute(sql.proof_heads)]
