"""
Words: decision records in sentences.

Pure. What page, command line and SDK show is made here, from the records alone. Times are written
in UTC; nothing here knows an address, a coordinate or the words of a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from fencepost_gateway.decide.reasons import sentence

GATE_NAMES = {
    "live": "campaign is live",
    "emergency_stop": "no emergency stop",
    "age": "young enough",
    "holdout": "not in a holdout",
    "goal": "goal not reached yet",
    "while": "still relevant",
    "reachable": "reachable",
    "suppression": "not suppressed",
    "consent": "consent",
    "quiet_hours": "quiet hours",
    "render": "content renders",
    "caps": "frequency caps",
}


def tell(kind: str, body: Mapping[str, Any]) -> list[str]:
    """Say one record in lines; the first is the summary, the others are its checks."""
    if kind == "transition":
        return [_transition(body)]
    if kind == "step":
        return [_step(body), *(f"  {line}" for line in _operands(body.get("inputs", {})))]
    if kind == "claim":
        return [_claim(body), *(_check(c) for c in body["checks"])]
    return [_outcome(body)]


def moment(at_ms: int | None) -> str:
    """Write an epoch millisecond as UTC."""
    if at_ms is None:
        return "never"
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def span(length_ms: int) -> str:
    """Write a length of time briefly."""
    seconds = length_ms // 1000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds} s"


def _transition(body: Mapping[str, Any]) -> str:
    kind = str(body["kind"]).upper()
    extra = " (was inside already)" if body.get("initial") else ""
    if body.get("duration_s") is not None:
        extra = f" after {span(body['duration_s'] * 1000)}"
    if body.get("after_s") is not None:
        extra = f" of {span(body['after_s'] * 1000)}"
    extra += " (outside its opening hours)" if body.get("active") is False else ""
    extra += " (it opened)" if body.get("opened") else ""
    extra += " (told late)" if body.get("late") else ""
    extra += " (taken back: later fixes say otherwise)" if body.get("superseded") else ""
    if body.get("arrives_in_s") is not None:
        extra += f", there in {span(body['arrives_in_s'] * 1000)}"
    distance = body.get("distance_m")
    seen = "" if distance is None else f"; {abs(distance):.0f} m from the boundary"
    accuracy = body.get("accuracy_m")
    seen += "" if accuracy is None else f", accuracy {accuracy:.0f} m"
    confidence = body.get("confidence")  # never said to be certain: no receiver is
    seen += "" if confidence is None else f", {min(100 * confidence, 99):.0f} % sure"
    fence = body.get("fence_name") or body["fence_id"]
    return f"{kind} {fence}{extra} at {moment(body['at_ms'])}{seen}"


def _step(body: Mapping[str, Any]) -> str:
    campaign = f"{body['campaign_id']} v{body['campaign_version']}"
    if body["outcome"] == "entered":
        return f"Entered {campaign}, woken by {body['cause']}"
    return f"Not entered {campaign}, woken by {body['cause']}: {sentence(body['reason'])}"


def _operands(inputs: Mapping[str, Any]) -> Iterator[str]:
    for operand in inputs.get("operands", ()):
        mark = "yes" if operand["ok"] else "no "
        note = f" ({operand['note']})" if operand["note"] else ""
        yield f"{mark} {operand['rule']}: found {operand['value']!r}{note}"
    if inputs.get("hours"):
        yield f"open {inputs['hours']} ({inputs['zone']})"
    for name in ("entered_ms", "opens_ms", "from_ms", "until_ms"):
        if inputs.get(name) is not None:
            yield f"{name.removesuffix('_ms')} {moment(inputs[name])}"


def _claim(body: Mapping[str, Any]) -> str:
    campaign = f"{body['campaign_id']} v{body['campaign_version']}"
    if body["outcome"] == "send":
        return f"May go: {campaign} by {body['channel']}"
    if body["outcome"] == "deferred":
        until = moment(body["retry_at_ms"])
        return f"Deferred until {until}: {campaign}. {sentence(body['reason'])}"
    return f"Withheld ({body['reason']}): {campaign}. {sentence(body['reason'])}"


def _check(check: Mapping[str, Any]) -> str:
    mark = "yes" if check["ok"] else "no "
    name = GATE_NAMES.get(check["gate"], check["gate"])
    where = f" on {check['channel']}" if check.get("channel") else ""
    found = "; ".join(_inputs(check["gate"], check.get("inputs") or {}))
    return f"  {mark} {name}{where}{': ' + found if found else ''}"


def _inputs(gate: str, inputs: Mapping[str, Any]) -> Iterator[str]:
    """Say what a gate looked at."""
    if inputs.get("exempt"):
        yield "does not apply"
        return
    teller = _TELLERS.get(gate)
    if teller is not None:
        yield from teller(inputs)
        return
    yield from (f"{key} {value}" for key, value in inputs.items() if value is not None)


def _tell_age(inputs: Mapping[str, Any]) -> Iterator[str]:
    yield f"{span(inputs['age_ms'])} old, at most {span(inputs['max_age_ms'])}"


def _tell_holdout(inputs: Mapping[str, Any]) -> Iterator[str]:
    yield f"held by {', '.join(inputs['held_by'])}" if inputs["held_by"] else "not drawn"


def _tell_goal(inputs: Mapping[str, Any]) -> Iterator[str]:
    yield f"{inputs['event']} last {moment(inputs['last_ms'])}" if inputs else "no goal"


def _tell_consent(inputs: Mapping[str, Any]) -> Iterator[str]:
    value, purpose = inputs["value"], inputs["purpose"]
    yield f"{purpose} = {value} (said for {inputs['said_for']}, policy {inputs['policy']})"


def _tell_quiet_hours(inputs: Mapping[str, Any]) -> Iterator[str]:
    yield f"{', '.join(inputs['zones']) or 'no zone'} ({inputs['zone_source']})"
    if inputs.get("next_ms") is not None:
        yield f"next at {moment(inputs['next_ms'])}"


def _tell_caps(inputs: Mapping[str, Any]) -> Iterator[str]:
    for rule in inputs["rules"]:
        yield f"{rule['rule']}: {rule['used']} of {rule['limit']} used, {rule['window']}"
        if rule["next_ms"] is not None:
            yield f"next slot {moment(rule['next_ms'])}"


_TELLERS: dict[str, Callable[[Mapping[str, Any]], Iterator[str]]] = {
    "age": _tell_age,
    "holdout": _tell_holdout,
    "goal": _tell_goal,
    "while": _operands,
    "consent": _tell_consent,
    "quiet_hours": _tell_quiet_hours,
    "caps": _tell_caps,
}


def _outcome(body: Mapping[str, Any]) -> str:
    where = f" by {body['channel']}" if body.get("channel") else ""
    why = f": {sentence(body['reason'])}" if body.get("reason") else ""
    return f"{str(body['state']).capitalize()}{where}{why}"
