"""
History: the forms of a rule that ask what somebody did: ``did``, ``last`` and ``first``.

Pure. As ``rule_leaves``.

Rule 1. History is bounded (``decide.person``). A count is exact where the summary or the recent
        events reach back far enough; where they may not, a leaf that comes out false says
        ``history``. Never happened is false for ``last`` and ``first``.
Rule 2. With ``where`` ages are those of the recent events: the newest that fits is the last; the
        oldest that fits may not be the first, so it proves ``older_than``, and not ``within``.
Rule 3. ``sum`` adds the numbers among the values of a property; what is none, or beyond
        ``AMOUNT_MAX``, adds nothing. A sum that may lack events is false, with ``history``: a
        number may be below zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from fencepost_gateway.decide.person import NAMES_MAX, RECENT_MAX, PastEvent
from fencepost_gateway.decide.rule_comparisons import in_workspace_ms, is_number
from fencepost_gateway.decide.rule_facts import (
    Check,
    Faults,
    Json,
    Operand,
    Path,
    RuleFacts,
    dotted,
)
from fencepost_gateway.decide.rule_leaves import read_duration_ms
from fencepost_gateway.decide.spans import parse_moment

AMOUNT_MAX = 10**15  # more is no amount; sums stay exact, and numbers that records can hold

Where = Callable[[Json, Path], Check | None]
Since = Callable[[RuleFacts], int | None]


def compile_did(leaf: Mapping[str, Json], path: Path, faults: Faults, where: Where) -> Check | None:
    """Compile ``{did: purchase, where: {…}, within: 90d, count: {min: 1}}``."""
    name = _event_name(leaf, "did", path, faults)
    inner = where(leaf["where"], (*path, "where")) if "where" in leaf else None
    if "sum" in leaf and "count" in leaf:
        faults.add(path, "both count and sum", "write one leaf each, under all: [...]")
    total = _sum_bounds(leaf["sum"], (*path, "sum"), faults) if "sum" in leaf else None
    bounds = _count_bounds(leaf.get("count", {"min": 1}), (*path, "count"), faults)
    since, span_text = _since(leaf, path, faults)
    if name is None or bounds is None or faults.found:
        return None
    head = f"did {name}{' where …' if inner else ''}{span_text}"
    if total is not None:
        return _sum_check(head, name, inner, since, total)
    low, high = bounds
    text = f"{head} count {_bounds_text(low, high)}"
    event = name

    def check(facts: RuleFacts, out: list[Operand] | None) -> bool:
        from_ms = since(facts) if since else None
        if since and from_ms is None:
            if out is not None:
                out.append(Operand(text, None, ok=False, note="zone"))
            return False
        count, is_exact = _count(facts, event, inner, from_ms)
        ok = count >= low and (high is None or (count <= high and is_exact))
        sure = is_exact or ok or (high is not None and count > high)
        if out is not None:
            out.append(Operand(text, count, ok, "" if sure else "history"))
        return ok

    return check


class _Total(Struct, frozen=True):
    """An authored ``sum``: of which property, and between which numbers."""

    of: str
    low: float = -math.inf
    high: float = math.inf
    text: str = ""


def _sum_check(
    head: str, event: str, inner: Check | None, since: Since | None, total: _Total
) -> Check:
    keys = tuple(total.of.split("."))
    text = f"{head} sum of {total.of} {total.text}"

    def check(facts: RuleFacts, out: list[Operand] | None) -> bool:
        from_ms = since(facts) if since else None
        if since and from_ms is None:
            if out is not None:
                out.append(Operand(text, None, ok=False, note="zone"))
            return False
        found, is_exact = _fitting(facts, event, inner, from_ms)
        amount = _amount(dotted(past.props, keys) for past in found)
        ok = is_exact and total.low <= amount <= total.high
        if out is not None:
            out.append(Operand(text, amount, ok, "" if is_exact else "history"))
        return ok

    return check


def _amount(values: Iterable[object]) -> float:
    """Add what are numbers; the order of the events does not change the result."""
    numbers: list[float] = [
        value
        for value in values
        if isinstance(value, (int, float)) and is_number(value) and abs(value) <= AMOUNT_MAX
    ]
    if all(isinstance(number, int) for number in numbers):
        return sum(numbers)
    return math.fsum(numbers)


def _sum_bounds(tree: object, path: Path, faults: Faults) -> _Total | None:
    how = "write {of: PROPERTY, min: 100}, {of: PROPERTY, max: 500} or both"
    if (
        not isinstance(tree, Mapping)
        or not {"of"} < set(tree) <= {"of", "min", "max"}
        or not isinstance(tree["of"], str)
        or not all(tree["of"].split("."))
    ):
        faults.add(path, "no sum", how)
        return None
    ends = {end: tree[end] for end in ("min", "max") if end in tree}
    if any(not is_number(number) for number in ends.values()):
        faults.add(path, "a bound of the sum is no number", how)
        return None
    low, high = ends.get("min", -math.inf), ends.get("max", math.inf)
    if high < low:
        faults.add(path, "max is below min", how)
        return None
    words = {"min": "at least", "max": "at most"}
    return _Total(tree["of"], low, high, " ".join(f"{words[e]} {n}" for e, n in ends.items()))


def compile_age(
    leaf: Mapping[str, Json], form: str, path: Path, faults: Faults, where: Where
) -> Check | None:
    """Compile ``{last: purchase, older_than: 60d}``, ``{first: …, where: {…}, within: 7d}``."""
    name = _event_name(leaf, form, path, faults)
    inner = where(leaf["where"], (*path, "where")) if "where" in leaf else None
    members = [member for member in ("older_than", "within") if member in leaf]
    if len(members) != 1:
        faults.add(path, f"{form} needs an age", "write one of: older_than, within")
        return None
    span_ms = read_duration_ms(leaf, members[0], path, faults)
    if name is None or span_ms is None or faults.found:
        return None
    event, age_ms, is_older = name, span_ms, members[0] == "older_than"
    text = f"{form} {name}{' where …' if inner else ''} {members[0]} {leaf[members[0]]}"

    def check(facts: RuleFacts, out: list[Operand] | None) -> bool:
        at_ms, is_exact = _moment(facts, form, event, inner)
        if at_ms is None:
            if out is not None:
                out.append(Operand(text, None, ok=False, note="missing" if is_exact else "history"))
            return False
        age = facts.now_ms - at_ms
        ok = age > age_ms if is_older else is_exact and age <= age_ms
        if out is not None:
            note = "" if ok or is_exact else "history"
            out.append(Operand(text, f"{max(age, 0) // 1_000}s ago", ok, note))
        return ok

    return check


def _moment(facts: RuleFacts, form: str, name: str, where: Check | None) -> tuple[int | None, bool]:
    """Say when the last or first such event was, and whether that is exact (Rules 1 and 2)."""
    person = facts.person
    summary = person.summaries.get(name)
    if summary is None:
        return None, len(person.summaries) < NAMES_MAX
    if where is None:
        return (summary.last_ms if form == "last" else summary.first_ms), True
    seen = [event for event in person.recent if event.name == name]
    fit = [e.at_ms for e in seen if where(_of_event(facts, e.name, e.props), None)]
    is_all_seen = summary.count <= len(seen)
    if not fit:
        return None, is_all_seen
    return (max(fit), True) if form == "last" else (min(fit), is_all_seen)


def _count(
    facts: RuleFacts, name: str, where: Check | None, from_ms: int | None
) -> tuple[int, bool]:
    """Count events of ``name``; say whether the count is exact or only a lower bound (Rule 1)."""
    person = facts.person
    summary = person.summaries.get(name)
    if summary is None and len(person.summaries) < NAMES_MAX:
        return 0, True
    if summary is not None:
        if from_ms is not None and summary.last_ms < from_ms:
            return 0, True
        if where is None and (from_ms is None or summary.first_ms >= from_ms):
            return summary.count, True
    found, is_exact = _fitting(facts, name, where, from_ms)
    count = len(found)
    if where is None and summary is not None:
        count = max(count, 1)  # the newest one is inside the span, or it would have ended above
    return count, is_exact


def _fitting(
    facts: RuleFacts, name: str, where: Check | None, from_ms: int | None
) -> tuple[list[PastEvent], bool]:
    """Give the kept events that fit; say whether they are all there were (Rule 1)."""
    person = facts.person
    summary = person.summaries.get(name)
    if summary is not None and from_ms is not None and summary.last_ms < from_ms:
        return [], True
    seen = [event for event in person.recent if event.name == name]
    found = [
        event
        for event in seen
        if (from_ms is None or event.at_ms >= from_ms)
        and (where is None or where(_of_event(facts, event.name, event.props), None))
    ]
    if summary is None:
        is_all_seen = len(person.summaries) < NAMES_MAX
    else:
        is_all_seen = summary.count <= len(seen)
    reaches_back = from_ms is not None and (
        len(person.recent) < RECENT_MAX or min(e.at_ms for e in person.recent) < from_ms
    )
    return found, is_all_seen or reaches_back


def _of_event(facts: RuleFacts, name: str, props: Mapping[str, Json]) -> RuleFacts:
    return RuleFacts(
        person=facts.person,
        now_ms=facts.now_ms,
        event_name=name,
        event=props,
        workspace_zone=facts.workspace_zone,
    )


def _event_name(leaf: Mapping[str, Json], form: str, path: Path, faults: Faults) -> str | None:
    name = leaf[form]
    if isinstance(name, str) and name:
        return name
    faults.add((*path, form), "no event name", f"write {form}: NAME_OF_THE_EVENT")
    return None


def _count_bounds(bounds: object, path: Path, faults: Faults) -> tuple[int, int | None] | None:
    how = "write {min: 1}, {max: 3} or both, whole numbers from 0"
    if not isinstance(bounds, Mapping) or not bounds or set(bounds) - {"min", "max"}:
        faults.add(path, "no count", how)
        return None
    if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in bounds.values()):
        faults.add(path, "a count is no whole number", how)
        return None
    low, high = bounds.get("min", 0), bounds.get("max")
    if high is not None and high < low:
        faults.add(path, "max is below min", how)
        return None
    return low, high


def _bounds_text(low: int, high: int | None) -> str:
    if high is None:
        return f"at least {low}"
    return f"at most {high}" if low == 0 else f"{low} to {high}"


def _since(leaf: Mapping[str, Json], path: Path, faults: Faults) -> tuple[Since | None, str]:
    """Read ``within`` or ``since`` as a function that gives the span's start."""
    if "within" in leaf and "since" in leaf:
        faults.add(path, "both within and since", "keep one of them")
    elif "within" in leaf:
        span_ms = read_duration_ms(leaf, "within", path, faults) or 0
        return (lambda facts: facts.now_ms - span_ms), f" within {leaf['within']}"
    elif "since" in leaf:
        moment = parse_moment(leaf["since"])
        if moment is None:
            how = "write a date or a moment, such as 2026-06-01"
            faults.add((*path, "since"), f"{leaf['since']!r} is no moment", how)
            return None, ""
        start = moment
        return (lambda facts: in_workspace_ms(start, facts)), f" since {leaf['since']}"
    return None, ""
