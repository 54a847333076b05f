"""
What a claim may see, and where messages stand, read from SQLite.

Reads only, on either side of the file: a claim reads on the writing side, in its transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import apsw
import msgspec
from msgspec import structs

from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.control import Control
from fencepost_gateway.decide.message import (
    AddressRow,
    ClaimFacts,
    Message,
    MessageEnd,
)
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.standing import Standing
from fencepost_gateway.ports import (
    DueMessage,
    InboxRow,
)
from fencepost_gateway.stores import rows
from fencepost_gateway.stores.sqlite_inbox import read_inbox

_message: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
_person: msgspec.msgpack.Decoder[Person] = msgspec.msgpack.Decoder(Person)
_slot: msgspec.msgpack.Decoder[Slot] = msgspec.msgpack.Decoder(Slot)
_control: msgspec.msgpack.Decoder[Control] = msgspec.msgpack.Decoder(Control)
_refused: msgspec.msgpack.Decoder[dict[str, str]] = msgspec.msgpack.Decoder(dict[str, str])
_plain = msgspec.msgpack.Decoder()


class Facts:
    """Reads what a claim may see; on any connection."""

    def __init__(self, db: apsw.Connection, sql: SimpleNamespace) -> None:
        self._db = db
        self._sql = sql

    def message(self, message_id: str) -> Standing | None:
        """Give a message and where it stands."""
        row = self._db.execute(self._sql.message, (message_id,)).get
        if row is None:
            return None
        body, person_id, state, due_ms, attempt, refused, *unknown = row
        message = _message.decode(body)
        if message.person_id != person_id:
            message = structs.replace(message, person_id=person_id)
        held = {} if refused is None else _refused.decode(refused)
        return Standing(message, state, due_ms, attempt, held, *unknown)

    def person(self, person_id: str) -> Person | None:
        """Give a person's row."""
        body = self._db.execute(self._sql.person, (person_id,)).get
        return None if body is None else _person.decode(body)

    def consents(self, person_id: str) -> list[ConsentEntry]:
        """Give the statements of whoever ``person_id`` is by now."""
        subject = self._db.execute(self._sql.alias, (person_id,)).get or person_id
        return [ConsentEntry(*row) for row in self._db.execute(self._sql.consents, (subject,))]

    def claim_facts(self, at: Standing, consents: Sequence[Any]) -> ClaimFacts:
        """Gather what ``judge`` may see; ``consents`` are those of the resolved person."""
        message = at.message
        person_id = message.person_id
        subject = self._db.execute(self._sql.alias, (person_id,)).get or person_id
        body = self._db.execute(self._sql.person, (person_id,)).get
        both = (subject, subject)
        slots = [
            structs.replace(_slot.decode(body), person_id=owner)
            for owner, body in self._db.execute(self._sql.slots, both)
        ]
        addresses = [
            AddressRow(
                channel,
                ref,
                _plain.decode(raw),
                since_ms,
                why,
                bool(is_allowed),
                suppressed_ms=why_ms,
            )
            for channel, ref, raw, since_ms, why, is_allowed, why_ms in self._db.execute(
                self._sql.addresses, both
            )
        ]
        addresses.append(rows.in_app_address(subject))
        control = self._db.execute(self._sql.control, (message.campaign_id,)).get
        stop = self._db.execute(self._sql.fact, ("emergency_stop",)).get
        return ClaimFacts(
            message=message,
            person=_person.decode(body) if body is not None else Person(person_id),
            consents=tuple(consents),
            addresses=tuple(addresses),
            slots=tuple(slots),
            attempt=at.attempt,
            due_ms=at.due_ms,
            emergency_stop=bool(stop),
            control=None if control is None else _control.decode(control),
            spent=dict(self._db.execute(self._sql.spent)),
            refused=at.refused,
        )

    def due(self, now_ms: int, rooms: Mapping[str, int]) -> list[DueMessage]:
        """See ``Store.due``."""
        run, sql = self._db.execute, self._sql
        found = []
        for lane, room in rooms.items():
            found += [DueMessage(*row) for row in run(sql.due_queued, (lane, now_ms, room))]
        row = (json.dumps([*rooms]), now_ms, sum(rooms.values()))
        found += [DueMessage(*row) for row in run(sql.due_deferred, row)]
        return rows.in_rooms(found, rooms)

    def message_ends(self, after: str, limit: int) -> list[MessageEnd]:
        """See ``Store.messages``."""
        found = self._db.execute(self._sql.message_ends, (after, limit))
        return [
            MessageEnd(m.message_id, m.campaign_id, m.entered_ms, state, reason, m.mark)
            for state, reason, body in found
            for m in (_message.decode(body),)
        ]

    def inbox(self, person_id: str, after: int, now_ms: int) -> list[InboxRow]:
        """See ``Store.inbox``."""
        return read_inbox(self._db, self._sql, person_id, after, now_ms, rows.INBOX_MAX)
