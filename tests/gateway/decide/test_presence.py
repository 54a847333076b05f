"""What transitions and openings do to where a person is."""

from itertools import permutations

import pytest
from msgspec.structs import replace

from fencepost_gateway.decide.opening import opening_of
from fencepost_gateway.decide.person import Person, Presence
from fencepost_gateway.decide.presence import (
    await_openings,
    due_openings,
    move,
    next_opening_ms,
)
from fencepost_geofence.state import Kind, Transition
from gateway.decide.builders import DAY_MS, HOUR_MS, NOON_MS, plan

VISIT = Presence("studio", NOON_MS, "visit-1", "device-1")


def told(kind: Kind, *, superseded: bool = False) -> Transition:
    """Give a transition of the visit."""
    return Transition(
        kind=kind,
        fence_id="studio",
        at_ms=NOON_MS,
        crossed_at_ms=NOON_MS,
        visit_ms=NOON_MS,
        visit_began_ms=NOON_MS,
        superseded=superseded,
        reason="decided",
    )


def after(*happened: Transition) -> list[str]:
    """Name the visits a person is in after these transitions."""
    person = Person("p")
    for each in happened:
        move(person, each, replace(VISIT))
    return [each.visit_id for each in person.inside]


ENTER, EXIT, EXPIRE = told("enter"), told("exit"), told("expire")
NO_ENTER, NO_EXIT = told("exit", superseded=True), told("enter", superseded=True)


@pytest.mark.parametrize(
    ("happened", "is_inside"),
    [
        ((ENTER,), True),
        ((ENTER, ENTER), True),
        ((ENTER, EXIT), False),
        ((ENTER, EXPIRE), False),
        ((EXIT,), False),
        ((ENTER, told("dwell"), told("pass"), told("approach")), True),
        ((told("pass"), told("approach")), False),
        ((ENTER, NO_ENTER), False),
        ((ENTER, EXIT, NO_EXIT), True),  # nobody left
        ((ENTER, EXPIRE, NO_EXIT), True),
        ((ENTER, EXIT, NO_EXIT, NO_ENTER), False),  # nobody was there
        ((ENTER, NO_ENTER, ENTER), True),
    ],
)
def test_presence_is_what_was_told_and_not_taken_back(
    happened: tuple[Transition, ...],
    is_inside: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """A visit is on between ENTER and EXIT or EXPIRE, as far as these hold."""
    assert after(*happened) == (["visit-1"] if is_inside else [])


@pytest.mark.parametrize(
    ("happened", "count"),
    [
        ((ENTER,), 1),
        ((ENTER, ENTER), 1),
        ((ENTER, EXIT), 1),
        ((ENTER, EXPIRE, NO_EXIT), 1),
        ((ENTER, NO_ENTER), 0),
        ((ENTER, EXIT, NO_EXIT, NO_ENTER), 0),
        ((ENTER, NO_ENTER, ENTER), 1),
        ((told("pass"), told("approach"), EXIT), 0),
    ],
)
def test_visit_is_remembered_once_unless_its_enter_was_taken_back(
    happened: tuple[Transition, ...], count: int
) -> None:
    """Ended or not it has been; taken back it never was."""
    person = Person("p")
    for each in happened:
        move(person, each, replace(VISIT))

    assert [visit.visit_id for visit in person.visits] == ["visit-1"] * count


def test_other_visits_stay_whatever_becomes_of_one() -> None:
    """A visit is known by its id: another device's, another fence's is no concern of it."""
    other = replace(VISIT, visit_id="visit-2", device_id="device-2")
    for order in permutations([ENTER, EXIT, NO_ENTER, NO_EXIT]):
        person = Person("p", inside=[other])
        for each in order:
            move(person, each, replace(VISIT))

        assert person.inside[0] is other


OPENING = opening_of("Mo-Su 14:00-18:00", "UTC", 0, 0)  # two hours after noon
ASKED = replace(plan(), openings={"studio": OPENING})
OPENS_MS = NOON_MS + 2 * HOUR_MS


def inside(opened_ms: int = NOON_MS) -> Person:
    """Give a person inside the studio."""
    return Person("p", inside=[replace(VISIT, opened_ms=opened_ms)])


def test_opening_is_told_once_for_each_day_and_visit() -> None:
    """Asked too early nothing is told; asked twice each opening is told once."""
    person = inside()

    assert next_opening_ms(ASKED, person, "device-1") == OPENS_MS
    assert due_openings(ASKED, person, "device-1", OPENS_MS - 1) == []
    assert [at for at, _ in due_openings(ASKED, person, "device-1", OPENS_MS)] == [OPENS_MS]
    assert due_openings(ASKED, person, "device-1", OPENS_MS + HOUR_MS) == []
    assert next_opening_ms(ASKED, person, "device-1") == OPENS_MS + DAY_MS
    late = due_openings(ASKED, person, "device-1", OPENS_MS + 2 * DAY_MS)
    assert [at for at, _ in late] == [OPENS_MS + DAY_MS, OPENS_MS + 2 * DAY_MS]


def test_opening_nobody_asks_for_is_not_looked_for() -> None:
    """No entry asks, another device is inside: nothing to wait for."""
    assert next_opening_ms(plan(), inside(), "device-1") is None
    assert due_openings(plan(), inside(), "device-1", OPENS_MS) == []
    assert next_opening_ms(ASKED, inside(), "device-2") is None
    assert due_openings(ASKED, inside(), "device-2", OPENS_MS) == []


def test_opening_is_awaited_from_when_somebody_asks() -> None:
    """A campaign published in the evening is not woken by this morning's opening."""
    person = inside(0)

    assert next_opening_ms(ASKED, person, "device-1") is None
    assert await_openings(ASKED, person, "device-1", OPENS_MS + HOUR_MS)
    assert not await_openings(ASKED, person, "device-1", OPENS_MS + 2 * HOUR_MS)
    assert next_opening_ms(ASKED, person, "device-1") == OPENS_MS + DAY_MS
    assert await_openings(plan(), person, "device-1", OPENS_MS + HOUR_MS)
    assert person.inside[0].opened_ms == 0
