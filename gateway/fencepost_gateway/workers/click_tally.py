"""
Click tally: what is counted of messages and of waits, to show where people get stuck.

No I/O. Counts as ``journey_tally`` has them: by step and day, in the commit of the facts.

Rule 1. Of a message step: messages that were sent, those of them that were delivered, opened and
        clicked as far as anybody tells, and those after whose click the person went on; each
        message once.
Rule 2. Going on is doing what the journey waits for, or reaching its goal. Time moves nobody on in
        this sense, and a reaction to a message is none: whoever clicks has only begun.
Rule 3. Of whoever leaves a step it is counted how long they were there, by the first of
        ``BOUNDS_S`` that is not below.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from fencepost_gateway.decide.past import PastMessage
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.decide.scene import Walked
from fencepost_gateway.decide.step_record import StepRecord
from fencepost_gateway.decide.steps import Reaction, WaitStep
from fencepost_gateway.intake.records import Outcome
from fencepost_gateway.ports import JourneyPlace
from fencepost_gateway.workers.journey_tally import DAY_MS, JourneyDays

SENT: Final = "sent"
CLICKED: Final = "clicked"
COUNTED: Final = frozenset({"delivered", "opened", CLICKED})
WENT_ON: Final = "went_on"
STAYED: Final = "stayed"  # so many seconds at most, behind the colon
MINUTE_S: Final = 60
HOUR_S: Final = 3_600
DAY_S: Final = 86_400
BOUNDS_S: Final = (
    *(MINUTE_S, 5 * MINUTE_S, 15 * MINUTE_S),
    *(HOUR_S, 3 * HOUR_S, 12 * HOUR_S),
    *(days * DAY_S for days in (1, 2, 3, 7, 14, 30, 90, 400)),
)


Got = tuple[PastMessage | None, frozenset[str]]
"""A message, and what of ``COUNTED`` has become of it."""


class Stood(Struct, frozen=True):
    """Where a run stood before something happened, and the messages that it had wanted."""

    step_id: str
    since_ms: int
    sent: tuple[str, ...]


def stood(person: Person) -> dict[str, Stood]:
    """Say where the runs of a person stand."""
    return {
        run.run_id: Stood(
            run.at.step_id,
            run.at.since_ms,
            tuple(each for sent in run.at.sent.values() for each in sent),
        )
        for run in person.runs.values()
        if run.at is not None
    }


def got(person: Person, delivery_id: str) -> Got:
    """Give the message of a delivery, if it is known, and what is counted that became of it."""
    for each in person.messages:
        if each.delivery_id == delivery_id != "" and each.message_id:
            return each, COUNTED.intersection(each.first_ms)
    return None, frozenset()


def count_sent(days: JourneyDays, outcome: Outcome, now_ms: int) -> None:
    """Count a message that was sent."""
    if outcome.state == SENT:
        named = outcome.campaign_id, outcome.campaign_version, outcome.step_id
        _add(days, now_ms, JourneyPlace(*named), SENT)


def count_got(days: JourneyDays, before: Got, after: Got, now_ms: int) -> None:
    """Count what became of a message for the first time."""
    message, found = after
    if message is not None:
        for what in sorted(found - before[1]):
            _add(days, now_ms, _place_of(message), what)


def count_left(days: JourneyDays, walked: Walked, before: Mapping[str, Stood], now_ms: int) -> None:
    """Count how long runs had been at the steps that they left (Rule 3)."""
    left = set()
    for step in walked.records:
        at = before.get(step.run_id)
        is_left = step.outcome in {"took", "ended"} and step.run_id not in left
        if at is None or not is_left or at.step_id != step.step_id:
            continue
        left.add(step.run_id)
        place = JourneyPlace(step.campaign_id, step.campaign_version, step_id=step.step_id)
        _add(days, now_ms, place, f"{STAYED}:{_bound(now_ms - at.since_ms)}")


def go_on(
    plan: Plan, person: Person, walked: Walked, before: Mapping[str, Stood]
) -> Iterator[PastMessage]:
    """Mark, and give, the messages after whose click the person went on (Rule 2)."""
    for step in walked.records:
        at = before.get(step.run_id)
        if at is None or not at.sent or not _is_going_on(plan, step):
            continue
        for each in person.messages:
            if each.message_id in at.sent and CLICKED in each.first_ms and not each.went_on:
                each.went_on = True
                yield each


def count_gone_on(days: JourneyDays, message: PastMessage, now_ms: int) -> None:
    """Count a message after whose click the person went on."""
    _add(days, now_ms, _place_of(message), WENT_ON)


def _is_going_on(plan: Plan, step: StepRecord) -> bool:
    if step.outcome == "ended":
        return step.reason == "goal_reached"
    if step.outcome != "took":
        return False
    flow = plan.flows.get((step.campaign_id, step.campaign_version))
    found = flow.steps.get(step.step_id) if flow else None
    if found is None or not isinstance(found.does, WaitStep):
        return False
    awaited = (each for each in found.does.awaited if each.name == step.way)
    return any(not isinstance(each.what, Reaction) for each in awaited)


def _place_of(message: PastMessage) -> JourneyPlace:
    return JourneyPlace(message.campaign_id, message.version, step_id=message.step_id)


def _bound(length_ms: int) -> int:
    return BOUNDS_S[min(bisect_left(BOUNDS_S, length_ms / 1_000), len(BOUNDS_S) - 1)]


def _add(days: JourneyDays, now_ms: int, place: JourneyPlace, what: str) -> None:
    counts = days.setdefault((now_ms // DAY_MS, place), {})
    counts[what] = counts.get(what, 0) + 1
