from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import Fix
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.membership import DeviceState, Transition
from fencepost_geofence.shapes import Circle
from fencepost_geofence.tracker import KEEP_MS, Tracker
from geofence.positions import MODEST, area_of, star

HOME = (50.0, 7.0)
CAFE = Fence("cafe", Circle(*HOME, 100), dwell_after_s=(120, 600), presence_ttl_s=900)
QUARTER = Fence("quarter", area_of(star(50.0, 7.0, [400, 500, 300, 600, 350])), dwell_after_s=(60,))
OLD_MS = 23 * 3_600_000  # when positions of the first hour have to go
STATION = Fence("station", Circle(50.003, 7.0, 150))
TOWN = [CAFE, QUARTER, STATION]


def fix(minute: float, north_m: float, accuracy_m: float | None = 10) -> Fix:
    """Take a fix so many metres north of the centre of the cafe."""
    return Fix(int(minute * 60_000), 50 + north_m / 111_195, 7.0, accuracy_m, ref=f"m{minute}")


def tracker(*fences: Fence) -> Tracker:
    """Give a tracker over these fences, or the whole town."""
    return Tracker(FenceIndex(fences or TOWN))


def story(told: list[Transition]) -> list[str]:
    """Tell transitions in short."""
    return [f"{one.kind} {one.fence_id}" for one in told]


def test_follow_tells_a_walk_in_order() -> None:
    """Out of town, through the quarter into the cafe, and away."""
    there = [fix(number / 4, 900 - 20 * number) for number in range(46)]
    stay = [fix(11.5 + number / 4, 0) for number in range(12)]
    back = [fix(14.5 + number / 4, 20 * number) for number in range(60)]

    followed = tracker().follow(DeviceState(), [*there, *stay, *back])

    assert story(followed.transitions) == [
        "enter station",
        "enter quarter",
        "dwell quarter",
        "exit station",
        "enter cafe",
        "dwell cafe",
        "exit cafe",
        "enter station",
        "exit quarter",
        "exit station",
    ]
    assert followed.dropped == {}


def test_follow_counts_what_was_left_undecided() -> None:
    """A fix on the boundary, a leap and a coarse fix decide nothing, and say why."""
    state = DeviceState()

    followed = tracker(CAFE).follow(
        state, [fix(0, 105), fix(1, 105), fix(1.001, 0.5), fix(2, 0, accuracy_m=800)]
    )

    assert followed.transitions == []
    undecided = {reason for (_, reason) in followed.weighed if reason != "decided"}
    assert undecided == {"one_fix", "oscillating", "implausible_speed", "low_accuracy"}


def test_follow_forgets_a_doubt_once_a_fix_is_not_near() -> None:
    """A fix that says nothing of a fence, and is far from it, leaves nothing of it behind."""
    state = DeviceState()
    tracker(CAFE).follow(state, [fix(0, 105)])
    assert list(state.fences) == ["cafe"]

    tracker(CAFE).follow(state, [fix(0.01, 5_000)])

    assert state.fences == {}


def test_follow_takes_no_notice_of_a_single_stray_fix() -> None:
    """A fix 200 m off at 5 m accuracy ends no visit, and begins none."""
    home = [fix(number / 4, 0, 5) for number in range(20)]
    stray = [
        *home[:10],
        fix(2.5, 350, 5),
        *(replace(one, at_ms=one.at_ms + 15_000) for one in home[10:]),
    ]

    followed = tracker(CAFE, STATION).follow(DeviceState(), stray)

    assert story(followed.transitions) == ["enter cafe", "dwell cafe"]


def test_follow_of_nothing_changes_nothing() -> None:
    """An empty group is no event."""
    state = DeviceState()

    assert tracker().follow(state, []).transitions == []
    assert state == DeviceState()


@pytest.mark.bad_input(48)
def test_follow_drops_what_cannot_speak_and_counts_it() -> None:
    """Mock, null island, late and impossible fixes decide nothing and leave no trace."""
    state = DeviceState()
    tracker().follow(state, [fix(10, 5_000)])
    before = msgspec.msgpack.encode(state)

    followed = tracker().follow(
        state,
        [
            replace(fix(11, 0), is_mock=True),
            Fix(720_000, 0, 0, 5),
            Fix(720_000, float("nan"), 7, 5),
            Fix(720_000, 50, 180.1, 5),
            fix(10, 0),
            fix(9, 0),
        ],
    )

    assert followed.transitions == []
    assert followed.dropped == {"mock": 1, "null_island": 1, "bad_position": 2, "late": 2}
    assert msgspec.msgpack.encode(state) == before


def test_follow_drops_a_fix_that_is_late_within_its_group() -> None:
    """Only a newer fix speaks, in one group as in several."""
    followed = tracker(CAFE).follow(DeviceState(), [fix(2, 0), fix(1, 5_000), fix(3, 0)])

    assert story(followed.transitions) == ["enter cafe"]
    assert followed.dropped == {"late": 1}


def test_follow_ends_a_vanished_fence_silently() -> None:
    """Nobody left a fence that was withdrawn."""
    state = DeviceState()
    tracker().follow(state, [fix(0, 0)])

    followed = tracker(STATION).follow(state, [fix(1, 5_000)])

    assert followed.transitions == []
    assert state.fences == {}


def test_follow_judges_a_redrawn_fence_by_the_next_fix() -> None:
    """A fence that moved away under its visitor is left."""
    state = DeviceState()
    tracker(CAFE).follow(state, [fix(0, 0)])
    moved = replace(CAFE, shape=Circle(51, 8, 100))

    followed = tracker(moved).follow(state, [fix(1, 0)])

    assert story(followed.transitions) == ["exit cafe"]


def test_tick_tells_dwells_no_fix_came_for() -> None:
    """A timer tells each threshold when due, in order of the moments, once."""
    state = DeviceState()
    here = tracker()
    here.follow(state, [fix(0, 0)])

    assert here.next_tick_ms(state) == 60_000
    assert here.tick(state, 59_999) == []
    told = here.tick(state, 700_000)

    assert [(one.fence_id, one.after_s) for one in told] == [
        ("quarter", 60),
        ("cafe", 120),
        ("cafe", 600),
    ]
    assert here.tick(state, 700_000) == []
    assert here.next_tick_ms(state) == OLD_MS


def test_tick_lets_positions_go_within_a_day() -> None:
    """Raw positions live no longer than 24 h, also of a device that falls silent."""
    state = DeviceState()
    here = tracker(STATION)
    here.follow(state, [fix(0, 0), fix(10, 0)])
    here.tick(state, OLD_MS - 1)
    kept = bool(state.trail.fixes)
    here.tick(state, OLD_MS)

    assert kept
    assert not state.trail.fixes
    assert here.next_tick_ms(state) is None
    assert KEEP_MS < OLD_MS <= 24 * 3_600_000


def test_tick_is_silent_when_the_last_fix_is_too_old() -> None:
    """Ten minutes without a fix are no stay of half an hour."""
    fence = replace(CAFE, dwell_after_s=(1_800,))
    state = DeviceState()
    here = tracker(fence)
    here.follow(state, [fix(0, 0), fix(10, 0)])

    assert here.next_tick_ms(state) == OLD_MS
    assert here.tick(state, 10**6) == []

    here.follow(state, [fix(20, 0)])

    assert here.next_tick_ms(state) == 1_800_000


def test_tick_forgets_a_vanished_fence() -> None:
    """A timer tells nothing of a fence that was withdrawn."""
    state = DeviceState()
    tracker().follow(state, [fix(0, 0)])

    assert tracker(STATION).tick(state, 10**9) == []
    assert state.fences == {}


steps = st.tuples(
    st.floats(-900, 900), st.sampled_from([None, 5, 20, 80]), st.integers(1, 900), st.booleans()
)
walks = st.lists(steps, max_size=25)


def fixes_of(walk: list[tuple[float, float | None, int, bool]]) -> list[Fix]:
    """Turn steps (metres north, accuracy, seconds later, is mock) into fixes."""
    fixes, at_s = [], 0
    for north_m, accuracy_m, later_s, is_mock in walk:
        at_s += later_s
        fixes.append(replace(fix(at_s / 60, north_m, accuracy_m), is_mock=is_mock))
    return fixes


@MODEST
@given(walks, st.data())
def test_state_survives_saving_at_any_point(
    walk: list[tuple[float, float | None, int, bool]], data: st.DataObject
) -> None:
    """Groups of any size, stored and loaded between them, tell what one group tells."""
    fixes = fixes_of(walk)
    whole = tracker().follow(DeviceState(), fixes).transitions

    told: list[Transition] = []
    state = DeviceState()
    while fixes:
        cut = data.draw(st.integers(1, len(fixes)))
        told += tracker().follow(state, fixes[:cut]).transitions
        fixes = fixes[cut:]
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=DeviceState)

    assert told == whole


@MODEST
@given(walks)
def test_enter_and_exit_alternate_for_every_fence(
    walk: list[tuple[float, float | None, int, bool]],
) -> None:
    """One visit, one ENTER, one EXIT."""
    told = tracker().follow(DeviceState(), fixes_of(walk)).transitions

    for fence in TOWN:
        kinds = [one.kind for one in told if one.fence_id == fence.fence_id and not one.after_s]
        assert kinds == ["enter" if i % 2 == 0 else "exit" for i in range(len(kinds))]


@MODEST
@given(walks)
def test_skipped_fixes_do_not_matter(
    walk: list[tuple[float, float | None, int, bool]],
) -> None:
    """A tracker that weighs every fix tells what one tells that skips the far ones."""
    fixes = fixes_of(walk)
    away = Fence("away", Circle(50, 7, 90_000))  # everybody is inside: every fix is weighed

    busy = tracker(*TOWN, away).follow(DeviceState(), fixes).transitions
    idle = tracker(*TOWN).follow(DeviceState(), fixes).transitions

    assert [one for one in busy if one.fence_id != "away"] == idle


@MODEST
@given(walks)
def test_adding_a_fence_changes_nothing_for_the_others(
    walk: list[tuple[float, float | None, int, bool]],
) -> None:
    """Each fence is judged by itself."""
    fixes = fixes_of(walk)
    more = tracker().follow(DeviceState(), fixes).transitions

    fewer = tracker(CAFE, STATION).follow(DeviceState(), fixes).transitions

    assert [one for one in more if one.fence_id != "quarter"] == fewer


@MODEST
@given(walks, st.data())
def test_duplicates_change_nothing(
    walk: list[tuple[float, float | None, int, bool]], data: st.DataObject
) -> None:
    """A fix that comes again, at once or later, is late and decides nothing."""
    fixes = fixes_of(walk)
    again: list[Fix] = []
    for one in fixes:
        again.append(one)
        again += data.draw(st.lists(st.sampled_from(again), max_size=2))
    first, second = DeviceState(), DeviceState()

    assert tracker().follow(first, again).transitions == tracker().follow(second, fixes).transitions
    assert first == second


@MODEST
@given(walks, st.integers(0, 100_000))
def test_ticks_never_tell_a_threshold_twice(
    walk: list[tuple[float, float | None, int, bool]], lateness_ms: int
) -> None:
    """Timers and fixes together tell each threshold of a visit at most once."""
    here, state = tracker(), DeviceState()
    told: list[Transition] = []
    for one in fixes_of(walk):
        told += here.follow(state, [one]).transitions
        told += here.tick(state, one.at_ms + lateness_ms)
    due_ms = here.next_tick_ms(state)
    had_positions = bool(state.trail.fixes)
    told += here.tick(state, due_ms or 0)

    is_forgotten = had_positions and not state.trail.fixes
    assert due_ms is None or is_forgotten or told[-1].kind == "dwell"
    dwells = [(one.fence_id, one.visit_ref, one.after_s) for one in told if one.kind == "dwell"]
    assert len(dwells) == len(set(dwells))
