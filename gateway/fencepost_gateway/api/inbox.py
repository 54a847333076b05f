"""
Inbox: the messages of the calling device's person, asked for or as they come.

``GET /v1/messages`` gives what stands behind a cursor; ``GET /v1/messages/stream`` goes on from
there as server-sent events (WHATWG HTML, section 9.2), each with the cursor as its ``id``.

Rule 1. A message, a card, or that one is gone: whatever changed stands behind the cursor again. The
        newest word about a delivery counts. Both ways tell the same, so an app may change over.
Rule 2. A stream is woken by the commit that changes the inbox; nobody asks every second. Every
        ``ping_s`` a comment keeps proxies from closing it, and shows us who is gone.
Rule 3. A device has one stream: a new one ends the one before. Of all devices at most ``streams``
        (setting) have one; one more is refused (``too_many_streams``) and asks as before.
Rule 4. A device that speaks for somebody else than when it began is not told of either: its stream
        ends, and it begins anew.
Rule 5. Who does not read for ``WRITE_S`` is let go. At a stop every stream ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import msgspec
from aiohttp import web

from fencepost_gateway.api.device import person_of
from fencepost_gateway.api.surface import (
    SURFACE,
    as_json,
    device_of,
    moment,
    query_int,
    read_int,
)
from fencepost_gateway.decide.inbox import CARD
from fencepost_gateway.errors import ApiError, StoreUnavailableError
from fencepost_gateway.ports import InboxRow

CURSOR_MAX: Final = (1 << 63) - 1
PING_S: Final = 25.0  # below the half minute after which many proxies close
WRITE_S: Final = 10.0
RETRY_MS: Final = 5_000
_HEADERS: Final = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "private, no-store",
    "X-Accel-Buffering": "no",
}
_CONTENT: Final = ("title", "body", "image", "buttons")


class Place:
    """The place of one stream: its bell, and whether it has to end."""

    def __init__(self) -> None:
        self.bell = asyncio.Event()
        self.is_over = False


class Desk:
    """The streams that are open, by device."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.ping_s = PING_S
        self.open: dict[str, Place] = {}

    @contextmanager
    def taken(self, device_id: str) -> Iterator[Place]:
        """
        Take the place of a device, from an older stream of its own too (Rule 3).

        Raises:
            ApiError: All places are taken.

        """
        older = self.open.get(device_id)
        if older is None and len(self.open) >= self.most:
            raise ApiError("too_many_streams")
        if older is not None:
            older.is_over = True
            older.bell.set()
        place = self.open[device_id] = Place()
        try:
            yield place
        finally:
            if self.open.get(device_id) is place:
                del self.open[device_id]


DESK = web.AppKey("streams", Desk)


async def get_messages(request: web.Request) -> web.Response:
    """Give the in-app messages behind a cursor; 304 when the caller has seen them all."""
    surface = request.app[SURFACE]
    after = query_int(request, "after", 0, CURSOR_MAX)
    person_id = await person_of(request)
    rows = await surface.store.inbox(person_id, after, surface.clock.now_ms())
    cursor = rows[-1].cursor if rows else after
    etag = f'"m-{cursor}"'
    if not rows and request.headers.get("If-None-Match") == etag:
        return web.Response(status=304, headers={"ETag": etag})
    told: dict[str, list[Any]] = {"message": [], "card": [], "retract": []}
    for row in rows:
        told[kind_of(row)].append(shown(row) if row.state != "gone" else row.delivery_id)
    response = as_json(
        {
            "v": 1,
            "messages": told["message"],
            "cards": told["card"],
            "retracted": told["retract"],
            "cursor": str(cursor),
        }
    )
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private"
    return response


def kind_of(row: InboxRow) -> str:
    """Say what a row is to a device: ``message``, ``card``, or ``retract``."""
    if row.state == "gone":
        return "retract"
    return "card" if row.content.get("layout") == CARD else "message"


def shown(row: InboxRow) -> dict[str, Any]:
    """Give a row as the wire says it."""
    content = row.content
    told = {
        "message_id": row.message_id,
        "delivery_id": row.delivery_id,
        "kind": kind_of(row),
        "layout": content.get("layout", "banner"),
        "priority": row.priority,
        "read": row.state == "read",
        "content": {name: content[name] for name in _CONTENT if content.get(name)},
        "show_until": moment(row.show_until_ms),
    }
    if told["kind"] == CARD:
        told["pinned"] = bool(content.get("is_pinned"))
    else:
        told["show"] = content.get("show", {"frequency": "once"})
    return told | ({"while": {"inside": row.fence_id}} if row.fence_id else {})


async def get_stream(request: web.Request) -> web.StreamResponse:
    """Give the in-app messages behind a cursor, and from then on each as it comes."""
    surface, desk = request.app[SURFACE], request.app[DESK]
    last = request.headers.get("Last-Event-ID", "")
    after = query_int(request, "after", 0, CURSOR_MAX)
    after = read_int("Last-Event-ID", last, CURSOR_MAX) if last else after
    person_id = await person_of(request)
    with desk.taken(device_of(request).device_id) as place:
        response = web.StreamResponse(headers=_HEADERS)
        surface.metrics.streams.set(len(desk.open))
        # Whoever reads is gone, does not read, or speaks for somebody else: they begin anew.
        with suppress(ConnectionError, TimeoutError, StoreUnavailableError, ApiError):
            await response.prepare(request)
            await _tell(request, response, person_id, after, place)
    surface.metrics.streams.set(len(desk.open))
    return response


async def _tell(
    request: web.Request, response: web.StreamResponse, person_id: str, after: int, place: Place
) -> None:
    """Tell what changes, until the stream is over."""
    surface, ping_s = request.app[SURFACE], request.app[DESK].ping_s
    await _say(response, f"retry: {RETRY_MS}\n\n")
    with surface.wakes.inbox.hung(person_id, place.bell):
        while not (surface.is_stopping or place.is_over):
            place.bell.clear()
            rows = await surface.store.inbox(person_id, after, surface.clock.now_ms())
            for row in rows:
                await _say(response, event_of(row))
                after = row.cursor
            if not rows and not await _rang(place.bell, ping_s):
                await _say(response, ": ping\n\n")
            if await person_of(request) != person_id:
                return


def event_of(row: InboxRow) -> str:
    """Write a row as one event."""
    kind = kind_of(row)
    told = {"delivery_id": row.delivery_id} if kind == "retract" else shown(row)
    data = msgspec.json.encode(told).decode()
    return f"id: {row.cursor}\nevent: {kind}\ndata: {data}\n\n"


async def _say(response: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(WRITE_S):
        await response.write(text.encode())


async def _rang(bell: asyncio.Event, within_s: float) -> bool:
    """Wait for the bell; False when it did not ring."""
    try:
        async with asyncio.timeout(within_s):
            return await bell.wait()
    except TimeoutError:
        return False
