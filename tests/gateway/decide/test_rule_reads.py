"""What a rule says it reads: complete, and no wider than its leaves."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.reads import Reads
from fencepost_gateway.decide.rules import FORMS, RuleFacts, compile_rule, compile_where
from gateway.decide.rule_worlds import LEAVES, trees, worlds

PLACES = ("inside", "visits", "visits_lost_ms")


def only(reads: Reads, facts: RuleFacts, other: RuleFacts) -> RuleFacts:
    """Give ``other``, with what ``reads`` names as it is in ``facts``."""
    ours, person = facts.person, deepcopy(other.person)
    _take_named(reads, ours, person)
    parts = {PLACES: reads.places, ("messages", "messages_lost_ms"): bool(reads.messages)}
    parts |= {("consents",): reads.consents, ("reach",): reads.reach}
    for names, is_read in parts.items():
        for name in names if is_read else ():
            setattr(person, name, deepcopy(getattr(ours, name)))
    mixed = replace(other, person=person)
    if reads.places:
        mixed = replace(mixed, place=facts.place)
    if reads.woke:
        mixed = replace(mixed, event=facts.event, transition=facts.transition)
    if reads.time:
        mixed = replace(mixed, now_ms=facts.now_ms)
    traits = {
        name: (facts if name in reads.traits else other).traits[name] for name in other.traits
    }
    return replace(mixed, traits=traits)


def _take_named(reads: Reads, ours: Person, person: Person) -> None:
    person.recent = [e for e in person.recent if e.name not in reads.events]
    person.recent += [e for e in ours.recent if e.name in reads.events]
    pairs: list[tuple[dict[str, Any], dict[str, Any], frozenset[str]]] = [
        (person.summaries, ours.summaries, reads.events),
        (person.lost, ours.lost, reads.events),
        (person.attributes, ours.attributes, reads.attributes),
        (person.audiences, ours.audiences, reads.audiences),
        (person.arms, ours.arms, reads.arms),
    ]
    for theirs, known, names in pairs:
        for name in names:
            theirs.pop(name, None)
            if name in known:
                theirs[name] = known[name]
    for name in ("user_id", "locale", "zone"):
        if name in reads.attributes:
            setattr(person, name, getattr(ours, name))


def settled(facts: RuleFacts, value: int) -> RuleFacts:
    """Give traits that depend on nothing the person keeps."""
    return replace(facts, traits={"busy": lambda _person, _now_ms: (value, None)})


@settings(max_examples=500, deadline=None)
@given(trees(), worlds(), worlds())
def test_fact_that_is_not_read_never_changes_the_answer(
    tree: Any, facts: RuleFacts, other: RuleFacts
) -> None:
    """Whatever else becomes of the person, the stimulus and the time, the answer stays."""
    rule = compile_rule(tree)
    facts, other = settled(facts, 0), settled(other, 1)

    assert rule.holds(only(rule.reads, facts, other)) is rule.holds(facts)


COUNTRY = frozenset({"country", "zone", "locale"})
READS = {
    "person": ({"person": "city.name", "is": "x"}, Reads(attributes=frozenset({"city"}))),
    "event": ({"event": "x", "is": 1}, Reads(woke=True)),
    "place": ({"place": "id", "is": "x"}, Reads(places=True)),
    "trait": ({"trait": "t", "gt": 1}, Reads(traits=frozenset({"t"}), time=True)),
    "value": ({"value": "tickets.left", "gt": 0}, Reads(woke=True)),
    "fresh value": (
        {"value": "tickets.left", "gt": 0, "max_age": "5m"},
        Reads(woke=True, time=True),
    ),
    "arm": ({"arm": "e", "is": "B"}, Reads(arms=frozenset({"e"}))),
    "did": ({"did": "a", "where": {"within": "7d"}}, Reads(events=frozenset({"a"}))),
    "last": ({"last": "a", "within": "1d"}, Reads(events=frozenset({"a"}), time=True)),
    "first": ({"first": "a", "older_than": "1d"}, Reads(events=frozenset({"a"}), time=True)),
    "inside": ({"inside": {"id": "x"}}, Reads(places=True)),
    "visited": ({"visited": {"id": "x"}, "within": "1d"}, Reads(places=True, time=True)),
    "transition": ({"transition": "enter"}, Reads(woke=True)),
    "audience": ({"audience": "a"}, Reads(audiences=frozenset({"a"}))),
    "got": ({"got": "greet"}, Reads(messages=frozenset({"greet"}))),
    "consent": ({"consent": "marketing"}, Reads(consents=True, attributes=COUNTRY)),
    "reachable": ({"reachable": "sms"}, Reads(reach=True)),
    "time": ({"time": {"days": ["mo"]}}, Reads(attributes=frozenset({"zone"}), time=True)),
    "all": (
        {"all": [{"did": "a"}, {"not": {"any": [{"did": "b"}, {"reachable": "sms"}]}}]},
        Reads(events=frozenset({"a", "b"}), reach=True),
    ),
    "any": ({"any": [True]}, Reads()),
    "not": ({"not": False}, Reads()),
    "where that looks at the time": (
        {"did": "a", "where": {"any": [{"event": "when", "within": "7d"}]}},
        Reads(events=frozenset({"a"}), time=True),
    ),
    "time at the place": (
        {"time": {"days": ["mo"]}, "zone": "place"},
        Reads(places=True, time=True),
    ),
    "consent on a channel": (
        {"consent": "marketing", "channel": "sms"},
        Reads(consents=True, reach=True, attributes=COUNTRY),
    ),
    "consent of an age": (
        {"consent": "marketing", "older_than": "700d"},
        Reads(consents=True, attributes=COUNTRY, time=True),
    ),
}


@pytest.mark.parametrize(("tree", "reads"), READS.values(), ids=READS)
def test_rule_reads_no_more_than_its_leaves_ask_for(tree: Any, reads: Reads) -> None:
    """An index over these must not wake whom nothing concerns."""
    assert compile_rule(tree).reads == reads


def test_every_form_says_what_it_reads() -> None:
    """A form without a line above would be left out of the index."""
    assert set(FORMS) <= set(READS)


def test_where_of_an_entry_reads_what_woke_us() -> None:
    """It is asked of the event itself."""
    assert compile_where({"x": 1}).reads == Reads(woke=True)
    assert compile_where({"event": "x", "within": "1d"}).reads == Reads(woke=True, time=True)


@settings(max_examples=200, deadline=None)
@given(LEAVES, worlds())
def test_explaining_changes_no_answer(tree: Any, facts: RuleFacts) -> None:
    """With operands, with moments noted, or without both: the answer is one."""
    rule = compile_rule(tree)
    noted: list[int] = []

    assert rule.evaluate(facts).ok is rule.holds(facts)
    assert rule.holds(replace(facts, wakes=noted)) is rule.holds(facts)
