"""Documents in SQLite: versions under a revision."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from types import SimpleNamespace

import apsw

from fencepost_gateway.intake.records import Published
from fencepost_gateway.ports import DocumentRow
from fencepost_gateway.stores.sqlite_door import Door


class Documents:
    """Versions of documents; ``publish`` runs on the writing side, what reads on the other."""

    def __init__(self, db: apsw.Connection, sql: SimpleNamespace) -> None:
        self._db = db
        self._sql = sql

    def publish(
        self, found: Sequence[DocumentRow], door: Door, after: int | None, now_ms: int
    ) -> int | None:
        """See ``Store.publish``; in the caller's transaction."""
        revision: int = self._db.execute(self._sql.fact, ("revision",)).get or 0
        if after not in {None, revision}:
            return None
        revision += 1
        for r in found:
            row = (r.kind, r.id, r.version, r.state, r.body, r.applied_ms, r.first_ms)
            self._db.execute(self._sql.put_document, (*row, r.folder, r.publisher))
        self._db.execute(self._sql.set_fact, ("revision", revision))
        door.append(Published(revision), now_ms)
        return revision

    def newest(self, *, archived: bool) -> tuple[int, list[DocumentRow]]:
        """See ``Store.documents``."""
        with self._db:
            revision = self._db.execute(self._sql.fact, ("revision",)).get or 0
            found = [DocumentRow(*r) for r in self._db.execute(self._sql.documents)]
        return revision, [r for r in found if archived or r.state == "live"]

    def versions(self, kind: str, ids: Collection[str]) -> list[DocumentRow]:
        """See ``Store.versions``."""
        row = (kind, json.dumps(list(ids)))
        return [DocumentRow(*found) for found in self._db.execute(self._sql.versions, row)]
