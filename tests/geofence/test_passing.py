"""Who comes by a fence, and who is about to arrive."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import Fix
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.passing import LEFT_MS, PASSAGE_MS, Until, arrivals, passed
from fencepost_geofence.shapes import Circle
from geofence.positions import MODEST, arc_m, wrapped

LAT, LON = 51.34, 12.37
SHOP = Fence("shop", Circle(LAT, LON, 30), passes=True, approach_s=60)
START_MS = 1_780_000_000_000
Spot = tuple[float, float]
"""Metres east and north of the shop."""


def fix(at_s: float, spot: Spot, centre: Spot = (LAT, LON), **more: Any) -> Fix:
    """Give a fix so many metres east and north of the centre."""
    lat = centre[0] + spot[1] / 111_195.08
    lon = wrapped(centre[1] + spot[0] / 111_195.08 / math.cos(math.radians(centre[0])))
    return Fix(START_MS + round(at_s * 1000), lat, lon, **{"accuracy_m": 5.0, **more})


def told_of_passing(
    fixes: Sequence[Fix], *fences: Fence, inside: Collection[str] = (), state: Until | None = None
) -> list[tuple[int, str]]:
    """Give at which fix which fence was passed."""
    index, state = FenceIndex(fences or [SHOP]), {} if state is None else state
    return [
        (i, fence.fence_id)
        for i in range(1, len(fixes))
        for fence in passed(state, fixes[i - 1], fixes[i], index, inside)
    ]


def told_of_arriving(
    fixes: Sequence[Fix],
    *fences: Fence,
    inside: Collection[str] = (),
    state: Until | None = None,
    last: int = 40,
) -> list[tuple[int, str, int]]:
    """Give at which fix which fence was approached, and in how many seconds one is there."""
    index, state = FenceIndex(fences or [SHOP]), {} if state is None else state
    longest_s = max(fence.approach_s or 0 for fence in index)
    return [
        (i, arrival.fence.fence_id, arrival.arrives_in_s)
        for i in range(len(fixes))
        for arrival in arrivals(
            state, fixes[max(0, i + 1 - last) : i + 1], index, longest_s, inside
        )
    ]


def drive(spot: Spot, speed: Spot, every_s: float = 10, count: int = 60, **more: Any) -> list[Fix]:
    """Drive straight on from a spot, with a fix every few seconds."""
    return [
        fix(
            i * every_s,
            (spot[0] + speed[0] * i * every_s, spot[1] + speed[1] * i * every_s),
            **more,
        )
        for i in range(count)
    ]


def still(spot: Spot, count: int, seed: int, **more: Any) -> list[Fix]:
    """Stand still with a receiver that sways as much as it says."""
    sigma_m = more.get("accuracy_m", 5.0) / 1.51
    swayed = np.random.default_rng(seed).normal(spot, sigma_m, (count, 2))
    return [
        fix(i * 10, (float(east), float(north)), **more) for i, (east, north) in enumerate(swayed)
    ]


WEST, EAST = (-100.0, 0.0), (100.0, 0.0)
FAR_AND_BACK = [fix(0, WEST), fix(10, EAST), fix(20, WEST)]


# ---- passing -------------------------------------------------------------------------------


def test_way_across_a_fence_passes_it() -> None:
    """Neither fix is inside, and the straight way between them is."""
    assert told_of_passing([fix(0, WEST), fix(10, EAST)]) == [(1, "shop")]
    assert told_of_passing([fix(0, WEST), fix(120, EAST)]) == [(1, "shop")]


@pytest.mark.parametrize(
    "fixes",
    [
        [fix(0, WEST), fix(10, (-100, 200))],
        [fix(0, WEST), fix(10, (0, 0))],
        [fix(0, (0, 0)), fix(10, EAST)],
        [fix(0, WEST), fix(120.001, EAST)],
        [fix(0, WEST), fix(0, EAST)],
        [fix(10, WEST), fix(0, EAST)],
        [fix(0, WEST), fix(1.9, EAST)],
        [fix(0, (-9_000, 0)), fix(10, (9_000, 0))],
        [fix(0, WEST, accuracy_m=60.0), fix(10, EAST, accuracy_m=60.0)],
        [fix(0, WEST, accuracy_m=None), fix(10, EAST, accuracy_m=None)],
        [fix(0, (-900, 0)), fix(60, (900, 0), accuracy_m=201.0)],
    ],
    ids=[
        "beside", "ends inside", "begins inside", "too long ago", "no time", "backwards",
        "too fast", "teleport", "may not have moved", "nobody knows", "too coarse",
    ],
)  # fmt: skip
def test_way_that_is_none_passes_nothing(fixes: list[Fix]) -> None:
    """Not across, too long ago, implausible, or no more than the receiver sways."""
    assert told_of_passing(fixes) == []


def test_fence_that_does_not_ask_is_not_passed() -> None:
    """PASS is opt-in, fence by fence."""
    silent, other = replace(SHOP, fence_id="a", passes=False), replace(SHOP, fence_id="z")

    assert told_of_passing(FAR_AND_BACK[:2], silent, other, SHOP) == [(1, "shop"), (1, "z")]


def test_swaying_over_a_fence_is_one_passage() -> None:
    """However often the boundary is crossed back and forth, it is told once."""
    swaying = [fix(10 * i, WEST if i % 2 else EAST) for i in range(200)]

    assert told_of_passing(swaying) == [(1, "shop")]


@pytest.mark.parametrize(
    ("fence", "pause_ms"),
    [(SHOP, PASSAGE_MS), (replace(SHOP, cooldown_s=3_600), 3_600_000)],
    ids=["plain", "cooldown"],
)
def test_coming_by_again_later_is_another_passage(fence: Fence, pause_ms: int) -> None:
    """After a pause, or the fence's cooldown, the way back is a passage of its own."""
    for wait_ms, expected in ((pause_ms, [1]), (pause_ms + 1, [1, 3])):
        back_s = 10 + wait_ms / 1000
        fixes = [fix(0, WEST), fix(10, EAST), fix(back_s - 10, EAST), fix(back_s, WEST)]

        assert [i for i, _ in told_of_passing(fixes, fence)] == expected


def test_visitor_passes_only_when_the_visit_is_past() -> None:
    """Whoever is inside, or was a moment ago, does not come by."""
    index, state = FenceIndex([SHOP]), Until()
    there, back = fix(10, EAST), fix(20, WEST)

    assert passed(state, fix(0, WEST), there, index, {"shop"}) == []
    assert passed(state, there, back, index, ()) == []
    later = fix(20 + PASSAGE_MS / 1000 + 1, WEST), fix(30 + PASSAGE_MS / 1000 + 1, EAST)
    assert passed(state, *later, index, ()) == [SHOP]


@pytest.mark.parametrize("accuracy_m", [5.0, 15.0, 40.0])
@pytest.mark.parametrize("seed", range(4))
def test_who_stands_still_passes_nothing(seed: int, accuracy_m: float) -> None:
    """Hours beside a small fence, whatever the receiver's error."""
    tiny = replace(SHOP, shape=Circle(LAT, LON, 10))

    assert told_of_passing(still((30, 0), 1_500, seed, accuracy_m=accuracy_m), tiny) == []


@MODEST
@given(
    st.floats(-300, 300), st.floats(-300, 300), st.floats(-300, 300), st.floats(-300, 300),
    st.sampled_from([(51.34, 12.37), (-17.0, 180.0), (64.5, -179.9999), (0.0, 0.0)]),
)  # fmt: skip
def test_passing_agrees_with_walking_the_way(
    west: float, south: float, east: float, north: float, centre: Spot
) -> None:
    """Many points along the way say whether it comes into the fence, over the seam as well."""
    shop = Fence("shop", Circle(*centre, 30), passes=True)
    ends = fix(0, (west, south), centre), fix(30, (east, north), centre)
    steps = [
        (west + (east - west) * i / 500, south + (north - south) * i / 500) for i in range(501)
    ]
    nearest_m = min(math.hypot(*step) for step in steps)
    is_outside = min(math.hypot(west, south), math.hypot(east, north)) > 31
    length_m = arc_m(ends[0].lat, ends[0].lon, ends[1].lat, ends[1].lon)
    if abs(nearest_m - 30) > 1 and abs(length_m - 20) > 1 and is_outside:
        expected = [(1, "shop")] if nearest_m < 30 and length_m > 20 else []

        assert told_of_passing(ends, shop) == expected


@MODEST
@given(st.lists(st.tuples(st.floats(-200, 200), st.floats(-200, 200)), max_size=12), st.data())
def test_state_of_passing_survives_being_stored_at_any_point(
    spots: list[Spot], data: st.DataObject
) -> None:
    """Plain data: written and read between any two fixes nobody can tell."""
    fixes = [fix(20 * i, spot) for i, spot in enumerate(spots)]
    cut = data.draw(st.integers(0, len(fixes)))
    state: Until = {}
    before = told_of_passing(fixes[:cut], state=state)
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=Until)
    whole = told_of_passing(fixes)

    assert stored == state
    rest = told_of_passing(fixes[max(0, cut - 1) :], state=stored)
    assert [one for _, one in before + rest] == [one for _, one in whole]


# ---- approaching ---------------------------------------------------------------------------


def test_who_drives_towards_a_fence_approaches_it_once() -> None:
    """At 15 m/s the minute begins 930 m from the middle; the estimate is right, and told once."""
    (told,) = told_of_arriving(drive((-3_000, 0), (15, 0), count=19))

    assert told == (14, "shop", 58)


def test_approach_needs_three_fixes() -> None:
    """Two could be anything."""
    near = drive((-500, 0), (15, 0), count=3)

    assert told_of_arriving(near[:2]) == []
    assert told_of_arriving(near) == [(2, "shop", 11)]


@pytest.mark.parametrize(
    "fixes",
    [
        drive((-100, 0), (-15, 0)),
        drive((-3_000, 400), (15, 0)),
        drive((-30_000, 0), (400, 0)),
        drive((-3_000, 0), (15, 0), every_s=130),
        drive((-1_000, 0), (0, 0)),
        [fix(0, (-400, 0)), fix(10, (-300, 150)), fix(20, (-200, 0))],
        [fix(0, (-400, 0)), fix(10, (-200, 0)), fix(20, (-300, 0))],
    ],
    ids=[
        "away", "past it", "too fast", "gaps", "stands", "corners", "back and forth",
    ],
)  # fmt: skip
def test_who_does_not_come_does_not_approach(fixes: list[Fix]) -> None:
    """Away, past, standing, turning, implausible or unknown: no arrival is estimated."""
    assert told_of_arriving(fixes) == []


@pytest.mark.parametrize("accuracy_m", [5.0, 15.0, 40.0])
@pytest.mark.parametrize("seed", range(4))
def test_who_stands_still_approaches_nothing(seed: int, accuracy_m: float) -> None:
    """Hours near a fence, whatever the receiver's error."""
    assert told_of_arriving(still((80, 0), 500, seed, accuracy_m=accuracy_m)) == []


def test_walker_is_seen_coming_by_the_fixes_of_a_minute() -> None:
    """Fixes every 5 s are 7 m apart, less than they sway; those of a minute ago tell."""
    walking = drive((-400, 0), (1.4, 0), every_s=5, count=55, accuracy_m=8.0)
    (told,) = told_of_arriving(walking)

    assert told[2] in (58, 59, 60)
    assert told_of_arriving(walking, last=3) == []


def test_waiting_on_the_way_is_no_second_approach() -> None:
    """A light, or a detour of some minutes, belongs to the approach."""
    coming = drive((-800, 0), (15, 0), count=4)
    waits_s = 30 + LEFT_MS / 1000 - 60
    on = [fix(waits_s + 10 * i, (-350 + 150 * i, 0)) for i in range(3)]

    assert [i for i, *_ in told_of_arriving([*coming, *on])] == [2]


def test_coming_again_later_is_another_approach() -> None:
    """Who drives off and comes back is told again; who was inside only after a while."""
    index = FenceIndex([SHOP])
    coming = drive((-800, 0), (15, 0), count=3)
    for wait_ms, inside, expected in (
        (LEFT_MS + 1, (), [SHOP]),
        (LEFT_MS, (), []),
        (LEFT_MS, {"shop"}, []),
        (LEFT_MS + 1, {"shop"}, [SHOP]),
    ):
        state: Until = {}
        first = arrivals(state, coming, index, 60, inside)
        assert len(first) == (not inside)
        again = [replace(one, at_ms=one.at_ms + wait_ms) for one in coming]

        assert [one.fence for one in arrivals(state, again, index, 60, ())] == expected


def test_course_a_little_beside_the_fence_will_do() -> None:
    """Streets bend: who heads past it by 100 m may well arrive."""
    assert [i for i, *_ in told_of_arriving(drive((-3_000, 100), (15, 0), count=19))] == [14]


def test_long_side_of_an_area_is_approached_aslant() -> None:
    """The nearest point lies abeam of the course, and the fence is right ahead."""
    wide = replace(SHOP, shape=Circle(LAT + 0.09, LON, 9_000), approach_s=120)  # 10 km to the north
    slanting = drive((-3_000, -300), (15, 9), count=20)

    assert [name for _, name, _ in told_of_arriving(slanting, wide)] == ["shop"]


@pytest.mark.parametrize("centre", [(LAT, LON), (-17.0, 180.0), (-17.0, -179.999), (70.0, 180.0)])
@pytest.mark.parametrize("course", [(15.0, 0.0), (-15.0, 0.0), (0.0, 15.0), (-9.0, 12.0)])
def test_approach_is_the_same_everywhere(centre: Spot, course: Spot) -> None:
    """Over the seam, in the far north, in every direction."""
    shop = Fence("shop", Circle(*centre, 30), approach_s=60)
    fixes = [
        fix(10 * i, (course[0] * (10 * i - 200), course[1] * (10 * i - 200)), centre)
        for i in range(19)
    ]

    assert [(i, name) for i, name, _ in told_of_arriving(fixes, shop)] == [(14, "shop")]


def test_fence_that_does_not_ask_is_not_approached() -> None:
    """APPROACH is opt-in, each fence with its own time."""
    nobody = drive((-3_000, 0), (15, 0), count=19)
    assert told_of_arriving(nobody, replace(SHOP, approach_s=None)) == []
    silent, slow = replace(SHOP, fence_id="a", approach_s=None), replace(SHOP, fence_id="s")
    early = replace(SHOP, fence_id="e", approach_s=120)
    told = told_of_arriving(drive((-3_000, 0), (15, 0), count=19), silent, slow, early)

    assert [(i, name) for i, name, _ in told] == [(8, "e"), (14, "s")]
