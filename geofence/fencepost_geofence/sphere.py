"""
Sphere: distance between two positions, and boxes that mind the seam at +-180 degrees.

Pure, standard library only.

Rule 1. Where it does not matter the earth is a sphere of mean radius (IUGG R1).
Rule 2. Around a position the WGS 84 ellipsoid is a sphere with the curvature of its meridian, on
        which longitudes are stretched by how much less the ellipsoid is curved across. A distance
        from there is off by at most 0.02 % up to 200 km and 0.1 % up to 1,000 km, by some per cent
        on the far side of the earth, and never less than ``LEAST_RADIUS_M`` times the angle
        (ADR 0013).
Rule 3. A box never crosses the seam: what does is cut into two. Every box is padded by a tenth of
        a millimetre, so that rounding in an index cannot hide what the exact test would find, and
        so that -180 and 180 are the same meridian.
"""

from math import asin, cos, radians, sin, sqrt
from typing import Final

EARTH_RADIUS_M: Final = 6_371_008.8
METRES_PER_DEGREE: Final = 111_195.08  # along a meridian
EQUATOR_RADIUS_M: Final = 6_378_137.0  # WGS 84
ECCENTRICITY2: Final = 0.006_694_379_990_14
LEAST_RADIUS_M: Final = EQUATOR_RADIUS_M * (1 - ECCENTRICITY2)  # of curvature, anywhere
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


def curvature(lat: float) -> tuple[float, float]:
    """Give the radius of curvature along the meridian in metres, and the one across by it."""
    flat = 1 - ECCENTRICITY2 * sin(radians(lat)) ** 2
    return LEAST_RADIUS_M / flat**1.5, flat / (1 - ECCENTRICITY2)


def ground_m(lat: float, lon: float, lat2: float, lon2: float) -> float:
    """Give the distance from a position to another one on the ellipsoid (rule 2)."""
    along_m, stretch = curvature(lat)
    half_lat = sin(radians(lat2 - lat) / 2)
    half_lon = sin(radians(lon2 - lon) / 2) * stretch
    squared = half_lat * half_lat + cos(radians(lat)) * cos(radians(lat2)) * half_lon * half_lon
    return 2 * along_m * asin(min(1.0, sqrt(squared)))


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
