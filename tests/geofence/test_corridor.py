import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_geofence import geojson
from fencepost_geofence.corridor import Corridor
from fencepost_geofence.fence import Fence
from fencepost_geofence.sphere import great_circle_m
from geofence.positions import (
    MODEST,
    Points,
    bearings,
    boundary_m,
    feature,
    fence_of,
    ground_m,
    moved,
    wrapped,
)


def line_of(*lines: Points) -> dict[str, object]:
    """Write lines as GeoJSON, longitude first."""
    drawn = [[[wrapped(lon), lat] for lat, lon in line] for line in lines]
    if len(drawn) == 1:
        return {"type": "LineString", "coordinates": drawn[0]}
    return {"type": "MultiLineString", "coordinates": drawn}


def corridor(width_m: float, *lines: Points) -> Fence:
    """Read a corridor that has no problem."""
    return fence_of(line_of(*lines), width_m=width_m)


def shape_of(fence: Fence) -> Corridor:
    """Take the corridor of a fence."""
    assert isinstance(fence.shape, Corridor)
    return fence.shape


def way(lat: float, lon: float, turns: list[float]) -> Points:
    """Walk 400 m in each direction, one after the other."""
    points = [(lat, lon)]
    for turn in turns:
        here, there = points[-1]
        north = math.degrees(400 / 6_371_008.8)
        east = north / math.cos(math.radians(here))
        points.append((here + north * math.sin(turn), there + east * math.cos(turn)))
    return points


@MODEST
@given(
    st.floats(-84, 84),
    st.floats(-180, 180) | st.floats(179.99, 180),
    st.lists(bearings, min_size=1, max_size=5),
    st.sampled_from([20.0, 60.0, 500.0]),
    st.tuples(st.integers(0, 5), st.floats(-1.5, 1.5), st.floats(-1.5, 1.5)),
)
def test_corridor_reaches_half_its_width(
    lat: float,
    lon: float,
    turns: list[float],
    width_m: float,
    spot: tuple[int, float, float],
) -> None:
    """Inside is within half the width of the line; outside the distance is that to the line."""
    line = way(lat, lon, turns)
    shape = shape_of(corridor(width_m, line))
    near = line[spot[0] % len(line)]
    degree = math.degrees(width_m / 6_371_008.8)
    here = near[0] + degree * spot[1], wrapped(near[1] + degree * spot[2])
    beyond_m = boundary_m(line, *here, 800) - width_m / 2
    error_m = 0.0025 * width_m / 2 + 0.3

    if abs(beyond_m) > error_m:
        assert shape.contains(*here) == (beyond_m < 0)
    if beyond_m > error_m:
        assert shape.signed_distance_m(*here) == pytest.approx(beyond_m, abs=error_m)
    if shape.contains(*here):
        boxes = shape.boxes()
        assert any(w <= here[1] <= e and s <= here[0] <= n for w, s, e, n in boxes)
        assert shape.signed_distance_m(*here) <= max(0.0, beyond_m) + error_m


@MODEST
@given(
    st.floats(-84, 84),
    st.floats(-180, 180),
    st.lists(bearings, min_size=1, max_size=6),
    st.sampled_from([20.0, 200.0, 2_000.0]),
    st.floats(0, 1_500),
    bearings,
)
def test_corridor_hub_tells_inside_and_outside(
    lat: float, lon: float, turns: list[float], width_m: float, metres: float, bearing: float
) -> None:
    """Nearer to the hub than the least distance is inside, farther than the most is outside."""
    shape = shape_of(corridor(width_m, way(lat, lon, turns)))
    hub_lat, hub_lon, least_m, most_m = shape.hub
    there = moved(hub_lat, hub_lon, metres, bearing)
    apart_m = ground_m(hub_lat, hub_lon, *there)

    assert 0 <= least_m <= most_m
    if apart_m < least_m:
        assert shape.contains(*there)
    if apart_m > most_m:
        assert not shape.contains(*there)


def test_corridor_measures_the_way_out_across() -> None:
    """In the middle of a straight corridor the boundary is half a width away."""
    shape = shape_of(corridor(100, [(50.0, 7.0), (50.0, 7.1)]))

    assert shape.signed_distance_m(50.0, 7.05) == pytest.approx(-50, rel=0.003)
    assert shape.area_m2 == pytest.approx(
        100 * great_circle_m(50, 7, 50, 7.1) + math.pi * 50**2, rel=0.003
    )


def test_corridor_fills_what_it_runs_around_too_closely() -> None:
    """Where a line folds back, the way out leads past the fold, not through it."""
    hairpin = [(50.0, 7.0), (50.0, 7.01), (50.0005, 7.01), (50.0005, 7.0)]
    shape = shape_of(corridor(100, hairpin))

    assert shape.contains(50.00025, 7.005)
    assert shape.signed_distance_m(50.00025, 7.005) == pytest.approx(-77.8, abs=0.5)


@pytest.mark.bad_input(59)
def test_corridor_over_the_antimeridian_is_right_on_both_sides() -> None:
    """Cut or uncut, the same corridor; written, it is cut."""
    uncut = corridor(200, [(-17.0, 179.9), (-17.0, -179.9)])
    cut = corridor(200, [(-17.0, 179.9), (-17.0, 180.0)], [(-17.0, -180.0), (-17.0, -179.9)])
    beside = [(-17.0, lon) for lon in (179.95, 180.0, -180.0, -179.95)]

    for fence in (uncut, cut):
        assert all(fence.shape.contains(*here) for here in beside)
        assert not fence.shape.contains(-17.0, 0.0)
        assert not fence.shape.contains(-17.002, 180.0)
        written = geojson.to_feature(fence)["geometry"]
        assert written["type"] == "MultiLineString"
        assert all(abs(lon) <= 180 for line in written["coordinates"] for lon, _ in line)
    assert geojson.to_feature(uncut) == geojson.to_feature(cut)


@MODEST
@given(st.floats(-80, 80), st.floats(-179, 179), st.lists(bearings, min_size=1, max_size=4))
def test_corridor_is_read_as_it_is_written(lat: float, lon: float, turns: list[float]) -> None:
    """Writing and reading gives the same corridor."""
    fence = corridor(30, way(lat, lon, turns), way(lat + 0.1, lon, turns))

    assert geojson.read(geojson.to_feature(fence)).fences == [fence]


def test_corridor_is_as_big_as_it_is_wide() -> None:
    """How coarse a fix may be depends on the width, not on the length."""
    fence = corridor(60, [(50.0, 7.0), (50.0, 8.0)])

    assert fence.size_m == 30


LINE = [[7, 50], [7.1, 50]]


@pytest.mark.parametrize(
    ("coordinates", "width_m", "path", "what"),
    [
        (LINE, None, "properties.width_m", "needs width_m"),
        (LINE, 19, "properties.width_m", "not a width"),
        (LINE, 1e9, "properties.width_m", "not a width"),
        (LINE, "50", "properties.width_m", "not a width"),
        ([[7, 50]], 50, "geometry.coordinates", "two positions"),
        ([[7, 50], [7, 50]], 50, "geometry.coordinates", "no length"),
        ([[7, 50], [7, 91]], 50, "geometry.coordinates[1]", "lat in -90"),
        ([[7, 84], [7, 86]], 50, "geometry.coordinates", "beyond 85"),
        ([[0, 5], [80, 5], [100, 5]], 50, "geometry.coordinates", "spans 90"),
        ("line", 50, "geometry.coordinates", "two positions"),
        ([None] * 5_001, 50, "geometry.coordinates", "5,001 positions"),
    ],
)
def test_corridor_refuses_what_is_no_line(
    coordinates: object, width_m: object, path: str, what: str
) -> None:
    """Each fault says where it is and how to mend it."""
    properties = {} if width_m is None else {"width_m": width_m}
    geometry = {"type": "LineString", "coordinates": coordinates}
    (problem,) = geojson.read(feature(geometry, **properties)).problems

    assert problem.path == path
    assert what in problem.what
    assert problem.how


def test_corridor_refuses_a_scribble() -> None:
    """A line that crosses itself everywhere is refused before its outline is drawn."""
    spots = [[(i * 377 % 1_000) / 2_000, 50 + (i * 631 % 997) / 2_000] for i in range(1_500)]
    geometry = {"type": "LineString", "coordinates": spots}
    (problem,) = geojson.read(feature(geometry, width_m=20)).problems

    assert "crosses itself too often" in problem.what


@pytest.mark.parametrize(
    ("geometry", "member"),
    [
        ({"type": "Point", "coordinates": [7, 50]}, "width_m"),
        ({"type": "LineString", "coordinates": LINE}, "radius_m"),
    ],
)
def test_corridor_and_circle_keep_their_measures_apart(geometry: object, member: str) -> None:
    """A width belongs to a line, a radius to a point."""
    problems = geojson.read(feature(geometry, width_m=50, radius_m=50)).problems

    assert [one.path for one in problems] == [f"properties.{member}"]
