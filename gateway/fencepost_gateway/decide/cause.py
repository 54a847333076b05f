"""
Cause: the facts that what woke us lays before rules, and what is told of it.

Pure. The same cause is looked at twice, when a campaign is entered and again at the claim
(``while``), so it travels with the message (``decide.stimulus``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from fencepost_gateway.decide.flags import is_clean
from fencepost_gateway.decide.jurisdiction import jurisdiction_of
from fencepost_gateway.decide.looked import Looked
from fencepost_gateway.decide.place import FenceView, current_place
from fencepost_gateway.decide.rules import Evaluation, RuleFacts, TransitionView
from fencepost_gateway.decide.stimulus import Cause

if TYPE_CHECKING:
    from fencepost_gateway.decide.person import Person
    from fencepost_gateway.decide.plan import Plan, Policy
    from fencepost_geofence.state import Transition

NOTHING: Final[Mapping[str, Looked]] = MappingProxyType({})


def place_of(plan: Plan, person: Person, cause: Cause) -> FenceView | None:
    """Give the place of the transition, else the person's current one."""
    known = plan.fences.get(cause.fence_id) if cause.fence_id else None
    return known or current_place((p.fence_id for p in person.inside), plan.fences)


def rule_facts(
    plan: Plan, person: Person, cause: Cause, now_ms: int, values: Mapping[str, Looked] = NOTHING
) -> RuleFacts:
    """Lay out for the rules what woke us, who the person is, and what a run has looked up."""
    is_transition = cause.kind == "transition"
    return RuleFacts(
        person=person,
        now_ms=now_ms,
        event_name=cause.name if cause.tells else "",
        event=cause.props if cause.tells or cause.props else None,
        transition=_view(cause) if is_transition else None,
        place=place_of(plan, person, cause),
        fences=plan.fences,
        workspace_zone=plan.workspace_zone,
        policies=policies_of(plan, person),
        traits=plan.trait_readers,
        values=values,
    )


def standing_facts(
    plan: Plan, person: Person, now_ms: int, wakes: list[int] | None = None
) -> RuleFacts:
    """Lay out for the rules who the person is, whatever woke us; ``wakes`` is theirs to fill."""
    return RuleFacts(
        person=person,
        now_ms=now_ms,
        place=current_place((p.fence_id for p in person.inside), plan.fences),
        fences=plan.fences,
        workspace_zone=plan.workspace_zone,
        policies=policies_of(plan, person),
        traits=plan.trait_readers,
        wakes=wakes,
    )


def policies_of(plan: Plan, person: Person) -> tuple[Policy, ...]:
    """
    Give the policies that hold for somebody as far as rules know.

    No number's prefix is known to them, and where somebody was said to be does not grow old: a
    rule answers the same until it is told something.
    """
    return jurisdiction_of(plan, person, "", person.zone_at_ms).policies


def _view(cause: Cause) -> TransitionView:
    return TransitionView(
        cause.name,
        cause.fence_id,
        initial=cause.initial,
        opened=cause.opened,
        clean=is_clean(cause.flags),
    )


def operands_of(answer: Evaluation) -> list[dict[str, Any]]:
    """Give the operands of an evaluation as plain data for a record."""
    return [
        {"rule": o.rule, "value": o.value, "ok": o.ok, "note": o.note}
        | ({"times_ms": list(o.times_ms)} if o.times_ms else {})
        | ({"source": o.source, "age_s": o.age_s} if o.source else {})
        for o in answer.operands
    ]


def shown(transition: Transition, device_id: str) -> dict[str, Any]:
    """Give a transition as its record keeps it: distances and times, never a coordinate."""
    body: dict[str, Any] = msgspec.to_builtins(transition)
    del body["visit_ms"]  # the record's subject names the visit
    if body["distance_m"] is not None:
        body["distance_m"] = round(body["distance_m"], 1)
    if body["confidence"] is not None:
        body["confidence"] = round(body["confidence"], 3)
    body["device_id"] = device_id
    return body
