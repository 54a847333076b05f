"""
The SQLite store against the memory store, under whatever order of calls hypothesis thinks of.

After every call both give the same answer; closing and opening the file again changes nothing.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from operator import methodcaller
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from contract.store_kit import (
    SECRET,
    address,
    defers,
    effects,
    lost,
    message,
    record,
    rooms,
    sends,
    settles,
    transition,
    upload,
    withholds,
)
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.ranking import Ranking
from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.intake.records import Published
from fencepost_gateway.ports import AddressChange, AddressMove, Claimed, DocumentRow, Store, Timer
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.stores.sqlite import open_sqlite
from gateway.batches import MINUTE_MS, NOW_MS, consent, event, user, visitor

VISITORS = ("a-1", "a-2")
PEOPLE = (*map(visitor, VISITORS), user("u-1"), user("u-2"))
DEVICES = ("device-1", "device-2")
MESSAGES = tuple(f"m-{n}" for n in range(5))
FAMILIES = ("sent", "gone", "opted_out", "rejected", "unavailable", "unknown")

people = st.sampled_from(PEOPLE)
devices = st.sampled_from(DEVICES)
messages = st.sampled_from(MESSAGES)
seqs = st.integers(1, 6)
refs = st.sampled_from(["ref-1", "ref-2"])
bodies = st.one_of(
    st.builds(event, seqs),
    st.builds(lambda s, v: consent(s, marketing=v), seqs, st.sampled_from("ynp")),
    st.builds(lambda s, u: event(s, "identify", user_id=u), seqs, st.sampled_from(["u-1", "u-2"])),
    st.builds(lambda s: event(s, "nonsense"), seqs),
)


def asking_people(name: str, *asked: Any) -> Callable[[Store], Awaitable[Any]]:
    """Call a method of ``Store.people``."""
    return lambda store: methodcaller(name, *asked)(store.people)


class StoreMachine(RuleBasedStateMachine):
    """One model, one file."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._runner = asyncio.Runner()
        self._now_ms = NOW_MS
        self._leased: list[Claimed] = []

    @initialize()
    def open(self) -> None:
        """Begin with two empty stores."""
        self._model: Store = MemoryStore()
        self._real: Store = self._run(self._open())

    async def _open(self) -> Store:
        return open_sqlite(Path(self._folder.name) / "data")

    def _run(self, coroutine: Any) -> Any:
        async def run() -> Any:
            return await coroutine

        return self._runner.run(run())

    def _both(self, call: Callable[[Store], Awaitable[Any]]) -> Any:
        """Make one call on both stores; they agree, in what they give or in what they raise."""
        answers = []
        for store in (self._model, self._real):
            try:
                answers.append(self._run(call(store)))
            except StoreUnavailableError:
                answers.append(StoreUnavailableError)

        assert answers[0] == answers[1]
        return answers[0]

    # ---- rules ----------------------------------------------------------------------------

    @rule(ms=st.sampled_from([1, MINUTE_MS, 10 * MINUTE_MS]))
    def time_passes(self, ms: int) -> None:
        """Let the clock run."""
        self._now_ms += ms

    @rule(
        said=st.lists(bodies, max_size=4),
        device_id=devices,
        anonymous_id=st.sampled_from(VISITORS),
        user_id=st.sampled_from([None, None, "u-1"]),
        secret=st.sampled_from([SECRET, SECRET, SECRET, b"x" * 32]),
    )
    def upload(
        self, said: Any, device_id: str, anonymous_id: str, user_id: str | None, secret: bytes
    ) -> None:
        """Bring a batch to the door."""
        asked = upload(
            *said,
            device_id=device_id,
            anonymous_id=anonymous_id,
            user_id=user_id,
            secret=secret,
            received_ms=self._now_ms,
            sent_ms=self._now_ms,
        )
        self._both(lambda s: s.admit(asked))

    @rule(wanted=st.lists(messages, max_size=3), person_id=people, priority=st.integers(49, 51))
    def want(self, wanted: list[str], person_id: str, priority: int) -> None:
        """Commit messages, a person, a track and records."""
        found = [message(m, person_id, priority) for m in wanted]
        person = Person(person_id, attributes={"at": self._now_ms})
        rows = [record(m, person_id) for m in wanted]
        rows.append(transition("v-1", self._now_ms, person_id))
        position = self._run(self._model.position()) + 1
        done = effects(
            position,
            *found,
            now_ms=self._now_ms,
            persons={person_id: person},
            tracks={person_id: b"%d" % position},
            records=rows,
        )
        self._both(lambda s: s.commit(done))

    @rule(person_id=people, ref=refs, gone=st.booleans())
    def change_address(self, person_id: str, ref: str, *, gone: bool) -> None:
        """Let an address appear or go."""
        change = address(person_id, ref, self._now_ms)
        if gone:
            change = AddressChange(person_id, "sms", ref, None, "device-1", self._now_ms)
        self._both(lambda s: s.commit(effects(1, addresses=[change])))

    @rule(person_id=people, device_id=devices, ref=refs, moves=st.booleans())
    def change_subscription(self, person_id: str, device_id: str, ref: str, *, moves: bool) -> None:
        """Let a browser's subscription appear, or go with its device."""
        raw = {"subscription": {"endpoint": ref}}
        appears = AddressChange(person_id, "web_push", ref, raw, device_id, self._now_ms)
        change = AddressMove(device_id, person_id) if moves else appears
        self._both(lambda s: s.commit(effects(1, addresses=[change])))

    @rule(visitor_id=st.sampled_from(PEOPLE[:2]), person_id=st.sampled_from(PEOPLE[2:]))
    def merge(self, visitor_id: str, person_id: str) -> None:
        """Merge, whether the door has linked the two or not."""
        self._both(lambda s: s.commit(effects(1, merges=[(visitor_id, person_id)])))

    @rule(
        day=st.integers(1, 3),
        fence_id=st.sampled_from("ab"),
        counts=st.dictionaries(st.sampled_from(["enter", "flap"]), st.integers(1, 3), min_size=1),
        ahead=st.integers(0, 1),
    )
    def count(self, day: int, fence_id: str, counts: dict[str, int], ahead: int) -> None:
        """Count of a fence; at a position that was committed before it counts nothing."""
        position = self._run(self._model.position()) + ahead
        counted = {(day, fence_id): counts}
        self._both(lambda s: s.commit(effects(position, fence_days=counted)))

    @rule(
        day=st.integers(1, 3),
        audience_id=st.sampled_from("ab"),
        counts=st.dictionaries(
            st.sampled_from(["joined", "left", "filled", "cleared"]), st.integers(1, 3), min_size=1
        ),
        ahead=st.integers(0, 1),
    )
    def count_audience(
        self, day: int, audience_id: str, counts: dict[str, int], ahead: int
    ) -> None:
        """Count who joined and left; at a position that was committed before nobody."""
        position = self._run(self._model.position()) + ahead
        counted = {(day, audience_id): counts}
        self._both(lambda s: s.commit(effects(position, audience_days=counted)))

    @rule(key=st.sampled_from(["k1", "k2"]))
    def begin_sweep(self, key: str) -> None:
        """Begin a back-fill, or go on with it."""
        self._both(lambda s: s.audiences.begin_sweep(key))

    @rule(key=st.sampled_from(["k1", "k2"]))
    def define(self, key: str) -> None:
        """Keep definitions of audiences by their name."""
        self._both(lambda s: s.audiences.define(key, {"a": (key, "")}))

    @rule(limit=st.integers(1, 3))
    def advance_sweep(self, limit: int) -> None:
        """Touch the next persons."""
        self._both(lambda s: s.audiences.advance_sweep(limit, self._now_ms))

    @rule(trait_id=st.sampled_from("tu"), persons=st.integers(0, 3))
    def rank(self, trait_id: str, persons: int) -> None:
        """Store a ranking."""
        ranking = Ranking("k", self._now_ms, persons, r=((1.0, "a"),) * persons)
        self._both(lambda s: s.audiences.put_ranking(trait_id, ranking, self._now_ms))

    @rule(person_id=people, after_ms=st.none() | st.integers(0, MINUTE_MS))
    def set_person_timer(self, person_id: str, after_ms: int | None) -> None:
        """Set, move or clear the timer of a person."""
        due_ms = None if after_ms is None else self._now_ms + after_ms
        self._both(lambda s: s.commit(effects(1, person_timers={person_id: due_ms})))

    @rule(device_id=devices, person_id=people, after_ms=st.none() | st.integers(0, MINUTE_MS))
    def set_timer(self, device_id: str, person_id: str, after_ms: int | None) -> None:
        """Set or clear a timer."""
        due_ms = self._now_ms + (after_ms or 0)
        timer = None if after_ms is None else Timer(device_id, person_id, due_ms)
        self._both(lambda s: s.commit(effects(1, timers={device_id: timer})))

    @rule(limit=st.integers(1, 2))
    def fire_timers(self, limit: int) -> None:
        """Fire what is due."""
        self._both(lambda s: s.fire_timers(self._now_ms, limit))

    @rule(message_id=messages, how=st.sampled_from(["send", "send", "withhold", "defer"]))
    def claim(self, message_id: str, how: str) -> None:
        """Judge a message."""
        now_ms = self._now_ms
        judges = {"send": sends(now_ms), "withhold": withholds, "defer": defers(now_ms + 5)}
        found = self._both(lambda s: s.claim(message_id, judges[how], now_ms))
        if found is not None and found.delivery_id:
            self._leased.append(found)

    @rule(family=st.sampled_from(FAMILIES), which=st.integers(0, 9), shows=st.booleans())
    def confirm(self, family: str, which: int, *, shows: bool) -> None:
        """End a call, perhaps one that ended before."""
        if not self._leased:
            return
        now_ms, found = self._now_ms, self._leased[which % len(self._leased)]
        outcome, settle = settles(family, now_ms)
        inbox = {"title": "x"} if shows else None
        self._both(
            lambda s: s.confirm(
                found.delivery_id, found.lease_token, outcome, settle, now_ms, inbox=inbox
            )
        )

    @rule(everything=st.booleans())
    def reconcile(self, *, everything: bool) -> None:
        """End what nobody will confirm."""
        self._both(lambda s: s.reconcile(self._now_ms, lost(self._now_ms), all_leases=everything))

    @rule(ref=refs, on=st.booleans())
    def suppress_or_stop(self, ref: str, *, on: bool) -> None:
        """Put an address on the list, and turn the emergency stop."""
        self._both(lambda s: s.suppress("sms", ref, "stop", self._now_ms))
        self._both(lambda s: s.set_emergency_stop(on=on))

    @rule(
        names=st.lists(st.sampled_from("ab"), max_size=2),
        archived=st.booleans(),
        after=st.none() | st.integers(0, 2),
    )
    def publish(self, names: list[str], *, archived: bool, after: int | None) -> None:
        """Publish versions; one that is there fails, as does what an old revision was made of."""
        version = self._run(self._model.documents())[0] // 2 + 1
        state: Any = "archived" if archived else "live"
        rows = [DocumentRow("template", n, version, b"{}", 1, 1, state) for n in names]
        self._both(lambda s: s.publish(rows, self._now_ms, after=after))

    @rule()
    def append(self) -> None:
        """Append a record of the gateway's own."""
        self._both(lambda s: s.append(Published(0), self._now_ms))

    @rule()
    def close_and_reopen(self) -> None:
        """End the process and start it again: everything is there."""
        self._run(self._real.close())
        self._real = self._run(self._open())

    # ---- what must hold -------------------------------------------------------------------

    @invariant()
    def both_stores_hold_the_same(self) -> None:
        """Ask everything that can be asked."""
        now_ms = self._now_ms
        self._both(lambda s: s.read_log(0, 1000))
        self._both(lambda s: s.read_log(3, 2))
        self._both(lambda s: s.position())
        self._both(lambda s: s.counts())
        self._both(lambda s: s.due(now_ms, rooms(1000)))
        self._both(lambda s: s.next_due_ms())
        self._both(lambda s: s.persons(PEOPLE))
        self._both(lambda s: s.tracks(PEOPLE))
        self._both(lambda s: s.resolve(PEOPLE))
        self._both(lambda s: s.documents())
        self._both(lambda s: s.documents(archived=True))
        self._both(lambda s: s.versions("template", "ac"))
        self._both(lambda s: s.records(0, 1000))
        self._both(lambda s: s.fences.transitions((0, 0), 1000))
        self._both(lambda s: s.fences.transitions((NOW_MS, 5), 2))
        self._both(lambda s: s.fences.days(2))
        self._both(lambda s: s.fences.days(0, "bc"))
        self._both(lambda s: s.audiences.days(2))
        self._both(lambda s: s.audiences.days(0, "b"))
        self._both(lambda s: s.audiences.sizes())
        self._both(lambda s: s.audiences.sweep())
        self._both(lambda s: s.audiences.rankings())
        self._both(lambda s: s.audiences.sample(PEOPLE[0], 2))
        self._both(lambda s: s.audiences.persons_count())
        for message_id in MESSAGES:
            self._both(methodcaller("peek", message_id))
            self._both(methodcaller("records", 1, 9, subject=message_id))
        for person_id in PEOPLE:
            self._both(methodcaller("inbox", person_id, 0, now_ms))
            self._both(methodcaller("consents", person_id))
            self._both(asking_people("devices_of", person_id, 3))
            self._both(asking_people("statements", person_id, 5))
            self._both(asking_people("holdings", person_id))
            self._both(asking_people("newest_story", person_id, 3))
            self._both(asking_people("story", person_id, (NOW_MS, 1), now_ms + 1, 4))
        self._both(asking_people("persons_at", "sms", "ref-1", 9))
        self._both(asking_people("persons_at", "web_push", "ref-1", 1))
        for device_id in DEVICES:
            self._both(methodcaller("person_of_device", device_id, SECRET))

    def teardown(self) -> None:
        """Let go of file and loop."""
        self._run(self._real.close())
        self._runner.close()
        self._folder.cleanup()


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(max_examples=25, stateful_step_count=35, deadline=None)
