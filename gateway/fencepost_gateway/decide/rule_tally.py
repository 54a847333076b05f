"""
Tally: how many of something happened in a span, as ``did``, ``visited`` and ``got`` count it.

Pure. As ``rule_leaves``.

Rule 1. ``within`` looks back from now, both ends belong to it; ``since`` begins at a moment, which
        without offset is in the workspace's zone. Neither: as far back as anything is kept.
Rule 2. ``count`` is ``{min: 1}`` unless it says otherwise. A count that may lack something is a
        lower bound: it can reach ``min``, and never proves ``max``; where it leaves the answer
        open, that is false with the note ``history``.
Rule 3. Time alone only takes from a count. So without ``max`` an answer changes next when the last
        one falls out that ``min`` needs; otherwise whenever something may fall out, or what was
        lost is no longer asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from fencepost_gateway.decide.rule_comparisons import in_workspace_ms
from fencepost_gateway.decide.rule_facts import Check, Faults, Json, Operand, Path, RuleFacts
from fencepost_gateway.decide.rule_leaves import read_duration_ms
from fencepost_gateway.decide.spans import parse_moment

SHOWN_MAX = 3  # of what was counted: the newest

# What somebody kept: the moments to count, and the newest that may have been lost.
Kept = Callable[[RuleFacts], tuple[Iterable[int], int | None]]


class Span(Struct, frozen=True):
    """How far back something is asked for; ``within_ms`` is None when no time passes it."""

    text: str = ""
    within_ms: int | None = None
    since: Callable[[RuleFacts], int | None] | None = None

    def from_ms(self, facts: RuleFacts) -> int | None:
        """Give the first moment that belongs to it; None: everything, or nobody knows (Rule 1)."""
        if self.within_ms is not None:
            return facts.now_ms - self.within_ms
        return self.since(facts) if self.since else None


class Bounds(Struct, frozen=True):
    """Between which counts the answer is true; ``high`` None: no end."""

    low: int = 1
    high: int | None = None

    def hold(self, count: int, *, is_exact: bool) -> bool:
        """Say whether a count lies between them (Rule 2)."""
        return count >= self.low and (self.high is None or (count <= self.high and is_exact))

    def is_sure(self, count: int, *, is_exact: bool) -> bool:
        """Say whether more memory could not have changed the answer."""
        is_over = self.high is not None and count > self.high
        return is_exact or is_over or (self.high is None and count >= self.low)

    def __str__(self) -> str:
        """Write them as people read them."""
        if self.high is None:
            return f"at least {self.low}"
        return f"at most {self.high}" if self.low == 0 else f"{self.low} to {self.high}"


def tally(head: str, span: Span, bounds: Bounds, kept: Kept) -> Check:
    """
    Make a leaf that counts moments.

    Args:
        head: What is counted, as people read it.
        span: How far back.
        bounds: How many.
        kept: Gives the moments, and the newest that may have been lost.

    """
    text = f"{head}{span.text} count {bounds}"

    def check(facts: RuleFacts, out: list[Operand] | None) -> bool:
        from_ms = span.from_ms(facts)
        if span.since and from_ms is None:
            if out is not None:
                out.append(Operand(text, None, ok=False, note="zone"))
            return False
        moments, lost_ms = kept(facts)
        times_ms = sorted((at for at in moments if from_ms is None or at >= from_ms), reverse=True)
        is_exact = lost_ms is None or (from_ms is not None and lost_ms < from_ms)
        count = len(times_ms)
        ok = bounds.hold(count, is_exact=is_exact)
        if facts.wakes is not None:
            lost = () if lost_ms is None else (lost_ms,)
            facts.may_change(falls_out_ms(span, bounds, times_ms, lost, facts.now_ms))
        if out is not None:
            note = "" if bounds.is_sure(count, is_exact=is_exact) else "history"
            out.append(Operand(text, count, ok, note, tuple(times_ms[:SHOWN_MAX])))
        return ok

    return check


def falls_out_ms(
    span: Span, bounds: Bounds, times_ms: Sequence[int], others_ms: Iterable[int], now_ms: int
) -> int | None:
    """
    Give the next moment at which a count may answer otherwise (Rule 3).

    Args:
        span: How far back it counts.
        bounds: Between which counts it is true.
        times_ms: When what it counts happened, the newest first.
        others_ms: Further moments that matter as they fall out of the span.
        now_ms: Moment of the decision.

    """
    if span.within_ms is None:
        return None
    if bounds.high is None and len(times_ms) >= bounds.low:
        return times_ms[bounds.low - 1] + span.within_ms + 1 if bounds.low else None
    falls = (at_ms + span.within_ms + 1 for at_ms in (*times_ms[-1:], *others_ms))
    return min((at_ms for at_ms in falls if at_ms > now_ms), default=None)


def read_span(leaf: Mapping[str, Json], path: Path, faults: Faults) -> Span:
    """Read ``within`` or ``since``."""
    if "within" in leaf and "since" in leaf:
        faults.add(path, "both within and since", "keep one of them")
    elif "within" in leaf:
        within_ms = read_duration_ms(leaf, "within", path, faults)
        return Span(f" within {leaf['within']}", within_ms)
    elif "since" in leaf:
        moment = parse_moment(leaf["since"])
        if moment is None:
            how = "write a date or a moment, such as 2026-06-01"
            faults.add((*path, "since"), f"{leaf['since']!r} is no moment", how)
            return Span()
        start = moment
        return Span(f" since {leaf['since']}", since=lambda facts: in_workspace_ms(start, facts))
    return Span()


def read_bounds(leaf: Mapping[str, Json], path: Path, faults: Faults) -> Bounds | None:
    """Read ``count``; None after saying what is wrong with it."""
    bounds, spot = leaf.get("count", {"min": 1}), (*path, "count")
    how = "write {min: 1}, {max: 3} or both, whole numbers from 0"
    if not isinstance(bounds, Mapping) or not bounds or set(bounds) - {"min", "max"}:
        faults.add(spot, "no count", how)
        return None
    if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in bounds.values()):
        faults.add(spot, "a count is no whole number", how)
        return None
    low, high = bounds.get("min", 0), bounds.get("max")
    if high is not None and high < low:
        faults.add(spot, "max is below min", how)
        return None
    return Bounds(low, high)
