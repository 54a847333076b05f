"""
Trials: documents that run beside the live ones and send nothing.

Rule 1. One set of documents is on trial at a time; another one takes its place, and begins anew
        with everybody.
Rule 2. On trial are campaigns and journeys that are not live as they are written. What they are
        made of (templates, fragments, tables, sources, experiments, caps) is taken as written too.
        Whatever changes who people are or where (fences, audiences, policies) is published first.
Rule 3. A ``draft`` runs for the test persons of the workspace document, who are shown what it
        says; a ``shadow`` for everybody else, and no text is kept.
Rule 4. Test persons alone are looked at by name.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, Literal

import msgspec
from aiohttp import web
from msgspec import Struct

from fencepost_gateway.api.body import decode, read_body
from fencepost_gateway.api.decisions import clock_of, query_language
from fencepost_gateway.api.documents import BODY_MAX_BYTES, ApplyRequest, read
from fencepost_gateway.api.shelf import Shelf
from fencepost_gateway.api.surface import SURFACE, Surface, as_json
from fencepost_gateway.decide.ids import person_id_of_user
from fencepost_gateway.decide.tongue import Tongue
from fencepost_gateway.documents.document import Document, SourceFile
from fencepost_gateway.documents.kinds import SENDING
from fencepost_gateway.errors import ApiError
from fencepost_gateway.intake.records import TrialTold
from fencepost_gateway.ports import DocumentRow, TrialRow
from fencepost_gateway.reports.trial_words import tell_tester, tell_trial

PARTS: Final = ("template", "fragment", "table", "source", "experiment", "caps")
REACTIONS: Final = ("displayed", "clicked", "dismissed")
SHORTEN_MAX_S: Final = 86_400


class TrialRequest(Struct):
    """The files of a folder, for whom they are, and how long a wait lasts at most."""

    files: list[SourceFile]
    mode: Literal["draft", "shadow"] = "draft"
    shorten_s: int | None = None


class ReactionRequest(Struct):
    """How a test person reacts to a message that they were shown."""

    user_id: str
    message_id: str
    what: str


async def post_trial(request: web.Request) -> web.Response:
    """Put documents on trial in place of what was."""
    surface = request.app[SURFACE]
    try:
        wish = msgspec.json.decode(await read_body(request, BODY_MAX_BYTES), type=TrialRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ApiError("malformed", "send {files: [{path, text}], mode, shorten_s}") from None
    if wish.shorten_s is not None and not 1 <= wish.shorten_s <= SHORTEN_MAX_S:
        raise ApiError("malformed", f"write 1 to {SHORTEN_MAX_S}", "shorten_s")
    if wish.shorten_s is not None and wish.mode == "shadow":
        raise ApiError("malformed", "a shadow waits as long as everybody would", "shorten_s")
    if wish.mode == "draft" and not surface.plans.plan.testers:
        raise ApiError(
            "malformed",
            "nobody tests: name testers: in the workspace document and publish it",
            "mode",
        )
    shelf = Shelf(*await surface.store.documents(archived=True))
    documents, answer = await asyncio.to_thread(read, ApplyRequest(wish.files), shelf, "")
    if answer is not None:
        return answer
    tried = _tried(documents, shelf, surface.clock.now_ms())
    if not any(row.kind in SENDING for row in tried):
        detail = "no campaign or journey here differs from what is live: there is nothing to try"
        raise ApiError("malformed", detail, "files")
    shorten_ms = None if wish.shorten_s is None else wish.shorten_s * 1_000
    row = TrialRow(0, wish.mode, shorten_ms, 0, tried)
    number = await surface.store.trials.begin(row, surface.clock.now_ms())
    surface.wakes.log.set()
    return as_json(
        {
            "number": number,
            "mode": wish.mode,
            "documents": [{"kind": r.kind, "id": r.id} for r in tried],
        }
    )


def _tried(documents: list[Document], shelf: Shelf, now_ms: int) -> list[DocumentRow]:
    """Give what differs from what is live (Rule 2)."""
    live = {(row.kind, row.id): row.body for row in shelf.live}
    versions = {(row.kind, row.id): row.version for row in shelf.newest}
    changed = [d for d in documents if live.get((d.kind, d.id)) != d.canonical]
    strange = [d for d in changed if d.kind not in (*SENDING, *PARTS)]
    if strange:
        named = ", ".join(f"{d.kind} {d.id}" for d in strange[:5])
        detail = f"{named}: not live as written; publish it first, alone it sends nothing"
        raise ApiError("malformed", detail, "files")
    return [
        DocumentRow(d.kind, d.id, versions.get((d.kind, d.id), 0) + 1, d.canonical, now_ms, now_ms)
        for d in changed
    ]


async def get_trial(request: web.Request) -> web.Response:
    """Say what is on trial, and what came of it so far."""
    surface = request.app[SURFACE]
    trial = await surface.store.trials.current()
    sums = await surface.store.trials.sums() if trial.mode else []
    found = {
        "number": trial.number,
        "mode": trial.mode,
        "began_ms": trial.began_ms,
        "shorten_s": None if trial.shorten_ms is None else trial.shorten_ms // 1_000,
        "documents": [{"kind": r.kind, "id": r.id, "version": r.version} for r in trial.documents],
        "sums": msgspec.to_builtins(sums),
    }
    tongue = Tongue(query_language(request), surface.plans.plan.workspace_zone or "UTC")
    return as_json(found | {"words": list(tell_trial(found, tongue))})


async def delete_trial(request: web.Request) -> web.Response:
    """End the trial; nothing is left of it."""
    surface = request.app[SURFACE]
    number = await surface.store.trials.begin(TrialRow(), surface.clock.now_ms())
    surface.wakes.log.set()
    return as_json({"number": number})


async def get_trial_person(request: web.Request) -> web.Response:
    """Say what came of the trial for one test person, and what they were shown."""
    surface = request.app[SURFACE]
    person_id = _tester(surface, request.match_info["user_id"])
    records = await surface.store.trials.records_of(person_id)
    messages = await surface.store.trials.messages_of(person_id)
    found = {
        "user_id": request.match_info["user_id"],
        "person_id": person_id,
        "records": [
            {"at_ms": r.at_ms, "kind": r.kind, "subject": r.subject, "body": r.body}
            for r in records
        ],
        "messages": [
            {
                "message_id": m.message.message_id,
                "campaign_id": m.message.campaign_id,
                "step_id": m.message.step_id,
                "state": m.state,
                "channel": m.channel,
                "content": m.content,
            }
            for m in messages
        ],
    }
    person = (await surface.store.persons([person_id])).get(person_id)
    tongue = Tongue(query_language(request), clock_of(surface, person))
    return as_json(found | {"words": list(tell_tester(found, tongue))})


async def post_trial_reaction(request: web.Request) -> web.Response:
    """Let a test person react to a message that they were shown."""
    surface = request.app[SURFACE]
    wish = await decode(request, ReactionRequest)
    if wish.what not in REACTIONS:
        raise ApiError("malformed", f"write one of {', '.join(REACTIONS)}", "what")
    person_id = _tester(surface, wish.user_id)
    trial, now_ms = await surface.store.trials.current(), surface.clock.now_ms()
    delivery_id = await _delivery_of(surface, person_id, wish.message_id)
    person = (await surface.store.persons([person_id])).get(person_id)
    ahead_ms = person.twin.ahead_ms if person is not None and person.twin is not None else 0
    told = TrialTold(
        trial.number, now_ms + ahead_ms, person_id, delivery_id=delivery_id, what=wish.what
    )
    await surface.store.append(told, now_ms)
    surface.wakes.log.set()
    return as_json({"delivery_id": delivery_id})


async def _delivery_of(surface: Surface, person_id: str, message_id: str) -> str:
    """Give the delivery under which a message that was shown is known."""
    found: list[Any] = [
        row.body["delivery_id"]
        for row in await surface.store.trials.records_of(person_id)
        if row.kind == "outcome" and row.subject == message_id
    ]
    if not found:
        raise ApiError("not_found", "this test person was shown no such message", "message_id")
    return str(found[-1])


def _tester(surface: Surface, user_id: str) -> str:
    """Give the id of a test person (Rule 4)."""
    if user_id not in surface.plans.plan.testers:
        detail = "not a test person: add the user to testers: of the workspace document"
        raise ApiError("not_found", detail, "user_id")
    return person_id_of_user(surface.settings.workspace, user_id)
