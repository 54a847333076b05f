"""
``/v1/external`` and ``/v1/broadcasts``: what concerns many, told by a server, and how far it is.

Rule 1. ``id`` names what happened: told again within 35 days it is a duplicate and wakes nobody,
        whatever else is in it.
Rule 2. It is answered once it stands in the log. Whom it concerns is told after that, and can be
        followed under its number.
Rule 3. At most ``OPEN_MAX`` are under way, so that what waits is bounded.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from fencepost_gateway.api.body import decode
from fencepost_gateway.api.surface import SURFACE, Surface, as_json, moment, query_int
from fencepost_gateway.decide.broadcasts import Broadcast
from fencepost_gateway.decide.ids import derive
from fencepost_gateway.decide.spans import moment_ms, parse_moment, zone_named
from fencepost_gateway.errors import ApiError
from fencepost_gateway.intake import limits
from fencepost_gateway.intake.faults import shape_fault
from fencepost_gateway.ports import BroadcastRow

OPEN_MAX: Final = 1_000
ID_MAX: Final = 128
PROPS_MAX_BYTES: Final = 16 << 10  # it goes into the log with every 200 persons
BODY_MAX_BYTES: Final = 64 << 10
PAGE: Final = 20
PAGE_MAX: Final = 200


class ExternalRequest(Struct):
    """Something that happened outside and concerns many."""

    id: str
    name: str
    at: str = ""
    props: dict[str, Any] = {}


async def post_external(request: web.Request) -> web.Response:
    """Take an event from outside; ``duplicate``: it was told before."""
    surface = request.app[SURFACE]
    wish = await decode(request, ExternalRequest, BODY_MAX_BYTES)
    check_text("id", wish.id)
    check_text("name", wish.name)
    check_props(wish.props)
    check_shape(surface, wish)
    now_ms = surface.clock.now_ms()
    told = Broadcast(
        broadcast_id=derive("external", wish.id),
        kind="external",
        name=wish.name,
        at_ms=asked_at_ms(surface, wish.at, now_ms),
        props=wish.props,
    )
    book = surface.store.broadcasts
    if await book.waiting() >= OPEN_MAX:
        raise ApiError("too_many", f"{OPEN_MAX} broadcasts are under way")
    answer = await book.announce(told, now_ms)
    surface.wakes.log.set()
    status = "accepted" if answer.is_new else "duplicate"
    return as_json({"id": wish.id, "status": status, "broadcast": answer.number})


async def get_broadcasts(request: web.Request) -> web.Response:
    """Give what many were told of, the newest first, and how far it is."""
    book = request.app[SURFACE].store.broadcasts
    limit = max(1, query_int(request, "limit", PAGE, PAGE_MAX))
    before = query_int(request, "before", 0, 1 << 62)
    rows = await book.page(before, limit + 1, name=request.query.get("name", ""))
    following = rows[limit - 1].number if len(rows) > limit else None
    return as_json({"broadcasts": [_shown(row) for row in rows[:limit]], "next": following})


def _shown(row: BroadcastRow) -> dict[str, Any]:
    told = row.broadcast
    return {
        "broadcast": row.number,
        "kind": told.kind,
        "name": told.name,
        "campaign_id": told.campaign_id,
        "at": moment(told.at_ms),
        "told_at": moment(row.appended_ms),
        "state": row.state,
        "seen": row.seen,
        "total": max(row.total, row.seen),
        "reached": row.reached,
        "missed": told.missed,
        "done_at": None if row.done_ms is None else moment(row.done_ms),
    }


def check_text(name: str, value: str) -> None:
    """Refuse a name or key that is empty, too long, or holds NUL."""
    if not value or len(value) > ID_MAX or "\0" in value:
        raise ApiError("malformed", f"{name} has 1 to {ID_MAX} characters, and no NUL", name)


def check_props(props: dict[str, Any]) -> None:
    """Refuse properties that an app event could not have, or that are too large for many."""
    found = limits.fault(props)
    if found is not None:
        code, path = found
        raise ApiError("malformed", f"props: {code}", f"props.{path}".rstrip("."))
    if len(msgspec.msgpack.encode(props)) > PROPS_MAX_BYTES:
        raise ApiError("too_large", f"props may have {PROPS_MAX_BYTES} bytes", "props")


def check_shape(surface: Surface, wish: ExternalRequest) -> None:
    """Refuse properties that do not fit the definition of the event, where there is one."""
    shape = surface.plans.plan.event_shapes.get(wish.name)
    found = shape_fault(shape, wish.props) if shape else None
    if found is not None:
        code, path = found
        raise ApiError("malformed", f"it does not fit the event {wish.name}: {code}", path)


def asked_at_ms(surface: Surface, text: str, now_ms: int) -> int:
    """Read when something happened; now where that is not said."""
    if not text:
        return now_ms
    found = parse_moment(text)
    zone = zone_named(surface.plans.plan.workspace_zone)
    at_ms = None if found is None else moment_ms(found, zone)
    if at_ms is None:
        raise ApiError("malformed", "at must be a moment, such as 2026-06-02T18:00:00Z", "at")
    if not now_ms - limits.AGE_MAX_MS <= at_ms <= now_ms + limits.FUTURE_MAX_MS:
        raise ApiError("malformed", "at must lie within the last 31 days", "at")
    return at_ms
