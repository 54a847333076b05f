"""
Fold: what the stages of a group share: states, plans, the effects so far, and the moment it is.

No I/O. ``group`` makes one for each group of log records and hands it to its stages.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.ports import Effects, RecordRow
from fencepost_gateway.workers.fence_tally import FenceTally
from fencepost_gateway.workers.journey_tally import JourneyTally
from fencepost_gateway.workers.keeping import Keeping
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.states import States

_pack = msgspec.msgpack.Encoder().encode


class Fold:
    """One group of records, being folded."""

    def __init__(
        self, states: States, plans: Plans, workspace: str, position: int, *, keeps: bool = True
    ) -> None:
        self.states = states
        self.plans = plans
        self.workspace = workspace
        self.effects = Effects(position, 0)
        self.tally = FenceTally()
        self.journeys = JourneyTally()
        self.keeping = Keeping(rests=not keeps)
        self.effects.history = self.keeping.rows
        self.now_ms = 0
        self.changed: set[str] = set()
        self.touched: set[str] = set()
        self.moved: set[str] = set()
        self.rung: set[str] = set()

    @property
    def plan(self) -> Plan:
        """The published documents in force."""
        return self.plans.plan

    def person(self, person_id: str) -> Person:
        """Give whoever a person is by now, new if nobody knows them yet."""
        return self.states.person(self.states.merged.get(person_id, person_id))

    def touch(self, person: Person) -> None:
        """Take note that a person's row has to be written."""
        self.changed.add(person.person_id)
        self.touched.add(person.person_id)

    def count_runs(self) -> None:
        """Count what the record has changed about who is in which campaign."""
        for person_id in self.touched:
            person = self.states.persons.get(person_id)
            if person is not None:
                self.states.census.settle(person)
        self.touched.clear()

    def is_tester(self, person: Person) -> bool:
        """Say whether somebody only tests: on record as ``test``, and in no figure."""
        return person.user_id in self.plan.testers

    def record(
        self,
        person: Person,
        kind: Literal["transition", "step", "outcome", "check_in", "merge", "audience", "call"],
        subject: str,
        body: dict[str, Any],
    ) -> None:
        """Put something on record as of now."""
        if self.is_tester(person):
            body = body | {"test": True}
        elif kind == "transition":
            self.tally.transition(person, body, self.now_ms)
        row = RecordRow(0, self.now_ms, person.person_id, kind, subject, body)
        self.effects.records.append(row)

    def close(self) -> Effects:
        """Note the rows that changed; the commit may be written."""
        for person_id in sorted(self.changed):
            person = self.states.person(person_id)
            self.effects.persons[person_id] = person
            due_ms = person.wakes_ms
            if due_ms != person.timer_ms or person_id in self.rung:
                self.effects.person_timers[person_id] = person.timer_ms = due_ms
        for device_id in sorted(self.moved):
            self.effects.tracks[device_id] = _pack(self.states.device(device_id))
        self.effects.fence_days = self.tally.days
        self.effects.journey_days = self.journeys.days
        self.effects.tallies = self.states.census.take_changed()
        tried = self.states.trial_census.take_changed()
        self.effects.tallies |= {(f"~{name}", what): n for (name, what), n in tried.items()}
        return self.effects
