"""
``/v1/messages/dead``: messages that failed through our side, and having them tried again.

Rule 1. Shown is whom it was for, which campaign, on which channels and why not; never what it says.
Rule 2. Tried again it is claimed anew, by what holds then: consent, hours and caps count.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web
from msgspec import Struct

from fencepost_gateway.api.body import decode
from fencepost_gateway.api.surface import SURFACE, Surface, as_json, moment, query_int
from fencepost_gateway.errors import ApiError
from fencepost_gateway.ports import DeadMessage

PAGE: Final = 100
PAGE_MAX: Final = 1_000
BODY_MAX_BYTES: Final = 4 << 10


class RedriveMessages(Struct, forbid_unknown_fields=True):
    """Which messages to try again: one, those of a campaign, or ``all``."""

    message_id: str = ""
    campaign_id: str = ""
    all: bool = False


async def get_dead(request: web.Request) -> web.Response:
    """Give a page of messages that failed through our side."""
    surface = request.app[SURFACE]
    limit = max(1, query_int(request, "limit", PAGE, PAGE_MAX))
    after = request.query.get("after", "")
    found = await surface.store.letters.dead(after, limit + 1, surface.clock.now_ms())
    following = found[limit - 1].message_id if len(found) > limit else None
    return as_json({"messages": [_shown(each) for each in found[:limit]], "next": following})


async def post_redrive(request: web.Request) -> web.Response:
    """Have messages tried again."""
    surface = request.app[SURFACE]
    wish = await decode(request, RedriveMessages, BODY_MAX_BYTES)
    if sum(map(bool, (wish.message_id, wish.campaign_id, wish.all))) != 1:
        raise ApiError("malformed", "write one of message_id, campaign_id and all: true")
    moved = await _redrive(surface, wish)
    surface.wakes.messages.set()
    return as_json({"tried_again": moved})


async def _redrive(surface: Surface, wish: RedriveMessages) -> int:
    """Page by page, each a commit; a page ends behind the last, so nothing is met twice."""
    letters, now_ms = surface.store.letters, surface.clock.now_ms()
    if wish.message_id:
        return await letters.redrive([wish.message_id], now_ms)
    after, moved = "", 0
    while found := await letters.dead(after, PAGE_MAX, now_ms):
        after = found[-1].message_id
        meant = [m.message_id for m in found if wish.campaign_id in {"", m.campaign_id}]
        moved += await letters.redrive(meant, now_ms) if meant else 0
    return moved


def _shown(dead: DeadMessage) -> dict[str, Any]:
    return {
        "message_id": dead.message_id,
        "person_id": dead.person_id,
        "campaign_id": dead.campaign_id,
        "step_id": dead.step_id,
        "channels": list(dead.channels),
        "failed_at": moment(dead.failed_ms),
        "expires_at": moment(dead.expires_at_ms),
        "attempt": dead.attempt,
        "reason": dead.reason,
    }
