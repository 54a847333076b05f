"""
Shapes: what a fence encloses, and how far its boundary is.

Pure. ``Circle`` and ``Area`` answer the same questions (``Shape``); latitude comes first.

Rule 1. A circle is tested by distance from its centre on the ellipsoid (``sphere`` rule 2), never
        by a buffer in degrees; it is right over a pole and over the seam at +-180 degrees.
Rule 2. An area is made of polygons in normal form (``rings.read_area``): valid, without a seam,
        edges straight in longitude and latitude (RFC 7946 section 3.1.1). Nothing is repaired here.
Rule 3. The boundary is inside.
Rule 4. The distance to an area takes the nearest boundary point in a local equirectangular frame
        around the position, then measures to it on the ellipsoid. At 100 km the frame may pick a
        point a little too far (0.02 % up to 70 degrees of latitude, 0.3 % at 85). Beyond some
        hundred kilometres the sign is right and the length is an upper bound.
"""

from dataclasses import dataclass, field
from math import asin, cos, degrees, fsum, inf, pi, radians, sin, sqrt
from typing import Final, Protocol, cast

import numpy as np
import numpy.typing as npt
import shapely

from fencepost_geofence.sphere import (
    EARTH_RADIUS_M,
    POLE_DEG,
    SEAM_DEG,
    TURN_DEG,
    Box,
    boxes,
    curvature,
    ground_m,
)

MIN_RADIUS_M: Final = 10.0  # below the error of any receiver a circle only flickers
MAX_RADIUS_M: Final = 100_000.0  # beyond it distances are no promise

HUB_MAX_M: Final = 200_000.0
HUB_LEAST, HUB_MOST = 0.998, 1.008  # rule 4's error; the sphere's, and bulging edges

Floats = npt.NDArray[np.float64]

Hub = tuple[float, float, float, float]
"""lat, lon, and two distances from there in metres: between them lies the whole boundary."""


class Shape(Protocol):
    """The questions every shape answers; the boundary counts as inside."""

    @property
    def area_m2(self) -> float:
        """Enclosed surface of the sphere in square metres."""

    def contains(self, lat: float, lon: float) -> bool:
        """Say whether the position is inside."""

    def signed_distance_m(self, lat: float, lon: float) -> float:
        """Give the distance to the boundary in metres, negative inside."""

    def boxes(self) -> tuple[Box, ...]:
        """Give boxes that together hold the shape, cut at +-180 degrees."""

    @property
    def hub(self) -> Hub:
        """A middle, and the least and the greatest distance of the boundary from there."""


@dataclass(frozen=True, slots=True)
class Circle:
    """
    All positions at most ``radius_m`` away from a centre.

    Raises:
        ValueError: The centre is no position, or the radius is outside 10 ... 100,000 m.

    """

    lat: float
    lon: float
    radius_m: float
    _reach_deg: float = field(init=False, repr=False, compare=False)
    _limit: float = field(init=False, repr=False, compare=False)
    _along_m: float = field(init=False, repr=False, compare=False)
    _across: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what is no circle; work out what the test needs."""
        if not (abs(self.lat) <= POLE_DEG and abs(self.lon) <= SEAM_DEG):
            raise ValueError("the centre of a circle needs lat in +-90 and lon in +-180")
        if not MIN_RADIUS_M <= self.radius_m <= MAX_RADIUS_M:
            raise ValueError(f"radius_m must be {MIN_RADIUS_M:.0f} ... {MAX_RADIUS_M:.0f}")
        along_m, stretch = curvature(self.lat)
        angle = self.radius_m / along_m
        object.__setattr__(self, "_reach_deg", degrees(angle) * (1 + 1e-9))
        object.__setattr__(self, "_limit", sin(angle / 2) ** 2)
        object.__setattr__(self, "_along_m", along_m)
        object.__setattr__(self, "_across", stretch**2 * cos(radians(self.lat)))

    @property
    def area_m2(self) -> float:
        """Surface of the spherical cap."""
        return 4 * pi * self._along_m**2 * self._limit

    def contains(self, lat: float, lon: float) -> bool:
        """Say whether the position is inside; most are settled by latitude alone."""
        if abs(lat - self.lat) > self._reach_deg:
            return False
        return self._half_chord_squared(lat, lon) <= self._limit

    def signed_distance_m(self, lat: float, lon: float) -> float:
        """Give the distance to the boundary in metres, negative inside."""
        half = asin(min(1.0, sqrt(self._half_chord_squared(lat, lon))))
        return 2 * self._along_m * half - self.radius_m

    def _half_chord_squared(self, lat: float, lon: float) -> float:
        """Give sin^2 of half the angle from the centre, on its stretched sphere."""
        half_lat = sin(radians(lat - self.lat) / 2)
        half_lon = sin(radians(lon - self.lon) / 2)
        return half_lat * half_lat + self._across * cos(radians(lat)) * half_lon * half_lon

    @property
    def hub(self) -> Hub:
        """The centre: the boundary is everywhere equally far."""
        return self.lat, self.lon, self.radius_m, self.radius_m

    def boxes(self) -> tuple[Box, ...]:
        """Give the boxes; a circle over a pole takes every longitude."""
        south, north = self.lat - self._reach_deg, self.lat + self._reach_deg
        if south <= -POLE_DEG or north >= POLE_DEG:
            return boxes(-SEAM_DEG, south, SEAM_DEG, north)
        # The widest point of a circle lies poleward of its centre. Stretched it is less wide.
        ratio = sin(radians(self._reach_deg)) / cos(radians(self.lat))
        half_deg = degrees(asin(min(1.0, ratio)))
        return boxes(self.lon - half_deg, south, self.lon + half_deg, north)


@dataclass(frozen=True, slots=True)
class Area:
    """
    One or several polygons with holes, in normal form; made by ``rings.read_area``.

    ``geometry`` holds longitude first. Where the area crosses the seam its longitudes run on
    beyond 180 instead of jumping, so that no edge and no distance notices the seam.
    """

    geometry: shapely.MultiPolygon = field(repr=False)
    _bounds: Box = field(init=False, repr=False, compare=False)
    _starts: Floats = field(init=False, repr=False, compare=False)
    _steps: Floats = field(init=False, repr=False, compare=False)
    _hub: Hub | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        """Prepare the containment test and lay the edges out for the distance."""
        rings = [ring for part in self.geometry.geoms for ring in (part.exterior, *part.interiors)]
        lines = [shapely.get_coordinates(ring) for ring in rings]
        starts = np.concatenate([line[:-1] for line in lines])
        steps = np.concatenate([np.diff(line, axis=0) for line in lines])
        moves = steps.any(axis=1)  # a doubled vertex makes no edge
        shapely.prepare(self.geometry)
        object.__setattr__(self, "_bounds", self.geometry.bounds)
        object.__setattr__(self, "_starts", starts[moves])
        object.__setattr__(self, "_steps", steps[moves])

    @property
    def area_m2(self) -> float:
        """Surface on the sphere; shells run counter-clockwise, holes clockwise, so signs add up."""
        height = np.sin(np.radians(self._starts[:, 1]))
        other = np.sin(np.radians(self._starts[:, 1] + self._steps[:, 1]))
        return -(EARTH_RADIUS_M**2) * fsum(np.radians(self._steps[:, 0]) * (height + other) / 2)

    def contains(self, lat: float, lon: float) -> bool:
        """Say whether the position is inside; the box is asked before the polygon."""
        west, south, east, north = self._bounds
        if not south <= lat <= north:
            return False
        if not west <= lon <= east:  # beyond the seam longitudes run on
            lon += TURN_DEG if lon < west else -TURN_DEG
        return west <= lon <= east and bool(shapely.intersects_xy(self.geometry, lon, lat))

    def signed_distance_m(self, lat: float, lon: float) -> float:
        """Give the distance to the boundary in metres, negative inside (rule 4)."""
        phi, stretch = radians(lat), curvature(lat)[1]
        shrink = cos(phi) * stretch
        lons = (self._starts[:, 0] - lon + SEAM_DEG) % TURN_DEG - SEAM_DEG
        lats = self._starts[:, 1] - lat
        step_x, step_y = self._steps[:, 0] * shrink, self._steps[:, 1]
        length2 = np.maximum(step_x * step_x + step_y * step_y, 1e-300)
        along = np.clip(-(lons * shrink * step_x + lats * step_y) / length2, 0.0, 1.0)
        lons = lons + along * self._steps[:, 0]
        lats = lats + along * step_y
        narrow = (cos(phi) - radians(sin(phi)) * lats) * (shrink * stretch)  # cosine at the foot
        best = int(np.argmin(lons * lons * narrow + lats * lats))
        metres = ground_m(lat, lon, lat + float(lats[best]), lon + float(lons[best]))
        return -metres if self.contains(lat, lon) else metres

    @property
    def hub(self) -> Hub:
        """The middle of the box; worked out once."""
        if self._hub is None:
            object.__setattr__(self, "_hub", self._measured_hub())
        return cast("Hub", self._hub)

    def _measured_hub(self) -> Hub:
        west, south, east, north = self._bounds
        lat, lon = (south + north) / 2, ((west + east) / 2 + 3 * SEAM_DEG) % TURN_DEG - SEAM_DEG
        corners = great_circles_m(lat, lon, self._starts[:, 1], self._starts[:, 0])
        most_m = float(corners.max())
        if most_m > HUB_MAX_M:  # edges that are straight in degrees bulge on the sphere
            return lat, lon, 0.0, inf
        distance_m = self.signed_distance_m(lat, lon)
        return lat, lon, max(0.0, -distance_m) * HUB_LEAST, most_m * HUB_MOST

    def boxes(self) -> tuple[Box, ...]:
        """Give the boxes, cut at +-180 degrees."""
        return boxes(*self._bounds)


def great_circles_m(lat: float, lon: float, lats: Floats, lons: Floats) -> Floats:
    """Give the great-circle distances of many positions from one."""
    half_lat, half_lon = np.sin(np.radians(lats - lat) / 2), np.sin(np.radians(lons - lon) / 2)
    squared = half_lat**2 + cos(radians(lat)) * np.cos(np.radians(lats)) * half_lon**2
    metres: Floats = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(squared, 0.0, 1.0)))
    return metres
