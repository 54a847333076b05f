"""The switches of journeys: how they turn, and what entering and walking make of them."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from fencepost_gateway.decide.control import Action, Control, Mode, turned
from fencepost_gateway.decide.plan import EventEntry, Plan
from fencepost_gateway.decide.steps import Awaited, WaitStep
from gateway.decide.builders import NOON_MS
from gateway.decide.journeys import JOURNEY, Traveller, flow, message, plan_of, step, wait

HOUR_MS = 3_600_000
FLOW = flow(wait("first", HOUR_MS), step("greet", message()), wait("second", HOUR_MS))
ACTIONS = st.lists(st.tuples(st.sampled_from(get_args(Action)), st.sampled_from(get_args(Mode))))


def steered(the_plan: Plan, action: Action, mode: Mode = "hold", now_ms: int = NOON_MS) -> Plan:
    """Give the plan with a switch of the journey turned."""
    before = the_plan.controls.get(JOURNEY, Control(JOURNEY))
    after = turned(before, action, mode, now_ms)
    assert after is not None
    return structs.replace(the_plan, controls={JOURNEY: after})


def under_way() -> Traveller:
    """Give somebody who waits at the first step since noon."""
    somebody = Traveller(plan_of(FLOW))
    somebody.does("begin")
    return somebody


@given(turns=ACTIONS)
def test_switches_are_turned_each_alone(turns: list[tuple[Action, Mode]]) -> None:
    """Whatever is turned: the heaviest names the state, and turning one again changes nothing."""
    control = Control("c")
    is_closed, is_paused, is_stopped = False, False, False
    for number, (action, mode) in enumerate(turns):
        after = turned(control, action, mode, number)
        if after is None:
            assert is_stopped
            assert action in {"pause", "resume"}
            continue
        assert turned(after, action, mode, number + 1) == after
        is_closed = {"close": True, "open": False}.get(action, is_closed)
        is_paused = {"pause": True, "resume": False, "stop": False}.get(action, is_paused)
        is_stopped = {"stop": True, "open": False}.get(action, is_stopped)
        control = after

        named = [("stopped", is_stopped), ("paused", is_paused), ("closed", is_closed)]
        assert control.state == next((name for name, so in named if so), "live")


@pytest.mark.parametrize(
    ("action", "reason"),
    [("pause", "journey_paused"), ("close", "journey_closed"), ("stop", "journey_stopped")],
)
def test_nobody_enters_while_a_switch_bars(action: Action, reason: str) -> None:
    """The record names the switch; once it is turned back they enter."""
    somebody = Traveller(steered(plan_of(FLOW), action))
    somebody.does("begin")
    back: Action = "resume" if action == "pause" else "open"
    somebody.plan = steered(somebody.plan, back)
    somebody.does("begin", NOON_MS + 1)

    assert somebody.told == [f"not_entered {reason}", "entered", "first waits"]


def test_wait_comes_to_its_end_while_paused_and_goes_on_after() -> None:
    """The run stands before its step, without a second timer, and takes it once it is resumed."""
    somebody = under_way()
    somebody.plan = steered(somebody.plan, "pause")
    somebody.waits_until(NOON_MS + 2 * HOUR_MS)
    assert somebody.told[2:] == ["first took"]
    assert somebody.run.at.is_held
    assert somebody.walked.messages == []
    somebody.waits_until(NOON_MS + 3 * HOUR_MS)
    assert somebody.told[3:] == []
    somebody.plan = steered(somebody.plan, "resume")
    somebody.waits_until(NOON_MS + 4 * HOUR_MS)

    assert somebody.told[3:] == ["greet took", "second waits", "second took"]
    assert len(somebody.walked.messages) == 1


def test_wait_that_is_not_over_outlives_a_pause() -> None:
    """A pause in between changes nothing about when it is over."""
    somebody = under_way()
    somebody.plan = steered(somebody.plan, "pause")
    somebody.waits_until(NOON_MS + HOUR_MS // 4)
    somebody.plan = steered(somebody.plan, "resume")
    somebody.waits_until(NOON_MS + HOUR_MS // 2)
    assert somebody.told[2:] == []
    somebody.waits_until(NOON_MS + HOUR_MS)

    assert somebody.told[2:] == ["first took", "greet took", "second waits"]


def test_answer_that_comes_while_paused_holds_before_the_next_step() -> None:
    """What was waited for is taken; the step behind it is not."""
    awaits = WaitStep(awaited=(Awaited("said", EventEntry("said")),), timeout_ms=9 * HOUR_MS)
    somebody = Traveller(plan_of(flow(step("ask", awaits), step("greet", message()))))
    somebody.does("begin")
    somebody.plan = steered(somebody.plan, "pause")
    somebody.does("said", NOON_MS + 1)
    somebody.does("said", NOON_MS + 2)

    assert somebody.told[2:] == ["ask took said"]
    assert somebody.run.at.is_held


def test_run_ends_by_goal_or_lifetime_while_paused() -> None:
    """Held or not: who is through is through."""
    short = structs.replace(FLOW, lifetime_ms=2 * HOUR_MS)
    somebody = Traveller(plan_of(short))
    somebody.does("begin")
    somebody.plan = steered(somebody.plan, "pause")
    somebody.waits_until(NOON_MS + 3 * HOUR_MS)

    assert somebody.told[2:] == ["first took", "greet ended expired"]


@pytest.mark.parametrize(
    ("action", "mode", "outcome"), [("stop", "hold", "stopped"), ("pause", "discard", "discarded")]
)
def test_stop_ends_what_was_entered_until_then_and_no_more(
    action: Action, mode: Mode, outcome: str
) -> None:
    """Also what is met only after the journey has been opened again; who enters then stays."""
    somebody, other = under_way(), Traveller(plan_of(FLOW))
    ended = steered(somebody.plan, action, mode, NOON_MS)
    back: Action = "open" if action == "stop" else "resume"
    somebody.plan = other.plan = steered(ended, back, now_ms=NOON_MS + 1)
    somebody.waits_until(NOON_MS + 2)
    other.does("begin", NOON_MS + 2)
    other.waits_until(NOON_MS + 3)

    assert somebody.told[2:] == [f"first ended {outcome}"]
    assert other.told == ["entered", "first waits"]


def test_closed_journey_lets_who_is_in_go_on() -> None:
    """No entries; everything else as ever."""
    somebody = under_way()
    somebody.plan = steered(somebody.plan, "close")
    somebody.waits_until(NOON_MS + HOUR_MS)

    assert somebody.told[2:] == ["first took", "greet took", "second waits"]


def test_archived_journey_ends_its_runs_as_stopped() -> None:
    """Who is in leaves when next touched, and the record says plainly why."""
    somebody = under_way()
    somebody.plan = structs.replace(somebody.plan, campaigns={}, on_event={})
    somebody.waits_until(NOON_MS + 1)

    assert somebody.told[2:] == ["first ended stopped"]
