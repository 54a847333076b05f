"""
Journey stage: what a log record does to the runs of one person.

No I/O; a part of the fold (``group``). How a run goes is decided by ``decide.walk``, who enters by
``decide.enter``; this lends them the scene and notes what came of it.

Rule 1. What happens moves the runs that live before it starts new ones.
Rule 2. What is on trial follows each move (``trial_stage``).
Rule 3. The row of a run (``RunRow``) says where it stands, for reports and for the versions that
        somebody is still on; the run itself is in the person's row. What went by is counted
        (``journey_tally``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec import structs

from fencepost_gateway.decide import scoring, walk
from fencepost_gateway.decide.enter import enter
from fencepost_gateway.decide.ids import derive
from fencepost_gateway.decide.run import campaign_of
from fencepost_gateway.decide.scene import Scene, Walked
from fencepost_gateway.ports import RunRow
from fencepost_gateway.workers import click_tally
from fencepost_gateway.workers.trial_stage import TrialStage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fencepost_gateway.decide.calls import Reply
    from fencepost_gateway.decide.person import Person
    from fencepost_gateway.decide.run import Run
    from fencepost_gateway.decide.stimulus import Cause
    from fencepost_gateway.intake.records import Outcome, TrialTold
    from fencepost_gateway.workers.click_tally import Stood
    from fencepost_gateway.workers.fold import Fold
    from fencepost_gateway.workers.trial_stage import Move


def is_under_way(person: Person) -> bool:
    """Say whether somebody is on a journey, of a trial perhaps."""
    if person.twin is not None and person.twin.is_under_way:
        return True
    return any(run.at is not None for run in person.runs.values())


def later(cause: Cause, ahead_ms: int) -> Cause:
    """Give what happened as it is by a clock that is ahead."""
    return structs.replace(cause, at_ms=cause.at_ms + ahead_ms) if ahead_ms else cause


class JourneyStage:
    """Moves the runs of persons, and starts them."""

    def __init__(self, fold: Fold) -> None:
        self._fold = fold
        self._trials = TrialStage(fold)

    def take(self, person: Person, cause: Cause) -> Walked:
        """Take something that happened (Rule 1)."""

        def both(scene: Scene, ahead_ms: int) -> None:
            then = later(cause, ahead_ms)
            walk.happened(scene, then)
            enter(scene, then)

        return self._on(person, both, cause)

    def hears(self, person: Person, cause: Cause) -> Walked:
        """Take something that only runs wait for."""
        return self._on(person, lambda scene, ahead: walk.happened(scene, later(cause, ahead)))

    def rang(self, person: Person) -> Walked:
        """Let time run up to now for a person's runs."""
        return self._on(person, lambda scene, _ahead: walk.rang(scene))

    def heard(self, person: Person) -> Walked:
        """Look for what runs wait for among what is known of a person's messages."""
        return self._on(person, lambda scene, _ahead: walk.heard(scene))

    def settled(self, person: Person, outcome: Outcome) -> Walked:
        """Take what became of a message."""

        def both(scene: Scene, _ahead: int) -> None:
            told = outcome.run_id, outcome.message_id, outcome.state, outcome.reason
            walk.settled(scene, *told)
            walk.heard(scene)

        return self._on(person, both)

    def answered(self, person: Person, reply: Reply) -> Walked:
        """Take the answer to a call."""
        return self._on(person, lambda scene, _ahead: walk.answered(scene, reply))

    def retime(self, person: Person) -> Walked:
        """Let waits follow who the person is: their clock, and conditions."""
        return self._on(person, lambda scene, _ahead: walk.retime(scene))

    def merged(self, person: Person, before: dict[str, Run]) -> Walked:
        """End the runs that gave way when two persons became one."""
        return self._on(
            person, lambda scene, _ahead: walk.gave_way(scene, before), is_followed=False
        )

    def listens(self, person: Person, name: str) -> bool:
        """Say whether an app event may matter: most of what apps report wakes nobody."""
        is_awaited = name in self._fold.plan.on_event or is_under_way(person)
        return is_awaited or self._trials.listens(person, name)

    def told(self, person: Person, told: TrialTold) -> None:
        """Take what became of a message on trial."""
        self._trials.told(person, told)

    def did(self, person: Person, name: str, at_ms: int, value: object) -> None:
        """Look whether an app event is what somebody was to do."""
        self._fold.journeys.scored(scoring.did(person, name, at_ms, value))

    def joined(self, person: Person) -> None:
        """Make one of what is watched of two persons who are one."""
        is_tester = self._fold.is_tester(person)
        self._fold.journeys.scored(scoring.joined(person, is_tester=is_tester))

    def _on(
        self, person: Person, move: Move, cause: Cause | None = None, *, is_followed: bool = True
    ) -> Walked:
        fold = self._fold
        scene = Scene(fold.plan, fold.workspace, person, fold.states.census, fold.now_ms)
        before = click_tally.stood(person)
        move(scene, 0)
        walked = scene.walked
        for step in walked.records:
            subject = step.run_id or derive(cause.stimulus_id if cause else "", step.campaign_id)
            fold.record(person, "step", subject, msgspec.to_builtins(step))
        fold.effects.messages += walked.messages
        fold.effects.calls += walked.calls
        if walked.records or walked.moved:
            fold.touch(person)
        if not fold.is_tester(person):
            fold.journeys.walked(fold.plan, walked, fold.now_ms)
            self._count(person, walked, before)
        for key, run in walked.moved.values():
            self._note(person, key, run)
        if is_followed:  # whose runs gave way is the live ones' business
            self._trials.follow(person, move, cause)
        return walked

    def _count(self, person: Person, walked: Walked, before: Mapping[str, Stood]) -> None:
        """Count what shows where people get stuck."""
        fold, days = self._fold, self._fold.journeys.days
        click_tally.count_left(days, walked, before, fold.now_ms)
        for message in click_tally.go_on(fold.plan, person, walked, before):
            click_tally.count_gone_on(days, message, fold.now_ms)
            fold.touch(person)

    def _note(self, person: Person, key: str, run: Run) -> None:
        at = run.at
        self._fold.effects.runs[run.run_id] = RunRow(
            run_id=run.run_id,
            person_id=person.person_id,
            campaign_id=campaign_of(key),
            version=run.version,
            step_id=at.step_id if at else run.left_at,
            since_ms=at.since_ms if at else self._fold.now_ms,
            due_ms=at.wakes_ms if at else None,
            entered_ms=run.entered_ms,
            ended_ms=run.ended_ms,
            outcome=run.outcome,
            is_test=self._fold.is_tester(person),
            is_held=at is not None and at.is_held,
            stage=at.stage if at else "",
        )
