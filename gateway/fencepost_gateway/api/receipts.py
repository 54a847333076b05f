"""
Receipts: what a receiver, or their machine, tells of a message by a link that it came with.

Rule 1. A ticket is signed for one message or delivery; whoever has none can tell nothing.
Rule 2. A link leads on first of all: to its page, whether the click could be counted or not, and
        long after its message and person are forgotten. A page nobody signed is led to by nobody.
Rule 3. HEAD, a prefetch and a preview lead on and count nothing: no person looked.
Rule 4. Nothing of it is cached, and no page is told where its reader comes from.
Rule 5. What a service worker tells may come from any origin: it shows a ticket, not who it is.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
import structlog
from aiohttp import web
from msgspec import Meta, Struct

from fencepost_gateway.api.body import read_raw
from fencepost_gateway.api.page import foreign, reader_language
from fencepost_gateway.api.surface import SURFACE
from fencepost_gateway.errors import ApiError, StoreUnavailableError
from fencepost_gateway.intake.tickets import read_ticket
from fencepost_gateway.intake.tracked_links import SUFFIX, location_of, read_click, read_open

REPORT_MAX_BYTES: Final = 1_024
PIXEL: Final = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}
_ANY_ORIGIN: Final = {"Access-Control-Allow-Origin": "*", **_HEADERS}
_PREFLIGHT: Final = {
    **_ANY_ORIGIN,
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "86400",
}
_AHEAD: Final = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")  # who fetches before it is asked

log = structlog.get_logger()


class ReceiptReport(Struct):
    """What a service worker tells; ``action`` names the button that was pressed."""

    what: Literal["displayed", "clicked", "dismissed"]
    action: Annotated[str, Meta(max_length=64)] = ""


_report = msgspec.json.Decoder(ReceiptReport)


async def options_report(_request: web.Request) -> web.Response:
    """Let a page of another origin report."""
    return web.Response(status=204, headers=_PREFLIGHT)


async def post_report(request: web.Request) -> web.Response:
    """Take what a service worker tells."""
    surface = request.app[SURFACE]
    delivery_id = read_ticket(surface.credentials.seed, "report", request.match_info["ticket"])
    if not delivery_id:
        raise ApiError("not_found")
    try:
        told = _report.decode(await read_raw(request, REPORT_MAX_BYTES))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ApiError("malformed") from None
    await surface.reception.worker(delivery_id, told.what, told.action)
    return web.Response(status=204, headers=_ANY_ORIGIN)


async def get_click(request: web.Request) -> web.Response:
    """Lead on to the page of a link, and count that."""
    return await _lead(request, counts=not _is_ahead(request))


async def head_click(request: web.Request) -> web.Response:
    """Lead on, and count nothing."""
    return await _lead(request, counts=False)


async def _lead(request: web.Request, *, counts: bool) -> web.Response:
    surface, page = request.app[SURFACE], request.query.get("to", "")
    at = read_click(surface.credentials.seed, request.match_info["ticket"], page)
    if at is None:
        return foreign(reader_language(request))
    if counts:
        try:
            await surface.reception.link(at, "clicked")
        except StoreUnavailableError:  # Rule 2
            log.warning("click.store_unavailable")
            surface.metrics.reports.labels("link", "lost").inc()
    return web.Response(status=302, headers={**_HEADERS, "Location": location_of(page)})


async def get_open(request: web.Request) -> web.Response:
    """Count that an email was opened."""
    surface = request.app[SURFACE]
    at = read_open(surface.credentials.seed, request.match_info["ticket"].removesuffix(SUFFIX))
    if at is None:
        raise ApiError("not_found")
    if not _is_ahead(request):
        try:
            await surface.reception.link(at, "opened")
        except StoreUnavailableError:
            log.warning("open.store_unavailable")
            surface.metrics.reports.labels("link", "lost").inc()
    return web.Response(body=PIXEL, content_type="image/gif", headers=_HEADERS)


def _is_ahead(request: web.Request) -> bool:
    said = " ".join(request.headers.get(name, "") for name in _AHEAD).lower()
    return "prefetch" in said or "preview" in said or "prerender" in said
