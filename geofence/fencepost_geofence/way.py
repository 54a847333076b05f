"""
Way: whether the straight way between two positions crosses a shape.

Pure. Meant for two fixes that follow each other, at most some kilometres apart.

Rule 1. For a circle the way is the great circle, and what counts is its nearest point to the
        centre. For an area it is straight in longitude and latitude as the area's own edges are,
        the short way over the seam: on 4 km that is half a metre beside the great circle at 60
        degrees of latitude.
Rule 2. Touching the boundary counts, and so does beginning, ending or lying inside.
"""

from math import atan2, cos, degrees, hypot, radians, sin

import shapely

from fencepost_geofence.fence import Fence
from fencepost_geofence.nearest import around
from fencepost_geofence.shapes import Area, Circle
from fencepost_geofence.sphere import SEAM_DEG, TURN_DEG, Box, great_circle_m

Ends = tuple[float, float, float, float]
"""lat, lon of the first position, lat, lon of the second."""

_Vector = tuple[float, float, float]


def crosses(ends: Ends, fence: Fence) -> bool:
    """Say whether the way crosses a fence."""
    if isinstance(fence.shape, Circle):
        return _crosses_circle(ends, fence.shape)
    return _crosses_area(ends, fence.shape if isinstance(fence.shape, Area) else fence.shape.area)


def reach(ends: Ends) -> tuple[Box, ...]:
    """Give boxes that hold the way, however it bends."""
    middle = _added(_vector(ends[0], ends[1]), _vector(ends[2], ends[3]))
    half_m = great_circle_m(*ends) / 2
    return around(*_position(middle), half_m * 1.1 + 1)


def _crosses_circle(ends: Ends, circle: Circle) -> bool:
    """Ask of the ends, and of the point of the great circle that is nearest to the centre."""
    if circle.contains(ends[0], ends[1]) or circle.contains(ends[2], ends[3]):
        return True
    first, last = _vector(ends[0], ends[1]), _vector(ends[2], ends[3])
    centre, normal = _vector(circle.lat, circle.lon), _crossed(first, last)
    size2 = _dot(normal, normal)
    # Abeam of the way only between the two planes through its ends.
    is_abeam = _dot(_crossed(normal, first), centre) > 0 > _dot(_crossed(normal, last), centre)
    if not is_abeam or size2 == 0:
        return False
    away = -_dot(normal, centre) / size2
    return circle.contains(*_position(_added(centre, _scaled(normal, away))))


def _crosses_area(ends: Ends, area: Area) -> bool:
    lat1, lon1, lat2, lon2 = ends
    step = (lon2 - lon1 + SEAM_DEG) % TURN_DEG - SEAM_DEG
    return any(
        bool(
            shapely.intersects(area.geometry, shapely.LineString([(lon, lat1), (lon + step, lat2)]))
        )
        for lon in (lon1, lon1 + TURN_DEG, lon1 - TURN_DEG)
    )


def _vector(lat: float, lon: float) -> _Vector:
    phi, lam = radians(lat), radians(lon)
    return cos(phi) * cos(lam), cos(phi) * sin(lam), sin(phi)


def _position(vector: _Vector) -> tuple[float, float]:
    x, y, z = vector
    return degrees(atan2(z, hypot(x, y))), degrees(atan2(y, x))


def _scaled(a: _Vector, by: float) -> _Vector:
    return a[0] * by, a[1] * by, a[2] * by


def _added(a: _Vector, b: _Vector) -> _Vector:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


def _dot(a: _Vector, b: _Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _crossed(a: _Vector, b: _Vector) -> _Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
