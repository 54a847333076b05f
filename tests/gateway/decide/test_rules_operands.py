"""
What decided a rule is what its explanation names: nothing else could have changed the answer.

Two worlds are drawn. Of the first the named operands are kept, all the rest comes from the second;
the rule has to answer the same, operand by operand. The clock, the fences and the workspace's zone
are the same in both: they are settings and the moment, not facts about somebody.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fencepost_gateway.decide.person import Person, Presence
from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.decide.rules import Operand, RuleFacts, TransitionView, compile_rule

NOW_MS = 1_780_300_800_000  # Monday 2026-06-01 08:00:00 UTC
DAY_MS = 86_400_000
FENCES = {
    "port": FenceView("port", "Port", frozenset({"studio"}), meta={"gym": True}),
    "gate": FenceView("gate", "Gate", frozenset({"airport"}), meta={"zone": "Asia/Seoul"}),
}
EVENTS = ("buy", "login")
ZONES = ("Europe/Monaco", "Asia/Seoul", "")

SCALARS = st.sampled_from([True, False, 0, 1, 2, "x", "y", None])
BAGS = st.fixed_dictionaries(
    {}, optional={"a": SCALARS, "b": SCALARS, "c": st.one_of(SCALARS, st.just({"d": 1}))}
)
PAST = st.lists(
    st.tuples(
        st.sampled_from(EVENTS),
        st.integers(0, 5),
        st.fixed_dictionaries({}, optional={"a": SCALARS}),
    ),
    max_size=5,
)
INSIDE = st.lists(st.tuples(st.sampled_from([*FENCES]), st.integers(0, 30)), max_size=2)


@st.composite
def worlds(draw: st.DrawFn) -> RuleFacts:
    """Draw what may be known of somebody and of what woke us."""
    person = Person("p", attributes=draw(BAGS), zone=draw(st.sampled_from(ZONES)))
    for name, days, props in draw(PAST):
        person.remember(name, NOW_MS - days * DAY_MS, props)
    for n, (fence_id, minutes) in enumerate(draw(INSIDE)):
        person.inside.append(Presence(fence_id, NOW_MS - minutes * 60_000, f"v{n}", "d"))
    kinds, ids = st.sampled_from(["enter", "exit"]), st.sampled_from([*FENCES])
    woke = st.builds(TransitionView, kinds, ids, initial=st.booleans(), clean=st.booleans())
    return RuleFacts(
        person=person,
        now_ms=NOW_MS,
        event=draw(st.one_of(st.none(), BAGS)),
        transition=draw(st.one_of(st.none(), woke)),
        place=draw(st.sampled_from([None, *FENCES.values()])),
        fences=FENCES,
        workspace_zone="Europe/Monaco",
    )


def _values() -> st.SearchStrategy[dict[str, Any]]:
    comparison = st.sampled_from(
        [
            ("is", 1),
            ("is_not", "x"),
            ("in", [1, 2]),
            ("gte", 1),
            ("exists", True),
            ("exists", False),
        ]
    )
    return st.builds(
        lambda spot, pair: {spot[0]: spot[1], pair[0]: pair[1]},
        st.tuples(st.sampled_from(["person", "event"]), st.sampled_from(["a", "b", "c", "c.d"])),
        comparison,
    )


LEAVES = st.one_of(
    _values(),
    _values(),
    st.booleans(),
    st.sampled_from(
        [
            {"place": "meta.gym", "is": True},
            {"place": "name", "is_not": "Gate"},
            {"inside": {"tag": "studio"}},
            {"inside": {"id": "gate"}, "for": "10m"},
            {"transition": "enter"},
            {"transition": "exit", "fence": {"tag": "airport"}, "clean": True},
            {"time": {"from": "10:00", "to": "11:00"}},
            {"time": {"from": "17:00"}, "zone": "place"},
        ]
    ),
    st.builds(
        lambda name, more: more | {next(iter(more.pop("form", {"did": 0}))): name},
        st.sampled_from(EVENTS),
        st.sampled_from(
            [
                {},
                {"within": "2d"},
                {"where": {"a": 1}},
                {"count": {"max": 1}},
                {"sum": {"of": "a", "min": 2}},
                {"form": {"last": 0}, "within": "2d"},
                {"form": {"first": 0}, "older_than": "2d"},
                {"form": {"last": 0}, "older_than": "1d", "where": {"a": 1}},
                {"form": {"first": 0}, "within": "3d", "where": {"a": 1}},
            ]
        ).map(deepcopy),
    ),
)
TREES = st.recursive(
    LEAVES,
    lambda below: st.one_of(
        st.lists(below, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(below, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        below.map(lambda part: {"not": part}),
    ),
    max_leaves=10,
)


def put(bag: dict[str, Any], path: list[str], value: object) -> None:
    """Set the value at a dotted path, or take it away where it was missing."""
    *above, last = path
    for key in above:
        if value is None and not isinstance(bag.get(key), dict):
            return
        bag[key] = dict(bag[key]) if isinstance(bag.get(key), dict) else {}
        bag = bag[key]
    if value is None:
        bag.pop(last, None)
    else:
        bag[last] = value


def named_only(facts: RuleFacts, other: RuleFacts, operands: tuple[Operand, ...]) -> RuleFacts:
    """Give ``other``, with what the operands name as it is in ``facts``."""
    mixed, person, ours = other, deepcopy(other.person), facts.person
    event = dict(other.event or {})
    for operand in sorted(operands, key=lambda one: one.rule):
        form, _, rest = operand.rule.partition(" ")
        bag, _, name = form.partition(".")
        word = rest.split(" ")[0]
        if bag == "person":
            put(person.attributes, name.split("."), operand.value)
        elif bag == "event":
            put(event, name.split("."), operand.value)
        elif bag == "place" or (bag == "time" and rest.endswith("zone place")):
            mixed = replace(mixed, place=facts.place)
        elif bag == "time":
            person.zone = ours.zone
        elif bag == "transition":
            mixed = replace(mixed, transition=facts.transition)
        elif bag == "inside":
            person.inside = [p for p in person.inside if not selects(rest, p)]
            person.inside += [p for p in ours.inside if selects(rest, p)]
        elif bag in {"did", "last", "first"}:
            person.recent = [e for e in person.recent if e.name != word]
            person.recent += [e for e in ours.recent if e.name == word]
            person.summaries.pop(word, None)
            if word in ours.summaries:
                person.summaries[word] = ours.summaries[word]
    return replace(mixed, person=person, event=event)


def selects(text: str, presence: Presence) -> bool:
    """Say whether an operand of ``inside`` speaks of this presence."""
    return ("tag studio" in text) == (presence.fence_id == "port")


@settings(max_examples=150)
@given(TREES, worlds(), worlds())
def test_what_no_operand_names_never_changes_the_answer(
    tree: Any, facts: RuleFacts, other: RuleFacts
) -> None:
    """With the named operands alone kept, the rule answers the same, operand by operand."""
    rule = compile_rule(tree)
    answer = rule.evaluate(facts)

    assert rule.evaluate(named_only(facts, other, answer.operands)) == answer


@settings(max_examples=100)
@given(TREES, worlds())
def test_named_operands_are_enough_to_decide(tree: Any, facts: RuleFacts) -> None:
    """Somebody of whom nothing is known but what the operands name gets the same answer."""
    rule = compile_rule(tree)
    answer = rule.evaluate(facts)
    nobody = RuleFacts(
        person=Person("p"), now_ms=NOW_MS, fences=FENCES, workspace_zone="Europe/Monaco"
    )

    assert rule.evaluate(named_only(facts, nobody, answer.operands)) == answer


@settings(max_examples=100)
@given(st.lists(LEAVES, min_size=1, max_size=5), worlds(), st.sampled_from(["all", "any"]))
def test_nothing_is_looked_at_after_the_answer_is_known(
    leaves: list[Any], facts: RuleFacts, branch: str
) -> None:
    """The last operand is the first that decides: true in any, false in all."""
    decisive = branch == "any"
    alone = [compile_rule(leaf).evaluate(facts) for leaf in leaves]
    verdicts = [one.ok for one in alone]
    upto = verdicts.index(decisive) + 1 if decisive in verdicts else len(leaves)

    answer = compile_rule({branch: leaves}).evaluate(facts)

    assert answer.operands == tuple(one.operands[0] for one in alone[:upto])
    assert answer.ok is (decisive if decisive in verdicts else not decisive)
