"""
Run house: the insides of a gateway in which journeys run, with every moment in the test's hand.

Door, pipeline, timers, claims and stores are the real ones; the process around them dies and comes
back as often as a test likes. Whatever is appended to the log is kept for whoever wants to tell
it again.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from contract.store_kit import rooms, settles
from fencepost_gateway.clock import ManualClock
from fencepost_gateway.decide.claim import judge
from fencepost_gateway.decide.control import Action, Mode, turned
from fencepost_gateway.decide.message import ClaimFacts, Verdict
from fencepost_gateway.decide.rendered import Rendered
from fencepost_gateway.documents.yaml_text import parse
from fencepost_gateway.intake.admission import House
from fencepost_gateway.intake.admit import admit
from fencepost_gateway.intake.records import LogRecord
from fencepost_gateway.metrics import Metrics
from fencepost_gateway.ports import Act, AdmitRequest, DocumentRow, Store
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.stores.sqlite import open_sqlite
from fencepost_gateway.workers.pipeline import Pipeline
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.timers import Timers
from fencepost_gateway.workers.wakes import Wakes
from gateway.batches import NOW_MS, batch
from gateway.policies import WORKSPACE
from gateway.rig import OPEN_POLICY
from gateway.workers.frail import Frail, as_store

JOURNEY = "trip"
EDITIONS: list[dict[str, Any]] = [
    parse(text)[0][0].value
    for text in (
        """
        {reentry: after_end, lifetime: 5d, steps: [
          {id: rest, wait: {for_duration: 2h}},
          {id: hello, message: {template: words, channels: [in_app]}},
          {id: ask,
            wait: {for: {agrees: {event: agrees}, declines: {event: declines}}, timeout: 1d},
            then: {agrees: seat, declines: end, timeout: nudge}},
          {id: nudge, message: {template: words, channels: [in_app]}, then: {withheld: rest}},
          {to: ask},
          {id: seat, limit: {to: 1}, then: {full: end}},
          {id: prize, message: {template: words, channels: [in_app]}, then: {withheld: end}},
          {id: last, wait: {for_duration: 3h}}]}
        """,
        """
        {reentry: always, lifetime: 2d, steps: [
          {id: ask, wait: {for: {agrees: {event: agrees}}, timeout: 1h}, then: {timeout: nudge}},
          {id: seat, limit: {to: 1}, then: {full: end}},
          {id: prize, message: {template: words, channels: [in_app]}},
          {id: last, wait: {for_duration: 3h}},
          {to: end},
          {id: nudge, message: {template: words, channels: [in_app]}},
          {id: rest, wait: {for_duration: 2h}},
          {to: ask}]}
        """,
        """
        {reentry: {after: 1d}, lifetime: 1d, instance: order, steps: [
          {id: rest, wait: {for_duration: 3d}},
          {id: never, message: {template: words, channels: [in_app]}}]}
        """,
        """
        {reentry: never, lifetime: 30d, steps: [
          {id: hello, message: {template: words, channels: [in_app]}},
          {id: rest, wait: {for_duration: 29d}},
          {id: nudge, message: {template: words, channels: [in_app]}}]}
        """,
    )
]
HEAD = {
    "kind": "journey",
    "id": JOURNEY,
    "entry": {"event": "begin"},
    "goal": {"event": "bought", "within": "3d"},
    "exit_on": [{"event": "left"}],
}
WORDS = {
    "kind": "template",
    "id": "words",
    "purpose": "transactional",
    "in_app": {"layout": "banner", "title": "hi", "body": "hi"},
}
OTHERS = (("template", "words", WORDS), ("policy", "default", parse(OPEN_POLICY)[0][0].value))


class RunHouse:
    """One gateway's insides."""

    def __init__(self, kind: str, edition: dict[str, Any]) -> None:
        """Open a store of a kind, with one edition of the journey published."""
        self._folder = tempfile.TemporaryDirectory()
        self._runner = asyncio.Runner()
        self.kind = kind
        self.log = list[LogRecord]()
        self.now_ms = self.top_ms = NOW_MS
        self.version, self.doc = 0, edition
        self.watch: Callable[[ClaimFacts, Verdict], None] = lambda _facts, _verdict: None
        self._seq: Counter[str] = Counter()
        self._sent: list[AdmitRequest] = []
        self.frail = Frail(self.do(self._open()))
        self.store = as_store(self.frail)
        self.publish(edition, *OTHERS)
        self.revive()

    async def _open(self) -> Store:
        path = Path(self._folder.name) / "data"
        return MemoryStore() if self.kind == "memory" else open_sqlite(path)

    def do(self, coroutine: Any) -> Any:
        """Run what is asynchronous to its end."""

        async def run() -> Any:
            return await coroutine

        return self._runner.run(run())

    def close(self) -> None:
        """Let go of everything."""
        self.do(self.store.close())
        self._runner.close()
        self._folder.cleanup()

    def revive(self) -> None:
        """Begin a process: nothing is known but what the store holds, documents first."""
        self._clock, wakes = ManualClock(self.now_ms), Wakes()
        self.plans = Plans("seed")
        self.do(self.plans.load(self.store))
        self._pipeline = Pipeline(self.store, self.plans, WORKSPACE, self._clock, wakes, Metrics())
        self._timers = Timers(self.store, self.plans, self._clock, wakes)

    def restart(self) -> None:
        """Lose everything that is held in memory; the file is opened anew."""
        if self.kind == "sqlite":
            self.do(self.store.close())
            self.frail.within = self.do(self._open())
        self.revive()

    def publish(self, edition: dict[str, Any], *others: tuple[str, str, Any]) -> None:
        """Publish an edition of the journey as its next version."""
        self.version += 1
        self.doc = HEAD | edition
        rows = [
            DocumentRow(kind, name, version, msgspec.json.encode(body), self.now_ms, NOW_MS)
            for kind, name, version, body in (
                ("journey", JOURNEY, self.version, self.doc),
                *((kind, name, 1, body) for kind, name, body in others),
            )
        ]
        self.do(self.store.publish(rows, self.now_ms))
        self._learn()

    def turn(self, action: Action, mode: Mode) -> None:
        """Turn a switch of the journey."""
        act = Act(0, self.now_ms, "operator", action, JOURNEY)
        self.do(
            self.store.journeys.steer(act, lambda seen: turned(seen, action, mode, self.now_ms))
        )
        self._learn()

    def _learn(self) -> None:
        """Keep what is new in the log; the store lets go of what it has processed."""
        read = self.log[-1].position if self.log else 0
        while found := self.do(self.frail.within.read_log(read, 100)):
            self.log += found
            read = found[-1].position

    def move(self, by_ms: int) -> None:
        """Let time pass, or the clock be set."""
        self.now_ms += by_ms
        self.top_ms = max(self.top_ms, self.now_ms)
        self._clock.move_to(self.now_ms)

    def send(self, device: str, who: tuple[str, str | None], told: dict[str, Any]) -> None:
        """Bring one event to the door, and keep what it made of the log."""
        self.do(self.admit(device, who, told))
        self._learn()

    async def admit(self, device: str, who: tuple[str, str | None], told: dict[str, Any]) -> None:
        """Bring one event to the door."""
        self._seq[device] += 1
        told = {**told, "seq": self._seq[device], "event_id": f"{device}-{self._seq[device]}"}
        found = batch(
            told, anonymous_id=who[0], user_id=who[1], device_id=device, sent_ms=self.now_ms
        )
        house = House(WORKSPACE, self.plans.plan.every_policy, merging="on_login")
        at_ms = self.now_ms
        request = AdmitRequest(
            device, b"s", found.stream, lambda facts: admit(found, house, facts, at_ms), at_ms
        )
        self._sent.append(request)
        await self.store.admit(request)

    def send_again(self, which: int) -> None:
        """Repeat one of the batches."""
        if self._sent:
            self.do(self.store.admit(self._sent[which % len(self._sent)]))
            self._learn()

    def process(self) -> bool:
        """Let the pipeline take a group."""
        return bool(self.do(self._pipeline.step()))

    def ring(self, most: int = 500) -> int:
        """Let timers that are due fire, at most so many; gives how many did."""
        fired = int(self.do(self.store.fire_timers(self.now_ms, most)))
        self._learn()
        return fired

    def tick(self) -> bool:
        """Do everything the loop of timers does."""
        fired = bool(self.do(self._timers.step()))
        self._learn()
        return fired

    def deliver(self, most: int = 9, *, goes_well: bool = True) -> bool:
        """Let due messages go, by the real claim; the provider takes them or refuses."""
        before = len(self.log)
        for due in self.do(self.store.due(self.now_ms, rooms(most))):
            found = self.do(self.store.claim(due.message_id, self._judge, self.now_ms))
            if found is None or found.verdict.outcome != "send":
                continue
            outcome, settle = settles("sent" if goes_well else "rejected", self.now_ms)
            token = (found.delivery_id, found.lease_token, outcome, settle, self.now_ms)
            self.do(self.store.confirm(*token, inbox={"title": "x"} if goes_well else None))
        self._learn()
        return len(self.log) > before

    def _judge(self, facts: ClaimFacts) -> Verdict:
        verdict = judge(self.plans.plan, facts, {"in_app": Rendered()}, self.now_ms)
        self.watch(facts, verdict)
        return verdict
