"""
Timing: everything that has hours, for one message on one channel, ready for ``solver``.

Pure. What it gathers: the hours of policy, person and campaign in every zone that counts
(``quiet_hours``), the opening hours of the place, and, for a message that waits for a slot, the
caps. What follows from the answer is the claim's to say.

Rule 1. A message is held at most ``HELD_MAX_MS`` from its entry, and never to its end.
Rule 2. A release is spread over half an hour, so that a morning does not begin with everything at
        once; never past the hours it waited for, nor past its end. It is spread by the person: what
        one person waits for comes due together, and priority decides who gets the last slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from fencepost_gateway.decide import caps, quiet_hours
from fencepost_gateway.decide.ids import chance
from fencepost_gateway.decide.message import ClaimFacts, Message
from fencepost_gateway.decide.plan import Campaign, Plan
from fencepost_gateway.decide.quiet_hours import Hours
from fencepost_gateway.decide.solver import FOREVER_MS, Answer, Limit, Span, solve
from fencepost_gateway.decide.zones import Zones

RELEASE_SPREAD_MS = 30 * 60_000
HELD_MAX_MS = 7 * 86_400_000
OPENING = "opening hours"
CAPS = "caps"


class Timing(Struct, frozen=True):
    """
    What has hours for a message on a channel, and the hours that nobody can keep.

    ``needs_zone``: there are hours, and no zone in which to keep them. ``unread``: the person's own
    quiet hours are not written in a way that can be read.
    """

    limits: tuple[Limit, ...] = ()
    needs_zone: bool = False
    unread: bool = False


def timing_of(
    plan: Plan,
    facts: ClaimFacts,
    campaign: Campaign,
    *,
    channel: str,
    zones: Zones,
    by_policy: Sequence[Hours],
) -> Timing:
    """
    Gather the limits of one message on one channel, without the caps.

    Args:
        plan: Templates and fences.
        facts: The person's own hours, and what caused the message.
        campaign: The campaign's hours.
        channel: Where it would go.
        zones: The zones that count for the person.
        by_policy: The hours of the policies that hold for the person.

    """
    purpose = plan.templates[campaign.message.template_id].purpose
    own = quiet_hours.own_hours(facts.person.attributes.get("quiet_hours"), purpose, channel)
    hours = [*by_policy, *(own or ())]
    if campaign.message.hours is not None:
        hours.append(Hours("campaign", campaign.message.hours))
    limits = list(quiet_hours.limits(hours, zones)) if zones.names else []
    fence = plan.fences.get(facts.message.cause.fence_id)
    if campaign.message.only_open and fence is not None and fence.opening is not None:
        limits.append(Limit(OPENING, fence.opening.span_at))
    needs_zone = bool(hours) and not zones.names and purpose == "marketing"
    return Timing(tuple(limits), needs_zone, own is None)


def same_hours(old: Plan, new: Plan) -> bool:
    """Say whether two plans defer alike: quiet hours, caps, messages' and opening hours, zones."""
    return _hours_of(old) == _hours_of(new)


def _hours_of(plan: Plan) -> tuple[object, ...]:
    wishes = {
        name: (m.hours, m.only_open, m.quiet_hours, m.caps)
        for name, m in ((name, part.message) for name, part in plan.parts())
    }
    opening = {
        f.fence_id: (f.opening.text, f.opening.zone) for f in plan.fences.values() if f.opening
    }
    hours = [(p.policy_id, p.countries, p.quiet_hours) for p in plan.every_policy]
    return hours, plan.caps, plan.workspace_zone, wishes, opening


def cap_limit(plan: Plan, facts: ClaimFacts, wanted: caps.Slot, now_ms: int) -> Limit:
    """Give the limit that is open once every cap has a slot for ``wanted``."""
    free_ms = caps.free_at_ms(plan.caps, facts.slots, wanted, wanted.zone, now_ms)

    def span_at(at_ms: int) -> Span:
        return max(at_ms, free_ms), FOREVER_MS

    return Limit(CAPS, span_at)


def solve_for(message: Message, limits: tuple[Limit, ...], now_ms: int) -> Answer:
    """Find the next instant for ``message`` (Rule 1)."""
    return solve(limits, now_ms, _held_until_ms(message))


def release_ms(message: Message, answer: Answer, seed: str, now_ms: int) -> int:
    """Say when a message that waits is claimed again (Rule 2)."""
    next_ms = now_ms if answer.next_ms is None else answer.next_ms
    ends_ms = FOREVER_MS if answer.until_ms is None else answer.until_ms
    room_ms = min(RELEASE_SPREAD_MS, ends_ms - next_ms, _held_until_ms(message) - next_ms)
    return next_ms + int(chance(seed, "release", message.person_id) * room_ms)


def told(answer: Answer) -> dict[str, Any]:
    """Give what a record says of an answer."""
    return {
        "closed": list(answer.closed),
        "next_ms": answer.next_ms,
        "until_ms": answer.until_ms,
        "moved_by": answer.moved_by,
    }


def told_cap(answer: caps.CapAnswer) -> dict[str, Any]:
    """Give what a record says of one cap rule, and who got the last slot."""
    said = {
        "rule": answer.rule_id,
        "used": answer.used,
        "limit": answer.limit,
        "window": answer.window,
        "next_ms": answer.retry_at_ms,
    }
    if answer.last is not None:
        said["taken_by"] = {
            "campaign": answer.last.campaign_id,
            "message": answer.last.slot_id,
            "priority": answer.last.priority,
        }
    return said


def _held_until_ms(message: Message) -> int:
    return min(message.expires_at_ms, message.entered_ms + HELD_MAX_MS)
