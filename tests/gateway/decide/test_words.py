import pytest

from fencepost_gateway.decide import words


@pytest.mark.parametrize(
    ("confidence", "expected"),
    [(0.624, ", 62 % sure"), (0.9999, ", 99 % sure"), (None, ", accuracy 8 m")],
)
def test_transition_says_how_sure_it_is(confidence: float | None, expected: str) -> None:
    """Never certain, and nothing where a timer decided."""
    body = {
        "kind": "enter",
        "fence_id": "cafe",
        "at_ms": 0,
        "distance_m": -12.4,
        "accuracy_m": 8.0,
        "confidence": confidence,
    }

    (line,) = words.tell("transition", body)

    assert line.endswith(expected)
