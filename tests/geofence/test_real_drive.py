import json
from collections import defaultdict
from collections.abc import Sequence

import gpxpy
import numpy as np
import pytest
import shapely

from fencepost_geofence import geojson
from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import Fix
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.shapes import Circle
from fencepost_geofence.state import unseen
from fencepost_geofence.tracker import Tracker
from fencepost_geofence.trail import HORIZON_MS
from geofence import walks
from geofence.positions import area_of, star
from real_data import real_data

MOST_LAG = 12
LATE_SHARE = 0.6

Told = dict[str, list[tuple[str, int]]]
"""Per fence: kind of the transition and number of the fix."""


def districts() -> dict[str, object]:
    """Read the districts of Leipzig, 63 multipolygons with 27,000 vertices."""
    text = real_data("leipzig/districts.geojson").read_text(encoding="utf-8")
    return dict(json.loads(text))


def track(name: str) -> list[Fix]:
    """Read the points of a recorded track that bear a time; accuracy is unknown."""
    gpx = gpxpy.parse(real_data(f"tracks/{name}.gpx").read_text(encoding="utf-8"))
    points = [point for one in gpx.tracks for part in one.segments for point in part.points]
    return [
        Fix(int(point.time.timestamp() * 1000), point.latitude, point.longitude, None)
        for point in points
        if point.time is not None
    ]


def drive() -> list[Fix]:
    """Read a drive of 264 points in 13 minutes of 1970; some share a second."""
    return track("leipzig-drive")


def bare_containment(collection: dict[str, object], fixes: list[Fix]) -> Told:
    """Compare each fix with the one before, fence by fence, with nothing but shapely."""
    told: Told = defaultdict(list)
    for feature in collection["features"]:  # type: ignore[attr-defined]  # plain JSON
        shape = shapely.geometry.shape(feature["geometry"])
        was_inside = False
        for number, fix in enumerate(fixes):
            is_inside = shape.covers(shapely.Point(fix.lon, fix.lat))
            if is_inside != was_inside:
                told[str(feature["id"])].append(("enter" if is_inside else "exit", number))
            was_inside = is_inside
    return dict(told)


def followed(collection: dict[str, object], fixes: list[Fix], group: int) -> Told:
    """Let our tracker follow the same fixes in groups."""
    tracker = Tracker(FenceIndex(geojson.read(collection).fences))
    state = unseen()
    numbers = {fix.at_ms: number for number, fix in enumerate(fixes)}
    told: Told = defaultdict(list)
    for start in range(0, len(fixes), group):
        for one in tracker.follow(state, fixes[start : start + group]).transitions:
            assert not one.superseded
            told[one.fence_id].append((one.kind, numbers[one.at_ms]))
    return dict(told)


def test_real_drive_brute_force_has_eight_visits() -> None:
    """The oracle itself gives the known 8 ENTER and 7 EXIT."""
    told = bare_containment(districts(), drive())

    kinds = [kind for one in told.values() for kind, _ in one]
    assert (kinds.count("enter"), kinds.count("exit")) == (8, 7)


@pytest.mark.parametrize("group", [1, 45, 264])
def test_real_drive_matches_brute_force_fence_by_fence(group: int) -> None:
    """
    Evidence may lag, but never reorders and never misses a transition.

    The drive states no accuracy, so a fix is taken for 65 m off until its receiver has shown
    better: at a fix every 3 s that is up to twelve fixes until P(inside) has passed a threshold.
    """
    collection, fixes = districts(), drive()
    expected = bare_containment(collection, fixes)

    told = followed(collection, fixes, group)

    assert told.keys() == expected.keys()
    for fence_id, ours in told.items():
        assert [kind for kind, _ in ours] == [kind for kind, _ in expected[fence_id]]
        lags = [late - at for (_, late), (_, at) in zip(ours, expected[fence_id], strict=True)]
        assert all(0 <= lag <= MOST_LAG for lag in lags), lags


@pytest.mark.parametrize("city", ["leipzig", "seoul"])
def test_real_districts_are_read_without_a_problem(city: str) -> None:
    """Files of other people are read whole; numbers serve as ids."""
    collection = json.loads(real_data(f"{city}/districts.geojson").read_text(encoding="utf-8"))

    reading = geojson.read(collection, default_id_prefix=city)

    assert reading.problems == []
    assert len(reading.fences) == len(collection["features"])


def test_real_districts_with_faults_are_refused_with_their_place() -> None:
    """Three neighbourhoods of San Francisco touch themselves; only these are problems."""
    text = real_data("san-francisco/districts.geojson").read_text(encoding="utf-8")

    reading = geojson.read(json.loads(text), default_id_prefix="sf")

    assert [problem.fence_id for problem in reading.problems] == ["1", "5", "10"]
    assert all("ring self-intersection at [-122.4" in one.what for one in reading.problems)
    assert len(reading.fences) == 34


def test_real_districts_survive_writing_and_reading() -> None:
    """What is written is read as the same fences."""
    fences = geojson.read(districts()).fences

    again = geojson.read(json.loads(json.dumps(geojson.to_collection(fences))))

    assert again.problems == []
    assert again.fences == fences


def beside(fixes: Sequence[Fix]) -> list[Fence]:
    """Draw fences of several kinds where a track went."""
    fences = []
    for number, fix in enumerate(fixes[:: max(1, len(fixes) // 24)]):
        name, middle = f"f-{number:02}", (fix.lat, fix.lon)
        fences += [
            Fence(f"{name}-small", Circle(*middle, 60), dwell_after_s=(60,), dwell_repeat_s=60),
            Fence(f"{name}-wide", area_of(star(*middle, [300, 200, 400, 250, 350]))),
            Fence(f"{name}-again", Circle(*middle, 150), cooldown_s=120, presence_ttl_s=200),
            Fence(f"{name}-sure", Circle(*middle, 120), emit="settled", dwell_after_s=(30,)),
        ]
    return fences


def disturbed(fixes: Sequence[Fix], seed: int) -> list[walks.Arrival]:
    """Delay fixes by up to ten minutes, some in crowds, double some, and cut them into uploads."""
    chance = np.random.default_rng(seed)
    coming = []
    for fix in fixes:
        delay_ms = int(chance.integers(0, HORIZON_MS)) if chance.random() < LATE_SHARE else 0
        coming.append((fix.at_ms + delay_ms, fix))
        if chance.random() < 0.2:
            coming.append((fix.at_ms + delay_ms + 20_000, fix))
    coming.sort(key=lambda one: one[0])
    arrivals = []
    while coming:
        size = int(chance.choice([1, 1, 2, 4, 12]))
        group, coming = coming[:size], coming[size:]
        now_ms = group[-1][0]
        arrivals.append(walks.Arrival(tuple(fix for _, fix in group), now_ms))
        if chance.random() < 0.3 and coming and coming[0][0] > now_ms:
            arrivals.append(walks.Arrival((), int(chance.integers(now_ms, coming[0][0]))))
    return arrivals


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("leipzig-drive", 150),
        ("istria-hike", 150),
        ("visnjan-car", 150),
        ("novi-sad-one-a-minute", 60),
    ],
)
def test_real_track_that_comes_in_disorder_tells_the_same(name: str, least: int, seed: int) -> None:
    """Shuffled within the horizon, doubled, delayed and stored: the story of the sorted track."""
    fixes = track(name)
    tracker = Tracker(FenceIndex(beside(fixes)))
    coming = disturbed(fixes, seed)
    end = walks.Arrival((), coming[-1].now_ms + 3 * 3_600_000)

    expected, in_order = walks.told_by(tracker, [*walks.in_order(fixes), end], store=False)
    state, told = walks.told_by(tracker, [*coming, end])

    assert len(in_order) >= least
    assert any(one.superseded or one.late for one in told)
    walks.assert_alternates(told)
    assert walks.said(told) == walks.said(in_order)
    assert walks.held(state) == walks.held(expected)
    sure = [one for one in told if one.fence_id.endswith("sure")]
    assert walks.by_fence(sure) == walks.by_fence(
        one for one in in_order if one.fence_id.endswith("sure")
    )


def test_real_fixes_of_one_moment_are_one_fix() -> None:
    """29 points of one second are no journey: one counts, the others are duplicates."""
    fixes = track("istanbul-same-time")
    tracker = Tracker(FenceIndex(beside(fixes)))
    state = unseen()

    followed = tracker.follow(state, fixes)

    assert followed.dropped == {"duplicate": 28}
    assert {one.kind for one in followed.transitions} == {"enter"}
    assert tracker.follow(state, fixes[::-1]).dropped == {"duplicate": 29}
