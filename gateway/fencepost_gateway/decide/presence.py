"""
Presence: what transitions and opening hours do to where a person is.

Pure apart from the person, whose presences are updated in place.

Rule 1. ENTER begins the presence of its visit, EXIT and EXPIRE end it. A device is in a fence
        once, whatever was told before.
Rule 2. A superseded transition takes one back that was told, by its opposite: an EXIT the ENTER, an
        ENTER the EXIT or EXPIRE. So it does what its kind says, and the visit goes on since it
        began. A visit whose ENTER was taken back has never been.
Rule 3. Openings (``Plan.openings``) are told once each and visit: those after the visit began and
        after the last one told. Where nobody has asked until now, those later than now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fencepost_gateway.decide.past import Visit
from fencepost_gateway.decide.person import Person, Presence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fencepost_gateway.decide.opening import Opening
    from fencepost_gateway.decide.plan import Plan
    from fencepost_geofence.state import Transition


def move(person: Person, told: Transition, visit: Presence) -> None:
    """
    Let a transition change where the person is (Rules 1 and 2).

    Args:
        person: Whose transition it is.
        told: The transition.
        visit: The presence it would begin, or let go on.

    """
    if told.kind not in ("enter", "exit", "expire"):
        return
    place = visit.fence_id, visit.device_id
    others = [each for each in person.inside if (each.fence_id, each.device_id) != place]
    same = [each for each in person.inside if each.visit_id == visit.visit_id]
    person.inside = [*others, *(same or [visit])] if told.kind == "enter" else others
    if told.kind == "enter" and not told.superseded:
        person.visit(Visit(visit.fence_id, visit.since_ms, visit.visit_id))
    elif told.kind == "exit" and told.superseded:
        person.visits = [each for each in person.visits if each.visit_id != visit.visit_id]


def leave_gone(person: Person, plan: Plan) -> bool:
    """End the presences in fences that are gone, of which nothing is told; say if there were."""
    left = [each for each in person.inside if each.fence_id in plan.fences]
    is_changed = len(left) < len(person.inside)
    person.inside = left
    return is_changed


def due_openings(
    plan: Plan, person: Person, device_id: str, until_ms: int
) -> list[tuple[int, Presence]]:
    """Give the openings up to ``until_ms``, in order of time, and mark them told (Rule 3)."""
    due = []
    for presence, opening in _awaited(plan, person, device_id):
        while presence.opened_ms:
            at_ms = opening.next_opening_ms(presence.opened_ms)
            if at_ms is None or at_ms > until_ms:
                break
            presence.opened_ms = at_ms
            due.append((at_ms, presence))
    return sorted(due, key=lambda one: (one[0], one[1].fence_id))


def next_opening_ms(plan: Plan, person: Person, device_id: str) -> int | None:
    """Give the moment from which ``due_openings`` has something to tell."""
    moments = [
        opening.next_opening_ms(presence.opened_ms)
        for presence, opening in _awaited(plan, person, device_id)
        if presence.opened_ms
    ]
    return min((at_ms for at_ms in moments if at_ms is not None), default=None)


def await_openings(plan: Plan, person: Person, device_id: str, now_ms: int) -> bool:
    """Begin, or cease, to wait for openings where the plan has changed; say whether it has."""
    is_changed = False
    for presence in person.inside:
        is_asked = presence.fence_id in plan.openings
        if presence.device_id == device_id and is_asked != bool(presence.opened_ms):
            presence.opened_ms = now_ms if is_asked else 0
            is_changed = True
    return is_changed


def _awaited(plan: Plan, person: Person, device_id: str) -> Iterator[tuple[Presence, Opening]]:
    if not plan.openings:
        return
    for presence in person.inside:
        opening = plan.openings.get(presence.fence_id)
        if opening is not None and presence.device_id == device_id:
            yield presence, opening
