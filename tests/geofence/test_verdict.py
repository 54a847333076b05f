import pytest

from fencepost_geofence import geojson
from fencepost_geofence.evidence import (
    ENTER_AT,
    LEAVE_AT,
    Evidence,
    begin,
    estimate,
    fold,
    inside_probability,
)
from fencepost_geofence.verdict import is_coarse, side_of
from geofence.test_real_drive import Told, bare_containment, districts, drive


@pytest.mark.parametrize(
    ("p_inside", "expected"),
    [(1.0, True), (0.6, True), (0.599, None), (0.0501, None), (0.05, False), (0.0, False)],
)
def test_side_is_told_at_0_6_and_at_0_05(p_inside: float, *, expected: bool | None) -> None:
    """Between the thresholds neither side is certain enough."""
    assert side_of(p_inside) is expected
    assert (ENTER_AT, LEAVE_AT) == (0.6, 0.05)


def test_side_takes_thresholds_of_a_fence() -> None:
    """A fence may ask for more certainty than the default, or for less."""
    asked = [side_of(p_inside, 0.9, 0.4) for p_inside in (0.95, 0.89, 0.41, 0.39)]

    assert asked == [True, None, None, False]


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


def followed() -> Told:
    """Follow the drive through Leipzig by evidence alone, each fix weighed for each district."""
    fences = geojson.read(districts()).fences
    inside: set[str] = set()
    told: Told = {}
    evidence: Evidence | None = None
    for number, fix in enumerate(drive()):
        reading = fix.at_ms, fix.lat, fix.lon, fix.accuracy_m
        if evidence is None:
            evidence = begin(*reading)
        elif fold(evidence, *reading):
            continue
        lat, lon, sigma_m = estimate(evidence)
        for fence in fences:
            metres = fence.shape.signed_distance_m(lat, lon)
            side = side_of(inside_probability(metres, sigma_m))
            if side is None or side is (fence.fence_id in inside):
                continue
            inside ^= {fence.fence_id}
            told.setdefault(fence.fence_id, []).append(("enter" if side else "exit", number))
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
