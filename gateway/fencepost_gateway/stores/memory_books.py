"""
The books of the memory store: its rows, and what claim, merge and confirm do to them.

Pure. Frozen records and packed bytes, so nobody outside shares a value with them; everything is
found by looking at every row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, structs

from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.consent import DENYING, ConsentEntry
from fencepost_gateway.decide.message import (
    OPEN_STATES,
    AddressRow,
    ClaimFacts,
    ListedAddress,
    Message,
    MessageEnd,
    Verdict,
)
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.proof import ProofHead, ProofRow, hash_of
from fencepost_gateway.decide.ranking import Ranking
from fencepost_gateway.decide.settle import Settlement
from fencepost_gateway.intake import records
from fencepost_gateway.intake.admit import Withdrawal
from fencepost_gateway.intake.records import PlaceForgotten, Record
from fencepost_gateway.intake.statement import ConsentChange
from fencepost_gateway.ports import (
    ADDRESSES_MAX,
    LEASE_MS,
    AddressChange,
    AddressMove,
    AddressSeen,
    AudienceDay,
    Claimed,
    DocumentRow,
    DueMessage,
    Holdings,
    InboxRow,
    RecordRow,
    Statement,
    Sweep,
    Timer,
)
from fencepost_gateway.stores import rows

T = TypeVar("T")
Key = tuple[str, str, str]  # person, channel, reference


class MessageRow(Struct, frozen=True):
    """A message and where it stands; ``body`` as the pipeline wrote it."""

    person_id: str
    body: bytes
    state: str
    due_ms: int
    attempt: int = 0
    reason: str = ""


class DeliveryRow(Struct, frozen=True):
    """One message on one channel to one address, and its lease."""

    message_id: str
    channel: str
    ref: str
    state: str
    lease_token: int
    lease_until_ms: int


class AddressEntry(Struct, frozen=True):
    """What a driver needs to reach an address."""

    raw: bytes
    since_ms: int
    seen_ms: int
    device_id: str


class Owned(Struct, frozen=True):
    """Something packed that belongs to a person."""

    person_id: str
    body: bytes


class Books(Struct):
    """All rows of the store, by what they are looked up by."""

    log: tuple[tuple[int, bytes], ...] = ()
    position: int = 0
    revision: int = 0
    emergency_stop: bool = False
    devices: dict[str, tuple[bytes, str]] = {}
    heard: dict[str, tuple[int, int]] = {}
    statements: tuple[tuple[str, Statement], ...] = ()
    proofs: tuple[ProofRow, ...] = ()
    proof_heads: tuple[ProofHead, ...] = ()
    marks: dict[tuple[str, str], bytes] = {}
    aliases: dict[str, str] = {}
    merged: dict[str, str] = {}
    consents: dict[tuple[str, str, str, str], ConsentEntry] = {}
    persons: dict[str, bytes] = {}
    tracks: dict[str, bytes] = {}
    timers: dict[str, Timer] = {}
    addresses: dict[tuple[str, str, str], AddressEntry] = {}
    messages: dict[str, MessageRow] = {}
    deliveries: dict[str, DeliveryRow] = {}
    slots: dict[str, Slot] = {}
    inbox: dict[int, Owned] = {}
    suppressed: dict[tuple[str, str], ListedAddress] = {}
    allowed: dict[tuple[str, str], ListedAddress] = {}
    documents: dict[tuple[str, str, int], DocumentRow] = {}
    records: dict[int, Owned] = {}
    fence_days: dict[tuple[int, str], bytes] = {}
    audience_days: dict[tuple[int, str], AudienceDay] = {}
    person_timers: dict[str, int] = {}
    sweep: Sweep = Sweep()
    rankings: dict[str, Ranking] = {}


def pack(value: Any) -> bytes:
    """Write a value as the books keep it."""
    return msgspec.msgpack.encode(value)


def unpack(body: bytes, kind: type[T]) -> T:
    """Read a value back: a copy that belongs to the caller."""
    return msgspec.msgpack.decode(body, type=kind)


def append(books: Books, record: Record, now_ms: int) -> int:
    """Append a record to the log; gives its position."""
    books.log = (*books.log, (now_ms, records.encode(record)))
    return len(books.log)


def put_records(books: Books, found: Sequence[RecordRow]) -> None:
    """Append decision records."""
    for row in found:
        cursor = len(books.records) + 1
        body = pack(structs.replace(row, cursor=cursor))
        books.records[cursor] = Owned(row.person_id, body)


def count_fence_days(books: Books, found: Mapping[tuple[int, str], Mapping[str, int]]) -> None:
    """Add to what was counted of a fence on a day."""
    for key, more in found.items():
        held = Counter(unpack(books.fence_days.get(key, pack({})), dict[str, int]))
        held.update(more)
        books.fence_days[key] = pack(dict(held))


def consents_of(books: Books, person_id: str) -> list[ConsentEntry]:
    """Give the statements of a person."""
    return [entry for key, entry in sorted(books.consents.items()) if key[0] == person_id]


def known_as(books: Books, person_id: str) -> set[str]:
    """Give a person and the visitors who turned out to be them."""
    return {person_id, *(v for v, known in books.aliases.items() if known == person_id)}


def suppressed_for(books: Books, channel: str, ref: str) -> str:
    """Say why an address is on the suppression list; empty where it is not."""
    listed = books.suppressed.get((channel, ref))
    return listed.reason if listed is not None else ""


def holdings_of(books: Books, person_id: str) -> Holdings:
    """Gather what is held of a person beside their row."""
    everybody = known_as(books, person_id)
    told = _addresses(books, everybody)
    addresses = [
        AddressSeen(channel, ref, a.since_ms, a.seen_ms, suppressed_for(books, channel, ref))
        for (_, channel, ref), a in told
    ]
    slots = [s for s in books.slots.values() if s.person_id in everybody and s.state != "released"]
    return Holdings(
        visitors=tuple(sorted(everybody - {person_id})),
        addresses=tuple(addresses),
        slots=tuple(sorted(slots, key=lambda s: s.slot_id)),
        phone=next((_number(a) for key, a in told if key[1] == "sms"), ""),
    )


def _number(entry: AddressEntry) -> str:
    return str(msgspec.msgpack.decode(entry.raw).get("address", ""))


def message_of(row: MessageRow) -> Message:
    """Give the message of a row, under the person it belongs to by now."""
    return structs.replace(unpack(row.body, Message), person_id=row.person_id)


def open_messages(books: Books) -> list[DueMessage]:
    """Give the messages that still want to be sent."""
    return [
        DueMessage(message_id, message_of(row).priority, row.due_ms)
        for message_id, row in books.messages.items()
        if row.state in OPEN_STATES
    ]


def message_end(row: MessageRow) -> MessageEnd:
    """Say where a message stands."""
    m = message_of(row)
    return MessageEnd(m.message_id, m.campaign_id, m.entered_ms, row.state, row.reason, m.mark)


def claim_facts(books: Books, row: MessageRow) -> ClaimFacts:
    """Gather what ``judge`` may see: of the person, and of visitors who turned out to be them."""
    subject = books.aliases.get(row.person_id, row.person_id)
    everybody = known_as(books, subject)
    addresses = [
        AddressRow(
            channel,
            ref,
            msgspec.msgpack.decode(address.raw),
            address.since_ms,
            suppressed_for(books, channel, ref),
            (channel, ref) in books.allowed,
        )
        for (_, channel, ref), address in _addresses(books, everybody)
    ]
    slots = [s for s in books.slots.values() if s.person_id in everybody and s.state != "released"]
    body = books.persons.get(row.person_id)
    return ClaimFacts(
        message=message_of(row),
        person=Person(row.person_id) if body is None else unpack(body, Person),
        consents=tuple(consents_of(books, subject)),
        addresses=(*addresses, rows.in_app_address(subject)),
        slots=tuple(sorted(slots, key=lambda s: s.slot_id)),
        attempt=row.attempt,
        due_ms=row.due_ms,
        emergency_stop=books.emergency_stop,
    )


def _addresses(books: Books, everybody: Collection[str]) -> list[tuple[Key, AddressEntry]]:
    """Give the addresses of some, those of each channel that were told last first."""
    found = [(key, entry) for key, entry in books.addresses.items() if key[0] in everybody]
    return sorted(found, key=lambda a: (a[0][1], -a[1].seen_ms, a[0][2], a[0][0]))


def change_address(books: Books, change: AddressChange | AddressMove) -> None:
    """Let an address appear, go, or move."""
    if isinstance(change, AddressMove):
        for key, entry in list(books.addresses.items()):
            if key[1] == "web_push" and entry.device_id == change.device_id:
                del books.addresses[key]
                books.addresses[(change.person_id, *key[1:])] = entry
        return trim_addresses(books, change.person_id)
    key = (change.person_id, change.channel, change.ref)
    if change.raw is None:
        books.addresses.pop(key, None)
        return None
    for other, entry in list(books.addresses.items()):
        if change.channel == "web_push" and other[1:] == key[1:] and other != key:
            if entry.seen_ms > change.at_ms:
                return None  # somebody else told it later
            del books.addresses[other]
    told = AddressEntry(pack(change.raw), change.at_ms, change.at_ms, change.device_id)
    old = books.addresses.get(key, told)
    seen_ms = max(old.seen_ms, told.seen_ms)
    books.addresses[key] = structs.replace(told, since_ms=old.since_ms, seen_ms=seen_ms)
    return trim_addresses(books, change.person_id)


def trim_addresses(books: Books, person_id: str) -> None:
    """Keep the addresses of each channel that were told last."""
    kept: Counter[str] = Counter()
    mine = [(key, entry) for key, entry in books.addresses.items() if key[0] == person_id]
    for key, _ in sorted(mine, key=lambda a: (-a[1].seen_ms, -a[1].since_ms, a[0][2])):
        kept[key[1]] += 1
        if kept[key[1]] > ADDRESSES_MAX:
            del books.addresses[key]


def _move_addresses(books: Books, visitor_id: str, person_id: str) -> None:
    for key, theirs in list(books.addresses.items()):
        if key[0] != visitor_id:
            continue
        del books.addresses[key]
        ours = books.addresses.get((person_id, *key[1:]), theirs)
        newest = theirs if theirs.seen_ms >= ours.seen_ms else ours
        since_ms = min(ours.since_ms, theirs.since_ms)
        books.addresses[(person_id, *key[1:])] = structs.replace(newest, since_ms=since_ms)
    trim_addresses(books, person_id)


def put_inbox(books: Books, person_id: str, row: InboxRow) -> None:
    """Put a message before a person, behind every cursor that was ever given."""
    cursor = max(books.inbox, default=0) + 1
    books.inbox[cursor] = Owned(person_id, pack(structs.replace(row, cursor=cursor)))


def merge(books: Books, visitor_id: str, person_id: str) -> None:
    """Let ``person_id`` have every row of ``visitor_id``."""
    books.persons.pop(visitor_id, None)
    books.person_timers.pop(visitor_id, None)
    if books.aliases.get(visitor_id) == person_id:
        books.merged[visitor_id] = person_id
    _move_addresses(books, visitor_id, person_id)
    for cursor, row in sorted(books.inbox.items()):
        if row.person_id == visitor_id:
            del books.inbox[cursor]
            put_inbox(books, person_id, unpack(row.body, InboxRow))
    tables: tuple[dict[Any, Any], ...] = (
        books.messages,
        books.slots,
        books.timers,
        books.records,
    )
    for table in tables:
        for key, row in table.items():
            if row.person_id == visitor_id:
                table[key] = structs.replace(row, person_id=person_id)


def take(books: Books, row: MessageRow, verdict: Verdict, now_ms: int) -> Claimed:
    """Write a verdict: lease and slot, or the new due time, or the outcome; and the record."""
    message = message_of(row)
    claimed = Claimed(verdict, message)
    if verdict.outcome == "send":
        claimed = _lease(books, row, verdict, now_ms)
        row = structs.replace(row, state="sending", due_ms=now_ms, attempt=claimed.attempt)
    elif verdict.outcome == "deferred":
        row = structs.replace(row, state="deferred", due_ms=verdict.retry_at_ms or now_ms)
    else:
        row = structs.replace(row, state="withheld", due_ms=now_ms)
        append(books, rows.withheld(message, verdict.reason), now_ms)
    books.messages[message.message_id] = structs.replace(row, reason=verdict.reason)
    put_records(books, [rows.claim_record(message, verdict, claimed.delivery_id, now_ms)])
    return claimed


def _lease(books: Books, row: MessageRow, verdict: Verdict, now_ms: int) -> Claimed:
    message, attempt = message_of(row), row.attempt + 1
    ref = verdict.address.ref if verdict.address else ""
    delivery_id = rows.delivery_id_of(message.message_id, verdict.channel, ref)
    books.deliveries[delivery_id] = DeliveryRow(
        message.message_id, verdict.channel, ref, "sending", attempt, now_ms + LEASE_MS
    )
    if verdict.slot is not None:
        books.slots[verdict.slot.slot_id] = verdict.slot
    return Claimed(verdict, message, delivery_id, lease_token=attempt, attempt=attempt)


def end(books: Books, delivery_id: str, settlement: Settlement, now_ms: int) -> None:
    """Write how a call ended: delivery, message, slot, address, outcome, record."""
    delivery = books.deliveries[delivery_id]
    row = books.messages[delivery.message_id]
    message = message_of(row)
    due_ms = settlement.retry_at_ms or now_ms
    books.deliveries[delivery_id] = structs.replace(delivery, state=settlement.state)
    books.messages[message.message_id] = structs.replace(
        row, state=settlement.state, due_ms=due_ms, reason=settlement.reason
    )
    slot = books.slots.get(message.message_id)
    if slot is not None:
        kept = settlement.slot == "kept_unknown"
        used_at_ms = max(now_ms, delivery.lease_until_ms) if kept else now_ms
        used = structs.replace(slot, used_at_ms=used_at_ms, state=settlement.slot)
        books.slots[slot.slot_id] = used
    if settlement.address == "remove":
        books.addresses.pop((message.person_id, delivery.channel, delivery.ref), None)
    elif settlement.address == "suppress":
        listed = ListedAddress(delivery.channel, delivery.ref, "stop", now_ms, "provider")
        books.suppressed.setdefault((delivery.channel, delivery.ref), listed)
    if settlement.state != "queued":
        ended = rows.settled(message, settlement, delivery.channel, delivery_id, delivery.ref)
        append(books, ended, now_ms)
    record = rows.outcome_record(message, delivery.channel, delivery_id, settlement, now_ms)
    put_records(books, [record])


def in_flight_of(books: Books, person_id: str) -> list[str]:
    """Name the deliveries to a person whose call is under way."""
    everybody = known_as(books, person_id)
    return [
        delivery_id
        for delivery_id, delivery in sorted(books.deliveries.items())
        if delivery.state == "sending"
        and books.messages[delivery.message_id].person_id in everybody
    ]


def put_change(books: Books, change: ConsentChange, now_ms: int) -> None:
    """Let a statement take effect, with its proof."""
    books.consents[(change.person_id, *change.entry.key)] = change.entry
    put_proof(books, change, now_ms)
    # Whose clock it was is not kept of what was stated once.
    stated = Statement(now_ms, structs.replace(change.entry, clock=""))
    books.statements = (*books.statements, (change.person_id, stated))


def put_proof(books: Books, change: ConsentChange, now_ms: int) -> None:
    """Put a change at the end of the chain of proofs."""
    calls = in_flight_of(books, change.person_id) if change.entry.value in DENYING else []
    row = rows.proof_row(change, calls, now_ms)
    row = structs.replace(row, number=len(books.proofs) + 1)
    head = books.proofs[-1].hash if books.proofs else b""
    books.proofs = (*books.proofs, structs.replace(row, hash=hash_of(head, row)))


def take_back(books: Books, withdrawal: Withdrawal, now_ms: int) -> int:
    """Withhold the pending messages that a withdrawn consent had allowed; give how many."""
    taken, everybody = 0, known_as(books, withdrawal.person_id)
    for _, row in sorted(books.messages.items()):
        if row.person_id not in everybody or row.state not in OPEN_STATES:
            continue
        if rows.is_recalled(message_of(row), withdrawal):
            take(books, row, rows.recall(withdrawal), now_ms)
            taken += 1
    return taken


def forget_place(books: Books, person_id: str, now_ms: int) -> None:
    """Drop where a person's devices were, and let the pipeline know."""
    everybody = known_as(books, person_id)
    mine = sorted(d for d, (_, speaks_for) in books.devices.items() if speaks_for in everybody)
    for device_id in mine:
        books.tracks.pop(device_id, None)
        books.timers.pop(device_id, None)
    append(books, PlaceForgotten(person_id, mine), now_ms)


def release_unshown(books: Books, person_id: str, delivery_id: str) -> None:
    """Give back the slot of an in-app message that this person never saw."""
    delivery = books.deliveries.get(delivery_id)
    slot = books.slots.get(delivery.message_id) if delivery is not None else None
    if delivery is None or slot is None or delivery.channel != "in_app":
        return
    if slot.person_id == person_id and slot.state == "confirmed":
        books.slots[slot.slot_id] = structs.replace(slot, state="released")
