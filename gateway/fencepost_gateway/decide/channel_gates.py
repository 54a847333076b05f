"""
Gates of a channel: may the message go this way, to this address?

Pure. Each looks at the case and at one ``Way`` and gives one check; ``claim`` asks them in order,
caps last because they reserve.

Rule 1. Of several addresses on a channel the newest is meant that a driver serves, and that is
        neither listed against nor denied.
Rule 2. The suppression list holds for every message, but for a probe (``bounces``). Where the
        workspace sends only to whom it has listed, everybody else is refused here too
        (``not_allow_listed``).
Rule 3. Quiet hours and caps concern marketing. A proof was asked for this very moment, so hours do
        not apply to it; test persons, seeds and proofs take no slot.
Rule 4. A lane is shut while its breaker is open or its provider asked for a pause, and full while
        it has as many calls as it takes. A full one is never passed by: it has room in a moment.
Rule 5. What is not marketing has no cap but one against loops (``safety``).
"""

from __future__ import annotations

from typing import Any

from fencepost_gateway.decide import bounces, confirm, permission, safety, timing
from fencepost_gateway.decide import caps as cap_rules
from fencepost_gateway.decide import consent as statements
from fencepost_gateway.decide import rendered as rendering
from fencepost_gateway.decide import spend as spending
from fencepost_gateway.decide.case import Case, Way
from fencepost_gateway.decide.inbox import is_left
from fencepost_gateway.decide.message import AddressRow, Check
from fencepost_gateway.decide.quiet_hours import policy_hours
from fencepost_gateway.decide.solver import Limit
from fencepost_gateway.decide.spend import SpendTerms
from fencepost_gateway.decide.timing import Timing

ORDER = (
    "reachable",
    "suppression",
    "consent",
    "quiet_hours",
    "label",
    "render",
    "lane",
    "spend",
    "caps",
    "untried",
)  # how far a refusal got; what a provider refused got furthest


def way_of(case: Case, channel: str) -> Way:
    """Choose the address that is meant on a channel (Rule 1); one that may not go for want."""
    addresses = [a for a in case.facts.addresses if a.channel == channel]
    for address in addresses if len(addresses) > 1 else ():
        way = Way(channel, address)
        if address.served and suppression(case, way).ok and consent(case, way).ok:
            return way
    return Way(channel, next((a for a in addresses if a.served), next(iter(addresses), None)))


def untried(case: Case, way: Way) -> Check:
    """Has no provider refused the message on this channel?"""
    reason = case.facts.refused.get(way.channel, "")
    return Check("untried", not reason, way.channel, reason=reason)


def lane(case: Case, way: Way) -> Check:
    """Does the lane take a call (Rule 4)? It is one that does not; ``passes``: try the next."""
    view, after_ms = case.lanes[way.channel], case.fallback_after_ms
    shut_ms = view.shut_ms
    passes = shut_ms is not None and after_ms is not None and shut_ms >= after_ms
    inputs = {"shut_ms": shut_ms, "fallback_after_ms": after_ms, "passes": passes}
    reason = "lane_full" if shut_ms is None else "lane_shut"
    return Check("lane", ok=False, channel=way.channel, reason=reason, inputs=inputs)


def reachable(case: Case, way: Way) -> Check:
    """Is there a driver, and an address?"""
    channel = way.channel
    inputs = {"preferred": True} if case.preferred == channel else {}
    if channel not in case.rendered or (way.address is not None and not way.address.served):
        return Check("reachable", ok=False, channel=channel, reason="channel_off", inputs=inputs)
    ok = way.address is not None
    return Check("reachable", ok, channel, reason="" if ok else "no_address", inputs=inputs)


def suppression(case: Case, way: Way) -> Check:
    """Is the address one that may be used at all (Rule 2)?"""
    reason, at, inputs = "", way.address, dict[str, Any]()
    allowed, user_id = case.plan.allow_only, case.facts.person.user_id
    if at and bounces.may_probe(at.suppressed, at.suppressed_ms, case.now_ms):
        inputs["probes"] = at.suppressed
    elif at and at.suppressed:
        reason = "suppressed"
        inputs["listed_for"] = at.suppressed
    if not reason and allowed is not None and not _is_allowed(at, user_id, allowed):
        reason = "not_allow_listed"
        inputs["allow_only"] = True
    return Check("suppression", not reason, way.channel, reason=reason, inputs=inputs)


def _is_allowed(address: AddressRow | None, user_id: str, listed: frozenset[str]) -> bool:
    return user_id in listed or (address is not None and address.allowed)


def consent(case: Case, way: Way) -> Check:
    """Has the person allowed it?"""
    law, facts, template = case.law, case.facts, case.template
    return permission.check(law, facts, template, channel=way.channel, address=way.address)


def _may(case: Case, way: Way, purpose: str) -> bool:
    ref = way.address.ref if way.address else statements.ANY
    entries, policies = case.facts.consents, case.law.policies
    return statements.allows_under(policies, entries, purpose, way.channel, ref).allowed


def timing_of(case: Case, way: Way) -> Timing:
    """Gather everything that has hours for this way; nothing has for a proof (Rule 3)."""
    if case.facts.message.mark == "proof":
        return Timing()
    policies, purpose = case.law.policies, case.template.purpose
    names = {rule.lifted_by for policy in policies for rule in policy.quiet_hours} - {""}
    lifts = frozenset(name for name in names if _may(case, way, name))
    return timing.timing_of(
        case.plan,
        case.facts,
        case.campaign,
        channel=way.channel,
        zones=case.zones,
        by_policy=policy_hours(policies, purpose, way.channel, lifts),
    )


def quiet_hours(case: Case, way: Way, found: Timing) -> Check:
    """Is it a time at which this may go?"""
    channel = way.channel
    inputs: dict[str, Any] = {"own_hours": "unread"} if found.unread else {}
    if not found.limits and not found.needs_zone:
        inputs["exempt"] = True
        return Check("quiet_hours", ok=True, channel=channel, inputs=inputs)
    inputs |= {"zones": list(case.zones.names), "zone_source": case.zones.source}
    inputs |= case.law.told()
    if found.needs_zone:
        inputs["hold"] = case.law.holds
        return Check("quiet_hours", ok=False, channel=channel, reason="zone_unknown", inputs=inputs)
    answer = timing.solve_for(case.facts.message, found.limits, case.now_ms)
    if answer.is_open:
        inputs |= timing.told(answer)
        return Check("quiet_hours", ok=True, channel=channel, inputs=inputs)
    limits = (*found.limits, *waits_for(case, channel))
    inputs |= timing.told(timing.solve_for(case.facts.message, limits, case.now_ms))
    reason = "place_closed" if answer.closed == (timing.OPENING,) else "quiet_hours"
    return Check("quiet_hours", ok=False, channel=channel, reason=reason, inputs=inputs)


def waits_for(case: Case, channel: str) -> tuple[Limit, ...]:
    """Give the slot among the limits, where the message waits for one."""
    if not case.is_counted or case.campaign.message.caps != "defer":
        return ()
    wanted = slot_of(case, channel)
    return (timing.cap_limit(case.plan, case.facts, wanted, case.now_ms),)


def label(case: Case, way: Way) -> Check:
    """May the content say where the person is, which it does?"""
    rendered, policies = case.rendered[way.channel], case.law.policies
    ok, inputs = rendering.labelled(
        rendered, case.template.purpose, policies, lambda purpose: _may(case, way, purpose)
    )
    return Check("label", ok, way.channel, reason="" if ok else "label", inputs=inputs)


def render(case: Case, way: Way) -> Check:
    """Could the content be made, and does what it relied on and hangs on still hold?"""
    rendered = case.rendered[way.channel]
    template = f"{case.template.template_id} v{case.template.version}"
    inputs: dict[str, Any] = {"template": template, **rendered.told}
    gone = [each for each in rendered.relied_on if not _may(case, way, each)]
    obeyed = rendering.obeyed(case.law.policies, case.template.purpose, way.channel)
    if obeyed:
        inputs["obeys"] = list(obeyed)
    if rendered.obeys != obeyed:
        return Check("render", ok=False, channel=way.channel, reason="content_stale", inputs=inputs)
    if gone or rendered.reason:
        inputs |= {"withdrawn": gone} if gone else {"member": rendered.member}
    reason = "content_stale" if gone else rendered.reason
    if not reason and is_left(rendered.hangs_on, case.facts.person):
        reason = "no_longer_relevant"
        inputs["left"] = rendered.hangs_on
    return Check("render", not reason, way.channel, reason=reason, inputs=inputs)


def costs(case: Case, way: Way) -> int:
    """Say what the message costs this way; 0: nothing, or nobody knows."""
    terms = case.plan.spend
    if terms is None or way.channel != "sms" or way.address is None:
        return 0
    number = str(way.address.raw.get("address", ""))
    return spending.cost_of(terms, number, case.rendered[way.channel].segments)


def spend(case: Case, way: Way) -> Check:
    """May the workspace still spend what it costs today?"""
    terms, cost, spent = case.plan.spend or SpendTerms(), costs(case, way), case.facts.spent
    segments = case.rendered[way.channel].segments
    inputs = spending.told(terms, cost, segments, spent, case.now_ms)
    ok = spending.fits(terms, cost, spent, case.now_ms)
    return Check("spend", ok, way.channel, reason="" if ok else "spend_cap", inputs=inputs)


def caps(case: Case, way: Way, found: Timing) -> Check:
    """Is there a slot under every frequency cap, or under the safety cap (Rule 5)?"""
    if case.is_guarded:
        return _safety(case, way.channel)
    channel = way.channel
    if not case.is_counted:
        return Check("caps", ok=True, channel=channel, inputs={"exempt": True})
    wanted, slots = slot_of(case, channel), case.facts.slots
    answers = cap_rules.check(case.plan.caps, slots, wanted, wanted.zone, case.now_ms)
    inputs: dict[str, Any] = {"rules": [timing.told_cap(answer) for answer in answers]}
    last = answers[-1].last if answers else None
    if last is None:
        return Check("caps", ok=True, channel=channel, inputs=inputs)
    limit = timing.cap_limit(case.plan, case.facts, wanted, case.now_ms)
    answer = timing.solve_for(case.facts.message, (*found.limits, limit), case.now_ms)
    inputs |= timing.told(answer)
    both_due = last.reserved_at_ms >= case.facts.due_ms
    gave_way = both_due and cap_rules.outranks(last, wanted)
    reason = "lower_priority" if gave_way else "frequency_cap"
    return Check("caps", ok=False, channel=channel, reason=reason, inputs=inputs)


def _safety(case: Case, channel: str) -> Check:
    answer = safety.ask(case.facts.slots, slot_of(case, channel), case.now_ms)
    inputs: dict[str, Any] = {"rules": [timing.told_cap(answer)]}
    reason = "" if answer.ok else "safety_cap"
    return Check("caps", answer.ok, channel, reason=reason, inputs=inputs)


def reserved(case: Case, way: Way) -> cap_rules.Slot | None:
    """Give the slot that a message which goes takes; None: it counts nowhere."""
    if case.template.confirms:
        slot = slot_of(case, way.channel)
        template, address = case.template, way.address
        return confirm.reserved(slot, case.facts, template, channel=way.channel, address=address)
    return slot_of(case, way.channel) if case.is_counted or case.is_guarded else None


def slot_of(case: Case, channel: str) -> cap_rules.Slot:
    """Give the slot that the message would take on a channel."""
    message, zones = case.facts.message, case.zones
    is_one = zones.is_known or len(zones.names) == 1  # of a country's many none is the person's
    return cap_rules.Slot(
        slot_id=message.message_id,
        group_id=message.group_id,
        person_id=message.person_id,
        channel=channel,
        purpose=case.template.purpose,
        campaign_id=message.campaign_id,
        tags=tuple(sorted(case.campaign.tags)),
        reserved_at_ms=cap_rules.reserved_now_ms(case.facts.slots, case.now_ms),
        zone=zones.names[0] if is_one else "",
        brand=case.campaign.brand,
        fence_id=message.cause.fence_id,
        priority=message.priority,
        cause_at_ms=message.cause.at_ms,
        template_id="" if case.is_marketing else case.template.template_id,
    )


FIRST = (reachable, suppression, consent)
