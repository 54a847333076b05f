"""
``GET /v1/tail``: one person, or one of their devices, as it happens.

Long polling: an answer comes as soon as there is something behind the cursor, or empty after
``wait`` seconds. Nothing is kept here between two requests.

Rule 1. Told is what stands in history and in the decision records, both without coordinates and
        addresses; of what was told names alone (``reports.tail_words``). So a role that may call
        this can be shown everything in it, and none is shown more.
Rule 2. In order of when the gateway took it, within one answer; an answer has what was committed
        until then. What was refused at the door is in neither, and its sender was told.
Rule 3. At most ``OPEN_MAX`` wait at once, and each looks ``1 / LOOK_S`` times a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, Final

from aiohttp import web

from fencepost_gateway.api.decisions import clock_of, query_language
from fencepost_gateway.api.surface import SURFACE, Surface, as_json, moment, query_int
from fencepost_gateway.decide.ids import person_id_of_user
from fencepost_gateway.decide.tongue import Tongue
from fencepost_gateway.decide.words import tell
from fencepost_gateway.errors import ApiError
from fencepost_gateway.intake.history import unpack
from fencepost_gateway.ports import HistoryRow, RecordRow
from fencepost_gateway.reports.tail_words import tell_happened

PAGE: Final = 200
LAST_MAX: Final = 100
WAIT_MAX_S: Final = 25  # below what proxies let a request wait
LOOK_S: Final = 0.25
OPEN_MAX: Final = 32
CURSOR_MAX: Final = (1 << 63) - 1

TAILS = web.AppKey("tails", set[object])
Cursor = tuple[int, int]  # of decision records, of history


async def get_tail(request: web.Request) -> web.Response:
    """Give what happened to somebody behind a cursor; wait until something does."""
    surface = request.app[SURFACE]
    person_id = await _person(request, surface)
    wait_s = query_int(request, "wait", 0, WAIT_MAX_S)
    person = (await surface.store.persons([person_id])).get(person_id)
    tongue = Tongue(query_language(request), clock_of(surface, person))
    device_id = request.query.get("device", "")
    after = request.query.get("after", "")
    if not after:
        last = query_int(request, "last", 0, LAST_MAX)
        rows, cursor = await _newest(surface, person_id, last)
        return as_json(_answer(list(_lines(rows, tongue, device_id))[-last:] if last else [],
                               cursor, person_id))  # fmt: skip
    waiting, token = request.app[TAILS], object()
    if len(waiting) >= OPEN_MAX:
        raise ApiError("too_many", f"{OPEN_MAX} are watched already")
    waiting.add(token)
    try:
        lines, cursor = await _next(surface, person_id, _cursor(after), wait_s, tongue, device_id)
    finally:
        waiting.discard(token)
    return as_json(_answer(lines, cursor, person_id))


async def _person(request: web.Request, surface: Surface) -> str:
    user, person = request.query.get("user", ""), request.query.get("person", "")
    if bool(user) == bool(person):
        raise ApiError("malformed", "ask for one of user and person", "user")
    if user:
        return person_id_of_user(surface.settings.workspace, user)
    return (await surface.store.resolve([person])).get(person, person)


def _cursor(text: str) -> Cursor:
    first, _, second = text.partition("-")
    both = [part for part in (first, second) if part.isascii() and part.isdigit()]
    if len(both) != 2 or max(map(int, both)) > CURSOR_MAX:  # noqa: PLR2004 - two streams
        raise ApiError("malformed", "after is the cursor of the last answer", "after")
    return int(first), int(second)


async def _newest(
    surface: Surface, person_id: str, last: int
) -> tuple[list[RecordRow | HistoryRow], Cursor]:
    store = surface.store
    records = await store.people.newest_story(person_id, max(1, last))
    told = await store.history.newest(person_id, max(1, last))
    rows: list[RecordRow | HistoryRow] = [*told, *records]
    cursor = max((r.cursor for r in records), default=0), max((r.cursor for r in told), default=0)
    return _ordered(rows), cursor


async def _next(
    surface: Surface, person_id: str, after: Cursor, wait_s: int, tongue: Tongue, device_id: str
) -> tuple[list[dict[str, Any]], Cursor]:
    """Look until there is something to tell, or the wait is over, or the gateway stops."""
    store = surface.store
    for _ in range(round(wait_s / LOOK_S) + 1):
        records = await store.records(after[0], PAGE, person_id=person_id)
        told = await store.history.page(after[1], PAGE, person_id=person_id)
        after = (records[-1].cursor if records else after[0], told[-1].cursor if told else after[1])
        lines = list(_lines(_ordered([*told, *records]), tongue, device_id))
        if lines or surface.is_stopping:
            return lines, after
        await asyncio.sleep(LOOK_S if wait_s else 0)
    return [], after


def _ordered(rows: Sequence[RecordRow | HistoryRow]) -> list[RecordRow | HistoryRow]:
    """Put what was told before what was decided of it; each in its own order."""
    return sorted(rows, key=lambda row: (row.at_ms, isinstance(row, RecordRow), row.cursor))


def _lines(
    rows: Sequence[RecordRow | HistoryRow], tongue: Tongue, device_id: str
) -> Iterator[dict[str, Any]]:
    """Tell rows; with a device only what is its own."""
    for row in rows:
        if isinstance(row, RecordRow):
            if not device_id or row.body.get("device_id") == device_id:
                yield _line(row.at_ms, row.kind, tell(row.kind, row.body, tongue), row.subject)
            continue
        told = unpack(row.body)
        if device_id and told.device_id != device_id:
            continue
        for one in told.happened:
            for kind, line in tell_happened(one, tongue):
                yield _line(row.at_ms, kind, [line], told.device_id)


def _line(at_ms: int, kind: str, words: list[str], subject: str) -> dict[str, Any]:
    return {"at": moment(at_ms), "kind": kind, "subject": subject, "words": words}


def _answer(lines: list[dict[str, Any]], cursor: Cursor, person_id: str) -> dict[str, Any]:
    return {"person_id": person_id, "happened": lines, "cursor": f"{cursor[0]}-{cursor[1]}"}
