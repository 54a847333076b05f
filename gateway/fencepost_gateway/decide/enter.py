"""
Enter: which campaigns a stimulus starts for a person, and the messages that come of it.

Pure apart from the person it is handed, whose run marks it updates in place. This decides what
*wants* to be sent; whether it may go is the claim's business (``claim.py``).

Rule 1. The wake index is asked first; a stimulus that wakes nothing looks at no campaign.
Rule 2. A campaign that was woken leaves a step record: entered, or the first thing that kept the
        person out (an operator, run dates, opening hours of the fence, condition with its operands,
        re-entry rule, limits).
Rule 3. Never two live runs of one person in one campaign, except where it says ``always``.
Rule 4. Ids come from the cause: the same stimulus again makes the same run and message, and what
        is told anew (taken back and true after all) lets nobody in a second time.
Rule 5. A journey's run takes its first steps at once (``walk``). Jumps from journey to journey end
        at the ``JUMPS_MAX``-th, and nobody is in more journeys at once than the workspace says
        (``Plan.living``).
Rule 6. Entering is the first exposure to the campaign's experiment: the arm is remembered.
Rule 7. ``RUNS_MAX`` marks are kept, and those of all live campaigns: beyond, the oldest ones go, of
        campaigns that are published no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import structs

from fencepost_gateway.decide import scoring
from fencepost_gateway.decide.cause import operands_of, rule_facts
from fencepost_gateway.decide.entries import opens, where_of
from fencepost_gateway.decide.experiment import expose
from fencepost_gateway.decide.ids import derive
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Campaign, Entry, Plan, TransitionEntry
from fencepost_gateway.decide.rules import Evaluation, RuleFacts
from fencepost_gateway.decide.run import Run
from fencepost_gateway.decide.scene import Scene
from fencepost_gateway.decide.step_record import StepRecord
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.decide.walk import begin
from fencepost_gateway.decide.wanted import want

RUNS_MAX = 500
JUMPS_MAX = 50
INSTANCE_MAX = 64


def enter(scene: Scene, cause: Cause) -> None:
    """
    Start every campaign that ``cause`` wakes for a person and that lets them in.

    What comes of it is found in ``scene.walked``; a journey's first steps are taken at once.
    """
    for campaign in _woken(scene.plan, cause):
        _enter(scene, campaign, cause)


def wakes(plan: Plan, cause: Cause) -> bool:
    """Say whether something that happened wakes any campaign."""
    return next(_woken(plan, cause), None) is not None


def _woken(plan: Plan, cause: Cause) -> Iterator[Campaign]:
    found: Iterable[Campaign]
    if cause.kind == "jump":
        meant = plan.campaigns.get(cause.name)
        yield from (meant,) if meant and meant.is_journey else ()
        return
    if cause.campaign_id:
        addressed = plan.campaigns.get(cause.campaign_id)
        found = () if addressed is None else (addressed,)
    elif cause.kind == "event":
        found = plan.on_event.get(cause.name, ())
    elif cause.kind == "audience":
        found = plan.on_audience.get((cause.audience_id, cause.name), ())
    elif cause.kind == "transition":
        found = plan.on_transition.get((cause.name, cause.fence_id), ())
    else:
        found = ()  # what is told to many comes addressed (``broadcasts``)
    for campaign in found:
        if any(opens(entry, cause) for entry in campaign.entries):
            yield campaign


def _wants_inactive(entry: Entry, cause: Cause) -> bool:
    return isinstance(entry, TransitionEntry) and entry.inactive and opens(entry, cause)


def _enter(scene: Scene, campaign: Campaign, cause: Cause) -> None:
    person, now_ms = scene.person, scene.now_ms
    run_id = derive("run", scene.workspace, campaign.campaign_id, cause.stimulus_id)
    key = _key(scene.plan, campaign, cause)
    known = person.runs.get(key)
    again = _repeat(person.run(run_id))
    reason, inputs = again or _objection(scene.plan, campaign, key, person, cause, now_ms)
    is_counted = person.user_id not in scene.plan.testers
    if not reason and is_counted:
        reason, more = scene.census.objection(campaign, scene.plan.workspace_zone, now_ms)
        inputs = inputs | more
    step = StepRecord(
        campaign_id=campaign.campaign_id,
        campaign_version=campaign.version,
        outcome="not_entered" if reason else "entered",
        reason=reason,
        run_id="" if reason else run_id,
        cause=cause.name,
        fence_id=cause.fence_id,
        audience_id=cause.audience_id,
        by=cause.kind if cause.kind in {"external", "schedule", "api"} else "",
        at_ms=now_ms,
        inputs=inputs | _late(cause),
    )
    if reason:
        scene.walked.records.append(step)
        return
    if is_counted:
        scene.census.entered(campaign, scene.plan.workspace_zone, now_ms)
        scene.walked.scored += scoring.begin(scene.plan, campaign, person, cause, now_ms)
    run = Run(run_id, now_ms)
    if known is not None and known.at is not None:  # it lives on beside the new one
        person.runs[f"{key}#{known.run_id}"] = known
    person.runs[key] = run
    scene.census.settle(person)
    _bound_runs(scene.plan, person)
    if campaign.is_journey:
        scene.walked.records.append(step)  # before those of its first steps
        begin(scene, scene.plan.flows[campaign.campaign_id, campaign.version], key, run, cause)
        return
    expose(scene.plan, campaign, person)
    message_ids = want(scene, campaign, run_id, cause)
    run.open = len(message_ids)
    scene.walked.records.append(structs.replace(step, message_ids=message_ids))


def _key(plan: Plan, campaign: Campaign, cause: Cause) -> str:
    """Name the run among the person's: by campaign, and by instance where there are several."""
    flow = plan.flows.get((campaign.campaign_id, campaign.version))
    value = cause.props.get(flow.instance) if flow and flow.instance else None
    return campaign.campaign_id + ("" if value is None else f"#{value}"[:INSTANCE_MAX])


def _bound_runs(plan: Plan, person: Person) -> None:
    """Forget runs that ended, of campaigns that are gone or beside the newest, beyond the bound."""
    over = len(person.runs) - RUNS_MAX
    if over > 0:
        gone = [
            (run.entered_ms, key)
            for key, run in person.runs.items()
            if run.at is None and key not in plan.campaigns
        ]
        for _, key in sorted(gone)[:over]:
            del person.runs[key]


def _room(plan: Plan, person: Person, cause: Cause) -> tuple[str, dict[str, Any]]:
    """Say whether one more run may live: a row is bounded, and so are circles of jumps."""
    if cause.jumps > JUMPS_MAX:
        return "jump_loop", {"jumps": cause.jumps}
    living = sum(run.at is not None for run in person.runs.values())
    if living >= plan.living:
        return "runs_full", {"runs": living}
    return "", {}


def _late(cause: Cause) -> dict[str, Any]:
    """Say of a schedule when it was due, and how many times before were missed."""
    if cause.kind != "schedule":
        return {}
    return {"due_ms": cause.at_ms, **cause.props}


def _repeat(known: Run | None) -> tuple[str, dict[str, Any]] | None:
    """Say whether the person is in by this very stimulus (Rule 4)."""
    if known is None:
        return None
    return "repeated", {"entered_ms": known.entered_ms}


def _objection(
    plan: Plan, campaign: Campaign, key: str, person: Person, cause: Cause, now_ms: int
) -> tuple[str, dict[str, Any]]:
    """Give the first thing that keeps the person out, and what was looked at."""
    control = plan.controls.get(campaign.campaign_id)
    if control is not None and control.bars:
        return control.bars, {}
    from_ms, until_ms = campaign.run_from_ms, campaign.run_until_ms
    if (from_ms is not None and now_ms < from_ms) or (until_ms is not None and now_ms >= until_ms):
        return "outside_run", {"from_ms": from_ms, "until_ms": until_ms}
    if cause.inactive and not any(_wants_inactive(entry, cause) for entry in campaign.entries):
        view = plan.fences.get(cause.fence_id)
        opening = view.opening if view else None
        return "fence_inactive", {"hours": opening.text, "zone": opening.zone} if opening else {}
    facts = rule_facts(plan, person, cause, now_ms)
    is_met, answers = _where(campaign, cause, facts)
    if is_met and campaign.when is not None:
        answers.append(campaign.when.evaluate(facts))
        is_met = answers[-1].ok
    operands = [operand for answer in answers for operand in operands_of(answer)]
    looked_at = {"operands": operands} if operands else {}
    if not is_met:
        return "condition_false", looked_at
    reason, inputs = _reentry(campaign, person.runs.get(key), now_ms)
    if not reason and campaign.is_journey:
        reason, inputs = _room(plan, person, cause)
    return reason, {**inputs, **looked_at}


def _where(campaign: Campaign, cause: Cause, facts: RuleFacts) -> tuple[bool, list[Evaluation]]:
    """Ask the entries that are meant; the first whose ``where`` holds, or is not there, will do."""
    answers: list[Evaluation] = []
    if cause.kind == "jump":  # by no entry at all
        return True, answers
    for entry in campaign.entries:
        if not opens(entry, cause):
            continue
        where = where_of(entry)
        if where is None:
            return True, answers
        answers.append(where.evaluate(facts))
        if answers[-1].ok:
            return True, answers
    return False, answers


def _reentry(campaign: Campaign, mark: Run | None, now_ms: int) -> tuple[str, dict[str, Any]]:
    rule = campaign.reentry
    if mark is None or rule.mode == "always":
        return "", {}
    if rule.mode == "never":
        return "reentry_never", {"entered_ms": mark.entered_ms}
    if mark.ended_ms is None:
        return "reentry_running", {"run_id": mark.run_id, "entered_ms": mark.entered_ms}
    opens_ms = mark.entered_ms + rule.after_ms
    if rule.mode == "after" and now_ms < opens_ms:
        return "reentry_wait", {"entered_ms": mark.entered_ms, "opens_ms": opens_ms}
    return "", {}
