"""The fence of the demonstration that is too small, and the report that finds it."""

import json

import pytest

from fencepost_gateway.demo.cast import cast_of
from fencepost_gateway.demo.town import build_town, fences_geojson
from fencepost_gateway.demo.walk import Walker
from fencepost_gateway.reports.fence_health import ranked
from fencepost_gateway.workers.fence_tally import FenceTally
from fencepost_geofence import geojson
from fencepost_geofence.fix import Fix
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.state import unseen
from fencepost_geofence.tracker import Tracker

WALK_S = 240


@pytest.mark.feature("N10")
def test_kiosk_of_the_demonstration_is_named_with_the_mend() -> None:
    """Some minutes of its people are enough to see which fence is too small, and how large is."""
    town = build_town(7)
    fences = geojson.read(json.loads(json.dumps(fences_geojson(town)))).fences
    tracker, tally = Tracker(FenceIndex(fences)), FenceTally()
    for persona in cast_of(12):
        walker, state = Walker(town, persona.user_id, speed=8.0, haunts=persona.haunts), unseen()
        for second in range(1, WALK_S):
            seen = walker.advance(1.0)
            fix = Fix(second * 1_000, seen.lat, seen.lon, seen.accuracy_m, seen.speed_mps)
            tally.weighed(tracker.follow(state, [fix]).weighed, [fix], tracker.index, 0)

    rows = ranked(fences, {name: counts for (_, name), counts in tally.days.items()}, 99).rows
    small = [
        (row.fence_id, f.advice) for row in rows for f in row.findings if f.code == "too_small"
    ]
    [(fence_id, advice)] = small
    assert fence_id == "kiosk-tor"
    assert advice.startswith("15 m is smaller than the 3")
    assert "enlarge its radius to about 35 m" in advice
