"""
The books of the memory store: its rows, and how one is found or appended.

Pure. Frozen records and packed bytes, so nobody outside shares a value with them; everything is
found by looking at every row. What claims, consent, merging and addresses do to the books stands in
files of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, structs

from fencepost_gateway.decide.audiences import Keys
from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.control import Control
from fencepost_gateway.decide.message import (
    OPEN_STATES,
    ListedAddress,
    Message,
    MessageEnd,
    OnUnknown,
)
from fencepost_gateway.decide.proof import ProofHead, ProofRow
from fencepost_gateway.decide.ranking import Ranking
from fencepost_gateway.decide.standing import Standing
from fencepost_gateway.intake import records
from fencepost_gateway.intake.records import Record
from fencepost_gateway.ports import (
    Act,
    AudienceDay,
    BroadcastRow,
    DocumentRow,
    DueMessage,
    HistoryRow,
    InboxRow,
    JourneyPlace,
    LinkRow,
    RecordRow,
    RefusalRow,
    RequestRow,
    RunRow,
    Statement,
    Sweep,
    Timer,
    TrialRow,
)

T = TypeVar("T")


class MessageRow(Struct, frozen=True):
    """A message and where it stands; ``body`` as the pipeline wrote it."""

    person_id: str
    body: bytes
    state: str
    due_ms: int
    attempt: int = 0
    reason: str = ""
    held_by: str = ""
    lane: str = ""
    refused: dict[str, str] = {}
    unknowns: int = 0
    on_unknown: OnUnknown = "end"


class DeliveryRow(Struct, frozen=True):
    """One message on one channel to one address, and its lease."""

    message_id: str
    channel: str
    ref: str
    state: str
    lease_token: int
    lease_until_ms: int
    provider_id: str = ""
    reason: str = ""


class AddressEntry(Struct, frozen=True):
    """What a driver needs to reach an address."""

    raw: bytes
    since_ms: int
    seen_ms: int
    device_id: str


class CallRow(Struct, frozen=True):
    """A call of a journey, packed, and where it stands: open, leased, dead."""

    person_id: str
    body: bytes
    state: str
    due_ms: int
    begun_ms: int
    attempt: int = 0
    failure: str = ""


class Owned(Struct, frozen=True):
    """Something packed that belongs to a person."""

    person_id: str
    body: bytes


class TrialEntry(Struct, frozen=True):
    """A message on trial, and what would have become of it."""

    person_id: str
    body: bytes
    state: str
    due_ms: int
    ahead_ms: int = 0
    channel: str = ""
    content: bytes | None = None
    slot: bytes | None = None


class Books(Struct):
    """All rows of the store, by what they are looked up by."""

    log: tuple[tuple[int, bytes], ...] = ()
    trimmed: int = 0
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
    hanging: dict[int, str] = {}  # cursors of the inbox that hang on a fence, and whose
    last_inbox: int = 0
    suppressed: dict[tuple[str, str], ListedAddress] = {}
    allowed: dict[tuple[str, str], ListedAddress] = {}
    documents: dict[tuple[str, str, int], DocumentRow] = {}
    records: dict[int, Owned] = {}
    last_record: int = 0
    history: dict[int, HistoryRow] = {}
    last_happened: int = 0
    fence_days: dict[tuple[int, str], bytes] = {}
    audience_days: dict[tuple[int, str], AudienceDay] = {}
    person_timers: dict[str, int] = {}
    sweep: Sweep = Sweep()
    definitions: dict[str, Keys] = {}
    rankings: dict[str, Ranking] = {}
    runs: dict[str, RunRow] = {}
    calls: dict[str, CallRow] = {}
    broadcasts: dict[int, tuple[BroadcastRow, int]] = {}
    schedules: dict[str, int | None] = {}
    started: dict[tuple[str, str], tuple[str, int]] = {}
    tallies: dict[tuple[str, str], int] = {}
    passed_over: dict[int, str] = {}
    trial: TrialRow = TrialRow()
    trial_messages: dict[str, TrialEntry] = {}
    trial_records: dict[int, Owned] = {}
    last_trial_record: int = 0
    controls: dict[str, Control] = {}
    acts: tuple[Act, ...] = ()
    journey_days: dict[tuple[int, JourneyPlace, str], int] = {}
    links: dict[str, LinkRow] = {}
    requests: tuple[RequestRow, ...] = ()
    refusals: dict[str, RefusalRow] = {}
    spent: dict[int, int] = {}
    costs: dict[str, tuple[int, int]] = {}
    reports: dict[str, int] = {}


def pack(value: Any) -> bytes:
    """Write a value as the books keep it."""
    return msgspec.msgpack.encode(value)


def unpack(body: bytes, kind: type[T]) -> T:
    """Read a value back: a copy that belongs to the caller."""
    return msgspec.msgpack.decode(body, type=kind)


def append(books: Books, record: Record, now_ms: int) -> int:
    """Append a record to the log; gives its position."""
    books.log = (*books.log, (now_ms, records.encode(record)))
    return books.trimmed + len(books.log)


def put_records(books: Books, found: Sequence[RecordRow]) -> None:
    """Append decision records."""
    for row in found:
        books.last_record += 1
        body = pack(structs.replace(row, cursor=books.last_record))
        books.records[books.last_record] = Owned(row.person_id, body)


def records_of(books: Books, *, person_id: str = "") -> list[RecordRow]:
    """Give the decision records of one person, or of everybody, oldest first."""
    return [
        structs.replace(unpack(row.body, RecordRow), person_id=row.person_id)
        for row in books.records.values()
        if person_id in {"", row.person_id}
    ]


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


def message_of(row: MessageRow) -> Message:
    """Give the message of a row, under the person it belongs to by now."""
    return structs.replace(unpack(row.body, Message), person_id=row.person_id)


def standing(row: MessageRow) -> Standing:
    """Give a message and where it stands."""
    place = (row.state, row.due_ms, row.attempt, row.refused, row.unknowns, row.on_unknown)
    return Standing(message_of(row), *place)


def open_messages(books: Books) -> list[DueMessage]:
    """Give the messages that still want to be sent."""
    return [
        DueMessage(
            message_id, message.priority, row.due_ms, message.cause.at_ms, message.rank, row.lane
        )
        for message_id, row in books.messages.items()
        if row.state in OPEN_STATES and not row.held_by
        for message in (message_of(row),)
    ]


def over(books: Books, now_ms: int) -> list[DueMessage]:
    """Give what has expired while it waited on a lane, what expired first at the front."""
    waiting = [m for m in open_messages(books) if m.lane]
    ends = {m.message_id: message_of(books.messages[m.message_id]).expires_at_ms for m in waiting}
    found = [m for m in waiting if ends[m.message_id] <= now_ms]
    return sorted(found, key=lambda m: ends[m.message_id])


def message_end(row: MessageRow) -> MessageEnd:
    """Say where a message stands."""
    m = message_of(row)
    return MessageEnd(m.message_id, m.campaign_id, m.entered_ms, row.state, row.reason, m.mark)


def put_inbox(books: Books, person_id: str, row: InboxRow) -> None:
    """Put a message before a person, behind every cursor that was ever given."""
    books.last_inbox += 1
    row = structs.replace(row, cursor=books.last_inbox)
    books.inbox[row.cursor] = Owned(person_id, pack(row))
    if row.fence_id and row.state != "gone":
        books.hanging[row.cursor] = person_id


def drop_inbox(books: Books, cursor: int) -> None:
    """Take a row out of the inbox."""
    del books.inbox[cursor]
    books.hanging.pop(cursor, None)
