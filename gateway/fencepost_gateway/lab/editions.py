"""
Editions: which documents would be live, for a backtest and for what it is held against.

Rule 1. Documents that are named take the place of those of their kind and id; everything else is as
        it is live, but for what is named to be archived. That is what ``fencepost apply`` and
        ``fencepost archive`` would do.
Rule 2. Against a version: every campaign that is named as it was in that version; the rest as live.
Rule 3. Recorded transitions are those of the fences as they were. Which fences differ is said: they
        count only where positions are still kept (``positions``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from fencepost_gateway.documents.document import Document
from fencepost_gateway.documents.kinds import SENDING
from fencepost_gateway.errors import StartError
from fencepost_gateway.lab.dossiers import Head
from fencepost_gateway.lab.job import Edition
from fencepost_gateway.ports import DocumentRow


def changed(head: Head, documents: Sequence[Document], archived: Collection[str] = ()) -> Edition:
    """Lay documents over what is live (Rule 1)."""
    rows = {(row.kind, row.id): row for row in kept(head, archived)}
    versions = {(row.kind, row.id): row.version for row in head.versions or head.documents}
    for each in documents:
        key = each.kind, each.id
        old, body = rows.get(key), each.canonical
        if old is None or old.body != body:
            new_ms = head.last_ms if each.kind in SENDING else head.first_ms
            first_ms = old.first_ms if old else new_ms
            version = versions.get(key, 0) + 1
            rows[key] = DocumentRow(each.kind, each.id, version, body, head.last_ms, first_ms)
    return Edition("new", list(rows.values()))


def kept(head: Head, archived: Collection[str]) -> list[DocumentRow]:
    """
    Give what is live without what is to be archived, each as ``kind/id``.

    Raises:
        StartError: There is no such document.

    """
    live = {f"{row.kind}/{row.id}" for row in head.documents}
    for name in archived:
        if name not in live:
            raise StartError(f"--without {name}: no such document is live; write kind/id")
    return [row for row in head.documents if f"{row.kind}/{row.id}" not in archived]


def against(head: Head, documents: Sequence[Document], which: str) -> Edition:
    """
    Give what to hold it against: ``live``, or a version such as ``v3`` (Rule 2).

    Raises:
        StartError: There is no such version.

    """
    if which == "live":
        return Edition("live", head.documents)
    number = int(which.removeprefix("v"))
    named = {(each.kind, each.id) for each in documents if each.kind in SENDING}
    found = {
        (row.kind, row.id): row
        for row in head.versions
        if row.version == number and (row.kind, row.id) in named
    }
    if not found:
        told = ", ".join(sorted(f"{kind} {name}" for kind, name in named)) or "no campaign at all"
        raise StartError(
            f"--against v{number}: {told} was named, of which there is no version {number}"
            + ("" if head.versions else "; a file of history holds only what was live")
        )
    rows = {(row.kind, row.id): row for row in head.documents} | found
    return Edition(f"v{number}", list(rows.values()))


def fences_apart(one: Edition, head: Head) -> list[str]:
    """Name the fences that are not as they are live (Rule 3)."""
    live = {row.id: row.body for row in head.documents if row.kind == "fence"}
    mine = {row.id: row.body for row in one.rows if row.kind == "fence"}
    return sorted(i for i in live.keys() | mine.keys() if live.get(i) != mine.get(i))
