"""Trials in memory: as the book says, row by row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager

from msgspec import structs

from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.message import OPEN_STATES, Message
from fencepost_gateway.intake.records import TrialBegun
from fencepost_gateway.ports import (
    Effects,
    RecordRow,
    TrialFacts,
    TrialMessage,
    TrialRow,
    TrialSum,
    TrialVerdict,
)
from fencepost_gateway.stores.memory_books import (
    Books,
    MessageRow,
    Owned,
    TrialEntry,
    append,
    pack,
    unpack,
)
from fencepost_gateway.stores.memory_claims import claim_facts


def take_trial(books: Books, effects: Effects) -> None:
    """Write what is wanted and recorded on trial; a trial that begins finds nothing."""
    if effects.trial_begins:
        books.trial_messages, books.trial_records = {}, {}
        books.tallies = {k: n for k, n in books.tallies.items() if not k[0].startswith("~")}
    for m in effects.trial_messages:
        entry = TrialEntry(m.person_id, pack(m), "queued", effects.now_ms)
        books.trial_messages.setdefault(m.message_id, entry)
    _put(books, effects.trial_records)


def prune_trial(books: Books, before_ms: int, limit: int) -> None:
    """Let go of what came of a trial before ``before_ms``."""
    for cursor, row in list(books.trial_records.items())[:limit]:
        if unpack(row.body, RecordRow).at_ms < before_ms:
            del books.trial_records[cursor]
    messages = books.trial_messages
    over = [i for i, m in messages.items() if m.state not in OPEN_STATES and m.due_ms < before_ms]
    for message_id in over[:limit]:
        del messages[message_id]


def _put(books: Books, found: list[RecordRow]) -> None:
    for row in found:
        books.last_trial_record += 1
        body = pack(structs.replace(row, cursor=books.last_trial_record))
        books.trial_records[books.last_trial_record] = Owned(row.person_id, body)


class MemoryTrials:
    """``TrialBook`` of the memory store."""

    def __init__(
        self, books: Callable[[], Books], unit: Callable[[], AbstractContextManager[Books]]
    ) -> None:
        self._books = books
        self._unit = unit

    async def current(self) -> TrialRow:
        """See ``TrialBook.current``."""
        return self._books().trial

    async def begin(self, trial: TrialRow, now_ms: int) -> int:
        """See ``TrialBook.begin``."""
        with self._unit() as books:
            number = books.trial.number + 1
            books.trial = structs.replace(trial, number=number, began_ms=now_ms)
            append(books, TrialBegun(number), now_ms)
            return number

    async def due(self, now_ms: int, limit: int) -> list[str]:
        """See ``TrialBook.due``."""
        found = [
            (-message.priority, message.cause.at_ms, message_id)
            for message_id, each in self._books().trial_messages.items()
            if each.state in OPEN_STATES and each.due_ms <= now_ms
            for message in (unpack(each.body, Message),)
        ]
        return [message_id for _, _, message_id in sorted(found)][:limit]

    async def peek(self, message_id: str) -> TrialFacts | None:
        """See ``TrialBook.peek``."""
        books = self._books()
        each = books.trial_messages.get(message_id)
        if each is None:
            return None
        facts = claim_facts(books, MessageRow(each.person_id, each.body, each.state, each.due_ms))
        slots = [
            structs.replace(unpack(other.slot, Slot), person_id=other.person_id)
            for _, other in sorted(books.trial_messages.items())
            if other.person_id == each.person_id and other.slot is not None
        ]
        return TrialFacts(structs.replace(facts, slots=(*facts.slots, *slots)), each.ahead_ms)

    async def judged(self, verdict: TrialVerdict, now_ms: int) -> bool:
        """See ``TrialBook.judged``."""
        with self._unit() as books:
            each = books.trial_messages.get(verdict.message_id)
            if each is None or each.state not in OPEN_STATES:
                return False
            books.trial_messages[verdict.message_id] = structs.replace(
                each,
                state=verdict.state,
                due_ms=verdict.due_ms,
                ahead_ms=verdict.ahead_ms,
                channel=verdict.channel,
                content=None if verdict.content is None else pack(verdict.content),
                slot=None if verdict.slot is None else pack(verdict.slot),
            )
            _put(books, verdict.records)
            if verdict.told is not None:
                append(books, verdict.told, now_ms)
            return True

    async def sums(self) -> list[TrialSum]:
        """See ``TrialBook.sums``."""
        found: dict[tuple[str, str, str, str, str], list[str]] = defaultdict(list)
        for row in self._rows():
            parts = ("campaign_id", "outcome", "reason", "channel")
            campaign_id, outcome, reason, channel = (str(row.body.get(p) or "") for p in parts)
            if outcome:
                found[campaign_id, row.kind, outcome, reason, channel].append(row.person_id)
        sums = sorted(found.items())
        return [TrialSum(*key, count=len(who), persons=len(set(who))) for key, who in sums]

    def _rows(self) -> list[RecordRow]:
        return [
            structs.replace(unpack(each.body, RecordRow), person_id=each.person_id)
            for each in self._books().trial_records.values()
        ]

    async def records_of(self, person_id: str) -> list[RecordRow]:
        """See ``TrialBook.records_of``."""
        return [row for row in self._rows() if row.person_id == person_id]

    async def messages_of(self, person_id: str) -> list[TrialMessage]:
        """See ``TrialBook.messages_of``."""
        return [
            TrialMessage(
                structs.replace(unpack(each.body, Message), person_id=person_id),
                each.state,
                each.channel,
                None if each.content is None else unpack(each.content, dict),
            )
            for _, each in sorted(self._books().trial_messages.items())
            if each.person_id == person_id
        ]
