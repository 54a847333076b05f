"""
Town: a small invented place to walk in, with its streets and its fences.

Pure: a town is a function of its seed. It is laid out in metres east and north of an origin, and
told to the outside as ``lat, lon`` and as GeoJSON. No street, shop or person in it exists.

Rule 1. Streets are a grid of blocks, every crossing a little off its place; a few streets are
        missing, but every crossing can be reached from every other.
Rule 2. A place stands at a crossing (circle) or fills a block (polygon); fences do not overlap, so
        that a demonstration has one answer to "where is she".
Rule 3. Each place has a ``spot``: where people stay, well inside its fence.
Rule 4. One fence is a mistake on purpose: 15 m around a kiosk between tall houses, where receivers
        are off by more. ``fencepost health`` names it and what to do.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import Any

from fencepost_gateway.demo.chance import shuffled, uniform

ORIGIN_LAT, ORIGIN_LON = 48.2, 11.1
COLUMNS, ROWS = 8, 7
BLOCK_M = 110.0
BEND_M = 14.0  # how far a crossing may be off its place
MISSING_STREETS = 9
MAJOR_ROW, MAJOR_COLUMN = 3, 3
METRES_PER_DEGREE = 111_195.0  # mean earth radius 6,371,008.8 m, as in fencepost_geofence

Node = tuple[int, int]
"""A crossing: column from the west, row from the south."""

Metres = tuple[float, float]
"""Metres east and north of the origin."""

LatLon = tuple[float, float]

# Crossings for round places: apart from each other, from the blocks that are fences, from the edge.
SITES: tuple[Node, ...] = ((1, 5), (1, 3), (3, 5), (2, 1), (4, 1), (6, 1), (6, 3))
ROUND_PLACES: tuple[tuple[str, str, str, float], ...] = (
    ("studio-lotus", "Studio Lotus", "studio", 45.0),
    ("cafe-linde", "Café Linde", "cafe", 36.0),
    ("cafe-brunnen", "Café am Brunnen", "cafe", 40.0),
    ("bakery-korn", "Bakery Korn", "bakery", 35.0),
    ("town-library", "Town Library", "library", 50.0),
    ("north-station", "North Station", "station", 70.0),
    ("boulder-hall", "Boulder Hall", "sport", 55.0),
)
KIOSK_NODE: Node = (5, 2)
KIOSK_RADIUS_M = 15.0
TALL_HOUSES = 3.0  # so many times as far off as under open sky are receivers there
META: dict[str, dict[str, Any]] = {
    "studio-lotus": {"next_class": "18:00"},
    "cafe-linde": {"coupon": "LINDE-2"},
    "cafe-brunnen": {"coupon": "BRUNNEN-2"},
    "market-square": {"today": "honey and apples"},
    "linden-park": {"concert": "19:30"},
}
DWELL_AFTER: dict[str, str] = {"linden-park": "25s"}


@dataclass(frozen=True, slots=True)
class Place:
    """A place and its fence: a circle (``radius_m``) or a polygon (``rings``, holes after)."""

    place_id: str
    name: str
    tag: str
    node: Node
    spot: Metres
    radius_m: float = 0.0
    rings: tuple[tuple[Metres, ...], ...] = ()
    blur: float = 1.0
    """How many times as far off as elsewhere receivers are around it."""


@dataclass(frozen=True, slots=True)
class Town:
    """Crossings, streets between them, and places."""

    seed: int
    crossings: dict[Node, Metres]
    streets: frozenset[tuple[Node, Node]]
    places: tuple[Place, ...]


def build_town(seed: int) -> Town:
    """Lay out the town of ``seed``."""
    crossings = {
        (column, row): (
            column * BLOCK_M + BEND_M * (2 * uniform(seed, "east", column, row) - 1),
            row * BLOCK_M + BEND_M * (2 * uniform(seed, "north", column, row) - 1),
        )
        for column in range(COLUMNS)
        for row in range(ROWS)
    }
    kiosk = Place("kiosk-tor", "Kiosk am Tor", "kiosk", KIOSK_NODE, crossings[KIOSK_NODE],
                  radius_m=KIOSK_RADIUS_M, blur=TALL_HOUSES)  # fmt: skip
    places = (*_round_places(seed, crossings), *_block_places(crossings), kiosk)
    return Town(seed, crossings, _streets(seed), places)


def to_lat_lon(point: Metres) -> LatLon:
    """Turn metres east and north of the origin into degrees (a town is flat enough for this)."""
    east_m, north_m = point
    lat = ORIGIN_LAT + north_m / METRES_PER_DEGREE
    lon = ORIGIN_LON + east_m / (METRES_PER_DEGREE * math.cos(math.radians(ORIGIN_LAT)))
    return round(lat, 7), round(lon, 7)


def route(town: Town, start: Node, end: Node) -> list[Metres]:
    """Give the shortest way along streets from one crossing to another, both included."""
    neighbours: dict[Node, list[Node]] = {node: [] for node in town.crossings}
    for a, b in sorted(town.streets):
        neighbours[a].append(b)
        neighbours[b].append(a)
    came_from: dict[Node, Node] = {}
    queue: list[tuple[float, Node, Node]] = [(0.0, start, start)]
    while queue:
        so_far_m, node, before = heapq.heappop(queue)
        if node in came_from:
            continue
        came_from[node] = before
        if node == end:
            break
        here = town.crossings[node]
        for following in neighbours[node]:
            length_m = math.dist(here, town.crossings[following])
            heapq.heappush(queue, (so_far_m + length_m, following, node))
    way = [end]
    while way[-1] != start:
        way.append(came_from[way[-1]])
    return [town.crossings[node] for node in reversed(way)]


def edge_crossings(town: Town) -> list[Node]:
    """Give the crossings at the edge of the town; no fence reaches them."""
    return sorted((c, r) for c, r in town.crossings if c in (0, COLUMNS - 1) or r in (0, ROWS - 1))


def fences_geojson(town: Town) -> dict[str, Any]:
    """Give every fence of the town as a GeoJSON FeatureCollection (lon, lat inside)."""
    return {"type": "FeatureCollection", "features": [_feature(place) for place in town.places]}


def streets_for_map(town: Town) -> list[dict[str, Any]]:
    """Give every street as ``{"major": bool, "line": [[lat, lon], [lat, lon]]}``."""
    return [
        {
            "major": a[1] == b[1] == MAJOR_ROW or a[0] == b[0] == MAJOR_COLUMN,
            "line": [to_lat_lon(town.crossings[a]), to_lat_lon(town.crossings[b])],
        }
        for a, b in sorted(town.streets)
    ]


def _streets(seed: int) -> frozenset[tuple[Node, Node]]:
    across = [((c, r), (c + 1, r)) for c in range(COLUMNS - 1) for r in range(ROWS)]
    along = [((c, r), (c, r + 1)) for c in range(COLUMNS) for r in range(ROWS - 1)]
    streets = {*across, *along} - {((5, 4), (5, 5))}  # the park has no street through it
    minor = [
        (a, b)
        for a, b in sorted(streets)
        if not (a[1] == b[1] == MAJOR_ROW or a[0] == b[0] == MAJOR_COLUMN)
    ]
    missing = 0
    for street in shuffled(minor, seed, "missing"):
        if missing == MISSING_STREETS:
            break
        if _is_connected(streets - {street}):
            streets.remove(street)
            missing += 1
    return frozenset(streets)


def _is_connected(streets: set[tuple[Node, Node]]) -> bool:
    reached, frontier = {(0, 0)}, [(0, 0)]
    while frontier:
        node = frontier.pop()
        for a, b in streets:
            other = b if a == node else a if b == node else None
            if other is not None and other not in reached:
                reached.add(other)
                frontier.append(other)
    return len(reached) == COLUMNS * ROWS


def _round_places(seed: int, crossings: dict[Node, Metres]) -> list[Place]:
    sites = shuffled(SITES, seed, "sites")
    return [
        Place(place_id, name, tag, node, crossings[node], radius_m=radius_m)
        for (place_id, name, tag, radius_m), node in zip(ROUND_PLACES, sites, strict=True)
    ]


def _block_places(crossings: dict[Node, Metres]) -> list[Place]:
    park = _block(crossings, [(4, 4), (5, 4), (6, 4), (6, 5), (5, 5), (4, 5)], inset=0.10)
    pond_centre = _middle(park)
    pond = _ellipse((pond_centre[0] + 34.0, pond_centre[1]), 30.0, 17.0, corners=14)
    market = _block(crossings, [(3, 2), (4, 2), (4, 3), (3, 3)], inset=0.16)
    stadium_middle = _middle(_block(crossings, [(0, 0), (1, 0), (1, 1), (0, 1)], inset=0.0))
    stadium = _ellipse(stadium_middle, 46.0, 36.0, corners=20)
    lawn = (pond_centre[0] - 42.0, pond_centre[1])
    return [
        Place("linden-park", "Linden Park", "park", (4, 4), lawn, rings=(park, pond[::-1])),
        Place("market-square", "Market Square", "market", (3, 2), _middle(market), rings=(market,)),
        Place("forest-stadium", "Forest Stadium", "stadium", (1, 1), stadium_middle,
              rings=(stadium,)),
    ]  # fmt: skip


def _block(
    crossings: dict[Node, Metres], corners: list[Node], *, inset: float
) -> tuple[Metres, ...]:
    """Give the polygon over ``corners`` (anticlockwise), drawn in towards its middle."""
    points = [crossings[corner] for corner in corners]
    middle = _middle(points)
    return tuple(
        (x + (middle[0] - x) * inset, y + (middle[1] - y) * inset) for x, y in points
    )  # fmt: skip


def _ellipse(middle: Metres, east_m: float, north_m: float, *, corners: int) -> tuple[Metres, ...]:
    angles = [2 * math.pi * n / corners for n in range(corners)]
    return tuple(
        (middle[0] + east_m * math.cos(angle), middle[1] + north_m * math.sin(angle))
        for angle in angles
    )


def _middle(points: list[Metres] | tuple[Metres, ...]) -> Metres:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def _feature(place: Place) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "name": place.name,
        "tags": [place.tag],
        "place": {"name": place.name, "meta": META.get(place.place_id, {})},
    }
    if place.place_id in DWELL_AFTER:
        properties["dwell_after"] = DWELL_AFTER[place.place_id]
    geometry: dict[str, Any]
    if place.rings:
        rings = [[_lon_lat(point) for point in (*ring, ring[0])] for ring in place.rings]
        geometry = {"type": "Polygon", "coordinates": rings}
    else:
        geometry = {"type": "Point", "coordinates": _lon_lat(place.spot)}
        properties["radius_m"] = place.radius_m
    return {
        "type": "Feature", "id": place.place_id, "geometry": geometry, "properties": properties,
    }  # fmt: skip


def _lon_lat(point: Metres) -> list[float]:
    lat, lon = to_lat_lon(point)
    return [lon, lat]
