from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_geofence.evidence import fold
from fencepost_geofence.fix import Fix
from fencepost_geofence.sphere import METRES_PER_DEGREE
from fencepost_geofence.trail import Trail, Weighed, untrodden
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
    trail, last_ms, told = untrodden(), None, []
    for number, fix in enumerate(fixes):
        trail.add(fix, last_ms)
        last_ms = fix.at_ms
        if asked is None or number in asked or number == len(fixes) - 1:
            told.append(trail.weigh())
    return trail, told


@MODEST
@given(st.integers(1, 200), st.sets(st.integers(0, 199), max_size=8))
def test_trail_does_not_depend_on_which_fixes_were_weighed(count: int, asked: set[int]) -> None:
    """Asking after every fix, some, or only the last gives the same last answer."""
    fixes = wander(count)

    assert trodden(fixes, asked)[1][-1] == trodden(fixes)[1][-1]


@MODEST
@given(st.integers(1, 150), st.integers(0, 149))
def test_trail_survives_storing_at_any_point(count: int, cut: int) -> None:
    """What was folded is not stored, and nobody can tell."""
    fixes = wander(count)
    trail, _ = trodden(fixes[: cut + 1])
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(trail), type=Trail)
    assert again == trail

    for before, fix in zip(fixes[cut:], fixes[cut + 1 :], strict=False):
        trail.add(fix, before.at_ms)
        again.add(fix, before.at_ms)

    assert again.weigh() == trail.weigh()


def test_trail_holds_32_to_64_fixes_of_14_bytes() -> None:
    """However long the way, the state stays small."""
    sizes = {len(trodden(wander(count))[0].fixes) // BYTES for count in range(60, 140)}

    assert (min(sizes), max(sizes)) == (33, 64)


def test_trail_forgets_after_an_hour_without_a_fix() -> None:
    """Nothing is left but the scale: the next fix stands alone."""
    fixes = wander(40)
    late = replace(fixes[-1], at_ms=fixes[-1].at_ms + 3_600_001)

    trail, told = trodden([*fixes, late])

    assert len(trail.fixes) == BYTES
    assert told[-1] == trodden([late])[1][-1]


def test_trail_follows_the_filter_while_it_is_short() -> None:
    """Up to 64 fixes it is the filter itself, but for a centimetre."""
    fixes = wander(64)
    evidence = None
    for fix in fixes:
        evidence, _ = fold(evidence, fix)
    assert evidence is not None

    last = trodden(fixes)[1][-1]

    assert last.lat == pytest.approx(
        evidence.origin_lat + evidence.still.y / METRES_PER_DEGREE, abs=1e-5
    )


@pytest.mark.parametrize(
    ("claimed_m", "low", "high"), [(6.0, 0.8, 1.5), (2.0, 4.0, 9.0), (20.0, 0.8, 0.9)]
)
def test_trail_learns_how_far_accuracy_can_be_believed(
    claimed_m: float, low: float, high: float
) -> None:
    """A boasting receiver is seen through without folding; modesty is taken at its word."""
    trail, _ = trodden(wander(600, claimed_m), asked=set())

    assert low <= trail.scale2 <= high


def test_trail_learns_nothing_from_fixes_far_apart() -> None:
    """In half a minute people turn round; that is no error of their receivers."""
    assert trodden(wander(600, 2.0, every_ms=30_000))[0].scale2 == 1.0


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
