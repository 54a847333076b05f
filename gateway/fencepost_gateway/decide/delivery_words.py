"""
Words of a delivery: how a call ended, and what became of its message then.

Pure. Part of ``words``, which says everything else of a decision record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fencepost_gateway.decide.phrases import CHECKS, OUTCOME, STATES
from fencepost_gateway.decide.reasons import sentence
from fencepost_gateway.decide.tongue import Said, Tongue


def tell_outcome(body: Mapping[str, Any], tongue: Tongue) -> str:
    """Say how a call ended, or what a device tells of a delivery."""
    state = str(body["state"])
    line = tongue.say(STATES.get(state, Said(state, state)))
    if body.get("channel"):
        line += tongue.say(OUTCOME["by"], channel=body["channel"])
    if body.get("code"):
        line += tongue.say(OUTCOME["code"], code=body["code"])
    if body.get("reason"):
        line += tongue.say(OUTCOME["why"], why=sentence(body["reason"], tongue.language))
    if body.get("moves"):
        line += " " + tongue.say(OUTCOME["moves"])
    elif body.get("retry_at_ms") is not None:
        line += " " + tongue.say(OUTCOME["again"], at=tongue.moment(body["retry_at_ms"]))
    return line


def tell_lane(inputs: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    """Say for how long a lane has been shut, and whether the message goes on without it."""
    if inputs["shut_ms"] is None:
        return
    yield tongue.say(CHECKS["shut"], span=tongue.span(inputs["shut_ms"]))
    if inputs["passes"]:
        yield tongue.say(CHECKS["passed_by"], span=tongue.span(inputs["fallback_after_ms"]))
