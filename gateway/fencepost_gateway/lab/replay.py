"""
Replay: real traces along real fences through the same core, on a virtual clock.

Runs on a virtual gateway (``virtual``). Each trace is a device and a person of its own.

Rule 1. It grants consent, and says so: a replay asks what would happen, not who allowed it.
Rule 2. Time is the trace's: a fix arrives the moment it was taken, timers and deferred messages
        come due in between and after, for a day.
Rule 3. Nothing is sent and nothing is kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from fencepost_channels.message import Outgoing
from fencepost_gateway.documents.document import Document
from fencepost_gateway.intake.wire import Context
from fencepost_gateway.lab.device import GRANTED, Device, Named
from fencepost_gateway.lab.tracks import TrackPoint
from fencepost_gateway.lab.virtual import VirtualGateway
from fencepost_gateway.ports import DocumentRow, RecordRow
from fencepost_gateway.workers.plans import Plans

WORKSPACE = "replay"
SEED = "replay"
AFTERWARDS_MS = 86_400_000
PAGE = 1000

ADDRESSES: dict[str, dict[str, Any]] = {
    "email": {"address": "person@example.com"},
    "sms": {"address": "+15550100"},
    "push": {"registration": {"service": "apns", "token": "0" * 64}},
    "webhook": {"target": "screen-1"},
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
        self._gateway = VirtualGateway(Plans(SEED), WORKSPACE, start_ms)
        self._people: dict[str, str] = {}
        self._devices: dict[str, Device] = {}
        self._cursor = 0

    @property
    def sent(self) -> list[Outgoing]:
        """What the drivers were asked to send."""
        return self._gateway.sent

    async def play(self, tracks: Mapping[str, Sequence[TrackPoint]]) -> AsyncIterator[Played]:
        """Play the traces together, in order of time; gives each record as it comes."""
        rows = [
            DocumentRow(d.kind, d.id, 1, d.canonical, self._gateway.clock.now_ms(), 0)
            for d in self._documents
        ]
        await self._gateway.store.publish(rows, self._gateway.clock.now_ms())
        await self._gateway.settle()
        for name in tracks:
            await self._introduce(name)
        timeline = sorted(
            ((p.at_ms, name, p) for name, points in tracks.items() for p in points),
            key=lambda one: one[:2],
        )
        for at_ms, name, point in timeline:
            await self._gateway.pass_time(at_ms)
            await self._fix(name, point)
            await self._gateway.settle()
            for played in await self._news():
                yield played
        await self._gateway.pass_time(self._gateway.clock.now_ms() + AFTERWARDS_MS)
        for played in await self._news():
            yield played

    async def _news(self) -> list[Played]:
        found: list[RecordRow] = []
        while rows := await self._gateway.store.records(self._cursor, PAGE):
            self._cursor = rows[-1].cursor
            found += rows
        return [Played(self._people.get(r.person_id, r.person_id), r) for r in found]

    # ---- the people -----------------------------------------------------------------------

    async def _introduce(self, name: str) -> None:
        """Bring a person in: consent granted for everything, an address on every channel."""
        said = {"type": "consent", "values": dict.fromkeys(GRANTED, "y"), "method": "replay"}
        found = [{"type": "address", "channel": c, **raw} for c, raw in ADDRESSES.items()]
        named = Named(WORKSPACE, name, "replay", name)
        device = self._devices[name] = Device(self._gateway, named, self._context)
        admission = await device.tell([said, *found])
        if admission is not None and admission.upload is not None:
            self._people[admission.upload.person_id] = name

    async def _fix(self, name: str, point: TrackPoint) -> None:
        fix: dict[str, Any] = {"type": "fix", "lat": point.lat, "lon": point.lon}
        if point.accuracy_m is not None:
            fix["accuracy_m"] = point.accuracy_m
        await self._devices[name].tell([fix], point.at_ms)
