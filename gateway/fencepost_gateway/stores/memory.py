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
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from msgspec import structs

from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import OPEN_STATES, ClaimFacts
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.proof import ProofRow
from fencepost_gateway.decide.settle import CallOutcome, Settlement
from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.intake import records
from fencepost_gateway.intake.admit import Admission, AdmitFacts
from fencepost_gateway.intake.marks import Marks
from fencepost_gateway.intake.records import LogRecord, Published, Record, TimerFired
from fencepost_gateway.ports import (
    AckLevel,
    AdmitRequest,
    Claimed,
    DeviceSeen,
    DocumentRow,
    DueMessage,
    Effects,
    InboxRow,
    Judge,
    RecordRow,
    Settle,
    Statement,
)
from fencepost_gateway.stores import rows
from fencepost_gateway.stores.memory_books import (
    AddressEntry,
    Books,
    MessageRow,
    Owned,
    append,
    claim_facts,
    consents_of,
    count_fence_days,
    end,
    forget_place,
    known_as,
    merge,
    message_of,
    open_messages,
    pack,
    put_proof,
    put_records,
    release_unshown,
    take,
    take_back,
    unpack,
)


class MemoryStore:
    """``Store`` in dictionaries."""

    def __init__(self) -> None:
        self._books = Books()
        self._closed = False

    @property
    def ack_level(self) -> AckLevel:
        """What an acknowledged event survives: nothing but a healthy process."""
        return "memory"

    @contextmanager
    def _unit(self) -> Iterator[Books]:
        """Lend a copy of the books; it takes their place unless the block raises."""
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        fields = structs.asdict(self._books)
        draft = Books(**{name: copy.copy(value) for name, value in fields.items()})
        yield draft
        self._books = draft

    # ---- the door and the log -------------------------------------------------------------

    async def admit(self, request: AdmitRequest) -> Admission | None:
        """See ``Store.admit``."""
        device_id, stream = request.device_id, request.stream
        with self._unit() as books:
            known = books.devices.get(device_id)
            if known is not None and known[0] != request.secret_hash:
                return None
            marks = unpack(books.marks.get((device_id, stream), pack(Marks())), Marks)
            admission = request.admit(
                AdmitFacts(
                    marks,
                    lambda visitor_id: books.aliases.get(visitor_id, visitor_id),
                    lambda person_id: consents_of(books, person_id),
                )
            )
            for change in admission.consents:
                books.consents[(change.person_id, *change.entry.key)] = change.entry
                # Whose clock it was is not kept of what was stated once.
                put_proof(books, change, request.received_ms)
                stated = Statement(request.received_ms, structs.replace(change.entry, clock=""))
                books.statements = (*books.statements, (change.person_id, stated))
            if admission.link is not None:
                visitor_id, person_id = admission.link
                books.aliases[visitor_id] = person_id
                books.merged.pop(visitor_id, None)
            if admission.upload is not None:
                append(books, admission.upload, request.received_ms)
            if admission.upload is not None or admission.others:
                books.devices[device_id] = (request.secret_hash, admission.person_id)
                books.marks[(device_id, stream)] = pack(marks)
                at_ms = request.received_ms
                first_ms, last_ms = books.heard.get(device_id, (at_ms, at_ms))
                books.heard[device_id] = (first_ms, max(last_ms, at_ms))
            for withdrawal in admission.withdrawals:
                admission.recalled += take_back(books, withdrawal, request.received_ms)
                if withdrawal.purpose == "location_collect" and not admission.locates:
                    forget_place(books, withdrawal.person_id, request.received_ms)
            return admission

    async def append(self, record: Record, now_ms: int) -> int:
        """See ``Store.append``."""
        with self._unit() as books:
            return append(books, record, now_ms)

    async def read_log(self, after: int, limit: int) -> list[LogRecord]:
        """See ``Store.read_log``."""
        found = list(enumerate(self._books.log, 1))[after : after + limit]
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
            if effects.position > books.position:
                count_fence_days(books, effects.fence_days)
            books.position = effects.position
            books.persons |= {i: pack(person) for i, person in effects.persons.items()}
            for visitor_id, person_id in effects.merges:
                merge(books, visitor_id, person_id)
            books.tracks |= effects.tracks
            for device_id, timer in effects.timers.items():
                books.timers.pop(device_id, None)
                if timer is not None:
                    books.timers[device_id] = timer
            for c in effects.addresses:
                key = (c.person_id, c.channel, c.ref)
                books.addresses.pop(key, None)
                if c.raw is not None:
                    books.addresses[key] = AddressEntry(pack(c.raw), c.at_ms)
            for m in effects.messages:
                row = MessageRow(m.person_id, pack(m), "queued", effects.now_ms)
                books.messages.setdefault(m.message_id, row)
            for person_id, delivery_id in effects.unshown:
                release_unshown(books, person_id, delivery_id)
            put_records(books, effects.records)

    async def fire_timers(self, now_ms: int, limit: int) -> int:
        """See ``Store.fire_timers``."""
        with self._unit() as books:
            due = [t for t in books.timers.values() if t.due_ms <= now_ms]
            due = sorted(due, key=lambda t: (t.due_ms, t.device_id))[:limit]
            for t in due:
                name = f"{t.device_id}@{t.due_ms}"
                append(books, TimerFired(name, t.device_id, t.person_id, t.due_ms), now_ms)
                del books.timers[t.device_id]
            return len(due)

    # ---- claim and confirm ----------------------------------------------------------------

    async def due(self, now_ms: int, limit: int) -> list[DueMessage]:
        """See ``Store.due``."""
        ripe = [m for m in open_messages(self._books) if m.due_ms <= now_ms]
        return sorted(ripe, key=lambda d: (-d.priority, d.due_ms, d.message_id))[:limit]

    async def next_due_ms(self) -> int | None:
        """See ``Store.next_due_ms``."""
        moments = [m.due_ms for m in open_messages(self._books)]
        moments += [t.due_ms for t in self._books.timers.values()]
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
            return take(books, row, judge(claim_facts(books, row)), now_ms)

    async def confirm(
        self,
        delivery_id: str,
        lease_token: int,
        outcome: CallOutcome,  # noqa: ARG002 - kept by stores that somebody looks into
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
            settlement = settle(row.attempt)
            end(books, delivery_id, settlement, now_ms)
            if inbox is not None and settlement.state == "sent":
                m, cursor = message_of(row), len(books.inbox) + 1
                shown = (cursor, delivery_id, m.message_id, inbox, m.priority, m.expires_at_ms)
                books.inbox[cursor] = Owned(m.person_id, pack(InboxRow(*shown)))
            return settlement

    async def reconcile(self, now_ms: int, *, all_leases: bool = False) -> int:
        """See ``Store.reconcile``."""
        with self._unit() as books:
            lost = [
                delivery_id
                for delivery_id, d in sorted(books.deliveries.items())
                if d.state == "sending" and (all_leases or d.lease_until_ms <= now_ms)
            ]
            for delivery_id in lost:
                end(books, delivery_id, rows.LEASE_LOST, now_ms)
            return len(lost)

    async def suppress(self, channel: str, ref: str, reason: str, now_ms: int) -> None:  # noqa: ARG002 - as above
        """See ``Store.suppress``."""
        with self._unit() as books:
            books.suppressed.setdefault((channel, ref), reason)

    async def set_emergency_stop(self, *, on: bool) -> None:
        """See ``Store.set_emergency_stop``."""
        with self._unit() as books:
            books.emergency_stop = on

    # ---- what is shown --------------------------------------------------------------------

    async def inbox(self, person_id: str, after: int, now_ms: int) -> list[InboxRow]:
        """See ``Store.inbox``."""
        mine = [e.body for e in self._books.inbox.values() if e.person_id == person_id]
        found = [unpack(body, InboxRow) for body in mine]
        return [r for r in found if r.cursor > after and r.show_until_ms > now_ms][: rows.INBOX_MAX]

    async def message_of(self, delivery_id: str) -> str | None:
        """See ``Store.message_of``."""
        delivery = self._books.deliveries.get(delivery_id)
        return None if delivery is None else delivery.message_id

    async def person_of_device(self, device_id: str, secret_hash: bytes) -> str | None:
        """See ``Store.person_of_device``."""
        known = self._books.devices.get(device_id)
        return known[1] if known is not None and known[0] == secret_hash else None

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
        found = [
            structs.replace(unpack(row.body, RecordRow), person_id=row.person_id)
            for row in self._books.records.values()
            if person_id in {"", row.person_id}
        ]
        return [r for r in found if r.cursor > after and subject in {"", r.subject}][:limit]

    async def transitions(self, after: tuple[int, int], limit: int) -> list[RecordRow]:
        """See ``Store.transitions``."""
        found = await self.records(0, len(self._books.records))
        told = [r for r in found if r.kind == "transition" and (r.at_ms, r.cursor) > after]
        return sorted(told, key=lambda r: (r.at_ms, r.cursor))[:limit]

    async def fence_days(
        self, since_day: int, fence_ids: Collection[str] | None = None
    ) -> dict[str, dict[str, int]]:
        """See ``Store.fence_days``."""
        found: dict[str, Counter[str]] = {}
        for (day, fence_id), body in self._books.fence_days.items():
            if day >= since_day and (fence_ids is None or fence_id in fence_ids):
                found.setdefault(fence_id, Counter()).update(unpack(body, dict[str, int]))
        return {fence_id: dict(counted) for fence_id, counted in found.items()}

    async def story(
        self, person_id: str, after: tuple[int, int], until_ms: int, limit: int
    ) -> list[RecordRow]:
        """See ``Store.story``."""
        found = await self.records(0, len(self._books.records), person_id=person_id)
        wanted = [r for r in found if (r.at_ms, r.cursor) > after and r.at_ms < until_ms]
        return sorted(wanted, key=lambda r: (r.at_ms, r.cursor))[:limit]

    async def devices_of(self, person_id: str, limit: int) -> list[DeviceSeen]:
        """See ``Store.devices_of``."""
        everybody = known_as(self._books, person_id)
        found = [
            DeviceSeen(device_id, *self._books.heard[device_id])
            for device_id, (_, owner) in self._books.devices.items()
            if owner in everybody
        ]
        return sorted(found, key=lambda d: (-d.last_ms, d.device_id))[:limit]

    async def statements(self, person_id: str, limit: int) -> list[Statement]:
        """See ``Store.statements``."""
        everybody = known_as(self._books, person_id)
        return [said for owner, said in self._books.statements if owner in everybody][-limit:]

    async def proofs(self, after: int, limit: int, *, person_id: str = "") -> list[ProofRow]:
        """See ``Store.proofs``."""
        wanted = known_as(self._books, person_id)
        found = [p for p in self._books.proofs if not person_id or p.person_id in wanted]
        return [p for p in found if p.number > after][:limit]

    async def versions(self, kind: str, ids: Collection[str]) -> list[DocumentRow]:
        """See ``Store.versions``."""
        found = sorted(self._books.documents.items())
        return [row for (its_kind, its_id, _), row in found if its_kind == kind and its_id in ids]

    async def counts(self) -> dict[str, int]:
        """See ``Store.counts``."""
        last = len(self._books.log)
        states = Counter(m.state for m in self._books.messages.values())
        return {"log": last, "pending": last - self._books.position, **states}

    async def close(self) -> None:
        """See ``Store.close``."""
        self._closed = True
