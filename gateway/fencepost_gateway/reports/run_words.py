"""
Run words: where the journeys of a person stand, what they wait for, and how others ended.

Pure. What a run waits for is read off the step of the version that it was entered in; where that
version is gone, the place alone is said. Steps taken, with branches and why, are in the records.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from fencepost_gateway.decide.journey_words import ENDS
from fencepost_gateway.decide.phrases import KIND_NAMES
from fencepost_gateway.decide.plan import (
    AudienceEntry,
    EventEntry,
    ExternalEntry,
    Plan,
    TransitionEntry,
)
from fencepost_gateway.decide.run import Run, Standing, campaign_of
from fencepost_gateway.decide.steps import (
    END,
    Awaited,
    LookUpStep,
    MessageStep,
    Reaction,
    Step,
    WaitStep,
    WebhookStep,
)
from fencepost_gateway.decide.tongue import Said, Tongue

if TYPE_CHECKING:
    from fencepost_gateway.decide.person import Person

RUNS_MAX: Final = 50

RUNS: Final[dict[str, Said]] = {
    "stands": Said(
        "{journey}: the run that began at {began} stands at {step} since {since}.",
        "{journey}: {began}에 시작된 진행이 {since}부터 {step} 단계에 있습니다.",
    ),
    "ended": Said(
        "{journey}: the run that began at {began} ended at {ended}: {why}.",
        "{journey}: {began}에 시작된 진행이 {ended}에 끝났습니다. 이유: {why}.",
    ),
    "ended_at": Said(
        "{journey}: the run that began at {began} ended at {step} at {ended}: {why}.",
        "{journey}: {began}에 시작된 진행이 {ended}에 {step} 단계에서 끝났습니다. 이유: {why}.",
    ),
    "waits": Said("It waits until {due}.", "{due}까지 기다립니다."),
    "waits_for": Said("It waits for {what}.", "기다리는 것: {what}."),
    "waits_for_until": Said(
        "It waits for {what}, until {due} at the latest.",
        "기다리는 것: {what}. 늦어도 {due}까지 기다립니다.",
    ),
    "while": Said(
        "It waits only as long as the condition of the step holds.",
        "단계의 조건이 맞는 동안만 기다립니다.",
    ),
    "message": Said(
        "It waits for what becomes of its message ({count} under way).",
        "메시지의 결과를 기다립니다(진행 중 {count}건).",
    ),
    "call": Said("It waits for the answer of {source}.", "{source}의 응답을 기다립니다."),
    "finished": Said(
        "Its steps are done; it waits for what becomes of {count} of its messages.",
        "단계를 모두 마쳤고 메시지 {count}건의 결과를 기다립니다.",
    ),
    "expires": Said("Its lifetime ends at {expires}.", "최대 기간은 {expires}까지입니다."),
}
AWAITED: Final[dict[str, Said]] = {
    "event": Said("the event {name}", "{name} 이벤트"),
    "external": Said("the external event {name}", "외부 이벤트 {name}"),
    "join": Said("joining the audience {name}", "{name} 오디언스에 들어옴"),
    "leave": Said("leaving the audience {name}", "{name} 오디언스에서 나감"),
    "transition": Said("{kind} at {count} fences", "펜스 {count}곳의 {kind}"),
    "delivered": Said("delivery of {name}", "{name} 전달"),
    "displayed": Said("display of {name}", "{name} 표시"),
    "opened": Said("opening of {name}", "{name} 열기"),
    "clicked": Said("a click on {name}", "{name} 클릭"),
    "dismissed": Said("dismissal of {name}", "{name} 닫기"),
}


def told_runs(
    plan: Plan, person: Person | None, campaign_id: str, tongue: Tongue
) -> list[dict[str, Any]]:
    """
    Give the runs of a person in journeys, the newest first, with sentences.

    Args:
        plan: With the versions that runs are in.
        person: Whose; None: nobody's.
        campaign_id: Only of this journey; empty: of all.
        tongue: How to say it.

    """
    runs = person.runs.items() if person else ()
    found = [
        (run.entered_ms, key, run)
        for key, run in runs
        if run.version and campaign_id in {"", campaign_of(key)}
    ]
    newest = sorted(found, key=lambda one: one[:2], reverse=True)[:RUNS_MAX]
    return [_told(plan, key, run, tongue) for _, key, run in newest]


def _told(plan: Plan, key: str, run: Run, tongue: Tongue) -> dict[str, Any]:
    at, name = run.at, campaign_of(key)
    flow = plan.flows.get((name, run.version))
    step = flow.steps.get(at.step_id) if flow and at else None
    return {
        "run_id": run.run_id,
        "campaign_id": name,
        "campaign_version": run.version,
        "instance": key.partition("#")[2],
        "entered_ms": run.entered_ms,
        "ended_ms": run.ended_ms,
        "outcome": run.outcome,
        "step_id": at.step_id if at else run.left_at,
        "stage": at.stage if at else "",
        "since_ms": at.since_ms if at else None,
        "due_ms": at.due_ms if at else None,
        "expires_ms": at.expires_ms if at else None,
        "words": list(_words(f"{name} v{run.version}", run, step, tongue)),
    }


def _words(journey: str, run: Run, step: Step | None, tongue: Tongue) -> Iterator[str]:
    at, began = run.at, tongue.moment(run.entered_ms)
    if at is None:
        why = tongue.say(ENDS[run.outcome]) if run.outcome in ENDS else run.outcome
        which = "ended_at" if run.left_at and run.left_at != END else "ended"
        ended = tongue.moment(run.ended_ms)
        yield tongue.say(
            RUNS[which], journey=journey, began=began, ended=ended, step=run.left_at, why=why
        )
        return
    since = tongue.moment(at.since_ms)
    yield tongue.say(RUNS["stands"], journey=journey, began=began, step=at.step_id, since=since)
    yield from _awaits(at, run, step, tongue)
    yield tongue.say(RUNS["expires"], expires=tongue.moment(at.expires_ms))


def _awaits(at: Standing, run: Run, step: Step | None, tongue: Tongue) -> Iterator[str]:
    """Say what a run waits for where it stands."""
    does = step.does if step else None
    if at.step_id == END:
        yield tongue.say(RUNS["finished"], count=tongue.count(run.open))
    elif isinstance(does, WaitStep):
        what = ", ".join(_awaited(each, tongue) for each in does.awaited)
        due = tongue.moment(at.due_ms)
        if what and at.due_ms is None:
            yield tongue.say(RUNS["waits_for"], what=what)
        else:
            yield tongue.say(RUNS["waits_for_until" if what else "waits"], what=what, due=due)
        if does.while_ is not None:
            yield tongue.say(RUNS["while"])
    elif isinstance(does, MessageStep):
        yield tongue.say(RUNS["message"], count=tongue.count(at.pending))
    elif isinstance(does, LookUpStep | WebhookStep):
        yield tongue.say(RUNS["call"], source=does.source_id)


def _awaited(awaited: Awaited, tongue: Tongue) -> str:
    what = awaited.what
    if isinstance(what, Reaction):
        return tongue.say(AWAITED[what.what], name=what.step_id)
    if isinstance(what, EventEntry | ExternalEntry):
        kind = "event" if isinstance(what, EventEntry) else "external"
        return tongue.say(AWAITED[kind], name=what.name)
    if isinstance(what, AudienceEntry):
        return tongue.say(AWAITED[what.on], name=what.audience_id)
    if isinstance(what, TransitionEntry):
        kind = tongue.say(KIND_NAMES[what.kind]).upper()
        return tongue.say(AWAITED["transition"], kind=kind, count=len(what.fence_ids))
    return awaited.name
