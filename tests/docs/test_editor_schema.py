"""The JSON Schema of documents, for editors, in step with what ``fencepost check`` takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from docs.blocks import ROOT, blocks
from fencepost_gateway.documents.kinds import MODELS, validate
from fencepost_gateway.documents.models.journey import Journey
from fencepost_gateway.documents.models.step import Step
from fencepost_gateway.documents.yaml_text import parse

SCHEMA = json.loads((ROOT / "docs/reference/documents.schema.json").read_text("utf-8"))
FOLDERS = ("examples", "tests/scenarios", "gateway/fencepost_gateway")
JOURNEY = """\
kind: journey
id: j
name: Everything a journey may say
entry:
  - {event: cart, where: {sku: a}}
  - {transition: dwell, fence: {tag: studio}, after: 5m, initial: true}
  - {audience: vips, on: leave}
  - {schedule: "0 10 1 * *", zone: Europe/Monaco, for: {audience: vips}, only_new: true}
  - {external: weather.forecast, where: {max_c: 30}, for: {audience: vips}}
  - {api: true}
when: {all: [{person: tier, is: plus}, {not: {did: purchase, within: 7d}}]}
reentry: {after: 24h}
instance: order_id
exit_on: [{event: purchase}, {clicked: greet}]
goal: {event: purchase, within: 14d}
lifetime: 30d
holdout: 10%
priority: 60
limits: {entries: 100, per: day, running: 50}
tags: [yoga]
brand: luma
run: {from: 2026-06-01, until: 2026-09-01}
steps:
  - id: greet
    message: {template: greet, channels: [in_app, email], while: {inside: {tag: studio}}}
    stage: onboard
    note: the first word
    then: {withheld: odd, withheld.no_address: odd}
  - {wait: {for: {clicked: greet}, timeout: 1d}, then: {clicked: odd}}
  - wait: {until: "10:00", zone: person, days: [mo], spread: 30m, while: {person: a, is: true}}
  - wait: {until_date: {person: renewal, minus: 7d}}
  - wait: {for: {bought: {event: x, same: [sku]}, gone: {transition: exit, fence: {id: shop}}}}
  - wait: {for_duration: 2h}
  - id: odd
    branch: [{when: {person: points, gte: 400}, to: drawn}, {otherwise: end}]
  - {id: drawn, split: {a: 1, b: 3}, then: {a: shown}}
  - {split: {a: 1, b: 3, random: true}}
  - {split: {experiment: test}, then: {A: shown}}
  - id: shown
    message: {template: {experiment: test, arms: {A: a, B: b}}, channels: [sms]}
  - {limit: {to: 40}, then: {full: end}}
  - update: {set: {a: 1, b: {event: c}, d: {value: row.x}}, unset: [e]}
  - {look_up: {table: tiers, key: {person: tier}, as: row}, then: {missing: end}}
  - {look_up: {source: tickets, as: left}, then: {error: end}}
  - {webhook: {source: crm}, then: {error: end}}
  - {goal: true}
  - {stage: renew}
  - {jump: other}
  - {to: end}
"""


def validator(kind: str) -> Draft202012Validator:
    """Give what judges documents of one kind."""
    found = next(
        name
        for name, each in SCHEMA["$defs"].items()
        if each.get("properties", {}).get("kind", {}).get("const") == kind
    )
    return Draft202012Validator({"$ref": f"#/$defs/{found}", "$defs": SCHEMA["$defs"]})


VALIDATORS = {kind: validator(kind) for kind in MODELS}


def written() -> Iterator[tuple[str, Any]]:
    """Give every document of the repository, and its place."""
    texts = {f"{b.page.name}": b.text for b in blocks("yaml")}
    texts |= {
        str(path.relative_to(ROOT)): path.read_text("utf-8")
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.yaml"))
    }
    for name, text in {**texts, "everything": JOURNEY}.items():
        for number, parsed in enumerate(parse(text)[0]):
            if isinstance(parsed.value, dict) and parsed.value.get("kind") in MODELS:
                yield f"{name}:{number}", parsed.value


def journey(**members: Any) -> dict[str, Any]:
    """Give a small journey with other members."""
    steps = [{"goal": True}]
    return {"kind": "journey", "id": "j", "entry": {"event": "x"}, "goal": "none",
            "steps": steps, **members}  # fmt: skip


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in written()])
def test_document_of_the_repository_is_allowed(body: dict[str, Any]) -> None:
    """An editor must not underline what is right."""
    faults = [error.message for error in VALIDATORS[body["kind"]].iter_errors(body)]

    assert faults == []


def test_the_journey_above_says_everything() -> None:
    """No member of journeys and steps is left out of the example, so none is of the schema."""
    (parsed,), _ = parse(JOURNEY)
    body = parsed.value
    members = {field.alias or name for name, field in Journey.model_fields.items()}
    of_steps = {field.alias or name for name, field in Step.model_fields.items()}

    assert not isinstance(validate("journey", body), list)
    assert set(body) == members
    assert {name for step in body["steps"] for name in step} == of_steps


@pytest.mark.parametrize(
    "body",
    [
        journey(goal="nothing"),
        journey(stepps=[]),
        journey(steps=[{"mesage": {"template": "a", "channels": ["sms"]}}]),
        journey(steps=[{"message": {"template": "a", "channels": ["pigeon"]}}]),
        journey(steps=[{"wait": {"for_duration": 3}}]),
        journey(entry={"transition": "arrive", "fence": {"tag": "a"}}),
        journey(limits={"entries": 0}),
        journey(holdout=[1]),
        journey(when={"persn": "a", "is": 1}),
    ],
    ids=["goal", "member", "step", "channel", "duration", "transition", "limit", "holdout", "rule"],
)
def test_what_is_wrong_is_underlined(body: dict[str, Any]) -> None:
    """What the loader refuses, an editor shows while it is typed."""
    assert isinstance(validate("journey", body), list)
    assert not VALIDATORS["journey"].is_valid(body)
