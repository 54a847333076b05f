"""
Sphere: distance between two positions, and boxes that mind the seam at +-180 degrees.

Pure, standard library only.

Rule 1. The earth is a sphere of mean radius (IUGG R1). Against the WGS 84 ellipsoid a distance is
        off by at most 0.56 %, worst along a meridian at the equator.
Rule 2. A box never crosses the seam: what does is cut into two. Every box is padded by a tenth of
        a millimetre, so that rounding in an index cannot hide what the exact test would find, and
        so that -180 and 180 are the same meridian.
"""

from math import asin, cos, radians, sin, sqrt
from typing import Final

EARTH_RADIUS_M: Final = 6_371_008.8
METRES_PER_DEGREE: Final = 111_195.08  # along a meridian
POLE_DEG: Final = 90.0  # largest latitude
SEAM_DEG: Final = 180.0  # largest longitude: the antimeridian
TURN_DEG: Final = 360.0

Box = tuple[float, float, float, float]
"""west, south, east, north in degrees, west <= east, inside +-180 and +-90."""

_PAD_DEG: Final = 1e-9


def half_chord_squared(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Give sin^2 of half the angle between two positions; it grows with the distance."""
    phi1 = radians(lat1)
    phi2 = radians(lat2)
    half_lat = sin((phi2 - phi1) / 2)
    half_lon = sin(radians(lon2 - lon1) / 2)
    return half_lat * half_lat + cos(phi1) * cos(phi2) * half_lon * half_lon


def great_circle_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Give the great-circle distance (haversine), exact for near positions too."""
    return 2 * EARTH_RADIUS_M * asin(min(1.0, sqrt(half_chord_squared(lat1, lon1, lat2, lon2))))


def boxes(west: float, south: float, east: float, north: float) -> tuple[Box, ...]:
    """
    Pad a box, clamp it to the poles and cut it at the seam.

    Args:
        west: Left edge; may lie beyond -180.
        south: Lower edge.
        east: Right edge, not less than ``west``; may lie beyond 180.
        north: Upper edge.

    Returns:
        One box, or two when the seam is crossed or touched.

    """
    low = max(-POLE_DEG, south - _PAD_DEG)
    high = min(POLE_DEG, north + _PAD_DEG)
    left = west - _PAD_DEG
    right = east + _PAD_DEG
    if right - left >= TURN_DEG:
        return ((-SEAM_DEG, low, SEAM_DEG, high),)
    cut = []
    for turn in (0.0, TURN_DEG, -TURN_DEG):
        from_lon = max(-SEAM_DEG, left + turn)
        to_lon = min(SEAM_DEG, right + turn)
        if from_lon <= to_lon:
            cut.append((from_lon, low, to_lon, high))
    return tuple(cut)
