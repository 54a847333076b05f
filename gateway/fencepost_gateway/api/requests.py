"""
Requests: who asked for a copy of their data or to be erased, and by when it is answered.

They are asked on the preference page. What is asked is listed here; people fulfil it.
"""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from fencepost_gateway.api.surface import SURFACE, as_json, moment, query_int
from fencepost_gateway.decide.person import Person
from fencepost_gateway.ports import CURSOR_END, RequestRow

PAGE: Final = 100
PAGE_MAX: Final = 1_000


async def get_requests(request: web.Request) -> web.Response:
    """Give a page of requests, the oldest first."""
    surface = request.app[SURFACE]
    limit = query_int(request, "limit", PAGE, PAGE_MAX)
    after = query_int(request, "after", 0, CURSOR_END)
    found = await surface.store.preferences.requests(after, limit)
    people = await surface.store.persons([row.person_id for row in found])
    now_ms = surface.clock.now_ms()
    following = found[-1].number if found and len(found) == limit else None
    shown = [_shown(row, people.get(row.person_id), now_ms) for row in found]
    return as_json({"requests": shown, "next": following})


def _shown(row: RequestRow, person: Person | None, now_ms: int) -> dict[str, Any]:
    return {
        "number": row.number,
        "kind": row.kind,
        "person_id": row.person_id,
        "user_id": person.user_id if person else "",
        "asked_at": moment(row.asked_ms),
        "due_at": moment(row.due_ms),
        "overdue": now_ms > row.due_ms,
    }
