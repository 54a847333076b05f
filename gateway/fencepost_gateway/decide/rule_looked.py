"""
Looked up: the form ``value`` of a rule, over what a run of a journey has looked up.

Pure. As ``rule_values``.

Rule 1. ``{value: tickets.left, gt: 0}``: the name of the look-up (``as``), then the way into what
        it gave. Outside of a run, and before the look-up, everything is missing.
Rule 2. ``max_age: 10m`` asks for a fresh value: an older one is as good as missing, and the note
        says ``stale``. The operand names source and age.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import structs

from fencepost_gateway.decide.looked import Looked
from fencepost_gateway.decide.rule_comparisons import compile_comparison
from fencepost_gateway.decide.rule_facts import (
    MISSING,
    Check,
    Faults,
    Json,
    Operand,
    Path,
    RuleFacts,
    dotted,
)
from fencepost_gateway.decide.spans import parse_duration_ms

_OWN = frozenset({"value", "fold", "max_age"})


def compile_looked(tree: Mapping[str, Json], path: Path, faults: Faults) -> Check | None:
    """Compile ``{value: tickets.left, gt: 0, max_age: 10m}``."""
    name, max_age = tree["value"], tree.get("max_age")
    if not isinstance(name, str) or not all(name.split(".")):
        how = "write value: NAME of a look-up, dots go deeper: tickets.left"
        faults.add((*path, "value"), "no name", how)
        return None
    max_age_ms = parse_duration_ms(max_age)
    if max_age is not None and max_age_ms is None:
        how = "write a duration, such as 30s 10m 2h 7d"
        faults.add((*path, "max_age"), f"{max_age!r} is no duration", how)
        return None
    members = {key: value for key, value in tree.items() if key not in _OWN}
    comparison = compile_comparison(members, path, faults, fold=tree.get("fold", False))
    if comparison is None:
        return None
    (first, *keys), made = name.split("."), comparison
    text = f"value.{name} {made.text}" + (f" within {max_age}" if max_age else "")

    def check(facts: RuleFacts, out: list[Operand] | None) -> bool:
        held = facts.values.get(first)
        is_stale = held is not None and _is_stale(held, max_age_ms, facts)
        found = MISSING if held is None or is_stale else dotted(held.value, tuple(keys))
        operand = Operand(text, None, made.if_missing, "stale" if is_stale else "missing")
        if found is not MISSING:
            answer = made.test(found, facts)
            is_note = isinstance(answer, str)
            operand = Operand(text, found, answer is True, str(answer) if is_note else "")
        if out is not None:
            out.append(structs.replace(operand, **_of(held, facts)))
        return operand.ok

    return check


def _is_stale(held: Looked, max_age_ms: int | None, facts: RuleFacts) -> bool:
    if max_age_ms is None:
        return False
    facts.may_change(held.at_ms + max_age_ms + 1)
    return facts.now_ms - held.at_ms > max_age_ms


def _of(held: Looked | None, facts: RuleFacts) -> dict[str, Any]:
    if held is None:
        return {}
    return {"source": held.source, "age_s": max(0, facts.now_ms - held.at_ms) // 1_000}
