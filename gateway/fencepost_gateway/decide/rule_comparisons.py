"""
Comparisons: one value against what the author wrote.

Pure. ``compile_comparison`` turns the members of a leaf (``is: plus``, ``within: 7d``) into a test;
the test answers True, False, or the note that says why it could not compare.

Rule 1. A leaf has exactly one comparison. Several are written as ``all``.
Rule 2. No coercion: text, numbers, true/false and lists are different; another type than the
        literal's is false with the note ``type``, for ``is_not`` and ``not_in`` too.
Rule 3. Text compares exactly; ``fold: true`` ignores case and width (NFKC, then case folding).
Rule 4. ``like`` knows ``*`` only and never backtracks: its time is linear in the value.
Rule 5. ``before``, ``after`` and ``within`` read moments; one without offset is in the workspace's
        zone, and false with the note ``zone`` when that is unknown. ``within`` looks back, never
        ahead: a moment of the future is not within.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from fencepost_gateway.decide.rule_facts import (
    MISSING,
    Check,
    Faults,
    Json,
    Operand,
    Path,
    RuleFacts,
)
from fencepost_gateway.decide.spans import moment_ms, parse_duration_ms, parse_moment, zone_named

if TYPE_CHECKING:
    from datetime import datetime

COMPARISONS = (
    "is", "is_not", "in", "not_in", "gt", "gte", "lt", "lte", "between", "contains",
    "starts_with", "like", "exists", "before", "after", "within",
)  # fmt: skip
_FOLDABLE = frozenset({"is", "is_not", "in", "not_in", "contains", "starts_with", "like"})

Answer = bool | str
Test = Callable[[Json, RuleFacts], Answer]


class Comparison(Struct, frozen=True):
    """A compiled comparison: how it reads, its test, and its answer to a missing value."""

    text: str
    test: Test
    if_missing: bool = False


def leaf(what: str, get: Callable[[RuleFacts], object], comparison: Comparison) -> Check:
    """Make a leaf of a getter and a comparison."""
    text, test, if_missing = f"{what} {comparison.text}", comparison.test, comparison.if_missing

    def check(facts: RuleFacts, out: list[Operand] | None) -> bool:
        value = get(facts)
        if value is MISSING:
            value, ok, note = None, if_missing, "missing"
        else:
            answer = test(value, facts)
            ok, note = (False, answer) if isinstance(answer, str) else (answer, "")
        if out is not None:
            out.append(Operand(text, value, ok, note))
        return ok

    return check


def compile_comparison(
    members: Mapping[str, Json], path: Path, faults: Faults, *, fold: object = False
) -> Comparison | None:
    """
    Compile the one comparison among ``members``.

    Args:
        members: The leaf without its form, ``fold`` taken out.
        path: Where the leaf stands.
        faults: Takes what is wrong.
        fold: The authored ``fold``; must be true or false.

    Returns:
        The comparison, or None when something was wrong.

    """
    if len(members) != 1:
        how = "write one of: " + " ".join(COMPARISONS)
        what = "no comparison" if not members else "several comparisons in one leaf"
        faults.add(path, what, how if not members else "write one leaf each, under all: [...]")
        return None
    name, literal = next(iter(members.items()))
    if not isinstance(fold, bool):
        faults.add((*path, "fold"), "not true or false", "write fold: true, or leave it out")
        return None
    if fold and name not in _FOLDABLE:
        faults.add((*path, "fold"), f"fold means nothing for {name}", "leave it out")
        return None
    made = _MAKERS[name](name, literal, fold)
    if isinstance(made, str):
        faults.add((*path, name), f"{literal!r} does not fit {name}", made)
        return None
    text = f"{name} {written(literal)}{' (fold)' if fold else ''}"
    return Comparison(text, made, name == "is_not" or (name == "exists" and literal is False))


def written(literal: object) -> str:
    """Write a literal as the author would."""
    if isinstance(literal, bool):
        return "true" if literal else "false"
    if isinstance(literal, list):
        return "[" + ", ".join(written(item) for item in literal) + "]"
    return str(literal)


def folded(text: str) -> str:
    """Take case and width out of a text (Rule 3)."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def is_number(value: object) -> bool:
    """Say whether a value is a number to compare with or to add; true and false are none."""
    return _kind(value) == "number"


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "number"
    if isinstance(value, float):
        return "number" if math.isfinite(value) else ""
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list) else ""


def _equality(name: str, literal: Json, fold: bool) -> Test | str:  # noqa: FBT001 - a maker's shape
    kind = _kind(literal)
    if kind not in {"bool", "number", "text"}:
        return "compare with text, a number, or true or false"
    if fold and kind != "text":
        return "fold needs text"
    wanted = folded(literal) if fold else literal
    want = name == "is"

    def test(value: Json, _facts: RuleFacts) -> Answer:
        if _kind(value) != kind:
            return "type"
        return ((folded(value) if fold else value) == wanted) is want

    return test


def _member(name: str, literal: Json, fold: bool) -> Test | str:  # noqa: FBT001 - a maker's shape
    kinds = {_kind(item) for item in literal} if isinstance(literal, list) else set()
    if len(kinds) != 1 or not kinds <= {"bool", "number", "text"}:
        return "write a list of texts, or of numbers: [plus, gold]"
    kind = kinds.pop()
    if fold and kind != "text":
        return "fold needs text"
    wanted = frozenset(folded(item) if fold else item for item in literal)
    want = name == "in"

    def test(value: Json, _facts: RuleFacts) -> Answer:
        if _kind(value) != kind:
            return "type"
        return ((folded(value) if fold else value) in wanted) is want

    return test


def _order(name: str, literal: Json, _fold: bool) -> Test | str:  # noqa: FBT001 - a maker's shape
    if _kind(literal) != "number":
        return "compare with a number; moments use before, after, within"
    limit = literal

    def test(value: Json, _facts: RuleFacts) -> Answer:
        if _kind(value) != "number":
            return "type"
        if name in {"gt", "gte"}:
            return bool(value > limit or (name == "gte" and value == limit))
        return bool(value < limit or (name == "lte" and value == limit))

    return test


def _between(_name: str, literal: Json, _fold: bool) -> Test | str:  # noqa: FBT001 - as above
    pair = 2
    if (
        not isinstance(literal, list)
        or len(literal) != pair
        or {_kind(item) for item in literal} != {"number"}
        or literal[0] > literal[1]
    ):
        return "write two numbers, the smaller first: [10, 20]; both ends belong to it"
    low, high = literal

    def test(value: Json, _facts: RuleFacts) -> Answer:
        return low <= value <= high if _kind(value) == "number" else "type"

    return test


def _contains(_name: str, literal: Json, fold: bool) -> Test | str:  # noqa: FBT001 - as above
    kind = _kind(literal)
    if kind not in {"bool", "number", "text"}:
        return "look for text, a number, or true or false"
    if fold and kind != "text":
        return "fold needs text"
    wanted = folded(literal) if fold else literal

    def test(value: Json, _facts: RuleFacts) -> Answer:
        if isinstance(value, str) and kind == "text":
            return wanted in (folded(value) if fold else value)
        if not isinstance(value, list):
            return "type"
        return any(
            _kind(item) == kind and (folded(item) if fold else item) == wanted for item in value
        )

    return test


def _text(name: str, literal: Json, fold: bool) -> Test | str:  # noqa: FBT001 - a maker's shape
    if _kind(literal) != "text" or not literal:
        return "write some text"
    pattern = folded(literal) if fold else literal
    parts = pattern.split("*") if name == "like" else [pattern, ""]

    def test(value: Json, _facts: RuleFacts) -> Answer:
        if not isinstance(value, str):
            return "type"
        return _like(folded(value) if fold else value, parts)

    return test


def _like(text: str, parts: list[str]) -> bool:
    """Match the parts between the stars: first at the start, last at the end, others in order."""
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return text == first
    if len(text) < len(first) + len(last) or not text.startswith(first):
        return False
    if not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in parts[1:-1]:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _exists(_name: str, literal: Json, _fold: bool) -> Test | str:  # noqa: FBT001 - as above
    if not isinstance(literal, bool):
        return "write exists: true or exists: false"
    return lambda _value, _facts: literal


def _moment(name: str, literal: Json, _fold: bool) -> Test | str:  # noqa: FBT001 - as above
    limit = parse_moment(literal)
    if limit is None:
        return "write a date or a moment, such as 2026-06-01 or 2026-06-01T08:00:00+02:00"
    is_before = name == "before"

    def test(value: Json, facts: RuleFacts) -> Answer:
        found_ms = _value_ms(value, facts)
        limit_ms = in_workspace_ms(limit, facts)
        if isinstance(found_ms, str) or limit_ms is None:
            return found_ms if isinstance(found_ms, str) else "zone"
        return found_ms < limit_ms if is_before else found_ms > limit_ms

    return test


def _within(_name: str, literal: Json, _fold: bool) -> Test | str:  # noqa: FBT001 - as above
    span_ms = parse_duration_ms(literal)
    if span_ms is None:
        return "write a duration, such as 30s 10m 2h 7d"

    def test(value: Json, facts: RuleFacts) -> Answer:
        found_ms = _value_ms(value, facts)
        if isinstance(found_ms, str):
            return found_ms
        if facts.wakes is not None:
            is_ahead = found_ms > facts.now_ms
            facts.may_change(found_ms if is_ahead else found_ms + span_ms + 1)
        return facts.now_ms - span_ms <= found_ms <= facts.now_ms

    return test


def in_workspace_ms(moment: datetime, facts: RuleFacts) -> int | None:
    """Place an authored moment in time; None when it needs the workspace's zone and has none."""
    zone = zone_named(facts.workspace_zone) if moment.tzinfo is None else None
    return moment_ms(moment, zone)


def _value_ms(value: object, facts: RuleFacts) -> int | str:
    """Read a found value as a moment: ISO text, as devices send it; else the note why not."""
    moment = parse_moment(value)
    if moment is None:
        return "type"
    found_ms = in_workspace_ms(moment, facts)
    return "zone" if found_ms is None else found_ms


_MAKERS: Mapping[str, Callable[[str, Json, bool], Test | str]] = {
    "is": _equality, "is_not": _equality, "in": _member, "not_in": _member,
    "gt": _order, "gte": _order, "lt": _order, "lte": _order, "between": _between,
    "contains": _contains, "starts_with": _text, "like": _text, "exists": _exists,
    "before": _moment, "after": _moment, "within": _within,
}  # fmt: skip
