"""Positions and shapes drawn by hypothesis, and oracles that share no code with the package."""

import math
from itertools import pairwise
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from fencepost_geofence import geojson
from fencepost_geofence.fence import Fence
from fencepost_geofence.shapes import Area

MODEST = settings(max_examples=60, deadline=None)

Points = list[tuple[float, float]]
"""Pairs of lat, lon."""


def wrapped(lon: float) -> float:
    """Bring a longitude into -180 ... 180."""
    return lon if -180 <= lon <= 180 else (lon + 180) % 360 - 180


def arc_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Measure the great circle by the chord between unit vectors."""
    chord = math.dist(_vector(lat1, lon1), _vector(lat2, lon2))
    return 2 * 6_371_008.8 * math.asin(min(1.0, chord / 2))


def ground_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Measure on WGS 84 by the chord through the ellipsoid: a millionth off at 200 km."""
    chord = math.dist(_on_ellipsoid(lat1, lon1), _on_ellipsoid(lat2, lon2))
    return 2 * 6_371_000 * math.asin(min(1.0, chord / 2 / 6_371_000))


def _on_ellipsoid(lat: float, lon: float) -> tuple[float, float, float]:
    x, y, z = _vector(lat, lon)
    across_m = 6_378_137 / math.sqrt(1 - 0.006_694_379_990_14 * z * z)
    return across_m * x, across_m * y, across_m * (1 - 0.006_694_379_990_14) * z


def _vector(lat: float, lon: float) -> tuple[float, float, float]:
    phi, lam = math.radians(lat), math.radians(lon)
    return math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)


def is_inside_rings(rings: list[Points], lat: float, lon: float) -> bool:
    """Cast a ray, even-odd over all rings; longitudes are taken relative to the position."""
    crossings = 0
    for ring in rings:
        relative = [(a, _near(b - lon)) for a, b in ring]
        for (lat1, x1), (lat2, x2) in pairwise(relative):
            if (lat1 > lat) != (lat2 > lat):
                crossings += x1 + (lat - lat1) / (lat2 - lat1) * (x2 - x1) > 0
    return crossings % 2 == 1


def _near(lon: float) -> float:
    return (lon + 540) % 360 - 180


def boundary_m(ring: Points, lat: float, lon: float, pieces: int) -> float:
    """Measure to the nearest of many points along the boundary."""
    best = math.inf
    for (lat1, lon1), (lat2, lon2) in pairwise(ring):
        step = _near(lon2 - lon1)
        for i in range(pieces + 1):
            part = i / pieces
            best = min(best, ground_m(lat, lon, lat1 + part * (lat2 - lat1), lon1 + part * step))
    return best


def star(lat: float, lon: float, radii_m: list[float]) -> Points:
    """Draw a star-shaped ring around a centre: always valid, closed, longitudes wrapped."""
    corners = []
    for i, radius_m in enumerate(radii_m):
        angle = 2 * math.pi * i / len(radii_m)
        north = math.degrees(radius_m / 6_371_008.8)
        east = north / math.cos(math.radians(lat))
        corners.append((lat + north * math.sin(angle), wrapped(lon + east * math.cos(angle))))
    return [*corners, corners[0]]


def polygon(*rings: Points) -> dict[str, Any]:
    """Write rings as a GeoJSON polygon."""
    return {"type": "Polygon", "coordinates": [[[lon, lat] for lat, lon in r] for r in rings]}


def feature(geometry: object, fence_id: object = "f", **properties: object) -> dict[str, Any]:
    """Write a GeoJSON feature."""
    return {"type": "Feature", "id": fence_id, "geometry": geometry, "properties": properties}


def fence_of(geometry: object, fence_id: str = "f", **properties: object) -> Fence:
    """Read one feature that has no problem."""
    reading = geojson.read(feature(geometry, fence_id, **properties))
    assert reading.problems == []
    return reading.fences[0]


def area_of(*rings: Points) -> Area:
    """Read one polygon that has no problem."""
    shape = fence_of(polygon(*rings)).shape
    assert isinstance(shape, Area)
    return shape


lats = st.floats(-90, 90)
lons = st.floats(-180, 180) | st.floats(179.9, 180) | st.floats(-180, -179.9)
area_lats = st.floats(-75, 75)
radii = st.lists(st.floats(200, 5_000), min_size=3, max_size=9)
bearings = st.floats(0, 2 * math.pi)


def moved(lat: float, lon: float, metres: float, bearing: float) -> tuple[float, float]:
    """Give the position at a distance along a great circle."""
    phi, lam, angle = math.radians(lat), math.radians(lon), metres / 6_371_008.8
    up = math.sin(phi) * math.cos(angle) + math.cos(phi) * math.sin(angle) * math.cos(bearing)
    phi2 = math.asin(max(-1.0, min(1.0, up)))
    east = math.sin(bearing) * math.sin(angle) * math.cos(phi)
    lam2 = lam + math.atan2(east, math.cos(angle) - math.sin(phi) * math.sin(phi2))
    return math.degrees(phi2), wrapped(math.degrees(lam2))
