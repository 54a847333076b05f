"""
Waiting: what becomes of a message that hours or caps keep back: later, or not at all.

Pure. The verdict is a deferral to the next instant that suits everything, unless there is none,
the message ends before, or its campaign wants it dropped.
"""

from __future__ import annotations

from collections.abc import Sequence

from fencepost_gateway.decide import channel_gates, timing
from fencepost_gateway.decide.case import Case
from fencepost_gateway.decide.message import Check, Verdict
from fencepost_gateway.decide.solver import FOREVER_MS

HOLD_MIN_MS = 60_000
STALE_RETRY_MS = 1_000  # long enough that a claim and a rendering that disagree do not spin


def for_hours(case: Case, check: Check, checks: tuple[Check, ...]) -> Verdict:
    """Turn a refusal by quiet hours into a deferral, unless there is nothing to wait for."""
    expires_at_ms = case.facts.message.expires_at_ms
    if check.reason == "zone_unknown":
        if not check.inputs["hold"]:
            return Verdict("withheld", checks, "zone_unknown")
        held_ms = max(HOLD_MIN_MS, case.now_ms - case.facts.message.entered_ms)
        # Asked again when it has waited twice as long: a zone may be learnt until it expires.
        retry_at_ms = min(expires_at_ms, case.now_ms + held_ms)
        return Verdict("deferred", checks, "zone_unknown", retry_at_ms=retry_at_ms)
    if case.campaign.message.quiet_hours == "drop":
        return Verdict("withheld", checks, check.reason)
    return _defer(case, check, checks)


def for_content(case: Case, checks: tuple[Check, ...]) -> Verdict:
    """Defer a message whose content is of a consent, or of a person, that was: it is made anew."""
    retry_at_ms = case.now_ms + STALE_RETRY_MS
    return Verdict("deferred", checks, "content_stale", retry_at_ms=retry_at_ms)


def for_slot(case: Case, refusals: Sequence[Check], checks: tuple[Check, ...]) -> Verdict:
    """Defer to the channel whose slot comes first; they are all full."""
    first = min(refusals, key=lambda c: c.inputs["next_ms"] or FOREVER_MS)
    return _defer(case, first, checks)


def for_lane(case: Case, check: Check, checks: tuple[Check, ...]) -> Verdict:
    """Keep a message in the queue until its lane takes calls, or the next channel is its turn."""
    shut_ms, after_ms = check.inputs["shut_ms"], check.inputs["fallback_after_ms"]
    at_ms = None
    if shut_ms is not None and after_ms is not None:
        at_ms = case.now_ms + after_ms - shut_ms
    return Verdict("waits", checks, check.reason, channel=check.channel, retry_at_ms=at_ms)


def _defer(case: Case, check: Check, checks: tuple[Check, ...]) -> Verdict:
    """Defer to the next instant, unless there is none or the message ends before."""
    found = channel_gates.timing_of(case, channel_gates.way_of(case, check.channel))
    limits = (*found.limits, *channel_gates.waits_for(case, check.channel))
    answer = timing.solve_for(case.facts.message, limits, case.now_ms)
    if answer.next_ms is not None and answer.in_time:
        message, seed = case.facts.message, case.plan.seed
        retry_at_ms = timing.release_ms(message, answer, seed, case.now_ms)
        return Verdict("deferred", checks, check.reason, retry_at_ms=retry_at_ms)
    if answer.next_ms is None:
        return Verdict("withheld", checks, check.reason)
    if answer.moved_by == timing.CAPS:  # what would have to come first, and comes too late
        return Verdict("withheld", checks, "frequency_cap")
    if answer.moved_by == timing.OPENING:
        return Verdict("withheld", checks, "place_closed")
    return Verdict("withheld", checks, "expires_in_quiet_hours")
