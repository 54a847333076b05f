from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import Fix
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.shapes import Circle
from fencepost_geofence.state import Transition, unseen
from fencepost_geofence.tracker import KEEP_MS, KEEP_STEP_MS, Tracker
from fencepost_geofence.trail import HORIZON_MS, Trail, Weighed
from geofence import walks
from geofence.positions import MODEST, area_of, star

HOME = (50.0, 7.0)
CAFE = Fence("cafe", Circle(*HOME, 100), dwell_after_s=(120, 600), presence_ttl_s=900)
QUARTER = Fence("quarter", area_of(star(50.0, 7.0, [400, 500, 300, 600, 350])), dwell_after_s=(60,))
STATION = Fence("station", Circle(50.003, 7.0, 150))
TOWN = [CAFE, QUARTER, STATION]
DAWN_MS = 472_222 * 3_600_000  # a full hour
OLD_MS = DAWN_MS + 23 * 3_600_000  # when positions of the first hour have to go


def at(minute: float) -> int:
    """Give a moment."""
    return DAWN_MS + round(minute * 60_000)


def fix(minute: float, north_m: float, accuracy_m: float | None = 10) -> Fix:
    """Take a fix so many metres north of the centre of the cafe."""
    return Fix(at(minute), 50 + north_m / 111_195, 7.0, accuracy_m)


def tracker(*fences: Fence) -> Tracker:
    """Give a tracker over these fences, or the whole town."""
    return Tracker(FenceIndex(fences or TOWN))


def story(told: list[Transition]) -> list[str]:
    """Tell transitions in short."""
    return [f"{one.kind} {one.fence_id}" for one in told]


def moments(told: list[Transition]) -> list[tuple[str, float]]:
    """Tell kinds with their minutes."""
    return [(one.kind, (one.at_ms - DAWN_MS) / 60_000) for one in told]


# ---- fixes ----------------------------------------------------------------------------------


def test_follow_tells_a_walk_in_order() -> None:
    """Out of town, through the quarter into the cafe, and away."""
    there = [fix(number / 4, 900 - 20 * number) for number in range(46)]
    stay = [fix(11.5 + number / 4, 0) for number in range(12)]
    back = [fix(14.5 + number / 4, 20 * number) for number in range(60)]

    followed = tracker().follow(unseen(), [*there, *stay, *back])

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


def test_follow_tells_fences_in_order_of_their_ids() -> None:
    """Of one fix; of time, in order of the moments."""
    quick = [replace(one, dwell_after_s=(), presence_ttl_s=60) for one in TOWN]
    slow = Fence("ahall", Circle(*HOME, 100), presence_ttl_s=120)
    state = unseen()

    told = tracker(*quick, slow).follow(state, [fix(0, 0), fix(5, 0)]).transitions

    assert story(told) == [
        "enter ahall",
        "enter cafe",
        "enter quarter",
        "expire cafe",
        "expire quarter",
        "expire ahall",
        "enter ahall",
        "enter cafe",
        "enter quarter",
    ]


def test_follow_counts_how_fixes_were_weighed() -> None:
    """A fix on the boundary, a leap and a coarse fix decide nothing, and say why."""
    followed = tracker(CAFE).follow(
        unseen(),
        [fix(0, 102), fix(1, 98), fix(2, 98), fix(2.001, 9_000), fix(3, 98), fix(4, 98, 800)],
    )

    assert followed.transitions == []
    reasons = {reason for (_, reason) in followed.weighed}
    assert reasons == {"one_fix", "oscillating", "implausible_speed", "low_accuracy"}
    assert all(count > 0 for count in followed.weighed.values())


def test_follow_weighs_no_fix_that_tells_nothing_new(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an hour in the cafe is one weighing; all fixes there are counted, none elsewhere."""
    state = unseen()
    weighings: list[int] = []
    weigh = Trail.weigh

    def counted(trail: Trail) -> Weighed:
        weighings.append(1)
        return weigh(trail)

    monkeypatch.setattr(Trail, "weigh", counted)
    inside = tracker(CAFE).follow(state, [fix(number, 0) for number in range(30)])
    outside = tracker(CAFE).follow(unseen(), [fix(number, 5_000) for number in range(30)])

    assert len(weighings) == 1
    assert inside.weighed == {("cafe", "decided"): 30}
    assert outside.weighed == {}


def test_follow_forgets_a_doubt_once_the_device_is_outside() -> None:
    """A fence nothing is to be said of is not held."""
    state = unseen()
    tracker(CAFE).follow(state, [fix(0, 98)])
    assert list(state.fences) == ["cafe"]

    tracker(CAFE).follow(state, [fix(number, 5_000) for number in (1, 2, 3)])

    assert state.fences == {}


def test_follow_takes_no_notice_of_a_single_stray_fix() -> None:
    """A fix 350 m off at 5 m accuracy ends no visit, and begins none."""
    home = [fix(number / 4, 0, 5) for number in range(20)]
    stray = [*home[:10], fix(2.4, 350, 5), *home[10:]]

    followed = tracker(CAFE, STATION).follow(unseen(), stray)

    assert story(followed.transitions) == ["enter cafe", "dwell cafe"]


def test_follow_of_nothing_changes_nothing() -> None:
    """An empty group is no event."""
    state = unseen()

    assert tracker().follow(state, []).transitions == []
    assert state == unseen()


@pytest.mark.bad_input(48)
def test_follow_drops_what_cannot_speak_and_counts_it() -> None:
    """Mock, null island, impossible and too late fixes decide nothing and leave no trace."""
    state = unseen()
    tracker().follow(state, [fix(20, 5_000)])
    before = msgspec.msgpack.encode(state)

    followed = tracker().follow(
        state,
        [
            replace(fix(21, 0), is_mock=True),
            Fix(at(22), 0, 0, 5),
            Fix(at(22), float("nan"), 7, 5),
            Fix(at(22), 50, float("nan"), 5),
            Fix(at(22), 50, 180.1, 5),
            Fix(at(22), -90.1, 7, 5),
            fix(20, 5_000),
            fix(9.9, 0),
            fix(0, 0),
        ],
    )

    assert followed.transitions == []
    assert followed.dropped == {
        "mock": 1,
        "null_island": 1,
        "bad_position": 4,
        "late": 2,
        "duplicate": 1,
    }
    assert msgspec.msgpack.encode(state) == before


def test_follow_takes_a_fix_exactly_as_old_as_the_horizon() -> None:
    """Ten minutes late is in time."""
    state = unseen()
    tracker(CAFE).follow(state, [fix(20, 5_000)])

    late = tracker(CAFE).follow(state, [fix(20 - HORIZON_MS / 60_000, 0)])

    assert late.dropped == {}
    assert moments(late.transitions) == [("enter", 10), ("dwell", 12), ("dwell", 20), ("exit", 20)]
    assert all(one.late for one in late.transitions)


@pytest.mark.parametrize("upload", ["together", "better-first", "better-last"])
def test_follow_takes_the_more_accurate_of_two_fixes_of_one_moment(upload: str) -> None:
    """Whichever comes first; the other is a duplicate."""
    better, worse = fix(1, 0, 10), fix(1, 5_000, 50)
    uploads = {
        "together": [[worse, better]],
        "better-first": [[better], [worse]],
        "better-last": [[worse], [better]],
    }[upload]
    state = unseen()
    dropped = 0
    for fixes in uploads:
        dropped += tracker(CAFE).follow(state, fixes).dropped.get("duplicate", 0)

    assert list(state.fences) == ["cafe"]
    assert dropped == (0 if upload == "better-last" else 1)


def test_follow_takes_the_same_of_two_fixes_in_any_uploads() -> None:
    """Accuracies that differ by less than is kept of them are the same, together or apart."""
    one, two = fix(1, 5_000, 20.001), fix(1, 0, 20.002)
    stories = set()
    for uploads in ([[one, two]], [[two, one]], [[one], [two]], [[two], [one]]):
        state = unseen()
        for fixes in uploads:
            tracker(CAFE).follow(state, fixes)
        stories.add(tuple(state.fences))

    assert len(stories) == 1


@pytest.mark.parametrize("accuracy_m", [0, -5, None, float("nan")])
def test_follow_takes_unknown_accuracy_for_the_worse(accuracy_m: float | None) -> None:
    """Zero is no perfect accuracy: of two fixes of a moment the one that states 30 m counts."""
    told = tracker(CAFE).follow(unseen(), [fix(1, 5_000, accuracy_m), fix(1, 0, 30)]).transitions

    assert story(told) == ["enter cafe"]


# ---- fences come, change and go -------------------------------------------------------------


def test_follow_ends_a_vanished_fence_silently() -> None:
    """Nobody left a fence that was withdrawn."""
    state = unseen()
    tracker().follow(state, [fix(0, 0)])

    followed = tracker(STATION).follow(state, [fix(1, 5_000)])

    assert followed.transitions == []
    assert state.fences == {}


def test_follow_judges_a_redrawn_fence_by_the_next_fix() -> None:
    """A fence that moved away under its visitor is left."""
    state = unseen()
    tracker(CAFE).follow(state, [fix(0, 0)])
    moved = replace(CAFE, shape=Circle(51, 8, 100))

    followed = tracker(moved).follow(state, [fix(1, 0)])

    assert story(followed.transitions) == ["exit cafe"]


def test_follow_sees_a_fence_published_around_a_device_that_sits() -> None:
    """The index changes under a device of which all is at hand; the next fix finds it inside."""
    index = FenceIndex([STATION])
    here, state = Tracker(index), unseen()
    here.follow(state, [fix(0, 0), fix(1, 0)])

    index.put(replace(CAFE, since_ms=at(1.2)))
    told = here.follow(state, [fix(2, 0)]).transitions
    index.remove("cafe")
    gone = here.follow(state, [fix(3, 0)]).transitions

    assert [(one.kind, one.initial) for one in told] == [("enter", True)]
    assert gone == []
    assert state.fences == {}


def test_tick_forgets_a_vanished_fence() -> None:
    """A timer tells nothing of a fence that was withdrawn, nor does a later fix."""
    state = unseen()
    tracker().follow(state, [fix(0, 0)])

    assert tracker(STATION).tick(state, at(180)) == []
    assert tracker(STATION).next_tick_ms(state) == OLD_MS
    assert tracker(STATION).follow(state, [fix(200, 5_000)]).transitions == []
    assert state.fences == {}


def test_follow_lets_go_of_a_vanished_fence_whose_exit_was_not_told_yet() -> None:
    """Within the cooldown, too, a withdrawn fence ends silently, and its return tells nothing."""
    patient = replace(CAFE, cooldown_s=600)
    state = unseen()
    tracker(patient).follow(state, [fix(0, 0), fix(1, 900), fix(2, 900), fix(2.5, 900)])
    assert state.fences["cafe"].left

    tracker(STATION).follow(state, [fix(3, 5_000)])

    assert state.fences == {}
    assert tracker(patient).follow(state, [fix(60, 5_000)]).transitions == []


def test_late_fix_tells_nothing_of_a_vanished_fence() -> None:
    """What was told of a fence that is gone is not taken back, nor told anew."""
    state = unseen()
    tracker().follow(state, [fix(0, 5_000), fix(5, 0), fix(5.5, 0)])

    told = tracker(STATION).follow(state, [fix(4.9, 5_000, 3), fix(5.1, 5_000, 3)]).transitions

    assert {one.fence_id for one in told} <= {"station"}


# ---- time -----------------------------------------------------------------------------------


def test_tick_tells_dwells_no_fix_came_for() -> None:
    """A timer tells each threshold when due, in order of the moments, once."""
    state = unseen()
    here = tracker()
    here.follow(state, [fix(0, 0)])

    assert here.next_tick_ms(state) == at(1)
    assert here.tick(state, at(1) - 1) == []
    told = here.tick(state, at(11))

    assert [(one.fence_id, one.after_s) for one in told] == [
        ("quarter", 60),
        ("cafe", 120),
        ("cafe", 600),
    ]
    assert here.tick(state, at(11)) == []
    assert here.next_tick_ms(state) == at(15)


def test_tick_ends_visits_nothing_is_heard_of() -> None:
    """Each fence has its own patience; then only the positions have to go."""
    state = unseen()
    here = tracker()
    here.follow(state, [fix(0, 0)])

    told = here.tick(state, at(120))

    assert moments(told)[-2:] == [("expire", 15), ("expire", 60)]
    assert here.next_tick_ms(state) == OLD_MS


def test_tick_lets_positions_go_within_a_day() -> None:
    """Raw positions live no longer than 24 h, also of a device that falls silent."""
    state = unseen()
    here = tracker(STATION)
    here.follow(state, [fix(0, 0), fix(10, 0)])
    here.tick(state, OLD_MS - 1)
    kept = bool(state.trail.fixes)
    here.tick(state, OLD_MS)

    assert kept
    assert not state.trail.fixes
    assert here.next_tick_ms(state) is None
    assert KEEP_MS < OLD_MS - DAWN_MS <= KEEP_MS + KEEP_STEP_MS <= 24 * 3_600_000


@pytest.mark.parametrize("count", [1, 5, 23, 24, 40])
def test_tick_that_lets_positions_go_changes_nothing_that_follows(count: int) -> None:
    """After a day of silence the device is as good as new, whether a timer ran or not."""
    chance = np.random.default_rng(count)
    before = [fix(number / 12, float(chance.normal(60, 8)), 2) for number in range(count)]
    after = [
        fix(1_500 + number / 12, float(chance.normal(130 - 2 * number, 8)), 6)
        for number in range(60)
    ]
    stories = []
    for ticks_at in ([], [at(1_499)]):
        state, here = unseen(), tracker()
        told = here.follow(state, before).transitions
        for now_ms in ticks_at:
            told += here.tick(state, now_ms)
        told += here.follow(state, after).transitions
        stories.append(told)

    assert stories[0] == stories[1]


def test_tick_before_a_fix_tells_what_the_fix_would() -> None:
    """Whether a timer or the next fix lets time pass makes no difference."""
    steps = [fix(0, 0), fix(30, 0), fix(95, 0), fix(96, 900), fix(200, 900)]
    alone = tracker().follow(unseen(), steps).transitions

    state, here = unseen(), tracker()
    told: list[Transition] = []
    for one, after in pairwise([*steps, steps[-1]]):
        told += here.follow(state, [one]).transitions
        for at_ms in range(one.at_ms, after.at_ms, 77_777):
            told += here.tick(state, at_ms)

    assert told == alone
    assert "expire cafe" in story(told)


def test_next_tick_is_when_a_tick_tells_something() -> None:
    """Never a moment too late, and none at which nothing happens but letting positions go."""
    state = unseen()
    here = tracker(CAFE, replace(QUARTER, dwell_repeat_s=700))
    here.follow(state, [fix(0, 0)])
    told: list[Transition] = []
    while (at_ms := here.next_tick_ms(state)) is not None and at_ms < OLD_MS:
        assert here.tick(state, at_ms - 1) == []
        news = here.tick(state, at_ms)
        assert {one.at_ms for one in news} == {at_ms}
        told += news

    assert moments(told)[-1] == ("expire", 60)
    assert [one.after_s for one in told if one.fence_id == "quarter"] == [
        60, 760, 1460, 2160, 2860, 3560, None,
    ]  # fmt: skip


# ---- coarse fixes ---------------------------------------------------------------------------


def test_coarse_fixes_keep_a_large_visit_alive_and_no_small_one() -> None:
    """What can be told from a snapped position is evidence; for a cafe it is none."""
    town = Fence("town", Circle(*HOME, 2_000))
    state = unseen()
    coarse = [fix(number, 0, 800) for number in range(1, 120)]

    told = tracker(CAFE, town).follow(state, [fix(0, 0), *coarse]).transitions

    assert story(told) == [
        "enter cafe",
        "enter town",
        "dwell cafe",
        "dwell cafe",
        "expire cafe",
    ]
    assert (told[-1].at_ms, told[-1].crossed_at_ms) == (at(15), at(0))
    assert list(state.fences) == ["cafe", "town"]


def test_coarse_fixes_elsewhere_keep_nothing_alive() -> None:
    """A snapped position outside a fence proves no presence in it, even if it ends no visit."""
    town = Fence("town", Circle(*HOME, 2_000))
    state = unseen()
    coarse = [fix(number, 2_300, 800) for number in range(1, 120)]

    told = tracker(town).follow(state, [fix(0, 0), *coarse]).transitions

    assert story(told)[0] == "enter town"
    assert story(told)[1] in {"exit town", "expire town"}
    assert told[1].at_ms <= at(60)


# ---- settled --------------------------------------------------------------------------------

SHOP = replace(CAFE, emit="settled")


def test_settled_fence_is_told_of_when_the_horizon_has_passed() -> None:
    """By the first fix more than ten minutes newer, or by a timer ten minutes later."""
    by_fix, by_timer = unseen(), unseen()
    here = tracker(SHOP)
    for state in (by_fix, by_timer):
        assert here.follow(state, [fix(0, 0)]).transitions == []

    assert here.follow(by_fix, [fix(10, 0)]).transitions == []
    assert story(here.follow(by_fix, [fix(10.01, 0)]).transitions) == ["enter cafe"]
    assert here.next_tick_ms(by_timer) == at(2)  # when a threshold is noted, and not yet told
    assert here.tick(by_timer, at(10) - 1) == []
    assert here.next_tick_ms(by_timer) == at(10)
    assert story(here.tick(by_timer, at(10))) == ["enter cafe"]
    assert here.tick(by_timer, at(10)) == []


def test_settled_fence_is_told_of_once() -> None:
    """What was told is not told again, whatever comes late after it."""
    state, here = unseen(), tracker(SHOP)
    told = here.follow(state, [fix(0, 0)]).transitions
    told += here.tick(state, at(13))
    dropped = here.follow(state, [fix(0, 5_000, 5)]).dropped
    told += here.follow(state, [fix(2.5, 0)]).transitions
    told += here.tick(state, at(3_000))

    assert dropped == {"late": 1}
    assert moments(told) == [("enter", 0), ("dwell", 2), ("dwell", 10), ("expire", 17.5)]


def test_settled_fence_next_to_a_live_one() -> None:
    """The same visit: told at once of one, and later of the other, with the same moments."""
    hall = replace(CAFE, fence_id="hall")
    state, here = unseen(), tracker(SHOP, hall)
    told = here.follow(state, [fix(0, 0), fix(3, 0), fix(9, 900), fix(9.5, 900)]).transitions
    first = list(told)
    told += here.tick(state, at(3_000))

    assert {one.fence_id for one in first} == {"hall"}
    live = [replace(one, fence_id="") for one in told if one.fence_id == "hall"]
    late = [replace(one, fence_id="") for one in told if one.fence_id == "cafe"]
    assert live == late
    assert [one.kind for one in live] == ["enter", "dwell", "exit"]


# ---- what is stored -------------------------------------------------------------------------


def test_state_of_a_device_that_sits_is_small() -> None:
    """Inside one fence, with a full trail and one block of it in the horizon: 600 B + 14 a fix."""
    state, here = unseen(), tracker(QUARTER)
    here.follow(state, [fix(30 * number, 0) for number in range(-24, 0)])
    here.follow(state, [fix(number / 3, 0) for number in range(25)])
    size = len(msgspec.msgpack.encode(state))

    assert list(state.fences) == ["quarter"]
    assert size <= 600 + len(state.trail.fixes)


def test_state_holds_nothing_of_what_is_settled() -> None:
    """However long a device sways in and out, what no late fix can change is let go."""
    state, here = unseen(), tracker(CAFE)
    sizes = []
    for number in range(400):
        here.follow(state, [fix(5 * number, 900 * (number // 3 % 2), 5)])
        sizes.append(len(msgspec.msgpack.encode(state)))

    assert max(sizes[200:]) <= max(sizes[50:200])
    assert max(sizes) < 3_000


# ---- whatever comes -------------------------------------------------------------------------


@MODEST
@given(walks.walks(), st.data())
def test_state_survives_saving_at_any_point(fixes: list[Fix], data: st.DataObject) -> None:
    """Groups of any size, stored and loaded between them, tell what one group tells."""
    here = Tracker(FenceIndex(walks.TOWN))
    whole = unseen()
    told_whole = here.follow(whole, fixes).transitions

    told: list[Transition] = []
    state = unseen()
    while fixes:
        cut = data.draw(st.integers(1, len(fixes)))
        while cut < len(fixes) and fixes[cut].at_ms == fixes[cut - 1].at_ms:
            cut += 1
        told += here.follow(state, fixes[:cut]).transitions
        fixes = fixes[cut:]
        state = walks.stored(state)

    waiting = {fence.fence_id for fence in walks.SETTLED}
    assert walks.by_fence(told) == walks.by_fence(told_whole)
    assert [one for one in told if one.fence_id not in waiting] == [
        one for one in told_whole if one.fence_id not in waiting
    ]
    assert state == whole


@MODEST
@given(walks.walks())
def test_skipped_fixes_do_not_matter(fixes: list[Fix]) -> None:
    """A tracker that weighs every fix tells what one tells that weighs those it has to."""
    idle_state, busy_state = unseen(), unseen()
    here = Tracker(FenceIndex(walks.TOWN))
    idle = here.follow(idle_state, fixes)

    add = Trail.add

    def add_and_weigh(trail: Trail, one: Fix) -> tuple[float, float, float | None]:
        kept = add(trail, one)
        trail.weigh()
        return kept

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trail, "add", add_and_weigh)
        busy = here.follow(busy_state, fixes)

    assert busy == idle
    assert busy_state == idle_state


@MODEST
@given(walks.walks(), st.sets(st.sampled_from([fence.fence_id for fence in walks.TOWN])))
def test_adding_a_fence_changes_nothing_for_the_others(fixes: list[Fix], names: set[str]) -> None:
    """Each fence is judged by itself, whatever else is asked of the same fixes."""
    fences = [fence for fence in walks.TOWN if fence.fence_id in names]
    everywhere = Fence("everywhere", Circle(50, 7, 90_000))
    more = Tracker(FenceIndex([*walks.TOWN, everywhere])).follow(unseen(), fixes).transitions

    fewer = Tracker(FenceIndex(fences)).follow(unseen(), fixes).transitions

    assert [one for one in more if one.fence_id in names] == fewer


@MODEST
@given(walks.walks())
def test_enter_and_exit_alternate_for_every_fence(fixes: list[Fix]) -> None:
    """One visit, one ENTER, one EXIT; and in order of the moments."""
    told = Tracker(FenceIndex(walks.TOWN)).follow(unseen(), fixes).transitions

    walks.assert_alternates(told)
    live = [one.at_ms for one in told if one.fence_id not in {"hall", "shop"}]
    assert live == sorted(live)


@MODEST
@given(walks.walks(), st.integers(0, 100_000))
def test_ticks_never_tell_a_threshold_twice(fixes: list[Fix], lateness_ms: int) -> None:
    """Timers and fixes together tell each threshold of a visit at most once."""
    here, state = Tracker(FenceIndex(walks.TOWN)), unseen()
    told: list[Transition] = []
    for one in fixes:
        told += here.follow(state, [one]).transitions
        told += here.tick(state, one.at_ms + lateness_ms)
    told += here.tick(state, fixes[-1].at_ms + 10**8)

    dwells = [
        (one.fence_id, one.visit_ms, one.after_s)
        for stands in walks.settled(told).values()
        for one in stands
        if one.kind == "dwell"
    ]
    assert len(dwells) == len(set(dwells))
    assert not any(one.is_inside for one in state.fences.values())
