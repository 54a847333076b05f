from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_geofence import index as index_module
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
    """Every answer equals testing all fences one by one, in order of their ids."""
    fences, spots = drawn
    index = FenceIndex(reversed(fences))
    in_order = sorted(fences, key=lambda fence: fence.fence_id)

    for lat, lon in spots:
        around = index.around(lat, lon)
        expected = [fence for fence in in_order if fence.shape.contains(lat, lon)]
        assert index.at(lat, lon) == expected
        assert [fence for fence in around if fence.shape.contains(lat, lon)] == expected
        assert list(around) == sorted(around, key=lambda fence: fence.fence_id)


@MODEST
@given(crowded(), st.floats(0, index_module.REACH_M), bearings)
def test_around_gives_every_fence_within_reach(
    drawn: tuple[list[Fence], list[tuple[float, float]]], metres: float, bearing: float
) -> None:
    """Whoever moves that far is inside of no fence that was not around; poles and seam too."""
    fences, spots = drawn
    index = FenceIndex()
    for fence in fences:
        for lat, lon in spots:  # cells are filled, and have to be forgotten
            index.around(lat, lon)
        index.put(fence)

    for lat, lon in spots:
        around = {fence.fence_id for fence in index.around(lat, lon)}
        there = moved(lat, lon, metres, bearing)
        assert {f.fence_id for f in fences if f.shape.contains(*there)} <= around


def test_index_answers_a_crowd_over_one_point() -> None:
    """Far more fences than fit into a cell are all given, each once, on both sides of the seam."""
    fences = [Fence(f"f-{i:03}", Circle(50, 180, 1_000)) for i in range(300)]
    index = FenceIndex(fences)

    assert list(index.around(50, 180)) == list(index.around(50, -180)) == fences
    assert list(index.around(10, 10)) == []


@pytest.mark.parametrize(("lat", "lon"), [(50.0, 7.0), (0.0, 180.0), (89.9, 0.0), (-89.9, 179.999)])
def test_around_reaches_as_far_as_it_says(lat: float, lon: float) -> None:
    """A fence 140 m off is around, one far beyond the cell is not; over seam and poles too."""
    few = FenceIndex([Fence("f", Circle(lat, lon, 100))])
    many = FenceIndex([*few, *(Fence(f"g{i}", Circle(lat, lon, 100)) for i in range(20))])

    for bearing in (0, 1, 2, 3, 4, 5, 6):
        near, far = (moved(lat, lon, metres, bearing) for metres in (240, 3_000))
        assert [len(few.around(*near)), len(many.around(*near))] == [1, 21]
        if abs(lat) < 80:  # at a pole a cell is narrow, and asks for all longitudes
            assert [len(few.around(*far)), len(many.around(*far))] == [0, 0]


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
    assert list(index.around(50, 7)) == []
    assert list(index) == []


def test_index_refuses_two_fences_with_one_id() -> None:
    """An id names one fence."""
    fence = Fence("a", Circle(50, 7, 100))

    with pytest.raises(ValueError, match="same fence_id"):
        FenceIndex([fence, fence])


def test_index_counts_its_changes() -> None:
    """An answer is good until the count moves on; what changes nothing does not move it."""
    index = FenceIndex([Fence("a", Circle(50, 7, 100))])
    counts = [index.changes]

    index.put(Fence("b", Circle(50, 7, 100)))
    counts.append(index.changes)
    index.put(Fence("b", Circle(51, 7, 100)))
    counts.append(index.changes)
    index.remove("a")
    counts.append(index.changes)

    assert counts == sorted(set(counts))
    index.remove("a")
    index.at(50, 7)
    assert index.changes == counts[-1]


@pytest.mark.parametrize("steps", [(0,), (-1,), (60, 60), (300, 60)])
def test_fence_refuses_thresholds_out_of_order(steps: tuple[int, ...]) -> None:
    """Thresholds are positive and ascending."""
    with pytest.raises(ValueError, match="ascending"):
        Fence("a", Circle(50, 7, 100), dwell_after_s=steps)


@pytest.mark.parametrize(
    ("more", "what"),
    [
        ({"dwell_repeat_s": 60}, "follow a dwell_after_s"),
        ({"dwell_repeat_s": 0, "dwell_after_s": (60,)}, "dwell_repeat_s must be positive"),
        ({"approach_s": 0}, "approach_s"),
        ({"enter_at": 0.3, "leave_at": 0.3}, "leave_at must be below"),
        ({"enter_at": 1.0}, "between 0 and 1"),
        ({"leave_at": 0.0}, "between 0 and 1"),
    ],
)
def test_fence_refuses_terms_the_tracker_could_not_work_with(
    more: dict[str, Any], what: str
) -> None:
    """A repeat follows a threshold, and who enters has to be surer than who leaves."""
    with pytest.raises(ValueError, match=what):
        Fence("a", Circle(50, 7, 100), **more)
