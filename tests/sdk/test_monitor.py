"""Visits told on the device: the gateway's golden vectors, and rules of its own."""

from __future__ import annotations

import json
import math
from pathlib import Path
from random import Random  # noqa: TID251 - seeded
from typing import Any

import msgspec
import pytest

from fencepost_geofence import geojson
from fencepost_geofence.corridor import Corridor
from fencepost_geofence.fix import Fix
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.state import Transition, unseen
from fencepost_geofence.tracker import Tracker
from fencepost_sdk.monitor import Monitor
from fencepost_sdk.nearby import FenceSet
from fencepost_sdk.outline import read_outline

FOLDER = Path(__file__).resolve().parents[2] / "sdk" / "wire" / "vectors" / "geofence"
NOT_OURS = {  # Rule 7: these take fixes out of order, or fences far off
    "a_late_upload_takes_a_visit_back",
    "a_late_upload_tells_a_visit",
    "approaching",
    "passing_through",
    "settled",
}
VECTORS = [
    pytest.param(json.loads(path.read_text()), id=path.stem)
    for path in sorted(FOLDER.glob("*.json"))
    if path.stem not in NOT_OURS
]


def told_fences(features: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Give fences as the gateway tells them to a device, and what it may tell one day."""
    reading = geojson.read({"type": "FeatureCollection", "features": features})
    assert reading.problems == []
    told = {}
    for fence, feature in zip(reading.fences, features, strict=True):
        shape = geojson.write_geometry(fence.shape)
        if shape["type"] == "Point":
            shape["radius_m"] = feature["properties"]["radius_m"]
        if isinstance(fence.shape, Corridor):
            shape["width_m"] = fence.shape.width_m
        members = ("dwell_after_s", "dwell_repeat_s", "presence_ttl_s", "cooldown_s")
        rules = {name: getattr(fence, name) for name in (*members, "enter_at", "leave_at")}
        told[fence.fence_id] = {"id": fence.fence_id, "version": 1, "shape": shape, **rules}
    return told


def around(fences: dict[str, dict[str, Any]]) -> FenceSet:
    """Make a set of all fences there are."""
    return FenceSet("", 50.0, 7.0, 1_000_000.0, fences)


def fixes_of(step: dict[str, Any]) -> list[Fix]:
    """Read the fixes of a step, in the order of their moments, as a device has them."""
    rows = sorted(step.get("fixes", ()), key=lambda row: int(row[0]))
    return [Fix(at_ms, lat, lon, acc_m, is_mock=mock) for at_ms, lat, lon, acc_m, mock in rows]


@pytest.mark.feature("P09")
@pytest.mark.parametrize("is_stored", [False, True], ids=["running", "restarted-before-each-fix"])
@pytest.mark.parametrize("case", VECTORS)
def test_the_device_tells_what_the_gateway_tells(case: dict[str, Any], *, is_stored: bool) -> None:
    """Golden vector by golden vector, and no restart changes anything."""
    fences = told_fences(case["given"]["fences"])
    monitor = Monitor()
    monitor.know(around(fences))
    for step, expected in zip(case["when"], case["then"]["told"], strict=True):
        told = monitor.tick(step["tick_ms"]) if "tick_ms" in step else []
        for fix in fixes_of(step):
            if is_stored:
                text, monitor = monitor.packed(), Monitor()
                monitor.restore(text)
                monitor.know(around(fences))
            told += monitor.take(fix)
        plain = [msgspec.to_builtins(one) for one in told]

        assert plain == [
            {k: pytest.approx(v, abs=2e-6) if isinstance(v, float) else v for k, v in one.items()}
            for one in expected
        ]


# -- a walk --------------------------------------------------------------------------------------

NOON_MS = 1_780_000_000_000
NORTH_DEG = 1 / 111_195.08
EAST_DEG = NORTH_DEG / math.cos(math.radians(50))
FENCES, SLOTS = 500, 18
SET_SIZE = 200  # of an answer to a look-up


def town(seed: int) -> dict[str, dict[str, Any]]:
    """Scatter 500 fences over 12 x 12 km, most of them circles of shops."""
    chance = Random(seed)  # noqa: S311 - a seeded town, no secret
    told = {}
    for number in range(FENCES):
        lat = 50 + chance.uniform(-6_000, 6_000) * NORTH_DEG
        lon = 7 + chance.uniform(-6_000, 6_000) * EAST_DEG
        size_m = chance.choice((30, 60, 60, 120, 400))
        shape: dict[str, Any] = {"type": "Point", "coordinates": [lon, lat], "radius_m": size_m}
        if number % 5 == 0:
            north, east = size_m * NORTH_DEG, size_m * EAST_DEG
            ring = [[lon, lat - north], [lon + east, lat], [lon, lat + north], [lon - east, lat]]
            shape = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
        fence_id = f"f{number:03}"
        told[fence_id] = {"id": fence_id, "version": 1, "shape": shape}
    return told


def walk(seed: int, fixes: int = 2_000, every_s: int = 10) -> list[Fix]:
    """Wander over the town by foot and by car, with a receiver that is 10 m off."""
    chance = Random(seed)  # noqa: S311 - a seeded town, no secret
    north_m, east_m, course, speed_mps = -5_000.0, -5_000.0, 0.8, 1.4
    told = []
    for number in range(fixes):
        if number % 60 == 0:
            speed_mps = chance.choice((0.0, 1.4, 1.4, 4.0, 12.0))
        home = math.atan2(-east_m, -north_m)
        course = home if math.hypot(north_m, east_m) > 7_500 else course + chance.gauss(0, 0.1)
        north_m += speed_mps * every_s * math.cos(course)
        east_m += speed_mps * every_s * math.sin(course)
        lat = 50 + (north_m + chance.gauss(0, 7)) * NORTH_DEG
        lon = 7 + (east_m + chance.gauss(0, 7)) * EAST_DEG
        told.append(Fix(NOON_MS + 1_000 * every_s * number, lat, lon, 10.0))
    return told


def nearby(fences: dict[str, dict[str, Any]], lat: float, lon: float) -> FenceSet:
    """Answer a look-up as the gateway does: the nearest of a cell, and how far they reach."""
    lat, lon = round(lat, 2), round(lon, 2)
    away = sorted(
        (outline.signed_distance_m(lat, lon), key)
        for key, fence in fences.items()
        if (outline := read_outline(fence["shape"]))
    )
    told = {key: fences[key] for _, key in away[:SET_SIZE]}
    return FenceSet("h", lat, lon, int(away[SET_SIZE][0]), told)


def tracker_over(fences: dict[str, dict[str, Any]]) -> Tracker:
    """Watch all of them, as the gateway does."""
    features = [
        {
            "type": "Feature",
            "id": fence_id,
            "geometry": {key: told["shape"][key] for key in ("type", "coordinates")},
            "properties": {k: v for k, v in told["shape"].items() if k == "radius_m"},
        }
        for fence_id, told in fences.items()
    ]
    reading = geojson.read({"type": "FeatureCollection", "features": features})
    assert reading.problems == []
    return Tracker(FenceIndex(reading.fences))


def in_short(one: Transition) -> tuple[str, str, int, int, int | None, bool]:
    """Give what a transition says, but for its distance."""
    return one.kind, one.fence_id, one.at_ms, one.visit_ms, one.duration_s, one.initial


@pytest.mark.feature("P09")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_few_regions_miss_no_enter_of_five_hundred(seed: int) -> None:
    """18 regions and a movement trigger tell what the gateway does that watches all 500."""
    fences, fixes = town(seed), walk(seed)
    tracker, state, monitor = tracker_over(fences), unseen(), Monitor(slots=SLOTS)
    held, look_ups = nearby(fences, fixes[0].lat, fixes[0].lon), 1
    monitor.know(held)
    expected, told, choices, most = list[Any](), list[Any](), 0, 0
    for fix in fixes:
        if not held.fits(fix.lat, fix.lon):
            held, look_ups = nearby(fences, fix.lat, fix.lon), look_ups + 1
            monitor.know(held)
        before = monitor.watched
        expected += map(in_short, tracker.follow(state, [fix]).transitions)
        told += map(in_short, monitor.take(fix))
        choices += monitor.watched is not before
        most = max(most, len(monitor.watched))

    assert told == expected
    assert sum(kind == "enter" for kind, *_ in told) > 20
    assert most == SLOTS
    assert look_ups > 5
    assert monitor.registered < choices * SLOTS  # all anew each time is twice that


def test_what_did_not_change_is_not_touched() -> None:
    """Another set, a choice anew: registered is the difference, and a visit goes on."""
    fences = town(1)
    near = dict(sorted(fences.items())[:10])
    monitor = Monitor()
    monitor.know(around(near))
    monitor.take(Fix(NOON_MS, 50.0, 7.0, 10.0))
    first = monitor.registered
    changed = {**near, "f003": {**near["f003"], "version": 2}}
    monitor.know(around(changed))
    monitor.take(Fix(NOON_MS + 10_000, 50.0, 7.0, 10.0))

    assert (first, monitor.registered) == (10, 12)


def test_membership_lives_through_another_set() -> None:
    """A fence that is still there goes on with its visit; one that is gone ends silently."""
    shape = {"type": "Point", "coordinates": [7.0, 50.0], "radius_m": 200}
    both = {key: {"id": key, "version": 1, "shape": shape} for key in ("goes", "stays")}
    monitor = Monitor()
    monitor.know(around(both))
    told = monitor.take(Fix(NOON_MS, 50.0, 7.0, 10.0))
    monitor.know(around({"stays": {**both["stays"], "version": 2}}))
    away = [Fix(NOON_MS + 10_000 * i, 50.1, 7.0, 10.0) for i in range(1, 9)]
    later = [one for fix in away for one in monitor.take(fix)]

    assert [(one.kind, one.fence_id) for one in told] == [("enter", "goes"), ("enter", "stays")]
    assert [(one.kind, one.fence_id) for one in later] == [("exit", "stays")]


def test_who_is_driven_away_is_seen_leaving() -> None:
    """Far off the fence is in no set, and others are nearer: its slot is kept until the EXIT."""
    shape = {"type": "Point", "coordinates": [7.0, 50.0], "radius_m": 60}
    there = {"type": "Point", "coordinates": [7.0, 51.0], "radius_m": 60}
    home, city = [{"id": k, "version": 1, "shape": s} for k, s in (("a", shape), ("b", there))]
    monitor = Monitor(slots=1)
    monitor.know(FenceSet("", 50.0, 7.0, 5_000.0, {"a": home}))
    monitor.take(Fix(NOON_MS, 50.0, 7.0, 10.0))
    monitor.know(FenceSet("", 51.0, 7.0, 5_000.0, {"b": city}))
    fixes = [Fix(NOON_MS + 1_800_000 + 10_000 * i, 51.0, 7.0, 10.0) for i in range(9)]
    told = [in_short(one)[:2] for fix in fixes for one in monitor.take(fix)]

    assert told == [("exit", "a"), ("enter", "b")]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"fixes": 1}', '{"fences": {"a": [1]}}'])
def test_what_another_release_wrote_is_begun_anew(text: str) -> None:
    """A state that cannot be read costs a visit, never the client."""
    monitor = Monitor()
    monitor.restore(text)

    assert monitor.state == unseen()
