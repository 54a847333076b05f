"""
Corridor: everything at most half a width away from a line, such as a street or a trail.

Pure. A corridor answers through the ``Area`` it encloses; it remembers line and width, because
those are what people wrote.

Rule 1. The width is measured across, so the boundary runs ``width_m / 2`` beside the line and
        around its ends. A line may cross and touch itself; what is enclosed twice is enclosed.
Rule 2. The outline is drawn in the Mercator projection of the ellipsoid, where a circle stays a
        circle and only its size depends on the latitude, and never in degrees. The line is taken
        apart so that within a piece the size varies by less than 0.2 %, and moved poleward, as the
        middle of a drawn circle is. The outline lies within 0.3 % of half the width where it
        should be, plus 0.2 m beside edges that run far north and east at once.
Rule 3. Longitudes run on beyond 180 where the line crosses the seam, as in an ``Area``.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from math import atanh, ceil, cos, radians, sin, sqrt, tan
from typing import Final

import numpy as np
import shapely
from shapely.geometry.polygon import orient

from fencepost_geofence.shapes import Area, Floats, Hub
from fencepost_geofence.sphere import ECCENTRICITY2, EQUATOR_RADIUS_M, Box

MIN_WIDTH_M: Final = 20.0  # a circle of the smallest radius is as wide
MAX_WIDTH_M: Final = 20_000.0
_PIECE_DEG: Final = 0.02  # of latitude: a straight edge bends by 0.2 m there, at 60 degrees
_SAME_SCALE: Final = 1.002
_ECCENTRICITY: Final = sqrt(ECCENTRICITY2)
_ARC_SEGMENTS: Final = 16  # of a quarter circle: its chords lie 0.12 % inside the arc

Line = tuple[tuple[float, float], ...]
"""Positions as lat, lon; longitudes may run on beyond 180."""


@dataclass(frozen=True, slots=True)
class Corridor:
    """
    Lines with a width; made by ``lines.read_corridor``.

    Raises:
        ValueError: The width is outside 20 ... 20,000 m.

    """

    lines: tuple[Line, ...] = field(repr=False)
    width_m: float
    area: Area = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Draw the outline."""
        if not MIN_WIDTH_M <= self.width_m <= MAX_WIDTH_M:
            raise ValueError(f"width_m must be {MIN_WIDTH_M:.0f} ... {MAX_WIDTH_M:.0f}")
        object.__setattr__(self, "area", _area(self.lines, self.width_m / 2))

    @property
    def area_m2(self) -> float:
        """Enclosed surface of the sphere."""
        return self.area.area_m2

    def contains(self, lat: float, lon: float) -> bool:
        """Say whether the position is inside."""
        return self.area.contains(lat, lon)

    def signed_distance_m(self, lat: float, lon: float) -> float:
        """Give the distance to the boundary in metres, negative inside."""
        return self.area.signed_distance_m(lat, lon)

    @property
    def hub(self) -> Hub:
        """A middle, and the least and the greatest distance of the boundary from there."""
        return self.area.hub

    def boxes(self) -> tuple[Box, ...]:
        """Give the boxes, cut at +-180 degrees."""
        return self.area.boxes()


@lru_cache(maxsize=256)  # each publication reads all fences anew; a long line takes half a second
def _area(lines: tuple[Line, ...], reach_m: float) -> Area:
    return Area(_outline(lines, reach_m))


def _outline(lines: tuple[Line, ...], reach_m: float) -> shapely.MultiPolygon:
    """Draw the outline, longitude first (rule 2)."""
    parts = [
        shapely.buffer(shapely.LineString(piece), reach_m * scale, quad_segs=_ARC_SEGMENTS)
        for line in lines
        for piece, scale in _pieces(line, reach_m)
    ]
    whole = shapely.transform(shapely.unary_union(parts), _to_degrees)
    return shapely.MultiPolygon([orient(part) for part in shapely.get_parts(whole)])


def _pieces(line: Line, reach_m: float) -> list[tuple[list[tuple[float, float]], float]]:
    """Take a line apart where the scale changes; give Mercator positions and scale of each."""
    pieces: list[tuple[list[tuple[float, float]], float]] = []
    points = _dense(line)
    begun, first = [_to_mercator(*points[0], reach_m)], _scale(points[0][0])
    lowest = highest = first
    for lat, lon in points[1:]:
        scale = _scale(lat)
        if len(begun) > 1 and max(highest, scale) > _SAME_SCALE * min(lowest, scale):
            pieces.append((begun, (lowest + highest) / 2))
            begun, lowest, highest = [begun[-1]], scale, scale
        lowest, highest = min(lowest, scale), max(highest, scale)
        begun.append(_to_mercator(lat, lon, reach_m))
    return [*pieces, (begun, (lowest + highest) / 2)]


def _dense(line: Line) -> list[tuple[float, float]]:
    """Add positions, so that edges stay straight in degrees once they are projected."""
    points = [line[0]]
    for (lat, lon), (next_lat, next_lon) in pairwise(line):
        count = max(1, ceil(abs(next_lat - lat) / _PIECE_DEG))
        points += [
            (lat + (next_lat - lat) * i / count, lon + (next_lon - lon) * i / count)
            for i in range(1, count + 1)
        ]
    return points


def _scale(lat: float) -> float:
    return sqrt(1 - ECCENTRICITY2 * sin(radians(lat)) ** 2) / cos(radians(lat))


def _to_mercator(lat: float, lon: float, reach_m: float) -> tuple[float, float]:
    """Project a position, to the middle of the circle that ``reach_m`` around it makes."""
    phi = radians(lat)
    poleward = (reach_m / EQUATOR_RADIUS_M) ** 2 / 2 * _scale(lat) * tan(phi)
    north = atanh(sin(phi)) - _ECCENTRICITY * atanh(_ECCENTRICITY * sin(phi)) + poleward
    return EQUATOR_RADIUS_M * radians(lon), EQUATOR_RADIUS_M * north


def _to_degrees(points: Floats) -> Floats:
    north = points[:, 1] / EQUATOR_RADIUS_M
    height = np.tanh(north)  # the sine of the latitude
    for _ in range(6):  # each leaves less than a hundredth of the error
        height = np.tanh(north + _ECCENTRICITY * np.arctanh(_ECCENTRICITY * height))
    lons = np.degrees(points[:, 0] / EQUATOR_RADIUS_M)
    return np.column_stack((lons, np.degrees(np.arcsin(height))))
