"""
Claim: whether a message may go, judged once, at the last moment.

Pure: ``judge(plan, facts, rendered, now_ms)``. The caller reads the facts inside the transaction
that also writes the verdict and reserves the cap slot, so what was judged is what is written.

Rule 1. Gates in one order: live, emergency stop, age, holdout, relevant (goal, ``while``); then a
        channel at a time in order of preference: reachable, suppression, consent, quiet hours,
        render, caps. Caps come last because they reserve.
Rule 2. A channel that may not be used passes the message on to the next one. Quiet hours do not:
        they defer the message, and a deferral is judged anew when it is over. On a channel with
        several addresses the newest that is neither suppressed nor denied is meant.
Rule 3. The primary reason is the refusal that got furthest through the gates; of equals, that of
        the channel the campaign likes best.
Rule 4. Holdout, quiet hours and caps concern marketing; transactional messages pass them by.
Rule 5. What content says of a place, and what it relied on, is judged with it (``rendered``).
Rule 6. A check says what it looked at: counters, zones, entries, operands; never an address, a
        coordinate or words of the message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from fencepost_gateway.decide import caps, consent, timing
from fencepost_gateway.decide.cause import operands_of, rule_facts
from fencepost_gateway.decide.ids import chance
from fencepost_gateway.decide.message import AddressRow, Check, ClaimFacts, Verdict
from fencepost_gateway.decide.plan import Campaign, Plan, Template
from fencepost_gateway.decide.rendered import Rendered, labelled
from fencepost_gateway.decide.solver import FOREVER_MS, Answer
from fencepost_gateway.decide.timing import Timing
from fencepost_gateway.decide.zones import Zones, zones_of

__all__ = ["CHANNEL_GATES", "Rendered", "judge"]

HOLD_MIN_MS = 60_000
STALE_RETRY_MS = 1_000  # long enough that a claim and a rendering that disagree do not spin
CHANNEL_GATES = ("reachable", "suppression", "consent", "quiet_hours", "label", "render", "caps")


class _Case(Struct, frozen=True):
    """One message on the bench: what every gate may look at."""

    plan: Plan
    facts: ClaimFacts
    campaign: Campaign
    template: Template
    rendered: Mapping[str, Rendered]
    zones: Zones
    now_ms: int

    @property
    def is_marketing(self) -> bool:
        return self.template.purpose == "marketing"


def judge(plan: Plan, facts: ClaimFacts, rendered: Mapping[str, Rendered], now_ms: int) -> Verdict:
    """
    Judge whether a message may go now, on which channel, and why (not).

    Args:
        plan: The published documents in force.
        facts: What the store knows of message and person.
        rendered: Outcome of rendering by channel; a channel without a driver is absent.
        now_ms: Moment of the claim, epoch milliseconds.

    """
    message = facts.message
    campaign = plan.campaigns.get(message.campaign_id)
    template = plan.templates.get(campaign.message.template_id) if campaign else None
    if campaign is None or template is None:
        gone = Check("live", ok=False, reason="campaign_ended", inputs={"found": False})
        return Verdict("withheld", (gone,), "campaign_ended")
    zones = zones_of(facts.person, _phone(facts), plan.workspace_zone, now_ms)
    case = _Case(plan, facts, campaign, template, rendered, zones, now_ms)
    checks: list[Check] = []
    for gate in (_live, _emergency_stop, _age, _holdout, _goal, _while):
        check = gate(case)
        checks.append(check)
        if not check.ok:
            return Verdict("withheld", tuple(checks), check.reason)
    return _over_channels(case, checks)


def _over_channels(case: _Case, checks: list[Check]) -> Verdict:
    refusals: list[Check] = []
    for channel in case.facts.message.channels:
        verdict = _on_channel(case, channel, checks)
        if verdict is not None:
            return verdict
        refusals.append(checks[-1])
    furthest = max(refusals, key=lambda c: CHANNEL_GATES.index(c.gate))  # max keeps the first
    if furthest.gate == "caps" and case.campaign.message.caps == "defer":
        return _wait_for_slot(case, [c for c in refusals if c.gate == "caps"], tuple(checks))
    return Verdict("withheld", tuple(checks), furthest.reason)


def _on_channel(case: _Case, channel: str, checks: list[Check]) -> Verdict | None:
    """Ask the gates of one channel; None when the next channel should be tried."""
    address = _address(case, channel)
    for gate in (_reachable, _suppression, _consent):
        check = gate(case, channel, address)
        checks.append(check)
        if not check.ok:
            return None
    check = _quiet(case, channel)
    checks.append(check)
    if not check.ok:
        return _wait_or_withhold(case, check, tuple(checks))
    label = (_label,) if case.rendered[channel].location else ()
    for late_gate in (*label, _render, _caps):
        check = late_gate(case, channel)
        checks.append(check)
        if check.reason == "content_stale":
            retry_at_ms = case.now_ms + STALE_RETRY_MS
            return Verdict("deferred", tuple(checks), "content_stale", retry_at_ms=retry_at_ms)
        if not check.ok:
            return None
    slot = _slot(case, channel) if case.is_marketing else None
    return Verdict(
        "send",
        tuple(checks),
        purpose=case.template.purpose,
        channel=channel,
        address=address,
        slot=slot,
    )


# ---- gates of the message ------------------------------------------------------------------


def _live(case: _Case) -> Check:
    until_ms = case.campaign.run_until_ms
    over = until_ms is not None and case.now_ms >= until_ms
    ok = not over and not case.facts.campaign_archived
    return Check("live", ok, reason="" if ok else "campaign_ended", inputs={"until_ms": until_ms})


def _emergency_stop(case: _Case) -> Check:
    ok = not (case.facts.emergency_stop and case.is_marketing)
    return Check("emergency_stop", ok, reason="" if ok else "emergency_stop")


def _age(case: _Case) -> Check:
    message = case.facts.message
    ok = case.now_ms < message.expires_at_ms
    inputs = {
        "age_ms": case.now_ms - message.cause.at_ms,
        "max_age_ms": message.expires_at_ms - message.cause.at_ms,
    }
    return Check("age", ok, reason="" if ok else "too_old", inputs=inputs)


def _holdout(case: _Case) -> Check:
    person_id, seed = case.facts.person.person_id, case.plan.seed
    shares = {
        "workspace": (case.plan.workspace_holdout, chance(seed, "holdout", person_id)),
        "campaign": (
            case.campaign.holdout,
            chance(seed, "holdout", case.campaign.campaign_id, person_id),
        ),
    }
    held_by = [k for k, (share, drawn) in shares.items() if case.is_marketing and drawn < share]
    inputs = {
        "held_by": held_by,
        "workspace": case.plan.workspace_holdout,
        "campaign": case.campaign.holdout,
    }
    return Check("holdout", not held_by, reason="holdout" if held_by else "", inputs=inputs)


def _goal(case: _Case) -> Check:
    # By when things happened, not by when we heard of them: a goal reached offline counts too.
    goal, since_ms = case.campaign.goal, case.facts.message.cause.at_ms
    if goal is None:
        return Check("goal", ok=True)
    person = case.facts.person
    summary = person.summaries.get(goal.event)
    times_ms = [e.at_ms for e in person.recent if e.name == goal.event]
    if summary is not None:
        times_ms += [summary.first_ms, summary.last_ms]
    reached = any(since_ms < t <= since_ms + goal.within_ms for t in times_ms)
    inputs = {
        "event": goal.event,
        "last_ms": max(times_ms, default=None),
        "since_ms": since_ms,
        "within_ms": goal.within_ms,
    }
    return Check("goal", not reached, reason="goal_reached" if reached else "", inputs=inputs)


def _while(case: _Case) -> Check:
    rule = case.campaign.message.while_
    if rule is None:
        return Check("while", ok=True)
    facts = case.facts
    looked_at = rule_facts(case.plan, facts.person, facts.message.cause, case.now_ms)
    answer = rule.evaluate(looked_at)
    inputs = {"operands": operands_of(answer)}
    return Check(
        "while", answer.ok, reason="" if answer.ok else "no_longer_relevant", inputs=inputs
    )


# ---- gates of a channel --------------------------------------------------------------------


def _address(case: _Case, channel: str) -> AddressRow | None:
    """Choose the newest address of a channel that may be used; one that may not for want of any."""
    addresses = [a for a in case.facts.addresses if a.channel == channel]
    for address in addresses if len(addresses) > 1 else ():
        passes = (_suppression(case, channel, address), _consent(case, channel, address))
        if all(check.ok for check in passes):
            return address
    return addresses[0] if addresses else None


def _reachable(case: _Case, channel: str, address: AddressRow | None) -> Check:
    if channel not in case.rendered:
        return Check("reachable", ok=False, channel=channel, reason="channel_off")
    ok = address is not None
    return Check("reachable", ok, channel, reason="" if ok else "no_address")


def _suppression(_case: _Case, channel: str, address: AddressRow | None) -> Check:
    why = address.suppressed if address else ""
    inputs = {"listed_for": why} if why else {}
    return Check("suppression", not why, channel, reason="suppressed" if why else "", inputs=inputs)


def _consent(case: _Case, channel: str, address: AddressRow | None) -> Check:
    purposes: list[str] = [case.template.purpose]
    if case.is_marketing and case.facts.message.cause.kind == "transition":
        purposes.append("location_marketing")
    ref = address.ref if address else consent.ANY
    answers = []
    for purpose in purposes:
        answer = consent.allows(case.facts.consents, case.plan.policy, purpose, channel, ref)
        answers.append(answer)
        if not answer.allowed:
            break
    last = answers[-1]
    inputs = {
        "asked": purposes[: len(answers)],
        "purpose": last.purpose,
        "value": last.value,
        "said_for": last.said_for,
        "policy": last.policy,
    }
    ok = last.allowed
    return Check("consent", ok, channel, reason="" if ok else "consent", inputs=inputs)


def _timing(case: _Case, channel: str) -> Timing:
    names = {rule.lifted_by for rule in case.plan.policy.quiet_hours} - {""}
    lifts = frozenset(name for name in names if _may(case, name, channel))
    return timing.timing_of(
        case.plan, case.facts, case.campaign, channel=channel, zones=case.zones, lifts=lifts
    )


def _may(case: _Case, purpose: str, channel: str) -> bool:
    address = _address(case, channel)
    ref = address.ref if address else consent.ANY
    return consent.allows(case.facts.consents, case.plan.policy, purpose, channel, ref).allowed


def _next(case: _Case, channel: str, found: Timing) -> Answer:
    """Find the next instant for the message, slots included where it waits for them."""
    limits = found.limits
    if case.is_marketing and case.campaign.message.caps == "defer":
        wanted = _slot(case, channel)
        limits += (timing.cap_limit(case.plan, case.facts, wanted, case.now_ms),)
    return timing.solve_for(case.facts.message, limits, case.now_ms)


def _quiet(case: _Case, channel: str) -> Check:
    found = _timing(case, channel)
    inputs: dict[str, Any] = {"own_hours": "unread"} if found.unread else {}
    if not found.limits and not found.needs_zone:
        inputs["exempt"] = True
        return Check("quiet_hours", ok=True, channel=channel, inputs=inputs)
    inputs |= {"zones": list(case.zones.names), "zone_source": case.zones.source}
    if found.needs_zone:
        rules = case.plan.policy.quiet_hours
        inputs["hold"] = any(rule.on_zone_unknown == "hold" for rule in rules)
        return Check("quiet_hours", ok=False, channel=channel, reason="zone_unknown", inputs=inputs)
    answer = timing.solve_for(case.facts.message, found.limits, case.now_ms)
    if answer.is_open:
        inputs |= timing.told(answer)
        return Check("quiet_hours", ok=True, channel=channel, inputs=inputs)
    inputs |= timing.told(_next(case, channel, found))
    reason = "place_closed" if answer.closed == (timing.OPENING,) else "quiet_hours"
    return Check("quiet_hours", ok=False, channel=channel, reason=reason, inputs=inputs)


def _wait_or_withhold(case: _Case, check: Check, checks: tuple[Check, ...]) -> Verdict:
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


def _wait_for_slot(case: _Case, refusals: list[Check], checks: tuple[Check, ...]) -> Verdict:
    """Defer to the channel whose slot comes first; they are all full."""
    first = min(refusals, key=lambda c: c.inputs["next_ms"] or FOREVER_MS)
    return _defer(case, first, checks)


def _defer(case: _Case, check: Check, checks: tuple[Check, ...]) -> Verdict:
    """Defer to the next instant, unless there is none or the message ends before."""
    answer = _next(case, check.channel, _timing(case, check.channel))
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


def _label(case: _Case, channel: str) -> Check:
    rendered, purpose = case.rendered[channel], case.template.purpose
    ok, inputs = labelled(rendered, purpose, case.plan.policy, lambda p: _may(case, p, channel))
    return Check("label", ok, channel, reason="" if ok else "label", inputs=inputs)


def _render(case: _Case, channel: str) -> Check:
    rendered = case.rendered[channel]
    template = f"{case.template.template_id} v{case.template.version}"
    inputs: dict[str, Any] = {"template": template, **rendered.told}
    gone = [each for each in rendered.relied_on if not _may(case, each, channel)]
    if gone or rendered.reason:
        inputs |= {"withdrawn": gone} if gone else {"member": rendered.member}
    reason = "content_stale" if gone else rendered.reason
    return Check("render", not reason, channel, reason=reason, inputs=inputs)


def _caps(case: _Case, channel: str) -> Check:
    if not case.is_marketing:
        return Check("caps", ok=True, channel=channel, inputs={"exempt": True})
    wanted, slots = _slot(case, channel), case.facts.slots
    answers = caps.check(case.plan.caps, slots, wanted, wanted.zone, case.now_ms)
    inputs: dict[str, Any] = {"rules": [timing.told_cap(answer) for answer in answers]}
    last = answers[-1].last if answers else None
    if last is None:
        return Check("caps", ok=True, channel=channel, inputs=inputs)
    limit = timing.cap_limit(case.plan, case.facts, wanted, case.now_ms)
    limits = (*_timing(case, channel).limits, limit)
    inputs |= timing.told(timing.solve_for(case.facts.message, limits, case.now_ms))
    both_due = last.reserved_at_ms >= case.facts.due_ms
    gave_way = both_due and caps.outranks(last, wanted)
    reason = "lower_priority" if gave_way else "frequency_cap"
    return Check("caps", ok=False, channel=channel, reason=reason, inputs=inputs)


# ---- shared --------------------------------------------------------------------------------


def _slot(case: _Case, channel: str) -> caps.Slot:
    message, zones = case.facts.message, case.zones
    is_one = zones.is_known or len(zones.names) == 1  # of a country's many none is the person's
    return caps.Slot(
        slot_id=message.message_id,
        group_id=message.group_id,
        person_id=message.person_id,
        channel=channel,
        purpose=case.template.purpose,
        campaign_id=message.campaign_id,
        tags=tuple(sorted(case.campaign.tags)),
        reserved_at_ms=caps.reserved_now_ms(case.facts.slots, case.now_ms),
        zone=zones.names[0] if is_one else "",
        brand=case.campaign.brand,
        fence_id=message.cause.fence_id,
        priority=message.priority,
        cause_at_ms=message.cause.at_ms,
    )


def _phone(facts: ClaimFacts) -> str:
    """Give the person's newest number, for the country of its prefix alone."""
    rows = (a for a in facts.addresses if a.channel == "sms")
    return next((str(a.raw.get("address", "")) for a in rows), "")
