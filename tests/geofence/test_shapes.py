import math
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fencepost_geofence.shapes import Circle
from fencepost_geofence.sphere import Box, boxes, great_circle_m
from geofence.positions import (
    MODEST,
    arc_m,
    area_lats,
    area_of,
    bearings,
    boundary_m,
    fence_of,
    ground_m,
    is_inside_rings,
    lats,
    lons,
    moved,
    radii,
    star,
)


def is_in(found: tuple[Box, ...], lat: float, lon: float) -> bool:
    """Say whether any of the boxes holds the position."""
    return any(w <= lon <= e and s <= lat <= n for w, s, e, n in found)


@MODEST
@given(lats, lons, lats, lons)
def test_great_circle_equals_the_chord_between_unit_vectors(
    lat1: float, lon1: float, lat2: float, lon2: float
) -> None:
    """Haversine and chord agree everywhere on the sphere."""
    expected = arc_m(lat1, lon1, lat2, lon2)

    assert great_circle_m(lat1, lon1, lat2, lon2) == pytest.approx(expected, abs=1, rel=1e-7)


@MODEST
@given(lats, lons, st.floats(10, 100_000), st.floats(0, 2), bearings)
@example(90, 0, 50_000, 0.5, 0.0)
@example(-89.9, 180, 50_000, 0.99, 3.0)
@example(10, 180, 50_000, 0.99, 1.5)
def test_circle_agrees_with_the_distance_on_the_ellipsoid(
    lat: float, lon: float, radius_m: float, part: float, bearing: float
) -> None:
    """Inside is within the radius on WGS 84, over seam and poles too."""
    circle = Circle(lat, lon, radius_m)
    there = moved(lat, lon, radius_m * part, bearing)
    distance_m = ground_m(lat, lon, *there) - radius_m
    error_m = 2e-4 * (distance_m + radius_m) + 1e-3

    assert circle.signed_distance_m(*there) == pytest.approx(distance_m, abs=error_m)
    if abs(distance_m) > error_m:
        assert circle.contains(*there) == (distance_m < 0)
    if circle.contains(*there):
        assert is_in(circle.boxes(), *there)


@pytest.mark.bad_input(63)
@pytest.mark.parametrize("radius_m", [0, -1, 9, 9.99, 100_001, 1e9, math.nan, math.inf])
def test_circle_refuses_a_radius_out_of_range(radius_m: float) -> None:
    """A circle has 10 ... 100,000 m."""
    with pytest.raises(ValueError, match="radius_m must be"):
        Circle(50, 7, radius_m)


@pytest.mark.parametrize(("lat", "lon"), [(91, 0), (0, 181), (math.nan, 0), (0, math.inf)])
def test_circle_refuses_a_centre_off_the_earth(lat: float, lon: float) -> None:
    """A centre is a position."""
    with pytest.raises(ValueError, match="centre"):
        Circle(lat, lon, 100)


def test_circle_over_the_pole_takes_every_longitude() -> None:
    """Near a pole all longitudes are near."""
    circle = Circle(89.99, 20, 5_000)

    assert all(circle.contains(89.99, lon) for lon in range(-180, 181, 30))
    assert len(circle.boxes()) == 1
    assert is_in(circle.boxes(), 90, -77)


def test_circle_area_is_nearly_flat_for_small_radii() -> None:
    """The cap of 100 m is a disc."""
    assert Circle(50, 7, 100).area_m2 == pytest.approx(math.pi * 100**2, rel=1e-6)


@pytest.mark.parametrize(
    ("given_box", "count"),
    [
        ((10, 1, 11, 2), 1),
        ((179, 1, 181, 2), 2),
        ((-181, 1, -179, 2), 2),
        ((170, 1, 180, 2), 2),
        ((-180, 1, -170, 2), 2),
        ((-180, -90, 180, 90), 1),
        ((185, 1, 190, 2), 1),
    ],
    ids=["plain", "east", "west", "touches-east", "touches-west", "world", "beyond"],
)
def test_boxes_are_cut_at_the_seam(given_box: Box, count: int) -> None:
    """No box leaves the map, and one that touches the seam is found from both sides."""
    cut = boxes(*given_box)

    assert len(cut) == count
    assert all(-180 <= w <= e <= 180 and -90 <= s <= n <= 90 for w, s, e, n in cut)


@MODEST
@given(area_lats, lons, radii, st.floats(0, 2), bearings)
@example(-17, 179.99, [4_000] * 6, 0.5, 1.5)
@example(-17, -180, [4_000] * 6, 0.5, 4.5)
def test_area_contains_equals_casting_a_ray(
    lat: float, lon: float, radii_m: list[float], part: float, bearing: float
) -> None:
    """An area with a hole equals an even-odd ray cast, on both sides of the seam."""
    rings = [star(lat, lon, radii_m), star(lat, lon, [min(radii_m) / 9] * 4)]
    area = area_of(*rings)
    there = moved(lat, lon, 3_000 * part, bearing)

    is_inside = area.contains(*there)

    if abs(area.signed_distance_m(*there)) > 1e-3:
        assert is_inside == is_inside_rings(rings, *there)
    if is_inside:
        assert is_in(area.boxes(), *there)


@MODEST
@given(area_lats, lons, radii, st.floats(0, 3), bearings)
def test_area_distance_equals_the_nearest_of_many_boundary_points(
    lat: float, lon: float, radii_m: list[float], part: float, bearing: float
) -> None:
    """The signed distance agrees with densely sampled edges, its sign with containment."""
    ring = star(lat, lon, radii_m)
    area = area_of(ring)
    there = moved(lat, lon, 3_000 * part, bearing)
    pieces = 200
    longest_m = max(ground_m(*a, *b) for a, b in pairwise(ring))
    sampled_m = boundary_m(ring, *there, pieces)

    distance_m = area.signed_distance_m(*there)

    assert abs(distance_m) == pytest.approx(sampled_m, rel=1e-3, abs=longest_m / pieces)
    assert (distance_m <= 0) == area.contains(*there)


@pytest.mark.parametrize("lat", [0, 45, 70])
@pytest.mark.parametrize("bearing", [0.1, 1.2, 2.3])
def test_area_distance_holds_its_stated_error_at_100_km(lat: float, bearing: float) -> None:
    """At 100 km from a large area the distance is at most 0.1 % off."""
    ring = star(lat, 10, [50_000, 80_000, 60_000, 90_000, 70_000])
    there = moved(lat, 10, 180_000, bearing)
    sampled_m = boundary_m(ring, *there, 4_000)

    assert area_of(ring).signed_distance_m(*there) == pytest.approx(sampled_m, rel=1e-3)


def test_area_boundary_is_inside() -> None:
    """A position on a vertex or an edge is inside, at distance zero."""
    area = area_of([(50, 7), (50, 8), (51, 8), (51, 7), (50, 7)])

    assert area.contains(50, 7)
    assert area.contains(50, 7.5)
    assert area.signed_distance_m(50, 7.5) == pytest.approx(0, abs=1e-6)


def test_area_surface_takes_holes_off() -> None:
    """One degree at the equator has 12,364 square kilometres, less its hole."""
    square = [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0)]
    hole = [(0.25, 0.25), (0.25, 0.75), (0.75, 0.75), (0.75, 0.25), (0.25, 0.25)]

    whole_m2 = area_of(square).area_m2

    assert whole_m2 == pytest.approx(12_364e6, rel=1e-3)
    assert area_of(square, hole).area_m2 == pytest.approx(whole_m2 * 0.75, rel=1e-4)


@pytest.mark.bad_input(61)
@MODEST
@given(area_lats, lons, radii)
def test_area_winding_is_irrelevant(lat: float, lon: float, radii_m: list[float]) -> None:
    """A reversed ring gives an equal area."""
    ring = star(lat, lon, radii_m)

    backwards = area_of(ring[::-1])

    assert backwards.area_m2 == pytest.approx(area_of(ring).area_m2)
    assert backwards.area_m2 > 0
    assert backwards.contains(lat, lon)


UNCUT = {
    "type": "Polygon",
    "coordinates": [[[177, -19], [-178, -19], [-178, -15], [177, -15], [177, -19]]],
}
CUT = {
    "type": "MultiPolygon",
    "coordinates": [
        [[[177, -19], [180, -19], [180, -15], [177, -15], [177, -19]]],
        [[[-180, -19], [-178, -19], [-178, -15], [-180, -15], [-180, -19]]],
    ],
}
UNCUT_FROM_THE_WEST = {
    "type": "Polygon",
    "coordinates": [[[-178, -19], [-178, -15], [177, -15], [177, -19], [-178, -19]]],
}


@pytest.mark.bad_input(59)
@pytest.mark.parametrize("geometry", [UNCUT, CUT, UNCUT_FROM_THE_WEST])
def test_area_over_the_antimeridian_is_right_on_both_sides(geometry: object) -> None:
    """Cut or uncut, points on both sides are inside, and the seam is no boundary."""
    area = fence_of(geometry).shape

    inside = [(-17, 179), (-17, 180), (-17, -180), (-17, -179), (-17, 177.5)]
    outside = [(-17, 176.9), (-17, -177.9), (-17, 0), (-20, 180), (-14, -180)]
    assert all(area.contains(*there) for there in inside)
    assert not any(area.contains(*there) for there in outside)
    assert area.signed_distance_m(-17, 180) == pytest.approx(-212_000, rel=0.01)
    assert [box[0::2] for box in area.boxes()] == [
        (pytest.approx(177), 180),
        (-180, pytest.approx(-178)),
    ]


def test_area_on_one_side_of_the_seam_is_not_joined_to_a_far_part() -> None:
    """A part at the seam and a part elsewhere keep their places."""
    far = [[[[170, 0], [180, 0], [180, 5], [170, 5], [170, 0]]]]
    far.append([[[-20, 0], [-10, 0], [-10, 5], [-20, 5], [-20, 0]]])
    area = fence_of({"type": "MultiPolygon", "coordinates": far}).shape

    assert [area.contains(2, lon) for lon in (175, -15, 180, -180, -175, 15, 0)] == [
        *[True] * 4,
        *[False] * 3,
    ]


def test_area_with_parts_on_both_sides_of_the_seam_is_near_itself_only() -> None:
    """Two islands either side of 180 degrees, which neither touches, have no box of a world."""
    east = [[[179, 0], [179.5, 0], [179.5, 1], [179, 1], [179, 0]]]
    west = [[[-179.5, 0], [-179, 0], [-179, 1], [-179.5, 1], [-179.5, 0]]]
    islands = fence_of({"type": "MultiPolygon", "coordinates": [east, west]}).shape

    assert sum(east - west for west, _, east, _ in islands.boxes()) == pytest.approx(2)
    assert [islands.contains(0.5, lon) for lon in (179.2, 180, -179.2, 0)] == [
        True,
        False,
        True,
        False,
    ]


@MODEST
@given(
    st.floats(-84, 84),
    lons,
    st.lists(st.floats(20, 90_000), min_size=3, max_size=9),
    st.integers(0, 1),
    st.floats(0, 1),
)
def test_hub_brackets_the_boundary_of_an_area(
    lat: float, lon: float, radii_m: list[float], holes: int, along: float
) -> None:
    """From the hub no boundary point is nearer than the least distance, none farther than most."""
    rings = [star(lat, lon, shallow(lat, radii_m))]
    if holes:
        rings.append(star(lat, lon, [min(shallow(lat, radii_m)) / 9] * 5))
    area = area_of(*rings)
    hub_lat, hub_lon, least_m, most_m = area.hub

    for ring in rings:
        for (lat1, lon1), (lat2, lon2) in pairwise(ring):
            step = (lon2 - lon1 + 540) % 360 - 180
            there = lat1 + along * (lat2 - lat1), lon1 + along * step
            assert least_m <= ground_m(hub_lat, hub_lon, *there) <= most_m


@MODEST
@given(st.floats(-84, 84), lons, radii, st.integers(0, 1), st.floats(0, 1.2), bearings)
def test_hub_tells_inside_and_outside(
    lat: float, lon: float, radii_m: list[float], holes: int, part: float, bearing: float
) -> None:
    """Nearer to the hub than the least distance is inside, farther than the most is outside."""
    rings = [star(lat, lon, radii_m)]
    if holes:
        rings.append(star(lat, lon, [min(radii_m) / 9] * 4))
    for shape in (area_of(*rings), Circle(lat, lon, radii_m[0])):
        hub_lat, hub_lon, least_m, most_m = shape.hub
        for limit_m in (least_m, most_m):
            there = moved(hub_lat, hub_lon, part * limit_m, bearing)
            apart_m = ground_m(hub_lat, hub_lon, *there)
            if apart_m < least_m * (1 - 1e-6):
                assert shape.contains(*there)
            if apart_m > most_m * (1 + 1e-6):
                assert not shape.contains(*there)


def shallow(lat: float, radii_m: list[float]) -> list[float]:
    """Keep a star off the poles, where it would be none."""
    room_m = (88 - abs(lat)) * 111_195
    return [min(radius_m, room_m / 3) for radius_m in radii_m]


@pytest.mark.parametrize("geometry", [UNCUT, CUT, UNCUT_FROM_THE_WEST])
def test_hub_of_an_area_over_the_antimeridian_lies_in_it(geometry: object) -> None:
    """The middle of a box that runs over the seam is brought back onto the map."""
    lat, lon, least_m, most_m = fence_of(geometry).shape.hub

    assert (lat, lon) == pytest.approx((-17, 179.5))
    assert (least_m, most_m) == (0, math.inf)  # too large to be bracketed


def test_hub_of_a_circle_is_its_centre() -> None:
    """The boundary is everywhere equally far."""
    assert Circle(50, 7, 120).hub == (50, 7, 120, 120)
