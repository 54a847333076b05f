"""
Who is who, under whatever order of batches hypothesis thinks of: door, pipeline and store together.

Devices come as visitors, log in, log out, repeat batches and are two for one visitor, while the
pipeline lags behind. Beside it runs a model of a few lines: who is whom, and what each may count.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contract.store_kit import rooms, sends, settles
from fencepost_gateway.clock import ManualClock
from fencepost_gateway.intake.admission import House
from fencepost_gateway.intake.admit import admit
from fencepost_gateway.metrics import Metrics
from fencepost_gateway.ports import AdmitRequest, DocumentRow, Store
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.stores.sqlite import open_sqlite
from fencepost_gateway.workers.pipeline import Pipeline
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.wakes import Wakes
from gateway.batches import NOW_MS, batch, consent, event, user, visitor
from gateway.policies import WORKSPACE

VISITORS = ("a-1", "a-2", "a-3")
USERS = ("u-1", "u-2")
DEVICES = ("d-1", "d-2")
EVERYBODY = (*map(visitor, VISITORS), *map(user, USERS))
devices = st.sampled_from(DEVICES)
visitors = st.sampled_from(VISITORS)
users = st.none() | st.sampled_from(USERS)
STRICT = {"y": 0, "p": 1, "n": 2}
DOCUMENTS = (
    ("campaign", "hello", {
        "kind": "campaign", "id": "hello", "entry": {"event": "opened"},
        "message": {"template": "words", "channels": ["sms"]}, "goal": "none",
    }),
    ("template", "words", {
        "kind": "template", "id": "words", "purpose": "transactional", "sms": {"text": "hi"},
    }),
)  # fmt: skip


class Model:
    """Who became whom, and what was said by whom; a merge adds it up."""

    def __init__(self) -> None:
        self.became: dict[str, str] = {}
        self.events: Counter[str] = Counter()
        self.consent: dict[str, str] = {}
        self.numbers: dict[str, set[str]] = {}
        self.apart: set[tuple[str, str]] = set()

    def now(self, person_id: str) -> str:
        """Say who somebody is by now."""
        return self.became.get(person_id, person_id)

    def login(self, visitor_id: str, known: str, *, joins: bool) -> None:
        """Let a visitor be somebody."""
        if visitor_id in self.became:
            return
        if not joins:
            self.apart.add((visitor_id, known))
            return
        self.became[visitor_id] = known
        self.events[known] += self.events.pop(visitor_id, 0)
        self.numbers.setdefault(known, set()).update(self.numbers.pop(visitor_id, set()))
        said = [self.consent[p] for p in (visitor_id, known) if p in self.consent]
        self.consent.pop(visitor_id, None)
        if said:
            self.consent[known] = max(said, key=STRICT.__getitem__)


class IdentityMachine(RuleBasedStateMachine):
    """One store, one model."""

    @initialize(
        kind=st.sampled_from(["memory", "sqlite"]),
        policy=st.sampled_from(["on_login", "on_login", "never", "explicit"]),
    )
    def open(self, kind: str, policy: Any) -> None:
        """Begin with an empty store under one merge policy."""
        self._folder = tempfile.TemporaryDirectory()
        self._runner = asyncio.Runner()
        self._policy = policy
        self._model = Model()
        self._sent: list[tuple[AdmitRequest, Any]] = []
        self._seq: Counter[str] = Counter()
        self._delivered: set[str] = set()
        self._now_ms = NOW_MS
        self._runner.run(self._open(kind))

    async def _open(self, kind: str) -> None:
        path = Path(self._folder.name) / "data"
        self._store: Store = MemoryStore() if kind == "memory" else open_sqlite(path)
        rows = [
            DocumentRow(each, name, 1, msgspec.json.encode(body), NOW_MS, NOW_MS)
            for each, name, body in DOCUMENTS
        ]
        await self._store.publish(rows, NOW_MS)
        self._plans = Plans("seed")
        self._new_pipeline()

    def _new_pipeline(self) -> None:
        clock, wakes = ManualClock(self._now_ms), Wakes()
        self._pipeline = Pipeline(self._store, self._plans, WORKSPACE, clock, wakes, Metrics())

    def _run(self, coroutine: Any) -> Any:
        async def run() -> Any:
            return await coroutine

        return self._runner.run(run())

    # ---- what devices do ------------------------------------------------------------------

    def _send(self, device: str, anonymous_id: str, user_id: str | None, *told: Any) -> None:
        self._now_ms += 1
        numbered = []
        for each in told:
            self._seq[device] += 1
            numbered.append({**each, "seq": self._seq[device], "event_id": f"e{self._now_ms}"})
        found = batch(
            *numbered,
            anonymous_id=anonymous_id,
            user_id=user_id,
            device_id=device,
            sent_ms=self._now_ms,
        )
        house = House(WORKSPACE, self._plans.plan.every_policy, merging=self._policy)
        at_ms = self._now_ms
        request = AdmitRequest(
            device, b"s", found.stream, lambda facts: admit(found, house, facts, at_ms), at_ms
        )
        self._sent.append((request, found))
        self._run(self._store.admit(request))

    def _owner(self, anonymous_id: str, user_id: str | None) -> str:
        return user(user_id) if user_id else self._model.now(visitor(anonymous_id))

    @rule(device=devices, anonymous_id=visitors, user_id=users, times=st.integers(1, 3))
    def track(self, device: str, anonymous_id: str, user_id: str | None, times: int) -> None:
        """Report app events."""
        told = [event(1, at_ms=self._now_ms) for _ in range(times)]
        self._send(device, anonymous_id, user_id, *told)
        self._model.events[self._owner(anonymous_id, user_id)] += times

    @rule(device=devices, anonymous_id=visitors, user_id=users, value=st.sampled_from("yn"))
    def say(self, device: str, anonymous_id: str, user_id: str | None, value: str) -> None:
        """State consent."""
        self._now_ms += 600_000  # clocks apart: the later one wins
        self._send(device, anonymous_id, user_id, consent(1, self._now_ms, marketing=value))
        self._model.consent[self._owner(anonymous_id, user_id)] = value

    @rule(
        device=devices, anonymous_id=visitors, user_id=users, number=st.sampled_from(["+1", "+2"])
    )
    def have_number(self, device: str, anonymous_id: str, user_id: str | None, number: str) -> None:
        """Tell a phone number."""
        told = event(1, "address", self._now_ms, channel="sms", address=number)
        self._send(device, anonymous_id, user_id, told)
        numbers = self._model.numbers.setdefault(self._owner(anonymous_id, user_id), set())
        numbers.add(number)

    @rule(
        device=devices,
        anonymous_id=visitors,
        user_id=st.sampled_from(USERS),
        around=st.tuples(st.integers(0, 2), st.integers(0, 2)),
        how=st.tuples(st.booleans(), st.booleans()),
    )
    def log_in(
        self,
        device: str,
        anonymous_id: str,
        user_id: str,
        around: tuple[int, int],
        how: tuple[bool, bool],
    ) -> None:
        """Identify in the middle of a batch, perhaps with the flag, or under the user's name."""
        (before, after), (in_envelope, asks) = around, how
        flag = {"merge": True} if asks else {}
        told = [event(1, at_ms=self._now_ms) for _ in range(before + after)]
        told.insert(before, event(1, "identify", self._now_ms, user_id=user_id, **flag))
        envelope_user = user_id if in_envelope else None
        first = self._owner(anonymous_id, envelope_user)
        was_joined = visitor(anonymous_id) in self._model.became
        joins = self._policy == "on_login" or (self._policy == "explicit" and asks)
        # A batch is one upload: what it told before belongs to whom it ends with, unless the two
        # are kept apart.
        self._send(device, anonymous_id, envelope_user, *told)
        parts = not joins and not was_joined
        self._model.events[first if parts else user(user_id)] += before
        self._model.events[user(user_id)] += after
        self._model.login(visitor(anonymous_id), user(user_id), joins=joins)

    @rule(which=st.integers(0, 99))
    def send_again(self, which: int) -> None:
        """Repeat a batch: the answer was lost."""
        if self._sent:
            self._run(self._store.admit(self._sent[which % len(self._sent)][0]))

    # ---- what the gateway does ------------------------------------------------------------

    @rule()
    def process(self) -> None:
        """Let the pipeline take what there is."""
        while self._run(self._pipeline.step()):
            pass

    @rule()
    def restart(self) -> None:
        """Lose everything the pipeline holds in memory."""
        self._new_pipeline()

    @rule()
    def deliver(self) -> None:
        """Let due messages go, by claim and confirm, into the inbox."""
        self._run(self._pipeline.step())
        for due in self._run(self._store.due(self._now_ms, rooms(9))):
            found = self._run(self._store.claim(due.message_id, sends(self._now_ms), self._now_ms))
            if found is None:
                continue
            outcome, settle = settles("sent", self._now_ms)
            token = (found.delivery_id, found.lease_token, outcome, settle, self._now_ms)
            self._run(self._store.confirm(*token, inbox={"title": "x"}))
            self._delivered.add(found.delivery_id)

    # ---- what must hold -------------------------------------------------------------------

    @invariant()
    def statements_are_those_of_the_model(self) -> None:
        """Consent is in force when the batch is answered, merged strictest."""
        for person_id in EVERYBODY:
            entries = self._run(self._store.consents(person_id))
            value = next((e.value for e in entries if e.purpose == "marketing"), None)
            assert value == self._model.consent.get(self._model.now(person_id)), person_id

    @invariant()
    def devices_speak_for_who_their_person_is_by_now(self) -> None:
        """No device is left behind with a visitor who is somebody."""
        for device in DEVICES:
            person_id = self._run(self._store.person_of_device(device, b"s"))
            assert person_id not in self._model.became

    def teardown(self) -> None:
        """Let everything happen, then count."""
        if not hasattr(self, "_store"):
            return
        try:
            while self._run(self._pipeline.step()):
                pass
            self._check_all()
        finally:
            self._run(self._store.close())
            self._runner.close()
            self._folder.cleanup()

    def _check_all(self) -> None:
        model = self._model
        persons = self._run(self._store.persons(EVERYBODY))
        counted = {
            name: person.summaries["opened"].count
            for name, person in persons.items()
            if "opened" in person.summaries
        }
        assert counted == {name: n for name, n in model.events.items() if n}
        assert self._run(self._store.resolve(EVERYBODY)) == model.became
        for person_id in EVERYBODY:
            held = self._run(self._store.people.holdings(person_id))
            if person_id in model.became:
                assert (held.addresses, held.slots) == ((), ()), "rows were left behind"
                assert self._run(self._store.people.newest_story(person_id, 9)) == []
                continue
            assert len(held.addresses) == len(model.numbers.get(person_id, ()))
        slots = [
            slot.slot_id
            for person_id in EVERYBODY
            if person_id not in model.became
            for slot in self._run(self._store.people.holdings(person_id)).slots
        ]
        assert len(slots) == len(set(slots)) == len(self._delivered)
        self._check_runs(persons)
        self._check_records()

    def _check_runs(self, persons: Any) -> None:
        """Nobody is in the campaign twice: what is to be sent is of the one run that stayed."""
        for due in self._run(self._store.due(self._now_ms, rooms(10_000))):
            facts = self._run(self._store.peek(due.message_id))
            person = persons[facts.message.person_id]
            stays = person.runs["hello"].run_id
            assert facts.message.run_id == stays or facts.message.run_id in person.dropped
            assert stays not in person.dropped

    def _check_records(self) -> None:
        """Each visitor who logged in left one record that says what became of them."""
        rows = [r for r in self._run(self._store.records(0, 10_000)) if r.kind == "merge"]
        joined = {r.subject: r.person_id for r in rows if r.body["outcome"] == "joined"}
        apart = [(r.subject, r.person_id) for r in rows if r.body["outcome"] == "kept_apart"]
        assert joined == self._model.became
        assert len(apart) == len(set(apart))
        assert set(apart) == self._model.apart


TestIdentityMachine = IdentityMachine.TestCase
TestIdentityMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
