import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_geofence.evidence import Refusal, inside_probability
from fencepost_geofence.fix import Fix
from fencepost_geofence.membership import DeviceState, Transition, due_dwells, step
from fencepost_geofence.trail import Weighed
from geofence.positions import MODEST


@dataclass(frozen=True)
class Line:
    """A fence in one dimension: the latitude of an estimate is its signed distance in metres."""

    fence_id: str = "door"
    dwell_after_s: tuple[int, ...] = ()
    presence_ttl_s: int = 3_600
    size_m: float = 1e9
    since_ms: int = 0


def walk(
    device: DeviceState,
    distances: Sequence[float],
    line: Line | None = None,
    accuracy_m: float | None = 10,
    every_s: int = 60,
) -> list[Transition]:
    """
    Let a device be estimated at these signed distances, once a minute; ``ref`` counts seconds.

    The standard deviation is 10 m, so that P(inside) is 0.6 at -2.5 m and 0.05 at 16.4 m.
    """
    told: list[Transition] = []
    line = line or Line()
    for distance_m in distances:
        before = device.last_at_ms
        at_ms = every_s * 1_000 + (before or 0)
        fix = Fix(at_ms, distance_m, 0, accuracy_m, ref=f"at-{at_ms // 1000}")
        told += step(device, line, fix, Weighed(distance_m, 0, 10), lambda lat, _lon: lat)[0]
        device.last_at_ms = at_ms
    return told


def started() -> DeviceState:
    """Give a device that was seen outside before."""
    return DeviceState(last_at_ms=0)


def kinds(told: list[Transition]) -> list[str]:
    """Give only what happened."""
    return [one.kind for one in told]


def test_membership_needs_only_the_standard_library() -> None:
    """The client SDK imports it: nothing else may come along."""
    code = (
        "import sys; before = set(sys.modules); import fencepost_geofence.membership;"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "print(sorted(new - set(sys.stdlib_module_names)))"
    )

    out = subprocess.run(  # noqa: S603 (our own interpreter, a fixed program)
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert out.stdout.strip() == "['fencepost_geofence']"


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


def reasons(device: DeviceState, distances: list[float], accuracy_m: float = 10) -> list[str]:
    """Give why each step decided or did not."""
    fix = Fix(60_000, 0, 0, accuracy_m)
    return [
        step(device, Line(size_m=60), fix, Weighed(metres, 0, 10), lambda lat, _lon: lat)[1]
        for metres in distances
    ]


def test_step_says_why_it_did_not_decide() -> None:
    """The first doubt is one fix, more are a device that sways, a coarse fix says nothing."""
    device = started()

    said = reasons(device, [50, 0, 0, -5, 10, 10])

    assert said == ["decided", "one_fix", "oscillating", "decided", "one_fix", "oscillating"]
    assert reasons(device, [50], accuracy_m=201) == ["low_accuracy"]


@pytest.mark.parametrize("refusal", ["mock", "implausible_speed", "stale"])
def test_step_of_a_refused_fix_changes_and_measures_nothing(refusal: Refusal) -> None:
    """The filter's reason is handed on."""

    def never(_lat: float, _lon: float) -> float:
        raise AssertionError

    device = started()
    told = step(device, Line(), Fix(60_000, 0, 0, 5), Weighed(-50, 0, 10, refusal), never)

    assert told == ((), refusal)
    assert device == started()


def test_enter_says_what_decided_it() -> None:
    """ENTER after a doubt: the first estimate inside began the visit, a surer one decided."""
    (enter,) = walk(started(), [50, -1, -20])

    assert enter == Transition(
        kind="enter",
        fence_id="door",
        at_ms=180_000,
        crossed_at_ms=90_000,
        ref="at-180",
        visit_ref="at-120",
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
        ref="at-240",
        visit_ref="at-60",
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
    (enter,) = walk(DeviceState(), distances)

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


def test_state_certainly_outside_is_empty() -> None:
    """Nothing is held of fences the device is certainly not in."""
    device = started()
    walk(device, [-1, 50])
    assert device.fences == {}

    walk(device, [-50, 50])

    assert device.fences == {}


def test_dwell_is_told_once_per_threshold_and_visit() -> None:
    """Each threshold once, by the first fix at or after it; a new visit starts again."""
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


def test_dwell_by_a_late_fix_says_when_it_was_reached() -> None:
    """The fix decides at its own time; the threshold's moment is kept too."""
    device = started()
    walk(device, [-50])

    (dwell,) = walk(device, [-40], Line(dwell_after_s=(300,)), every_s=3_000)

    assert dwell == Transition(
        kind="dwell",
        fence_id="door",
        at_ms=3_060_000,
        crossed_at_ms=360_000,
        ref="at-3060",
        visit_ref="at-60",
        visit_began_ms=60_000,
        after_s=300,
        distance_m=-40,
        accuracy_m=10,
        confidence=inside_probability(-40, 10),
        reason="dwelled",
    )


def test_dwell_counts_from_the_first_fix_inside() -> None:
    """A visit decided by a second fix began with the first, and may have dwelled already."""
    told = walk(started(), [-1, -5], Line(dwell_after_s=(60,)))

    assert kinds(told) == ["enter", "dwell"]


def test_dwell_is_not_claimed_while_an_exit_is_in_doubt() -> None:
    """A fix outside proves no stay; the next one inside does."""
    told = walk(started(), [-50, 5, -50], Line(dwell_after_s=(60,)))

    assert [(one.kind, one.at_ms) for one in told] == [("enter", 60_000), ("dwell", 180_000)]


def due(device: DeviceState, line: Line, now_ms: int) -> list[int | None]:
    """Give the thresholds a timer tells."""
    return [one.after_s for one in due_dwells(device, line, now_ms)]


def test_dwell_by_timer_needs_a_young_fix() -> None:
    """A timer tells what fell due before the last fix grew too old, however late it runs."""
    line = Line(dwell_after_s=(60, 120, 600), presence_ttl_s=600)
    device = started()
    walk(device, [-50], line)

    assert due(device, line, 119_999) == []
    assert due(device, line, 120_000) == [60]
    assert due(device, line, 10**9) == [120]
    assert due(device, line, 10**9) == []


def test_dwell_by_timer_carries_no_position() -> None:
    """A timer knows the visit and the threshold, and nothing about where the device is."""
    line = Line(dwell_after_s=(60,))
    device = started()
    walk(device, [-50], line)

    (dwell,) = due_dwells(device, line, 500_000)

    assert dwell == Transition(
        kind="dwell",
        fence_id="door",
        at_ms=120_000,
        crossed_at_ms=120_000,
        ref="at-60",
        visit_ref="at-60",
        visit_began_ms=60_000,
        after_s=60,
        reason="timer",
    )


@pytest.mark.parametrize("distances", [[-1], [-50, 5]], ids=["enter-in-doubt", "exit-in-doubt"])
def test_dwell_by_timer_waits_while_in_doubt(distances: list[float]) -> None:
    """No timer tells anything of a visit that is not sure."""
    line = Line(dwell_after_s=(60,))
    device = started()
    walk(device, distances)

    assert due(device, line, 10**9) == []


distances_m = st.lists(st.sampled_from([-200, -50, -12, -5, -0.5, 0, 0.5, 5, 12, 20, 50, 200]))


@MODEST
@given(distances_m, st.sampled_from([None, 3, 10, 100]))
def test_enter_and_exit_alternate_whatever_comes(
    distances: list[float], accuracy_m: float | None
) -> None:
    """Never two ENTERs without an EXIT between; the last one agrees with the state."""
    device = DeviceState()
    told = kinds(walk(device, distances, accuracy_m=accuracy_m))

    assert told == ["enter" if i % 2 == 0 else "exit" for i in range(len(told))]
    held = device.fences.get("door")
    assert (held is not None and held.side.is_inside) == (len(told) % 2 == 1)


@MODEST
@given(distances_m)
def test_dwell_belongs_to_a_visit_and_comes_in_order(distances: list[float]) -> None:
    """Between ENTER and EXIT thresholds ascend, none twice, none outside a visit."""
    inside, last_s = False, 0
    for one in walk(DeviceState(), distances, Line(dwell_after_s=(60, 120, 240))):
        if one.kind == "dwell":
            assert inside
            assert one.after_s is not None
            assert one.after_s > last_s
            assert one.crossed_at_ms == one.visit_began_ms + one.after_s * 1_000 <= one.at_ms
            last_s = one.after_s
        else:
            inside, last_s = one.kind == "enter", 0


@pytest.mark.bad_input(49)
@pytest.mark.parametrize("accuracy_m", [800, 1e9])
def test_fix_too_coarse_for_the_fence_decides_nothing(accuracy_m: float) -> None:
    """A position snapped to a grid never puts anybody into a shop, however often it repeats."""
    device = started()

    assert walk(device, [-5, -5, -5], Line(size_m=60), accuracy_m) == []
    assert device.fences == {}


def test_fix_too_coarse_for_the_fence_ends_no_visit() -> None:
    """It settles no doubt either: the visit goes on until evidence says otherwise."""
    device = started()
    shop = Line(size_m=60)
    walk(device, [-20], shop)

    assert walk(device, [900, 900], shop, accuracy_m=800) == []
    assert kinds(walk(device, [60], shop)) == ["exit"]


def test_coarse_fix_still_decides_about_a_large_fence() -> None:
    """A district can be told from a snapped position."""
    assert kinds(walk(started(), [-900], Line(size_m=2_000), accuracy_m=800)) == ["enter"]
