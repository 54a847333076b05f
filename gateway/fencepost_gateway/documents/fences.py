"""
Fences: authored as YAML or GeoJSON, kept as one canonical GeoJSON feature.

Pure. The geofence package reads and judges geometry; this brings both ways of writing to it and
takes its answer home.

Rule 1. A fence's body is ``kind: fence`` and the canonical feature, whichever way it was written,
        so that the same fence from YAML and from GeoJSON is the same document.
Rule 2. When it was published first (``since_ms``) is state, not content: the caller adds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fencepost_gateway.decide.opening import opening_of
from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.documents.kinds import Finding
from fencepost_geofence import geojson

if TYPE_CHECKING:
    from fencepost_gateway.documents.document import Path
    from fencepost_geofence.fence import Fence

MEMBERS = (
    "name", "tags", "place", "library", "dwell_after", "dwell_repeat", "presence_ttl", "cooldown",
    "enter_at", "leave_at", "pass", "approach_s", "emit", "sensitive", "width_m", "active", "zone",
)  # fmt: skip


def body_of(fence: Fence) -> dict[str, Any]:
    """Give the body that is stored for a fence (Rule 1)."""
    return {"kind": "fence", **geojson.to_feature(fence)}


def fence_of(body: Mapping[str, Any]) -> Fence:
    """
    Give the fence of a stored body.

    Raises:
        ValueError: The body is not one that ``body_of`` made.

    """
    reading = geojson.read({key: value for key, value in body.items() if key != "kind"})
    if not reading.fences:
        raise ValueError(f"the stored fence {body.get('id')} cannot be read")
    return reading.fences[0]


def since(fence: Fence, since_ms: int) -> Fence:
    """Give the fence with the moment it was published first (Rule 2)."""
    return replace(fence, since_ms=since_ms)


def view_of(fence: Fence, ranks: Mapping[str, int], zone: str) -> FenceView:
    """Give what rules and messages may know of a fence; ``ranks`` by library id."""
    opening = None
    if fence.active:
        west, south, east, north = fence.shape.boxes()[0]
        here = (south + north) / 2, (west + east) / 2
        opening = opening_of(fence.active, fence.zone or zone, *here)
    return FenceView(
        fence_id=fence.fence_id,
        name=fence.name,
        tags=fence.tags,
        library=fence.library,
        place_name=fence.place_name,
        meta=dict(fence.meta),
        area_m2=fence.shape.area_m2,
        rank=ranks.get(fence.library, 0),
        opening=opening,
    )


def read_authored(body: Mapping[str, Any]) -> Fence | list[Finding]:
    """Read a YAML fence whose members the model found right."""
    properties = {key: body[key] for key in MEMBERS if body.get(key) is not None}
    circle = body.get("circle")
    geometry = body.get("geometry")
    if circle:
        geometry = {"type": "Point", "coordinates": [circle["lon"], circle["lat"]]}
        properties["radius_m"] = circle["radius_m"]
    feature = {
        "type": "Feature", "id": body["id"], "geometry": geometry, "properties": properties,
    }  # fmt: skip
    reading = geojson.read(feature)
    if reading.fences:
        return reading.fences[0]
    return [Finding(_path(problem.path), problem.what, problem.how) for problem in reading.problems]


def _path(path: str) -> Path:
    """Turn ``properties.tags`` and ``geometry.coordinates[0]`` into the path of the YAML."""
    return (path.removeprefix("properties.").split(".")[0].split("[")[0],)
