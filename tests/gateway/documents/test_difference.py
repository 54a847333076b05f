"""What was changed in a document is said as its author would say it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_gateway.documents.difference import CHANGES_MAX, ITEMS_MAX, differences

LEAF = st.one_of(st.integers(0, 2), st.sampled_from(["", "a", "b\nc"]), st.booleans())
TREE = st.recursive(
    LEAF,
    lambda below: st.one_of(
        st.lists(below, max_size=3),
        st.dictionaries(st.sampled_from(["id", "steps", "a"]), below, max_size=3),
    ),
    max_leaves=8,
)
BODY = st.dictionaries(st.sampled_from(["id", "steps", "message"]), TREE, max_size=3)


def said(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Give the differences as lines."""
    return [str(each) for each in differences(was, now)]


def steps(*ids: str) -> dict[str, Any]:
    """Give a journey whose steps have these ids."""
    return {"steps": [{"id": each, "message": {"template": each}} for each in ids]}


def test_changed_word_is_one_line_with_both_values() -> None:
    """A member that is other, new or gone: three signs, its spot, its values."""
    was = {"name": "Old", "message": {"max_age": "15m", "priority": 3}}
    now = {"name": "Old", "message": {"max_age": "30m", "each": True}}

    assert said(was, now) == [
        "~ message.max_age: 15m -> 30m",
        "+ message.each: true",
        "- message.priority: 3",
    ]


def test_step_put_in_between_leaves_the_others_as_they_are() -> None:
    """A step with an id is the same one wherever it stands."""
    now = steps("greet", "wait", "remind")
    now["steps"][2]["message"]["max_age"] = "1h"

    assert said(steps("greet", "remind"), now) == [
        '+ step wait: {"id": "wait", "message": {"template": "wait"}}',
        "+ step remind, message.max_age: 1h",
    ]


def test_member_that_is_gone_is_named_by_its_own_step() -> None:
    """Also where the steps have moved since."""
    was, now = steps("greet", "remind"), steps("new", "greet", "remind")
    was["steps"][1]["message"]["priority"] = 7

    assert said(was, now)[1:] == ["- step remind, message.priority: 7"]


def test_of_a_long_text_the_line_that_changed_is_shown() -> None:
    """A body of several lines is no wall of text twice."""
    was = {"email": {"text": "Hi\nSee you at six.\nLuma"}}
    now = {"email": {"text": "Hi\nSee you at seven.\nLuma"}}

    assert said(was, now) == ["~ email.text (line 2): See you at six. -> See you at seven."]


def test_what_is_told_is_bounded() -> None:
    """A document written anew, and a fence of a thousand corners, are a few short lines."""
    many = {str(n): n for n in range(CHANGES_MAX * 2)}
    ring = [[n, n] for n in range(ITEMS_MAX + 1)]

    assert len(differences({}, many)) == CHANGES_MAX + 1
    assert said({"ring": ring}, {"ring": [*ring, [0, 0]]}) == [
        "~ ring: 501 items -> 502 items, others"
    ]
    assert len(said({"a": "x"}, {"a": "y" * 1000})[0]) < 100


@settings(max_examples=150, deadline=None)
@given(BODY, BODY)
def test_there_is_a_difference_exactly_where_bodies_differ(
    was: dict[str, Any], now: dict[str, Any]
) -> None:
    """Nothing that changed is silent, and what is alike says nothing."""
    from fencepost_gateway.documents.document import canonical_json  # noqa: PLC0415

    assert (differences(was, now) == []) == (canonical_json(was) == canonical_json(now))
    assert differences(was, was) == []
