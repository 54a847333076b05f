"""
Enter: which campaigns a stimulus starts for a person, and the messages that come of it.

Pure apart from the person it is handed, whose run marks it updates in place. This decides what
*wants* to be sent; whether it may go is the claim's business (``claim.py``).

Rule 1. The wake index is asked first; a stimulus that wakes nothing looks at no campaign.
Rule 2. A campaign that was woken leaves a step record: entered, or the first thing that kept the
        person out (run dates, opening hours of the fence, condition with its operands,
        re-entry rule, limits).
Rule 3. Never two live runs of one person in one campaign, except where it says ``always``.
Rule 4. Ids come from the cause: the same stimulus again makes the same run and message, and what
        is told anew (taken back and true after all) lets nobody in a second time.
Rule 5. Entering is the first exposure to the campaign's experiment: the arm is remembered.
Rule 6. ``RUNS_MAX`` marks are kept, and those of all live campaigns: beyond, the oldest ones go, of
        campaigns that are published no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct, field, structs

from fencepost_gateway.decide.cause import Cause, operands_of, rule_facts
from fencepost_gateway.decide.census import Census
from fencepost_gateway.decide.experiment import expose
from fencepost_gateway.decide.ids import derive
from fencepost_gateway.decide.message import Message
from fencepost_gateway.decide.person import Person, RunMark
from fencepost_gateway.decide.plan import (
    AudienceEntry,
    Campaign,
    Entry,
    EventEntry,
    ExternalEntry,
    Plan,
    ScheduleEntry,
    TransitionEntry,
)
from fencepost_gateway.decide.rules import Evaluation, RuleFacts

RUNS_MAX = 500
MAX_AGE_TRANSITION_MS = 15 * 60_000
MAX_AGE_EVENT_MS = 24 * 3_600_000


class Step(Struct, frozen=True):
    """What became of one campaign that a stimulus woke."""

    campaign_id: str
    campaign_version: int
    outcome: str  # "entered" or "not_entered"
    reason: str = ""
    run_id: str = ""
    message_ids: tuple[str, ...] = ()
    cause: str = ""
    fence_id: str = ""
    audience_id: str = ""
    by: str = ""  # external, schedule or api: whose name the cause is
    at_ms: int = 0
    inputs: dict[str, Any] = field(default_factory=dict)


class Entered(Struct, frozen=True):
    """The step record of one woken campaign and the messages it wants."""

    step: Step
    messages: tuple[Message, ...] = ()


def enter(
    plan: Plan,
    workspace: str,
    person: Person,
    cause: Cause,
    now_ms: int,
    census: Census | None = None,
) -> list[Entered]:
    """
    Start every campaign that ``cause`` wakes for ``person`` and that lets the person in.

    Args:
        plan: The published documents in force.
        workspace: Workspace id, part of every id made here.
        person: Whose stimulus it is; run marks are updated in place.
        cause: The stimulus.
        now_ms: The append time of the stimulus' log record.
        census: How many entered and are in each campaign; None: nobody, for once.

    """
    counts = census or Census({})
    return [
        _enter(plan, workspace, campaign, person, cause, now_ms, counts)
        for campaign in _woken(plan, cause)
    ]


def _woken(plan: Plan, cause: Cause) -> Iterator[Campaign]:
    found: Iterable[Campaign]
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
        if any(_opens(entry, cause) for entry in campaign.entries):
            yield campaign


def _opens(entry: Entry, cause: Cause) -> bool:
    """Say whether this entry is meant; its ``where`` rule is asked later, with a record."""
    if isinstance(entry, EventEntry):
        return cause.kind == "event" and entry.name == cause.name
    if isinstance(entry, AudienceEntry):
        return (
            cause.kind == "audience"
            and entry.audience_id == cause.audience_id
            and (entry.existing if cause.name == "member" else entry.on == cause.name)
        )
    if isinstance(entry, TransitionEntry):
        return _opens_by_place(entry, cause)
    if isinstance(entry, ExternalEntry):
        return cause.kind == "external" and entry.name == cause.name
    return cause.kind == ("schedule" if isinstance(entry, ScheduleEntry) else "api")


def _opens_by_place(entry: TransitionEntry, cause: Cause) -> bool:
    return (
        cause.kind == "transition"
        and entry.kind == cause.name
        and cause.fence_id in entry.fence_ids
        and (entry.after_ms is None or entry.after_ms == cause.after_ms)
        and (entry.initial or not cause.initial)
        and (entry.opened or not cause.opened)
    )


def _wants_inactive(entry: Entry, cause: Cause) -> bool:
    return isinstance(entry, TransitionEntry) and entry.inactive and _opens(entry, cause)


def _enter(  # noqa: PLR0913, PLR0917 - what enter is given, and the campaign
    plan: Plan,
    workspace: str,
    campaign: Campaign,
    person: Person,
    cause: Cause,
    now_ms: int,
    census: Census,
) -> Entered:
    run_id = derive("run", workspace, campaign.campaign_id, cause.stimulus_id)
    again = _repeat(person.runs.get(campaign.campaign_id), run_id)
    reason, inputs = again or _objection(plan, campaign, person, cause, now_ms)
    is_tester = person.user_id in plan.testers
    if not reason and not is_tester:
        reason, more = census.objection(campaign, plan.workspace_zone, now_ms)
        inputs = inputs | more
    messages: tuple[Message, ...] = ()
    if not reason:
        expose(plan, campaign, person)
        messages = tuple(_messages(campaign, workspace, run_id, person, cause, now_ms))
        if is_tester:
            messages = tuple(structs.replace(m, mark="test") for m in messages)
        else:
            census.entered(campaign, plan.workspace_zone, now_ms)
        person.runs[campaign.campaign_id] = RunMark(run_id, now_ms, len(messages))
        census.settle(person)
        _bound_runs(plan, person)
    step = Step(
        campaign_id=campaign.campaign_id,
        campaign_version=campaign.version,
        outcome="not_entered" if reason else "entered",
        reason=reason,
        run_id="" if reason else run_id,
        message_ids=tuple(m.message_id for m in messages),
        cause=cause.name,
        fence_id=cause.fence_id,
        audience_id=cause.audience_id,
        by=cause.kind if cause.kind in {"external", "schedule", "api"} else "",
        at_ms=now_ms,
        inputs=inputs | _late(cause),
    )
    return Entered(step, messages)


def _bound_runs(plan: Plan, person: Person) -> None:
    over = len(person.runs) - RUNS_MAX
    if over > 0:
        gone = [(m.entered_ms, c) for c, m in person.runs.items() if c not in plan.campaigns]
        for _, campaign_id in sorted(gone)[:over]:
            del person.runs[campaign_id]


def _late(cause: Cause) -> dict[str, Any]:
    """Say of a schedule when it was due, and how many times before were missed."""
    if cause.kind != "schedule":
        return {}
    return {"due_ms": cause.at_ms, **cause.props}


def _repeat(mark: RunMark | None, run_id: str) -> tuple[str, dict[str, Any]] | None:
    """Say whether the person is in by this very stimulus (Rule 4)."""
    if mark is None or mark.run_id != run_id:
        return None
    return "repeated", {"entered_ms": mark.entered_ms}


def _objection(
    plan: Plan, campaign: Campaign, person: Person, cause: Cause, now_ms: int
) -> tuple[str, dict[str, Any]]:
    """Give the first thing that keeps the person out, and what was looked at."""
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
    reason, inputs = _reentry(campaign, person.runs.get(campaign.campaign_id), now_ms)
    return reason, {**inputs, **looked_at}


def _where(campaign: Campaign, cause: Cause, facts: RuleFacts) -> tuple[bool, list[Evaluation]]:
    """Ask the entries that are meant; the first whose ``where`` holds, or is not there, will do."""
    answers: list[Evaluation] = []
    for entry in campaign.entries:
        if not _opens(entry, cause):
            continue
        where = entry.where if isinstance(entry, EventEntry | ExternalEntry) else None
        if where is None:
            return True, answers
        answers.append(where.evaluate(facts))
        if answers[-1].ok:
            return True, answers
    return False, answers


def _reentry(campaign: Campaign, mark: RunMark | None, now_ms: int) -> tuple[str, dict[str, Any]]:
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


def _messages(
    campaign: Campaign, workspace: str, run_id: str, person: Person, cause: Cause, now_ms: int
) -> Iterator[Message]:
    wish = campaign.message
    by_default = MAX_AGE_TRANSITION_MS if cause.kind == "transition" else MAX_AGE_EVENT_MS
    max_age_ms = by_default if wish.max_age_ms is None else wish.max_age_ms
    group_id = derive("message", workspace, run_id, "message", "1")
    lanes = [(c,) for c in wish.channels] if wish.each else [wish.channels]
    for lane in lanes:
        yield Message(
            message_id=derive(group_id, lane[0]) if wish.each else group_id,
            group_id=group_id,
            run_id=run_id,
            campaign_id=campaign.campaign_id,
            campaign_version=campaign.version,
            person_id=person.person_id,
            channels=lane,
            cause=cause,
            entered_ms=now_ms,
            expires_at_ms=cause.at_ms + max_age_ms,
            priority=wish.priority,
        )
