"""
Rule play: the facts that a vector of rules describes, and the answers to its trees.

A vector's facts are plain JSON: ``now_ms``, ``workspace_zone``, ``person`` (``user_id``,
``locale``, ``zone``, ``attributes``, ``history``, ``inside``, ``visits``, ``messages``,
``consents``, ``reach``, ``audiences``, ``arms``), ``event`` (its properties), ``transition``,
``fences``, ``place``, the id of one of them, ``traits`` (their values), ``values`` (what a run has
looked up: ``value``, ``source``, ``at_ms``) and ``policy``. What is left out is unknown. An
answer's ``reads`` are what the tree depends on, ``next_change_ms`` when it may
change by time alone.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import msgspec

from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.looked import Looked
from fencepost_gateway.decide.past import PastMessage, Visit
from fencepost_gateway.decide.person import Person, Presence, Reached
from fencepost_gateway.decide.place import FenceView
from fencepost_gateway.decide.plan import Policy
from fencepost_gateway.decide.reads import Reads
from fencepost_gateway.decide.rule_facts import TraitReader
from fencepost_gateway.decide.rules import RuleError, RuleFacts, TransitionView, compile_rule

NOW_MS = 1_780_300_800_000  # Monday 2026-06-01 08:00:00 UTC, 10:00 in Monaco

Given = dict[str, Any]


@dataclass(frozen=True)
class RuleScenario:
    """
    One vector.

    Attributes:
        name: Of its file.
        about: What it shows, in one sentence.
        asks: Trees, each with its answer in short.
        given: Facts; what is left out is unknown.

    """

    name: str
    about: str
    asks: list[tuple[Any, str]]
    given: Given = field(default_factory=dict)


def facts_of(given: Given) -> RuleFacts:
    """Build the facts that a vector describes."""
    told = given.get("person", {})
    plain = {key: told[key] for key in ("user_id", "locale", "zone", "attributes") if key in told}
    person = Person("p", **plain)
    for past in told.get("history", []):
        for _ in range(past.get("times", 1)):
            person.remember(past["name"], past["at_ms"], past.get("props", {}))
    for n, spot in enumerate(told.get("inside", [])):
        person.inside.append(Presence(spot["fence_id"], spot["since_ms"], f"v{n}", "d"))
    for n, visit in enumerate(told.get("visits", [])):
        for each in range(visit.get("times", 1)):
            at_ms = visit["entered_ms"] + each
            person.visit(Visit(visit["fence_id"], at_ms, f"v{n}.{each}"))
    for message in told.get("messages", []):
        person.heard_of(msgspec.convert(message, PastMessage))
    person.state(msgspec.convert(told.get("consents", []), list[ConsentEntry]))
    person.reach = {c: [Reached(r) for r in refs] for c, refs in told.get("reach", {}).items()}
    person.audiences, person.arms = told.get("audiences", {}), told.get("arms", {})
    fences = {fence["fence_id"]: _fence(fence) for fence in given.get("fences", [])}
    return RuleFacts(
        person=person,
        now_ms=given["now_ms"],
        event=given.get("event"),
        transition=TransitionView(**given["transition"]) if "transition" in given else None,
        place=fences.get(given.get("place", "")),
        fences=fences,
        workspace_zone=given.get("workspace_zone", ""),
        policies=(_policy(given["policy"]),) if "policy" in given else (),
        traits={name: _fixed(value) for name, value in given.get("traits", {}).items()},
        values=msgspec.convert(given.get("values", {}), dict[str, Looked]),
    )


def _fixed(value: Any) -> TraitReader:
    return lambda _person, _now_ms: (value, None)


def _policy(told: dict[str, Any]) -> Policy:
    accepts = {purpose: frozenset(values) for purpose, values in told["accepts"].items()}
    return Policy("default", 1, accepts, told["defaults"])


def _fence(told: dict[str, Any]) -> FenceView:
    return FenceView(**{**told, "tags": frozenset(told.get("tags", []))})


def answer(tree: Any, facts: RuleFacts) -> dict[str, Any]:
    """Answer one tree as a vector holds it."""
    try:
        rule = compile_rule(tree)
    except RuleError as error:
        return {"refused": [list(fault.path) for fault in error.faults]}
    found = rule.evaluate(facts)
    operands = [
        {"rule": one.rule, "value": one.value, "ok": one.ok, "note": one.note}
        | ({"source": one.source, "age_s": one.age_s} if one.source else {})
        for one in found.operands
    ]
    known = {"ok": found.ok, "operands": operands, "reads": _shown(rule.reads)}
    return known | {"next_change_ms": rule.next_change_ms(facts)}


def _shown(reads: Reads) -> dict[str, Any]:
    """Give what is read: names in order, and the flags that are set."""
    found = {name: getattr(reads, name) for name in reads.__struct_fields__}
    return {k: sorted(v) if isinstance(v, frozenset) else v for k, v in found.items() if v}


def short(told: dict[str, Any]) -> str:
    """Write an answer as the scenarios do."""
    if "refused" in told:
        return "refused " + ", ".join(".".join(map(str, path)) or "/" for path in told["refused"])
    words = ["true" if told["ok"] else "false"]
    for one in told["operands"]:
        value = json.dumps(one["value"], ensure_ascii=False)
        words.append(f"{'+' if one['ok'] else '-'}{value} {one['note']}".strip())
    return " ".join(words)


def given_of(scenario: RuleScenario) -> Given:
    """Give the facts of a scenario; it is always Monday in Monaco, unless it says otherwise."""
    return {"now_ms": NOW_MS, "workspace_zone": "Europe/Monaco", **scenario.given}


def play(scenario: RuleScenario) -> dict[str, Any]:
    """Make the vector of a scenario."""
    given = given_of(scenario)
    trees = [tree for tree, _ in scenario.asks]
    return {
        "about": scenario.about,
        "given": given,
        "when": trees,
        "then": [answer(tree, facts_of(given)) for tree in trees],
    }
