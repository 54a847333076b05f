"""Journey: who enters, what ends a run, and the steps."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from fencepost_gateway.decide.rule_facts import RuleFault
from fencepost_gateway.decide.spans import parse_duration_ms
from fencepost_gateway.decide.steps import END
from fencepost_gateway.documents.document import Path
from fencepost_gateway.documents.models.awaited import AWAITED_MAX, Awaited, Reaction
from fencepost_gateway.documents.models.base import (
    LIST_MAX,
    Authored,
    Duration,
    Id,
    Name,
    Percent,
    RuleTree,
    Tag,
    as_list,
    refuse,
    refuse_all,
)
from fencepost_gateway.documents.models.campaign import Entries, GoalOrNone, ReentryRule, Run
from fencepost_gateway.documents.models.entry import Limits
from fencepost_gateway.documents.models.step import Step

STEPS_MAX: Final = 200
LIFETIME_MAX_MS: Final = 5 * 365 * 86_400_000

ExitOn = Annotated[list[Awaited], BeforeValidator(as_list), Field(max_length=AWAITED_MAX)]


class Journey(Authored):
    """Steps that a person goes along: messages, waits, branches and more."""

    hints: ClassVar = {
        "goal": "add goal: {event: …, within: 14d}, or goal: none",
        "message": "write it as a step: steps: [{message: …}]",
    }

    kind: Literal["journey"]
    id: Id = Field(description="Unique among journeys and campaigns.")
    name: Name = Field(default="", description="For people; default: the id.")
    entry: Entries = Field(description="One entry, or a list: any of them wakes it.")
    when: RuleTree | None = Field(default=None, description="Condition at the entry.")
    reentry: ReentryRule = Field(default="after_end", description="When a person may enter again.")
    instance: str = Field(
        default="",
        max_length=128,
        description="Property of the entry's event, such as `order_id`: a run for each of its "
        "values, side by side. Default: one run a person.",
    )
    exit_on: ExitOn = Field(default=[], description="What ends a run wherever it stands; any.")
    goal: GoalOrNone = Field(description="The event the journey is for, or `none`.")
    lifetime: Duration = Field(default="90d", description="How long a run may last.")
    holdout: Percent = Field(default=0, description="Share of persons kept without the messages.")
    priority: int = Field(
        default=50, ge=0, le=100, description="Of messages that say none: who goes first."
    )
    limits: Limits | None = Field(
        default=None, description="How many it takes in. Default: everybody."
    )
    tags: list[Tag] = Field(default=[], max_length=LIST_MAX, description="For caps and reports.")
    brand: Id | None = Field(default=None, description="Whose journey it is; for caps.")
    run: Run = Field(default=Run(), description="When it takes people in.")
    steps: list[Step] = Field(
        min_length=1, max_length=STEPS_MAX, description="From top to bottom; see Step."
    )

    @model_validator(mode="after")
    def _steps_are_there(self) -> Self:
        if (parse_duration_ms(self.lifetime) or 0) > LIFETIME_MAX_MS:
            refuse("no run lives that long", "write lifetime: 1825d or less")
        faults = tuple(_faults(self))
        if faults:
            refuse_all(faults)
        return self

    @cached_property
    def step_ids(self) -> tuple[str, ...]:
        """The id of every step, or its number."""
        return tuple(step.id or str(number) for number, step in enumerate(self.steps, 1))


def _faults(journey: Journey) -> Iterator[RuleFault]:
    seen: dict[str, int] = {}
    for number, step in enumerate(journey.steps):
        if step.id is not None and seen.setdefault(step.id, number) != number:
            what = f"a second step {step.id}"
            yield RuleFault(("steps", number, "id"), what, "give it an id of its own")
    for path, name in named_steps(journey):
        if name not in seen and name != END:
            near = difflib.get_close_matches(name, [*seen, END], 1)
            how = f"did you mean {near[0]}?" if near else "give a step this id, or name another"
            yield RuleFault(path, f"there is no step {name}", how)


def named_steps(journey: Journey) -> Iterator[tuple[Path, str]]:
    """Give every place where a step is named, and its name."""
    for number, step in enumerate(journey.steps):
        path: Path = ("steps", number)
        yield from (((*path, "then", way), name) for way, name in step.then.items())
        if step.to is not None:
            yield (*path, "to"), step.to
        for n, case in enumerate(step.branch or ()):
            member, name = ("to", case.to) if case.to is not None else ("otherwise", case.otherwise)
            if name is not None:
                yield (*path, "branch", n, member), name
        for way, awaited in (step.wait.for_ or {}).items() if step.wait else ():
            yield from _reacted(awaited, (*path, "wait", "for", *([way] if way else [])))
    for n, awaited in enumerate(journey.exit_on):
        yield from _reacted(awaited, ("exit_on", n))


def _reacted(awaited: object, path: Path) -> Iterator[tuple[Path, str]]:
    for what, step_id in awaited.parts if isinstance(awaited, Reaction) else ():
        yield (*path, what), step_id
