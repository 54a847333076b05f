"""
Simulate: one invented person along a scenario, on a virtual clock.

Runs on a virtual gateway (``virtual``): door, pipeline, timers, claims and their order are those of
a live one, so the journey records are the same byte for byte where the ids are.

Rule 1. Time is the scenario's. What comes due in between happens at its own moment; days of waiting
        take no time of ours.
Rule 2. The provider accepts whatever may go. Claims and what became of them are *predicted*.
Rule 3. A reaction happens so long after the message that it is meant for went (``Happening``).
Rule 4. Nothing is sent and nothing is kept. The same scenario, documents and seed give the same.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct, field

from fencepost_channels.message import Content
from fencepost_gateway.decide.spans import parse_duration_ms
from fencepost_gateway.documents.document import Document
from fencepost_gateway.intake.wire import Context
from fencepost_gateway.lab.device import Device, Named
from fencepost_gateway.lab.scenario import Scenario
from fencepost_gateway.lab.script import Cue, script_of, start_of
from fencepost_gateway.lab.tracks import TrackPoint
from fencepost_gateway.lab.virtual import VirtualGateway
from fencepost_gateway.ports import DocumentRow, RecordRow
from fencepost_gateway.workers.plans import Plans
from fencepost_geofence.fence import Fence

WORKSPACE: Final = "main"
SEED: Final = "simulate"
LASTS_MAX_MS: Final = 400 * 86_400_000
PAGE: Final = 1_000
PREDICTED: Final = frozenset({"claim", "outcome"})


class Told(Struct, frozen=True):
    """One entry of the timeline: a record, or (``act``) what the person did."""

    at_ms: int
    kind: str
    subject: str
    body: dict[str, Any]
    content: Content | None = None

    @property
    def is_predicted(self) -> bool:
        """Say whether it is a forecast of what the claim and the provider would say (Rule 2)."""
        return self.kind in PREDICTED


class Simulated(Struct):
    """What came of a scenario, and the ground it was played on."""

    scenario: Scenario
    start_ms: int
    end_ms: int = 0
    timeline: list[Told] = field(default_factory=list)
    points: Sequence[TrackPoint] = ()
    fences: list[Fence] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)


class _Wish(Struct):
    """A reaction that has not happened yet."""

    what: str
    name: str
    after_ms: int


def named(scenario: Scenario) -> Named:
    """Name the scenario's device and person."""
    user_id = scenario.person.user_id
    return Named(WORKSPACE, f"device-{user_id}", "scenario", f"visitor-{user_id}", user_id)


class Simulation:
    """One scenario, played once."""

    def __init__(
        self,
        scenario: Scenario,
        documents: Sequence[Document],
        points: Sequence[TrackPoint],
        *,
        seed: str = SEED,
        named_as: Named | None = None,
    ) -> None:
        """
        Prepare it.

        Args:
            scenario: What to play.
            documents: What is published, checked.
            points: The fixes of its track or drawn way.
            seed: Seeds every draw.
            named_as: Ids of device and person; default: made of the user id.

        """
        names = named_as or named(scenario)
        start_ms = start_of(scenario)
        self._documents = documents
        self._gateway = VirtualGateway(Plans(seed), names.workspace, start_ms)
        context = Context(zone=scenario.person.zone, locale=scenario.person.locale)
        self._device = Device(self._gateway, names, context)
        self._cues = [(cue.at_ms, n, cue) for n, cue in enumerate(script_of(scenario, points))]
        self._wishes = [
            _Wish(*reaction, parse_duration_ms(each.after) or 0)
            for each in scenario.events
            if (reaction := each.reaction) is not None
        ]
        self._steps: dict[str, str] = {}  # of each message
        self._cursor = 0
        self._found = Simulated(scenario, start_ms, points=points)

    async def play(self) -> Simulated:
        """Play the scenario to its end."""
        found, gateway = self._found, self._gateway
        rows = [
            DocumentRow(d.kind, d.id, 1, d.canonical, found.start_ms, 0) for d in self._documents
        ]
        await gateway.store.publish(rows, found.start_ms)
        await gateway.settle()
        found.fences = gateway.plans.fences
        heapq.heapify(self._cues)
        lasts_ms = parse_duration_ms(found.scenario.until) or LASTS_MAX_MS
        while (at_ms := await self._next_ms()) is not None and at_ms <= found.start_ms + lasts_ms:
            gateway.clock.move_to(at_ms)
            if self._cues and self._cues[0][0] <= gateway.clock.now_ms():
                await self._tell(heapq.heappop(self._cues)[2])
            await gateway.settle()
            await self._hear()
        found.end_ms = gateway.clock.now_ms()
        found.missed = [f"{wish.what}: {wish.name}" for wish in self._wishes]
        return found

    async def _next_ms(self) -> int | None:
        """Give when something happens next; what comes due goes before what is told then."""
        due_ms = await self._gateway.store.next_due_ms()
        told_ms = self._cues[0][0] if self._cues else None
        return min((each for each in (due_ms, told_ms) if each is not None), default=None)

    async def _tell(self, cue: Cue) -> None:
        if cue.shown:
            self._found.timeline.append(Told(cue.at_ms, "act", "", cue.shown))
        await self._device.tell(cue.events, cue.at_ms)

    async def _hear(self) -> None:
        """Take the records that are new."""
        while rows := await self._gateway.store.records(self._cursor, PAGE):
            self._cursor = rows[-1].cursor
            for row in rows:
                self._note(row)

    def _note(self, row: RecordRow) -> None:
        content = None
        if row.kind == "step":
            self._steps |= dict.fromkeys(
                row.body.get("message_ids", ()), row.body.get("step_id", "")
            )
        if row.kind == "outcome" and row.body["state"] == "sent":
            sent = (
                each for each in self._gateway.sent if each.delivery_id == row.body["delivery_id"]
            )
            content = next((each.content for each in sent), None)
            self._react(row)
        self._found.timeline.append(Told(row.at_ms, row.kind, row.subject, row.body, content))

    def _react(self, row: RecordRow) -> None:
        """Let reactions to a message that went happen in time (Rule 3)."""
        names = self._names_of(row)
        due = [wish for wish in self._wishes if wish.name in names]
        for number, wish in enumerate(due):
            self._wishes.remove(wish)
            told = {"type": "engagement", "delivery_id": row.body["delivery_id"]}
            cue = Cue(
                row.at_ms + wish.after_ms,
                ({**told, "action": wish.what},),
                {"what": wish.what, "name": wish.name},
            )
            heapq.heappush(self._cues, (cue.at_ms, 1_000_000 + number, cue))

    def _names_of(self, row: RecordRow) -> set[str]:
        """Give what a message may be called: by campaign, step and template."""
        campaign_id, step_id = row.body["campaign_id"], self._steps.get(row.subject, "")
        plan = self._gateway.plans.plan
        flow = next((f for (i, _), f in plan.flows.items() if i == campaign_id), None)
        part = flow.part(step_id) if flow and step_id else plan.campaigns.get(campaign_id)
        template_ids = {part.message.template_id, *part.message.by_arm.values()} if part else set()
        return {campaign_id, step_id, *template_ids} - {""}
