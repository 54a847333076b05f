"""What a device may read besides its messages: its configuration, the decisions about it."""

from __future__ import annotations

from aiohttp import web

from fencepost_gateway.api.decisions import explain, query_language
from fencepost_gateway.api.surface import SURFACE, as_json, device_of
from fencepost_gateway.errors import ApiError


async def get_config(request: web.Request) -> web.Response:
    """Give what an app needs to know: whether to collect, the Web Push key."""
    surface = request.app[SURFACE]
    key = surface.credentials.vapid_public_key
    return as_json({"v": 1, "enabled": True, "vapid_public_key": key})


async def get_explain(request: web.Request) -> web.Response:
    """Give the decision record of one of the caller's own messages; not in production."""
    surface = request.app[SURFACE]
    if surface.settings.environment == "production":
        raise ApiError("key_scope", "devices may ask only in development and test")
    person_id = await person_of(request)
    language = query_language(request)
    own = device_of(request).device_id
    return as_json(await explain(surface, request.match_info["id"], language, person_id, own))


async def person_of(request: web.Request) -> str:
    """
    Give the person the calling device speaks for.

    Raises:
        ApiError: The device is unknown here, or its secret is another.

    """
    device = device_of(request)
    store = request.app[SURFACE].store
    person_id = await store.person_of_device(device.device_id, device.secret_hash)
    if person_id is None:
        raise ApiError("device_secret", "send events first: a device is known by its first batch")
    return person_id
