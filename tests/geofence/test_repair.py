from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_geofence import geojson
from fencepost_geofence.repair import repair
from geofence.positions import MODEST, feature, fence_of

SQUARE = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]


def polygon(*rings: object) -> dict[str, Any]:
    """Write a polygon as it stands in a file."""
    return {"type": "Polygon", "coordinates": list(rings)}


CASES = {
    "bow-tie": (
        polygon([[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]),
        "self-intersection: 1 polygon(s) became 2",
        [(0.5, 0.1), (0.5, 0.9)],
        [(0.9, 0.5), (0.1, 0.5)],
    ),
    "open": (polygon(SQUARE[:-1]), "closed an open ring", [(2, 2)], [(5, 5)]),
    "hole-outside": (
        polygon(SQUARE, [[5, 5], [6, 5], [6, 6], [5, 5]]),
        "hole lies outside shell: 1 polygon(s) became 1",
        [(2, 2)],
        [(5.5, 5.2)],
    ),
    "hole-without-area": (
        polygon(SQUARE, [[1, 1], [2, 1], [1, 1]]),
        "dropped 1 hole(s) without area",
        [(1, 1.5)],
        [],
    ),
    "parts-overlap": (
        {"type": "MultiPolygon", "coordinates": [[SQUARE], [SQUARE]]},
        "overlapping parts: 2 polygon(s) became 1",
        [(2, 2)],
        [(5, 5)],
    ),
    "over-the-seam": (
        polygon([[179, 0], [-179, 1], [-179, 0], [179, 1], [179, 0]]),
        "self-intersection: 1 polygon(s) became 2",
        [(0.5, -179.1), (0.5, 179.1)],
        [(0.9, 180), (0.5, 0)],
    ),
}


@pytest.mark.bad_input(57)
@pytest.mark.parametrize(("geometry", "change", "inside", "outside"), CASES.values(), ids=CASES)
def test_repair_mends_and_says_what_it_changed(
    geometry: dict[str, Any],
    change: str,
    inside: list[tuple[float, float]],
    outside: list[tuple[float, float]],
) -> None:
    """A mended geometry is a fence over the ground that was drawn."""
    assert geojson.read(feature(geometry)).problems

    mended = repair(geometry)

    assert mended is not None
    assert mended[1] == [change]
    shape = fence_of(mended[0]).shape
    assert all(shape.contains(*here) for here in inside)
    assert not any(shape.contains(*here) for here in outside)


@pytest.mark.parametrize(
    "geometry",
    [
        polygon(SQUARE),
        polygon([[0, 0], [1, 0], [2, 0], [0, 0]]),
        polygon([[0, 0], [1, 0]]),
        polygon([[0, 80], [120, 80], [-120, 80], [0, 80]]),
        polygon([[0, 0], [1, None], [1, 1], [0, 0]]),
        polygon(),
        {"type": "Polygon"},
        {"type": "Point", "coordinates": [0, 0]},
        None,
    ],
    ids=["valid", "line", "two", "pole", "no-number", "empty", "bare", "point", "none"],
)
def test_repair_leaves_alone_what_it_cannot_know(geometry: object) -> None:
    """What is valid, or has no sense to find, is not touched."""
    assert repair(geometry) is None


def test_repair_does_not_try_a_scribble() -> None:
    """Neither too many positions nor crossings everywhere cost more than a look."""
    spots = [[(i * 377 % 1_000) / 2_000, 50 + (i * 631 % 997) / 2_000] for i in range(1_500)]

    assert repair(polygon([*spots, spots[0]])) is None
    assert repair(polygon([[0, 0]] * 5_001)) is None


corners = st.lists(st.lists(st.integers(0, 6), min_size=2, max_size=2), min_size=1, max_size=9)


@MODEST
@given(st.lists(corners, min_size=1, max_size=3))
def test_repair_of_any_scribble_is_a_fence_or_nothing(rings: list[list[list[int]]]) -> None:
    """Whatever comes out is valid, and coming in again needs no repair."""
    mended = repair(polygon(*rings))

    if mended is not None:
        assert geojson.read(feature(mended[0])).problems == []
        assert repair(mended[0]) is None
