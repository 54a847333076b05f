"""Outcomes: what became of the messages of a span of time, with sums that add up."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from fencepost_gateway.api.decisions import query_language
from fencepost_gateway.api.explain import asked_moment
from fencepost_gateway.api.surface import SURFACE, Surface, as_json, moment
from fencepost_gateway.decide.spans import zone_named
from fencepost_gateway.decide.tongue import Tongue
from fencepost_gateway.documents.kinds import SENDING
from fencepost_gateway.errors import ApiError
from fencepost_gateway.reports.outcomes import Outcomes

PAGE: Final = 1_000
SPAN_MS: Final = 7 * 86_400_000


async def get_outcomes(request: web.Request) -> web.Response:
    """Count messages by what became of them and why."""
    surface = request.app[SURFACE]
    zone = surface.plans.plan.workspace_zone
    zone = zone if zone_named(zone) else "UTC"
    until_ms = asked_moment(request, "to", zone, surface.clock.now_ms() + 1)
    from_ms = asked_moment(request, "from", zone, until_ms - SPAN_MS)
    if from_ms >= until_ms:
        raise ApiError("malformed", "from must be before to", "from")
    campaign_id = request.query.get("campaign", "")
    if campaign_id and not await _was_published(surface, campaign_id):
        how = "no campaign or journey of this id was ever published"
        raise ApiError("not_found", how, "campaign")
    report = Outcomes(campaign_id, from_ms, until_ms)
    after = ""
    while page := await surface.store.messages(after, PAGE):
        report.take(page)
        after = page[-1].message_id
    told = report.told(Tongue(query_language(request), zone))
    return as_json(told | {"from": moment(from_ms), "to": moment(until_ms)})


async def _was_published(surface: Surface, campaign_id: str) -> bool:
    for kind in SENDING:
        if await surface.store.versions(kind, [campaign_id]):
            return True
    return False
