"""
``POST /v1/journeys/{id}/start``: a server starts a journey or campaign for one person.

Rule 1. ``key`` names the call: the same key for the same journey within 35 days is a duplicate and
        starts nothing; with another person it is refused.
Rule 2. The person must be known, by an upload of theirs or of a server: somebody nobody has heard
        of has stated nothing and can be reached nowhere, so a mistyped id is told at once.
Rule 3. What becomes of it is decided as for any other entry, by the same conditions, rules and
        limits, and is on record under ``run_id``.
"""

from __future__ import annotations

import difflib
from typing import Any

from aiohttp import web
from msgspec import Struct

from fencepost_gateway.api.body import decode
from fencepost_gateway.api.broadcasts import BODY_MAX_BYTES, check_props, check_text
from fencepost_gateway.api.surface import SURFACE, Surface, as_json
from fencepost_gateway.decide.broadcasts import call_id
from fencepost_gateway.decide.ids import derive, person_id_of_user
from fencepost_gateway.decide.plan import ApiEntry, Campaign
from fencepost_gateway.errors import ApiError
from fencepost_gateway.intake.records import Started

USER_ID_MAX = 256


class StartRequest(Struct):
    """For whom a journey is to start, and by which call."""

    user_id: str
    key: str
    props: dict[str, Any] = {}


async def post_start(request: web.Request) -> web.Response:
    """Start a journey for somebody; ``duplicate``: this call was made before."""
    surface, name = request.app[SURFACE], request.match_info["id"]
    wish = await decode(request, StartRequest, BODY_MAX_BYTES)
    check_text("key", wish.key)
    check_props(wish.props)
    campaign = _campaign(surface, name)
    person_id = await _known(surface, wish.user_id)
    now_ms = surface.clock.now_ms()
    started = Started(campaign.campaign_id, person_id, wish.key, now_ms, wish.props)
    first = await surface.store.broadcasts.start(started, now_ms)
    if first.person_id != person_id:
        raise ApiError("key_reused")
    surface.wakes.log.set()
    stimulus_id = call_id(campaign.campaign_id, wish.key, first.at_ms)
    run_id = derive("run", surface.settings.workspace, campaign.campaign_id, stimulus_id)
    return as_json({"status": "accepted" if first.is_new else "duplicate", "run_id": run_id})


def _campaign(surface: Surface, name: str) -> Campaign:
    live = surface.plans.plan.campaigns
    campaign = live.get(name)
    if campaign is None:
        near = difflib.get_close_matches(name[:64], sorted(live), 3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ApiError("not_found", f"no journey or campaign of this id is live{hint}", "id")
    if not any(isinstance(entry, ApiEntry) for entry in campaign.entries):
        how = "no entry of it is `api: true`: add one, or let the event happen that it waits for"
        raise ApiError("not_startable", how, "id")
    return campaign


async def _known(surface: Surface, user_id: str) -> str:
    if not user_id or len(user_id) > USER_ID_MAX or "\0" in user_id:
        raise ApiError("malformed", f"user_id has 1 to {USER_ID_MAX} characters", "user_id")
    person_id = person_id_of_user(surface.settings.workspace, user_id)
    store = surface.store
    # Somebody whose first upload is still in the log has a device already.
    if not await store.persons([person_id]) and not await store.people.devices_of(person_id, 1):
        detail = "nobody is known by this user_id: send an event of theirs first"
        raise ApiError("not_found", detail, "user_id")
    return person_id
