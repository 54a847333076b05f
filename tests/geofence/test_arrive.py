import pytest

from fencepost_geofence.fence import Fence
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.shapes import Circle
from fencepost_geofence.state import DeviceState, Transition, unseen
from fencepost_geofence.tracker import Tracker
from fencepost_geofence.trail import HORIZON_MS
from geofence.walks import (
    BEGIN_MS,
    HOME,
    Arrival,
    CheckIn,
    Evidence,
    fix_at,
    in_short,
    stored,
    told_by,
)

AWAY_M = 900
FAR = [fix_at(at_s, AWAY_M, accuracy_m=5) for at_s in (0, 30, 60)]


def at_ms(at_s: float) -> int:
    """Give the moment so many seconds after the beginning."""
    return BEGIN_MS + round(at_s * 1000)


def cafe(**more: object) -> Tracker:
    """Watch one fence."""
    return Tracker(FenceIndex([Fence("cafe", Circle(*HOME, 60), **more)]))  # type: ignore[arg-type] # members by name


def come(tracker: Tracker, *uploads: list[Evidence]) -> list[str]:
    """Let uploads come; give what was told, in short."""
    coming = [Arrival(tuple(one), max(each.at_ms for each in one)) for one in uploads]
    return [
        " ".join(in_short(one).replace("cafe ", "").split()) for one in told_by(tracker, coming)[1]
    ]


def check_in(at_s: float) -> CheckIn:
    """Prove to be there."""
    return CheckIn(at_ms(at_s), "cafe")


@pytest.mark.feature("Q22")
def test_check_in_opens_the_visit_at_full_confidence() -> None:
    """At its own moment, sure, not initial, also of a device that nobody has seen: rule 1."""
    (told,) = cafe().check_in(unseen(), "cafe", at_ms(100)).transitions

    assert told == Transition(
        kind="enter",
        fence_id="cafe",
        at_ms=at_ms(100),
        crossed_at_ms=at_ms(100),
        visit_ms=at_ms(100),
        visit_began_ms=at_ms(100),
        confidence=1.0,
        reason="decided",
    )


@pytest.mark.feature("Q22")
def test_fixes_end_the_visit_that_a_check_in_opened() -> None:
    """By an ordinary EXIT, which is not before the check-in, however long ago the last fix was."""
    state, tracker = unseen(), cafe()
    tracker.follow(state, FAR)
    tracker.check_in(state, "cafe", at_ms(100))
    (told,) = tracker.follow(state, [fix_at(110, AWAY_M, accuracy_m=5)]).transitions

    assert (told.kind, told.superseded, told.duration_s) == ("exit", False, 5)
    assert told.crossed_at_ms == at_ms(105)


def test_check_in_inside_tells_nothing_and_keeps_the_visit() -> None:
    """One visit; presence then counts from the check-in: rule 2."""
    tracker, state = cafe(presence_ttl_s=120), unseen()
    told = tracker.follow(state, [fix_at(0, 0, accuracy_m=5)]).transitions
    told += tracker.check_in(state, "cafe", at_ms(100)).transitions
    told += tracker.tick(state, at_ms(1_000))

    assert [(one.kind, one.at_ms) for one in told] == [("enter", at_ms(0)), ("expire", at_ms(220))]
    assert told[1].duration_s == 100


def test_check_in_is_the_last_evidence_of_presence() -> None:
    """Without a fix the visit ends by EXPIRE, presence_ttl after it."""
    tracker, state = cafe(presence_ttl_s=600, dwell_after_s=(60,)), unseen()
    tracker.check_in(state, "cafe", at_ms(100))

    assert tracker.next_tick_ms(state) == at_ms(160)
    told = tracker.tick(state, at_ms(2_000))
    assert [(one.kind, one.at_ms) for one in told] == [
        ("dwell", at_ms(160)),
        ("expire", at_ms(700)),
    ]


def test_check_in_within_the_cooldown_is_the_same_visit() -> None:
    """Who left and comes back is told of neither: rule 2."""
    told = come(
        cafe(cooldown_s=300),
        [*FAR, fix_at(100, 0, accuracy_m=5), fix_at(110, 0, accuracy_m=5)],
        [fix_at(400 + n * 10, AWAY_M, accuracy_m=5) for n in range(6)],
        [check_in(500)],
        [fix_at(900, 0, accuracy_m=5)],
    )

    assert told == ["enter 100s (visit 100s)"]


def test_check_in_ends_a_doubt_from_before() -> None:
    """What waited for that is told then, and an EXIT after it is dated after it: rule 3."""
    tracker, state = cafe(dwell_after_s=(200,)), unseen()
    tracker.follow(state, [fix_at(at_s, 0) for at_s in (0, 10, 20)])
    for walked in range(20):  # slowly out, until it is no longer sure
        tracker.follow(state, [fix_at(25 + 5 * walked, 40 + 4 * walked)])
        if state.fences["cafe"].doubt:
            break
    in_doubt = state.fences["cafe"].doubt
    told = tracker.check_in(state, "cafe", at_ms(300)).transitions
    told += tracker.tick(state, at_ms(310))
    left = tracker.follow(state, [fix_at(400 + n * 10, AWAY_M) for n in range(6)]).transitions

    assert in_doubt is not None
    assert [(one.kind, one.at_ms) for one in told] == [("dwell", at_ms(300))]
    assert [one.kind for one in left] == ["exit"]
    assert left[0].crossed_at_ms >= at_ms(300)


def test_late_check_in_comes_between_the_fixes_that_are_known() -> None:
    """Told late, and ended by the fixes after it: rule 4."""
    told = come(cafe(), [*FAR, fix_at(200, AWAY_M, accuracy_m=5)], [check_in(100)])

    assert told == ["late enter 100s (visit 100s)", "late exit 200s (visit 100s)"]


def test_late_fix_before_a_check_in_leaves_it_standing() -> None:
    """Going back before it comes forth over it again: rule 4."""
    late = [fix_at(50, AWAY_M, accuracy_m=5)]
    told = come(cafe(), [FAR[0], check_in(100)], [*late], [fix_at(200, AWAY_M, accuracy_m=5)])

    assert told == ["enter 100s (visit 100s)", "exit 200s (visit 100s)"]


def test_check_in_that_comes_again_or_too_late_changes_nothing() -> None:
    """A duplicate, one older than the horizon, one of a fence that is not there."""
    tracker, state = cafe(), unseen()
    tracker.follow(state, [fix_at(1_000, AWAY_M)])
    tracker.check_in(state, "cafe", at_ms(1_010))
    before: DeviceState = stored(state)
    answers = [
        tracker.check_in(state, "cafe", at_ms(1_010)),
        tracker.check_in(state, "cafe", at_ms(1_010) - HORIZON_MS - 1),
        tracker.check_in(state, "gone", at_ms(1_020)),
    ]

    assert [one.dropped for one in answers] == [{"duplicate": 1}, {"late": 1}, {}]
    assert not [one.transitions for one in answers if one.transitions]
    assert state == before


def test_check_ins_are_let_go_with_the_horizon() -> None:
    """A device that never sends a fix does not grow either."""
    tracker, state = cafe(), unseen()
    for hour in range(50):
        tracker.check_in(state, "cafe", at_ms(3_600 * hour))
        tracker.tick(state, at_ms(3_600 * hour + 3_000))

    assert len(state.check_ins) == 1
    assert len(state.past) + len(state.told) < 10
