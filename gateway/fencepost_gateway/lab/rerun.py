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
Rule 5. Where something counts for everybody (``limit``, entry caps) all live side by side, the next
        moment of anybody's next; else one after the other, which needs no memory for the others.
Rule 6. Documents are in force from the window's beginning: then schedules begin (for who is not
        known yet, when they are), and members are taken in by what is new. What was announced to
        many is told when it was.
Rule 7. Nobody is ranked anew: scores among everybody are by the newest live ranking.
Rule 8. Where a dossier has uploads they take the place of what they told, and the tracker that of
        the recorded transitions (``anew``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heapreplace
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from fencepost_gateway.decide.broadcasts import Broadcast, wanted
from fencepost_gateway.decide.census import Census, Counts
from fencepost_gateway.decide.message import OPEN_STATES, ListedAddress
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.decide.run import Run, campaign_of
from fencepost_gateway.decide.steps import LimitStep
from fencepost_gateway.intake import history, wire
from fencepost_gateway.intake.history import Told
from fencepost_gateway.intake.records import Touched, Upload, decode
from fencepost_gateway.lab import anew
from fencepost_gateway.lab.answers import RecordedAnswers
from fencepost_gateway.lab.dossiers import Dossier
from fencepost_gateway.lab.job import Job
from fencepost_gateway.lab.virtual import VirtualGateway
from fencepost_gateway.ports import AddressChange, AddressMove, Effects, RecordRow
from fencepost_gateway.stores.memory_books import Books
from fencepost_gateway.workers.announce import schedules, taken_in
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.recall import address_of

PAGE: Final = 1000
KINDS: Final = ("step", "claim")
BEGIN, END = "begin", "end"
BEFORE: Final = "before"  # the outcome of runs that were entered before the window

Item = Told | Upload | anew.Held | ListedAddress | Broadcast | str

_person: msgspec.msgpack.Decoder[Person] = msgspec.msgpack.Decoder(Person)


class Life(Struct):
    """
    What came of one person's history.

    Attributes:
        person_id: Who it is.
        rows: Their steps and claims in the window, in order.
        waiting: How many messages had come to no end when it ended, by campaign.
        under_way: How many runs stood at a step of a journey then, by journey.
        user_id: What the app calls them; empty: a visitor.
        events: How many app events were in the window.
        is_tester: They only test, and count for nothing.

    """

    person_id: str
    rows: list[RecordRow]
    waiting: dict[str, int]
    events: int = 0
    is_tester: bool = False
    under_way: dict[str, int] = {}
    user_id: str = ""


class Rerun:
    """One set of documents in one window."""

    def __init__(self, plans: Plans, job: Job) -> None:
        self.plans = plans
        self.full = structs.replace(plans.plan, ranked=frozenset())
        self.quiet = quiet(self.full)
        self.begin_ms, self.end_ms = job.window.begin_ms, job.window.end_ms
        self.gateway = VirtualGateway(plans, job.workspace, self.begin_ms, keeps=False)
        self.fences = {fence.fence_id: fence.since_ms for fence in plans.fences}
        self.announced = [
            (at_ms, each)
            for at_ms, each in job.announced
            if self.begin_ms <= at_ms < self.end_ms
            and (each.name in self.full.awaits or wanted(self.full, each, at_ms))
        ]

    async def live(self, dossier: Dossier) -> Life:
        """Let one person live again, from the first day to the last."""
        self.gateway.begin_anew(self.begin_ms)
        course = Course(self, dossier)
        await course.begin()
        while not course.is_over:
            await course.go_on()
        return await course.life()

    async def live_together(self, dossiers: Sequence[Dossier]) -> list[Life]:
        """Let all live side by side, in order of time: what counts for all is counted so."""
        courses = [Course(self, dossier) for dossier in dossiers]
        books = [await self._begun(course) for course in courses]
        tallies = self._entered_before(dossiers)
        waiting = [(course.next_ms, number) for number, course in enumerate(courses)]
        heapify(waiting)
        while waiting:
            _, number = waiting[0]
            course = courses[number]
            self.gateway.take_books(books[number], course.next_ms, tallies)
            await course.go_on()
            books[number], tallies = self.gateway.give_books()
            if course.is_over:
                heappop(waiting)
            else:
                heapreplace(waiting, (course.next_ms, number))
        lives = []
        for course, book in zip(courses, books, strict=True):
            self.gateway.take_books(book, self.end_ms, tallies)
            lives.append(await course.life())
        return lives

    def _entered_before(self, dossiers: Iterable[Dossier]) -> Counts:
        """Count who entered before the window, as limits do."""
        entered = sorted(
            (each.at_ms, each.campaign_id)
            for dossier in dossiers
            for each in dossier.entered
            if each.at_ms < self.begin_ms
        )
        census = Census({})
        for at_ms, campaign_id in entered:
            campaign = self.full.campaigns.get(campaign_id)
            if campaign is not None:
                census.entered(campaign, self.full.workspace_zone, at_ms)
        return census.take_changed()

    async def _begun(self, course: Course) -> Books:
        self.gateway.begin_anew(self.begin_ms)
        await course.begin()
        return self.gateway.give_books()[0]


class Course:
    """One person's way through the window, a moment at a time."""

    def __init__(self, rerun: Rerun, dossier: Dossier) -> None:
        self._rerun = rerun
        self._gateway = rerun.gateway
        self._dossier = dossier
        told = [(at_ms, history.unpack(body)) for at_ms, body in dossier.rows]
        first, self._person = _standing(dossier, told, rerun.begin_ms)
        life = _life(dossier, told, first, rerun.fences)
        before = [row for row in life if row[0] < rerun.begin_ms]
        behind = [row for row in life if row[0] >= rerun.begin_ms]
        late = [(e.since_ms, e) for e in dossier.suppressed if e.since_ms >= rerun.begin_ms]
        also = [*late, *rerun.announced]
        inside = sorted([*behind, *also], key=lambda one: one[0]) if also else behind
        ends = (rerun.begin_ms, BEGIN), (rerun.end_ms - 1, END)
        self._items: list[tuple[int, Item]] = [
            *before, ends[0], *inside, ends[1]
        ]  # fmt: skip
        self._events = sum(_app_events(each) for _, each in behind)
        self._answers = RecordedAnswers(one for _, one in told)
        self._at = 0
        self._plan = rerun.quiet
        self.next_ms = 0

    @property
    def is_over(self) -> bool:
        """Say whether the window is behind them."""
        return self._at == len(self._items)

    async def begin(self) -> None:
        """Put the person where they stood (Rule 1)."""
        start_ms = min(self._items[0][0], self._rerun.begin_ms)
        self._gateway.clock.begin_anew(start_ms)
        self._gateway.answers = self._answers
        self._rerun.plans.plan = self._plan
        await self._lay_in(self._person, start_ms)
        await self._look_ahead()

    async def go_on(self) -> None:
        """Let the next thing happen: what is due, or what is recorded."""
        self._rerun.plans.plan = self._plan
        self._gateway.answers = self._answers
        at_ms, item = self._items[self._at]
        await self._gateway.pass_time(min(self.next_ms, at_ms))
        if self.next_ms == at_ms:
            self._at += 1
            await self._take(item, at_ms)
        await self._look_ahead()

    async def _look_ahead(self) -> None:
        if not self.is_over:
            due_ms = await self._gateway.store.next_due_ms()
            at_ms = self._items[self._at][0]
            self.next_ms = at_ms if due_ms is None else min(due_ms, at_ms)

    async def _take(self, item: Item, at_ms: int) -> None:
        if isinstance(item, Told):
            await self._feed(item, at_ms)
        elif isinstance(item, Upload):
            await self._upload(item, at_ms)
        elif isinstance(item, anew.Held):
            await self._hold(item, at_ms)
        elif isinstance(item, ListedAddress):
            await self._gateway.store.lists.put("suppression", [item])
        elif isinstance(item, Broadcast):
            await self._gateway.store.broadcasts.announce(item, at_ms)
            await self._gateway.settle()
        elif item == BEGIN:
            await self._open_window()

    async def _lay_in(self, person: Person | None, start_ms: int) -> None:
        store, dossier = self._gateway.store, self._dossier
        barred = [e for e in dossier.suppressed if e.since_ms < self._rerun.begin_ms]
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

    async def _open_window(self) -> None:
        """Let the window begin (Rule 2)."""
        store, dossier, begin_ms = self._gateway.store, self._dossier, self._rerun.begin_ms
        taken = [slot for slot in dossier.slots if slot.reserved_at_ms < begin_ms]
        store.lay_in(slots=[structs.replace(each, person_id=dossier.person_id) for each in taken])
        people = await store.audiences.sample("", PAGE)
        for person in people.values():
            for each in (e for e in dossier.entered if e.at_ms < begin_ms):
                person.runs[each.campaign_id] = Run(each.run_id, each.at_ms, 0, each.at_ms, BEFORE)
        await store.commit(Effects(await store.position(), begin_ms, persons=people))
        self._gateway.forget()
        self._plan = self._rerun.plans.plan = self._rerun.full
        known_ms = begin_ms if people else self._items[self._at][0] - 1  # nobody is told before
        await store.broadcasts.keep_schedules(schedules(self._plan, known_ms))
        for live_ms, members in taken_in(self._rerun.plans, begin_ms):
            if live_ms >= begin_ms:
                await store.broadcasts.announce(members, begin_ms, begun=True)
        await self._gateway.settle()

    async def _feed(self, one: Told, at_ms: int) -> None:
        """Let one record's worth happen; first what the door did of it."""
        store = self._gateway.store
        for each in one.happened:
            if isinstance(each, history.Said):
                store.lay_in(consents={one.person_id: each.entries})
            elif isinstance(each, history.Greeted) and each.links:
                store.lay_in(link=(each.visitor_id, one.person_id))
        await store.append(one, at_ms)
        await self._gateway.settle()

    async def _upload(self, one: Upload, at_ms: int) -> None:
        """Let an upload come in as it came; first what the door did of it."""
        store = self._gateway.store
        store.lay_in(consents=one.consents)
        if one.links:
            store.lay_in(link=(one.visitor_id, one.person_id))
        await store.append(one, at_ms)
        await self._gateway.settle()

    async def _hold(self, one: anew.Held, at_ms: int) -> None:
        """Let the tracker begin."""
        store = self._gateway.store
        held = Effects(await store.position(), at_ms, tracks={one.device_id: one.packed})
        await store.commit(held)
        self._gateway.forget()

    async def life(self) -> Life:
        """Give what came of it."""
        store, begin_ms = self._gateway.store, self._rerun.begin_ms
        rows: list[RecordRow] = []
        cursor = 0
        while page := await store.records(cursor, PAGE):
            cursor = page[-1].cursor
            rows += [r for r in page if r.kind in KINDS and r.at_ms >= begin_ms]
        waiting: dict[str, int] = {}
        for each in await store.messages("", 1 << 30):
            if each.state in OPEN_STATES and not each.mark:
                waiting[each.campaign_id] = waiting.get(each.campaign_id, 0) + 1
        people = await store.audiences.sample("", PAGE)
        user_id = next((p.user_id for p in people.values() if p.user_id), "")
        is_tester = user_id in self._rerun.full.testers
        standing = [campaign_of(k) for p in people.values() for k, r in p.runs.items() if r.at]
        under_way = {name: standing.count(name) for name in standing}
        return Life(
            self._dossier.person_id, rows, waiting, self._events, is_tester, under_way, user_id
        )


def _standing(
    dossier: Dossier, told: list[tuple[int, Told]], begin_ms: int
) -> tuple[int, Person | None]:
    """Give how the person stood, and which row comes after it (Rule 1)."""
    if not told:
        return 0, _person.decode(dossier.row) if dossier.row else None
    stood = {
        number: each.packed
        for number, (at_ms, one) in enumerate(told)
        for each in one.happened[:1]
        if isinstance(each, history.Stood) and (number == 0 or at_ms <= begin_ms)
    }
    first = max(stood, default=0)
    return first, _person.decode(stood[first]) if stood else None


def _life(
    dossier: Dossier, told: list[tuple[int, Told]], first: int, fences: dict[str, int]
) -> anew.Life:
    """Give what happens to a person from the row on that begins them (Rule 8)."""
    since_ms = told[first][0] if first else 0
    uploads = [(at_ms, decode(body)) for at_ms, body in dossier.uploads if at_ms >= since_ms]
    if not uploads:
        return list(told[first:])
    known = [(at_ms, one) for at_ms, one in uploads if isinstance(one, Upload)]
    return anew.judged_anew(told, known, fences, first)


def _app_events(one: Told | Upload | anew.Held) -> int:
    if isinstance(one, Told):
        return sum(isinstance(each, history.Did) for each in one.happened)
    events = one.events if isinstance(one, Upload) else ()
    return sum(isinstance(each, wire.Track | wire.Screen) for each in events)


def counts_across(plan: Plan) -> bool:
    """Say whether what one person does counts for another."""
    steps = (step.does for flow in plan.flows.values() for step in flow.steps.values())
    has_limits = any(campaign.limits is not None for campaign in plan.campaigns.values())
    return has_limits or any(isinstance(does, LimitStep) for does in steps)


def quiet(plan: Plan) -> Plan:
    """Give a plan under which nothing starts, and everything is remembered as ever."""
    return structs.replace(plan, campaigns={}, on_event={}, on_transition={}, on_audience={})


def shown(row: RecordRow) -> dict[str, Any]:
    """Give a record as it is told of a backtest: a claim is a prediction."""
    body = row.body | ({"predicted": True} if row.kind == "claim" else {})
    return {"at_ms": row.at_ms, "kind": row.kind, "subject": row.subject, "body": body}


def sends(life: Life) -> Iterator[RecordRow]:
    """Give the claims by which something was sent."""
    return (r for r in life.rows if r.kind == "claim" and r.body["outcome"] == "send")
