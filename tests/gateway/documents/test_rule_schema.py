"""The JSON Schema of rules, against the compiler."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from fencepost_gateway.decide.rules import RuleError, compile_rule
from fencepost_gateway.documents.rule_schema import rule_definitions
from gateway.decide.rule_scenarios import SCENARIOS
from gateway.decide.rule_worlds import trees

VALIDATOR = Draft202012Validator({"$ref": "#/$defs/Rule", "$defs": rule_definitions()})
TREES = [tree for scenario in SCENARIOS for tree, _ in scenario.asks]
# What a schema cannot tell; `fencepost check` does.
BEYOND = (
    "below",
    "same",
    "no time zone",
    "does not fit",
    "no name",
    "both",
    "needs an age",
    "channels",
)


def faults(tree: Any) -> str:
    """Say what the compiler has against a tree, if anything."""
    try:
        compile_rule(tree)
    except RuleError as error:
        return "; ".join(fault.what for fault in error.faults)
    return ""


def test_schema_is_one() -> None:
    """It holds to the draft it names."""
    Draft202012Validator.check_schema(VALIDATOR.schema)


@pytest.mark.parametrize("tree", TREES, ids=range(len(TREES)))
def test_rule_that_compiles_is_allowed_by_the_schema(tree: Any) -> None:
    """An editor must not underline what is right."""
    assert VALIDATOR.is_valid(tree) or faults(tree)


@settings(max_examples=100, deadline=None)
@given(trees())
def test_any_tree_that_compiles_is_allowed_by_the_schema(tree: Any) -> None:
    """As above, for every form and member."""
    assert VALIDATOR.is_valid(tree) or faults(tree)


def test_what_is_no_form_is_refused_by_the_schema() -> None:
    """An editor underlines what the compiler refuses, but for what a schema cannot tell."""
    missed = {}
    for scenario in SCENARIOS:
        for tree, _ in scenario.asks if scenario.name in {"refused", "not_yet"} else ():
            fault = faults(tree)
            if fault and VALIDATOR.is_valid(tree) and not any(word in fault for word in BEYOND):
                missed[fault] = tree

    assert missed == {}
