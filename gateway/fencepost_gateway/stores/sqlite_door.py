"""
The door of the SQLite store: what is written before an upload is answered.

Runs on the writer's thread inside its transaction. Keeps what every upload needs (device, marks,
consent) in bounded dictionaries; the rows are the truth, and a rollback empties them.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import apsw
import msgspec

from fencepost_gateway.decide.consent import DENYING, ConsentEntry
from fencepost_gateway.intake import records
from fencepost_gateway.intake.admission import Admission, AdmitFacts
from fencepost_gateway.intake.marks import Marks
from fencepost_gateway.intake.records import LogRecord, Record
from fencepost_gateway.intake.statement import ConsentChange
from fencepost_gateway.ports import AdmitRequest
from fencepost_gateway.stores import rows
from fencepost_gateway.stores.sqlite_proofs import append_proof

CACHE_MAX = 20_000

_packed = msgspec.msgpack.Encoder()
_marks: msgspec.msgpack.Decoder[Marks] = msgspec.msgpack.Decoder(Marks)


class Door:
    """Admission and the log, on the write connection."""

    def __init__(self, db: apsw.Connection, sql: SimpleNamespace) -> None:
        self._db = db
        self._sql = sql
        self.appended: list[LogRecord] = []
        self.forget()

    def forget(self) -> None:
        """Drop everything cached."""
        self._devices: dict[str, tuple[bytes, str]] = {}
        self._streams: dict[tuple[str, str], Marks] = {}
        self._aliases: dict[str, str] = {}
        self._consents: dict[str, list[ConsentEntry]] = {}
        self.appended.clear()
        self._position: int | None = None  # read when it is needed: this must not fail

    def admit(self, request: AdmitRequest) -> Admission | None:
        """Do what ``Store.admit`` promises."""
        device = self._device(request.device_id)
        if device is not None and device[0] != request.secret_hash:
            return None
        marks = self._stream(request.device_id, request.stream)
        admission = request.admit(AdmitFacts(marks, self.resolve, self.consents))
        now_ms = request.received_ms
        self.put_consents(admission.consents, now_ms)
        if admission.link is not None:
            visitor_id, person_id = admission.link
            self._db.execute(self._sql.put_alias, (visitor_id, person_id))
            _bound(self._aliases)[visitor_id] = person_id
        spoke_for = device[1] if device is not None else ""
        for record in rows.log_records(admission, request.device_id, spoke_for, self.resolve):
            self.append(record, now_ms)
        if admission.upload is not None or admission.others:
            self._put_device(request, device, admission.person_id)
            row = (request.device_id, request.stream, _packed.encode(marks), now_ms)
            self._db.execute(self._sql.put_marks, row)
        return admission

    def append(self, record: Record, now_ms: int) -> int:
        """Append a record; gives its position."""
        if self._position is None:
            self._position = int(self._db.execute(self._sql.last_position).get)
        self._position += 1
        row = (self._position, now_ms, records.encode(record))
        self._db.execute(self._sql.append, row)
        self.appended.append(LogRecord(self._position, now_ms, record))
        return self._position

    def resolve(self, visitor_id: str) -> str:
        """Give the person a visitor became, or the visitor."""
        known = self._aliases.get(visitor_id)
        if known is None:
            known = self._db.execute(self._sql.alias, (visitor_id,)).get or visitor_id
            _bound(self._aliases)[visitor_id] = known
        return known

    def consents(self, person_id: str) -> list[ConsentEntry]:
        """Give the statements of a person; they stand where the visitor's person is."""
        known = self._consents.get(person_id)
        if known is None:
            found = self._db.execute(self._sql.consents, (person_id,))
            known = [ConsentEntry(*row) for row in found]
            _bound(self._consents)[person_id] = known
        return known

    # ---- rows -----------------------------------------------------------------------------

    def _device(self, device_id: str) -> tuple[bytes, str] | None:
        known = self._devices.get(device_id)
        if known is None:
            known = self._db.execute(self._sql.device, (device_id,)).get
            if known is not None:
                _bound(self._devices)[device_id] = known
        return known

    def _put_device(
        self, request: AdmitRequest, known: tuple[bytes, str] | None, person_id: str
    ) -> None:
        if known is not None and known[1] == person_id:
            return
        row = (request.device_id, request.secret_hash, person_id, request.received_ms)
        self._db.execute(self._sql.put_device, row)
        _bound(self._devices)[request.device_id] = (request.secret_hash, person_id)

    def _stream(self, device_id: str, stream: str) -> Marks:
        key = (device_id, stream)
        marks = self._streams.get(key)
        if marks is None:
            row = self._db.execute(self._sql.marks, key).get
            marks = _marks.decode(row) if row is not None else Marks()
            _bound(self._streams)[key] = marks
        return marks

    def put_consents(self, changes: Iterable[ConsentChange], now_ms: int) -> None:
        """Let statements take effect, each with its proof."""
        for change in changes:
            e = change.entry
            row = (change.person_id, e.purpose, e.channel, e.address)
            self._db.execute(self._sql.put_consent, (*row, e.value, e.at_ms, e.clock))
            append_proof(
                self._db, self._sql, rows.proof_row(change, self._in_flight(change), now_ms)
            )
            self._consents.pop(change.person_id, None)

    def _in_flight(self, change: ConsentChange) -> list[str]:
        if change.entry.value not in DENYING:
            return []
        both = (change.person_id, change.person_id)
        return [name for (name,) in self._db.execute(self._sql.in_flight_of, both)]


def _bound(cache: dict[Any, Any]) -> dict[Any, Any]:
    """Make room in a cache: the oldest half goes when it is full."""
    if len(cache) >= CACHE_MAX:
        for key in list(cache)[: CACHE_MAX // 2]:
            del cache[key]
    return cache
