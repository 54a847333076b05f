"""Where the runs of journeys stand, in sentences."""

import string
from typing import Any

import pytest

from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import (
    AudienceEntry,
    EventEntry,
    ExternalEntry,
    Plan,
    TransitionEntry,
)
from fencepost_gateway.decide.rules import compile_rule
from fencepost_gateway.decide.run import Run, Standing
from fencepost_gateway.decide.steps import (
    Awaited,
    Does,
    LookUpStep,
    Reaction,
    WaitStep,
    WebhookStep,
)
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.decide.tongue import Tongue
from fencepost_gateway.reports.run_words import AWAITED, RUNS, told_runs
from gateway.decide.builders import NOON_MS
from gateway.decide.journeys import JOURNEY, flow, message, plan_of, step

HOUR_MS = 3_600_000
CLICK = Awaited("clicked", Reaction("clicked", "greet"))
WAITS: dict[str, tuple[Does, str]] = {
    "for a time": (WaitStep(for_ms=HOUR_MS), "It waits until 2026"),
    "for a click": (
        WaitStep(awaited=(CLICK,), timeout_ms=HOUR_MS),
        "It waits for a click on greet, until 2026",
    ),
    "for an event": (
        WaitStep(awaited=(Awaited("paid", EventEntry("paid")),)),
        "It waits for the event paid",
    ),
    "for the weather": (
        WaitStep(awaited=(Awaited("w", ExternalEntry("weather")),)),
        "the external event weather",
    ),
    "for an audience": (
        WaitStep(awaited=(Awaited("a", AudienceEntry("buyers", "leave")),)),
        "leaving the audience buyers",
    ),
    "for a place": (
        WaitStep(awaited=(Awaited("t", TransitionEntry("exit", frozenset({"f", "g"}))),)),
        "EXIT at 2 fences",
    ),
    "inside": (
        WaitStep(for_ms=HOUR_MS, while_=compile_rule({"person": "tier", "is": "plus"})),
        "only as long as the condition",
    ),
    "for its message": (message(), "what becomes of its message (1 under way)"),
    "for a look-up": (LookUpStep("left", source_id="tickets"), "the answer of tickets"),
    "for a webhook": (WebhookStep("desk"), "the answer of desk"),
}


def person(step_id: str = "nap", *, due_ms: int | None = None, **more: Any) -> Person:
    """Give somebody whose run stands at a step."""
    cause = Cause("s", "event", "begin", NOON_MS)
    at = Standing(step_id, NOON_MS, NOON_MS, NOON_MS + 9 * HOUR_MS, cause, due_ms, pending=1)
    return Person("p", runs={JOURNEY: Run("r", NOON_MS, version=1, at=at, **more)})


def words(plan: Plan, who: Person, language: Any = "en") -> list[str]:
    """Give what is said of the only run."""
    (found,) = told_runs(plan, who, "", Tongue(language, "Asia/Seoul"))
    said: list[str] = found["words"]
    return said


@pytest.mark.parametrize("case", WAITS)
def test_run_says_what_it_waits_for(case: str) -> None:
    """In both languages, on the reader's clock, with the end of its lifetime."""
    does, said = WAITS[case]
    due_ms = NOON_MS + HOUR_MS if "until" in said or case == "inside" else None
    found = plan_of(flow(step("nap", does)))
    english = words(found, person(due_ms=due_ms))
    korean = words(found, person(due_ms=due_ms), "ko")

    assert english[0].startswith("first-class v1: the run that began at 2026-06-01")
    assert said in " ".join(english[1:-1])
    assert english[-1].startswith("Its lifetime ends at 2026-06-02")
    assert len(korean) == len(english)
    assert not any("{" in line for line in english + korean)


def test_run_whose_steps_are_done_waits_for_its_messages() -> None:
    """It lives on until they have come to an end."""
    found = words(plan_of(flow(step("nap", message()))), person("end", open=2))

    assert "what becomes of 2 of its messages" in found[1]


def test_run_of_a_version_that_is_gone_says_where_it_stands() -> None:
    """What it waits for is not known any more."""
    assert len(words(plan_of(), person())) == 2


def test_run_that_ended_says_where_and_why() -> None:
    """With the step it left, unless its steps were done."""
    over = Run("r", NOON_MS, 0, NOON_MS + 1, "exited", version=1, left_at="nap")
    done = Run("q", NOON_MS + 5, 0, NOON_MS + 9, "completed", version=2, left_at="end")
    who = Person("p", runs={JOURNEY: over, "other": done})
    newest, oldest = told_runs(plan_of(), who, "", Tongue())
    (named,) = told_runs(plan_of(), who, JOURNEY, Tongue())

    assert "ended at nap at" in oldest["words"][0]
    assert oldest["words"][0].endswith("an exit criterion was met.")
    assert newest["words"][0].endswith("its steps are done.")
    assert named == oldest


def test_run_of_a_campaign_is_no_run_of_a_journey() -> None:
    """A campaign of one message has nowhere to stand."""
    who = Person("p", runs={"greeting": Run("r", NOON_MS)})

    assert told_runs(plan_of(), who, "", Tongue()) == []
    assert told_runs(plan_of(), None, "", Tongue()) == []


@pytest.mark.parametrize("key", [*RUNS, *AWAITED])
def test_sentence_says_the_same_in_both_languages(key: str) -> None:
    """Both take the same members."""
    said = (RUNS | AWAITED)[key]

    def fields(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert fields(said.en) == fields(said.ko)
