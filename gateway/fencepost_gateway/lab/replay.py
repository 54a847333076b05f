"""
Replay: real traces along real fences through the same core, on a virtual clock.

A memory store, the gateway's own pipeline and deliver worker, and drivers that only note what
they were asked to send. Each trace is a device and a person of its own.

Rule 1. It grants consent, and says so: a replay asks what would happen, not who allowed it.
Rule 2. Time is the trace's: a fix arrives the moment it was taken, timers and deferred messages
        come due in between and after, for a day.
Rule 3. Nothing is sent and nothing is kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct

from fencepost_channels.driver import DriverIO, DriverSpec, Send
from fencepost_channels.errors import Outcome, Sent
from fencepost_channels.message import Channel, Outgoing
from fencepost_gateway.clock import ManualClock
from fencepost_gateway.documents.document import Document
from fencepost_gateway.intake.admission import Admission, AdmitFacts, House
from fencepost_gateway.intake.admit import admit
from fencepost_gateway.intake.wire import Batch, Context, Who
from fencepost_gateway.lab.tracks import TrackPoint
from fencepost_gateway.metrics import Metrics
from fencepost_gateway.ports import AdmitRequest, DocumentRow, RecordRow
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.workers.deliver import Deliver
from fencepost_gateway.workers.lanes import Lane
from fencepost_gateway.workers.pipeline import Pipeline
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.timers import Timers
from fencepost_gateway.workers.wakes import Wakes

WORKSPACE = "replay"
SEED = "replay"
AFTERWARDS_MS = 86_400_000
PAGE = 1000

GRANTED = (
    "collect",
    "personalisation",
    "marketing",
    "location_collect",
    "location_precise",
    "location_marketing",
)
ADDRESSES: dict[str, dict[str, Any]] = {
    "email": {"address": "person@example.com"},
    "sms": {"address": "+15550100"},
    "web_push": {"subscription": {"endpoint": "https://push.example.com/replay"}},
}


class Played(Struct, frozen=True):
    """One record of a replay with the name of its trace."""

    track: str
    row: RecordRow


class Replay:
    """One run over documents and traces."""

    def __init__(self, documents: Sequence[Document], zone: str, start_ms: int) -> None:
        """
        Prepare a run.

        Args:
            documents: Fences, campaigns and the rest, checked.
            zone: The zone everybody is in; nothing is assumed silently.
            start_ms: Where the clock starts, epoch milliseconds.

        """
        self._documents = documents
        self._context = Context(zone=zone)
        self._clock = ManualClock(start_ms)
        self._store = MemoryStore()
        self._plans = Plans(SEED)
        self.sent: list[Outgoing] = []
        wakes, self._metrics = Wakes(), Metrics()
        self._pipeline = Pipeline(
            store=self._store,
            plans=self._plans,
            workspace=WORKSPACE,
            clock=self._clock,
            wakes=wakes,
            metrics=self._metrics,
        )
        self._deliver = Deliver(
            store=self._store,
            plans=self._plans,
            lanes=self._lanes(),
            clock=self._clock,
            wakes=wakes,
            metrics=self._metrics,
        )
        self._timers = Timers(self._store, self._plans, self._clock, wakes)
        self._people: dict[str, str] = {}
        self._seq: dict[str, int] = {}
        self._cursor = 0

    async def play(self, tracks: Mapping[str, Sequence[TrackPoint]]) -> AsyncIterator[Played]:
        """Play the traces together, in order of time; gives each record as it comes."""
        rows = [
            DocumentRow(d.kind, d.id, 1, d.canonical, self._clock.now_ms(), 0)
            for d in self._documents
        ]
        await self._store.publish(rows, self._clock.now_ms())
        await self._settle()
        for name in tracks:
            await self._introduce(name)
        timeline = sorted(
            ((p.at_ms, name, p) for name, points in tracks.items() for p in points),
            key=lambda one: one[:2],
        )
        for at_ms, name, point in timeline:
            await self._pass_time(at_ms)
            await self._fix(name, point)
            await self._settle()
            for played in await self._news():
                yield played
        await self._pass_time(self._clock.now_ms() + AFTERWARDS_MS)
        for played in await self._news():
            yield played

    async def _pass_time(self, until_ms: int) -> None:
        """Let what comes due before ``until_ms`` happen at its own moment."""
        while True:
            due_ms = await self._store.next_due_ms()
            if due_ms is None or due_ms > until_ms:
                break
            self._clock.move_to(due_ms)
            await self._settle()
        self._clock.move_to(until_ms)

    async def _settle(self) -> None:
        while True:
            fired = await self._timers.step()
            folded = await self._pipeline.step()
            delivered = await self._deliver.step()
            if not (fired or folded or delivered):
                return

    async def _news(self) -> list[Played]:
        found: list[RecordRow] = []
        while rows := await self._store.records(self._cursor, PAGE):
            self._cursor = rows[-1].cursor
            found += rows
        return [Played(self._people.get(r.person_id, r.person_id), r) for r in found]

    # ---- the people -----------------------------------------------------------------------

    async def _introduce(self, name: str) -> None:
        """Bring a person in: consent granted for everything, an address on every channel."""
        said = {"type": "consent", "values": dict.fromkeys(GRANTED, "y"), "method": "replay"}
        found = [{"type": "address", "channel": c, **raw} for c, raw in ADDRESSES.items()]
        upload = await self._send(name, [said, *found])
        if upload is not None:
            self._people[upload] = name

    async def _fix(self, name: str, point: TrackPoint) -> None:
        fix: dict[str, Any] = {"type": "fix", "lat": point.lat, "lon": point.lon}
        if point.accuracy_m is not None:
            fix["accuracy_m"] = point.accuracy_m
        await self._send(name, [fix], point.at_ms)

    async def _send(
        self, name: str, events: Sequence[dict[str, Any]], at_ms: int | None = None
    ) -> str | None:
        now_ms = self._clock.now_ms()
        at = _moment(now_ms if at_ms is None else at_ms)
        raws = []
        for event in events:
            seq = self._seq[name] = self._seq.get(name, 0) + 1
            body = {"seq": seq, "event_id": f"{name}-{seq}", "at": at, **event}
            raws.append(Raw(msgspec.json.encode(body)))
        batch = Batch(1, name, "replay", _moment(now_ms), Who(name), raws, context=self._context)
        plan = self._plans.plan
        house = House(WORKSPACE, plan.every_policy, is_service=plan.is_service)

        def admit_it(facts: AdmitFacts) -> Admission:
            return admit(batch, house, facts, now_ms)

        admission = await self._store.admit(
            AdmitRequest(name, b"replay", "replay", admit_it, now_ms)
        )
        if admission is None or admission.upload is None:
            return None
        return admission.upload.person_id

    # ---- the drivers ----------------------------------------------------------------------

    def _lanes(self) -> dict[str, Lane]:
        async def note(message: Outgoing, _address: object) -> Outcome:
            self.sent.append(message)
            return Sent()

        @asynccontextmanager
        async def connect(_settings: object, _io: DriverIO) -> AsyncIterator[Send]:
            yield note

        spec = DriverSpec(
            name="replay",
            channels=frozenset(Channel),
            parse_address=lambda raw: raw,
            mask=lambda _raw: "•••",
            parse_settings=lambda raw: raw,
            connect=connect,
        )
        return {channel: Lane(spec, note, 1.0) for channel in Channel}


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
