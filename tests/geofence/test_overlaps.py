"""Which fences share ground, against counting the points of a grid."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_geofence import overlaps as module
from fencepost_geofence.corridor import Corridor
from fencepost_geofence.fence import Fence
from fencepost_geofence.overlaps import LEAST_SHARE, overlaps
from fencepost_geofence.shapes import Area, Circle
from geofence.positions import area_of, bearings, moved, star, wrapped

GRID = 30
TOLERANCE = 0.06  # of a grid of 30 x 30, for shapes with thin points


@st.composite
def neighbours(draw: st.DrawFn) -> list[Fence]:
    """Draw circles, polygons and streets around one spot, which may lie on the seam."""
    lat = draw(st.sampled_from([-70.0, 0.0, 48.1, 80.0]))
    lon = draw(st.sampled_from([11.0, 180.0, -179.9999]))
    fences = []
    for number in range(draw(st.integers(2, 4))):
        near = moved(lat, lon, draw(st.floats(0, 150)), draw(bearings))
        size_m = draw(st.floats(30, 200))
        shape: Circle | Area | Corridor
        kind = draw(st.sampled_from(["circle", "area", "street"]))
        if kind == "circle":
            shape = Circle(near[0], wrapped(near[1]), size_m)
        elif kind == "area":
            shape = area_of(star(near[0], wrapped(near[1]), [size_m] * 12))
        else:
            shape = Corridor(((near, (near[0] + 0.002, near[1])),), size_m)
        fences.append(Fence(f"f-{number}", shape))
    return fences


def grid_of(fence: Fence) -> list[tuple[float, float, float]]:
    """Give the points of a grid that lie inside a fence, each with the surface it stands for."""
    spots = []
    for west, south, east, north in fence.shape.boxes():
        for i in range(GRID):
            for j in range(GRID):
                lat = south + (north - south) * (i + 0.5) / GRID
                lon = west + (east - west) * (j + 0.5) / GRID
                if fence.shape.contains(lat, lon):
                    spots.append((lat, lon, (east - west) * (north - south)))
    return spots


def share(fence: Fence, other: Fence) -> float:
    """Count what share of a fence lies in another."""
    spots = grid_of(fence)
    common = sum(weight for lat, lon, weight in spots if other.shape.contains(lat, lon))
    return common / sum(weight for _, _, weight in spots)


@settings(max_examples=25, deadline=None)
@given(neighbours())
def test_shares_are_those_of_a_grid_of_points(fences: list[Fence]) -> None:
    """Every pair of circles, polygons and streets, on the seam too; none missing, none made up."""
    found = {(p.first_id, p.second_id): p for p in overlaps(fences).pairs}

    for i, first in enumerate(fences):
        for second in fences[i + 1 :]:
            pair = found.get((first.fence_id, second.fence_id))
            counted = share(first, second), share(second, first)
            told = (pair.first_share, pair.second_share) if pair else (0.0, 0.0)
            least = 0 if pair else LEAST_SHARE
            assert told == pytest.approx(counted, abs=TOLERANCE + least)


def test_circles_in_closed_form() -> None:
    """Two equal circles a radius apart share 39.1 % of each; one inside the other is whole."""
    lat, lon = moved(48.0, 11.0, 50, math.pi / 2)
    pairs = overlaps(
        [
            Fence("a", Circle(48.0, 11.0, 50)),
            Fence("b", Circle(lat, lon, 50)),
            Fence("c", Circle(48.0, 11.0, 25)),
        ]
    ).pairs

    assert [(p.first_id, p.second_id) for p in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    lens = 2 / 3 - math.sqrt(3) / (2 * math.pi)
    assert (pairs[0].first_share, pairs[0].second_share) == pytest.approx((lens, lens), abs=1e-4)
    assert (pairs[1].first_share, pairs[1].second_share) == pytest.approx((0.25, 1.0), abs=1e-6)


def test_neighbours_that_touch_are_no_overlap() -> None:
    """Districts share borders, and that is nothing to mend."""
    left = area_of([(48, 11.0), (48, 11.01), (48.01, 11.01), (48.01, 11.0), (48, 11.0)])
    right = area_of([(48, 11.01), (48, 11.02), (48.01, 11.02), (48.01, 11.01), (48, 11.01)])

    assert overlaps([Fence("left", left), Fence("right", right)]).pairs == []


def test_pairs_of_one_fence_only() -> None:
    """Asked of one fence, its pairs are the same as among all pairs."""
    fences = [Fence(f"f-{i}", Circle(48.0 + i * 2e-4, 11.0, 40)) for i in range(8)]
    every = overlaps(fences).pairs

    assert overlaps(fences, {"f-3"}).pairs == [
        p for p in every if "f-3" in {p.first_id, p.second_id}
    ]
    assert overlaps(fences, set()).pairs == []
    assert overlaps([]).pairs == []


def test_over_a_pole_circles_are_measured_too() -> None:
    """A circle over the pole holds the smaller one that stands on it."""
    pole = [Fence("big", Circle(89.9, 0.0, 50_000)), Fence("small", Circle(90.0, 77.0, 1_000))]

    (pair,) = overlaps(pole).pairs
    assert (pair.first_id, pair.second_id) == ("big", "small")
    assert (pair.first_share, pair.second_share) == pytest.approx((0.0004, 1.0), rel=0.01)


def test_work_is_bounded_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd of fences on one spot ends at the budget, and the answer says what was left out."""
    monkeypatch.setattr(module, "PAIRS_MAX", 50)
    crowd = [Fence(f"f-{i:03}", Circle(48.0, 11.0, 40)) for i in range(100)]
    cut = overlaps(crowd)
    monkeypatch.setattr(module, "PAIRS_MAX", 10_000)
    monkeypatch.setattr(module, "VERTICES_MAX", 300)
    stars = [Fence(f"s-{i}", area_of(star(48.0, 11.0, [40.0] * 9))) for i in range(10)]
    unmeasured = overlaps(stars)

    assert (len(cut.pairs), cut.is_cut) == (50, True)
    assert len(unmeasured.pairs) + unmeasured.unmeasured == 45
    assert unmeasured.pairs
    assert unmeasured.unmeasured
