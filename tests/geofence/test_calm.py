import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_geofence import calm as calms
from fencepost_geofence import index as indexes
from fencepost_geofence.calm import MOVES_M, Calm
from fencepost_geofence.corridor import Corridor
from fencepost_geofence.fence import Fence
from fencepost_geofence.index import HITS_MAX, FenceIndex
from fencepost_geofence.shapes import Area, Circle
from geofence.positions import MODEST, area_of, bearings, moved, star, wrapped

HOME = (50.0, 7.0)
# Where degrees are narrow, where they jump, and where nothing is special.
middles = st.sampled_from(
    [HOME, (0.0, 179.9995), (79.99, -180.0), (80.01, 20.0), (89.999, 10.0), (-84.0, 100.0)]
)
steps_m = st.sampled_from([0.0, 0.5, 3.0, 12.0]) | st.floats(0, 60) | st.floats(0, 500)
ways = st.lists(st.tuples(steps_m, bearings), min_size=1, max_size=30)


@st.composite
def shapes(draw: st.DrawFn, middle: tuple[float, float]) -> Circle | Area | Corridor:
    """Draw a shape next to a middle, or far off with its boundary next to it."""
    kind = draw(st.sampled_from(["circle", "area", "holed", "corridor", "wide"]))
    lat, lon = moved(*middle, draw(st.floats(0, 700)), draw(bearings))
    radius_m = draw(st.sampled_from([10.0, 40.0, 150.0]) | st.floats(10, 1_500))
    if kind == "circle" or abs(lat) > 84.9:
        return Circle(lat, lon, radius_m)
    if kind == "wide":
        radius_m = draw(st.sampled_from([3_000.0, 20_000.0, 100_000.0]))
        off_m = radius_m + draw(st.floats(-200, 200))
        return Circle(*moved(*middle, off_m, draw(bearings)), radius_m)
    if kind == "corridor":
        line = tuple(
            (lat + i * radius_m * 2e-6, lon + (i * i % 3) * radius_m * 1e-5) for i in range(4)
        )
        return Corridor((line,), 2 * max(10.0, radius_m / 10))
    radii_m = [
        radius_m * part for part in draw(st.lists(st.floats(0.3, 2), min_size=3, max_size=8))
    ]
    rings = [star(lat, lon, radii_m)]
    if kind == "holed":
        rings.append(star(lat, lon, [min(radii_m) / 6] * 5))
    return area_of(*rings)


@st.composite
def scenes(draw: st.DrawFn) -> tuple[FenceIndex, list[tuple[float, float]]]:
    """Draw fences around a middle, and a way through them."""
    middle = draw(middles)
    drawn = draw(st.lists(shapes(middle), max_size=10))
    index = FenceIndex(Fence(f"f-{i}", shape) for i, shape in enumerate(drawn))
    way = [middle]
    for step_m, bearing in draw(ways):
        way.append(moved(*way[-1], step_m, bearing))
    return index, way


def inside_of(index: FenceIndex, lat: float, lon: float) -> set[str]:
    """Ask every fence; of too many the first by id count."""
    hits = [fence.fence_id for fence in index if fence.shape.contains(lat, lon)]
    return set(hits[: vars(calms)["HITS_MAX"]])


def walked(index: FenceIndex, way: list[tuple[float, float]]) -> int:
    """Go a way as the tracker does, comparing at each step; say how many calms it took."""
    calm: Calm | None = None
    count = 0
    for lat, lon in way:
        inside = calm.at(lat, lon) if calm else None
        if inside is None:
            calm = Calm(index, lat, lon)
            inside = calm.inside
            count += 1
        assert inside == inside_of(index, lat, lon)
    return count


@MODEST
@given(scenes())
def test_calm_equals_asking_every_fence(
    scene: tuple[FenceIndex, list[tuple[float, float]]],
) -> None:
    """Steps of nothing to half a kilometre, all shapes, at the seam and near the poles."""
    walked(*scene)


@MODEST
@given(scenes())
def test_calm_equals_asking_every_fence_of_a_crowd(
    scene: tuple[FenceIndex, list[tuple[float, float]]],
) -> None:
    """Where more fences contain a position than count, the first by id do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calms, "HITS_MAX", 2)
        patch.setattr(indexes, "HITS_MAX", 2)
        walked(*scene)


def test_calm_counts_positions_that_were_cut() -> None:
    """Somebody can see that not all fences counted."""
    index = FenceIndex(Fence(f"f-{i:04}", Circle(*HOME, 100)) for i in range(HITS_MAX + 1))

    calm = Calm(index, *HOME)

    assert sorted(calm.inside) == [f"f-{i:04}" for i in range(HITS_MAX)]
    assert index.cut_positions == 1
    assert calm.at(HOME[0] + 1e-3, HOME[1]) is None


def test_calm_gives_the_same_set_while_nothing_can_have_changed() -> None:
    """So that a tracker sees by identity that there is nothing to learn."""
    calm = Calm(FenceIndex([Fence("cafe", Circle(*HOME, 100))]), *HOME)

    for metres in (0, 40, 90):
        assert calm.at(*moved(*HOME, metres, 1.0)) is calm.inside
    assert calm.at(*moved(*HOME, 110, 1.0)) == frozenset()


def test_calm_asks_no_shape_that_is_too_far_to_have_changed_sides() -> None:
    """A district with ten thousand corners is asked for its distance, once."""
    asked = 0

    class Nosy(Circle):
        """A circle that counts how often it is asked."""

        __slots__ = ()

        def contains(self, lat: float, lon: float) -> bool:
            nonlocal asked
            asked += 1
            return super().contains(lat, lon)

    index = FenceIndex([Fence("in", Nosy(*HOME, 1_000)), Fence("out", Nosy(50.01, 7, 900))])
    way = [moved(*HOME, 1.4 * second, 0.3) for second in range(60)]

    assert walked(index, way) == 1
    assert asked == 2 * len(way)  # by the comparison, not by the calm


def test_calm_ends_when_the_device_has_moved_too_far() -> None:
    """Farther off are fences nobody looked at; east as north, at any latitude, over the seam."""
    for lat, lon in (HOME, (79.0, 0.0), (-60.0, 179.9999)):
        calm = Calm(FenceIndex(), lat, lon)
        for bearing in (0, math.pi / 2, 4.0):
            assert calm.at(*moved(lat, lon, MOVES_M + 1, bearing)) is None
    calm = Calm(FenceIndex(), *HOME)

    assert calm.at(*moved(*HOME, 0.98 * MOVES_M, 1.0)) == frozenset()
    assert Calm(FenceIndex(), 0, 179.9999).at(0, wrapped(180.0001)) is None


@pytest.mark.parametrize("lat", [80.01, -84.0, 89.0])
def test_calm_ends_on_a_way_along_a_meridian_near_a_pole(lat: float) -> None:
    """Where degrees of longitude are too narrow to measure by, moving on needs a new calm."""
    shop = Fence("shop", Circle(lat - 1_200 / 111_195, 20.0, 50))
    way = [(lat - metres / 111_195, 20.0) for metres in range(0, 1_500, 20)]

    assert walked(FenceIndex([shop]), way) > 1


@pytest.mark.parametrize("middle", [(0.0, 7.0), (45.0, 7.0), (79.9, 7.0), (-79.9, 179.9999)])
def test_calm_is_exact_for_whoever_starts_in_the_middle(middle: tuple[float, float]) -> None:
    """The earth is no sphere: half a per cent of the way is half a metre at the boundary."""
    index = FenceIndex([Fence("cafe", Circle(*middle, 140))])

    for bearing in (0, math.pi / 2, 1, 4):
        for decimetres in range(1_380, 1_420):
            walked(index, [middle, moved(*middle, decimetres / 10, bearing)])


def test_calm_ends_when_a_new_one_is_cheaper() -> None:
    """Whoever walks along a boundary may ask some times, and then looks around again."""
    index = FenceIndex([Fence("cafe", Circle(*HOME, 100))])
    edge = moved(*HOME, 99.9, 1.0)
    way = [moved(*edge, 2 + number % 3, 1.0 + number) for number in range(40)]

    assert 2 <= walked(index, way) < len(way) / 2
