"""
Memory store: the reference. What it does is what the port means; it is not made to be fast.

Rule 1. A unit of work changes a copy of the books, which takes their place when the unit has
        succeeded: all or nothing without a word about undoing.
Rule 2. The books hold frozen records and packed bytes, so nobody outside shares a value with them.
Rule 3. Everything is found by looking at every row. A failure of the process loses all of it:
        ack level ``memory``.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import structs

from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import OPEN_STATES, ClaimFacts, ListedAddress, MessageEnd
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.settle import CallOutcome, Settlement
from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.intake import records
from fencepost_gateway.intake.admission import Admission
from fencepost_gateway.intake.records import LogRecord, Published, Record, TimerFired
from fencepost_gateway.ports import (
    AckLevel,
    AdmitRequest,
    Answer,
    Claimed,
    DocumentRow,
    DueMessage,
    Effects,
    InboxRow,
    Judge,
    RecordRow,
    Settle,
)
from fencepost_gateway.stores import bouncing, rows
from fencepost_gateway.stores.memory_addresses import change_address, told_ms_of
from fencepost_gateway.stores.memory_audiences import (
    MemoryAudiences,
    fire_person_timers,
    take_audiences,
)
from fencepost_gateway.stores.memory_books import (
    Books,
    MessageRow,
    append,
    consents_of,
    count_fence_days,
    message_end,
    message_of,
    open_messages,
    over,
    pack,
    put_inbox,
    put_records,
    records_of,
    standing,
    unpack,
)
from fencepost_gateway.stores.memory_broadcasts import MemoryBroadcasts, take_broadcasts
from fencepost_gateway.stores.memory_calls import MemoryCalls, put_calls
from fencepost_gateway.stores.memory_claims import claim_facts, end, end_lost, take
from fencepost_gateway.stores.memory_door import admit, answer
from fencepost_gateway.stores.memory_fences import MemoryFences
from fencepost_gateway.stores.memory_history import MemoryHistory, put_history
from fencepost_gateway.stores.memory_inbox import (
    read_inbox,
    take_leave,
    take_reactions,
    trim_inbox,
)
from fencepost_gateway.stores.memory_journeys import MemoryJourneys, count_journey_days
from fencepost_gateway.stores.memory_letters import MemoryLetters
from fencepost_gateway.stores.memory_links import MemoryLinks
from fencepost_gateway.stores.memory_lists import MemoryLists
from fencepost_gateway.stores.memory_merging import merge
from fencepost_gateway.stores.memory_people import MemoryPeople
from fencepost_gateway.stores.memory_preferences import MemoryPreferences
from fencepost_gateway.stores.memory_proofs import MemoryProofs
from fencepost_gateway.stores.memory_refusals import MemoryLedger, MemoryRefusals
from fencepost_gateway.stores.memory_reports import MemoryReports, react
from fencepost_gateway.stores.memory_runs import MemoryRuns, put_runs
from fencepost_gateway.stores.memory_trials import MemoryTrials, take_trial

# what a unit may change in place; all else is replaced
_TABLES = tuple(name for name, value in structs.asdict(Books()).items() if isinstance(value, dict))


class MemoryStore:
    """``Store`` in dictionaries."""

    def __init__(self) -> None:
        self._books = Books()
        self._closed = False
        self.audiences = MemoryAudiences(lambda: self._books, self._unit)
        self.calls = MemoryCalls(lambda: self._books, self._unit)
        self.broadcasts = MemoryBroadcasts(lambda: self._books, self._unit)
        self.fences = MemoryFences(lambda: self._books)
        self.history = MemoryHistory(lambda: self._books, self._unit)
        self.journeys = MemoryJourneys(lambda: self._books, self._unit)
        self.letters = MemoryLetters(lambda: self._books, self._unit)
        self.links = MemoryLinks(lambda: self._books, self._unit)
        self.lists = MemoryLists(self._unit, lambda: self._books)
        self.people = MemoryPeople(lambda: self._books)
        self.preferences = MemoryPreferences(lambda: self._books, self._unit)
        self.proofs = MemoryProofs(lambda: self._books, self._unit)
        self.refusals = MemoryRefusals(lambda: self._books, self._unit)
        self.reports = MemoryReports(lambda: self._books, self._unit)
        self.runs = MemoryRuns(lambda: self._books)
        self.trials = MemoryTrials(lambda: self._books, self._unit)

    @property
    def ack_level(self) -> AckLevel:
        """What an acknowledged event survives: nothing but a healthy process."""
        return "memory"

    @property
    def books(self) -> Books:
        """All rows, which nobody changes: a change makes other books."""
        return self._books

    def take_books(self, books: Books) -> None:
        """Go on with these rows; empty ones forget everything."""
        self._books = books

    def lay_in(
        self,
        *,
        consents: Mapping[str, Iterable[ConsentEntry]] | None = None,
        slots: Iterable[Slot] = (),
        link: tuple[str, str] | None = None,
    ) -> None:
        """Take what was decided elsewhere: statements in force, taken slots, who became whom."""
        with self._unit() as books:
            for person_id, entries in (consents or {}).items():
                books.consents |= {(person_id, *entry.key): entry for entry in entries}
            books.slots |= {slot.slot_id: slot for slot in slots}
            if link is not None:
                books.aliases[link[0]] = link[1]

    @contextmanager
    def _unit(self) -> Iterator[Books]:
        """Lend a copy of the books; it takes their place unless the block raises."""
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        draft = copy.copy(self._books)
        for name in _TABLES:
            setattr(draft, name, getattr(draft, name).copy())
        yield draft
        self._books = draft

    # ---- the door and the log -------------------------------------------------------------

    async def admit(self, request: AdmitRequest) -> Admission | None:
        """See ``Store.admit``."""
        with self._unit() as books:
            return admit(books, request)

    async def append(self, record: Record, now_ms: int) -> int:
        """See ``Store.append``."""
        with self._unit() as books:
            return append(books, record, now_ms)

    async def read_log(self, after: int, limit: int) -> list[LogRecord]:
        """See ``Store.read_log``."""
        first = max(after - self._books.trimmed, 0)
        behind = self._books.log[first : first + limit]
        found = enumerate(behind, self._books.trimmed + first + 1)
        return [LogRecord(at, now_ms, records.decode(body)) for at, (now_ms, body) in found]

    # ---- the pipeline ---------------------------------------------------------------------

    async def position(self) -> int:
        """See ``Store.position``."""
        return self._books.position

    async def persons(self, ids: Sequence[str]) -> dict[str, Person]:
        """See ``Store.persons``."""
        return {i: unpack(b, Person) for i, b in self._books.persons.items() if i in ids}

    async def resolve(self, visitor_ids: Sequence[str]) -> dict[str, str]:
        """See ``Store.resolve``."""
        return {v: p for v, p in self._books.merged.items() if v in visitor_ids}

    async def tracks(self, device_ids: Sequence[str]) -> dict[str, bytes]:
        """See ``Store.tracks``."""
        return {d: track for d, track in self._books.tracks.items() if d in device_ids}

    async def commit(self, effects: Effects) -> None:
        """See ``Store.commit``."""
        with self._unit() as books:
            is_new = effects.position > books.position
            if is_new:
                count_fence_days(books, effects.fence_days)
                count_journey_days(books, effects.journey_days)
            books.position = effects.position
            books.persons |= {i: pack(person) for i, person in effects.persons.items()}
            for visitor_id, person_id in effects.merges:
                merge(books, visitor_id, person_id)
            books.tracks |= effects.tracks
            for device_id, timer in effects.timers.items():
                books.timers.pop(device_id, None)
                if timer is not None:
                    books.timers[device_id] = timer
            take_audiences(books, effects, counts=is_new)
            put_runs(books, effects)
            put_calls(books, effects)
            take_broadcasts(books, effects, counts=is_new)
            books.passed_over |= effects.passed_over
            for change in effects.addresses:
                change_address(books, change)
            for m in effects.messages:
                lane = rows.lane_of(m)
                row = MessageRow(m.person_id, pack(m), "queued", effects.now_ms, lane=lane)
                books.messages.setdefault(m.message_id, row)
            for each in effects.reacted:
                react(books, *each, effects.now_ms)
            take_reactions(books, effects.reacted)
            take_leave(books, effects.persons)
            put_records(books, effects.records)
            put_history(books, effects)
            take_trial(books, effects)

    async def fire_timers(self, now_ms: int, limit: int) -> int:
        """See ``Store.fire_timers``."""
        with self._unit() as books:
            due = [t for t in books.timers.values() if t.due_ms <= now_ms]
            due = sorted(due, key=lambda t: (t.due_ms, t.device_id))[:limit]
            for t in due:
                name = f"{t.device_id}@{t.due_ms}"
                append(books, TimerFired(name, t.device_id, t.person_id, t.due_ms), now_ms)
                del books.timers[t.device_id]
            return len(due) + fire_person_timers(books, now_ms, limit - len(due))

    # ---- claim and confirm ----------------------------------------------------------------

    async def due(self, now_ms: int, rooms: Mapping[str, int]) -> list[DueMessage]:
        """See ``Store.due``."""
        return rows.in_rooms([m for m in open_messages(self._books) if m.due_ms <= now_ms], rooms)

    async def over(self, now_ms: int, limit: int) -> list[DueMessage]:
        """See ``Store.over``."""
        return over(self._books, now_ms)[:limit]

    async def next_due_ms(self) -> int | None:
        """See ``Store.next_due_ms``."""
        messages = self._books.messages.values()
        moments = [r.due_ms for r in messages if r.state in OPEN_STATES and not r.held_by]
        moments += [t.due_ms for t in self._books.timers.values()]
        moments += self._books.person_timers.values()
        moments += [due_ms for due_ms in self._books.schedules.values() if due_ms is not None]
        return min(moments, default=None)

    async def peek(self, message_id: str) -> ClaimFacts | None:
        """See ``Store.peek``."""
        row = self._books.messages.get(message_id)
        return None if row is None else claim_facts(self._books, row)

    async def claim(self, message_id: str, judge: Judge, now_ms: int) -> Claimed | None:
        """See ``Store.claim``."""
        with self._unit() as books:
            row = books.messages.get(message_id)
            if row is None or row.state not in OPEN_STATES or row.due_ms > now_ms:
                return None
            claimed = take(books, row, judge(claim_facts(books, row)), now_ms)
            if claimed.verdict.outcome == "send":
                bouncing.probed(MemoryLedger(books), claimed.verdict.address, now_ms)
            return claimed

    async def confirm(
        self,
        delivery_id: str,
        lease_token: int,
        outcome: CallOutcome,
        settle: Settle,
        now_ms: int,
        *,
        inbox: dict[str, Any] | None = None,
    ) -> Settlement | None:
        """See ``Store.confirm``."""
        with self._unit() as books:
            delivery = books.deliveries.get(delivery_id)
            if delivery is None or delivery.state != "sending":
                return None
            if delivery.lease_token != lease_token:
                return None
            row = books.messages[delivery.message_id]
            channel, told_ms = delivery.channel, None
            if outcome.gone_ms is not None:
                told_ms = told_ms_of(books, channel, delivery.ref)
            settlement = settle(standing(row).attempted(delivery_id, channel, told_ms))
            shown = None
            if inbox is not None and settlement.state == "sent":
                body = books.persons.get(row.person_id)
                person = None if body is None else unpack(body, Person)
                shown = rows.inbox_row(message_of(row), delivery_id, inbox, person, now_ms)
                settlement = settlement if shown else rows.LEFT
            end(books, delivery_id, settlement, now_ms, outcome.provider_id)
            message, at = message_of(row), (delivery.channel, delivery.ref)
            bouncing.settled(MemoryLedger(books), message, at, settlement, now_ms)
            if shown is not None:
                put_inbox(books, row.person_id, shown)
            return settlement

    async def answer(self, message_id: str, decide: Answer, now_ms: int) -> bool:
        """See ``Store.answer``."""
        with self._unit() as books:
            return answer(books, message_id, decide, now_ms)

    async def reconcile(self, now_ms: int, settle: Settle, *, all_leases: bool = False) -> int:
        """See ``Store.reconcile``."""
        with self._unit() as books:
            return end_lost(books, settle, now_ms, all_leases=all_leases)

    async def suppress(self, channel: str, ref: str, reason: str, now_ms: int) -> None:
        """See ``Store.suppress``."""
        with self._unit() as books:
            listed = ListedAddress(channel, ref, reason, now_ms, "operator")
            books.suppressed.setdefault((channel, ref), listed)

    async def retime(self, now_ms: int, spread_ms: int) -> int:
        """See ``Store.retime``."""
        moved = 0
        with self._unit() as books:
            for message_id, row in books.messages.items():
                due_ms = now_ms + row.due_ms % spread_ms
                if row.state == "deferred" and not row.held_by and due_ms < row.due_ms:
                    books.messages[message_id] = structs.replace(row, due_ms=due_ms)
                    moved += 1
        return moved

    async def messages(self, after: str, limit: int) -> list[MessageEnd]:
        """See ``Store.messages``."""
        found = sorted(self._books.messages.items())
        return [message_end(row) for message_id, row in found if message_id > after][:limit]

    async def set_emergency_stop(self, *, on: bool) -> None:
        """See ``Store.set_emergency_stop``."""
        with self._unit() as books:
            books.emergency_stop = on

    # ---- what is shown --------------------------------------------------------------------

    async def inbox(self, person_id: str, after: int, now_ms: int) -> list[InboxRow]:
        """See ``Store.inbox``."""
        return read_inbox(self._books, person_id, after, now_ms, rows.INBOX_MAX)

    async def trim_inbox(self, before_ms: int, limit: int) -> int:
        """See ``Store.trim_inbox``."""
        with self._unit() as books:
            return trim_inbox(books, before_ms, limit)

    async def message_of(self, delivery_id: str) -> str | None:
        """See ``Store.message_of``."""
        delivery = self._books.deliveries.get(delivery_id)
        return None if delivery is None else delivery.message_id

    async def person_of_device(self, device_id: str, secret_hash: bytes) -> str | None:
        """See ``Store.person_of_device``."""
        known = self._books.devices.get(device_id)
        if known is None or known[0] != secret_hash:
            return None
        return self._books.aliases.get(known[1], known[1])

    async def consents(self, person_id: str) -> list[ConsentEntry]:
        """See ``Store.consents``."""
        return consents_of(self._books, self._books.aliases.get(person_id, person_id))

    async def publish(
        self, rows: Sequence[DocumentRow], now_ms: int, *, after: int | None = None
    ) -> int | None:
        """See ``Store.publish``."""
        with self._unit() as books:
            if after not in {None, books.revision}:
                return None
            for row in rows:
                key = (row.kind, row.id, row.version)
                if key in books.documents:
                    raise StoreUnavailableError("that version of a document is there already")
                books.documents[key] = row
            books.revision += 1
            append(books, Published(books.revision), now_ms)
            return books.revision

    async def documents(self, *, archived: bool = False) -> tuple[int, list[DocumentRow]]:
        """See ``Store.documents``."""
        newest = {key[:2]: row for key, row in sorted(self._books.documents.items())}
        found = [row for row in newest.values() if archived or row.state == "live"]
        return self._books.revision, found

    async def records(
        self, after: int, limit: int, *, subject: str = "", person_id: str = ""
    ) -> list[RecordRow]:
        """See ``Store.records``."""
        found = records_of(self._books, person_id=person_id)
        return [r for r in found if r.cursor > after and subject in {"", r.subject}][:limit]

    async def versions(self, kind: str, ids: Collection[str]) -> list[DocumentRow]:
        """See ``Store.versions``."""
        found = sorted(self._books.documents.items())
        return [row for (its_kind, its_id, _), row in found if its_kind == kind and its_id in ids]

    async def counts(self) -> dict[str, int]:
        """See ``Store.counts``."""
        last = self._books.trimmed + len(self._books.log)
        states = Counter(m.state for m in self._books.messages.values())
        over = len(self._books.passed_over)
        return {"log": last, "pending": last - self._books.position, "passed_over": over, **states}

    async def close(self) -> None:
        """See ``Store.close``."""
        self._closed = True
