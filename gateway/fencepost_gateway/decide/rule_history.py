"""
History: the forms of a rule that ask what somebody did: ``did``, ``last`` and ``first``.

Pure. As ``rule_leaves``; how a count is bounded says ``rule_tally``.

Rule 1. History is bounded (``decide.person``). A count is exact where the summary says it all, or
        nothing of this name fell out of the recent events since the span began; a leaf that may
        come out false for want of memory says ``history``. It never depends on how many events of
        other names there were. Never happened is false for ``last`` and ``first``.
Rule 2. With ``where`` ages are those of the recent events: the newest that fits is the last; the
        oldest that fits may not be the first, so it proves ``older_than``, and not ``within``.
Rule 3. ``sum`` adds the numbers among the values of a property; what is none, or beyond
        ``AMOUNT_MAX``, adds nothing. A sum that may lack events is false, with ``history``: a
        number may be below zero.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct

from fencepost_gateway.decide.person import NAMES_MAX, UNSUMMED, PastEvent
from fencepost_gateway.decide.rule_comparisons import is_number
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
from fencepost_gateway.decide.rule_tally import (
    SHOWN_MAX,
    Bounds,
    Span,
    falls_out_ms,
    read_bounds,
    read_span,
)

AMOUNT_MAX = 10**15  # more is no amount; sums stay exact, and numbers that records can hold

_ANY = Bounds(0, 0)  # of a sum every event that falls out counts

Where = Callable[[Json, Path], Check | None]


class Seen:
    """
    Events of one name as a pass of rules looks at them, the oldest first.

    Made once a pass (``RuleFacts.seen``) however many rules ask: properties are unpacked once.
    """

    __slots__ = ("_asked", "_events", "_facts", "times_ms")

    def __init__(self, facts: RuleFacts, events: list[PastEvent]) -> None:
        self._facts = facts
        self._events = events
        self._asked: list[RuleFacts] | None = None
        self.times_ms = [event.at_ms for event in events]

    @property
    def props(self) -> Iterator[Mapping[str, Json]]:
        """Give the properties of each."""
        return (asked.event or {} for asked in self._each())

    def those(self, begin: int, where: Check | None) -> Seen:
        """Give those from ``begin`` on that fit a ``where``."""
        if begin == 0 and where is None:
            return self
        kept = Seen(self._facts, self._events[begin:])
        kept._asked = self._asked[begin:] if self._asked is not None else None
        if where is not None:
            asked = self._each()[begin:]
            fits = [where(each, None) for each in asked]
            kept._events = [e for e, fit in zip(kept._events, fits, strict=True) if fit]
            kept._asked = [e for e, fit in zip(asked, fits, strict=True) if fit]
            kept.times_ms = [event.at_ms for event in kept._events]
        return kept

    def _each(self) -> list[RuleFacts]:
        """Lay out each event as what a ``where`` asks; unpacked once."""
        if self._asked is None:
            facts = self._facts
            self._asked = [
                RuleFacts(
                    person=facts.person,
                    now_ms=facts.now_ms,
                    event_name=event.name,
                    event=event.props,
                    workspace_zone=facts.workspace_zone,
                    wakes=facts.wakes,
                )
                for event in self._events
            ]
        return self._asked


_Fitting = tuple["Seen", bool]  # the events, and whether they are all there were


def compile_did(leaf: Mapping[str, Json], path: Path, faults: Faults, where: Where) -> Check | None:
    """Compile ``{did: purchase, where: {…}, within: 90d, count: {min: 1}}``."""
    name = _event_name(leaf, "did", path, faults)
    inner = where(leaf["where"], (*path, "where")) if "where" in leaf else None
    if "sum" in leaf and "count" in leaf:
        faults.add(path, "both count and sum", "write one leaf each, under all: [...]")
    total = _sum_bounds(leaf["sum"], (*path, "sum"), faults) if "sum" in leaf else None
    bounds = read_bounds(leaf, path, faults)
    span = read_span(leaf, path, faults)
    if name is None or bounds is None or faults.found:
        return None
    head = f"did {name}{' where …' if inner else ''}{span.text}"
    if total is not None:
        return _sum_check(head, name, inner, span, total)
    return _count_check(head, name, inner, span, bounds)


def _count_check(head: str, event: str, inner: Check | None, span: Span, bounds: Bounds) -> Check:
    text = f"{head} count {bounds}"

    def check(facts: RuleFacts, out: list[Operand] | None) -> bool:
        from_ms = span.from_ms(facts)
        if span.since and from_ms is None:
            if out is not None:
                out.append(Operand(text, None, ok=False, note="zone"))
            return False
        if out is None and facts.wakes is None:
            count, is_exact = _count(facts, event, inner, from_ms)
            return bounds.hold(count, is_exact=is_exact)
        fitting = _fitting(facts, event, inner, from_ms)
        count, is_exact = _count(facts, event, inner, from_ms, fitting)
        ok = bounds.hold(count, is_exact=is_exact)
        times_ms = fitting[0].times_ms[::-1]
        if facts.wakes is not None:
            edges = _edges_ms(facts, event)
            facts.may_change(falls_out_ms(span, bounds, times_ms, edges, facts.now_ms))
        if out is not None:
            note = "" if bounds.is_sure(count, is_exact=is_exact) else "history"
            out.append(Operand(text, count, ok, note, tuple(times_ms[:SHOWN_MAX])))
        return ok

    return check


class _Total(Struct, frozen=True):
    """An authored ``sum``: of which property, and between which numbers."""

    of: str
    low: float = -math.inf
    high: float = math.inf
    text: str = ""


def _sum_check(head: str, event: str, inner: Check | None, span: Span, total: _Total) -> Check:
    keys = tuple(total.of.split("."))
    text = f"{head} sum of {total.of} {total.text}"

    def check(facts: RuleFacts, out: list[Operand] | None) -> bool:
        from_ms = span.from_ms(facts)
        if span.since and from_ms is None:
            if out is not None:
                out.append(Operand(text, None, ok=False, note="zone"))
            return False
        found, is_exact = _fitting(facts, event, inner, from_ms)
        amount = _amount(dotted(props, keys) for props in found.props)
        ok = is_exact and total.low <= amount <= total.high
        times_ms = found.times_ms[::-1]
        if facts.wakes is not None:
            edges = _edges_ms(facts, event)
            facts.may_change(falls_out_ms(span, _ANY, times_ms, edges, facts.now_ms))
        if out is not None:
            note = "" if is_exact else "history"
            out.append(Operand(text, amount, ok, note, tuple(times_ms[:SHOWN_MAX])))
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
        if facts.wakes is not None:
            facts.may_change(at_ms + age_ms + 1)
        ok = age > age_ms if is_older else is_exact and age <= age_ms
        if out is not None:
            note = "" if ok or is_exact else "history"
            out.append(Operand(text, f"{max(age, 0) // 1_000}s ago", ok, note, (at_ms,)))
        return ok

    return check


def _moment(facts: RuleFacts, form: str, name: str, where: Check | None) -> tuple[int | None, bool]:
    """Say when the last or first such event was, and whether that is exact (Rules 1 and 2)."""
    summary = facts.person.summaries.get(name)
    if summary is not None and where is None:
        return (summary.last_ms if form == "last" else summary.first_ms), True
    found, is_exact = _fitting(facts, name, where, None)
    if not found.times_ms:
        return None, is_exact
    return (found.times_ms[-1], True) if form == "last" else (found.times_ms[0], is_exact)


def _count(
    facts: RuleFacts,
    name: str,
    where: Check | None,
    from_ms: int | None,
    fitting: _Fitting | None = None,
) -> tuple[int, bool]:
    """Count events of ``name``; say whether the count is exact or only a lower bound (Rule 1)."""
    summary = facts.person.summaries.get(name)
    if where is None and summary is not None and (from_ms is None or summary.first_ms >= from_ms):
        return summary.count, True
    found, is_exact = fitting or _fitting(facts, name, where, from_ms)
    if where is None and summary is not None and (from_ms is None or summary.last_ms >= from_ms):
        return max(len(found.times_ms), 1), is_exact  # the newest one is inside the span
    return len(found.times_ms), is_exact


def _fitting(facts: RuleFacts, name: str, where: Check | None, from_ms: int | None) -> _Fitting:
    """Give the kept events that fit; say whether they are all there were (Rule 1)."""
    person = facts.person
    summary = person.summaries.get(name)
    if summary is None and len(person.summaries) < NAMES_MAX:
        return Seen(facts, []), True  # it would have one
    if summary is not None and from_ms is not None and summary.last_ms < from_ms:
        return Seen(facts, []), True
    seen = facts.seen.get(name)
    if seen is None:
        seen = facts.seen[name] = Seen(facts, [e for e in person.recent if e.name == name])
    begin = 0 if from_ms is None else bisect_left(seen.times_ms, from_ms)
    lost_ms = person.lost.get(name if summary is not None else UNSUMMED)
    is_all_seen = lost_ms is None if summary is None else summary.count <= len(seen.times_ms)
    reaches_back = from_ms is not None and lost_ms is not None and lost_ms < from_ms
    return seen.those(begin, where), is_all_seen or reaches_back


def _edges_ms(facts: RuleFacts, name: str) -> list[int]:
    """Give the moments, besides those of kept events, whose falling out may change a count."""
    person = facts.person
    summary = person.summaries.get(name)
    if summary is None:
        return [at_ms for key, at_ms in person.lost.items() if key == UNSUMMED]
    lost_ms = person.lost.get(name, summary.first_ms)
    return [summary.first_ms, summary.last_ms, lost_ms]


def _event_name(leaf: Mapping[str, Json], form: str, path: Path, faults: Faults) -> str | None:
    name = leaf[form]
    if isinstance(name, str) and name:
        return name
    faults.add((*path, form), "no event name", f"write {form}: NAME_OF_THE_EVENT")
    return None
