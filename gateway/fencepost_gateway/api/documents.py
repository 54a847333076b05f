"""
Documents: publishing what people author, all or nothing.

Rule 1. The body carries the files as they are, so that every error can name file and line.
Rule 2. What is published was checked and numbered against what is there. If somebody else
        published meanwhile, it is checked and numbered anew, ``TRIES`` times in all.
Rule 3. Versions of an id go on rising, also beyond its archive: a version means one content for
        good. A document that comes back is live anew (``first_ms``): whoever is inside a fence
        then has not come in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from aiohttp import web
from msgspec import Struct, structs

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
TRIES: Final = 3


class ApplyRequest(Struct):
    """The files of a folder; with ``dry_run`` they are only checked."""

    files: list[SourceFile]
    dry_run: bool = False


class Shelf(Struct, frozen=True):
    """Every document's newest version, at a revision."""

    revision: int
    newest: list[DocumentRow]

    @property
    def live(self) -> list[DocumentRow]:
        """Give those that are not archived."""
        return [row for row in self.newest if row.state == "live"]


async def post_documents(request: web.Request) -> web.Response:
    """Check the files together with what is live, and publish them in one commit."""
    surface = request.app[SURFACE]
    try:
        wish = msgspec.json.decode(await read_body(request, BODY_MAX_BYTES), type=ApplyRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ApiError("malformed", "send {files: [{path, text}], dry_run}") from None

    async def attempt(shelf: Shelf) -> web.Response | None:
        documents, found = await asyncio.to_thread(read, wish.files, shelf.live)  # may take seconds
        if found:
            return refused(found)
        changed = changes(documents, shelf, surface.clock.now_ms())
        revision = await publish(surface, [] if wish.dry_run else changed, shelf)
        if revision is None:
            return None
        return as_json(
            {
                "revision": revision,
                "applied": not wish.dry_run,
                "changed": [{"kind": r.kind, "id": r.id, "version": r.version} for r in changed],
                "unchanged": len(documents) - len(changed),
            }
        )

    return await try_to_publish(surface, attempt)


async def try_to_publish(
    surface: Surface, attempt: Callable[[Shelf], Awaitable[web.Response | None]]
) -> web.Response:
    """
    Let ``attempt`` work from what is there until nobody publishes in between (Rule 2).

    Raises:
        ApiError: Somebody else was quicker each time.

    """
    for _ in range(TRIES):
        shelf = Shelf(*await surface.store.documents(archived=True))
        response = await attempt(shelf)
        if response is not None:
            return response
    raise ApiError("conflict")


async def publish(surface: Surface, rows: Sequence[DocumentRow], shelf: Shelf) -> int | None:
    """Publish what was made from ``shelf``; gives the revision, None if that has moved on."""
    if not rows:
        return shelf.revision
    now_ms = surface.clock.now_ms()
    revision = await surface.store.publish(rows, now_ms, after=shelf.revision)
    if revision is not None:
        surface.wakes.log.set()
    return revision


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


def changes(documents: Sequence[Document], shelf: Shelf, now_ms: int) -> list[DocumentRow]:
    """Give the new versions (Rule 3); a live document that says the same again is none."""
    known = {(r.kind, r.id): r for r in shelf.newest}
    found = []
    for document in documents:
        old = known.get((document.kind, document.id))
        is_live = old is not None and old.state == "live"
        body = document.canonical
        if old is not None and is_live and old.body == body:
            continue
        version = old.version + 1 if old else 1
        first_ms = old.first_ms if old and is_live else now_ms
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
    key = request.match_info["kind"], request.match_info["id"]

    async def attempt(shelf: Shelf) -> web.Response | None:
        row = next((r for r in shelf.live if (r.kind, r.id) == key), None)
        if row is None:
            raise ApiError("not_found")
        rest = stored([r for r in shelf.live if r is not row])
        found = check([], rest, lint_template)
        if found:
            return refused(found)
        now_ms, version = surface.clock.now_ms(), row.version + 1
        gone = structs.replace(row, version=version, state="archived", applied_ms=now_ms)
        revision = await publish(surface, [gone], shelf)
        return None if revision is None else as_json({"revision": revision})

    return await try_to_publish(surface, attempt)
