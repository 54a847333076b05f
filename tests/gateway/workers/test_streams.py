"""Events streamed through door and pipeline, against a batch that remembers everything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.rules import RuleFacts, compile_rule
from fencepost_gateway.intake.admission import AdmitFacts
from fencepost_gateway.intake.admit import admit
from fencepost_gateway.intake.marks import Marks
from fencepost_gateway.intake.records import LogRecord
from fencepost_gateway.workers.group import Group
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.states import States
from gateway.batches import DAY_MS, NOW_MS, batch, event
from gateway.policies import make_house

LAPSED_MS = 60 * DAY_MS
SPAN_MS = {"3d": 3 * DAY_MS, "10d": 10 * DAY_MS}
Happened = tuple[int, str, str]  # days ago, name, category

HISTORIES = st.lists(
    st.tuples(
        st.integers(0, 30), st.sampled_from(["purchase", "seen"]), st.sampled_from(["yoga", "spin"])
    ),
    max_size=12,
)
TREES = st.sampled_from(
    [
        {"did": "purchase", "where": {"category": "yoga"}, "within": span, "count": count}
        for span in SPAN_MS
        for count in ({"min": 1}, {"min": 2}, {"max": 1})
    ]
)


def streamed(happened: list[Happened], uploads: list[list[int]]) -> Person:
    """Send the events as the uploads say, by number; some of them again and again."""
    marks, states, plans = Marks(), States(), Plans("seed")
    facts = AdmitFacts(marks, lambda visitor_id: visitor_id, lambda _: ())
    person_id = ""
    group = Group(states, plans, "demo", 1)
    for position, numbers in enumerate(uploads, 1):
        told = [_event(number + 1, *happened[number]) for number in numbers]
        admission = admit(batch(*told), make_house(), facts, NOW_MS)
        person_id = admission.person_id
        if admission.upload is not None:
            group.take(LogRecord(position, NOW_MS, admission.upload))
    return states.person(person_id)


def _event(seq: int, days: int, name: str, category: str) -> dict[str, Any]:
    return event(seq, "track", NOW_MS - days * DAY_MS, name=name, props={"category": category})


@st.composite
def journeys(draw: st.DrawFn) -> tuple[list[Happened], list[list[int]]]:
    """Draw what happened and how it was uploaded: every event once, in any order, some again."""
    happened = draw(HISTORIES)
    numbers = draw(st.permutations(range(len(happened))))
    again = draw(st.lists(st.sampled_from(numbers), max_size=6)) if numbers else []
    whole = [*numbers, *again]
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    parts = zip([0, *cuts], [*cuts, len(whole)], strict=True)
    return happened, [whole[begin:end] for begin, end in parts if begin < end]


@pytest.mark.feature("I04")
@settings(max_examples=100, deadline=None)
@given(journeys(), TREES)
def test_streamed_answer_is_that_of_the_whole_batch(
    journey: tuple[list[Happened], list[list[int]]], tree: Any
) -> None:
    """However events came, shuffled, cut and repeated, the rule says what brute force says."""
    happened, uploads = journey
    span_ms, count = SPAN_MS[tree["within"]], tree["count"]
    found = [
        days
        for days, name, category in happened
        if (name, category) == ("purchase", "yoga") and days * DAY_MS <= span_ms
    ]
    want = count.get("min", 0) <= len(found) <= count.get("max", len(found))

    person = streamed(happened, uploads)

    assert compile_rule(tree).holds(RuleFacts(person, NOW_MS)) is want


@pytest.mark.feature("I05")
@settings(max_examples=60, deadline=None)
@given(journeys())
def test_lapsed_begins_to_the_millisecond_after_sixty_days(
    journey: tuple[list[Happened], list[list[int]]],
) -> None:
    """Bought yoga before, not lately: the moment that is named is that of the last yoga."""
    happened, uploads = journey
    yoga = {"where": {"category": "yoga"}}
    rule = compile_rule(
        {"all": [{"did": "purchase", **yoga}, {"last": "purchase", "older_than": "60d", **yoga}]}
    )
    days = [days for days, name, what in happened if (name, what) == ("purchase", "yoga")]
    person = streamed(happened, uploads)

    next_ms = rule.next_change_ms(RuleFacts(person, NOW_MS))

    assert next_ms == (NOW_MS - min(days) * DAY_MS + LAPSED_MS + 1 if days else None)
    if next_ms is not None:
        assert not rule.holds(RuleFacts(person, next_ms - 1))
        assert rule.holds(RuleFacts(person, next_ms))
        person.remember("purchase", next_ms, {"category": "yoga"})
        assert not rule.holds(RuleFacts(person, next_ms))
