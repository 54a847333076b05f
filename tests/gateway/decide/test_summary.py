"""Summaries of events, and how large a person may become."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from fencepost_gateway.decide.person import Person, merge
from fencepost_gateway.decide.summary import DAY_MS, DAYS_MAX, EventSummary, value_of
from gateway.decide.builders import MODEST, NOON_MS

ROW_MAX_BYTES = 512 * 1024

events = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 9 * DAY_MS), st.integers(-5, 9)), max_size=40
)


def someone(told: list[tuple[str, int, int]], name: str = "p") -> Person:
    """Give somebody with a history."""
    person = Person(name)
    for event, at_ms, value in told:
        person.remember(event, at_ms, {"value": value})
    return person


@MODEST
@given(events, st.integers(0, 10))
def test_days_add_up_what_happened_from_a_day_on(
    told: list[tuple[str, int, int]], day: int
) -> None:
    """Count and value from any day on are those of the events, in whatever order they came."""
    person = someone(told)

    for name, summary in person.summaries.items():
        values = [value for event, at_ms, value in told if event == name and at_ms // DAY_MS >= day]
        assert (summary.count_since(day), summary.value_since(day)) == (len(values), sum(values))
        assert summary.value == sum(value for event, _, value in told if event == name)


@MODEST
@given(events, events)
def test_merged_summaries_are_those_of_one_person(
    ours: list[tuple[str, int, int]], theirs: list[tuple[str, int, int]]
) -> None:
    """Two halves of a history, merged, are what one person with all of it has."""
    known = someone(ours)
    merge(known, someone(theirs, "v"))

    assert known.summaries == someone(ours + theirs).summaries


def test_oldest_days_fold_away_and_the_summary_says_since_when() -> None:
    """Beyond the bound the oldest day of all names goes; count and value stay exact."""
    told = [("a" if n % 2 else "b", n * DAY_MS, 1) for n in range(DAYS_MAX + 10)]
    person = someone(told)
    one, other = person.summaries["a"], person.summaries["b"]

    assert len(one.days) + len(other.days) == DAYS_MAX
    assert (one.since_day, other.since_day) == (10, 9)
    assert (one.knows(10), one.knows(9)) == (True, False)
    assert one.count_since(0) == one.count - 5
    assert one.value == one.count == (DAYS_MAX + 10) // 2


def test_late_event_goes_into_its_day_or_into_none() -> None:
    """A day that is let go of does not come back half."""
    person = someone([("a", n * DAY_MS, 1) for n in range(DAYS_MAX + 1)])
    summary = person.summaries["a"]
    person.remember("a", 5 * DAY_MS + 1, {"value": 7})
    person.remember("a", 1, {"value": 7})

    assert [cell.day for cell in summary.days] == list(range(1, DAYS_MAX + 1))
    assert (summary.days[4].count, summary.days[4].value) == (2, 8.0)
    assert summary.count == DAYS_MAX + 3


def test_days_that_one_side_let_go_of_are_unknown_after_a_merge() -> None:
    """Half a day is no day."""
    ours = EventSummary(3, 0, 9 * DAY_MS, since_day=5)
    theirs = someone([("a", 4 * DAY_MS, 1), ("a", 6 * DAY_MS, 2)]).summaries["a"]
    ours.join(theirs)

    assert (ours.since_day, [cell.day for cell in ours.days]) == (5, [6])
    assert (ours.count, ours.value) == (5, 3.0)


def test_value_is_a_number_that_can_be_added_up() -> None:
    """Texts, booleans, no number at all and what no sum can hold count for nothing."""
    odd: list[Any] = [True, "9", None, float("nan"), float("inf"), 1e300, {}]

    assert [value_of({"value": each}) for each in odd] == [0.0] * len(odd)
    assert (value_of({}), value_of({"value": -2}), value_of({"value": 2.5})) == (0.0, -2.0, 2.5)


def test_person_stays_small_whatever_an_app_reports() -> None:
    """Twelve thousand events of a thousand names, large properties and attributes: half a MiB."""
    person, visitor = Person("p"), Person("v")
    for n in range(12_000):
        name = f"{n % 1_000:04}" + "\u4e00" * 124  # the longest name there can be, in bytes
        props = {"value": n, "text": "x" * (n % 4_000)}
        (person if n % 2 else visitor).remember(name, NOON_MS + n * DAY_MS // 9, props)
    for n in range(1_000):
        person.set_attributes({f"name-{n}": ["x" * 8_000] * 7})
        visitor.set_attributes({f"other-{n}": "x" * (n * 8)})
    merge(person, visitor)
    row = msgspec.msgpack.encode(person)

    assert len(row) < ROW_MAX_BYTES
    assert sum(len(s.days) for s in person.summaries.values()) <= DAYS_MAX
    assert person.attributes
