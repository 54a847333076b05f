"""
Reference: the page of the authoring format, made from the models.

Pure. Members, forms, defaults and meanings come from the models; what a later issue brings from
their ``later`` tables; rules from ``decide.rules``. The example is loaded and checked by a test.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fencepost_gateway.decide.past import MESSAGES_MAX, VISITS_MAX
from fencepost_gateway.decide.person import RECENT_MAX
from fencepost_gateway.decide.rule_comparisons import COMPARISONS
from fencepost_gateway.decide.rule_messages import OUTCOMES
from fencepost_gateway.decide.rules import DEPTH_MAX, FORMS, LATER_FORMS, NODES_MAX
from fencepost_gateway.documents.kinds import LATER_KINDS, MODELS, models_in
from fencepost_gateway.documents.models.base import Authored, Shape

EXAMPLE: Final = """\
kind: workspace
id: luma
zone: Europe/Monaco
---
kind: library
id: studios
rank: 10
---
kind: fence
id: studio-port
circle: {lat: 43.7347, lon: 7.4206, radius_m: 60}
tags: [studio]
library: studios
place: {name: Studio Port, meta: {next_class: "18:30"}}
dwell_after: 10m
---
kind: template
id: greet
purpose: marketing
languages:
  en: default
  ko:
    email:
      subject: "{{ place.name }} 수업 안내"
      text: "다음 수업은 {{ place.meta.next_class }}입니다. {% render 'footer' %}"
in_app:
  layout: modal
  title: "Hi {{ person.first_name | default: 'there' }}"
  body: "{{ place.name }} has a class at {{ place.meta.next_class }}."
  buttons: [{text: Book, link: "luma://book"}]
push: {title: "A class at {{ place.name }}", link: "https://luma.example/book"}
email:
  subject: "A class at {{ place.name }}"
  text: "The next class begins at {{ place.meta.next_class }}. {% render 'footer' %}"
---
kind: fragment
id: footer
languages: {en: default, ko: {text: "루마 모나코"}}
text: Luma Monaco
---
kind: campaign
id: yoga-greeting
name: Greeting at the studio
entry: {transition: enter, fence: {tag: studio}}
when: {all: [{person: tier, in: [plus, gold]}, {not: {did: class_booked, within: 7d}}]}
reentry: {after: 24h}
message:
  template: greet
  channels: [push, in_app, email]
  while: {inside: {tag: studio}}
  max_age: 15m
goal: {event: class_booked, within: 7d}
holdout: 10%
tags: [yoga]
run: {from: 2026-06-01, until: 2026-09-01}
---
kind: caps
id: default
rules:
  - {limit: 3, per: 7d, scope: {purpose: marketing}}
  - {limit: 1, per: day, scope: {channel: sms}}
---
kind: policy
id: default
accepts: {transactional: [y, CT, CP], collect: [y, CT], "*": [y]}
defaults: {transactional: CT}
quiet_hours:
  channels: [in_app, push, web_push, sms, webhook]
  allowed: {every_day: "08:00-21:00", su: "12:00-20:00"}
"""

_OUTCOMES = f"`sent` (default), {', '.join(f'`{name}`' for name in OUTCOMES[1:])}"
RULE_FORMS: Final[dict[str, tuple[str, str]]] = {
    "all": ("`{all: [rule, …]}`", "Every rule holds."),
    "any": ("`{any: [rule, …]}`", "One of them holds."),
    "not": ("`{not: rule}`", "It does not hold. `true` and `false` are rules too."),
    "person": ("`{person: tier, is: plus}`", "Attribute of the person; dots go deeper."),
    "event": ("`{event: value, gt: 50}`", "Property of the event that woke us."),
    "value": (
        "`{value: tickets.left, gt: 0, max_age: 10m}`",
        "What a step before has looked up; older than `max_age` counts as missing.",
    ),
    "place": (
        "`{place: meta.gym, is: true}`",
        "Place of this transition, else the current one: `id name tags library meta.…`.",
    ),
    "trait": ("`{trait: yoga_90d, gte: 3}`", "Declared trait of the person."),
    "arm": ("`{arm: greet-test, is: B}`", "Arm of an experiment that the person was drawn into."),
    "did": (
        "`{did: purchase, where: {category: yoga}, within: 90d, count: {min: 1}}`",
        "`within` or `since`; `count` or `sum: {of: value, min: 100}`, with `min`, `max`, both.",
    ),
    "last": (
        "`{last: purchase, older_than: 60d}`",
        "Age of the last one; or `within`. With `where`: of the last that fits.",
    ),
    "first": ("`{first: purchase, within: 7d}`", "Age of the first one; likewise."),
    "inside": ("`{inside: {tag: studio}, for: 10m}`", "Inside now, optionally so long at least."),
    "visited": (
        "`{visited: {tag: airport}, within: 30d, count: {min: 3}}`",
        "Visits, each from its ENTER.",
    ),
    "transition": (
        "`{transition: enter, fence: {id: gate}, initial: false, opened: false, clean: true}`",
        "What woke us: `enter exit dwell expire pass approach`; `clean`: by unsuspicious fixes.",
    ),
    "audience": ("`{audience: yoga-lapsed}`", "Is a member."),
    "got": (
        "`{got: greet, outcome: clicked, within: 7d}`",
        f"A message of this template, campaign or tag had this `outcome`: {_OUTCOMES}.",
    ),
    "consent": (
        "`{consent: marketing, channel: sms, older_than: 700d}`",
        "May be used by the policy in force, and was stated so long ago (or `within`).",
    ),
    "reachable": (
        "`{reachable: push}`",
        "Has an address there that is not gone; `in_app` always. For branching, likewise.",
    ),
    "time": (
        '`{time: {from: "07:00", to: "09:30", days: [mo, tu]}, zone: person}`',
        "Local time of `person`, `place`, `workspace` or a named zone. Unknown zone: false.",
    ),
}

_HEAD = """\
# Documents

What people author: YAML 1.2 (or JSON) documents, several a file split by `---`, and GeoJSON for
fences. `fencepost check DIR` reads them, `fencepost apply DIR` makes them live, all or nothing.

This page is made from the models by `fencepost_gateway.documents.reference`; do not edit it.

- `kind` and `id` come first; `id` is unique per kind. Unknown members are errors.
- Durations are `30s 10m 2h 7d`; there are no months. Local times are `"07:30"`. Moments are
  ISO 8601; without an offset they are in the workspace's zone. Percentages are `10%` or `10`.
- A reference that points nowhere is an error, a selector that matches nothing too.
- The same file again changes nothing.
"""


def render() -> str:
    """Give the page as Markdown."""
    parts = [_HEAD, "## Example\n", f"```yaml\n{EXAMPLE}```\n"]
    for kind, model in MODELS.items():
        parts += [f"## `kind: {kind}`\n", *_sections(model)]
    parts += _geojson()
    parts += _rules()
    parts += ["## What comes later\n", "These kinds are refused for now:\n"]
    parts.append("".join(f"- `{kind}`: {how}\n" for kind, how in LATER_KINDS.items()))
    return "\n".join(parts)


def _sections(model: type[Authored]) -> Iterator[str]:
    yield _summary(model) + "\n"
    yield _table(model)
    for below in _below(model):
        yield f"### {below.__name__}\n"
        yield _summary(below) + "\n"
        yield _table(below)


def _below(model: type[BaseModel]) -> Iterator[type[Authored]]:
    """Give the models inside ``model``, each once, in the order of reading."""
    seen: list[type[BaseModel]] = []
    waiting = [model]
    while waiting:
        for field in waiting.pop(0).model_fields.values():
            for found in models_in(field.annotation):
                if found not in seen and issubclass(found, Authored):
                    seen.append(found)
                    waiting.append(found)
                    yield found


def _table(model: type[Authored]) -> str:
    lines = ["| Member | Form | Default | Meaning |", "|---|---|---|---|"]
    for key, field in model.model_fields.items():
        if key == "kind":
            continue
        cells = (f"`{field.alias or key}`", _form(field), _default(field), field.description or "")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    if model.later:
        late = "; ".join(f"`{name}` ({how})" for name, how in model.later.items())
        lines += ["", f"Comes later, refused for now: {late}."]
    return "\n".join(lines) + "\n"


def _summary(model: type[BaseModel]) -> str:
    return (model.__doc__ or "").strip().splitlines()[0].replace("``", "`")


def _form(field: FieldInfo) -> str:
    shape = next((item for item in field.metadata if isinstance(item, Shape)), None)
    return shape.text if shape else _annotation(field.annotation)


def _annotation(annotation: Any) -> str:
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        shape = next((item for item in parts[1:] if isinstance(item, Shape)), None)
        return shape.text if shape else _annotation(parts[0])
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin in {Union, types.UnionType}:
        return " or ".join(_annotation(part) for part in parts if part is not type(None))
    if origin is list:
        return f"list of {_annotation(parts[0])}"
    if origin is dict:
        return "mapping"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation.__name__
    return {str: "text", bool: "true or false", int: "whole number", float: "number"}.get(
        annotation, "any"
    )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if isinstance(value, BaseModel) or value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _geojson() -> Iterator[str]:
    yield "## Fences as GeoJSON\n"
    yield (
        "A Feature or FeatureCollection (RFC 7946): `id` on the feature, a Polygon or\n"
        "MultiPolygon, or a Point with `radius_m` under `properties`; the other members of a\n"
        "fence stand under `properties` with the same names. The same fence written as YAML and\n"
        "as GeoJSON is the same document.\n"
    )


def _rules() -> Iterator[str]:
    yield "## Rules\n"
    yield (
        f"A rule is a tree of at most {DEPTH_MAX} levels and {NODES_MAX} nodes. A missing value\n"
        "makes a comparison false, except `exists: false` and `is_not`. Types are never\n"
        "converted: another type is false, and the explanation says *type*. `fold: true` ignores\n"
        "case and width of text.\n"
    )
    lines = ["| Form | True when |", "|---|---|"]
    lines += [f"| {RULE_FORMS[form][0]} | {RULE_FORMS[form][1]} |" for form in FORMS]
    yield "\n".join(lines) + "\n"
    yield (
        f"Of each person the newest {RECENT_MAX} app events, {VISITS_MAX} visits and\n"
        f"{MESSAGES_MAX} messages are kept, and of each event name how often, and when first\n"
        "and last. A rule that is false only because more may have happened says *history*.\n"
        "Forms that count take `within` or `since`, and `count`, and say when it happened.\n"
    )
    yield "Comparisons, one a leaf: " + " ".join(f"`{name}`" for name in COMPARISONS) + ".\n"
    late = "; ".join(f"`{name}` ({how})" for name, how in LATER_FORMS.items())
    yield f"Comes later, refused for now: {late}.\n"
