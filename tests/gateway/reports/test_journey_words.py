"""How journeys stand, in words."""

from typing import Any

from fencepost_gateway.decide.tongue import ENGLISH
from fencepost_gateway.reports.journey_words import tell_journey

STEP: dict[str, Any] = {"version": 1, "step": "greet", "came": 0, "waiting": 0, "ended": {}}
ANSWER: dict[str, Any] = {
    "id": "first-class",
    "kind": "journey",
    "version": 1,
    "state": "live",
    "mode": "",
    "came": 0,
    "waiting": 0,
    "held": 0,
    "messages_held": 0,
    "ended": {},
    "kept_out": {},
    "steps": [STEP | {"went": {}}],
    "stages": [],
    "goals": [],
    "stuck": {"steps": [], "messages": [], "links_asked": True},
    "acts": [],
}


def test_journey_that_nobody_is_on_says_so() -> None:
    """No heading of a table without rows."""
    assert list(tell_journey(ANSWER, ENGLISH))[-1] == "  nobody has come to a step yet"
