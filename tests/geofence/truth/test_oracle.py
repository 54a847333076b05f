import math
from itertools import pairwise

import numpy as np
import pytest
from geographiclib.geodesic import Geodesic
from hypothesis import given
from hypothesis import strategies as st

from geofence.positions import MODEST, area_lats, bearings, feature, lats, lons, polygon, star
from geofence.truth.oracle import truth_of

EARTH = Geodesic.WGS84


def geodesic_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Measure with geographiclib."""
    return float(EARTH.Inverse(lat1, lon1, lat2, lon2, Geodesic.DISTANCE)["s12"])


@MODEST
@given(lats, lons, st.floats(0, 200_000), bearings)
def test_oracle_measures_the_geodesic(lat: float, lon: float, metres: float, way: float) -> None:
    """Up to 200 km a chord made an arc is the geodesic within a millionth, at the poles too."""
    there = EARTH.Direct(lat, lon, np.degrees(way), metres)
    centre = truth_of(feature({"type": "Point", "coordinates": [lon, lat]}, radius_m=10))

    found_m = centre.signed_m(np.array([there["lat2"]]), np.array([there["lon2"]]))[0]

    assert found_m == pytest.approx(metres - 10, rel=1e-6, abs=1e-3)


@MODEST
@given(
    area_lats,
    lons,
    st.lists(st.floats(200, 60_000), min_size=3, max_size=6),
    st.floats(0, 100_000),
    bearings,
)
def test_oracle_finds_the_nearest_point_of_a_ring(
    lat: float, lon: float, radii_m: list[float], metres: float, way: float
) -> None:
    """No point of the ring is nearer than the one it found, by geographiclib."""
    ring = star(lat, lon, radii_m)
    there = EARTH.Direct(lat, lon, np.degrees(way), metres)
    here = there["lat2"], there["lon2"]

    found_m = truth_of(feature(polygon(ring))).skeleton_m(*(np.array([each]) for each in here))[0]

    sampled_m = [
        geodesic_m(*here, a + part * (c - a), b + part * ((d - b + 180) % 360 - 180))
        for (a, b), (c, d) in pairwise(ring)
        for part in np.linspace(0, 1, 40)
    ]
    step_m = max(geodesic_m(*one, *other) for one, other in pairwise(ring)) / 39
    assert found_m <= min(sampled_m) * (1 + 1e-6) + 1e-3
    assert math.hypot(found_m, step_m / 2) * 1.001 + 1e-3 >= min(sampled_m)
