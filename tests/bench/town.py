"""
Town: fences around fifty cities and devices that move there, for the benchmark of the tracker.

Pure: a function of seed and sizes. 70 % circles of 30 ... 150 m, 30 % polygons of eight corners.
Spread, a city's fences stand within some kilometres of its middle, denser inwards. Dense, they are
so wide that 20 and more hold the average position.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely

from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import Fix
from fencepost_geofence.shapes import Area, Circle

CITIES = 50
SPREAD_M = 6_000.0
DENSE_M = 1_900.0
RADII_M = (30.0, 150.0)
DENSE_RADII_M = (300.0, 1_200.0)
CIRCLES_OF_TEN = 7
CORNERS = 8
PACE_MPS = 1.4
RIDE_MPS = 8.0
INTERVAL_S = 5
TURN_RAD = 0.15
NOISE_M = 6.0
METRES_PER_DEGREE = 111_195.0

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Town:
    """Fences, and where their cities are."""

    fences: list[Fence]
    cities: Floats
    spread_m: float


def town(count: int, seed: int, *, dense: bool = False) -> Town:
    """Draw the fences."""
    chance = np.random.default_rng(seed)
    cities = np.column_stack((chance.uniform(-50, 60, CITIES), chance.uniform(-170, 170, CITIES)))
    spread_m = DENSE_M if dense else SPREAD_M
    middles = _around(chance, cities[np.arange(count) % CITIES], spread_m).tolist()
    radii = chance.uniform(*(DENSE_RADII_M if dense else RADII_M), count).tolist()
    fences = [
        Fence(f"f-{i:06}", _shape(i, lat, lon, radius_m))
        for i, ((lat, lon), radius_m) in enumerate(zip(middles, radii, strict=True))
    ]
    return Town(fences, cities, spread_m)


def tracks(place: Town, devices: int, fixes: int, seed: int) -> list[list[Fix]]:
    """Let devices walk, one in four ride; gives the fixes of each in order of time."""
    chance = np.random.default_rng(seed)
    starts = _around(chance, place.cities[np.arange(devices) % CITIES], place.spread_m)
    return [
        _track(chance, lat, lon, fixes, RIDE_MPS if i % 4 == 0 else PACE_MPS)
        for i, (lat, lon) in enumerate(starts.tolist())
    ]


def _track(
    chance: np.random.Generator, lat: float, lon: float, fixes: int, pace_mps: float
) -> list[Fix]:
    headings = chance.uniform(0, 2 * math.pi) + np.cumsum(chance.normal(0, TURN_RAD, fixes))
    steps = pace_mps * INTERVAL_S * np.stack((np.cos(headings), np.sin(headings)), axis=1)
    seen = np.cumsum(steps, axis=0) + chance.normal(0, NOISE_M, steps.shape)
    east_m = METRES_PER_DEGREE * math.cos(math.radians(lat))
    accuracies = chance.uniform(4, 15, fixes).tolist()
    return [
        Fix((i + 1) * INTERVAL_S * 1000, lat + y / METRES_PER_DEGREE, lon + x / east_m, a)
        for i, ((x, y), a) in enumerate(zip(seen.tolist(), accuracies, strict=True))
    ]


def _around(chance: np.random.Generator, middles: Floats, spread_m: float) -> Floats:
    """Scatter positions, denser towards the middle."""
    offsets = chance.normal(0, spread_m / 2, middles.shape) / METRES_PER_DEGREE
    offsets[:, 1] /= np.cos(np.radians(middles[:, 0]))
    scattered: Floats = middles + offsets
    return scattered


def _shape(number: int, lat: float, lon: float, radius_m: float) -> Circle | Area:
    if number % 10 < CIRCLES_OF_TEN:
        return Circle(lat, lon, radius_m)
    north = radius_m / METRES_PER_DEGREE
    east = north / math.cos(math.radians(lat))
    angles = [2 * math.pi * (corner % CORNERS) / CORNERS for corner in range(CORNERS + 1)]
    reach = [1.0 if corner % 2 else 0.7 for corner in range(CORNERS)]
    ring = [
        (lon + east * part * math.cos(angle), lat + north * part * math.sin(angle))
        for part, angle in zip((*reach, reach[0]), angles, strict=True)
    ]
    return Area(shapely.MultiPolygon([shapely.Polygon(ring)]))
