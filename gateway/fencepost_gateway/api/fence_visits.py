"""
``GET /v1/fences/visits``: how fences are visited.

Rule 1. Figures are read anew for each answer, from the records of transitions, page by page; never
        more than ``VISITS_MAX`` visits are held, and never more than ``RECORDS_MAX`` records are
        read: who asks for more has to ask for less.
Rule 2. One report at a time, off the loop, together with those of ``fence_health``.
Rule 3. What an answer may not tell is decided in ``reports.fence_visits``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiohttp import web

from fencepost_gateway.api.fence_health import DESK, Wish, chosen, wish_of
from fencepost_gateway.api.surface import SURFACE, as_json
from fencepost_gateway.decide.place import Selector
from fencepost_gateway.errors import ApiError
from fencepost_gateway.intake.limits import FUTURE_MAX_MS
from fencepost_gateway.reports.fence_visits import (
    FEWEST,
    VisitBook,
    Visited,
    Window,
    visited,
    window_of,
)

if TYPE_CHECKING:
    from fencepost_gateway.ports import Store
    from fencepost_gateway.workers.plans import Plans
    from fencepost_geofence.fence import Fence

VISITS_MAX: Final = 250_000  # a hundred megabytes
RECORDS_MAX: Final = 1_000_000  # some twenty seconds
PAGE_ROWS: Final = 2_000


async def get_fence_visits(request: web.Request) -> web.Response:
    """Give visits, persons, dwell, repeat rate and hours, most visited fence first."""
    surface, wish = request.app[SURFACE], wish_of(request)
    selector = Selector(tag=request.query.get("tag", ""), library=request.query.get("library", ""))
    async with request.app[DESK].lock:
        fences = _selected(surface.plans, wish, selector)
        windows = windows_of(surface.plans, fences, wish.days, surface.clock.now_ms())
        book = VisitBook(windows)
        await _fill(book, surface.store, windows)

        def make() -> dict[str, Any]:
            most, is_asked = wish.after + wish.limit, bool(wish.asked)
            found = visited(fences, windows, book, most, all_=is_asked)
            counts = {"live": len(surface.plans.fences), "fences": len(fences)}
            return {"days": wish.days, **counts, **page(found, wish)}

        return as_json(await asyncio.to_thread(make))


def windows_of(plans: Plans, fences: list[Fence], days: int, now_ms: int) -> dict[str, Window]:
    """Give each fence the days of its own zone, else the workspace's."""
    zones = {fence.fence_id: fence.zone or plans.plan.workspace_zone for fence in fences}
    windows = {zone: window_of(zone, days, now_ms) for zone in set(zones.values())}
    return {fence_id: windows[zone] for fence_id, zone in zones.items()}


def page(found: Visited, wish: Wish) -> dict[str, Any]:
    """Give one page of the fences; ``next`` is where the next begins."""
    end = wish.after + wish.limit
    return {
        "fewer_than": FEWEST,
        "hidden": found.hidden,
        "visits": [msgspec.to_builtins(row) for row in found.rows[wish.after :]],
        "next": end if end < found.count else None,
    }


def _selected(plans: Plans, wish: Wish, selector: Selector) -> list[Fence]:
    views = plans.plan.fences
    return [
        fence
        for fence in chosen(plans.fences, wish.asked)
        if selector.matches(views[fence.fence_id])
    ]


async def _fill(book: VisitBook, store: Store, windows: Mapping[str, Window]) -> None:
    """Read what happened since the first day began (rule 1)."""
    if not windows:
        return
    first_ms = min(window.from_ms for window in windows.values())
    after = (first_ms - FUTURE_MAX_MS, 0)  # by so much a device's clock may be ahead of ours
    for _ in range(RECORDS_MAX // PAGE_ROWS):
        rows = await store.fences.transitions(after, PAGE_ROWS)
        await asyncio.to_thread(book.take, rows)
        if book.size > VISITS_MAX:
            break
        if len(rows) < PAGE_ROWS:
            return
        after = (rows[-1].at_ms, rows[-1].cursor)
    raise ApiError(
        "too_large",
        f"these are more than {VISITS_MAX:,} visits, or on days with more than {RECORDS_MAX:,} "
        "transitions: ask for fewer days, or for single fences",
    )
