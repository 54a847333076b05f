"""
Rings: from the coordinates of a GeoJSON polygon to an area, or to the list of its faults.

Pure. Longitude comes first here, as in the file. Nothing is repaired; every fault says where it is
and how to mend it, and as many as can be told apart are told at once.

Rule 1. A ring is a closed list of at least four positions; numbers beyond the second are dropped
        (RFC 7946 section 3.1.1). A polygon has at most 5,000 vertices, counted before any is read.
Rule 2. Winding carries no meaning: both ways give the same area (RFC 7946 section 3.1.6 asks
        readers to be lenient).
Rule 3. A fence spans less than 90 degrees of longitude. So an edge longer than 180 degrees can
        only mean the short way across the antimeridian, and no reading can turn a fence inside
        out. Polygons that were cut at the antimeridian (section 3.1.9) are joined again.
Rule 4. A polygon around a pole, or beyond 85 degrees of latitude, is refused: straight edges in
        degrees mean little there. A circle does the work.
Rule 5. Validity is that of OGC Simple Features, judged by GEOS; the place of the fault is kept.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeGuard, cast

import shapely
from shapely.affinity import translate
from shapely.geometry.polygon import orient

from fencepost_geofence.shapes import Area
from fencepost_geofence.sphere import POLE_DEG, SEAM_DEG, TURN_DEG

MAX_VERTICES: Final = 5_000  # of one polygon: a prepared test stays in microseconds
MIN_RING: Final = 4  # positions: a triangle and its closing
MAX_LAT: Final = 85.0
MAX_WIDTH_DEG: Final = 90.0

MAX_MEETINGS: Final = 20  # of one edge with others, on average; two are its neighbours
_CHUNK: Final = 100  # edges asked about at once: bounds what a wild outline can cost

Ring = list[tuple[float, float]]

_CIRCLE: Final = "draw a circle (Point with radius_m) instead"
_MENDS: Final = {
    "Self-intersection": "move the vertices so that the outline does not cross or touch itself",
    "Ring Self-intersection": "split the ring where it touches itself, or make the loop a hole",
    "Hole lies outside shell": "move the hole inside, or make it a polygon of its own",
    "Holes are nested": "remove the inner hole, or make it a polygon of its own",
    "Interior is disconnected": "split the polygon into the pieces that are connected",
    "Duplicate Rings": "remove the doubled ring",
    "Nested shells": "remove the polygon that lies inside another one",
    "Too few points in geometry component": "give the ring three different corners",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at ``path`` (below the coordinates), how to mend it, and the place if known."""

    path: str
    what: str
    how: str


def is_within(value: object, low: float, high: float) -> TypeGuard[float]:
    """Say whether a value is a number of a range; NaN, infinities and booleans are not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return low <= value <= high


def is_wild(lines: Sequence[Sequence[tuple[float, float]]]) -> bool:
    """Say whether edges meet so often that working the crossings out would take minutes."""
    edges = [shapely.LineString(edge) for line in lines for edge in pairwise(line)]
    tree = shapely.STRtree(edges)
    meetings = 0
    for start in range(0, len(edges), _CHUNK):
        meetings += tree.query(edges[start : start + _CHUNK], predicate="intersects").shape[1]
        if meetings > MAX_MEETINGS * max(len(edges), _CHUNK):
            return True
    return False


def read_position(path: str, position: object, faults: list[Fault]) -> tuple[float, float] | None:
    """Read ``[lon, lat, ...]``; a swap of the two is recognised by its pattern."""
    pair = position[:2] if isinstance(position, list) else []
    lon, lat = pair if len(pair) == 2 else (None, None)  # noqa: PLR2004 (a pair)
    if is_within(lon, -SEAM_DEG, SEAM_DEG) and is_within(lat, -POLE_DEG, POLE_DEG):
        return float(lon), float(lat)
    how = "write [lon, lat] as numbers in degrees, WGS 84"
    if is_within(lat, -SEAM_DEG, SEAM_DEG) and is_within(lon, -POLE_DEG, POLE_DEG):
        how = "lon and lat look swapped: GeoJSON writes [lon, lat]"
    faults.append(Fault(path, "lon must lie in -180 ... 180 and lat in -90 ... 90", how))
    return None


def read_area(polygons: list[tuple[str, object]]) -> Area | list[Fault]:
    """
    Make an area of polygons.

    Args:
        polygons: Path and coordinates (a list of rings) of each polygon, straight from the file.

    Returns:
        The area in normal form, or all the faults found.

    """
    faults: list[Fault] = []
    parts = []
    for path, coordinates in polygons:
        rings = _read_rings(path, coordinates, faults)
        part = _polygon(path, rings, faults) if rings else None
        if part is not None:
            parts.append(part)
    if faults:
        return faults
    joined = _join(parts, polygons[0][0].rpartition("[")[0])
    return [joined] if isinstance(joined, Fault) else Area(joined)


def _read_rings(path: str, coordinates: object, faults: list[Fault]) -> list[Ring] | None:
    if not isinstance(coordinates, list) or not coordinates:
        faults.append(Fault(path, "a polygon is a list of rings", "give its outer ring first"))
        return None
    count = sum(len(ring) - 1 for ring in coordinates if isinstance(ring, list))
    if count > MAX_VERTICES:
        how = f"simplify the outline to at most {MAX_VERTICES:,} vertices, or split it"
        faults.append(Fault(path, f"the polygon has {count:,} vertices", how))
        return None
    rings = [_read_ring(f"{path}[{i}]", ring, faults) for i, ring in enumerate(coordinates)]
    return [ring for ring in rings if ring] if all(rings) else None


def _read_ring(path: str, ring: object, faults: list[Fault]) -> Ring | None:
    if not isinstance(ring, list) or len(ring) < MIN_RING:
        what = "a ring needs at least four positions, the last equal to the first"
        faults.append(Fault(path, what, "add the missing corners"))
        return None
    points: Ring = []
    for i, position in enumerate(ring):
        point = read_position(f"{path}[{i}]", position, faults)
        if point is None:
            return None  # a ring in a foreign projection would say this 5,000 times
        points.append(point)
    if points[0] != points[-1]:
        faults.append(Fault(path, "the ring is open", "repeat the first position at its end"))
        return None
    return points


def _polygon(path: str, rings: list[Ring], faults: list[Fault]) -> shapely.Polygon | None:
    shell = unroll(rings[0], rings[0][0][0])
    lons = [lon for lon, _ in shell]
    lats = [lat for _, lat in shell]
    fault = None
    if shell[0] != shell[-1]:
        fault = Fault(f"{path}[0]", "the ring runs around a pole", _CIRCLE)
    elif max(lats) > MAX_LAT or min(lats) < -MAX_LAT:
        fault = Fault(f"{path}[0]", f"the ring goes beyond {MAX_LAT:.0f} degrees lat", _CIRCLE)
    elif max(lons) - min(lons) >= MAX_WIDTH_DEG:
        what = f"the ring spans {MAX_WIDTH_DEG:.0f} degrees of longitude or more"
        fault = Fault(f"{path}[0]", what, "split it into several fences")
    if fault:
        faults.append(fault)
        return None
    holes = [unroll(ring, (max(lons) + min(lons)) / 2) for ring in rings[1:]]
    part = shapely.Polygon(shell, holes)
    if fault := _invalid(path, part):
        faults.append(fault)
        return None
    return translate(part, TURN_DEG) if min(lons) < -SEAM_DEG else part


def unroll(ring: Ring, near_lon: float) -> Ring:
    """Let longitudes run on where they jump by more than half a turn."""
    unrolled = []
    for lon, lat in ring:
        near_lon = lon + TURN_DEG * round((near_lon - lon) / TURN_DEG)
        unrolled.append((near_lon, lat))
    return unrolled


def _join(parts: list[shapely.Polygon], path: str) -> shapely.MultiPolygon | Fault:
    whole = shapely.MultiPolygon([orient(part) for part in parts])
    if fault := _invalid(path, whole):
        return fault
    if _width(whole.geoms) <= SEAM_DEG:
        return whole
    # The western hemisphere follows beyond 180 where that is closer; edges cut there vanish.
    east = [translate(p, TURN_DEG) if p.bounds[2] <= 0.0 else p for p in whole.geoms]
    if _width(east) >= _width(whole.geoms):
        return whole
    union = shapely.unary_union(east)
    if abs(union.area - whole.area) > 1e-9 * whole.area:
        return Fault(path, "polygons overlap across the antimeridian", "let them only touch")
    pieces = cast("list[shapely.Polygon]", shapely.get_parts(union).tolist())
    return shapely.MultiPolygon([orient(piece) for piece in pieces])


def _width(parts: Iterable[shapely.Polygon]) -> float:
    bounds = [part.bounds for part in parts]
    return max(east for _, _, east, _ in bounds) - min(west for west, _, _, _ in bounds)


def _invalid(path: str, geometry: shapely.Polygon | shapely.MultiPolygon) -> Fault | None:
    if geometry.is_valid:
        return None
    what, _, place = shapely.is_valid_reason(geometry).rstrip("]").partition("[")
    where = f" at [{place.replace(' ', ', ')}]" if place else ""
    how = _MENDS.get(what, "redraw the outline")
    return Fault(path, f"the geometry is invalid: {what.lower()}{where}", how)
