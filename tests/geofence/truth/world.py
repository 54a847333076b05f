"""
World: made-up fences and positions where things go wrong.

Everything is drawn from the generator given. Fences of 10 m to 100 km stand in towns, so that they
overlap: on both hemispheres, at the equator, on the seam at +-180 degrees, in the far north and
around both poles. Positions gather at boundaries and vertices.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from fencepost_geofence import geojson
from fencepost_geofence.fence import Fence
from fencepost_geofence.index import FenceIndex
from geofence.positions import wrapped
from geofence.truth.oracle import Floats, Truth, truth_of

TOWNS: Final = (
    (51.34, 12.37), (37.77, -122.42), (37.55, 126.99), (-33.87, 151.21), (64.8, -147.7),
    (1.35, 103.82), (-0.2, -78.5), (0.0, 0.0), (0.001, 180.0), (-17.8, 179.97), (64.7, -179.9),
    (-54.8, -68.3), (78.2, 15.6), (84.2, -30.0), (-77.8, 166.7), (90.0, 0.0), (-89.97, 100.0),
)  # fmt: skip
SPREAD_M: Final = 40_000.0
LAST_LAT: Final = 84.9
_RADIUS_M: Final = 6_371_008.8

Feature = dict[str, Any]
Spots = tuple[Floats, Floats]
"""Latitudes and longitudes."""


@dataclass(frozen=True, slots=True)
class World:
    """Fences in the index, and what the oracle thinks of each, in order of their ids."""

    fences: list[Fence]
    truths: list[Truth]
    index: FenceIndex


def world_of(features: list[Feature]) -> World:
    """Read features that have no problem, as from a file."""
    reading = geojson.read({"type": "FeatureCollection", "features": features})
    assert reading.problems == []
    truths = {feature["id"]: truth_of(feature) for feature in features}
    fences = sorted(reading.fences, key=lambda fence: fence.fence_id)
    return World(fences, [truths[f.fence_id] for f in fences], FenceIndex(reading.fences))


def drawn(rng: np.random.Generator, count: int) -> list[Feature]:
    """Draw fences of all kinds."""
    return [_feature(rng, f"f-{i:05}") for i in range(count)]


def spots_in(rng: np.random.Generator, world: World, count: int) -> Spots:
    """Draw positions: six of eight at a boundary, one in a town, one anywhere or at an edge."""
    starts, metres = [], []
    for number in rng.integers(len(world.truths), size=count - count // 4).tolist():
        truth = world.truths[number]
        edge = truth.edges[rng.integers(len(truth.edges))]
        along = rng.choice((0.0, rng.random()))
        starts.append((edge[1] + along * edge[3], edge[0] + along * edge[2]))
        metres.append(truth.reach_m * rng.choice((1, 1, 1, rng.random())))
    middles = np.array([*starts, *(TOWNS[i] for i in rng.integers(len(TOWNS), size=count // 8))])
    away = np.array([*metres, *[0.0] * (count // 8)])
    shaken = np.where(np.arange(len(away)) < len(metres), 10 ** rng.uniform(-2, 4, len(away)), 1e5)
    lats, lons = moved_all(
        middles[:, 0], middles[:, 1], away + shaken * rng.normal(size=len(away)),
        rng.uniform(0, 2 * np.pi, len(away)),
    )  # fmt: skip
    rest = count - len(lats)
    far_lats = np.degrees(np.arcsin(rng.uniform(-1, 1, rest)))
    far_lons = rng.choice((-180.0, 180.0, 0.0), rest)
    far_lons = np.where(rng.random(rest) < 0.7, rng.uniform(-180, 180, rest), far_lons)
    return np.concatenate((lats, far_lats)), np.concatenate((lons, far_lons))


def moved_all(lats: Floats, lons: Floats, metres: Floats, bearings: Floats) -> Spots:
    """Give the positions at distances along great circles."""
    phi, angle = np.radians(lats), metres / _RADIUS_M
    up = np.sin(phi) * np.cos(angle) + np.cos(phi) * np.sin(angle) * np.cos(bearings)
    up = np.clip(up, -1, 1)
    east = np.sin(bearings) * np.sin(angle) * np.cos(phi)
    turn = np.degrees(np.arctan2(east, np.cos(angle) - np.sin(phi) * up))
    return np.degrees(np.arcsin(up)), (lons + turn + 180) % 360 - 180


def _feature(rng: np.random.Generator, fence_id: str) -> Feature:
    size_m = float(10 ** rng.uniform(1, 5))
    town = TOWNS[rng.integers(len(TOWNS))]
    middle = np.array([town])
    (lat,), (lon,) = moved_all(
        middle[:, 0], middle[:, 1], rng.normal(size=1) * max(SPREAD_M, size_m),
        rng.uniform(0, 2 * np.pi, 1),
    )  # fmt: skip
    lat, lon = float(lat), float(lon)
    kind = rng.choice(("circle", "polygon", "parts", "line"), p=(0.4, 0.3, 0.1, 0.2))
    geometry: Feature = {"type": "Point", "coordinates": [lon, lat]}
    measure = {"radius_m": size_m}
    if kind == "circle" or abs(lat) + 1.3 * size_m / 111_000 > LAST_LAT:
        pass
    elif kind == "polygon":
        geometry, measure = {"type": "Polygon", "coordinates": _rings(rng, lat, lon, size_m)}, {}
    elif kind == "parts":
        beside = lon + 2.1 * _degrees(size_m) / np.cos(np.radians(lat))
        parts = [_rings(rng, lat, each, size_m) for each in (lon, beside)]
        geometry, measure = {"type": "MultiPolygon", "coordinates": parts}, {}
    else:
        width_m = float(np.clip(size_m * rng.uniform(0.05, 0.5), 20, 20_000))
        way = _way(rng, lat, lon, size_m)
        geometry, measure = {"type": "LineString", "coordinates": way}, {"width_m": width_m}
    # As a file has it: text, so that no number keeps what JSON would lose.
    written = {"type": "Feature", "id": fence_id, "geometry": geometry, "properties": measure}
    feature: Feature = json.loads(json.dumps(written))
    return feature


def _rings(rng: np.random.Generator, lat: float, lon: float, size_m: float) -> list[Any]:
    """Draw a star, half of them with a hole; either winding."""
    shell = _ring(lat, lon, size_m * rng.uniform(0.4, 1, rng.integers(5, 13)))
    hole = _ring(lat, lon, size_m * rng.uniform(0.04, 0.15, 4))
    rings = [shell, hole][: rng.integers(1, 3)]
    return [ring[:: rng.choice((1, -1))] for ring in rings]


def _ring(lat: float, lon: float, radii_m: Floats) -> list[list[float]]:
    angles = 2 * np.pi * np.arange(len(radii_m)) / len(radii_m)
    norths, easts = radii_m * np.sin(angles), radii_m * np.cos(angles)
    corners = [_beside(lat, lon, north, east) for north, east in zip(norths, easts, strict=True)]
    return [*corners, corners[0]]


def _way(rng: np.random.Generator, lat: float, lon: float, size_m: float) -> list[list[float]]:
    count = int(rng.integers(2, 7))
    norths = np.cumsum(rng.normal(size=count)) * size_m / (2 * count)
    easts = np.cumsum(rng.normal(size=count)) * size_m / (2 * count)
    return [_beside(lat, lon, north, east) for north, east in zip(norths, easts, strict=True)]


def _beside(lat: float, lon: float, north_m: float, east_m: float) -> list[float]:
    east = _degrees(east_m) / np.cos(np.radians(lat))
    return [wrapped(float(lon + east)), float(lat + _degrees(north_m))]


def _degrees(metres: float) -> float:
    return float(np.degrees(metres / _RADIUS_M))
