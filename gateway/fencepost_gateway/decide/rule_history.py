"""
History: the forms of a rule that ask what somebody did: ``did``, ``last`` and ``first``.

Pure. As ``rule_leaves``.

Rule 1. History is bounded (``decide.person``). A count is exact where the summary or the recent
        events reach back far enough; where they may not, a leaf that comes out false says
        ``history``. Never happened is false for ``last`` and ``first``.
Rule 2. With ``where`` ages are those of the recent events: the newest that fits is the last; the
        oldest that fits may not be the first, so it proves ``older_than``, and not ``within``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fencepost_gateway.decide.person import NAMES_MAX, RECENT_MAX
from fencepost_gateway.decide.rule_comparisons import in_workspace_ms
from fencepost_gateway.decide.rule_facts import Check, Faults, Json, Operand, Path, RuleFacts
from fencepost_gateway.decide.rule_leaves import read_duration_ms
from fencepost_gateway.decide.spans import parse_moment

Where = Callable[[Json, Path], Check | None]
Since = Callable[[RuleFacts], int | None]


def compile_did(leaf: Mapping[str, Json], path: Path, faults: Faults, where: Where) -> Check | None:
    """Compile ``{did: purchase, where: {…}, within: 90d, count: {min: 1}}``."""
    name = _event_name(leaf, "did", path, faults)
    inner = where(leaf["where"], (*path, "where")) if "where" in leaf else None
    if "sum" in leaf:
        faults.add((*path, "sum"), "sum comes later", "use count, or an attribute the app keeps")
    bounds = _count_bounds(leaf.get("count", {"min": 1}), (*path, "count"), faults)
    since, span_text = _since(leaf, path, faults)
    if name is None or bounds is None or faults.found:
        return None
    low, high = bounds
    text = f"did {name}{' where …' if inner else ''}{span_text} count {_bounds_text(low, high)}"
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
    seen = [event for event in person.recent if event.name == name]
    count = 0
    for event in seen:
        if from_ms is not None and event.at_ms < from_ms:
            continue
        if where is None or where(_of_event(facts, event.name, event.props), None):
            count += 1
    if where is None and summary is not None:
        count = max(count, 1)  # the newest one is inside the span, or it would have ended above
    is_all_seen = summary is not None and summary.count <= len(seen)
    reaches_back = from_ms is not None and (
        len(person.recent) < RECENT_MAX or min(e.at_ms for e in person.recent) < from_ms
    )
    return count, is_all_seen or reaches_back


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
