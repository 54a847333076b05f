import math
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fencepost_geofence.evidence import (
    Evidence,
    begin,
    estimate,
    fold,
    inside_probability,
)
from fencepost_geofence.fix import Fix
from fencepost_geofence.sphere import METRES_PER_DEGREE
from geofence.positions import MODEST, arc_m

HOME = (45.0, 7.0)
EAST_M = METRES_PER_DEGREE * math.cos(math.radians(45))


def fix(at_s: float, east_m: float = 0, north_m: float = 0, accuracy_m: float | None = 15) -> Fix:
    """Take a fix so many metres from home."""
    lat, lon = HOME[0] + north_m / METRES_PER_DEGREE, HOME[1] + east_m / EAST_M
    return Fix(int(at_s * 1000), lat, lon, accuracy_m)


def reading(one: Fix) -> tuple[int, float, float, float | None]:
    """Give what the filter sees of a fix."""
    return one.at_ms, one.lat, one.lon, one.accuracy_m


def folded(fixes: Sequence[Fix]) -> Evidence:
    """Fold fixes none of which is refused."""
    evidence = begin(*reading(fixes[0]))
    for one in fixes[1:]:
        assert fold(evidence, *reading(one)) is None
    return evidence


def folded_anyhow(fixes: Sequence[Fix]) -> Evidence:
    """Fold fixes, refused or not."""
    evidence = begin(*reading(fixes[0]))
    for one in fixes[1:]:
        fold(evidence, *reading(one))
    return evidence


def where(evidence: Evidence) -> tuple[float, float, float]:
    """Give the estimate in metres east and north of home, and its sigma."""
    lat, lon, sigma_m = estimate(evidence)
    return (lon - HOME[1]) * EAST_M, (lat - HOME[0]) * METRES_PER_DEGREE, sigma_m


def swaying(
    count: int, every_s: float, radius_m: float, claimed_m: float, tau_s: float = 30, seed: int = 1
) -> list[Fix]:
    """Sit at home with a receiver whose error persists."""
    chance = np.random.default_rng(seed)
    keep = math.exp(-every_s / tau_s)
    sigma_m = radius_m / 1.51
    error = sigma_m * chance.normal(size=2)
    fixes = []
    for number in range(count):
        fixes.append(fix(number * every_s, float(error[0]), float(error[1]), claimed_m))
        error = keep * error + math.sqrt(1 - keep * keep) * sigma_m * chance.normal(size=2)
    return fixes


def test_evidence_needs_only_the_standard_library() -> None:
    """The client SDK may import it: nothing else may come along."""
    code = (
        "import sys; before = set(sys.modules);"
        "import fencepost_geofence.evidence, fencepost_geofence.verdict;"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before};"
        "print(sorted(new - set(sys.stdlib_module_names)))"
    )

    out = subprocess.run(  # noqa: S603 (our own interpreter, a fixed program)
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert out.stdout.strip() == "['fencepost_geofence']"


def test_evidence_of_one_fix_is_that_fix() -> None:
    """The first fix is believed as far as its accuracy goes."""
    east_m, north_m, sigma_m = where(folded([fix(0, 100, 50, 15.1)]))

    assert (east_m, north_m) == pytest.approx((100, 50), abs=0.01)
    assert sigma_m == pytest.approx(10, rel=0.25)


def test_evidence_grows_surer_while_somebody_sits() -> None:
    """Ten minutes at a table are worth more than one fix, and the estimate is there."""
    sat = where(folded(swaying(120, 5, 30, 30)))

    assert sat[2] < 10
    assert math.hypot(*sat[:2]) < 3 * sat[2]


def test_evidence_of_a_crowd_of_fixes_counts_as_few() -> None:
    """Errors persist: thirty fixes in a minute say less than thirty in an hour."""
    crowded = where(folded([fix(2 * i) for i in range(30)]))
    spread = where(folded([fix(120 * i) for i in range(30)]))

    assert crowded[2] > 1.3 * spread[2]


def test_evidence_is_not_moved_by_one_outlier() -> None:
    """A fix 200 m off at an accuracy of 15 m moves the estimate by a few metres."""
    sat = [fix(30 * i) for i in range(20)]

    moved = where(folded([*sat, fix(600, 200)]))

    assert math.hypot(*moved[:2]) < 10


@pytest.mark.parametrize("every_s", [5, 30])
@pytest.mark.parametrize("mps", [1.3, 8, 30], ids=["walk", "bicycle", "motorway"])
def test_evidence_follows_whoever_moves(mps: float, every_s: int) -> None:
    """On foot, by bicycle and by car the estimate keeps up with the fixes."""
    start = [fix(every_s * i) for i in range(10)]
    begin_s = start[-1].at_ms / 1000
    way = [fix(begin_s + every_s * i, mps * every_s * i) for i in range(1, 31)]

    east_m, _, sigma_m = where(folded([*start, *way]))

    assert abs(east_m - 30 * mps * every_s) < max(15, 2.5 * sigma_m)
    assert sigma_m < 40


def test_evidence_believes_the_second_fix_beyond_any_outlier() -> None:
    """Outliers go 300 m; who is 900 m off and then 1,800 has driven away."""
    sat = [fix(30 * i) for i in range(20)]

    doubted = where(folded([*sat, fix(600, 900)]))
    gone = where(folded([*sat, fix(600, 900), fix(630, 1_800)]))

    assert doubted[0] == pytest.approx(0, abs=10)
    assert gone[0] == pytest.approx(1_800, abs=10)


@pytest.mark.bad_input(48)
@pytest.mark.parametrize("later_s", [0, 1, 60])
def test_evidence_refuses_a_teleport(later_s: float) -> None:
    """What needs more than 340 m/s, or no time at all, decides nothing."""
    evidence = folded([fix(0), fix(30)])
    before = estimate(evidence)

    refusal = fold(evidence, *reading(fix(30 + later_s, 50_000)))

    assert refusal == "implausible_speed"
    assert estimate(evidence) == before


def test_evidence_begins_afresh_where_fixes_insist() -> None:
    """The fourth fix in a row that cannot be is believed: the device is there."""
    evidence = folded([fix(0), fix(30)])

    refusals = [fold(evidence, *reading(fix(40 + 10 * number, 500_000))) for number in range(4)]

    assert refusals == [*["implausible_speed"] * 3, None]
    assert where(evidence)[0] == pytest.approx(500_000, rel=1e-3)


def test_evidence_never_believes_many_places_at_one_time() -> None:
    """Fixes that all bear the same time do not add up to a move."""
    evidence = folded([fix(0), fix(30)])

    refusals = {fold(evidence, *reading(fix(30, 40 * number))) for number in range(1, 30)}

    assert refusals == {"implausible_speed"}
    assert evidence == folded([fix(0), fix(30)])


def test_evidence_refuses_a_fix_older_than_the_last() -> None:
    """Time does not run backwards: it leaves no trace."""
    evidence = folded([fix(0), fix(30)])

    assert fold(evidence, *reading(fix(10))) == "stale"
    assert evidence == folded([fix(0), fix(30)])


def test_evidence_is_forgotten_after_an_hour() -> None:
    """After an hour of silence nothing is known of the device, but what its receiver is worth."""
    evidence = folded(swaying(100, 30, 30, 10))
    learned = evidence.scale2

    fold(evidence, *reading(fix(100 * 30 + 3_601, 20_000)))

    assert where(evidence)[0] == pytest.approx(20_000, rel=1e-3)
    assert evidence.scale2 == learned > 1
    assert evidence == begin(*reading(fix(100 * 30 + 3_601, 20_000)), learned)


@pytest.mark.bad_input(49)
@pytest.mark.parametrize("accuracy_m", [None, 0, -1, float("nan")])
def test_evidence_takes_unknown_accuracy_for_65_m(accuracy_m: float | None) -> None:
    """Missing, zero or negative accuracy is unknown, never perfect."""
    assert folded([fix(0, accuracy_m=accuracy_m)]) == folded([fix(0, accuracy_m=65)])


@pytest.mark.parametrize("every_s", [5, 30, 120])
def test_evidence_learns_that_a_receiver_boasts(every_s: int) -> None:
    """Who claims half its error is believed less; an honest receiver keeps about its word."""
    boasting = folded(swaying(1_000, every_s, 30, 15)).scale2
    honest = folded(swaying(1_000, every_s, 30, 30)).scale2

    assert math.sqrt(boasting) > 1.4
    assert 0.85 < math.sqrt(honest) < 1.35


def test_evidence_works_across_the_antimeridian() -> None:
    """The seam is no boundary: the same walk there comes to the same."""
    way = [fix(5 * i, 7 * i) for i in range(40)]
    seam = [replace(one, lon=(one.lon - 7 + 180 + 179.999) % 360 - 180) for one in way]

    here, there = estimate(folded(way)), estimate(folded(seam))

    assert {one.lon > 0 for one in seam} == {True, False}
    assert there[0] == pytest.approx(here[0])
    assert there[2] == pytest.approx(here[2])
    assert -180 <= there[1] <= 180
    assert there[1] % 360 == pytest.approx((here[1] - 7 + 179.999) % 360)


@pytest.mark.parametrize("lat", [0, 60, 89.9, -89.99])
def test_evidence_follows_a_long_way_at_any_latitude(lat: float) -> None:
    """The map's origin follows the device, and near a pole nothing breaks."""
    fixes = [Fix(i * 60_000, lat, -170 + 0.05 * i, 20) for i in range(400)]

    evidence = folded(fixes)

    last = fixes[-1]
    assert arc_m(last.lat, last.lon, *estimate(evidence)[:2]) < 200
    assert arc_m(last.lat, last.lon, evidence.origin_lat, evidence.origin_lon) < 80_000


def test_inside_probability_is_the_normal_one() -> None:
    """On the boundary it is even; one sigma inside it is 84 %."""
    assert inside_probability(0, 10) == 0.5
    assert inside_probability(-10, 10) == pytest.approx(0.8413, abs=1e-4)
    assert inside_probability(16.449, 10) == pytest.approx(0.05, abs=1e-4)


steps = st.tuples(
    st.sampled_from([0.001, 1, 5, 30, 120, 3_600, 4_000]),
    st.floats(-400, 400),
    st.floats(-400, 400),
    st.sampled_from([None, 1e-9, 3, 20, 800, 1e300, math.inf]),
)
walks = st.lists(steps, min_size=1, max_size=40)


def fixes_of(walk: list[tuple[float, float, float, float | None]]) -> list[Fix]:
    """Turn steps (seconds later, metres, accuracy) into fixes."""
    at_s = 0.0
    fixes = []
    for later_s, east_m, north_m, accuracy_m in walk:
        at_s += later_s
        fixes.append(fix(at_s, east_m, north_m, accuracy_m))
    return fixes


@MODEST
@given(walks)
@example([(5.0, 0.0, 0.0, 20.0)] * 10 + [(5.0, 300.0, 0.0, 3.0)] * 10)
def test_evidence_stays_sane_whatever_comes(
    walk: list[tuple[float, float, float, float | None]],
) -> None:
    """Positions stay finite, variances positive, shares shares."""
    first, *others = fixes_of(walk)
    evidence = begin(*reading(first))
    for one in others:
        fold(evidence, *reading(one))

        assert all(map(math.isfinite, estimate(evidence)))
        assert estimate(evidence)[2] > 0
        assert 0 < evidence.still_share < 1
        _, _, pp, pb, bb = evidence.still
        assert min(pp, bb) > 0
        assert pp * bb >= pb * pb * (1 - 1e-6)
        _, _, _, pp, pv, pb, vv, vb, bb = evidence.moving
        assert min(pp, vv, bb) > 0
        for one2, both2, two2 in ((pp, pb, bb), (pp, pv, vv), (vv, vb, bb)):
            assert one2 * two2 >= both2 * both2 * (1 - 1e-6)


@MODEST
@given(walks)
def test_evidence_is_not_changed_by_duplicates(
    walk: list[tuple[float, float, float, float | None]],
) -> None:
    """The same fix again, at once, changes nothing."""
    once, twice = folded_anyhow(fixes_of(walk)[:1]), folded_anyhow(fixes_of(walk)[:1])
    for one in fixes_of(walk)[1:]:
        if fold(once, *reading(one)) is None:
            fold(twice, *reading(one))
            assert fold(twice, *reading(one)) is None
        else:
            fold(twice, *reading(one))

    assert twice == once
