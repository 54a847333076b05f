"""
Town: the street network people walk, the places they visit and the fences around those.

Pure but for reading two files. Everything is in metres east and north of the town's middle; a town
of a few kilometres is flat.

Rule 1. The town is Monaco (OpenStreetMap): 866 streets, 185 places. Without the data a grid town is
        generated, so that the benchmark runs anywhere; its figures are no figures of the report.
Rule 2. A place drawn as a polygon is fenced by that polygon if it is as large as a circle of 20 m.
        Smaller ones, and points, get a circle of 30 ... 120 m, drawn from the town's own seed.
Rule 3. Six streets of ten run between buildings, the others under open sky.
"""

import heapq
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely

METRES_PER_DEGREE = 111_195.08
TOWN_SEED = 11
MIN_RADIUS_M, MAX_RADIUS_M = 30.0, 120.0
MIN_POLYGON_M = 20.0
BUILT_UP_SHARE = 0.6
GRID_STREETS, GRID_STEP_M, GRID_PLACES = 16, 90.0, 120

Floats = npt.NDArray[np.float64]
Point = tuple[float, float]
Line = list[Point]


@dataclass(frozen=True, slots=True)
class Zone:
    """A fence in metres: a circle, or an area with the circle that encloses it."""

    x: float
    y: float
    radius_m: float
    area: shapely.Polygon | None

    def distance_m(self, points: Floats, exact_within_m: float = 200.0) -> Floats:
        """Give signed distances, negative inside; beyond the bound a polygon's are lower bounds."""
        far: Floats = np.hypot(points[:, 0] - self.x, points[:, 1] - self.y) - self.radius_m
        if self.area is None:
            return far
        near = far < exact_within_m
        there = shapely.points(points[near])
        metres = shapely.distance(self.area.boundary, there)
        far[near] = np.where(shapely.contains_xy(self.area, points[near]), -metres, metres)
        return far

    @property
    def size_m(self) -> float:
        """Radius of the circle of the same area."""
        return self.radius_m if self.area is None else math.sqrt(self.area.area / math.pi)


@dataclass(frozen=True, slots=True)
class Place:
    """Where people go: a spot, the street corner nearest to it, and its fence."""

    spot: Point
    corner: int
    zone: Zone


@dataclass(frozen=True, slots=True)
class Town:
    """Corners, the streets between them, and places; ways are kept once found."""

    name: str
    middle: Point
    corners: list[Point]
    streets: dict[int, dict[int, tuple[float, bool]]]
    places: list[Place]
    _ways: dict[int, list[int]] = field(default_factory=dict)

    def way(self, start: int, place: Place) -> list[int]:
        """Give the corners of the shortest way from a corner to a place."""
        if place.corner not in self._ways:
            self._ways[place.corner] = _tree(self.streets, place.corner, len(self.corners))
        towards = self._ways[place.corner]
        way = [start]
        while way[-1] != place.corner:
            way.append(towards[way[-1]])
        return way

    def position(self, points: Floats) -> tuple[Floats, Floats]:
        """Give latitudes and longitudes."""
        lat, lon = self.middle
        east = METRES_PER_DEGREE * math.cos(math.radians(lat))
        return lat + points[:, 1] / METRES_PER_DEGREE, lon + points[:, 0] / east

    def metres(self, lats: Floats, lons: Floats) -> Floats:
        """Give positions in metres: the other way round."""
        lat, lon = self.middle
        east = METRES_PER_DEGREE * math.cos(math.radians(lat))
        return np.stack([(lons - lon) * east, (lats - lat) * METRES_PER_DEGREE], axis=1)


def _tree(streets: dict[int, dict[int, tuple[float, bool]]], root: int, count: int) -> list[int]:
    """Find for every corner the next one on the shortest way to the root (Dijkstra)."""
    towards, metres = [root] * count, [math.inf] * count
    metres[root] = 0.0
    queue = [(0.0, root)]
    while queue:
        done_m, here = heapq.heappop(queue)
        if done_m > metres[here]:
            continue
        for there, (length_m, _) in streets[here].items():
            if done_m + length_m < metres[there]:
                metres[there] = done_m + length_m
                towards[there] = here
                heapq.heappush(queue, (metres[there], there))
    return towards


def build(folder: Path) -> Town:
    """Build Monaco from its files, or the grid town when they are absent."""
    chance = np.random.default_rng(TOWN_SEED)
    if not (folder / "streets.geojson").exists():
        return _town("a generated grid", (45.0, 7.0), _grid(), list(_grid_places(chance)), chance)
    lines = [one["coordinates"] for one in _geometries(folder / "streets.geojson")]
    lats, lons = [c[1] for line in lines for c in line], [c[0] for line in lines for c in line]
    middle = (sum(lats) / len(lats), sum(lons) / len(lons))
    streets = [_metres(line, middle) for line in lines]
    places = [_ring(one, middle) for one in _geometries(folder / "pois.geojson")]
    return _town("Monaco", middle, streets, places, chance)


def _geometries(path: Path) -> Iterator[dict[str, list[list[float]]]]:
    for one in json.loads(path.read_text(encoding="utf-8"))["features"]:
        yield one["geometry"]


def _metres(line: Sequence[Sequence[float]], middle: Point) -> Line:
    east = METRES_PER_DEGREE * math.cos(math.radians(middle[0]))
    return [((x - middle[1]) * east, (y - middle[0]) * METRES_PER_DEGREE) for x, y in line]


def _ring(geometry: dict[str, list[list[float]]], middle: Point) -> Line:
    """Give the outer ring of a polygon (holes would only shelter a few fixes), or one point."""
    found: object = geometry["coordinates"]
    if isinstance(found, list) and isinstance(found[0], list):
        return _metres(found[0], middle)
    return _metres([geometry["coordinates"]], middle)  # type: ignore[list-item]  # a GeoJSON point


def _grid() -> list[Line]:
    """Lay out straight streets."""
    marks = [(i - (GRID_STREETS - 1) / 2) * GRID_STEP_M for i in range(GRID_STREETS)]
    along = [[(x, y) for x in marks] for y in marks]
    return along + [[(x, y) for y in marks] for x in marks]


def _grid_places(chance: np.random.Generator) -> Iterator[Line]:
    half_m = GRID_STREETS * GRID_STEP_M / 2
    for number in range(GRID_PLACES):
        x, y = chance.uniform(-half_m, half_m, 2)
        if number % 4:
            yield [(x, y)]
        else:
            w, h = chance.uniform(20, 80, 2)
            yield [(x - w, y - h), (x + w, y - h), (x + w, y + h), (x - w, y + h), (x - w, y - h)]


def _town(
    name: str, middle: Point, lines: list[Line], rings: list[Line], chance: np.random.Generator
) -> Town:
    corners, streets = _network(lines, chance)
    there = np.array(corners)
    places = []
    for ring in rings:
        zone, spot = _fenced(ring, float(chance.uniform(MIN_RADIUS_M, MAX_RADIUS_M)))
        nearest = int(np.argmin(np.hypot(there[:, 0] - spot[0], there[:, 1] - spot[1])))
        places.append(Place(spot, nearest, zone))
    return Town(name, middle, corners, streets, places)


def _fenced(ring: Line, radius_m: float) -> tuple[Zone, Point]:
    """Draw the fence of a place (rule 2), and say where in it people stand."""
    if len(ring) == 1:
        return Zone(*ring[0], radius_m, None), ring[0]
    area = shapely.Polygon(ring)
    middle = area.representative_point()
    spot = (middle.x, middle.y)
    if area.area < math.pi * MIN_POLYGON_M**2:
        return Zone(*spot, radius_m, None), spot
    reach_m = max(math.dist(spot, corner) for corner in ring)
    return Zone(*spot, reach_m, area), spot


def _network(
    lines: list[Line], chance: np.random.Generator
) -> tuple[list[Point], dict[int, dict[int, tuple[float, bool]]]]:
    """Join the streets at shared corners and keep the largest connected part."""
    links: dict[Point, dict[Point, tuple[float, bool]]] = defaultdict(dict)
    for line in lines:
        is_built_up = bool(chance.random() < BUILT_UP_SHARE)
        for one, other in pairwise(line):
            links[one][other] = links[other][one] = (math.dist(one, other), is_built_up)
    whole: list[Point] = []
    left = set(links)
    while len(left) > len(whole):
        part = _reached(links, min(left))
        left -= set(part)
        whole = max(whole, part, key=len)
    number = {corner: i for i, corner in enumerate(whole)}
    return whole, {
        number[one]: {number[other]: street for other, street in links[one].items()}
        for one in whole
    }


def _reached(links: dict[Point, dict[Point, tuple[float, bool]]], start: Point) -> list[Point]:
    seen, order = {start}, [start]
    for here in order:  # grows while it is read
        new = [there for there in links[here] if there not in seen]
        seen.update(new)
        order += new
    return order
