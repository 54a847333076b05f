"""
``GET /v1/fences/nearby``: fences for a device that watches them itself.

Rule 1. The caller says only which cell of a grid of 0.01 degrees it is in; coordinates with more
        digits are refused before they are read. ``center`` is the middle of that cell.
Rule 2. Whoever does not allow ``location_collect`` is answered nothing: asking is a position, too.
Rule 3. Every fence that reaches within ``valid_radius_m`` of ``center`` is in the answer
        (``fence_set``): outside the inner part of it the device asks again.
Rule 4. The ETag names the edition of all fences, not the answer: so a batch's answer can hint at it
        for nothing, and one with the known ETag spares the device a request. Like every ETag it
        belongs to its URL; a caller whose ``have`` is of another cell never gets 304 for it.
Rule 5. ``have`` gets the difference to the set it names, or all when that cannot be told: an
        edition too long ago or from before a restart, another filter, a place far away.

Why ``have`` is a few words that we wrote ourselves (edition, middle, radius, filter): the set of
before is made again from them, so nothing is kept per device or per answer, any gateway can answer,
and nobody uploads a list of 200 ids. What mostly happens, a device going on while no fence changed,
works with any process and after any restart. A radio pays for waking up and then by the kilobyte:
a hint arrives while it is awake, and the edition being everybody's costs a device far from the
change an answer of some 200 bytes. ``count`` lets the device see that its store lost something; it
then asks without ``have``.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiohttp import web

from fencepost_gateway.api.device import person_of
from fencepost_gateway.api.fence_set import Ask, Held, difference, fence_set, read_held
from fencepost_gateway.api.surface import SURFACE, query_int
from fencepost_gateway.decide import consent
from fencepost_gateway.errors import ApiError
from fencepost_geofence.sphere import POLE_DEG, SEAM_DEG

if TYPE_CHECKING:
    from fencepost_gateway.workers.plans import Plans

LIMIT: Final = 200
LIMIT_MAX: Final = 500
STALE_AFTER_S: Final = 86_400
OPEN_STALE_AFTER_S: Final = 300  # hours begin and end on full minutes, mostly on quarters
TAG_MAX: Final = 64

_NUMBER = re.compile(r"-?\d{1,3}(\.\d{1,12})?", re.ASCII)
_SNAPPED = re.compile(r"-?\d+(\.\d{1,2}0*)?", re.ASCII)
_ID = re.compile(r"[a-z0-9-]{1,64}")


async def get_nearby(request: web.Request) -> web.Response:
    """Give the fences around a cell, or what changed of them; 304 when the caller has them."""
    ask = read_ask(request)
    held = read_held(request.query.get("have", ""))
    surface = request.app[SURFACE]
    person_id = await person_of(request)
    said = await surface.store.consents(person_id)
    policies = surface.plans.plan.every_policy
    if not consent.allows_under(policies, said, "location_collect").allowed:
        raise ApiError("location_consent")
    plans, known = surface.plans, request.headers.get("If-None-Match", "")
    etag = f'"{plans.editions.name}"'
    is_of_this_cell = held is None or (held.lat, held.lon) == (ask.lat, ask.lon)
    body = b""
    if ask.is_open or etag not in known or not is_of_this_cell:
        body = msgspec.json.encode(nearby(plans, ask, held, surface.clock.now_ms()))
        if ask.is_open:  # an edition has many answers: what is open changes with the hour
            etag = f'"o-{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": etag, "Cache-Control": "private"}
    if not body or (ask.is_open and etag in known):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, headers=headers, content_type="application/json")


def nearby(plans: Plans, ask: Ask, held: Held | None, now_ms: int) -> dict[str, Any]:
    """Make the answer: all fences, or the difference to what is held (Rule 5)."""
    told = fence_set(plans, ask, now_ms)
    answer: dict[str, Any] = {
        "v": 1,
        "center": {"lat": ask.lat, "lon": ask.lon},
        "valid_radius_m": told.radius_m,
        "stale_after_s": OPEN_STALE_AFTER_S if ask.is_open else STALE_AFTER_S,
        "fences": list(told.fences.values()),
    }
    if ask.is_open or not told.is_exact:
        return answer
    edition = plans.editions.name
    answer["have"] = Held(edition, ask.lat, ask.lon, told.radius_m, ask.filter_key).write()
    found = None if held is None else difference(plans, ask, held, told)
    if found is not None:
        answer |= {"fences": found.fences, "gone": found.gone, "count": len(told.fences)}
    return answer


def read_ask(request: web.Request) -> Ask:
    """
    Read the question.

    Raises:
        ApiError: A member is not what it should be; ``path`` names it.

    """
    query = request.query
    lat, lon = _snapped(request, "lat", POLE_DEG), _snapped(request, "lon", SEAM_DEG)
    limit = query_int(request, "limit", LIMIT, LIMIT_MAX)
    library, tag, opened = (query.get(name, "") for name in ("library", "tag", "open"))
    if "library" in query and not _ID.fullmatch(library):
        raise ApiError("malformed", "library must be the id of a library: a-z, 0-9, -", "library")
    if "tag" in query and not 0 < len(tag) <= TAG_MAX:
        raise ApiError("malformed", f"tag must be one tag of 1 to {TAG_MAX} characters", "tag")
    if "open" in query and opened != "now":
        raise ApiError("malformed", "open must be now, or be left out", "open")
    for name in ("library", "tag", "open"):
        if len(query.getall(name, [])) > 1:
            raise ApiError("malformed", f"{name} may be given once", name)
    return Ask(lat, lon, limit, library, tag, opened == "now")


def _snapped(request: web.Request, name: str, top: float) -> float:
    """Read a coordinate of the grid (Rule 1); what was sent is never repeated."""
    text = request.query.get(name, "")
    if not _NUMBER.fullmatch(text) or abs(float(text)) > top:
        raise ApiError("malformed", f"{name} must be a number of degrees", name)
    if not _SNAPPED.fullmatch(text):
        raise ApiError("not_snapped", path=name)
    return float(text)
