"""Rules against a naive interpreter, and against their own explanation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.rules import Operand, RuleFacts, compile_rule

NAMES = ("a", "b", "c.d")
SCALARS = st.one_of(st.booleans(), st.integers(-3, 3), st.sampled_from(["", "x", "xy", "Y"]))
VALUES = st.one_of(SCALARS, st.none(), st.lists(SCALARS, max_size=3))


def leaves() -> st.SearchStrategy[dict[str, Any]]:
    """Give leaves over the person and the event."""
    number, text = st.integers(-3, 3), st.sampled_from(["x", "xy", "Y", "*"])
    literal = st.one_of(
        st.tuples(st.sampled_from(["is", "is_not"]), SCALARS),
        st.tuples(st.sampled_from(["in", "not_in"]), st.lists(number, min_size=1, max_size=3)),
        st.tuples(st.sampled_from(["gt", "gte", "lt", "lte"]), number),
        st.tuples(st.just("between"), st.tuples(number, number).map(sorted)),
        st.tuples(st.just("contains"), SCALARS),
        st.tuples(st.sampled_from(["starts_with", "like"]), text),
        st.tuples(st.just("exists"), st.booleans()),
    )
    return st.builds(
        lambda form, name, pair: {form: name, pair[0]: pair[1]},
        st.sampled_from(["person", "event"]),
        st.sampled_from(NAMES),
        literal,
    )


TREES = st.recursive(
    st.one_of(leaves(), st.booleans()),
    lambda below: st.one_of(
        st.lists(below, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(below, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        below.map(lambda part: {"not": part}),
    ),
    max_leaves=12,
)
WORLDS = st.fixed_dictionaries(
    {"a": VALUES, "b": VALUES},
    optional={"c": st.one_of(VALUES, st.fixed_dictionaries({"d": VALUES}))},
)


def naive(tree: Any, worlds: dict[str, dict[str, Any]]) -> bool:
    """Evaluate a rule as one would explain it to a colleague."""
    if tree in (True, False):
        return bool(tree)
    if "all" in tree:
        return all([naive(part, worlds) for part in tree["all"]])  # noqa: C419 - no short circuit
    if "any" in tree:
        return any([naive(part, worlds) for part in tree["any"]])  # noqa: C419 - as above
    if "not" in tree:
        return not naive(tree["not"], worlds)
    form = next(form for form in worlds if form in tree)
    (name, literal) = next((k, v) for k, v in tree.items() if k != form)
    found: Any = worlds[form]
    for key in tree[form].split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return naive_leaf(name, found, literal)


def naive_leaf(name: str, found: Any, literal: Any) -> bool:  # noqa: C901 - a list of cases
    """Compare one value."""
    if name == "exists":
        return bool((found is not None) == literal)
    if found is None:
        return name == "is_not"
    same = type(found) is type(literal[0] if isinstance(literal, list) else literal)
    match name:
        case "is":
            return bool(same and found == literal)
        case "is_not":
            return bool(same and found != literal)
        case "in":
            return same and found in literal
        case "not_in":
            return same and found not in literal
        case "between":
            return bool(same and literal[0] <= found <= literal[1])
        case "contains":
            if isinstance(found, list):
                return any(type(item) is type(literal) and item == literal for item in found)
            return isinstance(found, str) and same and literal in found
        case "starts_with":
            return bool(same and found[: len(literal)] == literal)
        case "like":
            return same and literal in ("*", found)
    compared = {"gt": 1, "gte": 0, "lt": -1, "lte": 0}[name]
    if not same:
        return False
    sign = (found > literal) - (found < literal)
    return sign == compared or (name in {"gte", "lte"} and sign == (1 if name == "gte" else -1))


def explained(tree: Any, operands: Iterator[Operand]) -> bool:
    """Work the verdict out from the operands alone, in their order."""
    if isinstance(tree, dict) and "all" in tree:
        return all(explained(part, operands) for part in tree["all"])
    if isinstance(tree, dict) and "any" in tree:
        return any(explained(part, operands) for part in tree["any"])
    if isinstance(tree, dict) and "not" in tree:
        return not explained(tree["not"], operands)
    return next(operands).ok


@settings(max_examples=300)
@given(TREES, WORLDS, WORLDS)
def test_rule_answers_as_the_naive_interpreter(
    tree: Any, person: dict[str, Any], event: dict[str, Any]
) -> None:
    """Compiled and interpreted rules agree, and the operands alone give the verdict."""
    facts = RuleFacts(person=Person("p", attributes=person), event=event, now_ms=0)

    answer = compile_rule(tree).evaluate(facts)

    assert answer.ok == naive(tree, {"person": person, "event": event})
    operands = iter(answer.operands)
    assert explained(tree, operands) == answer.ok
    assert next(operands, None) is None
