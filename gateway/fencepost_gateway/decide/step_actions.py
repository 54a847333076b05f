"""
Step actions: what each step of a journey does.

Pure apart from the person and the run it is handed. One function a step; ``walk`` asks them in turn
and keeps the records.

Rule 1. A message step wants its messages and goes on; where an author has a way for an outcome the
        run waits for it.
Rule 2. A wait that is over before it begins (a reaction known, a condition false, a moment that is
        past) is gone through at once.
Rule 3. The first true branch is taken, from the top; with none true and no ``otherwise`` the run
        ends ``no_branch``.
Rule 4. A draw depends on seed, journey, step and person, and is remembered with the person: other
        weights move only who comes later. A random one depends on the run.
Rule 5. A limit counts persons: who went through once goes through again.
Rule 6. A look-up waits for its answer, and so does a webhook whose author has a way for ``error``;
        any other goes on at once. A source that is not there, or whose address has a place that
        nothing is known of, is an error at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct, structs

from fencepost_gateway.decide.awaited import by_time, reacted_ms
from fencepost_gateway.decide.calls import (
    Call,
    CallKind,
    Reply,
    call_id_of,
    fills_of,
    followed,
    told,
)
from fencepost_gateway.decide.cause import operands_of
from fencepost_gateway.decide.experiment import arm_in, expose, pick
from fencepost_gateway.decide.ids import chance, derive
from fencepost_gateway.decide.looked import Looked, has_room
from fencepost_gateway.decide.rule_facts import PERSON_MEMBERS
from fencepost_gateway.decide.run import Run, Standing
from fencepost_gateway.decide.scene import Scene
from fencepost_gateway.decide.steps import (
    BranchStep,
    Flow,
    GoalStep,
    JumpStep,
    LimitStep,
    LookUpStep,
    MessageStep,
    SplitStep,
    StageStep,
    Step,
    UpdateStep,
    WaitStep,
    WebhookStep,
)
from fencepost_gateway.decide.waits import NO_DATE, due_ms
from fencepost_gateway.decide.wanted import want

OUTCOMES: Final = ("sent", "withheld", "failed", "unknown")
THROUGH: Final = ""  # the draw of who went through a limit


class Taken(Struct, frozen=True):
    """What a step came to: the way it goes on, or that the run waits there, or ends."""

    way: str = ""
    waits: bool = False
    ends: str = ""
    inputs: dict[str, Any] = {}
    message_ids: tuple[str, ...] = ()


class Stop(Struct, frozen=True):
    """A run at a step of its journey."""

    flow: Flow
    run: Run
    at: Standing
    step: Step


def take(scene: Scene, stop: Stop) -> Taken:
    """Let a run take the step at which it stands."""
    return _ACTIONS[type(stop.step.does)](scene, stop, stop.step.does)


def _message(scene: Scene, stop: Stop, does: MessageStep) -> Taken:
    at, run, step_id = stop.at, stop.run, stop.step.step_id
    expose(scene.plan, does.part, scene.person)
    time = at.counts[step_id] = at.counts.get(step_id, 0) + 1
    cause = structs.replace(at.cause, at_ms=at.since_ms)  # a message is as old as its step
    ids = want(
        scene, does.part, run.run_id, cause, step_id=step_id, time=time, began_ms=at.began_ms
    )
    at.sent[step_id] = list(ids)
    run.open += len(ids)
    waits = any(name.partition(".")[0] in OUTCOMES for name in stop.step.then)
    at.pending = len(ids) if waits else 0
    return Taken(waits=waits, message_ids=ids)


def _wait(scene: Scene, stop: Stop, does: WaitStep) -> Taken:
    at = stop.at
    due = due_ms(scene.plan, scene.person, stop.run, at, does, scene.now_ms)
    if due == NO_DATE:
        return Taken(NO_DATE, inputs={"path": ".".join(does.date.path)} if does.date else {})
    at.due_ms = due if isinstance(due, int) else None
    found = look_back(scene, stop, does)
    if found:
        return found
    if does.while_ is not None:
        answer = does.while_.evaluate(scene.facts(at.cause, at))
        if not answer.ok:
            return Taken("broken", inputs={"operands": operands_of(answer)})
    return Taken(waits=True)


def look_back(scene: Scene, stop: Stop, does: WaitStep) -> Taken | None:
    """Go on by a reaction that is known already, the earliest of them; None: there is none."""
    at = stop.at
    known = [
        (found_ms, number, each.name)
        for number, each in enumerate(does.awaited)
        if (found_ms := reacted_ms(scene.person, at, each)) is not None and found_ms <= at.wakes_ms
    ]
    if not known:
        return None
    found_ms, _, name = min(known)
    at.since_ms = max(at.since_ms, min(found_ms, scene.now_ms))
    at.cause = by_time(at.cause, "reaction", name, at.since_ms)
    return Taken(name, inputs={"reacted_ms": found_ms})


def _branch(scene: Scene, stop: Stop, does: BranchStep) -> Taken:
    operands: list[dict[str, Any]] = []
    facts = scene.facts(stop.at.cause, stop.at)
    for number, case in enumerate(does.cases, 1):
        answer = case.when.evaluate(facts)
        operands += [{"case": number, **each} for each in operands_of(answer)]
        if answer.ok:
            return Taken(str(number), inputs={"operands": operands})
    if does.otherwise is None:
        return Taken(ends="no_branch", inputs={"operands": operands})
    return Taken("otherwise", inputs={"operands": operands})


def _split(scene: Scene, stop: Stop, does: SplitStep) -> Taken:
    campaign_id, person = stop.flow.head.campaign_id, scene.person
    if does.experiment_id:
        experiment = scene.plan.experiments.get(does.experiment_id)
        if experiment is None:
            return Taken(inputs={"experiment": does.experiment_id})
        arm = person.arms[does.experiment_id] = arm_in(experiment, scene.plan.seed, person)
        return Taken(arm, inputs={"experiment": does.experiment_id})
    parts = ("split", campaign_id, stop.step.step_id)
    if does.is_random:
        time = stop.at.counts[stop.step.step_id] = stop.at.counts.get(stop.step.step_id, 0) + 1
        drawn = chance(scene.plan.seed, *parts, stop.run.run_id, str(time))
        return Taken(pick(does.weights, drawn))
    name = f"{campaign_id}/{stop.step.step_id}"
    known = person.drawn.get(name, "")
    if known not in dict(does.weights):
        known = pick(does.weights, chance(scene.plan.seed, *parts, person.person_id))
        person.drawn[name] = known
    return Taken(known)


def _limit(scene: Scene, stop: Stop, does: LimitStep) -> Taken:
    name = f"{stop.flow.head.campaign_id}/{stop.step.step_id}"
    if name in scene.person.drawn:
        return Taken(inputs={"limit": does.to, "again": True})
    campaign_id, what = stop.flow.head.campaign_id, f"step {stop.step.step_id}"
    used = scene.census.count(campaign_id, what)
    if used >= does.to:
        return Taken("full", inputs={"limit": does.to, "used": used})
    scene.census.add(campaign_id, what, 1)
    scene.person.drawn[name] = THROUGH
    return Taken(inputs={"limit": does.to, "used": used + 1})


def _update(scene: Scene, stop: Stop, does: UpdateStep) -> Taken:
    roots = _roots(scene, stop.at)
    values: dict[str, Any] = dict(does.set)
    values |= {name: followed(roots, path) for name, path in does.copied}
    values |= dict.fromkeys(does.unset)
    scene.person.set_attributes(values)
    scene.walked.topics += [f"attribute {name}" for name in values]
    return Taken(inputs={"attributes": sorted(values)})


def _look_up(scene: Scene, stop: Stop, does: LookUpStep) -> Taken:
    if does.source_id:
        return _call(scene, stop, does.source_id, "look_up")
    inputs: dict[str, Any] = {"table": does.table_id}
    key = followed(_roots(scene, stop.at), does.key)
    row = scene.plan.tables.get(does.table_id, {}).get(str(key))
    if row is None or not has_room(stop.at.values, does.as_, row):
        return Taken("missing", inputs=inputs if row is None else inputs | {"failure": "too_large"})
    stop.at.values[does.as_] = Looked(row, does.table_id, scene.now_ms)
    return Taken(inputs=inputs)


def _webhook(scene: Scene, stop: Stop, does: WebhookStep) -> Taken:
    return _call(scene, stop, does.source_id, "webhook")


def _call(scene: Scene, stop: Stop, source_id: str, kind: CallKind) -> Taken:
    """Ask for a call (Rule 6)."""
    step_id, inputs = stop.step.step_id, {"source": source_id}
    source = scene.plan.sources.get(source_id)
    if source is None:
        return Taken("error", inputs=inputs | {"failure": "no_source"})
    fills = fills_of(source.url, _roots(scene, stop.at))
    if isinstance(fills, str):
        return Taken("error", inputs=inputs | {"failure": "missing", "path": fills})
    time = stop.at.counts[step_id] = stop.at.counts.get(step_id, 0) + 1
    waits = kind == "look_up" or "error" in stop.step.then
    call = Call(
        call_id=call_id_of(scene.workspace, stop.run.run_id, step_id, time),
        run_id=stop.run.run_id,
        person_id=scene.person.person_id,
        campaign_id=stop.flow.head.campaign_id,
        step_id=step_id,
        source_id=source_id,
        kind=kind,
        asked_ms=scene.now_ms,
        fills=fills,
        waits=waits,
    )
    if kind == "webhook":
        is_test = scene.person.user_id in scene.plan.testers
        body = told(scene.person, stop.at, call, stop.run.version, is_test=is_test)
        call = structs.replace(call, body=body)
    scene.walked.calls.append(call)
    return Taken(waits=waits, inputs=inputs)


def answer_of(scene: Scene, stop: Stop, reply: Reply) -> Taken:
    """Take what was answered to the call that a run waits for (Rule 6)."""
    inputs: dict[str, Any] = {"source": reply.source_id}
    inputs |= {"status": reply.status} if reply.status else {}
    inputs |= {} if reply.recorded_ms is None else {"recorded_ms": reply.recorded_ms}
    failure, name = reply.failure, getattr(stop.step.does, "as_", "")
    if not failure and name and not has_room(stop.at.values, name, reply.value):
        failure = "too_large"
    if failure:
        return Taken("error", inputs=inputs | {"failure": failure})
    if name:
        stop.at.values[name] = Looked(reply.value, reply.source_id, reply.at_ms)
        age_s = max(0, scene.now_ms - reply.at_ms) // 1_000
        inputs |= {"value": reply.value, "age_s": age_s}
    return Taken(inputs=inputs)


def _roots(scene: Scene, at: Standing) -> dict[str, Any]:
    """Lay out what paths of a step may begin with."""
    person = scene.person
    own = {name: getattr(person, name) or None for name in PERSON_MEMBERS}
    return {
        "person": own | person.attributes,
        "event": at.cause.props,
        "value": {name: held.value for name, held in at.values.items()},
    }


def _goal(scene: Scene, stop: Stop, does: GoalStep) -> Taken:  # noqa: ARG001 - as the others
    return Taken(inputs={"goal": True})


def _stage(scene: Scene, stop: Stop, does: StageStep) -> Taken:  # noqa: ARG001 - as the others
    stop.at.stage = does.name
    return Taken()


def _jump(scene: Scene, stop: Stop, does: JumpStep) -> Taken:
    at, stimulus_id = stop.at, derive(stop.run.run_id, "jump", stop.step.step_id)
    jump = by_time(at.cause, "jump", does.campaign_id, at.since_ms)
    deeper = structs.replace(jump, stimulus_id=stimulus_id, jumps=jump.jumps + 1)
    scene.walked.jumps.append(deeper)
    return Taken(ends="jumped", inputs={"to": does.campaign_id})


_ACTIONS: Final[Mapping[type, Callable[..., Taken]]] = {
    MessageStep: _message,
    WaitStep: _wait,
    BranchStep: _branch,
    SplitStep: _split,
    LimitStep: _limit,
    UpdateStep: _update,
    LookUpStep: _look_up,
    WebhookStep: _webhook,
    GoalStep: _goal,
    StageStep: _stage,
    JumpStep: _jump,
}
