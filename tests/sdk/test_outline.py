"""Distances without numpy, against the shapes that the gateway measures with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fencepost_geofence.geojson import write_geometry
from fencepost_sdk.outline import Outline, read_outline
from geofence.positions import (
    MODEST,
    Points,
    area_lats,
    bearings,
    fence_of,
    lats,
    lons,
    moved,
    polygon,
    radii,
    star,
)

if TYPE_CHECKING:
    from fencepost_geofence.fence import Fence


def outline_of(fence: Fence, **beside: float) -> Outline:
    """Read the shape as the gateway tells it."""
    outline = read_outline(write_geometry(fence.shape) | beside)
    assert outline is not None
    return outline


@MODEST
@given(lats, lons, st.floats(10, 5_000), st.floats(0, 3), bearings)
@example(90, 0, 5_000, 0.5, 0.0)
@example(10, 180, 5_000, 0.99, 1.5)
def test_a_circle_is_measured_as_the_gateway_does(
    lat: float, lon: float, radius_m: float, part: float, bearing: float
) -> None:
    """Distance, side and size are those of the gateway's circle."""
    point = {"type": "Point", "coordinates": [lon, lat]}
    fence = fence_of(point, radius_m=radius_m)
    outline = outline_of(fence, radius_m=radius_m)
    there = moved(lat, lon, radius_m * part, bearing)

    assert outline.signed_distance_m(*there) == pytest.approx(
        fence.shape.signed_distance_m(*there), abs=1e-5
    )
    assert outline.size_m == pytest.approx(fence.size_m)


@MODEST
@given(area_lats, lons, radii, st.floats(0, 3), bearings)
@example(-17, 179.99, [4_000] * 6, 0.5, 1.5)
@example(-17, 179.99, [4_000] * 6, 0.26, 1.5)
@example(-17, -180, [4_000] * 6, 0.5, 4.5)
def test_an_area_is_measured_as_the_gateway_does(
    lat: float, lon: float, radii_m: list[float], part: float, bearing: float
) -> None:
    """With a hole, on both sides of the seam: the cut there is no boundary."""
    rings: list[Points] = [star(lat, lon, radii_m), star(lat, lon, [min(radii_m) / 9] * 4)]
    fence = fence_of(polygon(*rings))
    outline = outline_of(fence)
    there = moved(lat, lon, 3_000 * part, bearing)
    expected_m = fence.shape.signed_distance_m(*there)

    assert abs(outline.signed_distance_m(*there)) == pytest.approx(abs(expected_m), abs=1e-5)
    if abs(expected_m) > 1e-3:
        assert outline.contains(*there) is fence.shape.contains(*there)
    assert outline.size_m == pytest.approx(fence.size_m, rel=1e-3)


@pytest.mark.parametrize("lat", [49.1, 49.7, 50.3, 49.3])
def test_a_position_level_with_corners_is_on_the_right_side(lat: float) -> None:
    """Where an edge ends is where the next begins, to the last digit."""
    corners = [[7.0, 49.1], [7.01, 50.3], [7.02, 49.7], [7.03, 50.3], [7.04, 49.1], [7.0, 49.1]]
    outline = read_outline({"type": "Polygon", "coordinates": [corners]})
    assert outline is not None

    assert not outline.contains(lat, 6.999)
    assert not outline.contains(lat, 7.041)
    assert outline.contains(lat, 7.0100000001) is (49.1 <= lat < 50.3)


@MODEST
@given(area_lats, lons, st.floats(500, 5_000), st.floats(20, 300), st.floats(0, 3), bearings)
@example(-17, 179.99, 4_000, 200, 0.5, 1.5)
@example(-17, -179.99, 4_000, 200, 0.0, 1.5)
def test_a_corridor_is_measured_from_its_line(
    lat: float, lon: float, length_m: float, width_m: float, part: float, bearing: float
) -> None:
    """Outside as the gateway's outline, within 0.5 %; inside never more than it."""
    end = moved(lat, lon, length_m, 1.0)
    line = {"type": "LineString", "coordinates": [[lon, lat], [end[1], end[0]]]}
    fence = fence_of(line, width_m=width_m)
    outline = outline_of(fence, width_m=width_m)
    there = moved(lat, lon, length_m * part, bearing)
    expected_m, slack_m = fence.shape.signed_distance_m(*there), 0.5 + 0.005 * width_m

    told_m = outline.signed_distance_m(*there)

    assert told_m == pytest.approx(expected_m, rel=0.005, abs=slack_m)
    assert outline.contains(*there) is (told_m <= 0)
    assert outline.size_m == fence.size_m


@pytest.mark.parametrize(
    "shape",
    [
        {"type": "Point", "coordinates": [7.0, 50.0]},
        {"type": "Point", "coordinates": [7.0], "radius_m": 60},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[[7.0, 50.0], [7.0, 50.0]]]},
        {"type": "LineString", "coordinates": [[7.0, 50.0], [7.1, 50.0]]},
        {"type": "LineString", "coordinates": [["a", 50.0], [7.1, 50.0]], "width_m": 60},
        {"type": "Hexagon", "coordinates": [[7.0, 50.0]]},
        {"type": "Point", "coordinates": None, "radius_m": 60},
        {"type": "Point", "coordinates": [float("nan"), 50.0], "radius_m": 60},
        {},
    ],
)
def test_a_shape_that_cannot_be_read_is_none(shape: dict[str, Any]) -> None:
    """What a later gateway may tell harms nobody."""
    assert read_outline(shape) is None
