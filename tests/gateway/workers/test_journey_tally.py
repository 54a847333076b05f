"""Counts of journeys: whoever came to a place has left it, or stands there."""

from collections import Counter
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from fencepost_gateway.decide.control import Action, Control, turned
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import EventEntry, Goal
from fencepost_gateway.decide.scene import Walked
from fencepost_gateway.decide.steps import Awaited, GoalStep, StageStep, WaitStep
from fencepost_gateway.ports import JourneyPlace
from fencepost_gateway.workers.journey_tally import JourneyTally
from gateway.decide.builders import NOON_MS
from gateway.decide.journeys import JOURNEY, Traveller, flow, head, message, plan_of, step, wait

HOUR_MS = 3_600_000
ASK = WaitStep(awaited=(Awaited("said", EventEntry("said")),), timeout_ms=3 * HOUR_MS)
FLOW = flow(
    step("begin", StageStep("onboard")),
    wait("rest", HOUR_MS),
    step("ask", ASK, said="greet"),
    step("silent", StageStep("lost")),
    wait("long", 5 * HOUR_MS),
    step("greet", message()),
    step("done", GoalStep()),
    top=head(goal=Goal("bought", 90 * HOUR_MS)),
    lifetime_ms=8 * HOUR_MS,
)
TURNS = st.sampled_from(["begin", "said", "bought", "hour", "pause", "resume", "stop", "open"])


@given(lives=st.lists(st.lists(TURNS, max_size=14), min_size=1, max_size=6))
def test_came_is_left_and_ended_and_waiting(lives: list[list[str]]) -> None:
    """At every step and stage, whatever people do and operators turn, in every version."""
    tally, standing, staged = JourneyTally(), Counter[str](), Counter[str]()
    for number, turns in enumerate(lives):
        somebody = Traveller(plan_of(FLOW), Person(f"p-{number}"))
        now_ms = NOON_MS
        for turn in turns:
            now_ms += 1
            if turn == "hour":
                now_ms += HOUR_MS
                somebody.waits_until(now_ms)
            elif turn in {"begin", "said", "bought"}:
                somebody.does(turn, now_ms)
            else:
                before = somebody.plan.controls.get(JOURNEY, Control(JOURNEY))
                after = turned(before, cast("Action", turn), "hold", now_ms)
                controls = {JOURNEY: after or before}
                somebody.plan = structs.replace(somebody.plan, controls=controls)
            tally.walked(somebody.plan, somebody.walked, now_ms)
            somebody.walked = Walked()
        run = somebody.person.runs.get(JOURNEY)
        if run is not None and run.at is not None:
            standing[run.at.step_id] += 1
            staged[run.at.stage] += 1

    for (_, place), counts in tally.days.items():
        left = sum(n for what, n in counts.items() if what.startswith(("went:", "ended:")))
        now = standing[place.step_id] if place.step_id else staged[place.stage]
        now = now if place.step_id or place.stage else sum(standing.values())
        assert counts.get("came", 0) == left + now, place


def test_kept_out_is_counted_by_reason() -> None:
    """Of the journey as such: why somebody did not enter."""
    tally, somebody = JourneyTally(), Traveller(plan_of(FLOW))
    somebody.does("begin")
    somebody.does("begin")
    tally.walked(somebody.plan, somebody.walked, NOON_MS)

    counts = tally.days[NOON_MS // 86_400_000, JourneyPlace(JOURNEY, 1)]
    assert counts == {"came": 1, "kept_out:reentry_running": 1}
