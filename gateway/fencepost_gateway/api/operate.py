"""Operate: what an operator does to a running gateway."""

from __future__ import annotations

from aiohttp import web
from msgspec import Struct

from fencepost_gateway.api.body import decode
from fencepost_gateway.api.surface import SURFACE, as_json
from fencepost_gateway.errors import ApiError
from fencepost_gateway.intake.addresses import address_ref, raw_of


class SuppressRequest(Struct):
    """An address that must not be used any more."""

    channel: str
    address: str
    reason: str = "manual"


class StopRequest(Struct):
    """Stop all marketing, or let it go on."""

    on: bool


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
    """Hold back all marketing from the next claim on, or let it go on."""
    wish = await decode(request, StopRequest)
    await request.app[SURFACE].store.set_emergency_stop(on=wish.on)
    return as_json({"emergency_stop": wish.on})
