"""Runs at the edges: told late, told twice, told too early, and moments that no calendar has."""

import pytest

from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import EventEntry, Reentry
from fencepost_gateway.decide.rules import compile_rule
from fencepost_gateway.decide.steps import Awaited, DateOf, LocalTime, Reaction, WaitStep
from fencepost_gateway.decide.stimulus import Cause
from gateway.decide.builders import DAY_MS, HOUR_MS, MIN_MS, NOON_MS, at
from gateway.decide.journeys import Traveller, flow, head, message, plan_of, step, wait

ALWAYS = head(reentry=Reentry("always"))
LEFT = Awaited("left", EventEntry("left"))
CLICKED = Awaited("clicked", Reaction("clicked", "greet"))


def test_exit_that_happened_before_the_entry_ends_nothing() -> None:
    """Who left a year ago and came back has not left the journey of today."""
    them = Traveller(plan_of(flow(wait("w", DAY_MS), exit_on=(LEFT,))))
    them.does("begin")
    them.does("left", NOON_MS - 1, now_ms=NOON_MS + 1)
    assert them.told[-1] == "w waits"

    them.does("left", NOON_MS)

    assert them.told[-1] == "w ended exited"


def test_reaction_ends_a_run_by_its_exit_criterion() -> None:
    """A click on any message of the run is as good an ending as an event."""
    them = Traveller(plan_of(flow(step("greet", message()), wait("w", DAY_MS), exit_on=(CLICKED,))))
    them.does("begin")
    them.reacts("clicked", at_ms=NOON_MS + HOUR_MS)

    assert them.told[-1] == "w ended exited"
    assert them.steps[-1].inputs["exit_on"] == 1


@pytest.mark.parametrize("reacted_ms", [DAY_MS, DAY_MS + 1])
def test_reaction_after_the_lifetime_moves_nothing(reacted_ms: int) -> None:
    """Though no timer has rung yet: by its own time the run was over; at the moment it counts."""
    steps = (step("greet", message()), step("w", WaitStep(awaited=(CLICKED,)), clicked="end"))
    them = Traveller(plan_of(flow(*steps, lifetime_ms=DAY_MS)))
    them.does("begin")
    them.ends("sent")
    them.reacts("clicked", at_ms=NOON_MS + reacted_ms)
    them.waits_until(NOON_MS + 2 * DAY_MS)

    assert them.run.outcome == ("completed" if reacted_ms == DAY_MS else "expired")


def test_run_stays_in_the_journey_after_a_wait_longer_than_its_lifetime() -> None:
    """What is awaited beyond the end of the lifetime is awaited to that end."""
    them = Traveller(plan_of(flow(wait("w", 9 * DAY_MS), lifetime_ms=DAY_MS)))
    them.does("begin")
    assert them.run.at.due_ms == NOON_MS + DAY_MS

    them.waits_until(NOON_MS + DAY_MS)

    assert them.told[-1] == "w ended expired"


def test_run_that_is_moved_at_the_end_of_its_lifetime_waits_for_nothing_more() -> None:
    """What counts at the very moment moves it; the next wait is not gone through as if it were."""
    asks = step("ask", WaitStep(awaited=(LEFT,)), left="w")
    them = Traveller(plan_of(flow(asks, wait("w", 1), step("m", message()), lifetime_ms=DAY_MS)))
    them.does("begin")
    them.does("left", NOON_MS + DAY_MS)

    assert them.told[2:] == ["ask took left", "w ended expired"]
    assert them.walked.messages == []


def test_clock_that_is_ahead_lets_no_time_pass() -> None:
    """An event of in three minutes, by its device, does not ring a bell of in two."""
    them = Traveller(plan_of(flow(wait("w", 2 * MIN_MS))))
    them.does("begin")
    them.does("anything", NOON_MS + 3 * MIN_MS, now_ms=NOON_MS + 1)

    assert them.told[-1] == "w waits"


def test_stimulus_told_anew_lets_nobody_in_twice_where_runs_live_side_by_side() -> None:
    """Not if another run was begun since either: ids come from the cause."""
    them = Traveller(plan_of(flow(wait("w", DAY_MS), top=ALWAYS)))
    first = Cause("first", "event", "begin", NOON_MS)
    for cause in (first, Cause("second", "event", "begin", NOON_MS + 1), first):
        them.takes(cause, NOON_MS + 2)

    assert them.steps[-1].reason == "repeated"
    assert len({run.run_id for run in them.person.runs.values()}) == len(them.person.runs) == 2


def test_every_run_that_moved_is_named_though_another_took_its_place() -> None:
    """One stimulus may end a run and begin the next: both have moved."""
    again = Awaited("again", EventEntry("begin"))
    them = Traveller(plan_of(flow(wait("w", DAY_MS), exit_on=(again,))))
    them.does("begin")
    first = them.run.run_id
    them.walked.moved.clear()
    them.does("begin", NOON_MS + 1)

    assert them.run.run_id != first
    assert {i: run.outcome for i, (_, run) in them.walked.moved.items()} == {
        first: "exited",
        them.run.run_id: "",
    }


def test_zone_that_is_learnt_late_moves_no_wait_that_is_over() -> None:
    """At half past seven it was half past seven; the bell had only not been heard yet."""
    them = Traveller(
        plan_of(flow(step("w", WaitStep(until=LocalTime(7 * 60 + 30))))),
        Person("p", zone="Europe/Monaco", zone_at_ms=NOON_MS),
    )
    them.does("begin")
    due_ms = at("2026-06-02 05:30")
    them.person.zone = "America/New_York"
    them.clock_changes(due_ms)

    assert them.run.at.due_ms == due_ms


def test_condition_of_a_wait_is_asked_when_the_person_changes() -> None:
    """An attribute that is set is no event, and yet they are a plus customer no more."""
    rule = compile_rule({"person": "tier", "is": "plus"})
    steps = (step("w", WaitStep(for_ms=HOUR_MS, while_=rule), "ok", broken="end"),)
    the_flow = flow(*steps, step("ok", message(), "end"))
    them = Traveller(plan_of(the_flow), Person("p", attributes={"tier": "plus"}))
    them.does("begin")
    them.clock_changes(NOON_MS + 1)
    assert them.told[-1] == "w waits"

    them.person.attributes.clear()
    them.clock_changes(NOON_MS + 2)

    assert them.told[2:] == ["w took broken", "end ended completed"]


def test_midnight_is_a_local_time() -> None:
    """``24:00`` is the end of the day that is named."""
    until = LocalTime(24 * 60, frozenset({0}), "Europe/Monaco")
    them = Traveller(plan_of(flow(step("w", WaitStep(until=until)))))
    them.does("begin")

    assert them.run.at.due_ms == at("2026-06-01 22:00")


@pytest.mark.parametrize("date", ["9999-12-31", "0001-01-01", "9999-12-31T23:59:59.999999+00:00"])
@pytest.mark.parametrize("move_ms", [-40 * DAY_MS, 0, 40 * DAY_MS])
def test_date_at_the_end_of_the_calendar_breaks_nothing(date: str, move_ms: int) -> None:
    """What an app says of somebody is data: the run waits to its end, goes on, or knows none."""
    wish = WaitStep(date=DateOf(("person", "renewal"), move_ms))
    steps = (step("w", wish, "end", no_date="end"),)
    person = Person("p")
    them = Traveller(plan_of(flow(*steps)), person)
    person.attributes = {"renewal": date, "zone": "Asia/Seoul"}
    them.does("begin")
    them.clock_changes(NOON_MS + 1)

    at_ = them.run.at
    assert at_ is None or at_.due_ms == at_.expires_ms


def test_long_sleep_is_made_up_for_in_parts() -> None:
    """A clock that jumps a year ahead does not hold up everybody else; nothing is left out."""
    them = Traveller(plan_of(flow(step("w", WaitStep(for_ms=1_000), "w"))))
    them.does("begin")
    them.waits_until(NOON_MS + 10 * DAY_MS)
    assert len(them.steps) < 3_000
    assert them.person.wakes_ms is not None
    assert them.person.wakes_ms < NOON_MS + 10 * DAY_MS

    before = len(them.steps)
    them.waits_until(NOON_MS + 10 * DAY_MS)

    assert len(them.steps) > before
    assert them.run.ended_ms is None


def test_nobody_is_in_more_journeys_at_once_than_the_workspace_allows() -> None:
    """The next one is refused and says how many there are; room is given again."""
    last = head(campaign_id="c", entries=(EventEntry("begin"), EventEntry("later")))
    tops = (head(campaign_id="a"), head(campaign_id="b"), last)
    them = Traveller(plan_of(*(flow(wait("w", DAY_MS), top=top) for top in tops), living=2))
    them.does("begin")
    assert (them.steps[-1].campaign_id, them.told[-1]) == ("c", "not_entered runs_full")
    assert them.steps[-1].inputs == {"runs": 2}

    them.waits_until(NOON_MS + DAY_MS)
    them.does("later", NOON_MS + DAY_MS)

    assert "c" in {key for key, run in them.person.runs.items() if run.at is not None}
