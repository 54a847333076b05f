"""The generated town: the same for its seed, connected, and made of fences the engine takes."""

import json
import math
from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, Polygon
from shapely.geometry.base import BaseGeometry

from fencepost_gateway.demo.town import (
    Place,
    build_town,
    edge_crossings,
    fences_geojson,
    route,
    streets_for_map,
)
from fencepost_gateway.demo.walk import Walker
from fencepost_geofence import geojson

seeds = st.integers(0, 2**31)


def shape_of(place: Place) -> BaseGeometry:
    """Give the fence in metres."""
    if place.rings:
        return Polygon(place.rings[0], place.rings[1:])
    return Point(place.spot).buffer(place.radius_m)


def test_town_is_a_function_of_its_seed() -> None:
    """The same seed gives the same town byte for byte, another seed another town."""
    first, again, other = (
        json.dumps([fences_geojson(build_town(seed)), streets_for_map(build_town(seed))])
        for seed in (7, 7, 8)
    )

    assert first == again
    assert first != other


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_fences_are_valid_and_do_not_overlap(seed: int) -> None:
    """Every fence is a valid shape, apart from all others, and holds its spot."""
    places = build_town(seed).places
    shapes = [shape_of(place) for place in places]

    assert len(places) == 11
    assert all(shape.is_valid for shape in shapes)
    assert not any(a.intersects(b) for n, a in enumerate(shapes) for b in shapes[:n])
    assert all(
        shape.contains(Point(place.spot)) for place, shape in zip(places, shapes, strict=True)
    )


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_every_place_can_be_reached_along_streets(seed: int) -> None:
    """A way exists between any two places, and each part of it is a street."""
    town = build_town(seed)
    drawn = {
        frozenset((town.crossings[a], town.crossings[b]))
        for a, b in town.streets
    }  # fmt: skip

    for place in town.places[1:]:
        way = route(town, town.places[0].node, place.node)

        assert all(frozenset(pair) in drawn for pair in pairwise(way))


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_the_engine_takes_every_fence(seed: int) -> None:
    """The fences are GeoJSON as the engine reads it, without a single problem."""
    collection = json.loads(json.dumps(fences_geojson(build_town(seed))))

    reading = geojson.read(collection)

    assert reading.problems == []
    assert len(reading.fences) == 11
    assert any(fence.dwell_after_s for fence in reading.fences)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_people_begin_outside_every_fence(seed: int) -> None:
    """Nobody is inside when the demonstration begins, so each visit is seen to begin."""
    town = build_town(seed)

    starts = [Point(town.crossings[node]) for node in edge_crossings(town)]

    assert all(shape_of(p).distance(start) > 12 for p in town.places for start in starts)


def test_town_has_a_park_with_a_hole() -> None:
    """The pond of the park is a hole, so that standing in the water is not being in the park."""
    features = fences_geojson(build_town(7))["features"]

    rings = next(f for f in features if f["id"] == "linden-park")["geometry"]["coordinates"]

    assert len(rings) == 2
    assert all(ring[0] == ring[-1] for ring in rings)


@pytest.mark.parametrize("elapsed_s", [1.0, 30.0])
def test_walker_never_outruns_her_pace(elapsed_s: float) -> None:
    """True speed stays at 1.6 m/s times the speed-up, however the steps fall on corners."""
    town = build_town(7)
    walker = Walker(town, "mina", speed=8.0)

    readings = [walker.advance(elapsed_s) for _ in range(300)]

    assert max(reading.speed_mps for reading in readings) <= 1.6 * 8.0 + 0.01
    assert {reading.staying_at for reading in readings} > {""}


def off_by(walker: Walker, places: Mapping[str, Place]) -> tuple[list[float], list[float]]:
    """Give how far off the receiver is while she stays at one of these, and what it states."""
    off_m, stated_m = [], []
    for _ in range(2000):
        reading = walker.advance(1.0)
        if reading.staying_at in places:
            spot = places[reading.staying_at].spot
            east_m = (reading.lon - 11.1) * 111_195 * math.cos(math.radians(48.2)) - spot[0]
            north_m = (reading.lat - 48.2) * 111_195 - spot[1]
            off_m.append(math.hypot(east_m, north_m))
            stated_m.append(reading.accuracy_m)
    return sorted(off_m), sorted(stated_m)


def test_receiver_errs_by_metres_not_by_streets() -> None:
    """The error while standing still has the spread of a phone under open sky."""
    town = build_town(7)
    open_sky = {place.place_id: place for place in town.places if place.blur == 1}

    off_m, stated_m = off_by(Walker(town, "mina", speed=8.0), open_sky)

    assert 4.0 < off_m[len(off_m) // 2] < 11.0  # median of a Rayleigh of 6 m is 7 m
    assert off_m[-1] < 40.0
    assert (stated_m[0] >= 8, stated_m[-1] <= 14) == (True, True)


def test_receiver_is_worse_between_tall_houses() -> None:
    """At the kiosk it is off by more than the fence is large, and says so."""
    town = build_town(7)
    (kiosk,) = (place for place in town.places if place.blur > 1)
    walker = Walker(town, "mina", speed=8.0, haunts=("kiosk-tor", "cafe-linde"))

    off_m, stated_m = off_by(walker, {kiosk.place_id: kiosk})

    assert (kiosk.place_id, kiosk.radius_m) == ("kiosk-tor", 15)
    assert 15.0 < off_m[len(off_m) // 2] < 30.0
    assert (stated_m[0] >= 24, stated_m[-1] <= 42) == (True, True)
