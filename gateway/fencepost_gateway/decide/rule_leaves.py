"""
Leaves: the forms of a rule that ask where the person is, and for the transition that woke us.

Pure. Each ``compile_…`` takes the authored leaf and its path and gives a ``Check``, or None after
it has said what is wrong. ``rules`` owns the tree around them; what somebody did is read by
``rule_history``, where they were by ``rule_visits``.

Rule 1. ``inside`` asks the presences of the person, of any device; ``for`` counts from the entry.
        Without it who has entered is inside, even if their clock is a little ahead of ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from fencepost_gateway.decide.place import Selector
from fencepost_gateway.decide.rule_facts import (
    TRANSITIONS,
    Check,
    Faults,
    Json,
    Operand,
    Path,
    RuleFacts,
)
from fencepost_gateway.decide.spans import parse_duration_ms

_DURATION_HOW = "write a duration, such as 30s 10m 2h 7d"
_MARKS = ("initial", "opened", "clean")
_SELECTOR = ("id", "tag", "library")


def compile_selector(tree: object, path: Path, faults: Faults) -> Selector | None:
    """Compile ``{id: …}``, ``{tag: …}``, ``{library: …}`` or several of them, AND-ed."""
    if not isinstance(tree, Mapping) or not tree:
        faults.add(path, "no selector", "write {id: …}, {tag: …} or {library: …}")
        return None
    good = True
    for key, value in tree.items():
        if key not in _SELECTOR:
            faults.add((*path, key), f"unknown member {key}", "write id, tag or library")
            good = False
        elif not isinstance(value, str) or not value:
            faults.add((*path, key), f"{key} is no text", f"write one {key}")
            good = False
    if not good:
        return None
    return Selector(tree.get("id", ""), tree.get("tag", ""), tree.get("library", ""))


def compile_inside(leaf: Mapping[str, Json], path: Path, faults: Faults) -> Check | None:
    """Compile ``{inside: {tag: studio}, for: 10m}``."""
    selector = compile_selector(leaf["inside"], (*path, "inside"), faults)
    for_ms = read_duration_ms(leaf, "for", path, faults) if "for" in leaf else 0
    if selector is None or for_ms is None:
        return None
    chosen = selector
    since = for_ms
    text = f"inside {selector}" + (f" for {leaf['for']}" if for_ms else "")

    def check(facts: RuleFacts, out: list[Operand] | None) -> bool:
        oldest_ms: int | None = None
        for presence in facts.person.inside:
            fence = facts.fences.get(presence.fence_id)
            if fence is None or not chosen.matches(fence):
                continue
            if oldest_ms is None or presence.since_ms < oldest_ms:
                oldest_ms = presence.since_ms
        ok = oldest_ms is not None and (not since or facts.now_ms - oldest_ms >= since)
        if facts.wakes is not None and since and oldest_ms is not None:
            facts.may_change(oldest_ms + since)
        if out is not None:
            inside_s = None if oldest_ms is None else max(facts.now_ms - oldest_ms, 0) // 1_000
            out.append(Operand(text, "outside" if inside_s is None else f"for {inside_s}s", ok))
        return ok

    return check


def compile_transition(leaf: Mapping[str, Json], path: Path, faults: Faults) -> Check | None:
    """Compile ``{transition: enter, fence: {…}, initial: false, opened: false, clean: true}``."""
    kind = leaf["transition"]
    if kind not in TRANSITIONS:
        how = f"write one of: {', '.join(TRANSITIONS)}"
        faults.add((*path, "transition"), f"{kind!r} is no transition", how)
    marks = {mark: leaf[mark] for mark in _MARKS if leaf.get(mark) is not None}
    for mark, wanted in marks.items():
        if not isinstance(wanted, bool):
            faults.add((*path, mark), "not true or false", f"write {mark}: true or false")
    selector: Selector | None = Selector()
    if "fence" in leaf:
        selector = compile_selector(leaf["fence"], (*path, "fence"), faults)
    if faults.found or selector is None:
        return None
    chosen = selector
    text = f"transition {kind}" + (f" of {selector}" if "fence" in leaf else "")
    text += "".join(f" {mark} {str(wanted).lower()}" for mark, wanted in marks.items())

    def check(facts: RuleFacts, out: list[Operand] | None) -> bool:
        woke = facts.transition
        fence = facts.fences.get(woke.fence_id) if woke else None
        ok = (
            woke is not None
            and woke.kind == kind
            and all(getattr(woke, mark) is wanted for mark, wanted in marks.items())
            and (chosen == Selector() or (fence is not None and chosen.matches(fence)))
        )
        if out is not None:
            found = f"{woke.kind} of {woke.fence_id}" if woke else None
            if woke and not woke.clean:
                found = f"{found}, flagged"
            out.append(Operand(text, found, ok, "" if woke else "missing"))
        return ok

    return check


def read_duration_ms(
    leaf: Mapping[str, Json], member: str, path: Path, faults: Faults
) -> int | None:
    """Read a member that is a duration; None after saying that it is none."""
    span_ms = parse_duration_ms(leaf[member])
    if span_ms is None:
        faults.add((*path, member), f"{leaf[member]!r} is no duration", _DURATION_HOW)
    return span_ms
