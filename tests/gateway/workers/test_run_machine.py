"""
Runs of journeys, under whatever hypothesis thinks of, against a model that reads the document.

Apps tell things late, twice and by clocks that are ahead; visitors turn out to be somebody;
versions are published while runs wait; the machine's clock jumps; the process dies before a commit,
behind it, and in between.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fencepost_gateway.decide.control import Action, Mode
from fencepost_gateway.decide.message import ClaimFacts, Verdict
from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.intake.records import Controlled
from gateway.batches import DAY_MS, MINUTE_MS, event, user, visitor
from gateway.workers.frail import Fall
from gateway.workers.run_house import EDITIONS, JOURNEY, RunHouse
from gateway.workers.run_model import Model

HOUR_MS = 60 * MINUTE_MS
VISITORS, USERS = ("a-1", "a-2"), ("u-1", "u-2")
EVERYBODY = (*map(visitor, VISITORS), *map(user, USERS))
LEFT_BY = {"goal_reached", "exited", "expired", "merged", "stopped", "discarded"}
JUMPS_MS = (1, MINUTE_MS, HOUR_MS, 2 * HOUR_MS, DAY_MS, 2 * DAY_MS, -HOUR_MS, -DAY_MS)
LATE_MS = (0, 0, 0, 0, 1, HOUR_MS, 3 * HOUR_MS, DAY_MS, -3 * MINUTE_MS)
MOVES = ("begin", "begin", "agrees", "declines", "left", "bought", "else")
Told = tuple[str, ...]


class RunMachine(RuleBasedStateMachine):
    """One gateway's insides, one model."""

    @initialize(kind=st.sampled_from(["memory", "sqlite"]), edition=st.sampled_from(EDITIONS))
    def open(self, kind: str, edition: dict[str, Any]) -> None:
        """Begin with one edition published."""
        self._house, self._model = RunHouse(kind, edition), Model()
        self._house.watch = self._watch
        self._model.publish(self._house.version, self._house.doc)
        self._folded = self._seen = 0
        self._records: dict[str, list[Told]] = defaultdict(list)
        self._messages: Counter[str] = Counter()
        self._revived()
        for number, is_user in ((0, False), (1, True), (0, True)):  # somebody is on the way
            self.happen(number, "begin", number, None, is_user=is_user, at_once=is_user)

    def _revived(self) -> None:
        self._model.read()  # before the log is

    def _learn(self) -> None:
        turned = (r.record.control for r in self._house.log if isinstance(r.record, Controlled))
        for control in turned:
            self._model.newest_control = control

    def _follow(self) -> None:
        """Let the model take what the pipeline has committed."""
        log, position = self._house.log, self._do(self._house.store.position())
        while self._folded < len(log) and log[self._folded].position <= position:
            self._model.fold(log[self._folded])
            self._folded += 1

    def _do(self, coroutine: Any) -> Any:
        return self._house.do(coroutine)

    # ---- what people do -------------------------------------------------------------------

    @rule(
        number=st.sampled_from([0, 1]),
        is_user=st.booleans(),
        name=st.sampled_from(MOVES),
        late_ms=st.sampled_from(LATE_MS),
        order=st.sampled_from([None, "a", "b"]),
        at_once=st.booleans(),
    )
    def happen(
        self,
        number: int,
        name: str,
        late_ms: int,
        order: str | None,
        *,
        is_user: bool,
        at_once: bool,
    ) -> None:
        """Tell what somebody did: now, a while ago, or by a clock that is ahead."""
        props = {} if order is None else {"order": order}
        told = event(1, at_ms=self._house.now_ms - late_ms, name=name, props=props)
        self._house.send(
            f"d-{number}", (VISITORS[number], USERS[number] if is_user else None), told
        )
        if at_once:
            self.process(64, 1)

    @rule(number=st.sampled_from([0, 1]), user_id=st.sampled_from(USERS))
    def log_in(self, number: int, user_id: str) -> None:
        """Let a visitor turn out to be somebody."""
        told = event(1, "identify", self._house.now_ms, user_id=user_id)
        self._house.send(f"d-{number}", (VISITORS[number], None), told)

    @rule(which=st.integers(0, 99))
    def send_again(self, which: int) -> None:
        """Repeat a batch: the answer was lost."""
        self._house.send_again(which)

    # ---- what operators and machines do ---------------------------------------------------

    @rule(edition=st.sampled_from(EDITIONS))
    def redeploy(self, edition: dict[str, Any]) -> None:
        """Publish the journey anew while runs wait."""
        self._house.publish(edition)
        self._model.publish(self._house.version, self._house.doc)

    @rule(
        action=st.sampled_from(["pause", "pause", "resume", "resume", "close", "open", "stop"]),
        mode=st.sampled_from(["hold", "hold", "discard"]),
    )
    def turn(self, action: Action, mode: Mode) -> None:
        """Turn a switch of the journey while it is live."""
        self._house.turn(action, mode)
        self._learn()

    @rule(by_ms=st.sampled_from(JUMPS_MS))
    def clock(self, by_ms: int) -> None:
        """Let time pass, or the clock be set."""
        self._house.move(by_ms)

    @rule(bite=st.sampled_from([1, 2, 3, 64]), steps=st.integers(1, 3))
    def process(self, bite: int, steps: int) -> None:
        """Let the pipeline take groups of any size."""
        self._house.frail.bite = bite
        for _ in range(steps):
            self._house.process()
        self._follow()

    @rule(by_ms=st.sampled_from([0, *JUMPS_MS]))
    def live(self, by_ms: int) -> None:
        """Let time pass for a gateway that is well, until there is nothing to do."""
        self._house.move(by_ms)
        self._settle()

    @rule(
        fall=st.sampled_from(["before", "after"]),
        name=st.sampled_from(MOVES),
        number=st.sampled_from([0, 1]),
        goes_on=st.booleans(),
    )
    def crash(self, fall: Fall, name: str, number: int, *, goes_on: bool) -> None:
        """Fall at the commit of what happens; the process dies of it, or finds its store again."""
        self.happen(number, name, 0, None, is_user=True, at_once=False)
        self._house.frail.fall = fall
        try:
            self._house.process()
        except StoreUnavailableError:
            self._follow()
            if not goes_on:
                self.restart()
        self._house.frail.fall = ""

    @rule()
    def restart(self) -> None:
        """Lose everything that is held in memory."""
        self._house.restart()
        self._revived()

    @rule(most=st.sampled_from([1, 500]))
    def ring(self, most: int) -> None:
        """Let timers that are due fire, perhaps not all of them."""
        self._house.ring(most)

    @precondition(lambda self: self._model.wanted)
    @rule(most=st.sampled_from([1, 9]), goes_well=st.booleans())
    def deliver(self, most: int, *, goes_well: bool) -> None:
        """Let due messages go; the provider takes them or refuses."""
        self._house.deliver(most, goes_well=goes_well)

    def _watch(self, facts: ClaimFacts, verdict: Verdict) -> None:
        run = next(r for r in self._model.all if r.run_id == facts.message.run_id)
        if verdict.outcome == "send":
            assert run.ended not in LEFT_BY, "a message of a run that has ended would go"

    # ---- what must hold -------------------------------------------------------------------

    @invariant()
    def runs_are_those_of_the_model(self) -> None:
        """At every commit: where each run stands, and under each key at most one lives."""
        held = {}
        for person_id, person in self._do(self._house.store.persons(EVERYBODY)).items():
            for key, run in person.runs.items():
                at = run.at
                where = (at.step_id, at.since_ms, at.wakes_ms, run.open) if at else (run.outcome,)
                held[person_id, key] = (run.run_id, run.version, run.entered_ms, *where)
        expected = {
            (person_id, key): run.stands()
            for person_id, runs in self._model.runs.items()
            for key, run in runs.items()
        }
        assert held == expected

    @invariant()
    def records_and_messages_are_those_of_the_model(self) -> None:
        """At every commit: each step is on record once, in order, each message is wanted once."""
        while found := self._do(self._house.store.records(self._seen, 1000)):
            self._seen = found[-1].cursor
            for row in found:
                if row.kind == "step":
                    self._note(row.person_id, row.subject, row.body)
        became = self._model.became
        for name in [name for name in self._records if name in became]:
            self._records[became[name]] += self._records.pop(name)
        runs = {run.run_id for run in self._model.all}
        told = {name: rows for name, rows in self._model.told.items() if rows}
        assert {n: self._records[n] for n in runs} == {n: told[n] for n in runs}
        refused = {n: sorted(rows) for n, rows in self._records.items() if n not in runs}
        assert refused == {n: sorted(rows) for n, rows in told.items() if n not in runs}
        assert self._messages == Counter(self._model.wanted)

    def _note(self, person_id: str, run_id: str, body: dict[str, Any]) -> None:
        is_out = body["outcome"] == "not_entered"
        due = str(body["due_ms"]) if body["outcome"] == "waits" else ""
        told = (body["step_id"], body["outcome"], due or body["reason"] or body["way"])
        self._records[person_id if is_out else run_id].append(told)
        self._messages.update(body["message_ids"])

    def teardown(self) -> None:
        """Let everything happen that is due, then let years pass: every run comes to its end."""
        if not hasattr(self, "_messages"):
            return
        try:
            self.turn("open", "hold")
            self.turn("resume", "hold")
            self._settle()
            late = [r.run_id for r in self._living() if r.wakes_ms <= self._house.now_ms]
            assert late == [], "a timer did not ring"
            for _ in range(3):  # a message that is wanted at the end is claimed after it
                self._house.move(self._house.top_ms - self._house.now_ms + 100 * DAY_MS)
                self._settle()
            self._check_end()
        finally:
            self._house.close()

    def _settle(self) -> None:
        house = self._house
        house.frail.bite = 64
        is_busy = True
        while is_busy:
            is_busy = house.tick()
            is_busy |= house.process()
            self._follow()
            is_busy |= house.deliver()
        self.runs_are_those_of_the_model()
        self.records_and_messages_are_those_of_the_model()

    def _living(self) -> list[Any]:
        return [run for run in self._model.all if not run.ended]

    def _check_end(self) -> None:
        store = self._house.store
        assert self._living() == []
        assert self._do(store.runs.versions()) == set()
        assert self._do(store.next_due_ms()) is None
        ends = Counter(n for n, rows in self._records.items() for r in rows if r[1] == "ended")
        assert ends == dict.fromkeys((run.run_id for run in self._model.all), 1)
        tallies = self._do(store.broadcasts.tallies())
        assert tallies.get((JOURNEY, "running"), 0) == 0
        assert tallies.get((JOURNEY, "step seat"), 0) == self._model.taken["seat"] <= 1
        assert tallies.get((JOURNEY, "total"), 0) == len(self._model.all)


class LongRunMachine(RunMachine):
    """The same, for ``make test-long``."""


TestRunMachine = pytest.mark.timeout(300)(
    pytest.mark.guarantee("R10", "R22")(RunMachine.TestCase)  # two thousand steps
)
TestRunMachine.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestLongRunMachine = pytest.mark.long(
    pytest.mark.timeout(3600)(pytest.mark.guarantee("R10", "R22")(LongRunMachine.TestCase))
)
TestLongRunMachine.settings = settings(max_examples=400, stateful_step_count=50, deadline=None)
