import json

import numpy as np
import pytest

from fencepost_geofence import geojson
from fencepost_geofence.fence import Fence
from geofence.truth.districts import CITIES, districts, mended
from geofence.truth.judge import error_m, is_right
from geofence.truth.oracle import Truth, truth_of
from geofence.truth.world import Feature, Spots

NUDGE_M = 0.2
THINNED = 40  # the usual run takes every so-manieth vertex


def fence_of(feature: Feature) -> Fence:
    """Read a district."""
    (fence,) = geojson.read(mended(feature)).fences
    return fence


def nudged(truth: Truth, step: int) -> Spots:
    """Give both sides of edges at their middles, then both sides of vertices."""
    x, y, east, north = truth.edges[truth.edges[:, 2:].any(axis=1)].T  # vertices may be doubled
    narrow = np.cos(np.radians(y))
    across = np.column_stack((-north, east * narrow)) / np.hypot(north, east * narrow)[:, None]
    corner = across + np.roll(across, 1, axis=0)  # where two edges meet
    metre = np.degrees(NUDGE_M / 6_371_008.8)
    lats, lons = [], []
    for (at_x, at_y), way in (((x + east / 2, y + north / 2), across), ((x, y), corner)):
        for side in (metre, -metre):
            lats.append((at_y + side * way[:, 1])[::step])
            lons.append((at_x + side * way[:, 0] / narrow)[::step])
    return np.concatenate(lats), np.concatenate(lons)


def wrong_in(feature: Feature, step: int) -> tuple[list[str], float]:
    """Give where a district and the oracle differ, and how many middles have two sides."""
    fence, truth = fence_of(feature), truth_of(feature)
    lats, lons = nudged(truth, step)
    signed_m = truth.signed_m(lats, lons)
    slack_m = error_m(truth, signed_m)
    wrong = []
    for lat, lon, *judged in zip(
        *(a.tolist() for a in (lats, lons, signed_m, slack_m)), strict=True
    ):
        metres, is_inside = fence.shape.signed_distance_m(lat, lon), fence.shape.contains(lat, lon)
        if not is_right(truth, (judged[0], judged[1]), metres, is_inside=is_inside):
            wrong.append(f"{fence.fence_id} at {lat}, {lon}: {metres}, not {judged[0]}")
    left, right = (signed_m < 0).reshape(4, -1)[:2]
    return wrong, float((left != right).mean())


def check(city: str, step: int) -> None:
    """Hold a whole city against the oracle."""
    judged = [wrong_in(feature, step) for feature in districts(city)]

    assert [each for wrong, _ in judged for each in wrong] == []
    assert np.mean([share for _, share in judged]) > 0.98


@pytest.mark.parametrize("city", CITIES)
def test_real_shapes_beside_their_vertices_and_edges_are_as_the_oracle_has_them(city: str) -> None:
    """Two hands beside the boundary, on either side: in or out, and how far."""
    check(city, THINNED)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("city", CITIES)
def test_real_shapes_beside_every_vertex_and_edge_are_as_the_oracle_has_them(city: str) -> None:
    """All of them: some 300,000 positions."""
    check(city, 1)


@pytest.mark.parametrize("city", CITIES)
def test_real_shapes_are_read_as_they_are_written(city: str) -> None:
    """Import, export, import: the same fences, and from then on the same text."""
    features = [mended(feature) for feature in districts(city)]
    fences = geojson.read({"type": "FeatureCollection", "features": features}).fences

    written = json.dumps(geojson.to_collection(fences))
    again = geojson.read(json.loads(written))

    assert len(fences) == len(features)
    assert again.problems == []
    assert again.fences == fences
    assert json.dumps(geojson.to_collection(again.fences)) == written
