"""
The SQLite store's answers to "why": what is on record about one person, and what was published.

Reads only, on the reader's thread. Everything is found by an index (migration 0004).
"""

from __future__ import annotations

import json
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

import apsw
import msgspec
from msgspec import structs

from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import Message, MessageEnd
from fencepost_gateway.ports import (
    AddressSeen,
    DeviceSeen,
    DocumentRow,
    Holdings,
    RecordRow,
    Statement,
)

_slot: msgspec.msgpack.Decoder[Slot] = msgspec.msgpack.Decoder(Slot)
_plain = msgspec.msgpack.Decoder()
_message: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


class Story:
    """Reads what was recorded, on any connection."""

    def __init__(self, db: apsw.Connection, sql: SimpleNamespace) -> None:
        self._db = db
        self._sql = sql

    def records(
        self, person_id: str, after: tuple[int, int], until_ms: int, limit: int
    ) -> list[RecordRow]:
        """See ``Store.story``."""
        row = (person_id, *after, until_ms, limit)
        return [
            RecordRow(cursor, at_ms, person, kind, about, _plain.decode(body))
            for cursor, at_ms, person, kind, about, body in self._db.execute(self._sql.story, row)
        ]

    def persons_at(self, channel: str, ref: str, limit: int) -> list[str]:
        """See ``Store.persons_at``."""
        row = (channel, ref, limit)
        return [str(found) for (found,) in self._db.execute(self._sql.persons_at, row)]

    def holdings(self, person_id: str) -> Holdings:
        """See ``Store.holdings``."""
        both = (person_id, person_id)
        with self._db:  # one moment for all four
            seen: list[Any] = self._db.execute(self._sql.addresses_seen, both).fetchall()
            slots: list[Any] = self._db.execute(self._sql.slots, both).fetchall()
            visitors = self._db.execute(self._sql.visitors_of, (person_id,)).fetchall()
            number = self._db.execute(self._sql.newest_number, both).get
        return Holdings(
            visitors=tuple(str(visitor) for (visitor,) in visitors),
            addresses=tuple(AddressSeen(*row) for row in seen),
            slots=tuple(structs.replace(_slot.decode(b), person_id=who) for who, b in slots),
            phone=str(_plain.decode(number).get("address", "")) if number is not None else "",
        )

    def devices(self, person_id: str, limit: int) -> list[DeviceSeen]:
        """See ``Store.devices_of``."""
        row = (person_id, person_id, limit)
        return [DeviceSeen(*found) for found in self._db.execute(self._sql.devices_of, row)]

    def statements(self, person_id: str, limit: int) -> list[Statement]:
        """See ``Store.statements``."""
        row = (person_id, person_id, limit)
        newest_first = self._db.execute(self._sql.statements, row).fetchall()
        return [Statement(at_ms, ConsentEntry(*said)) for at_ms, *said in reversed(newest_first)]

    def versions(self, kind: str, ids: Collection[str]) -> list[DocumentRow]:
        """See ``Store.versions``."""
        row = (kind, json.dumps(list(ids)))
        return [DocumentRow(*found) for found in self._db.execute(self._sql.versions, row)]

    def messages(self, after: str, limit: int) -> list[MessageEnd]:
        """See ``Store.messages``."""
        return [
            MessageEnd(m.message_id, m.campaign_id, m.entered_ms, state, reason, m.mark)
            for state, reason, body in self._db.execute(self._sql.message_ends, (after, limit))
            for m in (_message.decode(body),)
        ]
