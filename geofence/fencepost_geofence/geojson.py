"""
GeoJSON: fences from a file and back (RFC 7946).

Pure: takes what a JSON decoder gave. The only module where longitude comes before latitude.

Rule 1. A Feature or a FeatureCollection of Features; Point with ``radius_m``, Polygon or
        MultiPolygon, LineString or MultiLineString with ``width_m``.
Rule 2. All problems are told at once, each with feature index, id, path, what and how to mend it.
        Any problem makes its feature no fence; whether the others count is the caller's decision.
Rule 3. ``id`` stands on the feature or in its properties; a number is written out. Foreign files
        (``default_id_prefix`` given) may lack ids, or have ids of another shape: these are made
        from id, name or position in the file, made unique, the same at every reading.
        Members we do not know are passed over there.
Rule 4. Writing gives canonical GeoJSON: right-hand winding, cut at the antimeridian, defaults left
        out. Reading it gives the same fences.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import shapely
from shapely.affinity import translate
from shapely.geometry.polygon import orient

from fencepost_geofence.corridor import Corridor
from fencepost_geofence.evidence import ENTER_AT, LEAVE_AT
from fencepost_geofence.fence import PRESENCE_TTL_S, Fence
from fencepost_geofence.lines import read_corridor
from fencepost_geofence.members import format_duration, quoted, read_members
from fencepost_geofence.naming import Names
from fencepost_geofence.rings import Fault, is_within, read_area, read_position
from fencepost_geofence.shapes import MAX_RADIUS_M, MIN_RADIUS_M, Area, Circle
from fencepost_geofence.sphere import POLE_DEG, SEAM_DEG, TURN_DEG

MAX_FEATURES: Final = 50_000  # of one file
_Part = TypeVar("_Part", shapely.Polygon, shapely.LineString)
_PARTS: Final = {"MultiPolygon": "polygons", "MultiLineString": "lines"}
_SHAPES: Final = "use Point with radius_m, (Multi)Polygon, or (Multi)LineString with width_m"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; ``index`` counts features from 0, None is the file itself."""

    index: int | None
    fence_id: str | None
    path: str
    what: str
    how: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The fences of a file, in its order, and all its problems."""

    fences: list[Fence] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read(obj: object, default_id_prefix: str | None = None) -> Reading:
    """
    Read fences from decoded GeoJSON.

    Args:
        obj: What the JSON decoder gave; nothing about it is taken for granted.
        default_id_prefix: Given for foreign files (rule 3); begins the ids made by position.

    Returns:
        The fences and the problems; nothing is half-read.

    """
    features, faults = features_of(obj)
    reading = Reading(problems=[Problem(None, None, f.path, f.what, f.how) for f in faults])
    names = Names(default_id_prefix)
    for index, feature in enumerate(features):
        path = "" if features[0] is obj else f"features[{index}]."
        faults = []
        fence_id, fence = _read_feature(feature, index, names, faults)
        if fence:
            reading.fences.append(fence)
        reading.problems.extend(
            Problem(index, fence_id, (path + f.path).rstrip("."), f.what, f.how) for f in faults
        )
    return reading


def to_feature(fence: Fence) -> dict[str, Any]:
    """Write a fence as a Feature; ``since_ms`` is state and stays out of the file."""
    properties: dict[str, Any] = {}
    if isinstance(fence.shape, Circle):
        properties["radius_m"] = fence.shape.radius_m
    elif isinstance(fence.shape, Corridor):
        properties["width_m"] = fence.shape.width_m
    place = {"name": fence.place_name, "meta": dict(fence.meta)}
    optional = {
        "name": fence.name,
        "tags": sorted(fence.tags),
        "place": {key: value for key, value in place.items() if value},
        "library": fence.library,
        "dwell_after": [format_duration(each) for each in fence.dwell_after_s],
        "dwell_repeat": fence.dwell_repeat_s and format_duration(fence.dwell_repeat_s),
        "presence_ttl": fence.presence_ttl_s != PRESENCE_TTL_S
        and format_duration(fence.presence_ttl_s),
        "cooldown": fence.cooldown_s and format_duration(fence.cooldown_s),
        "enter_at": fence.enter_at != ENTER_AT and fence.enter_at,
        "leave_at": fence.leave_at != LEAVE_AT and fence.leave_at,
        "pass": fence.passes,
        "approach_s": fence.approach_s,
        "emit": fence.emit != "live" and fence.emit,
        "active": fence.active,
        "zone": fence.zone,
        "sensitive": fence.sensitive,
    }
    properties |= {member: value for member, value in optional.items() if value}
    geometry = write_geometry(fence.shape)
    return {"type": "Feature", "id": fence.fence_id, "geometry": geometry, "properties": properties}


def to_collection(fences: Iterable[Fence]) -> dict[str, Any]:
    """Write fences as a FeatureCollection."""
    return {"type": "FeatureCollection", "features": [to_feature(fence) for fence in fences]}


def features_of(obj: object) -> tuple[list[Any], list[Fault]]:
    """Give the features of a file, unread, and what is wrong with the file itself."""
    kind = obj.get("type") if isinstance(obj, dict) else None
    if kind == "Feature":
        return [obj], []
    if not isinstance(obj, dict) or kind != "FeatureCollection":
        what = "expected a GeoJSON Feature or FeatureCollection"
        return [], [Fault("type", what, 'begin with {"type": "FeatureCollection", "features": []}')]
    features = obj.get("features")
    if not isinstance(features, list):
        return [], [Fault("features", "features must be a list", "write a list of Features")]
    if len(features) > MAX_FEATURES:
        what = f"the file has {len(features):,} features"
        return [], [Fault("features", what, f"split it into files of at most {MAX_FEATURES:,}")]
    return features, []


def _read_feature(
    feature: object, index: int, names: Names, faults: list[Fault]
) -> tuple[str | None, Fence | None]:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        faults.append(Fault("", "expected a Feature", 'write {"type": "Feature", ...}'))
        return None, None
    properties = feature.get("properties")
    if properties is None:
        properties = {}
    if not isinstance(properties, dict):
        faults.append(Fault("properties", "properties must be an object", "write {...}"))
        properties = {}
    given = feature.get("id", properties.get("id"))
    fence_id = names.claim(given, properties.get("name"), index, faults)
    fields = read_members(properties, faults, is_foreign=names.is_foreign)
    shape = _read_shape(feature.get("geometry"), properties, faults)
    if faults or shape is None or fence_id is None:
        return fence_id, None
    return fence_id, Fence(fence_id, shape, **fields)


def _read_shape(
    geometry: object, properties: Mapping[str, Any], faults: list[Fault]
) -> Circle | Area | Corridor | None:
    path = "geometry.coordinates"
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    coordinates = geometry.get("coordinates") if isinstance(geometry, dict) else None
    faults.extend(_misplaced(kind, properties))
    if kind == "Point":
        return _read_circle(path, coordinates, properties.get("radius_m"), faults)
    parts: list[tuple[str, object]] = [(path, coordinates)]
    if isinstance(kind, str) and kind in _PARTS and isinstance(coordinates, list) and coordinates:
        parts = [(f"{path}[{i}]", each) for i, each in enumerate(coordinates)]
    elif kind not in ("Polygon", "LineString"):
        faults.append(_no_shape(kind))
        return None
    if kind in ("LineString", "MultiLineString"):
        return read_corridor(parts, properties.get("width_m"), faults)
    area = read_area(parts)
    if isinstance(area, Area):
        return area
    faults.extend(area)
    return None


def _misplaced(kind: object, properties: Mapping[str, Any]) -> list[Fault]:
    """Find a measure that belongs to another kind of shape."""
    faults = []
    if "radius_m" in properties and kind != "Point":
        what = "radius_m belongs to a Point"
        faults.append(Fault("properties.radius_m", what, "remove it, or draw a Point"))
    if "width_m" in properties and kind not in ("LineString", "MultiLineString"):
        what = "width_m belongs to a LineString"
        faults.append(Fault("properties.width_m", what, "remove it, or draw a LineString"))
    return faults


def _no_shape(kind: object) -> Fault:
    if isinstance(kind, str) and kind in _PARTS:
        return Fault("geometry.coordinates", f"a {kind} is a list of {_PARTS[kind]}", "give one")
    what = "a fence needs a geometry" if kind is None else f"{quoted(kind)} is no shape of a fence"
    return Fault("geometry.type", what, _SHAPES)


def _read_circle(
    path: str, position: object, radius_m: object, faults: list[Fault]
) -> Circle | None:
    centre = read_position(path, position, faults)
    where = "properties.radius_m"
    if radius_m is None:
        faults.append(Fault(where, "a Point needs radius_m", "give the radius in metres"))
        return None
    if not is_within(radius_m, MIN_RADIUS_M, MAX_RADIUS_M):
        what = f"{quoted(radius_m)} is not a radius"
        how = f"give a number of metres, {MIN_RADIUS_M:,.0f} ... {MAX_RADIUS_M:,.0f}"
        faults.append(Fault(where, what, how))
        return None
    return Circle(centre[1], centre[0], float(radius_m)) if centre else None


def write_geometry(shape: Circle | Area | Corridor) -> dict[str, Any]:
    """Write a shape as a geometry; the measure of a circle or corridor stands beside it."""
    if isinstance(shape, Circle):
        return {"type": "Point", "coordinates": [shape.lon, shape.lat]}
    if isinstance(shape, Corridor):
        drawn = [shapely.LineString([(lon, lat) for lat, lon in line]) for line in shape.lines]
        lines = [[list(point) for point in one.coords] for line in drawn for one in _cut(line)]
        if len(lines) == 1:
            return {"type": "LineString", "coordinates": lines[0]}
        return {"type": "MultiLineString", "coordinates": lines}
    polygons = [_write_polygon(orient(p)) for part in shape.geometry.geoms for p in _cut(part)]
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _cut(part: _Part) -> list[_Part]:
    """Cut a polygon or a line at the antimeridian (RFC 7946 section 3.1.9)."""
    west, _, east, _ = part.bounds
    if east <= SEAM_DEG:
        return [part]
    if west >= SEAM_DEG:
        return [translate(part, -TURN_DEG)]
    here = shapely.box(-SEAM_DEG, -POLE_DEG, SEAM_DEG, POLE_DEG)
    halves = [part & here, part & translate(here, TURN_DEG)]
    pieces = [translate(half, -TURN_DEG * turn) for turn, half in enumerate(halves)]
    return [p for piece in pieces for p in shapely.get_parts(piece) if isinstance(p, type(part))]


def _write_polygon(part: shapely.Polygon) -> list[list[list[float]]]:
    rings = (part.exterior, *part.interiors)
    return [[[lon, lat] for lon, lat in ring.coords] for ring in rings]
