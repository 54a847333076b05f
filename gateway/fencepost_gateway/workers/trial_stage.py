"""
Trial stage: what is on trial does with a person, beside what is live.

No I/O; a part of the fold (``group``), right behind the journey stage. Who enters and how runs go
is decided by the same ``enter`` and ``walk``, on the person's ghost (``decide.twin``).

Rule 1. Nothing of it is among the effects of the live gateway: its messages and records have tables
        of their own, it writes no run, begins no call, and changes nothing of the person but the
        twin.
Rule 2. No other system is asked or told: a webhook counts as answered, a look-up takes the way of
        its error.
Rule 3. Where a person is on no trial and nothing on trial is woken, no ghost is made.
Rule 4. Limits are counted apart (``census``), by what is on trial alone; test persons never count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import structs

from fencepost_gateway.decide import walk
from fencepost_gateway.decide.calls import Call, Reply
from fencepost_gateway.decide.enter import enter, wakes
from fencepost_gateway.decide.ids import derive
from fencepost_gateway.decide.past import PastMessage, keep_message
from fencepost_gateway.decide.scene import Scene
from fencepost_gateway.decide.trial import scope_of
from fencepost_gateway.decide.twin import Twin, ghost_of, keep
from fencepost_gateway.ports import RecordRow
from fencepost_gateway.workers.heard import hear_outcome

if TYPE_CHECKING:
    from fencepost_gateway.decide.person import Person
    from fencepost_gateway.decide.stimulus import Cause
    from fencepost_gateway.decide.trial import Trial
    from fencepost_gateway.intake.records import TrialTold
    from fencepost_gateway.workers.fold import Fold

Move = Callable[[Scene, int], None]


class TrialStage:
    """Moves the runs of twins, and starts them."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold

    def listens(self, person: Person, name: str) -> bool:
        """Say whether an app event may matter to what is on trial."""
        trial = self._fold.plans.trial
        if trial is None or not trial.concerns(person):
            return False
        return name in trial.plan.on_event or (person.twin is not None and person.twin.is_under_way)

    def follow(self, person: Person, move: Move, cause: Cause | None = None) -> None:
        """Do with the person's ghost what was done with them (Rule 3)."""
        trial = self._trial_of(person)
        if trial is None:
            return
        is_under_way = person.twin is not None and person.twin.is_under_way
        if is_under_way or (cause is not None and wakes(trial.plan, cause)):
            self._on(trial, person, move, cause.stimulus_id if cause else "")

    def told(self, person: Person, told: TrialTold) -> None:
        """Take what would have become of a message, or how its test person reacts to it."""
        trial, twin = self._trial_of(person), person.twin
        if trial is None or twin is None or twin.number != told.number:
            return
        twin.ahead_ms = max(twin.ahead_ms, told.at_ms - self._fold.now_ms)
        outcome = told.outcome
        if outcome is None:
            reacted = PastMessage(
                "", delivery_id=told.delivery_id, first_ms={told.what: told.at_ms}
            )
            keep_message(twin.messages, reacted)
            body = {"state": told.what, "delivery_id": told.delivery_id}
            self._record(trial, person, "outcome", told.delivery_id, body, told.at_ms)
            self._on(trial, person, lambda scene, _ahead_ms: walk.heard(scene))
            return
        shell = ghost_of(person, twin)
        shell.messages, shell.runs = twin.messages, twin.runs
        hear_outcome(shell, outcome, trial.plan, told.at_ms)
        run = outcome.run_id, outcome.message_id, outcome.state, outcome.reason

        def settled(scene: Scene, _ahead_ms: int) -> None:
            walk.settled(scene, *run)
            walk.heard(scene)

        self._on(trial, person, settled)

    def _trial_of(self, person: Person) -> Trial | None:
        """Give what is on trial for a person; what was on trial before is forgotten."""
        trial, twin = self._fold.plans.trial, person.twin
        if twin is not None and (trial is None or twin.number != trial.number):
            person.twin = None
            self._fold.touch(person)
        return trial if trial is not None and trial.concerns(person) else None

    def _on(self, trial: Trial, person: Person, move: Move, stimulus_id: str = "") -> None:
        fold, now_ms = self._fold, self._fold.now_ms
        twin = person.twin = person.twin or Twin(trial.number)
        twin.leap(now_ms)
        ghost, census = ghost_of(person, twin), fold.states.trial_census
        census.know(ghost)
        workspace = scope_of(fold.workspace, trial.number)
        scene = Scene(trial.plan, workspace, ghost, census, now_ms + twin.ahead_ms)
        move(scene, twin.ahead_ms)
        _come_to_rest(scene)
        census.settle(ghost)
        census.forget(ghost.person_id)
        keep(twin, person, ghost)
        twin.wind(now_ms, trial.shorten_ms)
        fold.touch(person)
        for step in scene.walked.records:
            subject = step.run_id or derive(stimulus_id, step.campaign_id)
            self._record(trial, person, "step", subject, msgspec.to_builtins(step), scene.now_ms)
        fold.effects.trial_messages += [
            structs.replace(message, mark=trial.mode) for message in scene.walked.messages
        ]

    def _record(
        self,
        trial: Trial,
        person: Person,
        kind: Literal["step", "outcome"],
        subject: str,
        body: dict[str, Any],
        at_ms: int,
    ) -> None:
        body = body | {"trial": trial.mode}
        row = RecordRow(0, at_ms, person.person_id, kind, subject, body)
        self._fold.effects.trial_records.append(row)


def _come_to_rest(scene: Scene) -> None:
    """Follow jumps, answer calls (Rule 2) and look at waits anew, until nothing is left to do."""
    walked = scene.walked
    while walked.jumps or walked.calls or walked.topics:
        if walked.topics:
            walked.topics.clear()
            walk.retime(scene)
        elif walked.jumps:
            jump = walked.jumps.pop(0)
            walk.happened(scene, jump)
            enter(scene, jump)
        else:
            call = walked.calls.pop(0)
            walk.answered(scene, _unasked(call, scene.now_ms))


def _unasked(call: Call, now_ms: int) -> Reply:
    """Answer for a system that is not asked (Rule 2)."""
    return Reply(
        call_id=call.call_id,
        run_id=call.run_id,
        campaign_id=call.campaign_id,
        step_id=call.step_id,
        source_id=call.source_id,
        kind=call.kind,
        at_ms=now_ms,
        failure="on_trial" if call.kind == "look_up" else "",
    )
