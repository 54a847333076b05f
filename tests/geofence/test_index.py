import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_geofence.fence import Fence
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.shapes import Circle
from geofence.positions import MODEST, area_lats, area_of, bearings, lats, lons, moved, radii, star

circles = st.builds(Circle, lats, lons, st.floats(10, 100_000))
areas = st.builds(
    lambda lat, lon, radii_m: area_of(star(lat, lon, radii_m)), area_lats, lons, radii
)


@st.composite
def crowded(draw: st.DrawFn) -> tuple[list[Fence], list[tuple[float, float]]]:
    """Draw fences, and positions near them, at the poles, on the seam and anywhere."""
    shapes = draw(st.lists(circles | areas, max_size=12))
    fences = [Fence(f"f-{i}", shape) for i, shape in enumerate(shapes)]
    spots = draw(st.lists(st.tuples(lats, lons), max_size=5))
    spots += [(90.0, 0.0), (-90.0, 180.0), (0.0, 180.0), (0.0, -180.0)]
    for shape in shapes:
        west, south, _, _ = shape.boxes()[0]
        spots.append((south, west))
        if isinstance(shape, Circle):
            metres = draw(st.floats(0, 1.5)) * shape.radius_m
            spots.append(moved(shape.lat, shape.lon, metres, draw(bearings)))
    return fences, spots


@MODEST
@given(crowded())
def test_index_equals_brute_force(drawn: tuple[list[Fence], list[tuple[float, float]]]) -> None:
    """Every answer equals testing all fences one by one, alone or in a group."""
    fences, spots = drawn
    index = FenceIndex(reversed(fences))
    in_order = sorted(fences, key=lambda fence: fence.fence_id)

    near = index.candidates([lat for lat, _ in spots], [lon for _, lon in spots])

    for (lat, lon), proposed in zip(spots, near, strict=True):
        expected = [fence for fence in in_order if fence.shape.contains(lat, lon)]
        assert index.at(lat, lon) == expected
        assert [fence for fence in proposed if fence.shape.contains(lat, lon)] == expected


@MODEST
@given(crowded())
def test_near_does_not_depend_on_what_else_is_asked(
    drawn: tuple[list[Fence], list[tuple[float, float]]],
) -> None:
    """Alone, in a group, after changes: the same fences, and every fence that holds the spot."""
    fences, spots = drawn
    grown = FenceIndex()
    for fence in fences:
        grown.near([lat for lat, _ in spots], [lon for _, lon in spots])
        grown.put(fence)

    together = FenceIndex(fences).near([lat for lat, _ in spots], [lon for _, lon in spots])

    for (lat, lon), near in zip(spots, together, strict=True):
        assert list(near) == list(FenceIndex(fences).near([lat], [lon])[0])
        assert list(near) == list(grown.near([lat], [lon])[0])
        assert {f.fence_id for f in fences if f.shape.contains(lat, lon)} <= {
            f.fence_id for f in near
        }


def test_near_reaches_as_far_as_it_says() -> None:
    """A fence 100 m off is near, one 300 m off is not; over the seam too."""
    index = FenceIndex([Fence("a", Circle(60, 180, 50))])
    metre = 1 / 111_195

    near = index.near([60 + 150 * metre, 60 + 350 * metre, 60], [180, 180, -180 + 290 * metre])

    assert [len(found) for found in near] == [1, 0, 1]


def test_index_answers_a_crowd_over_one_point() -> None:
    """Far more hits than positions asked for are all given, each once."""
    fences = [Fence(f"f-{i:03}", Circle(50, 180, 1_000)) for i in range(300)]

    near = FenceIndex(fences).candidates([50, 10, 50], [180, 10, -180])

    assert [list(found) for found in near] == [fences, [], fences]


@pytest.mark.parametrize(("lat", "lon"), [(50.0, 7.0), (0.0, 180.0), (89.9, 0.0), (-89.9, 179.999)])
def test_index_says_what_is_near_in_a_group_as_alone(lat: float, lon: float) -> None:
    """A fence is near up to 150 m from its box, and in a group of any size or spread as alone."""
    index = FenceIndex([Fence("f", Circle(lat, lon, 100))])
    spots = [moved(lat, lon, metres, bearing) for metres in (240, 500) for bearing in (0, 2, 4, 5)]
    alone = [index.near([lat], [lon])[0] for lat, lon in spots]

    crowd = FenceIndex([*index, *(Fence(f"g{i}", Circle(lat, lon, 100)) for i in range(20))])
    few = index.near([lat for lat, _ in spots], [lon for _, lon in spots])
    many = crowd.near([lat for lat, _ in spots], [lon for _, lon in spots])

    assert [len(found) for found in few] == [1, 1, 1, 1, 0, 0, 0, 0]
    assert [list(found) for found in few] == [list(found) for found in alone]
    assert [len(found) for found in many] == [21 * len(found) for found in few]


@pytest.mark.bad_input(59)
def test_index_finds_the_very_corner_beyond_the_seam() -> None:
    """Rounding at the seam hides no position that the exact test finds."""
    corners = [-100 - i / 97 for i in range(1, 90)]
    rings = [[(1.0, 179.0), (0.0, lon), (2.0, lon), (1.0, 179.0)] for lon in corners]
    fences = [Fence(f"f-{i:02}", area_of(ring)) for i, ring in enumerate(rings)]
    index = FenceIndex(fences)

    for fence, lon in zip(fences, corners, strict=True):
        assert fence.shape.contains(0, lon)
        assert fence in index.at(0, lon)


def test_index_gives_fences_by_id_and_in_order() -> None:
    """Length, iteration and look-up."""
    fences = [Fence(name, Circle(50, 7, 100)) for name in ("b", "a")]
    index = FenceIndex(fences)

    assert len(index) == 2
    assert [fence.fence_id for fence in index] == ["a", "b"]
    assert index.get("b") is fences[0]
    assert index.get("c") is None


def test_index_may_be_empty() -> None:
    """No fence is nowhere."""
    index = FenceIndex()

    assert index.at(50, 7) == []
    assert index.candidates([50, 51], [7, 8]) == [(), ()]


def test_index_takes_an_empty_group() -> None:
    """Nothing asked, nothing answered."""
    assert FenceIndex([Fence("a", Circle(50, 7, 100))]).candidates([], []) == []


def test_index_refuses_two_fences_with_one_id() -> None:
    """An id names one fence."""
    fence = Fence("a", Circle(50, 7, 100))

    with pytest.raises(ValueError, match="same fence_id"):
        FenceIndex([fence, fence])


@pytest.mark.parametrize("steps", [(0,), (-1,), (60, 60), (300, 60)])
def test_fence_refuses_thresholds_out_of_order(steps: tuple[int, ...]) -> None:
    """Thresholds are positive and ascending."""
    with pytest.raises(ValueError, match="ascending"):
        Fence("a", Circle(50, 7, 100), dwell_after_s=steps)
