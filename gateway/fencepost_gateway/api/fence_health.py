"""
``GET /v1/fences/health``: which fences need mending.

Rule 1. Figures are read anew for each answer; overlaps follow from the fences alone and are kept
        until the next publication.
Rule 2. One such report at a time, off the loop: a library of 100,000 fences takes seconds, and
        nobody's positions should wait for it.
Rule 3. Asked for fences by id, only these and their neighbours are looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from fencepost_gateway.api.surface import SURFACE, as_json, query_int
from fencepost_gateway.errors import ApiError
from fencepost_gateway.reports.fence_health import Ranking, ranked
from fencepost_gateway.reports.fence_overlaps import KINDS, sorted_out
from fencepost_geofence.fence import Fence
from fencepost_geofence.overlaps import Overlaps, overlaps

DAYS: Final = 7
DAYS_MAX: Final = 31
PAGE: Final = 100
PAGE_MAX: Final = 1_000
ASKED_MAX: Final = 100
OVERLAPS_MAX: Final = 20
AFTER_MAX: Final = 1_000_000
DAY_S: Final = 86_400


class Wish(Struct, frozen=True):
    """What a request asks for."""

    asked: tuple[str, ...]
    days: int
    after: int
    limit: int


class HealthDesk:
    """Makes the reports of one gateway, one at a time (rules 1 and 2)."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self._revision = -1
        self._overlaps = Overlaps()

    def overlaps(self, fences: Sequence[Fence], asked: Collection[str], revision: int) -> Overlaps:
        """Give the overlaps of all fences, or of those asked for."""
        if asked:
            return overlaps(fences, set(asked))
        if revision != self._revision:
            self._overlaps, self._revision = overlaps(fences), revision
        return self._overlaps


DESK = web.AppKey("fence_health", HealthDesk)


async def get_fence_health(request: web.Request) -> web.Response:
    """Give figures, findings and advice, worst fence first."""
    surface, desk = request.app[SURFACE], request.app[DESK]
    wish = wish_of(request)
    async with desk.lock:
        plans, now_ms = surface.plans, surface.clock.now_ms()
        fences, revision = plans.fences, plans.plan.revision
        looked_at = chosen(fences, wish.asked)
        today = now_ms // (1000 * DAY_S)
        since_day = today - wish.days + 1
        counts = await surface.store.fences.days(since_day, wish.asked or None)

        def make() -> dict[str, Any]:
            ranking = ranked(looked_at, counts, wish.after + wish.limit)
            shared = desk.overlaps(fences, wish.asked, revision)
            return {
                "days": wish.days,
                "from": _date(since_day),
                "to": _date(today),
                "fences": len(looked_at),
                **page(ranking, wish),
                "overlaps": shared_ground(shared, ranking.fixes),
            }

        return as_json(await asyncio.to_thread(make))


def wish_of(request: web.Request) -> Wish:
    """Read fences, days and page of a report."""
    asked = tuple(dict.fromkeys(request.query.getall("fence", [])))
    if len(asked) > ASKED_MAX:
        raise ApiError("malformed", f"ask for {ASKED_MAX} fences at most", "fence")
    return Wish(
        asked=asked,
        days=max(1, query_int(request, "days", DAYS, DAYS_MAX)),
        after=query_int(request, "after", 0, AFTER_MAX),
        limit=max(1, query_int(request, "limit", PAGE, PAGE_MAX)),
    )


def chosen(fences: Sequence[Fence], asked: Collection[str]) -> Sequence[Fence]:
    """Give the fences asked for, or all."""
    if not asked:
        return fences
    known = {fence.fence_id: fence for fence in fences}
    if unknown := [name for name in asked if name not in known]:
        raise ApiError("not_found", f"no fence {unknown[0][:64]} is live", "fence")
    return [known[name] for name in asked]


def page(ranking: Ranking, wish: Wish) -> dict[str, Any]:
    """Give one page of the fences that a fix fell into; ``next`` is where the next begins."""
    end = wish.after + wish.limit
    return {
        "seen": ranking.seen,
        "ailing": ranking.ailing,
        "health": [msgspec.to_builtins(row) for row in ranking.rows[wish.after :]],
        "next": end if end < ranking.seen else None,
    }


def shared_ground(found: Overlaps, fixes: Mapping[str, int]) -> dict[str, Any]:
    """Give the worst overlaps, and how many there are of each kind."""
    worth = sorted_out(found.pairs, fixes)
    return {
        **{kind: sum(1 for one in worth if one.kind == kind) for kind in KINDS},
        "unmeasured": found.unmeasured,
        "is_cut": found.is_cut,
        "worst": [msgspec.to_builtins(one) for one in worth[:OVERLAPS_MAX]],
    }


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()
