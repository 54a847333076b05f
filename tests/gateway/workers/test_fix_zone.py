"""Quiet hours follow the traveller: the zone of the last consented fix."""

import pytest

from fencepost_gateway.decide.person import Person, merge
from fencepost_gateway.decide.zones import Zones, zones_of
from fencepost_gateway.workers.fix_zone import CONFIRM_MS, forget_zone, note_zone
from fencepost_geofence.fix import Fix
from gateway.decide.builders import DAY_MS, HOUR_MS, NOON_MS

MONACO, SEOUL = (43.73, 7.42), (37.56, 126.97)


def _fix(where: tuple[float, float], at_ms: int = NOON_MS, *, is_mock: bool = False) -> Fix:
    return Fix(at_ms, *where, 10.0, None, is_mock)


def _seen(zone: str, at_ms: int) -> Person:
    return Person("p", fix_zone=zone, fix_zone_at_ms=at_ms)


def test_newest_fix_names_the_zone_and_its_position_is_not_kept() -> None:
    """Name and moment stand with the person; an unchanged zone is confirmed once an hour."""
    person = Person("p")
    first = note_zone(person, [_fix(SEOUL, NOON_MS - 1), _fix(MONACO)])
    at_once = note_zone(person, [_fix(MONACO, NOON_MS + 1)])
    later = note_zone(person, [_fix(MONACO, NOON_MS + CONFIRM_MS)])
    late_one = note_zone(person, [_fix(SEOUL, NOON_MS)])

    assert (first, at_once, later, late_one) == (True, False, True, False)
    assert (person.fix_zone, person.fix_zone_at_ms) == ("Europe/Monaco", NOON_MS + CONFIRM_MS)


def test_made_up_and_impossible_positions_say_nothing() -> None:
    """Neither a mock nor a latitude of 91."""
    person = Person("p")

    assert not note_zone(person, [_fix(SEOUL, is_mock=True), _fix((91.0, 0.0))])
    assert not note_zone(person, [])
    assert person == Person("p")


def test_withdrawn_location_forgets_the_zone() -> None:
    """It came from positions, so it goes with them."""
    person = Person("p")
    note_zone(person, [_fix(SEOUL)])
    forget_zone(person)

    assert person == Person("p")


def test_merge_keeps_the_newer_zone() -> None:
    """Of two, where the person was seen last."""
    known = _seen("Asia/Seoul", NOON_MS)
    merge(known, _seen("Europe/Monaco", NOON_MS + 1))

    assert known.fix_zone == "Europe/Monaco"


@pytest.mark.parametrize(
    ("told_age_ms", "seen_age_ms", "want"),
    [
        (HOUR_MS, 0, "position"),
        (0, HOUR_MS, "device"),
        (31 * DAY_MS, DAY_MS, "position"),
        (2 * DAY_MS, DAY_MS + 1, "device"),
        (31 * DAY_MS, DAY_MS + 1, "unknown"),
    ],
    ids=["fix-newer", "device-newer", "device-too-old", "fix-too-old", "both-too-old"],
)
def test_here_is_the_newer_of_device_and_fix(told_age_ms: int, seen_age_ms: int, want: str) -> None:
    """A device's zone lives 30 days, a fix's 24 hours."""
    person = _seen("Asia/Seoul", NOON_MS - seen_age_ms)
    person.zone, person.zone_at_ms = "Europe/Monaco", NOON_MS - told_age_ms
    names = {"position": ("Asia/Seoul",), "device": ("Europe/Monaco",), "unknown": ()}[want]

    assert zones_of(person, "", "", NOON_MS) == Zones(names, want, is_known=bool(names))


def test_home_and_where_one_was_seen_both_count() -> None:
    """The strictest of both holds."""
    person = _seen("Asia/Seoul", NOON_MS)
    person.attributes["zone"] = "Europe/Monaco"
    found = zones_of(person, "", "", NOON_MS)

    assert found == Zones(("Europe/Monaco", "Asia/Seoul"), "chosen and position", is_known=True)
