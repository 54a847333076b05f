"""
``/v1/webhooks/dead``: webhooks that were given up, and having them tried again.

Rule 1. Shown is whom it was about, which step, where to and why not; never what it tells.
Rule 2. Tried again it has the id it had, so a receiver that took it after all knows it. The run is
        where it is by now: what was given up has told it so.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web
from msgspec import Struct

from fencepost_gateway.api.body import decode
from fencepost_gateway.api.surface import SURFACE, as_json, moment, query_int
from fencepost_gateway.errors import ApiError
from fencepost_gateway.ports import DeadCall

PAGE: Final = 100
PAGE_MAX: Final = 1_000
BODY_MAX_BYTES: Final = 4 << 10


class RedriveRequest(Struct, forbid_unknown_fields=True):
    """Which webhooks to try again: one, those of a source, or ``all``."""

    call_id: str = ""
    source_id: str = ""
    all: bool = False


async def get_dead(request: web.Request) -> web.Response:
    """Give a page of webhooks that were given up."""
    limit = max(1, query_int(request, "limit", PAGE, PAGE_MAX))
    after = request.query.get("after", "")
    found = await request.app[SURFACE].store.calls.dead(after, limit + 1)
    following = found[limit - 1].call_id if len(found) > limit else None
    return as_json({"webhooks": [_shown(each) for each in found[:limit]], "next": following})


async def post_redrive(request: web.Request) -> web.Response:
    """Have webhooks tried again."""
    surface = request.app[SURFACE]
    wish = await decode(request, RedriveRequest, BODY_MAX_BYTES)
    if sum(map(bool, (wish.call_id, wish.source_id, wish.all))) != 1:
        raise ApiError("malformed", "write one of call_id, source_id and all: true")
    moved = await surface.store.calls.redrive(
        surface.clock.now_ms(), call_id=wish.call_id, source_id=wish.source_id
    )
    surface.wakes.calls.set()
    return as_json({"tried_again": moved})


def _shown(dead: DeadCall) -> dict[str, Any]:
    return {
        "call_id": dead.call_id,
        "person_id": dead.person_id,
        "campaign_id": dead.campaign_id,
        "step_id": dead.step_id,
        "run_id": dead.run_id,
        "source_id": dead.source_id,
        "asked_at": moment(dead.asked_ms),
        "given_up_at": moment(dead.dead_ms),
        "attempt": dead.attempt,
        "failure": dead.failure,
    }
