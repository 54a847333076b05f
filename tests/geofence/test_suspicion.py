"""What is suspicious about positions, what is not, and that none of it decides anything."""

from collections.abc import Sequence
from dataclasses import replace

import gpxpy
import msgspec
import numpy as np
import pytest

from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import Fix
from fencepost_geofence.heard import Followed
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.shapes import Circle
from fencepost_geofence.state import DeviceState, unseen
from fencepost_geofence.suspicion import CONSTANT, RUN, WEAK, suspect
from fencepost_geofence.tracker import Tracker
from fencepost_geofence.trail import Trail, untrodden
from real_data import real_data

DAWN_MS = 472_222 * 3_600_000
HOME = (43.73, 7.42)
FAR = (43.73, 13.62)  # 500 km east
SHOP = Fence("shop", Circle(*HOME, 100))
CLUB = Fence("club", Circle(*FAR, 100))
Place = tuple[float, float]


def at(second: float) -> int:
    """Give a moment."""
    return DAWN_MS + round(second * 1000)


def fix(second: float, place: Place = HOME, north_m: float = 0, accuracy_m: float = 8) -> Fix:
    """Take a fix so many metres north of a place."""
    return Fix(at(second), place[0] + north_m / 111_195, place[1], accuracy_m)


def walk(fixes: int, seed: int = 1, begin_s: float = 0) -> list[Fix]:
    """Walk north as a receiver sees it: a fix each 15 s, with noise in position and accuracy."""
    draw = np.random.default_rng(seed)
    return [
        Fix(
            at(begin_s + 15 * number),
            HOME[0] + (20 * number + draw.normal(0, 5)) / 111_195,
            HOME[1] + draw.normal(0, 5) / 80_000,
            draw.uniform(4, 20),
        )
        for number in range(fixes)
    ]


def again(fixes: Sequence[Fix], later_s: float) -> list[Fix]:
    """Play a track again."""
    return [replace(one, at_ms=one.at_ms + round(later_s * 1000)) for one in fixes]


def upload(state: DeviceState, *fixes: Fix, fences: Sequence[Fence] = (SHOP, CLUB)) -> list[str]:
    """Follow an upload, and say what is suspicious about it."""
    return list(look(state, fixes, fences)[0])


def look(
    state: DeviceState, fixes: Sequence[Fix], fences: Sequence[Fence] = (SHOP, CLUB)
) -> tuple[list[str], Followed]:
    """Follow an upload; give its flags, and what the tracker made of it."""
    index = FenceIndex(fences)
    before = state.trail.newest()
    followed = Tracker(index).follow(state, fixes)
    return [*suspect(before, fixes, followed.dropped, state.trail, index)], followed


# ---- honest devices -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 5, 24, 120])
def test_honest_walk_is_not_suspicious(size: int) -> None:
    """Noise, however an hour of it is cut into uploads, earns no flag."""
    state, fixes = unseen(), walk(240)
    found = [upload(state, *fixes[begin : begin + size]) for begin in range(0, 240, size)]

    assert set(map(tuple, found)) == {()}


def test_outliers_and_coarse_fixes_are_no_teleports() -> None:
    """Receivers err by hundreds of metres in no time, and by as much as they say themselves."""
    state = unseen()
    upload(state, fix(0))

    assert upload(state, fix(1, north_m=300), fix(2), fix(2.01, north_m=400)) == []
    assert upload(state, fix(60, north_m=5_000, accuracy_m=5_000), fix(61)) == []


def test_snapped_positions_may_come_again() -> None:
    """Who shows an approximate position goes back and forth over the same few points every day."""
    state, grid = unseen(), [fix(600 * n, north_m=1_111.95 * n, accuracy_m=800) for n in range(8)]
    upload(state, *grid)
    coarse = upload(state, *again(grid, 6_000))
    towers = [fix(9_000 + 600 * n, north_m=1_234.5 * n, accuracy_m=900) for n in range(8)]
    upload(state, *towers)
    assert upload(state, *again(towers, 6_000)) == []
    bare = [Fix(at(20_000 + 600 * n), 43.7 + n / 1000, 7.4, 20) for n in range(8)]
    upload(state, *bare)

    assert coarse == []
    assert upload(state, *again(bare, 6_000)) == []


def test_device_that_stays_on_the_spot_is_not_suspicious() -> None:
    """A receiver may repeat itself for hours, and swing between two positions."""
    state = unseen()

    assert upload(state, *(fix(5 * number) for number in range(60))) == []
    assert upload(state, *(fix(400 + 5 * n, north_m=n % 2) for n in range(60))) == []


@pytest.mark.parametrize(
    "name",
    ["leipzig-drive", "istria-hike", "visnjan-car", "novi-sad-one-a-minute", "istanbul-same-time"],
)
def test_real_track_is_not_suspicious(name: str) -> None:
    """People on foot and in cars, with what their receivers did, in uploads of ten."""
    gpx = gpxpy.parse(real_data(f"tracks/{name}.gpx").read_text(encoding="utf-8"))
    points = [point for one in gpx.tracks for part in one.segments for point in part.points]
    fixes = [
        Fix(int(point.time.timestamp() * 1000), point.latitude, point.longitude, None)
        for point in points
        if point.time is not None
    ]
    state = unseen()
    found = [upload(state, *fixes[begin : begin + 10]) for begin in range(0, len(fixes), 10)]

    assert set(map(tuple, found)) == {()}


# ---- mock, null island ----------------------------------------------------------------------


@pytest.mark.bad_input(53)
def test_mock_is_flagged_and_decides_nothing() -> None:
    """Made-up positions in a fence: a flag, no transition, no trace."""
    state = unseen()
    before = msgspec.msgpack.encode(state)
    flags, followed = look(state, [replace(fix(n), is_mock=True) for n in range(20)])

    assert flags == ["mock"]
    assert followed.transitions == []
    assert msgspec.msgpack.encode(state) == before


@pytest.mark.bad_input(48)
def test_null_island_is_flagged_and_decides_nothing() -> None:
    """A fence around (0, 0) is never entered from there; nor is the way back a teleport."""
    buoy = Fence("buoy", Circle(0, 0, 1_000))
    flags, followed = look(unseen(), [fix(0), Fix(at(9), 0.0, 0.0, 5), fix(18)], [buoy])

    assert flags == ["null_island"]
    assert followed.transitions == []


# ---- teleport, swapped ----------------------------------------------------------------------


@pytest.mark.bad_input(50)
def test_two_places_at_one_moment_are_a_teleport_and_decide_nothing() -> None:
    """At home for minutes, then home and 500 km away at once, the better one in the club."""
    state = unseen()
    upload(state, *(fix(15 * n) for n in range(10)))
    flags, followed = look(state, [fix(150), fix(150, FAR, accuracy_m=3)])

    assert flags == ["teleport"]
    assert followed.transitions == []
    assert state.fences["shop"].is_inside
    assert "club" not in state.fences


@pytest.mark.bad_input(52)
def test_faster_than_sound_is_a_teleport_and_decides_nothing() -> None:
    """A minute later 500 km off: refused as implausible, and flagged, over uploads too."""
    state = unseen()
    upload(state, *(fix(15 * n) for n in range(10)))
    flags, followed = look(state, [fix(210, FAR)])

    assert flags == ["teleport"]
    assert followed.transitions == []
    assert followed.weighed["club", "implausible_speed"] == 1


def test_flight_is_no_teleport() -> None:
    """500 km in half an hour is an airliner, with the wind."""
    state = unseen()
    upload(state, fix(0))

    assert upload(state, fix(1_800, FAR)) == []
    assert upload(state, fix(1_500, (FAR[0], FAR[1] - 1))) == []  # late: 80 km before


@pytest.mark.bad_input(47)
def test_fix_with_lat_and_lon_swapped_is_said_to_be_so() -> None:
    """There and back: someone's client is at fault, nobody leapt."""
    state = unseen()
    swapped = replace(fix(30), lat=HOME[1], lon=HOME[0])

    assert upload(state, fix(0), fix(15), swapped, fix(45)) == ["maybe_swapped"]
    assert upload(state, replace(swapped, at_ms=at(60))) == ["maybe_swapped"]


@pytest.mark.bad_input(47)
def test_device_that_swaps_from_the_first_fix_on_is_noticed() -> None:
    """Far from every fence, and beside one of them the other way round: said once a trail."""
    state = unseen()
    first, second = (Fix(at(s), HOME[1], HOME[0] + 0.05, 8) for s in (0, 15))

    assert upload(state, first) == ["maybe_swapped"]
    assert upload(state, second) == []
    assert upload(unseen(), first, fences=[SHOP, Fence("gulf", Circle(7.42, 43.7, 50))]) == []
    assert upload(unseen(), fix(0, (-30.0, 140.0))) == []


# ---- repeated track, constant accuracy --------------------------------------------------------


@pytest.mark.bad_input(53)
@pytest.mark.parametrize("size", [1, 8, 24])
def test_track_that_is_played_again_is_noticed(size: int) -> None:
    """To the centimetre the same way: by the fifth fix where each is an upload, else at once."""
    state, track = unseen(), walk(24)
    upload(state, *track)
    second = again(track, 3_600 * 2)
    found = [upload(state, *second[begin : begin + size]) for begin in range(0, 24, size)]
    silent = RUN - 1 if size == 1 else 0

    assert found == [[]] * silent + [["repeated_track"]] * (24 // size - silent)


def test_same_way_walked_again_is_no_repeated_track() -> None:
    """Another day on the same street: near, and never to the centimetre."""
    state = unseen()
    upload(state, *walk(24))

    assert upload(state, *walk(24, seed=2, begin_s=7_200)) == []


def test_few_positions_that_come_again_are_no_track() -> None:
    """Four in a row are not enough."""
    state, track = unseen(), walk(20)
    upload(state, *track)

    assert upload(state, *again(track[3 : 2 + RUN], 7_200)) == []


def test_positions_of_a_track_in_another_order_are_another_track() -> None:
    """The way back over the same points, and a loop that begins anew in its middle."""
    state, track = unseen(), walk(12)
    upload(state, *track)
    back = [replace(one, at_ms=at(600 + 15 * n)) for n, one in enumerate(track[::-1])]

    assert upload(state, *back) == []
    assert upload(state, *again(track[: RUN - 1], 3_600), replace(track[8], at_ms=at(5_000))) == []


@pytest.mark.bad_input(53)
def test_constant_accuracy_on_the_way_is_for_the_record() -> None:
    """48 fixes that err and never say so otherwise; fewer, or at rest, or unknown is nothing."""
    same = [replace(one, accuracy_m=5.0) for one in walk(CONSTANT)]

    assert upload(unseen(), *same) == ["constant_accuracy"]
    assert upload(unseen(), *same[1:]) == []
    assert upload(unseen(), *same[:-1], replace(same[-1], accuracy_m=6.0)) == []
    assert upload(unseen(), *(replace(one, accuracy_m=None) for one in same)) == []
    assert upload(unseen(), *(replace(one, lat=HOME[0]) for one in same)) == []
    assert {"constant_accuracy"} == WEAK


def test_newest_is_the_newest_fix_as_the_trail_keeps_it() -> None:
    """Read from its end; an empty trail has none."""
    trail: Trail = untrodden()
    nothing = trail.newest()
    for one in walk(30):
        trail.add(one)

    assert nothing is None
    assert trail.newest() == trail.since(0)[-1]
