"""
Callbacks: providers tell what became of what they took.

Rule 1. A signature is over the address that the provider called: the public one
        (``public_url``), with path and query as they came.
Rule 2. The body is handed on as it came, at most 64 KiB of it.
Rule 3. The answer leaves when what was told is in the log; until then the provider tells it again.
"""

from __future__ import annotations

from aiohttp import web

from fencepost_channels.callback import MAX_CALLBACK_BYTES, Callback
from fencepost_gateway.api.body import read_raw
from fencepost_gateway.api.surface import SURFACE


async def post_callback(request: web.Request) -> web.Response:
    """Take what a provider tells."""
    surface = request.app[SURFACE]
    body = await read_raw(request, MAX_CALLBACK_BYTES)
    names = dict.fromkeys(name.lower() for name in request.headers)
    headers = {name: ", ".join(request.headers.getall(name)) for name in names}
    told = Callback(_public_url(request, surface.settings.public_url), headers, body)
    reading = await surface.reception.callback(request.match_info["lane"], told)
    return web.Response(body=reading.body, content_type=reading.content_type)


def _public_url(request: web.Request, public_url: str) -> str:
    origin = public_url.rstrip("/") or f"{request.scheme}://{request.host}"
    return origin + request.raw_path
