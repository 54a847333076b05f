"""Operate: what an operator does to a running gateway."""

from __future__ import annotations

from aiohttp import web
from msgspec import Struct

from fencepost_gateway.api.body import decode
from fencepost_gateway.api.journeys import ALL_MARKETING, NOTE_MAX, bounded, operator
from fencepost_gateway.api.surface import SURFACE, as_json
from fencepost_gateway.errors import ApiError
from fencepost_gateway.intake.addresses import address_ref, raw_of
from fencepost_gateway.ports import Act


class SuppressRequest(Struct):
    """An address that must not be used any more."""

    channel: str
    address: str
    reason: str = "manual"


class StopRequest(Struct):
    """Stop all marketing, or let it go on."""

    on: bool
    note: str = ""
    who: str = ""


async def post_suppressions(request: web.Request) -> web.Response:
    """Put an address on the suppression list; in force with the next claim."""
    surface = request.app[SURFACE]
    wish = await decode(request, SuppressRequest)
    if wish.channel not in surface.lanes:
        raise ApiError("malformed", "no such channel", "channel")
    raw = raw_of(wish.channel, wish.address)
    ref = address_ref(surface.credentials.seed, wish.channel, raw)
    await surface.store.suppress(wish.channel, ref, wish.reason[:64], surface.clock.now_ms())
    return as_json({"ref": ref})


async def post_emergency_stop(request: web.Request) -> web.Response:
    """Hold back all marketing from the next claim on, or let it go on; who did it is on record."""
    surface = request.app[SURFACE]
    wish = await decode(request, StopRequest)
    by, note = operator(wish.who), bounded("note", wish.note, NOTE_MAX)
    await surface.store.set_emergency_stop(on=wish.on)
    action = "emergency_stop" if wish.on else "emergency_stop_off"
    act = Act(0, surface.clock.now_ms(), by, action, ALL_MARKETING, note=note)
    await surface.store.journeys.note(act)
    return as_json({"emergency_stop": wish.on})
