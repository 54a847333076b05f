"""
Never, by audience: why nobody's joining or leaving started a campaign.

Pure; a part of ``never``.

Rule 1. Membership is that of now, with since when it lasts; what it was in between is in the
        records of the audience. Who was counted in, or taken out, because the definition was new
        has not joined, and has not left; also where somebody so counted in has left since.
Rule 2. Of somebody who does not belong the operands that decide are named, as they are at the end
        of the span.
"""

from __future__ import annotations

from collections.abc import Sequence

from fencepost_gateway.decide.cause import standing_facts
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.ports import RecordRow

OPERANDS_MAX = 3


def by_audience(
    plan: Plan,
    person: Person | None,
    entry: tuple[str, str],
    span: tuple[int, int],
    moved: Sequence[RecordRow],
) -> tuple[str, dict[str, object]]:
    """
    Give the code of the finding, and what fills in its sentence.

    Args:
        plan: What is in force now.
        person: As the pipeline has them now; None: it never saw them.
        entry: Id of the audience, and ``join`` or ``leave``.
        span: Begin and end of the time that was asked about.
        moved: Records of joining and leaving in it, oldest first.

    """
    audience_id, on = entry
    from_ms, until_ms = span
    audience = plan.audiences.by_id.get(audience_id)
    if audience is None:
        return "audience_gone", {"audience": audience_id}
    known = person or Person("")
    since_ms = known.audiences.get(audience_id)
    if since_ms is None and (filled_ms := _filled_ms(moved, audience_id, on)) is not None:
        code = "audience_filled" if on == "join" else "audience_emptied"
        return code, {"audience": audience_id, "since_ms": filled_ms}
    if since_ms is None:
        facts = standing_facts(plan, known, until_ms - 1)
        answer = audience.when.evaluate(facts)
        false = [f"{o.rule}: {o.value!r}" for o in answer.operands if not o.ok] or ["-"]
        said: dict[str, object] = {"audience": audience_id, "why": "; ".join(false[:OPERANDS_MAX])}
        return ("audience_not_in" if on == "join" else "audience_never_left"), said
    said = {"audience": audience_id, "since_ms": since_ms}
    if on == "leave":
        return "audience_still_in", said
    if since_ms < from_ms:
        return "audience_before", said
    return ("audience_filled" if since_ms < until_ms else "audience_after"), said


def _filled_ms(moved: Sequence[RecordRow], audience_id: str, on: str) -> int | None:
    """Say when a definition counted somebody in (``join``) or took them out, at last."""
    told = (r for r in reversed(moved) if r.body["audience_id"] == audience_id)
    return next((r.at_ms for r in told if r.body["on"] == on and r.body.get("filled")), None)
