"""
Visits: the form of a rule that asks where somebody has been: ``visited``.

Pure. As ``rule_leaves``; how a count is bounded says ``rule_tally``.

Rule 1. A visit counts from its ENTER, whether it has ended or not; one whose ENTER was taken back
        has never been. A fence that is published no more is selected by nothing.
Rule 2. The newest visits are kept, whatever their fence (``decide.past``): a count says ``history``
        where older ones may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping

from fencepost_gateway.decide.rule_facts import Check, Faults, Json, Path, RuleFacts
from fencepost_gateway.decide.rule_leaves import compile_selector
from fencepost_gateway.decide.rule_tally import read_bounds, read_span, tally


def compile_visited(leaf: Mapping[str, Json], path: Path, faults: Faults) -> Check | None:
    """Compile ``{visited: {tag: airport}, within: 30d, count: {min: 3}}``."""
    selector = compile_selector(leaf["visited"], (*path, "visited"), faults)
    bounds = read_bounds(leaf, path, faults)
    span = read_span(leaf, path, faults)
    if selector is None or bounds is None or faults.found:
        return None
    chosen = selector

    def kept(facts: RuleFacts) -> tuple[list[int], int | None]:
        moments = [
            visit.entered_ms
            for visit in facts.person.visits
            if (fence := facts.fences.get(visit.fence_id)) is not None and chosen.matches(fence)
        ]
        return moments, facts.person.visits_lost_ms

    return tally(f"visited {selector}", span, bounds, kept)
