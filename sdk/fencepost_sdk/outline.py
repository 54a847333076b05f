"""
Outline: how far it is from a position to the boundary of a fence, with the standard library alone.

Pure. Reads the shape of a fence as the gateway tells it (``nearby_fence`` of the wire). Holds what
``fencepost_geofence.shapes`` holds with numpy, so that device and gateway tell the same.

Rule 1. Distances are those of ``sphere`` on the ellipsoid, negative inside. A circle is measured
        from its centre. Of an area the nearest point of the boundary is picked in a flat picture
        around the position, then measured.
Rule 2. The sign is that of the area itself: its edges are straight in degrees (RFC 7946), what lies
        in a hole is outside.
Rule 3. A corridor is measured from its line. Outside that is exact; inside, where lines cross or
        bend, the boundary may be farther than it says.
Rule 4. What was cut at the seam at +-180 degrees is joined again: the cut is no boundary.
Rule 5. A shape that cannot be read gives none; whoever asked does without that fence.
"""

from __future__ import annotations

from array import array
from itertools import pairwise
from math import cos, fsum, inf, pi, radians, sin, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from fencepost_geofence.sphere import (
    EARTH_RADIUS_M,
    POLE_DEG,
    SEAM_DEG,
    TURN_DEG,
    curvature,
    ground_m,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Line = Sequence[Sequence[float]]

DEPTHS = {"Polygon": 1, "MultiPolygon": 2, "LineString": 0, "MultiLineString": 1}


class Edges(NamedTuple):
    """Where each edge begins and ends, degrees; longitudes run on beyond 180."""

    lons: array[float]
    lats: array[float]
    to_lons: array[float]
    to_lats: array[float]


class Outline(NamedTuple):
    """
    A shape that can be measured.

    Attributes:
        lat: Centre of a circle.
        lon: The same.
        radius_m: Of a circle; of a corridor half its width; of an area 0.
        size_m: Radius of the circle of the same area; of a corridor half its width.
        edges: Boundary of an area, line of a corridor; None: a circle.
        box: West, south, east, north of the edges, degrees.
        is_area: Whether the edges enclose something.

    """

    lat: float
    lon: float
    radius_m: float
    size_m: float
    edges: Edges | None = None
    box: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    is_area: bool = False

    def signed_distance_m(self, lat: float, lon: float) -> float:
        """Give the distance to the boundary in metres, negative inside."""
        if self.edges is None:
            return ground_m(self.lat, self.lon, lat, lon) - self.radius_m
        metres = _nearest_m(self.edges, lat, lon)
        if self.is_area:
            return -metres if self.contains(lat, lon) else metres
        return metres - self.radius_m

    def contains(self, lat: float, lon: float) -> bool:
        """Say whether a position is inside."""
        if self.edges is None or not self.is_area:
            return self.signed_distance_m(lat, lon) <= 0
        west, south, east, north = self.box
        if lon < west or lon > east:
            lon += TURN_DEG if lon < west else -TURN_DEG
        if not (south <= lat <= north and west <= lon <= east):
            return False
        is_inside = False
        for from_lon, from_lat, to_lon, to_lat in zip(*self.edges, strict=True):
            if (from_lat > lat) is (to_lat > lat):
                continue
            part = (lat - from_lat) / (to_lat - from_lat)
            if lon < from_lon + part * (to_lon - from_lon):
                is_inside = not is_inside
        return is_inside


def read_outline(shape: Mapping[str, Any]) -> Outline | None:
    """Read a shape (Rule 5)."""
    try:
        return _read(shape)
    except (TypeError, ValueError, LookupError, AttributeError):
        return None


def _read(shape: Mapping[str, Any]) -> Outline:
    coordinates = shape["coordinates"]
    if shape["type"] == "Point":
        lon, lat = float(coordinates[0]), float(coordinates[1])
        radius_m, along_m = float(shape["radius_m"]), curvature(lat)[0]
        if not (abs(lat) <= POLE_DEG and abs(lon) <= SEAM_DEG and radius_m > 0):
            raise ValueError("a circle needs a position and a radius")
        return Outline(lat, lon, radius_m, 2 * along_m * sin(radius_m / along_m / 2))
    lines = _lines(coordinates, DEPTHS[shape["type"]])
    is_area = shape["type"].endswith("Polygon")
    edges = _edges(lines)
    every_lon, every_lat = edges.lons + edges.to_lons, edges.lats + edges.to_lats
    box = min(every_lon), min(every_lat), max(every_lon), max(every_lat)
    if not is_area:
        half_m = float(shape["width_m"]) / 2
        return Outline(0.0, 0.0, half_m, half_m, edges, box)
    return Outline(0.0, 0.0, 0.0, sqrt(_area_m2(edges) / pi), edges, box, is_area=True)


def _lines(coordinates: Any, depth: int) -> list[Line]:
    """Give rings or lines."""
    lines = [coordinates]
    for _ in range(depth):
        lines = [inner for one in lines for inner in one]
    return lines


def _edges(lines: Sequence[Line]) -> Edges:
    """Lay the edges out; what was cut at the seam is joined (Rule 4)."""
    reach = [(min(lons), max(lons)) for line in lines if (lons := [point[0] for point in line])]
    is_around = (-SEAM_DEG, SEAM_DEG) in reach  # once around the earth: nothing was cut
    is_cut = not is_around and min(reach)[0] == -SEAM_DEG and max(e for _, e in reach) == SEAM_DEG
    edges = Edges(array("d"), array("d"), array("d"), array("d"))
    for line in lines:
        is_beyond = is_cut and max(point[0] for point in line) <= 0.0
        turn = TURN_DEG if is_beyond else 0.0
        for (lon, lat, *_), (to_lon, to_lat, *_) in pairwise(line):
            is_seam = is_cut and abs(lon) == SEAM_DEG and lon == to_lon
            if is_seam or (lon, lat) == (to_lon, to_lat):
                continue
            for column, value in zip(edges, (lon + turn, lat, to_lon + turn, to_lat), strict=True):
                column.append(value)
    if not edges.lons:
        raise ValueError("a shape without edges has no boundary")
    return edges


def _nearest_m(edges: Edges, lat: float, lon: float) -> float:
    """Give the distance to the nearest of the edges (Rule 1)."""
    phi, stretch = radians(lat), curvature(lat)[1]
    shrink, narrowing = cos(phi) * stretch, radians(sin(phi))
    cosine, least = cos(phi), inf
    foot = (0.0, 0.0)
    for from_lon, from_lat, to_lon, to_lat in zip(*edges, strict=True):
        east = (from_lon - lon + SEAM_DEG) % TURN_DEG - SEAM_DEG
        north = from_lat - lat
        lon_step, lat_step = to_lon - from_lon, to_lat - from_lat
        step = lon_step * shrink
        along = -(east * shrink * step + north * lat_step) / (step * step + lat_step * lat_step)
        if along > 0.0:
            along = min(along, 1.0)
            east += along * lon_step
            north += along * lat_step
        squared = east * east * (cosine - narrowing * north) * shrink * stretch + north * north
        if squared < least:
            least, foot = squared, (north, east)
    return ground_m(lat, lon, lat + foot[0], lon + foot[1])


def _area_m2(edges: Edges) -> float:
    """Give the surface on the sphere; holes run the other way round."""
    strips = (
        radians(to_lon - from_lon) * (sin(radians(from_lat)) + sin(radians(to_lat))) / 2
        for from_lon, from_lat, to_lon, to_lat in zip(*edges, strict=True)
    )
    return abs(EARTH_RADIUS_M**2 * fsum(strips))
