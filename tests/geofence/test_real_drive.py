import json
from collections import defaultdict
from datetime import datetime

import gpxpy
import pytest
import shapely

from fencepost_geofence import geojson
from fencepost_geofence.fix import Fix
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.membership import DeviceState
from fencepost_geofence.tracker import Tracker
from real_data import real_data

MOST_LAG = 12

Told = dict[str, list[tuple[str, int]]]
"""Per fence: kind of the transition and number of the fix."""


def districts() -> dict[str, object]:
    """Read the districts of Leipzig, 63 multipolygons with 27,000 vertices."""
    text = real_data("leipzig/districts.geojson").read_text(encoding="utf-8")
    return dict(json.loads(text))


def drive() -> list[Fix]:
    """Read a drive of 264 points in 13 minutes, accuracy unknown; ``ref`` numbers the fixes."""
    gpx = gpxpy.parse(real_data("tracks/leipzig-drive.gpx").read_text(encoding="utf-8"))
    points = [point for track in gpx.tracks for part in track.segments for point in part.points]
    return [
        Fix(_at_ms(point.time), point.latitude, point.longitude, None, str(number))
        for number, point in enumerate(points)
    ]


def _at_ms(moment: datetime | None) -> int:
    assert moment is not None
    return int(moment.timestamp() * 1000)


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
    state = DeviceState()
    told: Told = defaultdict(list)
    for start in range(0, len(fixes), group):
        for one in tracker.follow(state, fixes[start : start + group]).transitions:
            told[one.fence_id].append((one.kind, int(one.ref)))
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
