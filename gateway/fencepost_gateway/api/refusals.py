"""
``/v1/refusals``: what people wrote that was no fixed word, and that somebody should look at.

Rule 1. Shown is what was written, when, and what came of it; neither who wrote nor from where. It
        is read under the operator key only.
Rule 2. Who has looked lets the text go. What was in doubt they may take for a STOP; what was obeyed
        is not theirs to take back: the person's own START or new consent ends it.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web
from msgspec import Struct

from fencepost_gateway.api.body import decode
from fencepost_gateway.api.surface import SURFACE, as_json, moment, query_int
from fencepost_gateway.errors import ApiError
from fencepost_gateway.intake.refusals import Refusal
from fencepost_gateway.ports import RefusalRow

PAGE: Final = 100
PAGE_MAX: Final = 1_000
BODY_MAX_BYTES: Final = 4 << 10


class LookedAtRequest(Struct, forbid_unknown_fields=True):
    """Somebody has looked at a message; with ``stop`` they take it for one."""

    id: str
    stop: bool = False


async def get_refusals(request: web.Request) -> web.Response:
    """Give what somebody should look at, the oldest first."""
    limit = max(1, query_int(request, "limit", PAGE, PAGE_MAX))
    found = await request.app[SURFACE].store.refusals.open(limit)
    return as_json({"refusals": [_shown(each) for each in found]})


async def post_looked_at(request: web.Request) -> web.Response:
    """Say that somebody has looked."""
    surface = request.app[SURFACE]
    wish = await decode(request, LookedAtRequest, BODY_MAX_BYTES)
    row = await surface.store.refusals.row(wish.id)
    if row is None or not row.asks:
        raise ApiError("not_found", "nothing of this id waits for somebody to look at it")
    now_ms = surface.clock.now_ms()
    if wish.stop and not row.reason:
        refusal = Refusal(
            refusal_id=f"{row.refusal_id}:looked",
            method=row.method,
            said_ms=row.taken_ms,
            spares=surface.plans.plan.is_service,
            channel=row.channel,
            ref=row.ref,
            reason="stop",
            proof={"actor": "operator"},
        )
        await surface.store.refusals.take(refusal, now_ms)
        surface.wakes.log.set()
    await surface.store.refusals.looked_at(row.refusal_id)
    return as_json({"id": row.refusal_id, "stopped": wish.stop or bool(row.reason)})


def _shown(row: RefusalRow) -> dict[str, Any]:
    return {
        "id": row.refusal_id,
        "at": moment(row.taken_ms),
        "channel": row.channel,
        "text": row.text,
        "reason": row.reason,
        "persons": len(row.persons),
    }
