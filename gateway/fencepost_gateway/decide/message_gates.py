"""
Gates of the message: may it go at all, whatever the channel?

Pure. Each looks at the case and gives one check; ``claim`` asks them in the order of ``ORDER`` and
stops at the first that refuses.

Rule 1. Holdouts concern marketing alone, and never test persons, seeds and proofs.
Rule 2. A goal counts by when it was reached, not by when we heard of it.
Rule 3. A message that was entered before its campaign was stopped, or discarded, is over by the
        operator's word, read in the claim's own transaction; so a stop is obeyed before the
        pipeline hears of it. While a campaign is paused its messages are held.
Rule 4. Seeds and proofs were not caused by what their receiver did: goal and ``while`` ask about
        that, so they do not apply.
"""

from __future__ import annotations

from collections.abc import Callable

from fencepost_gateway.decide.case import Case
from fencepost_gateway.decide.cause import operands_of, rule_facts
from fencepost_gateway.decide.control import STOPPED
from fencepost_gateway.decide.holdout import held_by
from fencepost_gateway.decide.looked import values_of
from fencepost_gateway.decide.message import Check

LEFT_BY = {
    "exited": "run_left",
    "expired": "run_left",
    "goal_reached": "goal_reached",
    "stopped": "journey_stopped",
    "discarded": "journey_paused",
    "version_gone": "journey_stopped",
}
_NOT_CAUSED = ("seed", "proof")


def live(case: Case) -> Check:
    """Is the campaign published, and its run not over?"""
    until_ms = case.campaign.run_until_ms
    run_id = case.facts.message.run_id
    if run_id in case.facts.person.dropped:
        return Check("live", ok=False, reason="run_merged", inputs={"until_ms": until_ms})
    run = case.facts.person.run(run_id) if case.campaign.is_journey else None
    if run is not None and run.outcome in LEFT_BY:
        inputs = {"until_ms": until_ms, "run": run.outcome}
        return Check("live", ok=False, reason=LEFT_BY[run.outcome], inputs=inputs)
    control = case.facts.control
    ended = control.ended(case.facts.message.entered_ms) if control else ""
    if ended or (control is not None and control.is_stopped):
        inputs = {"until_ms": until_ms, "run": ended or STOPPED}
        return Check("live", ok=False, reason=LEFT_BY[ended or STOPPED], inputs=inputs)
    over = until_ms is not None and case.now_ms >= until_ms
    ok = not over and not case.facts.campaign_archived
    return Check("live", ok, reason="" if ok else "campaign_ended", inputs={"until_ms": until_ms})


def paused(case: Case) -> Check:
    """Is the campaign not paused (Rule 3)?"""
    control = case.facts.control
    mode = control.paused if control else ""
    return Check("paused", not mode, reason="journey_paused" if mode else "")


def emergency_stop(case: Case) -> Check:
    """Does the workspace let marketing go?"""
    ok = not (case.facts.emergency_stop and case.is_marketing)
    return Check("emergency_stop", ok, reason="" if ok else "emergency_stop")


def age(case: Case) -> Check:
    """Is it young enough to be worth sending?"""
    message = case.facts.message
    ok = case.now_ms < message.expires_at_ms
    inputs = {
        "age_ms": case.now_ms - message.cause.at_ms,
        "max_age_ms": message.expires_at_ms - message.cause.at_ms,
    }
    return Check("age", ok, reason="" if ok else "too_old", inputs=inputs)


def holdout(case: Case) -> Check:
    """Is the person kept without marketing, to measure what it does (Rule 1)?"""
    plan, person_id = case.plan, case.facts.person.person_id
    is_drawn = case.is_counted and case.facts.message.mark != "draft"
    held = held_by(plan, case.campaign, person_id) if is_drawn else []
    share = case.campaign.holdout
    inputs = {"held_by": held, "workspace": plan.workspace_holdout, "campaign": share}
    return Check("holdout", not held, reason="holdout" if held else "", inputs=inputs)


def goal(case: Case) -> Check:
    """Has the person not yet done what the campaign is for (Rule 2)?"""
    wanted, message = case.campaign.goal, case.facts.message
    since_ms = message.cause.at_ms if message.began_ms is None else message.began_ms
    if wanted is None or message.mark in _NOT_CAUSED:
        return Check("goal", ok=True)
    person = case.facts.person
    summary = person.summaries.get(wanted.event)
    times_ms = [e.at_ms for e in person.recent if e.name == wanted.event]
    if summary is not None:
        times_ms += [summary.first_ms, summary.last_ms]
    reached = any(since_ms < t <= since_ms + wanted.within_ms for t in times_ms)
    inputs = {
        "event": wanted.event,
        "last_ms": max(times_ms, default=None),
        "since_ms": since_ms,
        "within_ms": wanted.within_ms,
    }
    return Check("goal", not reached, reason="goal_reached" if reached else "", inputs=inputs)


def while_(case: Case) -> Check:
    """Does the condition of the message still hold?"""
    rule, facts = case.campaign.message.while_, case.facts
    if rule is None or facts.message.mark in _NOT_CAUSED:
        return Check("while", ok=True)
    person, message = facts.person, facts.message
    values = values_of(person, message.run_id)
    answer = rule.evaluate(rule_facts(case.plan, person, message.cause, case.now_ms, values))
    reason = "" if answer.ok else "no_longer_relevant"
    return Check("while", answer.ok, reason=reason, inputs={"operands": operands_of(answer)})


ORDER: tuple[Callable[[Case], Check], ...] = (
    live,
    paused,
    emergency_stop,
    age,
    holdout,
    goal,
    while_,
)
