"""
Walk: how a run goes along the steps of a journey.

Pure apart from the person it is handed, whose runs, arms and attributes are changed in place. The
same walk serves live traffic, replay and what-if: nothing here knows the time but by ``now_ms``.
What each step does is in ``step_actions``.

Rule 1. A run goes on, step by step, until it waits or ends; ``STEPS_MAX`` steps without a wait end
        it (``loop``), which ``check`` finds before.
Rule 2. Everything counts by its own time (event time), a timer by when it was due. What comes first
        moves the run: before something is looked at, time is let run up to it, though never beyond
        now. What happens at the very moment of a timeout comes before it. After a long sleep a run
        makes up for ``DUES_MAX`` moments at a time.
Rule 3. Whatever happens ends a run before it moves it: the goal, then the exit criteria in the
        order of the document; what happened before it began ends no run. Runs are taken in the
        order in which they were entered.
Rule 4. A reaction is looked for among what is known of the person's messages, so it does not matter
        whether it came before the wait, or before the outcome of the call.
Rule 5. A step leaves a record when it is done, and when it begins to wait.
Rule 6. A run that waits keeps what its event told, unless that is larger than ``PROPS_MAX_BYTES``:
        then only what is wanted at once can read it.
Rule 7. The version of the journey is that of the entry. A version, or a step, that is not there any
        more ends the run (``version_gone``).
Rule 8. A journey that was stopped, discarded or archived ends its runs, whatever touches them. One
        that is paused lets what they wait for come to its end, and ends them as ever, but takes no
        step: they stand before it (``is_held``) and take it when they are touched after the pause.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import structs

from fencepost_gateway.decide.awaited import by_time, is_awaited, reacted_ms, stands_on
from fencepost_gateway.decide.calls import Reply, call_id_of
from fencepost_gateway.decide.cause import operands_of
from fencepost_gateway.decide.control import STOPPED
from fencepost_gateway.decide.rules import Evaluation
from fencepost_gateway.decide.run import Run, Standing, campaign_of
from fencepost_gateway.decide.scene import Scene, Staged
from fencepost_gateway.decide.step_actions import Stop, Taken, answer_of, look_back, take
from fencepost_gateway.decide.step_record import StepOutcome, StepRecord
from fencepost_gateway.decide.steps import END, BranchStep, Flow, GoalStep, Step, WaitStep
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.decide.waits import due_ms

STEPS_MAX = 100
DUES_MAX = 1_000
PROPS_MAX_BYTES = 8_192  # of forty runs: a third of a mebibyte in their person's row
_packed = msgspec.msgpack.Encoder().encode
_FINISHED = Step(END, GoalStep())  # stands for the end, where a run waits for its messages


def begin(scene: Scene, flow: Flow, key: str, run: Run, cause: Cause) -> None:
    """Let a run that was entered just now take its first steps."""
    at_ms = min(cause.at_ms, scene.now_ms)
    run.open, run.version = 0, flow.head.version
    for name in [n for n in scene.person.drawn if n.partition("/")[0] not in scene.plan.campaigns]:
        del scene.person.drawn[name]
    run.at = Standing(
        step_id=flow.first,
        since_ms=at_ms,
        began_ms=at_ms,
        expires_ms=at_ms + flow.lifetime_ms,
        cause=cause,
    )
    _go(scene, key, run)


def happened(scene: Scene, cause: Cause) -> None:
    """Let something that happened end the person's runs, or move them on."""
    for key, run in _living(scene, upto_ms=min(cause.at_ms, scene.now_ms)):
        stop = _stop(scene, key, run)
        if stop is not None and not _is_over(scene, key, stop, cause):
            _offer(scene, key, stop, cause)


def rang(scene: Scene) -> None:
    """Let time run up to now."""
    for _ in _living(scene, upto_ms=scene.now_ms + 1):
        pass  # that was all


def heard(scene: Scene) -> None:
    """Look whether a run waits for a reaction that is known by now, or is ended by it (Rule 4)."""
    for key, run in _living(scene):
        stop = _stop(scene, key, run)
        if stop is None or _is_over_by_reaction(scene, key, stop):
            continue
        if not stop.at.is_held and isinstance(stop.step.does, WaitStep):
            found = look_back(scene, stop, stop.step.does)
            if found is not None:
                _pass(scene, key, stop, found)
                _go(scene, key, run)


def settled(scene: Scene, run_id: str, message_id: str, state: str, reason: str) -> None:
    """Take what became of a message of one of the runs."""
    for key, run in _living(scene, upto_ms=scene.now_ms):
        if run.run_id != run_id or run.at is None:
            continue
        run.open -= 1
        scene.walked.move(key, run)
        if run.at.step_id == END:
            _go(scene, key, run)  # perhaps it was the last one
            continue
        stop = _stop(scene, key, run)
        if stop is None or run.at.is_held:
            continue
        if message_id not in run.at.sent.get(run.at.step_id, ()):
            continue
        run.at.pending = 0 if state == "sent" else max(0, run.at.pending - 1)
        if run.at.pending:
            continue
        run.at.since_ms = scene.now_ms
        _pass(scene, key, stop, Taken(f"{state}.{reason}" if reason else state))
        _go(scene, key, run)


def answered(scene: Scene, reply: Reply) -> None:
    """Take the answer to the call of one of the runs, if that one still waits for it."""
    for key, run in _living(scene, upto_ms=scene.now_ms):
        if run.run_id != reply.run_id or run.at is None or run.at.step_id != reply.step_id:
            continue
        time = run.at.counts.get(reply.step_id, 0)
        if call_id_of(scene.workspace, run.run_id, reply.step_id, time) != reply.call_id:
            continue
        stop = _stop(scene, key, run)
        if stop is None or run.at.is_held:
            continue
        run.at.since_ms = scene.now_ms
        _pass(scene, key, stop, answer_of(scene, stop, reply))
        _go(scene, key, run)


def retime(scene: Scene) -> None:
    """Look anew at waits that hang on who the person is: by their clock, or by a condition."""
    for key, run in _living(scene):
        stop = _stop(scene, key, run)
        wait = stop.step.does if stop else None
        if stop is None or not isinstance(wait, WaitStep) or stop.at.wakes_ms <= scene.now_ms:
            continue  # what is over was over before this was learnt
        if stop.at.is_held:
            continue
        if wait.until or wait.date:
            due = due_ms(scene.plan, scene.person, run, stop.at, wait, scene.now_ms)
            if isinstance(due, int) and due != stop.at.due_ms:
                stop.at.due_ms = due
                scene.walked.move(key, run)
        if wait.while_ is not None:
            _break_off(scene, key, stop, wait.while_.evaluate(scene.facts(stop.at.cause)))


def gave_way(scene: Scene, runs: Mapping[str, Run]) -> None:
    """End the runs that are not the person's any more: two persons became one."""
    stay = {run.run_id for run in scene.person.runs.values()}
    for key, run in runs.items():
        if run.at is not None and run.run_id not in stay:
            _end(scene, key, run, "merged")


def _living(scene: Scene, upto_ms: int | None = None) -> Iterator[tuple[str, Run]]:
    """Give the runs that live, once time has run up to ``upto_ms`` for each (Rules 2 and 3)."""
    runs = scene.person.runs
    for _, key in sorted((run.entered_ms, key) for key, run in runs.items() if run.at):
        run = runs[key]
        _obey(scene, key, run)
        for _ in range(DUES_MAX):
            if upto_ms is None or run.at is None or run.at.wakes_ms >= upto_ms:
                break
            _due(scene, key, run)
        if run.at is not None:
            yield key, run


def _obey(scene: Scene, key: str, run: Run) -> None:
    """End a run, or let it go on, as the operators have it (Rule 8)."""
    campaign_id = campaign_of(key)
    control = scene.plan.controls.get(campaign_id)
    outcome = control.ended(run.entered_ms) if control else ""
    if campaign_id not in scene.plan.campaigns:
        outcome = STOPPED
    if outcome:
        _end(scene, key, run, outcome)
    elif run.at is not None and run.at.is_held and not _is_paused(scene, key):
        _go(scene, key, run)


def _is_paused(scene: Scene, key: str) -> bool:
    control = scene.plan.controls.get(campaign_of(key))
    return control is not None and bool(control.paused)


def _due(scene: Scene, key: str, run: Run) -> None:
    """Let what is due come due."""
    stop = _stop(scene, key, run)
    if stop is None:
        return
    at = stop.at
    if at.due_ms is None or at.due_ms >= at.expires_ms:
        _end(scene, key, run, "expired")
        return
    at.since_ms = at.due_ms
    at.cause = by_time(at.cause, "timer", "timer", at.due_ms)
    has_answers = isinstance(stop.step.does, WaitStep) and bool(stop.step.does.awaited)
    _pass(scene, key, stop, Taken("timeout" if has_answers else ""))
    _go(scene, key, run)


def _is_over(scene: Scene, key: str, stop: Stop, cause: Cause) -> bool:
    """Say whether what happened ends the run, and end it (Rule 3)."""
    at, goal = stop.at, stop.flow.head.goal
    if cause.at_ms < at.began_ms:
        return False
    if (
        goal is not None
        and (cause.kind, cause.name) == ("event", goal.event)
        and cause.at_ms <= at.began_ms + goal.within_ms
        and cause.stimulus_id != at.cause.stimulus_id
    ):
        _end(scene, key, stop.run, "goal_reached", {"event": goal.event})
        return True
    for number, each in enumerate(stop.flow.exit_on, 1):
        found = is_awaited(each, at, cause, scene.facts(cause, at))
        if found is not None:
            inputs = {"exit_on": number, "what": cause.name, **found}
            _end(scene, key, stop.run, "exited", inputs)
            return True
    return False


def _is_over_by_reaction(scene: Scene, key: str, stop: Stop) -> bool:
    """Say whether a reaction that is known ends the run, and end it (Rule 3)."""
    for number, each in enumerate(stop.flow.exit_on, 1):
        found_ms = reacted_ms(scene.person, stop.at, each)
        if found_ms is not None and found_ms <= stop.at.wakes_ms:
            inputs = {"exit_on": number, "what": each.name, "reacted_ms": found_ms}
            _end(scene, key, stop.run, "exited", inputs)
            return True
    return False


def _offer(scene: Scene, key: str, stop: Stop, cause: Cause) -> None:
    """Let the wait at which a run stands look at what happened."""
    at, wait = stop.at, stop.step.does
    if at.is_held or not isinstance(wait, WaitStep) or cause.at_ms < at.since_ms:
        return
    facts = scene.facts(cause, at)
    for each in wait.awaited:
        found = is_awaited(each, at, cause, facts)
        if found is not None:
            at.since_ms = min(cause.at_ms, scene.now_ms)
            at.cause = stands_on(at.cause, cause)
            _pass(scene, key, stop, Taken(each.name, inputs=found))
            _go(scene, key, stop.run)
            return
    if wait.while_ is not None:
        _break_off(scene, key, stop, wait.while_.evaluate(facts), cause.at_ms)


def _break_off(
    scene: Scene, key: str, stop: Stop, answer: Evaluation, at_ms: int | None = None
) -> None:
    """Leave a wait whose condition is false by now."""
    if answer.ok:
        return
    stop.at.since_ms = scene.now_ms if at_ms is None else min(at_ms, scene.now_ms)
    _pass(scene, key, stop, Taken("broken", inputs={"operands": operands_of(answer)}))
    _go(scene, key, stop.run)


def _go(scene: Scene, key: str, run: Run) -> None:
    """Go on from where a run stands until it waits or ends (Rule 1)."""
    scene.walked.move(key, run)
    for _ in range(STEPS_MAX):
        if run.at is None:
            return
        if run.at.step_id == END:
            if run.open <= 0:
                _end(scene, key, run, "completed")
            return
        stop = _stop(scene, key, run)
        if stop is None or not _goes_on(scene, key, stop):
            return
    _end(scene, key, run, "loop")


def _goes_on(scene: Scene, key: str, stop: Stop) -> bool:
    """Take the step that a run stands before; False: it stays there, or has ended."""
    run, at = stop.run, stop.at
    at.due_ms, at.pending = None, 0
    at.is_held = _is_paused(scene, key)
    if at.is_held:
        at.cause = _kept(at.cause)
        return False
    if stop.step.stage and stop.step.stage != at.stage:
        staged = Staged(campaign_of(key), run.version, at.stage, stop.step.stage)
        scene.walked.staged.append(staged)
        at.stage = stop.step.stage
    taken = take(scene, stop)
    if taken.ends:
        _end(scene, key, run, taken.ends, taken.inputs)
        return False
    if taken.waits and isinstance(stop.step.does, WaitStep) and at.since_ms >= at.expires_ms:
        _end(scene, key, run, "expired")  # it came here by what counts at its very end
        return False
    if taken.waits and (at.due_ms is None or at.due_ms > at.since_ms):
        _note(scene, key, stop, "waits", taken)
        at.cause = _kept(at.cause)
        return False
    _pass(scene, key, stop, taken)
    return True


def _kept(cause: Cause) -> Cause:
    """Give a cause as a waiting run keeps it (Rule 6)."""
    is_small = not cause.props or len(_packed(cause.props)) <= PROPS_MAX_BYTES
    return cause if is_small else structs.replace(cause, props={})


def _pass(scene: Scene, key: str, stop: Stop, taken: Taken) -> None:
    """Leave a step by a way, with a record."""
    _note(scene, key, stop, "took", taken)
    stop.at.step_id, stop.at.due_ms, stop.at.pending = _to(stop, taken.way), None, 0


def _to(stop: Stop, way: str) -> str:
    does = stop.step.does
    if isinstance(does, BranchStep):
        return does.cases[int(way) - 1].to if way != "otherwise" else does.otherwise or END
    return stop.step.way(way)


def _end(
    scene: Scene, key: str, run: Run, outcome: str, inputs: dict[str, Any] | None = None
) -> None:
    at = run.at
    if at is None:
        return
    more = {"reason": outcome, "inputs": inputs or {}}
    scene.walked.records.append(_record(scene, key, run, at, "ended", **more))
    scene.walked.move(key, run)
    run.end(outcome, scene.now_ms)


def _note(scene: Scene, key: str, stop: Stop, outcome: StepOutcome, taken: Taken) -> None:
    more: dict[str, Any] = {
        "inputs": taken.inputs,
        "message_ids": taken.message_ids,
        "way": taken.way,
    }
    more |= {"due_ms": stop.at.due_ms} if outcome == "waits" else {"to": _to(stop, taken.way)}
    scene.walked.records.append(_record(scene, key, stop.run, stop.at, outcome, **more))


def _record(
    scene: Scene, key: str, run: Run, at: Standing, outcome: StepOutcome, **more: Any
) -> StepRecord:
    return StepRecord(
        campaign_id=campaign_of(key),
        campaign_version=run.version,
        outcome=outcome,
        run_id=run.run_id,
        cause=at.cause.name,
        at_ms=scene.now_ms,
        step_id=at.step_id,
        stage=at.stage,
        **more,
    )


def _stop(scene: Scene, key: str, run: Run) -> Stop | None:
    """Give where a run stands; one whose version or step is gone ends (Rule 7)."""
    at = run.at
    if at is None:
        return None
    flow = scene.plan.flows.get((campaign_of(key), run.version))
    if flow is None:
        _end(scene, key, run, "version_gone")
        return None
    step = flow.steps.get(at.step_id, _FINISHED if at.step_id == END else None)
    if step is None:
        _end(scene, key, run, "version_gone")
        return None
    return Stop(flow, run, at, step)
