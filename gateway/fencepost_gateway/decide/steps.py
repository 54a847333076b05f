"""
Steps: what a journey is made of, compiled for deciding.

Pure data. ``documents.journey_plans`` makes these from checked documents, ``walk`` goes along them.

Rule 1. A step does one thing (``does``) and then goes on to ``next``, or to where ``then`` sends
        what came of it. ``END`` ends the run. What an author wrote as ``to: ID`` is no step: it is
        where the one before goes on.
Rule 2. A step without an id has its number, counted from 1 over everything that was written.
Rule 3. To the claim a message step is a campaign of one message (``MessageStep.part``), so that a
        message is judged alike wherever it comes from.
Rule 4. Everything awaited is matched by name, fence and rule, as at an entry (``plan.Entry``);
        reactions are those to a message step of the same run.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from fencepost_gateway.decide.plan import Campaign, Entry
from fencepost_gateway.decide.rules import Rule

END = "end"
Reacted = Literal[
    "delivered", "failed", "bounced", "displayed", "opened", "clicked", "dismissed", "replied"
]


class Reaction(Struct, frozen=True):
    """The person reacted in this way to the message of step ``step_id``."""

    what: Reacted
    step_id: str


class Awaited(Struct, frozen=True):
    """
    Something a run may wait for, or be ended by.

    ``same`` names properties that must equal those of the event that the run stands on, by which a
    later forecast is known to be about the same day. Several of one name take the same way.
    """

    name: str
    what: Entry | Reaction
    same: tuple[str, ...] = ()


class LocalTime(Struct, frozen=True):
    """The next local time of day ``minute`` (0 to 1439), on one of ``days`` (Monday = 0)."""

    minute: int
    days: frozenset[int] = frozenset(range(7))
    zone: str = "person"  # person, workspace, or the name of one


class DateOf(Struct, frozen=True):
    """
    A date or moment that is known of the person or was told by the event, moved by ``move_ms``.

    ``path`` begins with ``person`` or ``event``. A date without time means ``minute`` of that day
    in ``zone`` (as ``LocalTime``).
    """

    path: tuple[str, ...]
    move_ms: int = 0
    minute: int = 0
    zone: str = "person"


class MessageStep(Struct, frozen=True):
    """Wants a message; with a way for ``sent`` or ``withheld`` the run waits for the outcome."""

    part: Campaign


class WaitStep(Struct, frozen=True):
    """
    Waits for a span, a local time, a date, or for something to happen with ``timeout_ms``.

    Exactly one of ``for_ms``, ``until``, ``date`` and ``awaited`` is given. ``spread_ms`` moves the
    moment by a draw below it. Once ``while_`` is false the wait is over, by the way ``broken``.
    Ways: ``timeout``, ``broken``, ``no_date``, and the names of what is awaited.
    """

    for_ms: int | None = None
    until: LocalTime | None = None
    date: DateOf | None = None
    awaited: tuple[Awaited, ...] = ()
    timeout_ms: int | None = None
    spread_ms: int = 0
    while_: Rule | None = None


class Case(Struct, frozen=True):
    """One branch: where to go on if ``when`` holds."""

    when: Rule
    to: str


class BranchStep(Struct, frozen=True):
    """Goes where the first true case sends; else to ``otherwise``, or the run ends."""

    cases: tuple[Case, ...]
    otherwise: str | None = None


class SplitStep(Struct, frozen=True):
    """
    Draws a way by weight, in the order they were written.

    Sticky by person, unless ``is_random``: then each run draws. ``experiment_id`` leaves the draw
    to the experiment, whose arms are the ways.
    """

    weights: tuple[tuple[str, float], ...] = ()
    is_random: bool = False
    experiment_id: str = ""


class LimitStep(Struct, frozen=True):
    """Lets ``to`` persons through, exactly; the others take the way ``full``."""

    to: int


class UpdateStep(Struct, frozen=True):
    """
    Sets attributes of the person, and takes some away.

    A value is data, or a path of ``event`` or ``values`` to take it from.
    """

    set: tuple[tuple[str, Any], ...] = ()
    copied: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unset: tuple[str, ...] = ()


class LookUpStep(Struct, frozen=True):
    """
    Gets a value into ``values[as_]``: a row of a table by key, or the answer of a source.

    Ways: ``missing`` (no such row), ``error`` (no answer in time).
    """

    as_: str
    table_id: str = ""
    source_id: str = ""
    key: tuple[str, ...] = ()


class WebhookStep(Struct, frozen=True):
    """Tells another system; with the way ``error`` the run waits for the answer."""

    source_id: str


class GoalStep(Struct, frozen=True):
    """Marks the goal as reached; the run goes on."""


class StageStep(Struct, frozen=True):
    """Names the stage of all that follows, for reports."""

    name: str


class JumpStep(Struct, frozen=True):
    """Starts another journey for the person and ends this run."""

    campaign_id: str


Does = (
    MessageStep
    | WaitStep
    | BranchStep
    | SplitStep
    | LimitStep
    | UpdateStep
    | LookUpStep
    | WebhookStep
    | GoalStep
    | StageStep
    | JumpStep
)


class Step(Struct, frozen=True):
    """
    One step of a journey (Rule 1); ``note`` is the author's, for people.

    ``stage`` names the stage that begins with it, as a ``StageStep`` before it would.
    """

    step_id: str
    does: Does
    next: str = END
    then: dict[str, str] = {}
    note: str = ""
    stage: str = ""

    def way(self, name: str) -> str:
        """Give where a run goes on by the way ``name``, or one that it is a kind of."""
        while name:
            if name in self.then:
                return self.then[name]
            name = name.rpartition(".")[0]
        return self.next


class Flow(Struct, frozen=True):
    """
    The steps of a journey, by id in the order written; ``first`` is where a run begins.

    ``head`` has what the journey shares with a campaign: entries, re-entry, goal, holdout.
    ``instance`` names the property of the entry's event by which a person may be in the journey
    several times.
    """

    head: Campaign
    steps: dict[str, Step]
    first: str
    exit_on: tuple[Awaited, ...] = ()
    lifetime_ms: int = 90 * 86_400_000
    instance: str = ""

    def part(self, step_id: str) -> Campaign | None:
        """Give what the claim is to know of a message step; None where there is none."""
        step = self.steps.get(step_id)
        return step.does.part if step and isinstance(step.does, MessageStep) else None
