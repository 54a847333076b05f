"""
Documents: publishing what people author, all or nothing.

The body carries the files as they are, so that every error can name file and line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from aiohttp import web
from msgspec import Struct

from fencepost_gateway.api.body import read_body
from fencepost_gateway.api.problems import problem
from fencepost_gateway.api.surface import SURFACE, Surface, as_json
from fencepost_gateway.content.lint import lint_template
from fencepost_gateway.documents.check import check
from fencepost_gateway.documents.document import Document, Problem, SourceFile
from fencepost_gateway.documents.loader import load
from fencepost_gateway.errors import ApiError
from fencepost_gateway.ports import DocumentRow
from fencepost_gateway.workers.plans import stored

BODY_MAX_BYTES = 32 << 20  # a library of fences; one GeoJSON file may have 10 MiB


class ApplyRequest(Struct):
    """The files of a folder; with ``dry_run`` they are only checked."""

    files: list[SourceFile]
    dry_run: bool = False


async def post_documents(request: web.Request) -> web.Response:
    """Check the files together with what is live, and publish them in one commit."""
    surface = request.app[SURFACE]
    try:
        wish = msgspec.json.decode(await read_body(request, BODY_MAX_BYTES), type=ApplyRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ApiError("malformed", "send {files: [{path, text}], dry_run}") from None
    _, live = await surface.store.documents()
    documents, found = await asyncio.to_thread(read, wish.files, live)  # may take seconds
    if found:
        return refused(found)
    changed = changes(documents, live, surface.clock.now_ms())
    revision = surface.plans.plan.revision
    if changed and not wish.dry_run:
        revision = await surface.store.publish(changed, surface.clock.now_ms())
        surface.wakes.log.set()
    return as_json(
        {
            "revision": revision,
            "applied": not wish.dry_run,
            "changed": [{"kind": r.kind, "id": r.id, "version": r.version} for r in changed],
            "unchanged": len(documents) - len(changed),
        }
    )


def read(
    files: Sequence[SourceFile], live: Sequence[DocumentRow]
) -> tuple[list[Document], list[Problem]]:
    """Read files and check them together with what is live."""
    loaded = load(files)
    if loaded.problems:
        return loaded.documents, loaded.problems
    return loaded.documents, check(loaded.documents, stored(live), lint_template)


def refused(found: Sequence[Problem]) -> web.Response:
    """Answer with every problem and its place."""
    listed = [{**msgspec.to_builtins(p), "text": str(p)} for p in found]
    return problem(ApiError("documents"), {"problems": listed})


def changes(
    documents: Sequence[Document], live: Sequence[DocumentRow], now_ms: int
) -> list[DocumentRow]:
    """Give the new versions; a document that says the same again is none."""
    known = {(r.kind, r.id): r for r in live}
    found = []
    for document in documents:
        old = known.get((document.kind, document.id))
        body = document.canonical
        if old is not None and old.body == body:
            continue
        version = old.version + 1 if old else 1
        first_ms = old.first_ms if old else now_ms
        row = DocumentRow(document.kind, document.id, version, body, now_ms, first_ms)
        found.append(row)
    return found


async def get_documents(request: web.Request) -> web.Response:
    """List what is live."""
    revision, rows = await request.app[SURFACE].store.documents()
    listed = [
        {"kind": r.kind, "id": r.id, "version": r.version, "body": msgspec.Raw(r.body)}
        for r in rows
    ]
    return as_json({"revision": revision, "documents": listed})


async def delete_document(request: web.Request) -> web.Response:
    """Archive a document: it stops deciding with the next event, its versions stay."""
    surface = request.app[SURFACE]
    kind, name = request.match_info["kind"], request.match_info["id"]
    _, live = await surface.store.documents()
    row = next((r for r in live if (r.kind, r.id) == (kind, name)), None)
    if row is None:
        raise ApiError("not_found")
    rest = stored([r for r in live if r is not row])
    found = check([], rest, lint_template)
    if found:
        return refused(found)
    return as_json({"revision": await _archive(surface, row)})


async def _archive(surface: Surface, row: DocumentRow) -> int:
    now_ms = surface.clock.now_ms()
    gone = msgspec.structs.replace(
        row, version=row.version + 1, state="archived", applied_ms=now_ms
    )
    revision = await surface.store.publish([gone], now_ms)
    surface.wakes.log.set()
    return revision
