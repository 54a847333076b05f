import pytest
from hypothesis import given
from hypothesis import strategies as st

from fencepost_geofence import geojson
from fencepost_geofence.evidence import Evidence, Refusal, estimate, fold
from fencepost_geofence.verdict import Side, Thresholds, Verdict, is_coarse, judge
from geofence.positions import MODEST
from geofence.test_real_drive import Told, bare_containment, districts, drive


def test_verdict_enters_and_leaves_by_two_thresholds() -> None:
    """Between the thresholds the side stays as it is, whichever it is."""
    side = Side(is_inside=False, since_ms=0)
    told = []
    for at_ms, distance_m in enumerate([30, 0, -5, 0, 10, 15, 25, -30]):
        verdict = judge(side, (distance_m, 10), at_ms)
        told.append((verdict.is_changed, side.is_inside))

    assert told == [
        (False, False),
        (False, False),
        (True, True),
        (False, True),
        (False, True),
        (False, True),
        (True, False),
        (True, True),
    ]
    assert side.since_ms == 7


def test_verdict_says_why_it_is_undecided() -> None:
    """The first doubt is one fix, more are a device that sways over the boundary."""
    side = Side(is_inside=True, since_ms=0)

    reasons = [judge(side, (metres, 10), 1).reason for metres in (-30, 5, 5, 5, -30, 5)]

    assert reasons == ["decided", "one_fix", "oscillating", "oscillating", "decided", "one_fix"]


@pytest.mark.parametrize("refusal", ["mock", "implausible_speed", "stale", "low_accuracy"])
def test_verdict_of_a_refused_fix_changes_nothing(refusal: Refusal) -> None:
    """The estimate may say inside; what decides is a fix that may speak."""
    side = Side(is_inside=False, since_ms=3)

    verdict = judge(side, (-100, 10), 9, refusal=refusal)

    assert (verdict.is_changed, verdict.reason) == (False, refusal)
    assert verdict.p_inside > 0.99
    assert side == Side(is_inside=False, since_ms=3)


def test_verdict_takes_thresholds_of_a_fence() -> None:
    """A fence may ask for more certainty than the default."""
    side = Side(is_inside=False, since_ms=0)

    assert judge(side, (-5, 10), 1, thresholds=Thresholds(0.9, 0.1)).reason == "one_fix"
    assert judge(side, (0, 10), 1) == Verdict(is_changed=False, reason="oscillating", p_inside=0.5)
    assert judge(side, (-5, 10), 1).is_changed


@pytest.mark.bad_input(49)
@pytest.mark.parametrize(
    ("accuracy_m", "size_m", "expected"),
    [(200, 30, False), (201, 30, True), (None, 30, False), (800, 500, False), (1001, 500, True)],
)
def test_fix_is_coarse_beyond_200_m_and_twice_the_fence(
    accuracy_m: float | None, size_m: float, *, expected: bool
) -> None:
    """A position snapped to a grid never puts anybody into a shop, but may into a district."""
    assert is_coarse(accuracy_m, size_m) == expected


@MODEST
@given(st.lists(st.tuples(st.floats(-100, 100), st.floats(0.1, 50), st.booleans())))
def test_verdict_never_changes_to_the_same_side_twice(
    estimates: list[tuple[float, float, bool]],
) -> None:
    """ENTER and EXIT alternate whatever the evidence, and each is certain enough."""
    side = Side(is_inside=False, since_ms=0)
    sides = [False]
    for at_ms, (distance_m, sigma_m, is_mock) in enumerate(estimates):
        refusal: Refusal | None = "mock" if is_mock else None
        verdict = judge(side, (distance_m, sigma_m), at_ms, refusal=refusal)
        if verdict.is_changed:
            sides.append(side.is_inside)
            assert verdict.p_inside >= 0.6 if side.is_inside else verdict.p_inside <= 0.05
            assert side.since_ms == at_ms

    assert sides == [number % 2 == 1 for number in range(len(sides))]


def followed() -> Told:
    """Follow the drive through Leipzig by evidence alone."""
    fences = geojson.read(districts()).fences
    sides = {fence.fence_id: Side(is_inside=False, since_ms=0) for fence in fences}
    told: Told = {}
    evidence: Evidence | None = None
    for number, fix in enumerate(drive()):
        evidence, refusal = fold(evidence, fix)
        if evidence is None or refusal:
            continue
        lat, lon, sigma_m = estimate(evidence)
        for fence in fences:
            side = sides[fence.fence_id]
            metres = fence.shape.signed_distance_m(lat, lon)
            if judge(side, (metres, sigma_m), fix.at_ms).is_changed:
                kind = "enter" if side.is_inside else "exit"
                told.setdefault(fence.fence_id, []).append((kind, number))
    return told


def test_verdict_tells_a_real_drive_without_one_transition_too_many() -> None:
    """8 ENTER and 7 EXIT at unknown accuracy: late by seconds, never wrong, never reordered."""
    expected = bare_containment(districts(), drive())

    told = followed()

    assert told.keys() == expected.keys()
    for fence_id, ours in told.items():
        theirs = expected[fence_id]
        assert [kind for kind, _ in ours] == [kind for kind, _ in theirs]
        assert all(0 <= late - at <= 12 for (_, late), (_, at) in zip(ours, theirs, strict=True))
