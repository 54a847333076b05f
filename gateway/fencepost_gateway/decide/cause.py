"""
Cause: what woke a campaign, and the facts it lays before rules.

Pure. The same cause is looked at twice, when the campaign is entered and again at the claim
(``while``), so it travels with the message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import Struct

from fencepost_gateway.decide.flags import is_clean
from fencepost_gateway.decide.jurisdiction import jurisdiction_of
from fencepost_gateway.decide.place import FenceView, current_place
from fencepost_gateway.decide.rules import Evaluation, RuleFacts, TransitionView

if TYPE_CHECKING:
    from fencepost_gateway.decide.person import Person
    from fencepost_gateway.decide.plan import Plan, Policy
    from fencepost_geofence.state import Transition


class Cause(Struct, frozen=True):
    """
    An app event, a transition, a change of audience, or what was told to many or by a call.

    Attributes:
        stimulus_id: Names the stimulus; every id made from it is the same on a repeat.
        kind: Which of them it is.
        name: The event's name, the kind of the transition, join or leave, ``member`` (in the
            audience before), the key of a call; empty for a schedule.
        at_ms: When it happened, by the device's corrected clock; when a schedule came due.
        props: Properties of an event or call; of a schedule how many times were missed.
        fence_id: Fence of a transition.
        visit_id: Visit of a transition.
        initial: The device was inside already when tracking began.
        opened: The device was inside when the fence opened.
        inactive: It happened outside the opening hours of the fence.
        after_ms: The threshold a dwell has reached.
        flags: What was suspicious about the positions of the visit.
        audience_id: Audience that was joined or left.
        is_located: Where somebody is or was has brought it about.
        campaign_id: Whom alone it wakes; empty: whoever waits for it.
        broadcast: Position of the record by which many are told; 0: it was told to one.

    """

    stimulus_id: str
    kind: Literal["event", "transition", "audience", "external", "schedule", "api"]
    name: str
    at_ms: int
    props: dict[str, Any] = {}
    fence_id: str = ""
    visit_id: str = ""
    initial: bool = False
    opened: bool = False
    inactive: bool = False
    after_ms: int | None = None
    flags: tuple[str, ...] = ()
    audience_id: str = ""
    is_located: bool = False
    campaign_id: str = ""
    broadcast: int = 0

    @property
    def tells(self) -> bool:
        """Say whether it has a name and properties that rules read as ``event:``."""
        return self.kind in {"event", "external", "api"}

    @property
    def is_by_place(self) -> bool:
        """Say whether a position has brought it about, at once or by an audience."""
        return self.kind == "transition" or self.is_located


def place_of(plan: Plan, person: Person, cause: Cause) -> FenceView | None:
    """Give the place of the transition, else the person's current one."""
    known = plan.fences.get(cause.fence_id) if cause.fence_id else None
    return known or current_place((p.fence_id for p in person.inside), plan.fences)


def rule_facts(plan: Plan, person: Person, cause: Cause, now_ms: int) -> RuleFacts:
    """Lay out for the rules what woke the campaign and who the person is."""
    is_transition = cause.kind == "transition"
    return RuleFacts(
        person=person,
        now_ms=now_ms,
        event_name=cause.name if cause.tells else "",
        event=cause.props if cause.tells else None,
        transition=_view(cause) if is_transition else None,
        place=place_of(plan, person, cause),
        fences=plan.fences,
        workspace_zone=plan.workspace_zone,
        policies=policies_of(plan, person),
        traits=plan.trait_readers,
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
