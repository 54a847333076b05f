"""
Rerun: one person's recorded life once more, under a set of documents.

What happened to the person is fed to the gateway's own core; what was decided of it then is not.

Rule 1. It begins with how the person stood at the last moment before the window that history knows,
        and goes through what happened between with no campaign published: attributes, counts,
        visits and audiences are right when the window begins, and nobody is in a campaign yet.
Rule 2. Then what binds from before is laid in: campaigns that were entered (they have ended by now,
        and count for re-entry), slots of caps, addresses that are off limits.
Rule 3. In the window claims are modelled one after the other, each when it is due, and whatever
        may go is accepted by its provider. Receipts and reactions are the recorded ones; those to
        messages that were not sent here are nobody's.
Rule 4. Time ends with the window: what still waits then is told as waiting.
Rule 5. Nobody is ranked anew: scores among everybody are by the newest live ranking.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from fencepost_gateway.decide.message import OPEN_STATES, ListedAddress
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.decide.run import Run
from fencepost_gateway.intake import history
from fencepost_gateway.intake.history import Told
from fencepost_gateway.intake.records import Touched
from fencepost_gateway.lab.dossiers import Dossier
from fencepost_gateway.lab.virtual import VirtualGateway
from fencepost_gateway.ports import AddressChange, AddressMove, Effects, RecordRow
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.recall import address_of

PAGE: Final = 1000
KINDS: Final = ("step", "claim")

_person: msgspec.msgpack.Decoder[Person] = msgspec.msgpack.Decoder(Person)


class Life(Struct):
    """
    What came of one person's history.

    Attributes:
        person_id: Who it is.
        rows: Their steps and claims in the window, in order.
        waiting: How many messages had come to no end when it ended, by campaign.
        events: How many app events were in the window.
        is_tester: They only test, and count for nothing.

    """

    person_id: str
    rows: list[RecordRow]
    waiting: dict[str, int]
    events: int = 0
    is_tester: bool = False


class Rerun:
    """Lives of one set of documents in one window, one after the other."""

    def __init__(self, plans: Plans, workspace: str, begin_ms: int, end_ms: int) -> None:
        self._plans = plans
        self._full = structs.replace(plans.plan, ranked=frozenset())
        self._quiet = quiet(self._full)
        self._begin_ms = begin_ms
        self._end_ms = end_ms
        self._gateway = VirtualGateway(plans, workspace, begin_ms)

    async def live(self, dossier: Dossier) -> Life:
        """Let one person live again."""
        told = [(at_ms, history.unpack(body)) for at_ms, body in dossier.rows]
        first, person = self._standing(dossier, told)
        start_ms = min([self._begin_ms, *(at_ms for at_ms, _ in told[first:][:1])])
        self._plans.plan = self._quiet
        self._gateway.begin_anew(start_ms)
        self._gateway.answers.begin(one for _, one in told)
        await self._lay_in(person, dossier, start_ms)
        for at_ms, one in _until(told[first:], self._begin_ms):
            await self._feed(one, at_ms)
        await self._begin(dossier)
        behind = [row for row in told[first:] if row[0] >= self._begin_ms]
        events = 0
        for at_ms, item in self._with_listed(behind, dossier):
            if isinstance(item, ListedAddress):
                await self._gateway.pass_time(at_ms)
                await self._gateway.store.lists.put("suppression", [item])
                continue
            await self._feed(item, at_ms)
            events += sum(isinstance(each, history.Did) for each in item.happened)
        await self._gateway.pass_time(self._end_ms - 1)
        return await self._life(dossier.person_id, events)

    # ---- before the window ----------------------------------------------------------------

    def _standing(
        self, dossier: Dossier, told: list[tuple[int, Told]]
    ) -> tuple[int, Person | None]:
        """Give how the person stood, and which rows came after it (Rule 1)."""
        if not told:
            return 0, _person.decode(dossier.row) if dossier.row else None
        stood = {
            number: each.packed
            for number, (at_ms, one) in enumerate(told)
            for each in one.happened[:1]
            if isinstance(each, history.Stood) and (number == 0 or at_ms <= self._begin_ms)
        }
        first = max(stood, default=0)
        return first, _person.decode(stood[first]) if stood else None

    async def _lay_in(self, person: Person | None, dossier: Dossier, start_ms: int) -> None:
        store = self._gateway.store
        barred = [each for each in dossier.suppressed if each.since_ms < self._begin_ms]
        await store.lists.put("suppression", barred)
        await store.lists.put("allow", dossier.allowed)
        if person is None:
            return
        blank = structs.replace(person, runs={}, audiences={}, judged="", rethink_ms=None)
        reach: list[AddressChange | AddressMove] = [
            AddressChange(
                person.person_id,
                channel,
                each.ref,
                address_of(history.Reaches(start_ms, channel, each.ref)),
                each.device_id,
                start_ms,
            )
            for channel, found in person.reach.items()
            for each in found
        ]
        store.lay_in(consents={person.person_id: person.consents})
        rows = {person.person_id: blank}
        await store.commit(Effects(0, start_ms, persons=rows, addresses=reach))
        await store.append(Touched([person.person_id]), start_ms)
        await self._gateway.settle()

    async def _begin(self, dossier: Dossier) -> None:
        """Let the window begin (Rule 2)."""
        gateway, store = self._gateway, self._gateway.store
        await gateway.pass_time(self._begin_ms)
        slots = [
            structs.replace(slot, person_id=dossier.person_id)
            for slot in dossier.slots
            if slot.reserved_at_ms < self._begin_ms
        ]
        store.lay_in(slots=slots)
        people = await store.audiences.sample("", PAGE)
        for person in people.values():
            for each in (e for e in dossier.entered if e.at_ms < self._begin_ms):
                person.runs[each.campaign_id] = Run(each.run_id, each.at_ms, 0, each.at_ms)
        await store.commit(Effects(await store.position(), self._begin_ms, persons=people))
        gateway.forget()
        self._plans.plan = self._full

    def _with_listed(
        self, told: list[tuple[int, Told]], dossier: Dossier
    ) -> list[tuple[int, Told | ListedAddress]]:
        """Put what bars an address where it belongs among what happened."""
        late = [(e.since_ms, e) for e in dossier.suppressed if e.since_ms >= self._begin_ms]
        return sorted([*told, *late], key=lambda one: one[0]) if late else [*told]

    # ---- what happened --------------------------------------------------------------------

    async def _feed(self, one: Told, at_ms: int) -> None:
        """Let one record's worth happen at its moment; first what the door did of it."""
        gateway = self._gateway
        await gateway.pass_time(at_ms)
        gateway.answers.hear(one)
        for each in one.happened:
            if isinstance(each, history.Said):
                gateway.store.lay_in(consents={one.person_id: each.entries})
            elif isinstance(each, history.Greeted) and each.links:
                gateway.store.lay_in(link=(each.visitor_id, one.person_id))
        await gateway.store.append(one, at_ms)
        await gateway.settle()

    # ---- what came of it ------------------------------------------------------------------

    async def _life(self, person_id: str, events: int) -> Life:
        store = self._gateway.store
        rows: list[RecordRow] = []
        cursor = 0
        while page := await store.records(cursor, PAGE):
            cursor = page[-1].cursor
            rows += [r for r in page if r.kind in KINDS and r.at_ms >= self._begin_ms]
        waiting: dict[str, int] = {}
        for each in await store.messages("", 1 << 30):
            if each.state in OPEN_STATES and not each.mark:
                waiting[each.campaign_id] = waiting.get(each.campaign_id, 0) + 1
        people = await store.audiences.sample("", PAGE)
        is_tester = any(p.user_id in self._full.testers for p in people.values())
        return Life(person_id, rows, waiting, events, is_tester)


def _until(told: list[tuple[int, Told]], end_ms: int) -> list[tuple[int, Told]]:
    return [row for row in told if row[0] < end_ms]


def quiet(plan: Plan) -> Plan:
    """Give a plan under which nothing starts, and everything is remembered as ever."""
    return structs.replace(plan, on_event={}, on_transition={}, on_audience={})


def shown(row: RecordRow) -> dict[str, Any]:
    """Give a record as it is told of a backtest: a claim is a prediction."""
    body = row.body | ({"predicted": True} if row.kind == "claim" else {})
    return {"at_ms": row.at_ms, "kind": row.kind, "subject": row.subject, "body": body}


def sends(life: Life) -> Iterator[RecordRow]:
    """Give the claims by which something was sent."""
    return (r for r in life.rows if r.kind == "claim" and r.body["outcome"] == "send")
