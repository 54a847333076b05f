"""What happens at one and the same moment: which of two comes first, and that it always does."""

from typing import Any, Literal

import pytest

from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import EventEntry, Goal, Reentry
from fencepost_gateway.decide.rules import compile_rule
from fencepost_gateway.decide.steps import Awaited, Flow, Reaction, WaitStep
from gateway.decide.builders import DAY_MS, HOUR_MS, NOON_MS
from gateway.decide.journeys import Traveller, flow, head, message, plan_of, step, wait

BOUGHT, AGAIN = Awaited("bought", EventEntry("purchase")), Awaited("again", EventEntry("purchase"))


def begun(the_flow: Flow) -> Traveller:
    """Give somebody who has entered."""
    them = Traveller(plan_of(the_flow))
    them.does("begin")
    return them


def asking(*awaited: Awaited, **more: Any) -> Flow:
    """Give a journey that waits a day for any of these."""
    ways = {each.name: "end" for each in awaited}
    return flow(step("ask", WaitStep(awaited=awaited, timeout_ms=DAY_MS), **ways), **more)


def test_goal_comes_before_an_exit_by_the_same_event() -> None:
    """Who bought has reached the goal, though buying is an exit criterion as well."""
    them = begun(asking(BOUGHT, exit_on=(BOUGHT,), top=head(goal=Goal("purchase", DAY_MS))))
    them.does("purchase", NOON_MS + 1)

    assert them.told[-1] == "ask ended goal_reached"


def test_goal_at_the_very_end_of_its_time_counts() -> None:
    """Its last millisecond belongs to it, the next does not."""
    top = head(goal=Goal("purchase", HOUR_MS))
    last, late = (begun(flow(wait("w", DAY_MS), top=top)) for _ in range(2))
    last.does("purchase", NOON_MS + HOUR_MS)
    late.does("purchase", NOON_MS + HOUR_MS + 1)

    assert (last.told[-1], late.told[-1]) == ("w ended goal_reached", "w waits")


def test_of_two_exits_by_the_same_event_the_first_in_the_document_is_told() -> None:
    """Their number says which."""
    left = Awaited("left", EventEntry("left"))
    them = begun(flow(wait("w", DAY_MS), exit_on=(left, AGAIN, BOUGHT)))
    them.does("purchase", NOON_MS + 1)

    assert them.steps[-1].inputs["exit_on"] == 2


def test_what_ends_a_run_comes_before_what_it_waits_for() -> None:
    """The same event is awaited and an exit criterion: the run ends."""
    them = begun(asking(BOUGHT, exit_on=(BOUGHT,)))
    them.does("purchase", NOON_MS + 1)

    assert them.told[-1] == "ask ended exited"


@pytest.mark.parametrize("awaited", [(BOUGHT, AGAIN), (AGAIN, BOUGHT)])
def test_of_several_awaited_that_one_event_fits_the_first_in_the_document_is_taken(
    awaited: tuple[Awaited, Awaited],
) -> None:
    """The order in which they are written, not that of their names."""
    them = begun(asking(*awaited))
    them.does("purchase", NOON_MS + 1)

    assert f"ask took {awaited[0].name}" in them.told


@pytest.mark.parametrize(("after_ms", "way"), [(DAY_MS, "bought"), (DAY_MS + 1, "timeout")])
def test_event_at_the_very_moment_of_the_timeout_comes_before_it(after_ms: int, way: str) -> None:
    """A millisecond later it is too late."""
    them = begun(asking(BOUGHT))
    them.does("purchase", NOON_MS + after_ms)

    assert f"ask took {way}" in them.told


def test_what_is_awaited_comes_before_the_condition_that_the_same_event_breaks() -> None:
    """Bought, and so no longer somebody to wait for: the way is that of the purchase."""
    rule = compile_rule({"not": {"event": "sku", "is": "mat"}})
    ask = WaitStep(awaited=(BOUGHT,), timeout_ms=DAY_MS, while_=rule)
    them = begun(flow(step("ask", ask, bought="end", broken="end")))
    them.does("purchase", NOON_MS + 1, sku="mat")

    assert "ask took bought" in them.told


@pytest.mark.parametrize("names", [("opened", "clicked"), ("clicked", "opened")])
def test_of_reactions_of_one_moment_the_first_in_the_document_is_taken(
    names: tuple[Literal["opened", "clicked"], Literal["opened", "clicked"]],
) -> None:
    """Of different moments the earlier one."""
    awaited = tuple(Awaited(n, Reaction(n, "greet")) for n in names)
    them = begun(
        flow(step("greet", message()), wait("w", HOUR_MS), *asking(*awaited).steps.values())
    )
    for name in ("clicked", "opened"):
        them.reacts(name, at_ms=NOON_MS + 1)
    them.waits_until(NOON_MS + HOUR_MS)

    assert f"ask took {names[0]}" in them.told


def test_wait_that_ends_with_the_lifetime_ends_the_run() -> None:
    """No step is taken at the moment at which the run is over."""
    them = begun(flow(wait("w", DAY_MS), step("m", message()), lifetime_ms=DAY_MS))
    them.waits_until(NOON_MS + DAY_MS)

    assert (them.told[-1], them.walked.messages) == ("w ended expired", [])


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_runs_entered_at_one_moment_move_in_order_of_their_ids(names: tuple[str, str]) -> None:
    """In whichever order they were entered or are kept."""
    flows = [flow(wait("w", HOUR_MS), top=head(campaign_id=name)) for name in names]
    them = Traveller(plan_of(*flows), Person("p"))
    them.does("begin")
    them.waits_until(NOON_MS + HOUR_MS)

    assert [r.campaign_id for r in them.steps if r.outcome == "took"] == ["a", "b"]


def test_event_that_ends_a_run_and_begins_one_does_both() -> None:
    """First the run ends, so that nobody is kept out for being in it."""
    again = Awaited("again", EventEntry("begin"))
    them = begun(flow(wait("w", DAY_MS), exit_on=(again,), top=head(reentry=Reentry("always"))))
    them.does("begin", NOON_MS + 1)

    assert them.told == ["entered", "w waits", "w ended exited", "entered", "w waits"]
