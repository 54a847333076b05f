"""
Journey tally: what a group of log records adds to the counts of journeys.

No I/O. Counts only, by place (journey, step or stage, in a version) and the UTC day of the record's
append: no person and no property is in them.

Rule 1. Whoever comes to a step is counted there, and again as they leave it: by the way they took,
        or by how their run ended. So came = left + who stands there now, at every step.
Rule 2. Of a stage the same: who came into it, who went on to another, how runs ended in it.
Rule 3. Of a journey or campaign as such: who entered, who was kept out and why, how runs ended.
Rule 4. Test persons are left out.
Rule 5. What came of goals (``decide.scoring``) stands beside, on the day of the entry.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.decide.scene import Staged, Walked
from fencepost_gateway.decide.step_record import StepRecord
from fencepost_gateway.decide.watch import Scored
from fencepost_gateway.ports import JourneyPlace

DAY_MS: Final = 86_400_000
CAME: Final = "came"
WENT: Final = "went"  # on, by the way behind the colon
ENDED: Final = "ended"  # with the outcome behind the colon
KEPT_OUT: Final = "kept_out"  # for the reason behind the colon

JourneyDays = dict[tuple[int, JourneyPlace], dict[str, int]]


class JourneyTally:
    """Counts of one group."""

    def __init__(self) -> None:
        self.days: JourneyDays = {}

    def walked(self, plan: Plan, walked: Walked, now_ms: int) -> None:
        """Count what became of one person's runs."""
        day = now_ms // DAY_MS
        for step in walked.records:
            self._step(plan, step, day)
        for staged in walked.staged:
            self._stage(staged, day)
        self.scored(walked.scored)

    def scored(self, found: Iterable[Scored]) -> None:
        """Count what came of goals, on the days of their entries."""
        for each in found:
            place = JourneyPlace(each.campaign_id, each.version)
            self._add(each.day, place, each.what, each.count)

    def _step(self, plan: Plan, step: StepRecord, day: int) -> None:
        journey = JourneyPlace(step.campaign_id, step.campaign_version)
        if step.outcome == "not_entered":
            self._add(day, journey, f"{KEPT_OUT}:{step.reason}")
        elif step.outcome == "entered":
            self._add(day, journey, CAME)
            flow = plan.flows.get((step.campaign_id, step.campaign_version))
            if flow is not None:
                self._add(day, _at(step, flow.first), CAME)
        elif step.outcome == "took":
            self._add(day, _at(step, step.step_id), f"{WENT}:{step.way}")
            self._add(day, _at(step, step.to), CAME)
        elif step.outcome == "ended":
            ended = f"{ENDED}:{step.reason}"
            self._add(day, journey, ended)
            self._add(day, _at(step, step.step_id), ended)
            if step.stage:
                self._add(day, _in(step.campaign_id, step.campaign_version, step.stage), ended)

    def _stage(self, staged: Staged, day: int) -> None:
        if staged.before:
            self._add(day, _in(staged.campaign_id, staged.version, staged.before), f"{WENT}:")
        if staged.after:
            self._add(day, _in(staged.campaign_id, staged.version, staged.after), CAME)

    def _add(self, day: int, place: JourneyPlace, what: str, count: int = 1) -> None:
        counts = self.days.setdefault((day, place), {})
        counts[what] = counts.get(what, 0) + count


def _at(step: StepRecord, step_id: str) -> JourneyPlace:
    return JourneyPlace(step.campaign_id, step.campaign_version, step_id=step_id)


def _in(campaign_id: str, version: int, stage: str) -> JourneyPlace:
    return JourneyPlace(campaign_id, version, stage=stage)
