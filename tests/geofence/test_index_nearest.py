import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_geofence.fence import Fence
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.nearest import around, box_distances_m
from fencepost_geofence.shapes import Area, Circle
from geofence.positions import (
    MODEST,
    arc_m,
    area_lats,
    area_of,
    bearings,
    ground_m,
    lats,
    lons,
    moved,
    radii,
    star,
)

circles = st.builds(Circle, lats, lons, st.floats(10, 100_000))
areas = st.builds(
    lambda lat, lon, radii_m: area_of(star(lat, lon, radii_m)), area_lats, lons, radii
)
edge_spots = st.sampled_from([(90.0, 0.0), (-90.0, 77.0), (0.0, 180.0), (5.0, -180.0)])
spots = st.tuples(lats, lons) | edge_spots


def fences_of(shapes: list[Circle | Area]) -> list[Fence]:
    """Name shapes."""
    return [
        Fence(f"f-{i:02}", shape, tags=frozenset({"odd" if i % 2 else "even"}))
        for i, shape in enumerate(shapes)
    ]


@MODEST
@pytest.mark.feature("P03")
@given(
    st.lists(circles | areas, max_size=25),
    spots,
    st.integers(0, 30),
    st.sampled_from(["odd", "even", ""]),
)
def test_nearest_equals_brute_force(
    shapes: list[Circle | Area], spot: tuple[float, float], k: int, tag: str
) -> None:
    """The k nearest by signed distance to the boundary, at the poles and on the seam too."""
    fences = fences_of(shapes)

    def wanted(fence: Fence) -> bool:
        return not tag or tag in fence.tags

    found = FenceIndex(fences).nearest(*spot, k, wanted=wanted)

    measured = [(f, f.shape.signed_distance_m(*spot)) for f in fences if wanted(f)]
    assert found == sorted(measured, key=lambda each: (each[1], each[0].fence_id))[:k]


@MODEST
@given(spots, st.lists(st.tuples(st.floats(0, 3_000), bearings), max_size=40), st.integers(1, 12))
def test_nearest_equals_brute_force_in_a_town(
    spot: tuple[float, float], places: list[tuple[float, float]], k: int
) -> None:
    """Inside of several and between many: deepest inside first."""
    fences = fences_of([Circle(*moved(*spot, metres, way), 800) for metres, way in places])

    found = FenceIndex(fences).nearest(*spot, k)

    measured = [(f, f.shape.signed_distance_m(*spot)) for f in fences]
    assert found == sorted(measured, key=lambda each: (each[1], each[0].fence_id))[:k]


def test_nearest_gives_none_beyond_its_bound() -> None:
    """What is farther away than wished for is left out, what is as far is not."""
    index = FenceIndex([Fence("near", Circle(50, 7, 100)), Fence("far", Circle(60, 7, 100))])
    near_m = ground_m(50, 7, 50.1, 7) - 100

    assert [f.fence_id for f, _ in index.nearest(50.1, 7, 5, within_m=near_m + 1)] == ["near"]
    assert index.nearest(50.1, 7, 5, within_m=near_m - 1) == []
    assert len(index.nearest(50.1, 7, 5)) == 2


def test_nearest_sees_a_change_at_once() -> None:
    """What was taken back is not near any more."""
    index = FenceIndex([Fence("a", Circle(50, 7, 100)), Fence("b", Circle(50, 8, 100))])

    index.remove("a")
    index.put(Fence("c", Circle(50, 7.5, 100)))

    assert [fence.fence_id for fence, _ in index.nearest(50, 7, 5)] == ["c", "b"]


@MODEST
@given(spots, lats, lons, st.floats(0, 60), st.floats(0, 170))
def test_box_distance_never_exceeds_a_way_into_the_box(
    spot: tuple[float, float], south: float, west: float, height: float, width: float
) -> None:
    """The bound that lets a fence go unmeasured holds for every point of its box."""
    north, east = min(90.0, south + height), min(180.0, west + width)

    bound_m = box_distances_m(*spot, np.array([[west, south, east, north]]))[0]

    grid = [
        (lat, lon) for lat in np.linspace(south, north, 9) for lon in np.linspace(west, east, 9)
    ]
    least_m = min(arc_m(*spot, lat, lon) for lat, lon in grid)
    assert bound_m <= least_m + 0.5
    width_m = max(height, width) / 8 * 111_200  # of the grid
    assert bound_m >= 0.994 * least_m - width_m - 0.5


@MODEST
@given(spots, st.floats(0.001, 20_000_000), st.floats(0, 1), bearings)
def test_around_holds_everything_in_reach(
    spot: tuple[float, float], reach_m: float, part: float, bearing: float
) -> None:
    """No position in reach lies beside the boxes."""
    lat, lon = moved(*spot, part * reach_m, bearing)

    assert any(
        w - 1e-6 <= lon <= e + 1e-6 and s - 1e-6 <= lat <= n + 1e-6
        for w, s, e, n in around(*spot, reach_m)
    )


@MODEST
@given(
    st.tuples(area_lats, lons) | st.sampled_from([(0.0, 180.0), (89.99, 10.0), (-90.0, 0.0)]),
    bearings,
    st.floats(0, 4_000),
    st.lists(st.tuples(st.floats(0, 4_000), bearings, st.floats(10, 900)), max_size=8),
)
def test_crossed_circles_equal_walking_the_way(
    start: tuple[float, float], bearing: float, length_m: float,
    places: list[tuple[float, float, float]],
) -> None:  # fmt: skip
    """A circle is crossed when a step of the way lies in it; what no step nears is not."""
    end = moved(*start, length_m, bearing)
    circles = [Circle(*moved(*start, metres, way), size) for metres, way, size in places]
    fences = fences_of(list(circles))

    crossed = FenceIndex(fences).crossed(*start, *end)

    steps = [moved(*start, length_m * i / 400, bearing) for i in range(401)]
    for fence, circle in zip(fences, circles, strict=True):
        least_m = min(ground_m(circle.lat, circle.lon, *step) for step in steps)
        if least_m <= circle.radius_m - 0.1:
            assert fence in crossed
        if least_m > circle.radius_m + length_m / 400 + 0.1:
            assert fence not in crossed


@MODEST
@given(area_lats, lons, radii, st.tuples(*[st.floats(-0.05, 0.05)] * 4))
def test_crossed_areas_equal_walking_the_way(
    lat: float, lon: float, radii_m: list[float], ends: tuple[float, float, float, float]
) -> None:
    """An area is crossed when a step of the way lies in it, over the seam too."""
    fence = Fence("a", area_of(star(lat, lon, radii_m)))
    lat1, lon1, lat2, lon2 = lat + ends[0], lon + ends[1], lat + ends[2], lon + ends[3]

    def turned(degrees: float) -> float:
        return (degrees + 540) % 360 - 180

    crossed = FenceIndex([fence]).crossed(lat1, turned(lon1), lat2, turned(lon2))

    steps = [(lat1 + (lat2 - lat1) * i / 400, lon1 + (lon2 - lon1) * i / 400) for i in range(401)]
    distances_m = [fence.shape.signed_distance_m(a, turned(b)) for a, b in steps]
    if min(distances_m) < -0.01:
        assert crossed == [fence]
    if min(distances_m) > 50:  # more than half a step
        assert crossed == []


def test_crossed_takes_the_short_way_over_the_seam() -> None:
    """Two fixes either side of 180 degrees cross what lies between, not the rest of the world."""
    index = FenceIndex([Fence("between", Circle(0, 180, 50)), Fence("opposite", Circle(0, 0, 50))])

    assert [f.fence_id for f in index.crossed(0, 179.999, 0, -179.999)] == ["between"]


def test_crossed_needs_no_length() -> None:
    """Standing still crosses what one stands in."""
    index = FenceIndex([Fence("here", Circle(50, 7, 50)), Fence("there", Circle(51, 7, 50))])

    assert [f.fence_id for f in index.crossed(50, 7, 50, 7)] == ["here"]
