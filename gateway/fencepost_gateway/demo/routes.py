"""
Routes: the page of the demonstration and the two requests behind it.

Mounted by ``fencepost demo`` only (``mount(app, state)``); ``serve`` has none of these routes.

Rule 1. Everything the page needs comes from here; the content security policy allows nothing
        else, no inline script or style, no frame.
Rule 2. ``POST /demo/people`` takes JSON of at most ``PEOPLE_BYTES_MAX`` and insists on its content
        type, so that a page of another origin cannot post without a preflight that we refuse.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from fencepost_gateway.demo.state import DemoState, Position

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[[web.Request], Awaitable[web.Response]]

PEOPLE_BYTES_MAX = 64 * 1024
STATE = web.AppKey("demo_state", DemoState)
PAGE = {
    "/": ("index.html", "text/html"),
    "/demo/app.js": ("app.js", "text/javascript"),
    "/demo/map.js": ("map.js", "text/javascript"),
    "/demo/style.css": ("style.css", "text/css"),
    "/demo/icon.svg": ("icon.svg", "image/svg+xml"),
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_positions = msgspec.json.Decoder(list[Position])


def mount(app: web.Application, state: DemoState) -> None:
    """Add the page, its files and its requests to ``app``; ``state`` is what they show."""
    app[STATE] = state
    folder = files("fencepost_gateway.demo") / "page"
    for path, (name, content_type) in PAGE.items():
        app.router.add_get(path, _file((folder / name).read_bytes(), content_type))
    app.router.add_get("/demo/state", read_state)
    app.router.add_post("/demo/people", place_people)


async def read_state(request: web.Request) -> web.Response:
    """Answer what happened after the cursor ``after`` (default 0)."""
    after = request.query.get("after", "0")
    if not (after.isascii() and after.isdigit() and len(after) <= len(str(2**53))):
        return _problem("`after` must be a cursor of an earlier answer, or 0")
    snapshot = request.app[STATE].since(int(after))
    return web.Response(
        body=msgspec.json.encode(snapshot), content_type="application/json", headers=HEADERS
    )


async def place_people(request: web.Request) -> web.Response:
    """Take where the simulated people are."""
    if request.content_type != "application/json":
        return _problem("positions come as application/json", status=415)
    if request.content_length is None or request.content_length > PEOPLE_BYTES_MAX:
        return _problem(
            f"positions need a Content-Length of {PEOPLE_BYTES_MAX} at most", status=413
        )
    try:
        positions = _positions.decode(await request.read())
    except msgspec.DecodeError:  # its text may quote the body, so it is not repeated
        return _problem("expected a list of {person, name, lat, lon, at_ms}")
    request.app[STATE].place_people(positions)
    return web.Response(status=204, headers=HEADERS)


def _file(body: bytes, content_type: str) -> Handler:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=content_type, charset="utf-8", headers=HEADERS)

    return handler


def _problem(detail: str, *, status: int = 400) -> web.Response:
    body = msgspec.json.encode({"title": "malformed", "status": status, "detail": detail})
    return web.Response(
        body=body, status=status, content_type="application/problem+json", headers=HEADERS
    )
