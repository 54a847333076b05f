"""Figures and advice, from fences and counts."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from fencepost_gateway.reports.fence_counts import (
    ACCURACY,
    DELAY,
    ENTERS,
    FLAPS,
    MIRRORED,
    bucket,
)
from fencepost_gateway.reports.fence_health import (
    FEW_FIXES,
    FEW_FLAPS,
    FEW_VISITS,
    UNDECIDED,
    UNSURE,
    WHY,
    FenceHealth,
    health_of,
    ranked,
    rounded_up,
)
from fencepost_gateway.reports.fence_overlaps import sorted_out
from fencepost_geofence.corridor import Corridor
from fencepost_geofence.evidence import Refusal
from fencepost_geofence.fence import Fence
from fencepost_geofence.overlaps import Overlap
from fencepost_geofence.shapes import Circle
from fencepost_geofence.verdict import Reason
from geofence.positions import area_of, star

CIRCLE = Circle(48.0, 11.0, 38)


def counts(*, accuracy_m: float = 10, delay_s: float = 10, **more: int) -> dict[str, int]:
    """Give counts of a fence that is well."""
    visits = {ENTERS: 10, bucket(DELAY, delay_s): 10}
    return {"decided": 100, bucket(ACCURACY, accuracy_m): 30, **visits, **more}


def judged(shape: Any = CIRCLE, cooldown_s: int = 0, **counted: Any) -> FenceHealth:
    """Judge a fence with such counts."""
    return health_of(Fence("kiosk", shape, cooldown_s=cooldown_s), counts(**counted))


def codes(one: FenceHealth) -> list[str]:
    """Name the findings."""
    return [finding.code for finding in one.findings]


def advice(one: FenceHealth) -> str:
    """Give the only advice."""
    (finding,) = one.findings
    return finding.advice


# ---- figures -------------------------------------------------------------------------------


def test_figures_of_a_fence_that_is_well() -> None:
    """What was counted in shares and medians, and nothing to mend."""
    one = judged(one_fix=5, again=1, taken_back=2, sent=3)

    assert one.findings == ()
    assert (one.fixes, one.undecided, one.undecided_share) == (105, {"one_fix": 5}, 0.048)
    assert (one.enters, one.flaps, one.flap_rate, one.taken_back) == (10, 1, 0.1, 2)
    assert (one.sends, one.sends_per_visit) == (3, 0.3)
    assert (one.size_m, one.accuracy_m, one.enter_delay_s) == (38.0, 10, 10)


def test_figures_of_nothing_are_none() -> None:
    """There is no share of nothing, and no median."""
    one = health_of(Fence("kiosk", CIRCLE), {"stale": 1})

    assert (one.fixes, one.undecided_share) == (1, 1.0)
    assert (one.flap_rate, one.sends_per_visit, one.enter_delay_s, one.accuracy_m) == (None,) * 4
    assert one.findings == ()


def test_every_reason_of_the_tracker_is_counted_and_has_advice() -> None:
    """A reason that is added to the verdict is added here, or its fixes would not count."""
    reasons = {*get_args(get_args(Reason)[0]), *get_args(Refusal)}

    assert reasons == {"decided", *UNDECIDED}
    assert WHY.keys() == set(UNDECIDED)


# ---- findings ------------------------------------------------------------------------------


@pytest.mark.feature("N10")
@pytest.mark.parametrize(
    ("shape", "says"),
    [
        (CIRCLE, "38 m is smaller than the 64 m accuracy usually seen here: enlarge its radius to"),
        (area_of(star(48.0, 11.0, [40.0] * 12)), "no larger than a circle of 39 m radius, it is"),
        (Corridor((((48.0, 11.0), (48.0, 11.01)),), 60), "widen it to about 140 m"),
    ],
    ids=["circle", "area", "corridor"],
)
def test_too_small_for_the_accuracy_seen(shape: Any, says: str) -> None:
    """A fence smaller than its receivers' accuracy, and the size that would do."""
    one = judged(shape, accuracy_m=65)

    assert codes(one) == ["too_small"]
    assert says in advice(one)
    assert advice(one).endswith(" m, or expect misses")


def test_large_enough_is_not_too_small() -> None:
    """As large as the accuracy is large enough; so is what the advice asks for."""
    assert codes(judged(Circle(48.0, 11.0, 30), accuracy_m=30)) == []
    assert codes(judged(accuracy_m=38)) == []
    assert codes(judged(Circle(48.0, 11.0, 70), accuracy_m=65)) == []


def test_coarse_positions_do_not_count_for_the_accuracy() -> None:
    """Phones that give an approximate position only say nothing of how small a fence may be."""
    one = judged(accuracy_m=20, **{bucket(ACCURACY, 2_000): 500, "low_accuracy": 500})

    assert one.accuracy_m == 21
    assert codes(one) == ["undecided"]
    assert "enter districts" in advice(one)


def test_flapping_asks_for_a_cooldown_or_for_room() -> None:
    """Visits that begin again at once; where a cooldown is set, it is the size."""
    flapping = {FLAPS: FEW_FLAPS}

    assert "3 of 10 visits" in advice(judged(**flapping))
    assert "set cooldown: 5m" in advice(judged(**flapping))
    assert "enlarge it" in advice(judged(cooldown_s=600, **flapping))


@pytest.mark.parametrize("reason", UNDECIDED)
def test_undecided_says_why(reason: str) -> None:
    """A fifth of the fixes, with the advice of the reason that prevails."""
    others = {"stale": 1} if reason != "stale" else {}
    one = judged(**{reason: 100}, **others)

    assert codes(one) == ["undecided"]
    assert WHY[reason] in advice(one)


def test_slow_is_a_median_of_minutes() -> None:
    """Half of the visits are noticed late."""
    assert "5 min after they began" in advice(judged(delay_s=305))


def test_unentered_is_a_place_that_all_pass_by() -> None:
    """Many fixes and no visit: the fence may lie elsewhere."""
    passed = health_of(Fence("kiosk", CIRCLE), {"decided": UNSURE})

    assert "is it too small, or misplaced?" in advice(passed)


@pytest.mark.bad_input(47)
def test_mirrored_says_that_somebody_swaps_coordinates() -> None:
    """One upload is enough: chance does not put it there; beside whatever else is wrong."""
    bare = health_of(Fence("kiosk", CIRCLE), {MIRRORED: 1})
    flapping = judged(enter=30, again=9, mirrored=2)

    assert (codes(bare), bare.hurts, bare.fixes) == (["mirrored"], 1, 0)
    assert "latitude and longitude swapped" in advice(bare)
    assert codes(flapping) == ["flapping", "mirrored"]


def test_one_cause_is_told_once() -> None:
    """Doubt at the edge follows from the size, and from fixes that come too seldom."""
    small = judged(accuracy_m=65, oscillating=90)
    slow = judged(delay_s=400, one_fix=90)
    small_and_coarse = judged(accuracy_m=65, low_accuracy=90)

    assert (codes(small), codes(slow)) == (["too_small"], ["slow"])
    assert sorted(codes(small_and_coarse)) == ["too_small", "undecided"]


@pytest.mark.parametrize(
    "counted",
    [
        {"decided": FEW_FIXES - 1, bucket(ACCURACY, 65): FEW_FIXES - 1},
        {"decided": 9, "one_fix": FEW_FIXES - 10},
        {"decided": 100, ENTERS: 3, FLAPS: FEW_FLAPS - 1},
        {"decided": 100, ENTERS: FEW_VISITS - 1, bucket(DELAY, 500): FEW_VISITS - 1},
        {"decided": UNSURE - 1},
    ],
    ids=["small", "undecided", "flapping", "slow", "unentered"],
)
def test_few_cases_are_no_finding(counted: dict[str, int]) -> None:
    """What may be chance is not called a fault."""
    assert health_of(Fence("kiosk", CIRCLE), counted).findings == ()


# ---- order ---------------------------------------------------------------------------------


def test_worst_first_is_by_what_hurts() -> None:
    """A little trouble in a crowd goes before much of it where nobody is; the unseen are left."""
    fences = [Fence(name, CIRCLE) for name in ("crowd", "woods", "well", "unseen")]
    counted = {
        "crowd": {**counts(again=3), "decided": 10_000},
        "woods": counts(again=9),
        "well": counts(),
        "gone": counts(again=9),
    }
    ranking = ranked(fences, counted, 2)

    assert [one.fence_id for one in ranking.rows] == ["crowd", "woods"]
    assert (ranking.seen, ranking.ailing) == (3, 2)
    assert ranking.fixes == {"crowd": 10_000, "woods": 100, "well": 100}


@pytest.mark.parametrize(("metres", "typed"), [(66, 70), (70, 70), (101, 110), (1_020, 1_100)])
def test_advice_is_in_round_figures(metres: float, typed: int) -> None:
    """Fives below a hundred, tens below a thousand, hundreds above."""
    assert rounded_up(metres) == typed


def test_overlaps_in_order_of_trouble() -> None:
    """Duplicates, overlaps, then what is nested; in each where most came by; no neighbours."""
    pairs = [
        Overlap("mall", "shop", 0.02, 0.99),
        Overlap("a", "b", 0.3, 0.21),
        Overlap("c", "d", 0.95, 0.93),
        Overlap("e", "f", 0.96, 0.99),
        Overlap("g", "h", 0.19, 0.1),
    ]
    found = sorted_out(pairs, {"d": 5})

    assert [(one.kind, one.fences) for one in found] == [
        ("duplicate", ("c", "d")),
        ("duplicate", ("f", "e")),
        ("overlapping", ("a", "b")),
        ("nested", ("shop", "mall")),
    ]
    assert found[2].advice.startswith("30 % of a lies in b")
