import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_geofence.evidence import ENTER_AT, LEAVE_AT, Refusal, inside_probability
from fencepost_geofence.fix import Fix
from fencepost_geofence.membership import Sight, next_moment_ms, step, tell_due
from fencepost_geofence.state import DeviceState, Doubt, FenceState, Transition, unseen
from fencepost_geofence.trail import Weighed
from geofence.positions import MODEST

HOUR_S = 3_600


@dataclass(frozen=True)
class Line:
    """A fence in one dimension: the latitude of an estimate is its signed distance in metres."""

    fence_id: str = "door"
    dwell_after_s: tuple[int, ...] = ()
    dwell_repeat_s: int | None = None
    presence_ttl_s: int = 3_600
    cooldown_s: int = 0
    enter_at: float = ENTER_AT
    leave_at: float = LEAVE_AT
    size_m: float = 1e9
    since_ms: int = 0


DOOR = Line()


def measure(lat: float, _lon: float) -> float:
    """Give the signed distance of an estimate."""
    return lat


def pass_time(device: DeviceState, line: Line, until_ms: int) -> list[Transition]:
    """Let time pass as the tracker does."""
    told = []
    while line.fence_id in device.fences:
        moment_ms = next_moment_ms(device, line)
        if moment_ms is None or moment_ms > until_ms:
            break
        told.append(tell_due(device, line))
        assert told[-1].at_ms == moment_ms
    return told


def walk(
    device: DeviceState,
    distances: Sequence[float],
    line: Line = DOOR,
    accuracy_m: float | None = 10,
    every_s: int = 60,
) -> list[Transition]:
    """
    Let a device be estimated at these signed distances, once a minute.

    The standard deviation is 10 m, so that P(inside) is 0.6 at -2.5 m and 0.05 at 16.4 m.
    """
    told: list[Transition] = []
    for distance_m in distances:
        before_ms = device.trail.last_ms
        at_ms = every_s * 1_000 + (before_ms or 0)
        told += pass_time(device, line, at_ms)
        device.trail.add(Fix(at_ms, 0, 0, accuracy_m))
        sight = Sight(at_ms, accuracy_m, before_ms, Weighed(distance_m, 0, 10))
        held, one, _ = step(device.fences.get(line.fence_id), line, sight, measure)
        device.hold(line.fence_id, held, at_ms)
        told += [one] if one else []
    return told


def started() -> DeviceState:
    """Give a device that was seen outside before."""
    device = unseen()
    device.trail.add(Fix(0, 0, 0, 10))
    return device


def kinds(told: list[Transition]) -> list[str]:
    """Give only what happened."""
    return [one.kind for one in told]


def story(told: list[Transition]) -> list[tuple[str, int]]:
    """Give what happened in which minute."""
    return [(one.kind, one.at_ms // 60_000) for one in told]


def test_membership_needs_only_the_standard_library() -> None:
    """The client SDK imports it: nothing else may come along."""
    code = (
        "import sys; before = set(sys.modules);"
        "import fencepost_geofence.membership, fencepost_geofence.late;"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "print(sorted(new - set(sys.stdlib_module_names)))"
    )

    out = subprocess.run(  # noqa: S603 (our own interpreter, a fixed program)
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert out.stdout.strip() == "['fencepost_geofence']"


# ---- ENTER and EXIT -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("distances", "expected"),
    [
        ([50, -50], ["enter"]),
        ([50, -1], []),
        ([50, -1, -1, -1], []),
        ([50, -1, -3], ["enter"]),
        ([50, -3, 10, -3, 10, -3], ["enter"]),
        ([50, -50, 10, 10, 10], ["enter"]),
        ([50, -50, 17], ["enter", "exit"]),
        ([50, -3, 17, -3, 17], ["enter", "exit"] * 2),
    ],
    ids=["sure", "unsure", "unsure-often", "surer", "sways", "lingers", "leaves", "twice"],
)
def test_membership_enters_at_0_6_and_leaves_at_0_05(
    distances: list[float], expected: list[str]
) -> None:
    """Between the two thresholds nothing changes, however often it is said."""
    assert kinds(walk(started(), distances)) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (replace(DOOR, enter_at=0.95), [("enter", 4), ("exit", 6)]),
        (replace(DOOR, leave_at=0.45), [("enter", 2), ("exit", 5)]),
        (replace(DOOR, enter_at=0.3, leave_at=0.01), [("enter", 1), ("exit", 7)]),
    ],
    ids=["sure-to-enter", "quick-to-leave", "slow-to-leave"],
)
def test_membership_takes_thresholds_of_the_fence(
    line: Line, expected: list[tuple[str, int]]
) -> None:
    """A fence may ask for more certainty than the default, or for less."""
    assert story(walk(started(), [3, -4, -10, -20, 4, 18, 40], line)) == expected


def test_step_says_why_it_did_not_decide() -> None:
    """The first doubt is one fix, more are a device that sways, a coarse fix says nothing."""
    held, said = None, []
    shop = Line(size_m=60)
    for distance_m, accuracy_m in [(50, 10), (0, 10), (0, 201), (0, 10), (-5, 10), (10, 10)]:
        sight = Sight(60_000, accuracy_m, 0, Weighed(distance_m, 0, 10))
        held, _, reason = step(held, shop, sight, measure)
        said.append(reason)

    assert said == ["decided", "one_fix", "low_accuracy", "oscillating", "decided", "one_fix"]


@pytest.mark.parametrize("refusal", ["implausible_speed", "stale"])
def test_step_of_a_refused_fix_changes_and_measures_nothing(refusal: Refusal) -> None:
    """The filter's reason is handed on."""

    def never(_lat: float, _lon: float) -> float:
        raise AssertionError

    held = FenceState(doubt=Doubt(1, 1, initial=False))
    sight = Sight(60_000, 5, 0, Weighed(-50, 0, 10, refusal))
    told = step(held, DOOR, sight, never)

    assert told == (held, None, refusal)
    assert told[0] is held


def test_step_that_changes_nothing_gives_the_same_object() -> None:
    """Who is asked about every fix must not have to compare."""
    sight = Sight(60_000, 5, 0, Weighed(-50, 0, 10))
    inside, _, _ = step(None, DOOR, sight, measure)

    assert step(inside, DOOR, replace(sight, at_ms=90_000), measure)[0] is inside
    assert step(None, DOOR, Sight(60_000, 5, 0, Weighed(50, 0, 10)), measure)[0] is None


def test_enter_says_what_decided_it() -> None:
    """ENTER after a doubt: the first estimate inside began the visit, a surer one decided."""
    (enter,) = walk(started(), [50, -1, -20])

    assert enter == Transition(
        kind="enter",
        fence_id="door",
        at_ms=180_000,
        crossed_at_ms=90_000,
        visit_ms=180_000,
        visit_began_ms=120_000,
        distance_m=-20,
        accuracy_m=10,
        confidence=inside_probability(-20, 10),
        reason="decided",
    )


def test_exit_carries_the_visit() -> None:
    """EXIT names its visit, lasts until the estimated crossing, and says how sure it is."""
    _, leave = walk(started(), [-50, -50, 5, 20])

    assert leave == Transition(
        kind="exit",
        fence_id="door",
        at_ms=240_000,
        crossed_at_ms=150_000,
        visit_ms=60_000,
        visit_began_ms=60_000,
        duration_s=90,
        distance_m=20,
        accuracy_m=10,
        confidence=1 - inside_probability(20, 10),
        reason="decided",
    )


@pytest.mark.parametrize("distances", [[-50], [-1, -5]], ids=["sure", "doubted"])
def test_enter_is_initial_on_the_first_fix_ever(distances: list[float]) -> None:
    """Who is inside when tracking begins did not cross a boundary."""
    (enter,) = walk(unseen(), distances)

    assert enter.initial
    assert enter.crossed_at_ms == enter.visit_began_ms == 60_000


def test_enter_is_initial_when_the_fence_was_drawn_around_the_device() -> None:
    """Who is inside on the first fix after the publication did not cross a boundary."""
    line = Line(since_ms=30_000)

    assert [one.initial for one in walk(started(), [-50], line)] == [True]
    assert [one.initial for one in walk(started(), [50, -50], line)] == [False]


def test_exit_is_never_initial() -> None:
    """A fence published anew while someone is inside has an ordinary EXIT."""
    device = started()
    walk(device, [-50])

    (leave,) = walk(device, [50], Line(since_ms=100_000))

    assert (leave.kind, leave.initial) == ("exit", False)


def test_doubt_is_ended_by_an_hour_of_silence() -> None:
    """Who was at the door an hour ago has not been inside since."""
    for silence_s, began_s in ((HOUR_S, 60), (HOUR_S + 1, 60 + HOUR_S + 1)):
        device = started()
        walk(device, [-1])
        (enter,) = walk(device, [-20], every_s=silence_s)

        assert enter.visit_began_ms == began_s * 1_000
        assert not enter.initial


def test_doubt_of_an_exit_is_ended_by_an_hour_of_silence() -> None:
    """Who swayed, was silent and is found outside left in that silence."""
    patient = Line(presence_ttl_s=10 * HOUR_S)
    device = started()
    walk(device, [-50, 5], patient)

    (leave,) = walk(device, [50], patient, every_s=2 * HOUR_S)

    assert leave.crossed_at_ms == 120_000 + HOUR_S * 1_000


def test_state_certainly_outside_is_empty() -> None:
    """Nothing is held of fences the device is certainly not in."""
    device = started()
    walk(device, [-1, 50])
    assert device.fences == {}

    walk(device, [-50, 50])

    assert device.fences == {}


# ---- DWELL ----------------------------------------------------------------------------------


def test_dwell_is_told_once_per_threshold_and_visit() -> None:
    """Each threshold once, at its moment; a new visit starts again."""
    line = Line(dwell_after_s=(120, 300))
    told = walk(started(), [-50] * 10 + [50] + [-50] * 3, line)

    assert [(one.kind, one.after_s, one.at_ms // 60_000) for one in told] == [
        ("enter", None, 1),
        ("dwell", 120, 3),
        ("dwell", 300, 6),
        ("exit", None, 11),
        ("enter", None, 12),
        ("dwell", 120, 14),
    ]


def test_dwell_repeats_after_the_last_threshold_if_asked() -> None:
    """Then every so often, counted from the visit's beginning, until it ends."""
    line = Line(dwell_after_s=(60, 150), dwell_repeat_s=90)
    told = walk(started(), [-50] * 8 + [50] * 5, line)

    dwells = [(one.after_s, one.at_ms // 1_000) for one in told if one.kind == "dwell"]
    assert dwells == [(60, 120), (150, 210), (240, 300), (330, 390), (420, 480)]


def test_dwell_carries_no_position() -> None:
    """Time knows the visit and the threshold, and nothing about where the device is."""
    line = Line(dwell_after_s=(60,))
    device = started()
    walk(device, [-50], line)

    (dwell,) = pass_time(device, line, 500_000)

    assert dwell == Transition(
        kind="dwell",
        fence_id="door",
        at_ms=120_000,
        crossed_at_ms=120_000,
        visit_ms=60_000,
        visit_began_ms=60_000,
        after_s=60,
        reason="timer",
    )


def test_dwell_does_not_wait_for_a_fix() -> None:
    """A fix that comes later lets time pass first: the moment is the threshold's own."""
    device = started()
    line = Line(dwell_after_s=(300,))
    walk(device, [-50], line)

    (dwell,) = walk(device, [-40], line, every_s=3_000)

    assert (dwell.at_ms, dwell.reason) == (360_000, "timer")


def test_dwell_counts_from_the_first_fix_inside() -> None:
    """A visit decided by a second fix began with the first, and may have dwelled already."""
    told = walk(started(), [-1, -1, -5, -5], Line(dwell_after_s=(60,)))

    assert [(one.kind, one.at_ms // 1_000) for one in told] == [("enter", 180), ("dwell", 180)]
    assert told[1].crossed_at_ms == 120_000


def test_dwell_is_not_claimed_while_an_exit_is_in_doubt() -> None:
    """A fix outside proves no stay; the next one inside does, and tells it then."""
    device, line = started(), Line(dwell_after_s=(90,))

    told = walk(device, [-50, 5], line)
    told += pass_time(device, line, 900_000)
    assert story(told) == [("enter", 1)]
    told += walk(device, [-50, -50], line)

    assert story(told) == [("enter", 1), ("dwell", 3)]
    assert told[1].crossed_at_ms == 150_000


def test_dwell_needs_presence_that_is_young_enough() -> None:
    """Ten minutes without a fix are no stay of half an hour: the visit expires."""
    line = Line(dwell_after_s=(60, 120, 600), presence_ttl_s=600)
    device = started()
    walk(device, [-50], line)

    told = pass_time(device, line, 10**9)

    assert [(one.kind, one.after_s) for one in told] == [
        ("dwell", 60),
        ("dwell", 120),
        ("expire", None),
    ]
    assert pass_time(device, line, 10**9) == []


def test_time_brings_nothing_to_a_doubt_of_an_enter() -> None:
    """No timer tells anything of a visit that is not sure."""
    line = Line(dwell_after_s=(60,))
    device = started()
    walk(device, [-1], line)

    assert next_moment_ms(device, line) is None
    with pytest.raises(ValueError, match="next_moment_ms first"):
        tell_due(device, line)


# ---- EXPIRE ---------------------------------------------------------------------------------


def test_expire_ends_a_visit_without_claiming_an_exit() -> None:
    """An hour after the last evidence the visit is over; it lasted until that evidence."""
    device = started()
    walk(device, [-50, -50, -50])

    assert next_moment_ms(device, DOOR) == (180 + HOUR_S) * 1_000
    assert pass_time(device, DOOR, 180_000 + HOUR_S * 1_000) == [
        Transition(
            kind="expire",
            fence_id="door",
            at_ms=(180 + HOUR_S) * 1_000,
            crossed_at_ms=180_000,
            visit_ms=60_000,
            visit_began_ms=60_000,
            duration_s=120,
            reason="timer",
        )
    ]
    assert next_moment_ms(device, DOOR) is None


def test_expire_comes_before_a_fix_of_the_same_moment() -> None:
    """Time passes until the fix: what was over by then is over."""
    line = Line(presence_ttl_s=60)

    assert story(walk(started(), [-50, -50], line)) == [("enter", 1), ("expire", 2), ("enter", 2)]


def test_enter_after_an_expire_is_initial_until_seen_outside() -> None:
    """Nobody saw a boundary crossed; who was seen outside since has crossed one."""
    quick = Line(presence_ttl_s=90)
    device = started()
    walk(device, [-50], quick)

    again = walk(device, [-50], quick, every_s=200)
    assert [(one.kind, one.initial) for one in again] == [("expire", False), ("enter", True)]
    unsure = walk(device, [0.5], quick, every_s=200) + walk(device, [-50], quick)
    assert [(one.kind, one.initial) for one in unsure] == [("expire", False), ("enter", True)]
    outside = walk(device, [50], quick, every_s=200) + walk(device, [-50], quick)
    assert [(one.kind, one.initial) for one in outside] == [("expire", False), ("enter", False)]


def test_state_after_an_expire_is_empty_once_seen_outside() -> None:
    """That a visit expired is held until the next fix says where the device is."""
    quick = Line(presence_ttl_s=90)
    device = started()
    walk(device, [-50], quick)
    pass_time(device, quick, 10**9)
    assert device.fences == {"door": FenceState(is_expired=True)}

    walk(device, [50], quick, every_s=200)

    assert device.fences == {}


def test_expire_ends_a_visit_whose_exit_was_in_doubt() -> None:
    """Nobody knows whether the device left in that silence: no EXIT is claimed."""
    device = started()
    told = walk(device, [50, -50, 5])

    told += pass_time(device, DOOR, 10**9)

    assert [(one.kind, one.crossed_at_ms) for one in told] == [
        ("enter", 90_000),
        ("expire", 180_000),
    ]


@pytest.mark.bad_input(49)
@pytest.mark.parametrize("accuracy_m", [800, 1e9])
def test_fix_too_coarse_for_the_fence_decides_nothing(accuracy_m: float) -> None:
    """A position snapped to a grid never puts anybody into a shop, however often it repeats."""
    device = started()

    assert walk(device, [-5, -5, -5], Line(size_m=60), accuracy_m) == []
    assert device.fences == {}


def test_fix_too_coarse_for_the_fence_ends_no_visit_and_settles_no_doubt() -> None:
    """The visit goes on until evidence says otherwise."""
    device = started()
    shop = Line(size_m=60)
    walk(device, [-20, 5], shop)
    doubt = device.fences["door"].doubt

    assert walk(device, [900, -900], shop, accuracy_m=800) == []
    assert doubt is not None
    assert device.fences["door"].doubt == doubt
    assert kinds(walk(device, [60], shop)) == ["exit"]


def test_fix_too_coarse_for_the_fence_is_no_evidence_of_presence() -> None:
    """Coarse fixes for an hour, wherever they lie: the visit expires."""
    device = started()
    shop = Line(size_m=60)
    walk(device, [-20], shop)

    told = walk(device, [-20] * 61, shop, accuracy_m=800)

    assert [(one.kind, one.at_ms, one.crossed_at_ms) for one in told] == [
        ("expire", (60 + HOUR_S) * 1_000, 60_000)
    ]


def test_coarse_fix_still_decides_about_a_large_fence() -> None:
    """A district can be told from a snapped position."""
    assert kinds(walk(started(), [-900], Line(size_m=2_000), accuracy_m=800)) == ["enter"]


# ---- cooldown -------------------------------------------------------------------------------

PATIENT = Line(cooldown_s=180, dwell_after_s=(420,))


def test_exit_is_told_when_the_cooldown_is_over() -> None:
    """Three minutes after it was decided, with the crossing as it was."""
    device = started()
    told = walk(device, [-50, -50, 50], PATIENT)
    assert kinds(told) == ["enter"]

    (leave,) = walk(device, [50, 50, 50], PATIENT)

    assert leave == Transition(
        kind="exit",
        fence_id="door",
        at_ms=360_000,
        crossed_at_ms=150_000,
        visit_ms=60_000,
        visit_began_ms=60_000,
        duration_s=90,
        reason="timer",
    )
    assert device.fences == {}


def test_enter_within_the_cooldown_belongs_to_the_same_visit() -> None:
    """Who comes back in time was never away: no pair is told, and the visit's time runs on."""
    device = started()

    told = walk(device, [-50, 50, 50, -50, 50, -50, -50, -50, -50], PATIENT)

    assert [(one.kind, one.at_ms // 1_000) for one in told] == [("enter", 60), ("dwell", 480)]
    assert told[1].visit_began_ms == 60_000


def test_enter_after_the_cooldown_is_a_new_visit() -> None:
    """Who comes back too late has been away, and has crossed a boundary."""
    told = walk(started(), [-50, 50, 50, 50, 50, -50], PATIENT)

    assert story(told) == [("enter", 1), ("exit", 5), ("enter", 6)]
    assert not told[-1].initial


def test_dwell_is_not_told_while_away_within_the_cooldown() -> None:
    """Whoever left does not dwell; the threshold is told on coming back."""
    line = replace(PATIENT, dwell_after_s=(120,))
    device = started()

    told = walk(device, [-50, 50, 50, -50, -50], line)

    assert [(one.kind, one.at_ms // 1_000) for one in told] == [("enter", 60), ("dwell", 240)]


def test_cooldown_ends_by_exit_and_not_by_expire() -> None:
    """Who was seen leaving has left, however short presence is believed."""
    line = replace(PATIENT, presence_ttl_s=120)

    device = started()
    told = walk(device, [-50, 50], line)
    told += pass_time(device, line, 10**9)

    assert kinds(told) == ["enter", "exit"]


# ---- whatever comes -------------------------------------------------------------------------

distances_m = st.lists(st.sampled_from([-200, -50, -12, -5, -0.5, 0, 0.5, 5, 12, 20, 50, 200]))
lines = st.builds(
    Line,
    dwell_after_s=st.sampled_from([(), (60,), (60, 200)]),
    presence_ttl_s=st.sampled_from([60, 150, 3_600]),
    cooldown_s=st.sampled_from([0, 60, 200]),
)


@MODEST
@given(distances_m, st.sampled_from([None, 3, 10, 100]), lines, st.sampled_from([30, 60, 4_000]))
def test_enter_and_exit_alternate_whatever_comes(
    distances: list[float], accuracy_m: float | None, line: Line, every_s: int
) -> None:
    """Never two ENTERs without an EXIT or EXPIRE between; the last one agrees with the state."""
    device = unseen()
    told = [
        one for one in walk(device, distances, line, accuracy_m, every_s) if one.kind != "dwell"
    ]

    assert [one.kind == "enter" for one in told] == [i % 2 == 0 for i in range(len(told))]
    held = device.fences.get("door", FenceState())
    assert (held.is_inside or held.left is not None) == (len(told) % 2 == 1)
    for enter, leave in zip(told[::2], told[1::2], strict=False):
        assert enter.visit_began_ms == leave.visit_began_ms
        assert leave.duration_s is not None
        assert leave.duration_s >= 0


@MODEST
@given(distances_m, st.sampled_from([None, 100]))
def test_dwell_belongs_to_a_visit_and_comes_in_order(
    distances: list[float], repeat_s: int | None
) -> None:
    """Between ENTER and EXIT thresholds ascend, none twice, none outside a visit."""
    inside, last_s = False, 0
    line = Line(dwell_after_s=(60, 120, 240), dwell_repeat_s=repeat_s)
    for one in walk(unseen(), distances, line):
        if one.kind == "dwell":
            assert inside
            assert one.after_s is not None
            assert one.after_s > last_s
            assert one.crossed_at_ms == one.visit_began_ms + one.after_s * 1_000 <= one.at_ms
            last_s = one.after_s
        else:
            inside, last_s = one.kind == "enter", 0


@MODEST
@given(distances_m, lines, st.integers(1, 4))
def test_rewind_gives_back_what_was_held(distances: list[float], line: Line, stride: int) -> None:
    """The state of any moment can be gone back to."""
    device = unseen()
    held = []
    for number, distance_m in enumerate(distances):
        pass_time(device, line, number * 60_000)
        held.append((number * 60_000 + 1, dict(device.fences)))
        walk(device, [distance_m], line)

    for at_ms, expected in held[::-stride]:
        device.rewind(at_ms)
        assert device.fences == expected
