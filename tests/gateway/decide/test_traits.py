"""Traits: kept up event by event, they say what a look at the whole history says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import msgpack

from fencepost_gateway.decide import traits
from fencepost_gateway.decide.person import RECENT_MAX, Person, merge
from fencepost_gateway.decide.rule_facts import MISSING
from fencepost_gateway.decide.rules import compile_where
from fencepost_gateway.decide.trait_state import (
    AMOUNT_MAX,
    CELLS_MAX,
    DISTINCT_MAX,
    TraitKind,
    TraitState,
    bound_all,
)
from fencepost_gateway.decide.traits import Trait, keep_up, value_of
from gateway.decide.builders import DAY_MS, HOUR_MS, MIN_MS, MODEST, NOON_MS

KINDS: tuple[TraitKind, ...] = ("count", "sum", "last", "max", "distinct")
Event = tuple[int, dict[str, Any]]

EVENTS = st.lists(
    st.tuples(
        st.integers(NOON_MS - 5 * DAY_MS, NOON_MS),
        st.fixed_dictionaries(
            {},
            optional={
                "value": st.sampled_from([1, 2, 0.1, 0.2, 53.1, -4, True, "9", None]),
                "category": st.sampled_from(["yoga", "run"]),
            },
        ),
    ),
    max_size=40,
)


def trait(kind: TraitKind, within_ms: int | None = 3 * DAY_MS, key: str = "k") -> Trait:
    """Declare a trait over purchases of yoga."""
    of = () if kind == "count" else ("value",)
    where = compile_where({"category": "yoga"})
    return Trait("yoga", kind, "purchase", key, of, where, within_ms)


def kept_up(person: Person, one: Trait, events: list[Event], now_ms: int = NOON_MS) -> None:
    """Let a person do what they did, one event after the other."""
    for at_ms, props in events:
        person.remember("purchase", at_ms, props)
        keep_up(one, person, at_ms, props, now_ms)


def looked_up(one: Trait, events: list[Event], now_ms: int) -> object:
    """Work the value out from the whole history: the oracle."""
    step_ms = max(60_000, (one.within_ms or 0) // 1_000)
    begin_ms = -(10**18)
    if one.within_ms is not None:
        begin_ms = (now_ms - one.within_ms) // step_ms * step_ms
    seen = [
        (at_ms, props.get("value"))
        for at_ms, props in events
        if props.get("category") == "yoga" and at_ms >= begin_ms
    ]
    if one.kind == "count":
        return len(seen)
    numbers = [v for _, v in seen if isinstance(v, int | float) and not isinstance(v, bool)]
    if one.kind == "sum":
        return pytest.approx(sum(numbers))
    if one.kind == "max":
        return pytest.approx(max(numbers)) if numbers else MISSING
    said = [(at_ms, v) for at_ms, v in seen if v is not None]
    if one.kind == "distinct":
        return len({msgpack.encode(v) for _, v in said})
    return max(said, key=lambda one: (one[0], msgpack.encode(one[1])))[1] if said else MISSING


YOGA = {"category": "yoga"}
ONE_EVENT: list[Event] = [(NOON_MS - HOUR_MS, {"category": "yoga", "value": 2})]


@MODEST
@example(events=ONE_EVENT, kind="count", later_ms=0)
@given(events=EVENTS, kind=st.sampled_from(KINDS), later_ms=st.integers(0, 5 * DAY_MS))
def test_trait_kept_up_equals_a_look_at_the_whole_history(
    events: list[Event], kind: TraitKind, later_ms: int
) -> None:
    """Events in any order, a window that moves on: the value is that of the events in it."""
    person, one = Person("p"), trait(kind)
    kept_up(person, one, events)

    now_ms = NOON_MS + later_ms
    assert value_of(one, person, now_ms).value == looked_up(one, events, now_ms)


@MODEST
@example(first=ONE_EVENT, second=ONE_EVENT, kind="count")
@given(first=EVENTS, second=EVENTS, kind=st.sampled_from(KINDS))
def test_trait_is_the_same_in_any_order_and_over_merged_persons(
    first: list[Event], second: list[Event], kind: TraitKind
) -> None:
    """Late events, two persons that turn out to be one: the same value as of one, in order."""
    one = trait(kind)
    whole, known, visitor = Person("w"), Person("k"), Person("v")
    kept_up(whole, one, sorted([*first, *second], key=lambda event: event[0]))
    kept_up(known, one, first)
    kept_up(visitor, one, second)
    merge(known, visitor)

    assert value_of(one, known, NOON_MS) == value_of(one, whole, NOON_MS)


@MODEST
@given(events=EVENTS, kind=st.sampled_from(KINDS), probes=st.lists(st.integers(1, 9 * DAY_MS)))
def test_trait_does_not_change_before_it_says_so(
    events: list[Event], kind: TraitKind, probes: list[int]
) -> None:
    """Until ``until_ms`` the value stays what it is; without one, for good."""
    person, one = Person("p"), trait(kind)
    kept_up(person, one, events)
    now = value_of(one, person, NOON_MS)
    end_ms = now.until_ms or NOON_MS + 10 * DAY_MS
    moments = [NOON_MS + probe for probe in probes if NOON_MS + probe < end_ms]

    assert end_ms > NOON_MS
    assert all(value_of(one, person, at_ms).value == now.value for at_ms in [*moments, end_ms - 1])


@MODEST
@given(events=EVENTS, kind=st.sampled_from(KINDS))
def test_trait_declared_later_is_filled_from_what_the_person_remembers(
    events: list[Event], kind: TraitKind
) -> None:
    """A definition that came after the events says what one before them would have said."""
    early, late, one = Person("p"), Person("p"), trait(kind)
    kept_up(early, one, events)
    kept_up(late, trait("count", key="old"), events)

    assert value_of(one, late, NOON_MS) == value_of(one, early, NOON_MS)


def test_trait_says_when_it_was_filled_from_a_history_that_is_not_whole() -> None:
    """With events forgotten inside its window a value is no more than what is remembered."""
    person, one = Person("p"), trait("count")
    events: list[Event] = [
        (NOON_MS - n * HOUR_MS // 4, {"category": "yoga"}) for n in range(RECENT_MAX + 20)
    ]
    for at_ms, props in reversed(events):
        person.remember("purchase", at_ms, props)
    found = value_of(one, person, NOON_MS)

    assert (found.value, found.whole) == (RECENT_MAX, False)
    assert value_of(one, person, NOON_MS + 3 * DAY_MS).whole


def test_trait_counts_on_where_the_history_has_an_end() -> None:
    """Kept up from the first event on, a count is exact however many there are."""
    person, one = Person("p"), trait("count", within_ms=None)
    kept_up(person, one, [(NOON_MS + n, {"category": "yoga"}) for n in range(5 * RECENT_MAX)])

    assert value_of(one, person, NOON_MS) == traits.Value(5 * RECENT_MAX, None, whole=True)


def test_sum_of_cents_is_exact() -> None:
    """Ten times a tenth is one, in any order; what is no amount adds nothing."""
    person, one = Person("p"), trait("sum")
    said = [0.1] * 10 + [AMOUNT_MAX * 10, float("1e300"), True, "7"]
    kept_up(person, one, [(NOON_MS, {"category": "yoga", "value": v}) for v in said])

    assert value_of(one, person, NOON_MS).value == 1


@pytest.mark.parametrize("within_ms", [None, 3 * DAY_MS])
def test_distinct_values_are_bounded(within_ms: int | None) -> None:
    """More values than are told apart: the newest are, and it is no longer whole."""
    person, one = Person("p"), trait("distinct", within_ms)
    many = DISTINCT_MAX + 300
    events: list[Event] = [
        (NOON_MS - (many - n) * 200_000, {"category": "yoga", "value": n}) for n in range(many)
    ]
    for at_ms, props in events:
        person.remember("purchase", at_ms, props)
        keep_up(one, person, at_ms, props, at_ms)
    found = value_of(one, person, NOON_MS)

    assert isinstance(found.value, int)
    assert DISTINCT_MAX - 50 < found.value <= DISTINCT_MAX
    assert not found.whole


def test_trait_state_is_bounded_by_its_steps() -> None:
    """Whatever a person does, a window keeps a thousand steps and no more."""
    person, one = Person("p"), trait("count", within_ms=30 * DAY_MS)
    for n in range(20_000):
        at_ms = NOON_MS + n * 10 * 60_000
        props = {"category": "yoga"}
        person.remember("purchase", at_ms, props)
        keep_up(one, person, at_ms, props, at_ms)

    assert len(person.traits["yoga"].cells) <= traits.STEPS + 2
    assert len(msgpack.encode(person.traits["yoga"])) < 16_384


def test_last_keeps_its_newest_step_alone() -> None:
    """What a newer event has overtaken is never the answer again, however wide the window."""
    one, person = trait("last"), Person("p")
    kept_up(person, one, [(NOON_MS - n * HOUR_MS, YOGA | {"value": n}) for n in range(50)])

    assert len(person.traits["yoga"].cells) == 1
    assert value_of(one, person, NOON_MS).value == 0


def test_all_traits_together_are_bounded_and_say_what_went() -> None:
    """The oldest steps of the largest trait go first, and the value says that it lacks some."""
    person = Person("p")
    for n in range(10):
        cells = dict.fromkeys(range(1_000), 1)
        person.traits[f"t{n}"] = TraitState("k", "count", "purchase", cells, step_ms=MIN_MS)
    person.traits["small"] = TraitState("k", "sum", "purchase", {0: 7})
    bound_all(person.traits)
    kept = {name: len(state.cells) for name, state in person.traits.items()}

    assert sum(kept.values()) == CELLS_MAX
    assert kept.pop("small") == 1
    assert set(kept.values()) <= {799, 800}
    assert min(person.traits["t0"].cells) * MIN_MS == person.traits["t0"].whole_ms


def test_archived_traits_leave_nothing_behind() -> None:
    """Documents come and go for years; a person holds what is published."""
    person = Person("p", traits={name: TraitState("k", "count", "e") for name in ("old", "new")})
    bound_all(person.traits, {"new"})

    assert set(person.traits) == {"new"}
