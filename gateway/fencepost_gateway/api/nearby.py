"""
``GET /v1/fences/nearby``: fences for a device that watches them itself.

Rule 1. The caller says only which cell of a grid of 0.01 degrees it is in; coordinates with more
        digits are refused before they are read. ``center`` is the middle of that cell.
Rule 2. Whoever does not allow ``location_collect`` is answered nothing: asking is a position, too.
Rule 3. Wherever in the cell the device is, its ``limit`` nearest fences by distance to the boundary
        are in the answer, as far as they are within 1,000 km: the answer goes a cell's diagonal
        beyond the limit-th from the middle. The device picks from them by its exact position.
Rule 4. ``valid_radius_m``: every fence that reaches within it of ``center`` is in the answer. At
        most ``FENCES_MAX`` are given; then the radius says how far they go.
"""

from __future__ import annotations

import hashlib
import re
from math import hypot
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiohttp import web

from fencepost_gateway.api.device import person_of
from fencepost_gateway.api.surface import SURFACE, query_int
from fencepost_gateway.decide import consent
from fencepost_gateway.errors import ApiError
from fencepost_geofence.corridor import Corridor
from fencepost_geofence.geojson import write_geometry
from fencepost_geofence.shapes import Circle
from fencepost_geofence.sphere import POLE_DEG, SEAM_DEG, great_circle_m

if TYPE_CHECKING:
    from fencepost_gateway.workers.plans import Plans
    from fencepost_geofence.fence import Fence

LIMIT: Final = 200
LIMIT_MAX: Final = 500
FENCES_MAX: Final = 2_000
FARTHEST_M: Final = 1_000_000.0
STALE_AFTER_S: Final = 86_400
HALF_CELL_DEG: Final = 0.005

_NUMBER = re.compile(r"-?\d{1,3}(\.\d{1,12})?", re.ASCII)
_SNAPPED = re.compile(r"-?\d+(\.\d{1,2}0*)?", re.ASCII)


async def get_nearby(request: web.Request) -> web.Response:
    """Give the fences around a cell; 304 when the caller has them."""
    lat, lon = _snapped(request, "lat", POLE_DEG), _snapped(request, "lon", SEAM_DEG)
    limit = query_int(request, "limit", LIMIT, LIMIT_MAX)
    surface = request.app[SURFACE]
    person_id = await person_of(request)
    said = await surface.store.consents(person_id)
    if not consent.allows(said, surface.plans.plan.policy, "location_collect").allowed:
        raise ApiError("location_consent")
    body = msgspec.json.encode(nearby(surface.plans, lat, lon, limit))
    etag = f'"f-{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private"}
    if etag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, headers=headers, content_type="application/json")


def nearby(plans: Plans, lat: float, lon: float, limit: int) -> dict[str, Any]:
    """Make the answer for the cell around a position (Rules 3 and 4)."""
    index = plans.tracker.index
    reach_m = half_diagonal_m(lat, lon)
    wished = index.nearest(lat, lon, limit, within_m=FARTHEST_M)
    valid_m = FARTHEST_M
    if len(wished) == limit:
        last_m = wished[-1][1] if wished else 0.0
        valid_m = min(FARTHEST_M, max(reach_m, last_m + 2 * reach_m))
    found = index.nearest(lat, lon, FENCES_MAX + 1, within_m=valid_m)
    if len(found) > FENCES_MAX:
        valid_m = max(0.0, found.pop()[1] - 1)
    return {
        "v": 1,
        "center": {"lat": lat, "lon": lon},
        "valid_radius_m": int(valid_m),
        "stale_after_s": STALE_AFTER_S,
        "fences": [fence_json(fence, plans.versions[fence.fence_id]) for fence, _ in found],
    }


def half_diagonal_m(lat: float, lon: float) -> float:
    """Give how far the corners of a cell are from its middle, at most."""
    north_m = great_circle_m(lat, lon, lat + HALF_CELL_DEG, lon)
    widest_lat = max(0.0, abs(lat) - HALF_CELL_DEG)
    return hypot(north_m, great_circle_m(widest_lat, 0.0, widest_lat, HALF_CELL_DEG))


def fence_json(fence: Fence, version: int) -> dict[str, Any]:
    """Give what a device needs to watch a fence."""
    shape = write_geometry(fence.shape)
    if isinstance(fence.shape, Circle):
        shape["radius_m"] = fence.shape.radius_m
    elif isinstance(fence.shape, Corridor):
        shape["width_m"] = fence.shape.width_m
    return {
        "id": fence.fence_id,
        "version": version,
        "shape": shape,
        "place": {"name": fence.place_name, "meta": dict(fence.meta)},
        "dwell_after_s": fence.dwell_after_s,
        "presence_ttl_s": fence.presence_ttl_s,
        "cooldown_s": fence.cooldown_s,
        "active": fence.active or None,
        "zone": fence.zone or None,
    }


def _snapped(request: web.Request, name: str, top: float) -> float:
    """Read a coordinate of the grid (Rule 1); what was sent is never repeated."""
    text = request.query.get(name, "")
    if not _NUMBER.fullmatch(text) or abs(float(text)) > top:
        raise ApiError("malformed", f"{name} must be a number of degrees", name)
    if not _SNAPPED.fullmatch(text):
        raise ApiError("not_snapped", path=name)
    return float(text)
