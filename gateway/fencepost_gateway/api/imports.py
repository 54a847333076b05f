"""
Imports: fences from files of places, and back.

Rule 1. Rows are judged one by one, and nothing is published while a row is bad, until the caller
        accepts that those rows stay out. What is published is published in one commit.
Rule 2. An answer names at most 1,000 bad rows, and counts all; ``summary`` says what is of one kind
        once. ``warnings`` keep nothing from being published.
Rule 3. The key of a team imports into its own libraries and exports them. A row that names a fence
        of others is read as a new one, so that nothing of theirs gets into the answer, and then
        refuses the import.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import web
from msgspec import Struct

from fencepost_gateway.api.body import read_body
from fencepost_gateway.api.documents import (
    BODY_MAX_BYTES,
    barred,
    publish,
    try_to_publish,
)
from fencepost_gateway.api.problems import problem
from fencepost_gateway.api.shelf import Publisher, Shelf, changes
from fencepost_gateway.api.surface import SURFACE, as_json, team_name
from fencepost_gateway.content.lint import lint_documents
from fencepost_gateway.documents.check import check
from fencepost_gateway.documents.document import Problem, SourceFile, StoredDocument, errors_of
from fencepost_gateway.documents.imports.csv_rows import write_csv
from fencepost_gateway.documents.imports.read import Imported, Wish, read_import
from fencepost_gateway.documents.imports.rows import Verdict
from fencepost_gateway.documents.imports.summed import summed
from fencepost_gateway.documents.teams import Team, veiled
from fencepost_gateway.errors import ApiError
from fencepost_gateway.ports import DocumentRow
from fencepost_gateway.workers.plans import stored
from fencepost_geofence.geojson import to_collection

SHOWN_MAX = 1_000


class ImportRequest(Struct):
    """
    Files of places: CSV, GeoJSON, KML, GPX, told by their names.

    ``accept`` publishes the good rows although others are bad; ``dry_run`` publishes nothing.
    """

    files: list[SourceFile]
    dry_run: bool = False
    accept: bool = False
    repair: bool = False
    radius_m: float | None = None


async def post_import(request: web.Request) -> web.Response:
    """Read fences from files row by row, and publish them once no row is bad, or as accepted."""
    surface, name = request.app[SURFACE], team_name(request)
    try:
        wish = msgspec.json.decode(await read_body(request, BODY_MAX_BYTES), type=ImportRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        what = "send {files: [{path, text}], dry_run, accept, repair, radius_m}"
        raise ApiError("malformed", what) from None

    async def attempt(shelf: Shelf) -> web.Response | None:
        team = shelf.team(name)
        imported, others = await asyncio.to_thread(read, wish, shelf, team)  # may take seconds
        if team and others:
            return barred(team, others)
        by = Publisher("an import", "", surface.clock.now_ms())
        changed = changes(imported.documents, shelf, by)
        answer = _answer(imported, changed)
        if imported.problems and not wish.accept and not wish.dry_run:
            return problem(ApiError("import"), answer)
        if await publish(surface, [] if wish.dry_run else changed, shelf) is None:
            return None
        return as_json({"applied": not wish.dry_run} | answer)

    return await try_to_publish(surface, attempt)


def read(
    wish: ImportRequest, shelf: Shelf, team: Team | None
) -> tuple[Imported, Sequence[Problem]]:
    """
    Read the rows and check them together with what is live; bad rows are taken out.

    Beside them stand the rows that the team may not write: then nothing more is looked at.
    """
    documents = stored(shelf.live)
    known = [each for each in documents if team.owns(each)] if team else documents
    fences = {each.id: each.body for each in known if each.kind == "fence"}
    imported = read_import(wish.files, fences, Wish(wish.radius_m, wish.repair))
    if team and (others := shelf.strange(team, imported.documents)):
        return imported, others[:SHOWN_MAX]
    while bad := _out_of_place(imported, documents, team):
        imported.problems += bad
        spots = {(each.file, each.feature) for each in bad}
        kept = [d for d in imported.documents if (d.origin.file, d.origin.feature) not in spots]
        imported.documents = kept if len(kept) < len(imported.documents) else []
    imported.problems.sort(key=lambda each: (each.file, each.line or 0, each.feature or 0))
    return imported, ()


def _out_of_place(
    imported: Imported, live: Sequence[StoredDocument], team: Team | None
) -> list[Verdict]:
    """Find rows that do not fit what is live, such as a library that is not there."""
    if not imported.documents:
        return []
    found = errors_of(check(imported.documents, live, lint_documents))
    return [
        Verdict(
            p.file or "what is live", p.what, p.how, p.line, p.feature, *_named(p.where)
        )
        for p in (veiled(found) if team else found)
    ]  # fmt: skip


def _named(where: str) -> tuple[str, str]:
    """Take ``fence studio, library`` apart."""
    document, _, path = where.partition(", ")
    return document.removeprefix("fence "), path


def _answer(imported: Imported, changed: Sequence[DocumentRow]) -> dict[str, Any]:
    return {
        "rows": imported.rows,
        "bad": len({(p.file, p.feature, p.line) for p in imported.problems}),
        "changed": [{"kind": r.kind, "id": r.id, "version": r.version} for r in changed],
        "unchanged": len(imported.documents) - len(changed),
        "problems": _told(imported.problems),
        "summary": _told(summed(imported.problems)),
        "warnings": _told(summed(imported.warnings)),
        "repaired": _told(imported.repaired),
        "passed_over": sorted(imported.passed_over),
    }


def _told(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    return [{**msgspec.to_builtins(v), "text": str(v)} for v in verdicts[:SHOWN_MAX]]


async def get_fences(request: web.Request) -> web.Response:
    """Give the live fences as GeoJSON, or as CSV; to a team its own."""
    fences, name = request.app[SURFACE].plans.fences, team_name(request)
    wanted = request.query.get("format", "geojson")
    if wanted not in ("geojson", "csv"):
        raise ApiError("malformed", "format is geojson or csv", "format")
    if name:
        team = Shelf(*await request.app[SURFACE].store.documents()).team(name)
        fences = [fence for fence in fences if team and fence.library in team.libraries]
    if wanted == "geojson":
        return as_json(to_collection(fences))
    text = await asyncio.to_thread(write_csv, fences)
    headers = {"Content-Disposition": 'attachment; filename="fences.csv"'}
    return web.Response(text=text, content_type="text/csv", charset="utf-8", headers=headers)
