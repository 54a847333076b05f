"""
Scene: one person, the plan and the moment it is, and what comes of it.

Pure data. Entering and walking both work on a scene; what they want is found in ``walked``.
"""

from __future__ import annotations

from msgspec import Struct, field

from fencepost_gateway.decide.calls import Call
from fencepost_gateway.decide.cause import NOTHING, rule_facts
from fencepost_gateway.decide.census import Census
from fencepost_gateway.decide.message import Message
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.decide.rules import RuleFacts
from fencepost_gateway.decide.run import Run, Standing
from fencepost_gateway.decide.step_record import StepRecord
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.decide.watch import Scored


class Staged(Struct, frozen=True):
    """A run went from one stage of its journey to another; empty: none yet."""

    campaign_id: str
    version: int
    before: str
    after: str


class Walked(Struct):
    """
    What came of it: records, messages, calls, journeys to jump to, what changed about the person.

    ``moved`` has the runs that moved, or ended, and their keys, by id: another run may have taken
    the place of one of them among the person's. ``scored`` is there to be counted of goals.
    """

    records: list[StepRecord] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    jumps: list[Cause] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)
    staged: list[Staged] = field(default_factory=list)
    scored: list[Scored] = field(default_factory=list)
    moved: dict[str, tuple[str, Run]] = field(default_factory=dict)

    def move(self, key: str, run: Run) -> None:
        """Take note that a run moved."""
        self.moved[run.run_id] = key, run


class Scene(Struct):
    """One person's runs, the plan, and the moment it is."""

    plan: Plan
    workspace: str
    person: Person
    census: Census
    now_ms: int
    walked: Walked = field(default_factory=Walked)

    def facts(self, cause: Cause, at: Standing | None = None) -> RuleFacts:
        """Lay out for rules what happened, who the person is, and what a run has looked up."""
        values = NOTHING if at is None else at.values
        return rule_facts(self.plan, self.person, cause, self.now_ms, values)
