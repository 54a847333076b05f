from dataclasses import replace
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_geofence.evidence import begin, estimate, fold
from fencepost_geofence.fix import Fix
from fencepost_geofence.sphere import METRES_PER_DEGREE
from fencepost_geofence.trail import (
    BLOCK,
    HORIZON_MS,
    TOO_LONG_MS,
    Trail,
    Weighed,
    kept,
    untrodden,
)
from geofence.positions import MODEST

BYTES = 14


def wander(count: int, claimed_m: float | None = 6.0, every_ms: int = 5_000) -> list[Fix]:
    """Stand still with a receiver that is 6 m off (68 %), by an error that lasts half a minute."""
    chance = np.random.default_rng(7)
    bias_m = np.zeros(2)
    fixes = []
    for number in range(count):
        bias_m = 0.846 * bias_m + chance.normal(0, 2.1, 2)
        lat, lon = bias_m / METRES_PER_DEGREE  # at the equator, where both count the same
        fixes.append(Fix(1_700_000_000_000 + number * every_ms, lat, 7.0 + lon, claimed_m))
    return fixes


def trodden(fixes: list[Fix], asked: set[int] | None = None) -> tuple[Trail, list[Weighed]]:
    """Take fixes, and ask after some of them; after the last in any case."""
    trail, told = untrodden(), []
    for number, fix in enumerate(fixes):
        trail.add(fix)
        if asked is None or number in asked or number == len(fixes) - 1:
            told.append(trail.weigh())
    return trail, told


every = st.sampled_from([1_000, 5_000, 40_000, 1_300_000])


@MODEST
@given(st.integers(1, 200), every, st.sets(st.integers(0, 199), max_size=8))
def test_trail_does_not_depend_on_which_fixes_were_weighed(
    count: int, every_ms: int, asked: set[int]
) -> None:
    """Asking after every fix, some, or only the last gives the same last answer."""
    fixes = wander(count, every_ms=every_ms)

    assert trodden(fixes, asked)[1][-1] == trodden(fixes)[1][-1]


@MODEST
@given(st.integers(1, 150), every, st.integers(0, 149))
def test_trail_survives_storing_at_any_point(count: int, every_ms: int, cut: int) -> None:
    """What was folded is not stored, and nobody can tell."""
    fixes = wander(count, every_ms=every_ms)
    trail, _ = trodden(fixes[: cut + 1])
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(trail), type=Trail)
    assert again == trail

    for fix in fixes[cut + 1 :]:
        trail.add(fix)
        again.add(fix)

    assert again.weigh() == trail.weigh()
    assert again == trail


@MODEST
@given(
    st.lists(st.sampled_from([1, 900, 7_000, 60_000, 200_000, 4_000_000]), min_size=1),
    st.sampled_from([6.0, 300.0]),
    st.data(),
)
def test_trail_cut_goes_back_to_what_it_was(
    laters_ms: list[int], claimed_m: float, data: st.DataObject
) -> None:
    """Cut within the horizon and trodden again, it is as if nothing had happened."""
    fixes = wander(len(laters_ms), claimed_m)
    at_ms = fixes[0].at_ms
    for number, later_ms in enumerate(laters_ms):
        at_ms += later_ms
        coarse_m = data.draw(st.sampled_from([None, 800.0])) or fixes[number].accuracy_m
        fixes[number] = replace(fixes[number], at_ms=at_ms, accuracy_m=coarse_m)
    trail, told = trodden(fixes)
    cut_ms = max(fixes[0].at_ms, at_ms - data.draw(st.integers(0, HORIZON_MS)))
    known = [fix for fix in fixes if fix.at_ms >= cut_ms]
    before, _ = trodden(fixes[: len(fixes) - len(known)]) if len(known) < len(fixes) else (None, 0)

    gone = trail.cut(cut_ms)

    assert gone == [kept(fix) for fix in known]
    if before is not None:
        assert (trail.last_ms, trail.fine_ms) == (before.last_ms, before.fine_ms)
        assert trail.weigh() == before.weigh()
    for fix in gone:
        trail.add(fix)
    assert trail.weigh() == told[-1]
    assert trail == trodden(fixes)[0]


def test_trail_gives_the_fixes_since_a_moment() -> None:
    """As they are kept: to a centimetre, unknown accuracy as None."""
    fixes = wander(60, claimed_m=None)
    trail, _ = trodden(fixes)

    assert trail.since(fixes[50].at_ms) == [kept(fix) for fix in fixes[50:]]
    assert trail.since(fixes[50].at_ms + 1) == [kept(fix) for fix in fixes[51:]]
    assert trail.since(fixes[-1].at_ms + 1) == []
    assert all(fix.accuracy_m is None for fix in trail.since(0))


def test_trail_holds_one_to_two_blocks_once_the_horizon_is_past() -> None:
    """However long the way, the state stays small: 25 to 48 fixes of 14 bytes."""
    slow = {len(trodden(wander(count, every_ms=700_000))[0].fixes) for count in range(60, 140)}

    assert (min(slow), max(slow)) == ((BLOCK + 1) * BYTES, 2 * BLOCK * BYTES)


@pytest.mark.parametrize("every_ms", [1_000, 5_000, 20_000])
def test_trail_keeps_what_a_late_fix_may_come_before(every_ms: int) -> None:
    """Every fix within the horizon is there, with a block before it; not many more."""
    for count in range(300, 350):
        fixes = wander(count, every_ms=every_ms)
        trail, _ = trodden(fixes)
        recent = [fix for fix in fixes if fix.at_ms >= fixes[-1].at_ms - HORIZON_MS]
        number = len(trail.fixes) // BYTES

        assert trail.since(recent[0].at_ms) == [kept(fix) for fix in recent]
        assert min(count, len(recent) + BLOCK) <= number <= len(recent) + 3 * BLOCK


def test_trail_stands_alone_after_an_hour_without_a_fix() -> None:
    """Nothing is left but the scale: the next fix stands alone."""
    fixes = wander(40, claimed_m=20.0)
    late = replace(fixes[-1], lat=1.0, at_ms=fixes[-1].at_ms + 3_600_001)

    _, told = trodden([*fixes, late])

    assert (told[-1].lat, told[-1].lon) == pytest.approx((late.lat, late.lon), abs=1e-7)
    assert told[-1].refusal is None


def test_trail_forgets_before_times_wrap() -> None:
    """Times are kept to 49 days; whoever comes back after 40 begins anew, none before."""
    fixes = wander(10)
    long = replace(fixes[-1], at_ms=fixes[-1].at_ms + TOO_LONG_MS)
    longer = replace(long, at_ms=long.at_ms + 1)

    assert len(trodden([*fixes, long])[0].since(0)) == 11
    assert trodden([*fixes, longer])[0].since(0) == [kept(longer)]


def test_trail_forgotten_keeps_times_and_the_scale() -> None:
    """No position is left; that a fix was there, and what the receiver is worth, is."""
    trail, _ = trodden(wander(100, 2.0))
    last_ms, scale2 = trail.last_ms, trail.scales2[-1]

    trail.forget()

    assert (bytes(trail.fixes), trail.scales2) == (b"", [scale2])
    assert scale2 > 1
    assert trail.last_ms == trail.fine_ms == last_ms
    assert trail.since(0) == []
    assert trail.cut(0) == []


def test_trail_knows_its_last_fine_fix() -> None:
    """A coarse fix is the newest, but not the newest that proves presence."""
    fixes = wander(60)
    fixes[40:] = [replace(fix, accuracy_m=201.0) for fix in fixes[40:]]
    trail, _ = trodden(fixes)
    assert (trail.last_ms, trail.fine_ms) == (fixes[-1].at_ms, fixes[39].at_ms)

    trail.cut(fixes[30].at_ms)

    assert (trail.last_ms, trail.fine_ms) == (fixes[29].at_ms, fixes[29].at_ms)


def test_trail_is_the_filter_while_it_is_short() -> None:
    """Up to 48 fixes it is the filter itself, but for a centimetre."""
    fixes = wander(2 * BLOCK)
    evidence = begin(fixes[0].at_ms, fixes[0].lat, fixes[0].lon, fixes[0].accuracy_m)
    for fix in fixes[1:]:
        fold(evidence, fix.at_ms, fix.lat, fix.lon, fix.accuracy_m)

    last = trodden(fixes)[1][-1]

    assert (last.lat, last.lon, last.sigma_m) == pytest.approx(estimate(evidence), rel=1e-2)
    assert last.lat == pytest.approx(estimate(evidence)[0], abs=1e-6)


def test_trail_is_warm_when_a_block_begins() -> None:
    """A fix is weighed with the block before its own: nobody sees where blocks begin."""
    sigmas_m = [one.sigma_m for one in trodden(wander(200))[1]]

    steps = [later / earlier for earlier, later in pairwise(sigmas_m[20:])]

    assert max(steps) < 1.3


@pytest.mark.parametrize(
    ("claimed_m", "low", "high"), [(6.0, 0.8, 1.5), (2.0, 4.0, 9.0), (20.0, 0.8, 0.9)]
)
def test_trail_learns_how_far_accuracy_can_be_believed(
    claimed_m: float, low: float, high: float
) -> None:
    """A boasting receiver is seen through without folding; modesty is taken at its word."""
    trail, _ = trodden(wander(600, claimed_m), asked=set())

    assert low <= trail.scales2[-1] <= high


def test_trail_learns_nothing_from_fixes_far_apart() -> None:
    """In more than half a minute people turn round; that is no error of their receivers."""
    assert trodden(wander(600, 2.0, every_ms=38_000))[0].scales2[-1] == 1.0


@pytest.mark.bad_input(49)
@pytest.mark.parametrize("accuracy_m", [None, 0, -1, float("nan")])
def test_trail_takes_unknown_accuracy_for_65_m(accuracy_m: float | None) -> None:
    """Missing, zero or negative accuracy is unknown, never perfect."""
    fix = Fix(0, 50, 7, accuracy_m)

    assert trodden([fix])[1] == trodden([replace(fix, accuracy_m=65.0)])[1]


def test_trail_takes_any_accuracy() -> None:
    """An accuracy no number can hold is merely bad."""
    (weighed,) = trodden([Fix(0, 50, 7, float("inf"))])[1]

    assert weighed.sigma_m > 30_000


def test_trail_without_a_fix_says_so() -> None:
    """Weighing nothing is a mistake of the caller."""
    with pytest.raises(ValueError, match="add a fix"):
        untrodden().weigh()
