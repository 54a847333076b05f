"""
Oracle: what is inside, and how far the boundary is, on the WGS 84 ellipsoid.

Pure. It reads features as they stand in a file and shares no code with the package it judges.

Rule 1. A fence is a skeleton with a reach: the centre of a circle, the lines of a corridor, or the
        rings of an area, whose reach is nothing.
Rule 2. Edges are straight in longitude and latitude (RFC 7946 section 3.1.1), so the side of an
        area is that of a ray in degrees, even-odd over all rings.
Rule 3. The nearest point of the skeleton is looked for on chords through the ellipsoid, at most
        ``PIECE_M`` long, and then taken from the edge. The way to it is the chord made an arc:
        within a millionth of the geodesic up to 200 km (``test_oracle.py``: geographiclib), and
        within some per cent on the far side of the earth.
Rule 4. Inside a corridor the distance is to the nearest line: where it bends or meets itself, the
        way out is longer than that.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

AXIS_M: Final = 6_378_137.0
FLATTENING: Final = 1 / 298.257223563
ECCENTRICITY2: Final = FLATTENING * (2 - FLATTENING)
ARC_RADIUS_M: Final = 6_371_000.0
LEAST_M_PER_DEG: Final = 110_500.0  # along a meridian, less than anywhere
PIECE_M: Final = 2_000.0
_AT_ONCE: Final = 4_000_000  # positions times edges, held in memory


@dataclass(frozen=True, slots=True)
class Truth:
    """
    A feature as the ellipsoid has it.

    ``edges`` and ``pieces`` hold a row each: west-east and south-north of their start, then their
    steps, in degrees; longitudes run on over the seam.
    """

    edges: Floats
    pieces: Floats
    reach_m: float
    is_area: bool
    is_line: bool

    def signed_m(self, lats: Floats, lons: Floats) -> Floats:
        """Give the distances to the boundary, negative inside."""
        away_m = self.skeleton_m(lats, lons)
        if self.is_area:
            return np.where(self.sides(lats, lons), -away_m, away_m)
        return away_m - self.reach_m

    def sides(self, lats: Floats, lons: Floats) -> Bools:
        """Say which positions lie within the rings (rule 2)."""
        x, y, east, north = self.edges.T
        middle = (x.min() + x.max()) / 2
        turned = middle + (lons - middle + 180) % 360 - 180
        odd = np.zeros(len(lats), dtype=np.bool_)
        slope = np.divide(east, north, out=np.zeros_like(east), where=north != 0)
        for rows in _chunks(len(lats), len(x)):
            lat, lon = lats[rows, None], turned[rows, None]
            is_met = (y > lat) != (y + north > lat)
            odd[rows] = (is_met & (x + (lat - y) * slope > lon)).sum(axis=1) % 2 == 1
        return odd

    def skeleton_m(self, lats: Floats, lons: Floats) -> Floats:
        """Give the distances to the nearest point of centre, line or rings (rule 3)."""
        x, y, east, north = self.pieces.T
        starts = on_ellipsoid(y, x)
        spans = on_ellipsoid(y + north, x + east) - starts
        spots, origin = on_ellipsoid(lats, lons), starts.mean(axis=0)
        starts, spots = starts - origin, spots - origin
        long2 = np.maximum((spans * spans).sum(axis=1), 1e-12)  # a centre has no length
        base, size2 = (starts * spans).sum(axis=1), (starts * starts).sum(axis=1)
        metres = np.empty(len(lats))
        for rows in _chunks(len(lats), len(x)):
            spot = spots[rows]
            along = spot @ spans.T - base
            part = np.clip(along / long2, 0.0, 1.0)
            apart2 = size2 - 2 * spot @ starts.T + part * (part * long2 - 2 * along)
            best = apart2.argmin(axis=1)  # the position's own square is the same for all
            part = np.zeros(len(spot))
            for _ in range(3):  # the chord's foot, then what the edge bends beside it
                foot = on_ellipsoid(y[best] + part * north[best], x[best] + part * east[best])
                ahead = ((spot + origin - foot) * spans[best]).sum(axis=1) / long2[best]
                part = np.clip(part + ahead, 0.0, 1.0)
            foot = on_ellipsoid(y[best] + part * north[best], x[best] + part * east[best])
            metres[rows] = np.linalg.norm(spot + origin - foot, axis=1)
        return _arc_m(metres)

    def window(self, lats: Floats, lons: Floats, beyond_m: float) -> npt.NDArray[np.intp]:
        """Give the numbers of the positions that may be within ``beyond_m`` of the fence."""
        x, y, east, north = self.edges.T
        reach_deg = (self.reach_m + beyond_m) / LEAST_M_PER_DEG
        low, high = np.minimum(y, y + north).min(), np.maximum(y, y + north).max()
        low, high = low - reach_deg, high + reach_deg
        found = (lats >= low) & (lats <= high)
        farthest = max(abs(low), abs(high))
        if farthest < 89:
            west, right = np.minimum(x, x + east).min(), np.maximum(x, x + east).max()
            half = (right - west) / 2 + 1.1 * reach_deg / np.cos(np.radians(farthest))
            middle = (west + right) / 2
            found &= abs((lons - middle + 180) % 360 - 180) <= half
        return np.flatnonzero(found)


def truth_of(feature: dict[str, Any]) -> Truth:
    """Read a feature that has no problem."""
    kind, given = feature["geometry"]["type"], feature["geometry"]["coordinates"]
    reach_m = feature["properties"].get("radius_m") or feature["properties"].get("width_m", 0) / 2
    depth = {"Point": 0, "LineString": 1, "Polygon": 2, "MultiLineString": 2, "MultiPolygon": 3}
    lines: list[Any] = [given]
    for _ in range(depth[kind] - 1):
        lines = [line for part in lines for line in part]
    if kind == "Point":
        lines = [[given, given]]
    near_lon = lines[0][0][0]
    edges = np.concatenate([_edges(np.array(line, dtype=float), near_lon) for line in lines])
    is_line = kind.endswith("LineString")
    return Truth(edges, _pieces(edges), float(reach_m), kind.endswith("Polygon"), is_line)


def on_ellipsoid(lats: Floats, lons: Floats) -> Floats:
    """Give the places in space, metres from the middle of the earth."""
    phi, lam = np.radians(lats), np.radians(lons)
    across = AXIS_M / np.sqrt(1 - ECCENTRICITY2 * np.sin(phi) ** 2)
    ring = across * np.cos(phi)
    up = across * (1 - ECCENTRICITY2) * np.sin(phi)
    return np.column_stack((ring * np.cos(lam), ring * np.sin(lam), up))


def _arc_m(chord_m: Floats) -> Floats:
    half = np.clip(chord_m / (2 * ARC_RADIUS_M), 0.0, 1.0)
    arc: Floats = 2 * ARC_RADIUS_M * np.arcsin(half)
    return arc


def _edges(line: Floats, near_lon: float) -> Floats:
    """Let longitudes run on from ``near_lon`` by the short way, and give the edges."""
    line = line[:, :2].copy()
    steps = (np.diff(line[:, 0]) + 180) % 360 - 180
    first = near_lon + (line[0, 0] - near_lon + 180) % 360 - 180
    line[:, 0] = np.concatenate(([first], first + np.cumsum(steps)))
    return np.column_stack((line[:-1], np.diff(line, axis=0)))


def _pieces(edges: Floats) -> Floats:
    x, y, east, north = edges.T
    ends = on_ellipsoid(y, x), on_ellipsoid(y + north, x + east)
    counts = np.ceil(np.linalg.norm(ends[1] - ends[0], axis=1) / PIECE_M).astype(int)
    counts = np.maximum(counts, 1)
    whole = np.repeat(edges, counts, axis=0)
    share = np.repeat(1 / counts, counts)[:, None]
    order = np.concatenate([np.arange(count) for count in counts])[:, None]
    steps = whole[:, 2:] * share
    return np.column_stack((whole[:, :2] + steps * order, steps))


def _chunks(count: int, width: int) -> list[slice]:
    rows = max(1, _AT_ONCE // width)
    return [slice(first, first + rows) for first in range(0, count, rows)]
