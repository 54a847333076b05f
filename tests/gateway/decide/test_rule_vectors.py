"""The golden vectors of rules: what a second implementation has to answer, too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway.decide.rule_comparisons import COMPARISONS
from fencepost_gateway.decide.rules import FORMS, LATER_FORMS
from gateway.decide.rule_play import answer, facts_of, play, short
from gateway.decide.rule_scenarios import FOLDER, SCENARIOS

VECTORS = [pytest.param(path, id=path.stem) for path in sorted(FOLDER.glob("*.json"))]
ASKS = [
    pytest.param(scenario, n, id=f"{scenario.name}-{n}")
    for scenario in SCENARIOS
    for n in range(len(scenario.asks))
]


@pytest.mark.parametrize("path", VECTORS)
def test_golden_rule_gives_its_answer_and_operands(path: Path) -> None:
    """Verdict, operands in their order with value and note, or the places of the faults."""
    vector: dict[str, Any] = json.loads(path.read_text("utf-8"))
    facts = facts_of(vector["given"])

    assert [answer(tree, facts) for tree in vector["when"]] == vector["then"]


@pytest.mark.parametrize(("scenario", "n"), ASKS)
def test_tree_answers_as_was_written_down_by_hand(scenario: Any, n: int) -> None:
    """A vector that says something else than its author meant is worse than none."""
    told = play(scenario)["then"][n]

    assert short(told) == scenario.asks[n][1].strip()


def test_vectors_are_those_of_the_scenarios() -> None:
    """No vector is left over from a scenario that went, and ``make vectors`` was run."""
    written = {path.stem: json.loads(path.read_text("utf-8")) for path in FOLDER.glob("*.json")}

    assert written == {one.name: json.loads(json.dumps(play(one))) for one in SCENARIOS}


def test_every_form_and_comparison_is_in_a_vector() -> None:
    """A form without a vector would be left to the next implementation's fancy."""
    words: set[str] = set()
    for scenario in SCENARIOS:
        for tree, _ in scenario.asks:
            words |= _words(tree)

    assert {*FORMS, *LATER_FORMS, *COMPARISONS} | {"fold", *sum(FORMS.values(), ())} <= words


def _words(tree: Any) -> set[str]:
    if isinstance(tree, list):
        return {word for part in tree for word in _words(part)}
    if not isinstance(tree, dict):
        return set()
    return {*tree, *(word for part in tree.values() for word in _words(part))}
