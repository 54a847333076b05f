"""
Repair: an invalid polygon becomes a valid one, when somebody asks for it.

Pure. Nothing is repaired unasked, and every repair says what it changed; whether the result is a
fence is judged like any other geometry. Longitude comes first here.

Rule 1. An open ring is closed; a ring without three different corners is dropped.
Rule 2. An outline that crosses itself is taken for the ground it covers: all shells together, less
        their holes (GEOS ``make_valid``, structure). What is left of lines and points is dropped.
Rule 3. A ring with a position that is none, or around a pole, is not repaired: nobody can know
        what was meant. Neither are more than 5,000 positions, or an outline that crosses itself
        everywhere: that would take minutes.
"""

from typing import Any

import shapely

from fencepost_geofence.geojson import write_geometry
from fencepost_geofence.rings import (
    MAX_VERTICES,
    MIN_RING,
    Fault,
    Ring,
    is_wild,
    read_position,
    unroll,
)
from fencepost_geofence.shapes import Area
from fencepost_geofence.sphere import SEAM_DEG, TURN_DEG

Repaired = tuple[dict[str, Any], list[str]]


def repair(geometry: object) -> Repaired | None:
    """
    Mend a Polygon or MultiPolygon as a JSON decoder gave it.

    Returns:
        The geometry and what was changed, or None when it cannot be mended.

    """
    polygons = _polygons(geometry)
    if _is_too_much(polygons):
        return None
    changes: list[str] = []
    parts = [_part(polygon, changes) for polygon in polygons]
    usable = [part for part in parts if part is not None]
    outlines = [list(ring.coords) for part in usable for ring in (part.exterior, *part.interiors)]
    if not usable or len(usable) < len(parts) or is_wild(outlines):
        return None
    is_valid = shapely.MultiPolygon(usable).is_valid
    valid = usable if is_valid else shapely.union_all([_covered(part) for part in usable])
    pieces = [p for p in shapely.get_parts(valid) if isinstance(p, shapely.Polygon) and p.area]
    if not pieces:
        return None
    if not is_valid:
        reasons = [shapely.is_valid_reason(part).partition("[")[0].lower() for part in usable]
        what = ", ".join(sorted({reason for reason in reasons if reason != "valid geometry"}))
        count = f"{len(usable)} polygon(s) became {len(pieces)}"
        changes.append(f"{what or 'overlapping parts'}: {count}")
    west = min(piece.bounds[0] for piece in pieces)
    whole = shapely.MultiPolygon(pieces)
    if west < -SEAM_DEG:
        whole = shapely.transform(whole, lambda points: points + (TURN_DEG, 0.0))  # noqa: RUF005 - numpy adds
    area = Area(shapely.MultiPolygon([shapely.orient_polygons(p) for p in whole.geoms]))
    return (write_geometry(area), changes) if changes else None


def _is_too_much(polygons: list[Any]) -> bool:
    """Count positions before any is read."""
    rings = [ring for rings in polygons if isinstance(rings, list) for ring in rings]
    return sum(len(ring) for ring in rings if isinstance(ring, list)) > MAX_VERTICES


def _covered(part: shapely.Polygon) -> Any:
    """Give the ground of the shell less that of the holes."""
    shell, *holes = [
        shapely.make_valid(shapely.Polygon(ring), method="structure")
        for ring in (part.exterior, *part.interiors)
    ]
    return shell - shapely.union_all(holes)


def _polygons(geometry: object) -> list[Any]:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    coordinates = geometry.get("coordinates") if isinstance(geometry, dict) else None
    if not isinstance(coordinates, list):
        return []
    if kind == "Polygon":
        return [coordinates]
    return coordinates if kind == "MultiPolygon" else []


def _part(rings: object, changes: list[str]) -> shapely.Polygon | None:
    """Read a polygon leniently; None when a ring says nothing, or runs around a pole."""
    read = [_ring(each, changes) for each in rings] if isinstance(rings, list) else []
    if not read or any(ring is None for ring in read):
        return None
    shell, *holes = [unroll(ring, ring[0][0]) for ring in read if ring is not None]
    if len(shell) < MIN_RING or shell[0] != shell[-1]:
        return None
    middle = (min(lon for lon, _ in shell) + max(lon for lon, _ in shell)) / 2
    kept = [unroll(hole, middle) for hole in holes if len(hole) >= MIN_RING]
    if len(kept) < len(holes):
        changes.append(f"dropped {len(holes) - len(kept)} hole(s) without area")
    return shapely.Polygon(shell, kept)


def _ring(ring: object, changes: list[str]) -> Ring | None:
    faults: list[Fault] = []
    read = [read_position("", p, faults) for p in ring] if isinstance(ring, list) else []
    points: Ring = []
    for point in read:
        if point is not None and (not points or point != points[-1]):
            points.append(point)
    if faults or not points:
        return None
    if points[0] != points[-1]:
        points.append(points[0])
        changes.append("closed an open ring")
    return points
