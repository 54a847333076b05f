"""What is remembered of suspicious positions, and which transitions bear it."""

from typing import get_args

import msgspec
import pytest

from fencepost_gateway.decide.flags import (
    BEFORE_MS,
    FLAGS_MAX,
    KEEP_MS,
    Flagged,
    borne,
    is_clean,
    note,
)
from fencepost_gateway.decide.person import Person, merge
from fencepost_gateway.decide.phrases import FLAGS
from fencepost_gateway.decide.words import tell
from fencepost_geofence.suspicion import Flag

T_MS = 1_780_000_000_000


def test_flags_are_borne_from_an_hour_before_the_visit_began() -> None:
    """The device's own, sorted; older ones are forgiven."""
    person = Person("p")
    note(person, "phone", ["teleport", "mock"], T_MS)
    note(person, "tablet", ["null_island"], T_MS)

    assert borne(person, "phone", T_MS + BEFORE_MS) == ("mock", "teleport")
    assert borne(person, "phone", T_MS - BEFORE_MS) == ("mock", "teleport")
    assert borne(person, "phone", T_MS + BEFORE_MS + 1) == ()
    assert borne(person, "tablet", T_MS) == ("null_island",)


def test_same_flag_again_is_one_and_its_newest_moment() -> None:
    """A late upload does not make a flag older."""
    person = Person("p")
    for at_ms in (T_MS, T_MS + 9, T_MS + 4):
        note(person, "phone", ["mock"], at_ms)

    assert person.flags == [Flagged("mock", "phone", T_MS + 9)]


def test_flags_are_bounded_and_go_after_a_day() -> None:
    """Many devices of one person leave the newest; a day later nothing old is left."""
    person = Person("p")
    for number in range(2 * FLAGS_MAX):
        note(person, f"d{number}", ["mock"], T_MS + number)
    newest = [one.device_id for one in person.flags]
    note(person, "last", ["mock"], T_MS + 2 * FLAGS_MAX + KEEP_MS)

    assert newest == [f"d{number}" for number in range(FLAGS_MAX, 2 * FLAGS_MAX)]
    assert [one.device_id for one in person.flags] == ["last"]


def test_merge_keeps_the_flags_of_both() -> None:
    """Who logs in does not get clean by it."""
    known, visitor = Person("k"), Person("v")
    note(known, "tablet", ["mock"], T_MS)
    note(visitor, "phone", ["teleport"], T_MS)
    merge(known, visitor)

    assert borne(known, "phone", T_MS) == ("teleport",)
    assert borne(known, "tablet", T_MS) == ("mock",)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [((), True), (("constant_accuracy",), True), (("constant_accuracy", "mock"), False)],
)
def test_weak_flags_leave_a_visit_clean(
    flags: tuple[str, ...],
    expected: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """An honest receiver may earn them."""
    assert is_clean(flags) is expected


def test_person_of_before_has_no_flags() -> None:
    """A row that was written before flags were is read as ever."""
    old = msgspec.msgpack.encode({"person_id": "p"})

    assert msgspec.msgpack.decode(old, type=Person).flags == []


def test_every_flag_is_told_in_words() -> None:
    """What ``fencepost explain`` prints of a marked transition; an unmarked one says nothing."""
    body = {"kind": "enter", "fence_id": "gate", "at_ms": T_MS}
    (marked,) = tell("transition", {**body, "flags": list(get_args(Flag))})
    (clean,) = tell("transition", body)

    assert set(FLAGS) == set(get_args(Flag))
    assert "suspicious: made-up positions, positions at 0, 0, a leap nobody makes" in marked
    assert "suspicious" not in clean
