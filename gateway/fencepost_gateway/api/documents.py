"""
Documents: publishing what people author, all or nothing.

Rule 1. The body carries the files as they are, so that every error can name file and line.
Rule 2. What is published was checked and numbered against what is there. If somebody else
        published meanwhile, it is checked and numbered anew, ``TRIES`` times in all.
Rule 3. Who asked what would change (``dry_run``) and publishes that (``after``) is refused once
        somebody else has published in between.
Rule 4. The key of a team reaches the fences of its own libraries, as they were when the rest was
        checked (``documents.teams``); publishing meanwhile has it looked at anew, as in Rule 2.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Final

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from fencepost_gateway.api.body import read_body
from fencepost_gateway.api.problems import problem
from fencepost_gateway.api.shelf import (
    Publisher,
    Shelf,
    archived,
    changes,
    publisher_of,
    told_changes,
    told_left,
)
from fencepost_gateway.api.surface import SURFACE, Surface, as_json, team_name
from fencepost_gateway.content.lint import lint_documents
from fencepost_gateway.documents.check import check
from fencepost_gateway.documents.document import Document, Problem, SourceFile, errors_of
from fencepost_gateway.documents.loader import load
from fencepost_gateway.documents.teams import Team, not_owned, veiled
from fencepost_gateway.errors import ApiError
from fencepost_gateway.ports import DocumentRow
from fencepost_gateway.workers.plans import stored

BODY_MAX_BYTES = 32 << 20  # a library of fences; one GeoJSON file may have 10 MiB
TRIES: Final = 3
FOLDER_MAX: Final = 100
Folder = Annotated[str, Meta(max_length=FOLDER_MAX, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ApplyRequest(Struct):
    """
    The files of a folder; with ``dry_run`` they are only checked.

    ``folder`` is the name under which its documents are kept together. With ``prune`` those that
    were published from it and are no longer in it are archived. ``after`` is the revision that was
    answered to a dry run: nothing is published once it has moved on.
    """

    files: list[SourceFile]
    dry_run: bool = False
    folder: Folder = ""
    prune: bool = False
    after: int | None = None


async def post_documents(request: web.Request) -> web.Response:
    """Check the files together with what is live, and publish them in one commit."""
    surface, name = request.app[SURFACE], team_name(request)
    try:
        wish = msgspec.json.decode(await read_body(request, BODY_MAX_BYTES), type=ApplyRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ApiError(
            "malformed", "send {files: [{path, text}], dry_run, folder, prune, after}"
        ) from None

    if name and wish.folder:  # two folders of one name never meet
        wish.folder = f"{name}/{wish.folder}"

    async def attempt(shelf: Shelf) -> web.Response | None:
        if wish.after not in {None, shelf.revision}:
            raise ApiError("conflict")
        documents, answer = await asyncio.to_thread(read, wish, shelf, name)  # takes seconds
        if answer is not None:
            return answer
        by = Publisher(publisher_of(name, wish.folder), wish.folder, surface.clock.now_ms())
        changed = changes(documents, shelf, by)
        left = shelf.left(documents, wish.folder, shelf.team(name))
        gone = [archived(row, by) for row in left] if wish.prune else []
        revision = await publish(surface, [] if wish.dry_run else [*changed, *gone], shelf)
        if revision is None:
            return None
        told = await asyncio.to_thread(told_changes, [*changed, *gone], shelf, wish.folder)
        return as_json(
            {
                "revision": revision,
                "applied": not wish.dry_run,
                "changed": told,
                "unchanged": len(documents) - len(changed),
                "left": [] if wish.prune else [told_left(row) for row in left],
                "elsewhere": {} if name else shelf.elsewhere(documents, wish.folder),
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


def read(wish: ApplyRequest, shelf: Shelf, name: str) -> tuple[list[Document], web.Response | None]:
    """Read files and check them with what is live; else give the answer that refuses them."""
    loaded, team = load(wish.files), shelf.team(name)
    if loaded.problems:
        return [], refused(loaded.problems)
    if team and (others := shelf.strange(team, loaded.documents)):
        return [], barred(team, others)
    left = shelf.left(loaded.documents, wish.folder, team) if wish.prune else []
    gone = {(row.kind, row.id) for row in left}
    rest = stored([row for row in shelf.live if (row.kind, row.id) not in gone])
    found = errors_of(check(loaded.documents, rest, lint_documents))
    return loaded.documents, refused(veiled(found) if team else found) if found else None


def refused(found: Sequence[Problem]) -> web.Response:
    """Answer with every problem and its place."""
    return problem(ApiError("documents"), {"problems": listed(found)})


def barred(team: Team, found: Sequence[Problem]) -> web.Response:
    """Answer a team with everything that it may not write (Rule 4)."""
    more = f", and {len(found) - 1} more" if len(found) > 1 else ""
    detail = f"Refused: {found[0].where}{more}. This key edits fences of team {team.name} only."
    return problem(ApiError("key_scope", detail), {"problems": listed(found)})


def listed(found: Sequence[Problem]) -> list[dict[str, object]]:
    """Write problems, each with its text."""
    return [{**msgspec.to_builtins(p), "text": str(p)} for p in found]


async def get_documents(request: web.Request) -> web.Response:
    """List what is live; to a team what is its own."""
    shelf = Shelf(*await request.app[SURFACE].store.documents())
    team, rows = shelf.team(team_name(request)), shelf.live
    if team is not None:
        rows = [r for r, d in zip(rows, stored(rows), strict=True) if team.may_read(d)]
    shown = [
        {
            "kind": r.kind,
            "id": r.id,
            "version": r.version,
            "folder": r.folder,
            "publisher": r.publisher,
            "body": msgspec.Raw(r.body),
        }
        for r in rows
    ]
    return as_json({"revision": shelf.revision, "documents": shown})


def _unknown(live: Sequence[DocumentRow], kind: str, name: str) -> str:
    """Say that no such document is live, and which one may have been meant."""
    near = difflib.get_close_matches(name, [row.id for row in live if row.kind == kind], 1)
    likely = f"{kind} {near[0]}" if near else ""
    if not near and all(row.kind != kind for row in live):
        likely = ", ".join(sorted({f"{row.kind} {name}" for row in live if row.id == name}))
    return f"no {kind} {name} is live" + (f"; did you mean {likely}?" if likely else "")


async def delete_document(request: web.Request) -> web.Response:
    """Archive a document: it stops deciding with the next event, its versions stay."""
    surface, name = request.app[SURFACE], team_name(request)
    key = request.match_info["kind"], request.match_info["id"]

    async def attempt(shelf: Shelf) -> web.Response | None:
        row, team = next((r for r in shelf.newest if (r.kind, r.id) == key), None), shelf.team(name)
        if team and not (row and team.owns(*stored([row]))):
            return barred(team, [not_owned(team, *key)])
        if row is None or row.state != "live":
            raise ApiError("not_found", _unknown([] if team else shelf.live, *key), "id")
        rest = stored([r for r in shelf.live if r is not row])
        found = errors_of(await asyncio.to_thread(check, [], rest, lint_documents))
        if found:
            return refused(veiled(found) if team else found)
        gone = archived(row, Publisher(publisher_of(name), "", surface.clock.now_ms()))
        revision = await publish(surface, [gone], shelf)
        return None if revision is None else as_json({"revision": revision})

    return await try_to_publish(surface, attempt)
