"""
Shelf: every document's newest version, what publishing would change of it, and who did.

Rule 1. Versions of an id go on rising, also beyond its archive: a version means one content for
        good. A document that comes back is live anew (``first_ms``): whoever is inside a fence
        then has not come in.
Rule 2. A document is kept in the folder that published it last by name (``fencepost apply``), also
        when somebody else changes or archives it then; that version says who did. A folder that
        publishes over the version of somebody else is told so: that is drift.
Rule 3. What was published from a folder and is no longer in it is ``left``. Nothing else is ever
        archived because a folder lacks it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from fencepost_gateway.documents.difference import CHANGES_MAX, differences
from fencepost_gateway.documents.document import Document, Problem
from fencepost_gateway.documents.teams import Team, strange, team_named
from fencepost_gateway.ports import DocumentRow
from fencepost_gateway.workers.plans import stored

COMPARED_MAX: Final = 500  # documents whose changes are told one by one


class Publisher(Struct, frozen=True):
    """Who publishes, from which folder (empty: none that has a name), and when."""

    name: str
    folder: str
    now_ms: int


def publisher_of(team: str, folder: str = "") -> str:
    """Say who publishes: a folder, else whose key it is."""
    if folder:
        return f"folder {folder}"
    return f"team {team}" if team else "an operator"


class Shelf(Struct, frozen=True):
    """Every document's newest version, at a revision."""

    revision: int
    newest: list[DocumentRow]

    @property
    def live(self) -> list[DocumentRow]:
        """Give those that are not archived."""
        return [row for row in self.newest if row.state == "live"]

    def team(self, name: str) -> Team | None:
        """Give the team whose key it is; None: an operator's, and nothing is barred."""
        libraries = [row for row in self.live if row.kind == "library"] if name else []
        return team_named(name, stored(libraries)) if name else None

    def strange(self, team: Team, documents: Sequence[Document]) -> list[Problem]:
        """Find what a team may not write of these (``documents.teams``)."""
        ids = {document.id for document in documents}
        old = [row for row in self.newest if row.kind == "fence" and row.id in ids]
        return strange(team, documents, {each.id: each for each in stored(old)})

    def left(
        self, documents: Sequence[Document], folder: str, team: Team | None
    ) -> list[DocumentRow]:
        """Give what is live from ``folder`` and not in it any more (Rule 3); to a team its own."""
        if not folder:
            return []
        rows = [row for row in self._beside(documents) if row.folder == folder]
        if team is None:
            return rows
        return [r for r, d in zip(rows, stored(rows), strict=True) if team.owns(d)]

    def elsewhere(self, documents: Sequence[Document], folder: str) -> dict[str, int]:
        """Count what else is live, by the folder it is kept in; empty: in none."""
        return Counter(row.folder for row in self._beside(documents) if row.folder != folder)

    def _beside(self, documents: Sequence[Document]) -> list[DocumentRow]:
        there = {(document.kind, document.id) for document in documents}
        return [row for row in self.live if (row.kind, row.id) not in there]


def changes(documents: Sequence[Document], shelf: Shelf, by: Publisher) -> list[DocumentRow]:
    """Give the new versions (Rule 1); a live document that says the same again is none."""
    known = {(r.kind, r.id): r for r in shelf.newest}
    found = []
    for document in documents:
        old = known.get((document.kind, document.id))
        is_live = old is not None and old.state == "live"
        body = document.canonical
        if old is not None and is_live and old.body == body:
            continue
        row = DocumentRow(
            kind=document.kind,
            id=document.id,
            version=old.version + 1 if old else 1,
            body=body,
            applied_ms=by.now_ms,
            first_ms=old.first_ms if old and is_live else by.now_ms,
            folder=by.folder or (old.folder if old else ""),
            publisher=by.name,
        )
        found.append(row)
    return found


def archived(row: DocumentRow, by: Publisher) -> DocumentRow:
    """Give the version that retires a document."""
    return structs.replace(
        row, version=row.version + 1, state="archived", applied_ms=by.now_ms, publisher=by.name
    )


def told_changes(rows: Sequence[DocumentRow], shelf: Shelf, folder: str) -> list[dict[str, Any]]:
    """Tell each new version: what it was, what is changed, and whose work it replaces."""
    known = {(r.kind, r.id): r for r in shelf.newest}
    return [
        _told(row, known.get((row.kind, row.id)), folder, is_compared=number < COMPARED_MAX)
        for number, row in enumerate(rows)
    ]


def _told(
    row: DocumentRow, old: DocumentRow | None, folder: str, *, is_compared: bool
) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": row.kind, "id": row.id, "version": row.version}
    told["change"] = _change(row, old)
    if old is None:
        return told
    if is_compared and told["change"] in {"changed", "restored"}:
        found = differences(json.loads(old.body), json.loads(row.body))
        told["differences"] = [msgspec.to_builtins(each) for each in found[:CHANGES_MAX]]
        told["has_more"] = len(found) > CHANGES_MAX
    if is_drift(old, folder):
        told["drift"] = told_left(old)
    return told


def _change(row: DocumentRow, old: DocumentRow | None) -> str:
    if row.state == "archived":
        return "archived"
    if old is None:
        return "created"
    return "changed" if old.state == "live" else "restored"


def is_drift(row: DocumentRow, folder: str) -> bool:
    """Say whether somebody else than ``folder`` published this version (Rule 2)."""
    return bool(folder) and row.publisher not in {"", publisher_of("", folder)}


def told_left(row: DocumentRow) -> dict[str, Any]:
    """Tell a version, and who published it when."""
    return {
        "kind": row.kind,
        "id": row.id,
        "version": row.version,
        "state": row.state,
        "publisher": row.publisher,
        "applied_ms": row.applied_ms,
    }
