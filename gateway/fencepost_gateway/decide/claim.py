"""
Claim: whether a message may go, judged once, at the last moment.

Pure: ``judge(plan, facts, rendered, now_ms)``. The caller reads the facts inside the transaction
that also writes the verdict and reserves the cap slot, so what was judged is what is written.

Rule 1. Gates in one order: those of the message (``message_gates``: live, paused, emergency
        stop, age, holdout, goal, ``while``); then a channel at a time, those of the channel
        (``channel_gates``: untried, reachable, suppression, consent, quiet hours, label, render,
        lane, spend, caps). Spend and caps come last because they reserve.
Rule 2. Channels are tried in order of preference: the person's own (attribute
        ``preferred_channel``), then the message's. One that may not be used passes the message on
        to the next; its refusal stays in the record. Quiet hours do not: they defer the message,
        and a deferral is judged anew when it is over.
Rule 3. There is one primary reason: the refusal that got furthest through the gates; of equals,
        that of the channel tried first. It names what stood between the person and the message,
        not the first channel that nobody has (ADR-0017).
Rule 4. Holdout, quiet hours and caps concern marketing; transactional messages pass them by, but
        for a cap against loops (``safety``): what it refuses is withheld, never deferred.
Rule 5. A check says what it looked at: counters, zones, entries, operands; never an address, a
        coordinate or words of the message.
Rule 6. A pause holds the message where it stands; it is judged anew after it.
Rule 7. A channel whose provider has refused the message is passed by. If no other is left, the
        message has failed, for that reason: it got furthest of all.
Rule 8. A channel whose lane takes no call keeps the message in the queue, and nothing is reserved.
        Where the lane has been shut for longer than the message's ``fallback_after``, the next
        channel is tried; if none may be used, the message goes on waiting.
Rule 9. The verdict names the person's arm in an experiment whatever comes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import structs

from fencepost_gateway.decide import channel_gates, message_gates, waiting
from fencepost_gateway.decide.case import Case, Way, case_of
from fencepost_gateway.decide.flow import LaneView
from fencepost_gateway.decide.message import Check, ClaimFacts, Verdict
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.decide.rendered import Rendered
from fencepost_gateway.decide.timing import Timing


def judge(
    plan: Plan,
    facts: ClaimFacts,
    rendered: Mapping[str, Rendered],
    now_ms: int,
    lanes: Mapping[str, LaneView] | None = None,
) -> Verdict:
    """
    Judge whether a message may go now, on which channel, and why (not).

    Args:
        plan: The published documents in force.
        facts: What the store knows of message and person.
        rendered: Outcome of rendering by channel; a channel without a driver is absent.
        now_ms: Moment of the claim, epoch milliseconds.
        lanes: How the lanes stand that take no call now; all others do.

    """
    case = case_of(plan, facts, rendered, now_ms, lanes or {})
    if case is None:
        gone = Check("live", ok=False, reason="campaign_ended", inputs={"found": False})
        return Verdict("withheld", (gone,), "campaign_ended")
    verdict = _judge(case)
    if not case.arm:
        return verdict
    return structs.replace(verdict, experiment=case.campaign.message.experiment_id, arm=case.arm)


def foresee(
    plan: Plan,
    facts: ClaimFacts,
    rendered: Mapping[str, Rendered],
    now_ms: int,
    lanes: Mapping[str, LaneView],
) -> str:
    """
    Say on which channel a message would go now, empty if on none; binds nobody.

    Takes what ``judge`` takes, from facts read without a lock.
    """
    ahead = judge(plan, facts, rendered, now_ms, lanes)
    return ahead.channel if ahead.outcome == "send" else ""


def _judge(case: Case) -> Verdict:
    checks: list[Check] = []
    for gate in message_gates.ORDER:
        check = gate(case)
        checks.append(check)
        if not check.ok and check.gate == "paused":
            return Verdict("deferred", tuple(checks), check.reason, holds=True)
        if not check.ok:
            return Verdict("withheld", tuple(checks), check.reason)
    return _over_channels(case, checks)


def _over_channels(case: Case, checks: list[Check]) -> Verdict:
    refusals: list[Check] = []
    for channel in case.channels:
        verdict = _on_channel(case, channel, checks)
        if verdict is not None:
            return verdict
        refusals.append(checks[-1])
    shut = [c for c in refusals if c.gate == "lane"]
    if shut:
        return Verdict("waits", tuple(checks), shut[0].reason, channel=shut[0].channel)
    full = [c for c in refusals if c.gate == "caps" and c.reason != "safety_cap"]
    if full and case.campaign.message.caps == "defer":
        return waiting.for_slot(case, full, tuple(checks))
    furthest = max(refusals, key=lambda c: channel_gates.ORDER.index(c.gate))  # keeps the first
    outcome: Literal["failed", "withheld"] = "failed" if furthest.gate == "untried" else "withheld"
    return Verdict(outcome, tuple(checks), furthest.reason)


def _on_channel(case: Case, channel: str, checks: list[Check]) -> Verdict | None:
    """Ask the gates of one channel; None when the next channel should be tried."""
    way = channel_gates.way_of(case, channel)
    before = (channel_gates.untried,) if case.facts.refused else ()
    for gate in (*before, *channel_gates.FIRST):
        check = gate(case, way)
        checks.append(check)
        if not check.ok:
            return None
    found = channel_gates.timing_of(case, way)
    check = channel_gates.quiet_hours(case, way, found)
    checks.append(check)
    if not check.ok:
        return waiting.for_hours(case, check, tuple(checks))
    label = (channel_gates.label,) if case.rendered[channel].location else ()
    for late_gate in (*label, channel_gates.render):
        checks.append(late_gate(case, way))
        if checks[-1].reason == "content_stale":
            return waiting.for_content(case, tuple(checks))
        if not checks[-1].ok:
            return None
    if channel in case.lanes:
        check = channel_gates.lane(case, way)
        checks.append(check)
        return None if check.inputs["passes"] else waiting.for_lane(case, check, tuple(checks))
    return _reserving(case, way, found, checks)


def _reserving(case: Case, way: Way, found: Timing, checks: list[Check]) -> Verdict | None:
    """Ask the gates that reserve, last of all; a message that passes them goes."""
    if channel_gates.costs(case, way):
        checks.append(channel_gates.spend(case, way))
        if not checks[-1].ok:
            return None
    checks.append(channel_gates.caps(case, way, found))
    if not checks[-1].ok:
        return None
    return Verdict(
        "send",
        tuple(checks),
        purpose=case.template.purpose,
        channel=way.channel,
        address=way.address,
        slot=channel_gates.reserved(case, way),
        cost=channel_gates.costs(case, way),
        on_unknown=case.on_unknown,
    )
