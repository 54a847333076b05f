"""What is remembered of positions that could not speak: counts, bounded, and no position."""

from typing import get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.decide.person import Person, merge
from fencepost_gateway.decide.phrases import UNHEARD
from fencepost_gateway.decide.unheard import (
    COUNTED,
    DAY_MS,
    DAYS,
    ROWS_MAX,
    Unheard,
    added,
    count_unheard,
    unheard_within,
)
from fencepost_geofence.heard import DropReason

DAY = 20_000
T_MS = DAY * DAY_MS

_rows = st.lists(
    st.builds(
        Unheard,
        st.integers(DAY, DAY + 9),
        st.sampled_from("abc"),
        st.sampled_from(COUNTED),
        st.integers(1, 9),
    ),
    max_size=30,
)


def test_counts_are_by_day_device_and_reason() -> None:
    """The same again adds up; midnight in UTC begins anew."""
    person = Person("p")
    for at_ms, device_id in [
        (T_MS, "d"),
        (T_MS + DAY_MS - 1, "d"),
        (T_MS + DAY_MS, "d"),
        (T_MS, "e"),
    ]:
        count_unheard(person, device_id, {"late": 2, "mock": 1}, at_ms)

    assert person.unheard == [
        Unheard(DAY, "d", "late", 4),
        Unheard(DAY, "d", "mock", 2),
        Unheard(DAY, "e", "late", 2),
        Unheard(DAY, "e", "mock", 1),
        Unheard(DAY + 1, "d", "late", 2),
        Unheard(DAY + 1, "d", "mock", 1),
    ]


def test_a_duplicate_is_no_loss() -> None:
    """An upload sent twice leaves the row as it was."""
    person = Person("p")

    assert not count_unheard(person, "d", {"duplicate": 9}, T_MS)
    assert person.unheard == []


def test_every_reason_is_counted_or_left_out_on_purpose() -> None:
    """A reason of the tracker that comes anew has to be written here, and has words."""
    assert {*COUNTED, "duplicate"} == set(get_args(DropReason))
    assert set(UNHEARD) == set(COUNTED)


def test_counts_are_bounded_by_days_and_rows() -> None:
    """A week, and of many devices the newest; so the row of a person stays small."""
    person = Person("p")
    for n in range(3 * ROWS_MAX):
        count_unheard(person, f"d{n:03}", dict.fromkeys(COUNTED, 1), T_MS)
    crowd = len(person.unheard)
    for n in range(20):
        count_unheard(person, "d", {"late": 1}, T_MS + n * DAY_MS)

    assert crowd == ROWS_MAX
    assert [one.day for one in person.unheard] == [DAY + n for n in range(20 - DAYS, 20)]
    assert len(msgspec.msgpack.encode(person.unheard)) < 16_384


@given(_rows, _rows)
def test_adding_counts_loses_and_doubles_nothing(
    ours: list[Unheard], theirs: list[Unheard]
) -> None:
    """Either way round it is the sum by day, device and reason, of the newest week."""
    found = added(ours, theirs)
    newest = max((one.day for one in [*ours, *theirs]), default=0)
    kept = [one for one in [*ours, *theirs] if one.day > newest - DAYS]
    keys = [(one.day, one.device_id, one.reason) for one in found]

    assert found == added(theirs, ours)
    assert keys == sorted({(one.day, one.device_id, one.reason) for one in kept})[-ROWS_MAX:]
    if len(keys) < ROWS_MAX:
        assert sum(one.count for one in found) == sum(one.count for one in kept)


def test_merge_adds_the_counts_of_both() -> None:
    """What a visitor's device lost is the known person's story too."""
    known, visitor = Person("k"), Person("v")
    count_unheard(known, "d", {"late": 2}, T_MS)
    count_unheard(visitor, "d", {"late": 3}, T_MS)
    merge(known, visitor)

    assert known.unheard == [Unheard(DAY, "d", "late", 5)]


def test_a_span_takes_the_days_it_touches() -> None:
    """Its end is not in it."""
    person = Person("p", unheard=[Unheard(DAY + n, "d", "late", 1) for n in range(4)])

    found = unheard_within(person, T_MS + DAY_MS + 5, T_MS + 3 * DAY_MS)

    assert [one.day for one in found] == [DAY + 1, DAY + 2]
