"""
Words: decision records in sentences.

Pure. What page, command line and SDK show is made here, from the records alone, in the language
and on the clock of a ``Tongue`` (English and UTC unless another is given). Nothing here knows an
address, a coordinate or the words of a message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fencepost_gateway.decide.consent import LOCATION_ACTIVE
from fencepost_gateway.decide.delivery_words import tell_lane, tell_outcome
from fencepost_gateway.decide.journey_words import ENDS, tell_call, tell_step
from fencepost_gateway.decide.phrases import (
    AUDIENCE,
    CHECK_IN,
    CHECKS,
    CLAIM,
    COUNTRY_SOURCES,
    FLAGS,
    GATES,
    KIND_NAMES,
    KINDS,
    LEVELS,
    MARKS,
    MERGE,
    NOTES,
    STEP,
    TESTS,
    TRANSITION,
    WINDOWS,
)
from fencepost_gateway.decide.reasons import sentence
from fencepost_gateway.decide.solver import HORIZON_MS
from fencepost_gateway.decide.tongue import ENGLISH, Said, Tongue

SHOWN_MAX = 4  # of a list in one line
_MOMENTS = ("due_ms", "entered_ms", "opens_ms", "from_ms", "until_ms", "reacted_ms")
_NAMED = ("table", "source", "experiment", "path")

SHORT = 8  # of an id, enough to tell a person's visitors apart


def tell(kind: str, body: Mapping[str, Any], tongue: Tongue = ENGLISH) -> list[str]:
    """Say one record in lines; the first is the summary, the others are its checks."""
    if kind == "step":
        looked_at = _operands(body.get("inputs", {}), tongue)
        return [_step(body, tongue), *(f"  {line}" for line in looked_at)]
    if kind == "claim":
        return [_claim(body, tongue), *(_check(c, tongue) for c in body["checks"])]
    if kind == "audience":
        return [_audience(body, tongue), *(f"  {line}" for line in _operands(body, tongue))]
    return [_brief(kind, body, tongue)]


def _brief(kind: str, body: Mapping[str, Any], tongue: Tongue) -> str:
    """Say a record that has no checks."""
    if kind == "transition":
        return _transition(body, tongue)
    if kind == "call":
        return tell_call(body, tongue)
    if kind == "check_in":
        why = sentence(body["reason"], tongue.language)
        return tongue.say(CHECK_IN["refused"], why=why, at=tongue.moment(body["at_ms"]))
    if kind == "merge":
        values = {"policy": body["policy"], "device": body["device_id"]}
        return tongue.say(MERGE[body["outcome"]], visitor=body["visitor_id"][:SHORT], **values)
    return tell_outcome(body, tongue)


def moment(at_ms: int | None) -> str:
    """Write an epoch millisecond as UTC."""
    return ENGLISH.moment(at_ms)


def span(length_ms: int) -> str:
    """Write a length of time briefly."""
    return ENGLISH.span(length_ms)


def _or_itself(table: Mapping[str, Said], code: str) -> Said:
    """Give the phrase for a code; one that nobody knows is shown as it is."""
    plain = code.replace("{", "{{").replace("}", "}}")
    return table.get(code, Said(plain, plain))


def _transition(body: Mapping[str, Any], tongue: Tongue) -> str:
    fence = body.get("fence_name") or body["fence_id"]
    line = tongue.say(_or_itself(KINDS, str(body["kind"])), fence=fence)
    parts = [*_notes_of(body, tongue), ("at", {"at": tongue.moment(body["at_ms"])})]
    parts += _seen(body)
    return line + "".join(tongue.say(TRANSITION[name], **values) for name, values in parts)


def _notes_of(body: Mapping[str, Any], tongue: Tongue) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give what is special about a transition, in the order it is said."""
    if body.get("duration_s") is not None:
        yield "lasted", {"span": tongue.span(body["duration_s"] * 1000)}
    elif body.get("initial"):
        yield "initial", {}
    if body.get("after_s") is not None:
        yield "threshold", {"span": tongue.span(body["after_s"] * 1000)}
    if body.get("active") is False:
        yield "inactive", {}
    for name in ("opened", "late"):
        if body.get(name):
            yield name, {}
    if body.get("flags"):
        said = [tongue.say(_or_itself(FLAGS, flag)) for flag in body["flags"]]
        yield "suspicious", {"flags": ", ".join(said)}
    if body.get("superseded"):
        yield "superseded", {}
    if body.get("arrives_in_s") is not None:
        yield "arrives", {"span": tongue.span(body["arrives_in_s"] * 1000)}


def _seen(body: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if body.get("distance_m") is not None:
        yield "distance", {"metres": f"{abs(body['distance_m']):,.0f}"}
    if body.get("accuracy_m") is not None:
        yield "accuracy", {"metres": f"{body['accuracy_m']:,.0f}"}
    if body.get("confidence") is not None:  # never said to be certain: no receiver is
        yield "sure", {"percent": f"{min(100 * body['confidence'], 99):.0f}"}


def _step(body: Mapping[str, Any], tongue: Tongue) -> str:
    cause = body["cause"]
    if body.get("step_id"):
        return tell_step(body, tongue)
    if body.get("fence_id"):  # a transition; an app event keeps its name
        cause = tongue.say(_or_itself(KIND_NAMES, cause))
    elif body.get("audience_id"):
        cause = tongue.say(AUDIENCE[f"by_{cause}"], audience=body["audience_id"])
    elif body.get("by"):
        cause = tongue.say(STEP[body["by"]], name=cause)
    values = {"campaign": f"{body['campaign_id']} v{body['campaign_version']}", "cause": cause}
    if body["outcome"] == "entered":
        return tongue.say(STEP["entered"], **values)
    why = sentence(body["reason"], tongue.language)
    return tongue.say(STEP["not_entered"], why=why, **values)


def _audience(body: Mapping[str, Any], tongue: Tongue) -> str:
    line = tongue.say(AUDIENCE[body["on"]], audience=body["audience_id"])
    return line + (tongue.say(AUDIENCE["filled"]) if body.get("filled") else "")


def _operands(inputs: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    for operand in inputs.get("operands", ()):
        mark = tongue.say(MARKS[bool(operand["ok"])])
        note = f" ({tongue.say(_or_itself(NOTES, operand['note']))})" if operand["note"] else ""
        found = repr(operand["value"])
        said = tongue.say(CHECKS["operand"], rule=operand["rule"], value=found)
        yield f"{mark} {said}{note}{_times(operand, tongue)}{_looked(operand, tongue)}"
    if inputs.get("hours"):
        yield tongue.say(STEP["open"], hours=inputs["hours"], zone=inputs["zone"])
    if inputs.get("limit") is not None and not inputs.get("again"):
        used = [inputs[name] for name in ("entered", "running", "used") if name in inputs]
        count = tongue.count(used[0] if used else 0)
        yield tongue.say(STEP["of_limit"], count=count, limit=tongue.count(inputs["limit"]))
    if inputs.get("missed"):
        yield tongue.say(STEP["missed"], count=tongue.count(inputs["missed"]))
    if inputs.get("again"):
        yield tongue.say(STEP["again"])
    for name in _NAMED:
        if inputs.get(name):
            yield tongue.say(CHECKS["value"], name=name, value=str(inputs[name]))
    for name in _MOMENTS:
        if inputs.get(name) is not None:
            yield tongue.say(STEP[name], at=tongue.moment(inputs[name]))


def _looked(operand: Mapping[str, Any], tongue: Tongue) -> str:
    """Say where what was looked up is from, and how old it was."""
    if not operand.get("source"):
        return ""
    age = tongue.span(operand["age_s"] * 1_000)
    return tongue.say(CHECKS["looked"], source=operand["source"], age=age)


def _times(operand: Mapping[str, Any], tongue: Tongue) -> str:
    """Say when the newest of what an operand counted happened."""
    times = [tongue.moment(at_ms) for at_ms in operand.get("times_ms", ())]
    return tongue.say(CHECKS["times"], times=", ".join(times)) if times else ""


def _claim(body: Mapping[str, Any], tongue: Tongue) -> str:
    campaign = f"{body['campaign_id']} v{body['campaign_version']}"
    campaign += f" {body['step_id']}" if body.get("step_id") else ""
    values = {
        "campaign": campaign if body["campaign_id"] else f"{body['template']}",
        "channel": body["channel"],
        "reason": body["reason"],
        "why": sentence(body["reason"], tongue.language),
        "at": tongue.moment(body["retry_at_ms"]),
    }
    is_held = body["outcome"] == "deferred" and body["retry_at_ms"] is None
    line = tongue.say(CLAIM["held" if is_held else body["outcome"]], **values)
    if body.get("arm"):
        line += tongue.say(TESTS["arm"], arm=body["arm"], experiment=body["experiment"])
    marks = [mark for mark in ("seed", "proof", "test") if body.get(mark)]
    return line + "".join(tongue.say(TESTS[mark]) for mark in marks[:1])


def _check(check: Mapping[str, Any], tongue: Tongue) -> str:
    mark = tongue.say(MARKS[bool(check["ok"])])
    name = tongue.say(_or_itself(GATES, check["gate"]))
    where = tongue.say(CLAIM["on"], channel=check["channel"]) if check.get("channel") else ""
    found = "; ".join(_inputs(check["gate"], check.get("inputs") or {}, tongue))
    return f"  {mark} {name}{where}{': ' + found if found else ''}"


def _inputs(gate: str, inputs: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    """Say what a gate looked at."""
    if inputs.get("exempt"):
        yield tongue.say(CHECKS["exempt"])
        return
    teller = _TELLERS.get(gate)
    if teller is not None:
        yield from teller(inputs, tongue)
        return
    for name, value in inputs.items():
        if value is not None:
            yield tongue.say(CHECKS["value"], name=name, value=str(value))


def _tell_live(inputs: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    if inputs.get("found") is False:
        yield tongue.say(CHECKS["not_found"])
    if inputs.get("run"):
        yield tongue.say(_or_itself(ENDS, inputs["run"]))
    if inputs.get("until_ms") is not None:
        yield tongue.say(CHECKS["runs_until"], at=tongue.moment(inputs["until_ms"]))


def _tell_age(inputs: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    age, most = tongue.span(inputs["age_ms"]), tongue.span(inputs["max_age_ms"])
    yield tongue.say(CHECKS["age"], age=age, most=most)


def _tell_holdout(inputs: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    which = ", ".join(inputs["held_by"])
    yield tongue.say(CHECKS["held_by" if which else "not_held"], which=which)


def _tell_goal(inputs: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    if not inputs:
        yield tongue.say(CHECKS["no_goal"])
        return
    at = tongue.moment(inputs["last_ms"])
    yield tongue.say(CHECKS["goal"], event=inputs["event"], at=at)


def _tell_reachable(inputs: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    if inputs.get("preferred"):
        yield tongue.say(CHECKS["preferred"])


def _tell_suppression(inputs: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    if inputs.get("listed_for"):
        yield tongue.say(CHECKS["listed"], why=inputs["listed_for"])
    if inputs.get("allow_only"):
        yield tongue.say(CHECKS["not_listed"])


def _tell_consent(inputs: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    values = {name: inputs[name] for name in ("purpose", "value", "policy")}
    if inputs["purpose"] == LOCATION_ACTIVE:
        yield tongue.say(CHECKS["location_paused"])
    elif inputs["said_for"] == "policy":
        yield tongue.say(CHECKS["unsaid"], **values)
    else:
        level = told_level(inputs["said_for"], tongue)
        yield tongue.say(CHECKS["consent"], level=level, **values)
    if inputs.get("asked_ms") is not None:
        yield tongue.say(CHECKS["asked_before"], at=tongue.moment(inputs["asked_ms"]))
    yield from tell_law(inputs, tongue)


def tell_law(inputs: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    """Say which policies held, and where the country was known from."""
    if not inputs.get("policies"):
        return
    yield tongue.say(CHECKS["policies"], policies=", ".join(inputs["policies"]))
    for source, countries in inputs["countries"].items():
        by = tongue.say(_or_itself(COUNTRY_SOURCES, source))
        yield tongue.say(CHECKS["country"], countries=", ".join(countries), source=by)
    if not inputs["countries"]:
        yield tongue.say(CHECKS["no_country"])


def told_level(level: str, tongue: Tongue) -> str:
    """Say what a statement of consent is about: everything, an address, or a channel."""
    return tongue.say(_or_itself(LEVELS, level))


def told_window(window: str, tongue: Tongue) -> str:
    """Say a cap's window, which records write as ``rolling 3600 s`` or ``day in Europe/Monaco``."""
    kind, _, rest = window.partition(" ")
    if kind == "rolling":
        return tongue.say(WINDOWS["rolling"], span=tongue.span(int(rest.partition(" ")[0]) * 1000))
    zone = rest.removeprefix("in ")
    return tongue.say(WINDOWS[kind], zone=zone) if kind in WINDOWS else window


def _tell_quiet_hours(inputs: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    zones = inputs["zones"]
    shown = ", ".join(zones) or tongue.say(CHECKS["no_zone"])
    if len(zones) > SHOWN_MAX:
        shown = tongue.say(CHECKS["many_zones"], count=len(zones))
    yield tongue.say(CHECKS["zones"], zones=shown, source=inputs["zone_source"])
    if inputs.get("own_hours"):
        yield tongue.say(CHECKS["own_hours"])
    yield from _tell_next(inputs, tongue)


def _tell_label(inputs: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    yield tongue.say(CHECKS["label"], label=inputs["label"], purpose=inputs["used_for"])
    if inputs.get("denied"):
        yield tongue.say(CHECKS["not_allowed"], purpose=inputs["denied"])
    if inputs.get("policy"):
        yield tongue.say(CHECKS["policy_forbids"], policy=inputs["policy"])


def _tell_render(inputs: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    yield tongue.say(CHECKS["value"], name="template", value=inputs["template"])
    if inputs.get("language"):
        yield tongue.say(CHECKS["language"], language=inputs["language"])
    if inputs.get("fragments"):
        yield tongue.say(CHECKS["fragments"], names=", ".join(inputs["fragments"][:SHOWN_MAX]))
    if inputs.get("content") == "generic":
        yield tongue.say(CHECKS["generic"], purpose="personalisation")
    if inputs.get("segments"):
        counted = tongue.count(inputs["segments"])
        yield tongue.say(CHECKS["segments"], n=counted, encoding=inputs["encoding"])
    near = inputs.get("nearest")
    if near:
        age = tongue.span(near["age_s"] * 1000) if near.get("age_s") is not None else ""
        yield tongue.say(CHECKS[f"near_{near['source']}"], age=age)
    if inputs.get("member"):
        yield tongue.say(CHECKS["value"], name="member", value=str(inputs["member"]))
    if inputs.get("withdrawn"):
        yield tongue.say(CHECKS["withdrawn"], purposes=", ".join(inputs["withdrawn"]))


def _tell_spend(inputs: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    money = {name: f"{inputs[name]} {inputs['currency']}" for name in ("cost", "spent")}
    yield tongue.say(CHECKS["cost"], **money)
    if inputs.get("per_day"):
        yield tongue.say(CHECKS["per_day"], most=f"{inputs['per_day']} {inputs['currency']}")


def _tell_caps(inputs: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    for rule in inputs["rules"]:
        counts = {name: tongue.count(rule[name]) for name in ("used", "limit")}
        window = told_window(rule["window"], tongue)
        yield tongue.say(CHECKS["cap"], rule=rule["rule"], window=window, **counts)
        if rule["next_ms"] is not None:
            yield tongue.say(CHECKS["next_slot"], at=tongue.moment(rule["next_ms"]))
        winner = rule.get("taken_by")
        if winner:
            yield tongue.say(
                CHECKS["taken_by"], campaign=winner["campaign"], priority=winner["priority"]
            )
    yield from _tell_next(inputs, tongue)


def _tell_next(inputs: Mapping[str, Any], tongue: Tongue) -> Iterator[str]:
    """Say when the next instant is, and which limit moved it there."""
    if inputs.get("closed"):
        yield tongue.say(CHECKS["closed"], which=", ".join(inputs["closed"][:SHOWN_MAX]))
    if inputs.get("next_ms") is not None:
        moved = inputs.get("moved_by")
        mover = tongue.say(CHECKS["moved_by"], limit=moved) if moved else ""
        yield tongue.say(CHECKS["next"], at=tongue.moment(inputs["next_ms"])) + mover
    elif inputs.get("closed"):
        yield tongue.say(CHECKS["never_open"], span=tongue.span(HORIZON_MS))


_TELLERS: dict[str, Callable[[Mapping[str, Any], Tongue], Iterator[str]]] = {
    "live": _tell_live,
    "age": _tell_age,
    "holdout": _tell_holdout,
    "goal": _tell_goal,
    "while": _operands,
    "suppression": _tell_suppression,
    "reachable": _tell_reachable,
    "consent": _tell_consent,
    "quiet_hours": _tell_quiet_hours,
    "label": _tell_label,
    "render": _tell_render,
    "spend": _tell_spend,
    "lane": tell_lane,
    "caps": _tell_caps,
}
