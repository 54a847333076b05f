from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from fencepost_geofence import late
from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import Fix
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.shapes import Circle
from fencepost_geofence.state import DeviceState, Kind, Told, Transition, unseen
from fencepost_geofence.tracker import Tracker
from geofence.positions import MODEST
from geofence.walks import (
    HOME,
    SETTLED,
    TOWN,
    Arrival,
    Evidence,
    arrivals,
    assert_alternates,
    by_fence,
    evidence,
    fix_at,
    held,
    in_order,
    in_short,
    said,
    settled,
    stored,
    told_by,
    walks,
)

TRACKER = Tracker(FenceIndex(TOWN))
LIVE = Tracker(FenceIndex(fence for fence in TOWN if fence.emit == "live"))
LONG_MS = 4 * 3_600_000  # until everything is over
OFTEN = settings(max_examples=3_000, deadline=None, suppress_health_check=list(HealthCheck))


# ---- whatever comes -------------------------------------------------------------------------


def compare(
    tracker: Tracker, fixes: Sequence[Evidence], coming: list[Arrival], end_ms: int
) -> None:
    """Let evidence come in disorder, and once sorted in one upload; hold one against the other."""
    end = Arrival((), max(one.now_ms for one in coming) + end_ms)
    expected, sorted_told = told_by(tracker, [*in_order(fixes), end], store=False)
    state, told = told_by(tracker, [*coming, end])
    note("\n".join(map(repr, coming)))
    note("\n".join(["sorted", *map(in_short, sorted_told), "told", *map(in_short, told)]))

    assert held(state) == held(expected)
    assert said(told) == said(sorted_told)
    assert_alternates(told)
    assert_names(told)
    if end_ms:  # by then all is told that waited
        ours, theirs = by_fence(told), by_fence(sorted_told)
        for fence in SETTLED:
            assert ours.get(fence.fence_id) == theirs.get(fence.fence_id)


def assert_names(told: list[Transition]) -> None:
    """All that stands of a visit names it as its ENTER does, and no two bear one name."""
    for story in settled(told).values():
        names = [one.visit_ms for one in story if one.kind == "enter"]
        assert len(names) == len(set(names))
        for before, one in pairwise(story):
            assert one.kind == "enter" or one.visit_ms == before.visit_ms


ends = st.sampled_from([0, LONG_MS])


@MODEST
@given(st.data(), walks(), ends)
def test_late_fixes_come_to_what_the_sorted_track_says(
    data: st.DataObject, fixes: list[Fix], end_ms: int
) -> None:
    """
    Any order within the horizon, any uploads, duplicates, ticks, storing: the same story.

    What is held is equal, what stands of live fences is, settled ones are told the same to the
    moment; ENTER and EXIT alternate all the time, and each visit has a name of its own.
    """
    compare(TRACKER, fixes, data.draw(arrivals(fixes)), end_ms)


@pytest.mark.long
@pytest.mark.timeout(3_600)
@OFTEN
@given(st.data(), walks(), ends)
def test_late_fixes_come_to_what_the_sorted_track_says_however_often(
    data: st.DataObject, fixes: list[Fix], end_ms: int
) -> None:
    """The same, three thousand times."""
    compare(TRACKER, fixes, data.draw(arrivals(fixes)), end_ms)


@MODEST
@given(st.data(), walks())
def test_late_fixes_take_back_what_timers_told_too_early(
    data: st.DataObject, fixes: list[Fix]
) -> None:
    """However far the server's time ran ahead of an upload, live fences come to the same."""
    compare(LIVE, fixes, data.draw(arrivals(fixes, far=True)), LONG_MS)


@pytest.mark.long
@pytest.mark.timeout(3_600)
@OFTEN
@given(st.data(), walks())
def test_late_fixes_take_back_what_timers_told_too_early_however_often(
    data: st.DataObject, fixes: list[Fix]
) -> None:
    """The same, three thousand times."""
    compare(LIVE, fixes, data.draw(arrivals(fixes, far=True)), LONG_MS)


@MODEST
@given(st.data(), evidence(), ends)
def test_late_fixes_and_check_ins_come_to_what_the_sorted_track_says(
    data: st.DataObject, found: list[Evidence], end_ms: int
) -> None:
    """The same with check-ins among the fixes, which come late and twice as fixes do."""
    compare(TRACKER, found, data.draw(arrivals(found)), end_ms)


@MODEST
@given(st.data(), evidence())
def test_late_check_ins_take_back_what_timers_told_too_early(
    data: st.DataObject, found: list[Evidence]
) -> None:
    """However far the server's time ran ahead of an upload."""
    compare(LIVE, found, data.draw(arrivals(found, far=True)), LONG_MS)


@pytest.mark.long
@pytest.mark.timeout(3_600)
@OFTEN
@given(st.data(), evidence(), ends)
def test_late_fixes_and_check_ins_come_to_what_the_sorted_track_says_however_often(
    data: st.DataObject, found: list[Evidence], end_ms: int
) -> None:
    """The same, three thousand times."""
    compare(TRACKER, found, data.draw(arrivals(found)), end_ms)


@MODEST
@given(st.data(), walks())
def test_duplicates_change_nothing(data: st.DataObject, fixes: list[Fix]) -> None:
    """What is known and comes again, at once or much later, is dropped and leaves no trace."""
    state = unseen()
    known: list[Fix] = []
    for one in data.draw(arrivals(fixes)):
        come_now = [fix for fix in one.fixes if isinstance(fix, Fix)]
        TRACKER.follow(state, come_now)
        known += come_now
        before = stored(state)
        again = data.draw(st.lists(st.sampled_from(known or fixes[:1]), max_size=5))

        followed = TRACKER.follow(state, again if known else [])

        assert followed.transitions == []
        assert followed.weighed == {}
        assert state == before


# ---- rule by rule ---------------------------------------------------------------------------

CAFE = Fence("cafe", Circle(*HOME, 60), dwell_after_s=(120,))
AWAY_M = 900


def come(*uploads: list[Fix], fence: Fence = CAFE) -> list[list[Transition]]:
    """Let uploads come; give what each led to."""
    state: DeviceState = unseen()
    return [Tracker(FenceIndex([fence])).follow(state, fixes).transitions for fixes in uploads]


def marks(told: list[Transition]) -> list[str]:
    """Tell transitions with their marks, seconds, and the names of the visits."""
    return [" ".join(in_short(one).replace("cafe ", "").split()) for one in told]


def outside(*seconds: float) -> list[Fix]:
    """Be well outside."""
    return [fix_at(at_s, AWAY_M, accuracy_m=5) for at_s in seconds]


def inside(*seconds: float) -> list[Fix]:
    """Be well inside."""
    return [fix_at(at_s, 0, accuracy_m=5) for at_s in seconds]


def test_late_fix_that_tells_nothing_new_tells_nothing() -> None:
    """A visit that begins or ends elsewhere now stands as it was told: rule 1."""
    first, again, end = come(
        [*outside(0, 30), *inside(200, 210)],
        [*inside(100, 110), *outside(60)],
        outside(500, 530, 560),
    )

    assert marks(first) == ["enter 210s (visit 210s)"]
    assert marks(again) == []
    assert marks(end) == ["dwell 120 220s (visit 210s)", "exit 500s (visit 210s)"]


def test_late_fix_takes_back_a_visit_the_sorted_track_lacks() -> None:
    """An ENTER by an EXIT, its DWELL before it, all superseded and none of them late: rule 2."""
    stray = [fix_at(at_s, 0, accuracy_m=5) for at_s in (200, 210)]
    first, again = come(
        [*outside(0, 30), *stray, *outside(400, 430)],
        [*outside(*range(195, 240, 2))],
    )

    assert [one.kind for one in first] == ["enter", "dwell", "exit"]
    assert [(one.kind, one.superseded, one.late) for one in again] == [
        ("enter", True, False),
        ("dwell", True, False),
        ("exit", True, False),
    ]
    assert {one.visit_ms for one in again} == {first[0].visit_ms}


def test_compare_takes_back_a_dwell_of_the_same_moment_before_its_enter() -> None:
    """Newest first, also where one moment brought both."""
    enter = Told("enter", "cafe", 7_000, 7_000, None, initial=False)
    before = [enter, enter._replace(kind="dwell", after_s=60)]

    news = late.compare(before, [], 9_000, set()).news

    assert [(one.kind, one.after_s, one.superseded) for one in news] == [
        ("dwell", 60, True),
        ("exit", None, True),
    ]


def test_compare_gives_no_two_visits_one_name() -> None:
    """What was told stands for an earlier visit now; the one it was told for gets another name."""

    def decided(kind: Kind, at_ms: int, visit_ms: int) -> Transition:
        return Transition(
            kind=kind,
            fence_id="cafe",
            at_ms=at_ms,
            crossed_at_ms=at_ms,
            visit_ms=visit_ms,
            visit_began_ms=visit_ms,
            reason="decided",
        )

    before = [Told("enter", "cafe", 7_000, 7_000, None, initial=False)]
    after = [decided("enter", 2_000, 2_000), decided("exit", 4_000, 2_000)]
    after += [decided("enter", 7_000, 7_000), decided("exit", 8_000, 7_000)]

    change = late.compare(before, after, 9_000, {("cafe", 7_001)})

    assert [(one.kind, one.visit_ms) for one in change.told] == [
        ("enter", 7_000),
        ("exit", 7_000),
        ("enter", 7_002),
        ("exit", 7_002),
    ]
    assert [one.visit_ms for one in change.news] == [7_000, 7_002, 7_002]
    assert change.names == {("cafe", 2_000): 7_000, ("cafe", 7_000): 7_002}


def test_late_fixes_split_a_visit() -> None:
    """The ENTER stands; what the sorted track has after it is told late: rule 3."""
    first, again, end = come(
        inside(0, 10, 300, 310),
        outside(100, 110, 120, 130, 140),
        outside(500, 510, 520),
    )

    assert marks(first) == ["initial enter 0s (visit 0s)", "dwell 120 120s (visit 0s)"]
    assert [(one.kind, one.superseded, one.late) for one in again] == [
        ("dwell", True, False),
        ("exit", False, True),
        ("enter", False, True),
    ]
    assert [one.kind for one in end] == ["dwell", "exit"]
    assert len({one.visit_ms for one in [*first, *again, *end]}) == 2


def test_late_fix_takes_back_what_a_timer_told() -> None:
    """Silence that was none: EXPIRE by an ENTER, and the visit goes on under its name."""
    fence = Fence("cafe", Circle(*HOME, 60), presence_ttl_s=120)
    state, tracker = unseen(), Tracker(FenceIndex([fence]))
    told = tracker.follow(state, inside(0)).transitions
    told += tracker.tick(state, fix_at(400, 0).at_ms)
    again = tracker.follow(state, inside(100, 200, 300)).transitions
    told += tracker.tick(state, fix_at(900, 0).at_ms)

    assert marks(told) == [
        "initial enter 0s (visit 0s)",
        "expire 120s (visit 0s)",
        "expire 420s (visit 0s)",
    ]
    assert marks(again) == ["superseded enter 120s (visit 0s)"]


def test_late_fix_makes_an_initial_enter_an_ordinary_one() -> None:
    """Who came in was not there from the beginning: whoever ignores the initial one must know."""
    first, again = come(inside(100, 110, 120), outside(50, 60))

    assert marks(first) == ["initial enter 100s (visit 100s)"]
    assert [(one.kind, one.superseded, one.late, one.initial) for one in again] == [
        ("exit", True, False, False),
        ("enter", False, True, False),
    ]


def test_late_fix_names_no_two_visits_alike() -> None:
    """The first visit keeps the name it was told by; the one it was told for has another."""
    told = come(
        [*outside(0, 30), *inside(400, 410)],
        [*inside(100, 110), *outside(200, 210, 220, 230)],
        outside(600, 610, 620),
    )
    stands = settled(one for upload in told for one in upload)["cafe"]

    assert [one.kind for one in stands] == ["enter", "exit", "enter", "dwell", "exit"]
    assert [one.visit_ms for one in stands[:2]] == [told[0][0].visit_ms] * 2
    assert len({one.visit_ms for one in stands}) == 2


def test_late_fix_says_what_is_late_and_what_is_not() -> None:
    """What lies behind the newest that was known would have been told in any case."""
    _, mixed = come(
        [*outside(0, 30), *outside(300)],
        [*inside(100, 110), *outside(200, 210), *inside(400, 410)],
    )

    assert [(one.kind, one.late) for one in mixed] == [
        ("enter", True),
        ("exit", True),
        ("enter", False),
    ]
