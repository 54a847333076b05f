"""The golden vectors of the geofence: what a second implementation has to tell, too."""

import json
from pathlib import Path
from typing import Any

import pytest

from geofence.scenarios import FOLDER, SCENARIOS, plain, play, run

VECTORS = [pytest.param(path, id=path.stem) for path in sorted(FOLDER.glob("*.json"))]


@pytest.mark.parametrize("path", VECTORS)
def test_golden_fixes_give_their_transitions(path: Path) -> None:
    """Everything exactly, numbers with a fraction within a millionth."""
    vector: dict[str, Any] = json.loads(path.read_text("utf-8"))

    told, dropped = run(vector["given"]["fences"], vector["when"])

    assert vector["about"]
    assert dropped == vector["then"]["dropped"]
    assert [len(step) for step in told] == [len(step) for step in vector["then"]["told"]]
    for ours, theirs in zip(told, vector["then"]["told"], strict=True):
        for one, expected in zip(ours, theirs, strict=True):
            assert plain(one) == {member: _about(value) for member, value in expected.items()}


def _about(value: Any) -> Any:
    return pytest.approx(value, abs=1e-6) if isinstance(value, float) else value


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_scenario_tells_its_story_and_has_a_vector(scenario: Any) -> None:
    """What was written down by hand happens, and ``make vectors`` was run."""
    assert (
        play(scenario)["when"] == json.loads((FOLDER / f"{scenario.name}.json").read_text())["when"]
    )


def test_every_vector_has_a_scenario() -> None:
    """No vector is left over from a scenario that went."""
    assert {path.stem for path in FOLDER.glob("*.json")} == {one.name for one in SCENARIOS}
