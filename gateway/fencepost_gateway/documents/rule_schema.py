"""
Rule schema: what a rule looks like, as JSON Schema, for editors.

Pure. Made from the forms of ``decide.rules`` and their members, so that neither can be forgotten.

Rule 1. Every rule that compiles is allowed here. What is allowed may still be refused where a
        schema cannot tell (a bound below another, a zone nobody knows): ``fencepost check`` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fencepost_gateway.decide.consent import PURPOSES
from fencepost_gateway.decide.rule_comparisons import COMPARISONS
from fencepost_gateway.decide.rule_facts import TRANSITIONS
from fencepost_gateway.decide.rule_messages import OUTCOMES
from fencepost_gateway.decide.rule_standing import CHANNELS
from fencepost_gateway.decide.rules import FORMS
from fencepost_gateway.decide.spans import WEEKDAYS

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string", "minLength": 1}
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_NUMBER: Schema = {"type": "number"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_FLAG: Schema = {"type": "boolean"}
_DURATION: Schema = {"type": "string", "pattern": "^[0-9]{1,9}[smhd]$"}
_CLOCK: Schema = {"type": "string", "pattern": "^[0-9]{2}:[0-9]{2}$"}
_SCALARS: Schema = {"type": "array", "items": _SCALAR, "minItems": 1}
_RULE: Schema = {"$ref": "#/$defs/Rule"}
_RULES: Schema = {"type": "array", "items": _RULE, "minItems": 1}
_WHERE: Schema = {"$ref": "#/$defs/RuleWhere"}
_SELECTOR: Schema = {"$ref": "#/$defs/RuleSelector"}

_COMPARED: Mapping[str, Schema] = {
    "is": _SCALAR, "is_not": _SCALAR, "in": _SCALARS, "not_in": _SCALARS, "contains": _SCALAR,
    "gt": _NUMBER, "gte": _NUMBER, "lt": _NUMBER, "lte": _NUMBER,
    "between": {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2},
    "starts_with": _TEXT, "like": _TEXT, "exists": _FLAG,
    "before": _TEXT, "after": _TEXT, "within": _DURATION, "fold": _FLAG, "max_age": _DURATION,
}  # fmt: skip
_HEADS: Mapping[str, Schema] = {
    "all": _RULES, "any": _RULES, "not": _RULE,
    "inside": _SELECTOR, "visited": _SELECTOR, "transition": {"enum": list(TRANSITIONS)},
    "consent": {"enum": sorted(PURPOSES)}, "reachable": {"enum": list(CHANNELS)},
    "time": {"$ref": "#/$defs/RuleTime"},
}  # fmt: skip
_MEMBERS: Mapping[str, Schema] = {
    "where": _WHERE, "within": _DURATION, "since": _TEXT, "older_than": _DURATION,
    "count": {"$ref": "#/$defs/RuleCount"}, "sum": {"$ref": "#/$defs/RuleSum"},
    "for": _DURATION, "fence": _SELECTOR, "initial": _FLAG, "opened": _FLAG, "clean": _FLAG,
    "outcome": {"enum": list(OUTCOMES)}, "channel": {"enum": list(CHANNELS)}, "zone": _TEXT,
}  # fmt: skip


def rule_definitions() -> dict[str, Schema]:
    """Give the definitions to stand under ``$defs``: ``Rule`` and what it is made of."""
    equalities = {
        "type": "object",
        "additionalProperties": _SCALAR,
        "minProperties": 1,
        "propertyNames": {"not": {"enum": ["all", "any", "not", "event"]}},
    }
    return {
        "Rule": {"anyOf": [_FLAG, *(_form(form) for form in FORMS)]},
        "RuleWhere": {"anyOf": [equalities, _RULE]},
        "RuleSelector": _closed(dict.fromkeys(("id", "tag", "library"), _TEXT)),
        "RuleCount": _closed({"min": _COUNT, "max": _COUNT}),
        "RuleSum": _closed({"of": _TEXT, "min": _NUMBER, "max": _NUMBER}, "of"),
        "RuleTime": _closed(
            {
                "from": _CLOCK,
                "to": _CLOCK,
                "days": {"type": "array", "items": {"enum": list(WEEKDAYS)}, "minItems": 1},
            }
        ),
    }


def _form(form: str) -> Schema:
    members = FORMS[form]
    is_compared = set(COMPARISONS) <= set(members)
    known = _COMPARED if is_compared else _MEMBERS
    made = _closed({form: _HEADS.get(form, _TEXT)} | {name: known[name] for name in members}, form)
    if is_compared:
        made["oneOf"] = [{"required": [name]} for name in COMPARISONS]
    return made


def _closed(members: Mapping[str, Schema], *required: str) -> Schema:
    made: Schema = {"type": "object", "properties": dict(members), "additionalProperties": False}
    return made | ({"required": list(required)} if required else {"minProperties": 1})
