"""
Positions: the uploads that the log still holds, by person, for fences that are to be judged anew.

The log is transit: it holds what came in during the last 24 hours, with positions. Nowhere else
are positions kept, so no further back can it be said who was inside of a fence that was not there.

Rule 1. What the pipeline has taken is read, and no more; nothing from longer ago than 24 hours
        before the newest, though nobody has trimmed it yet.
Rule 2. Whoever has withdrawn consent to positions was never anywhere before: their uploads up to
        then are left out, whatever the backtest asks for.
Rule 3. Only where an upload stands is remembered, so that memory stays small; it is read with its
        person. Whose it is goes by who they are now.
Rule 4. What an upload says of somebody else is left out: theirs is told in their own history.
"""

from __future__ import annotations

from array import array
from itertools import islice
from types import SimpleNamespace
from typing import Any, Final

import apsw
import msgspec
from msgspec import structs

from fencepost_gateway.intake import wire
from fencepost_gateway.intake.records import PlaceForgotten, Record, Upload, decode, encode
from fencepost_gateway.ports import LOG_KEEP_MS

ASKED_MAX: Final = 500


def begins_ms(db: apsw.Connection, sql: SimpleNamespace, last_ms: int) -> int:
    """Say from when on the log holds positions (Rule 1), given the newest; 0: it is empty."""
    first_ms = int(db.execute(sql.log_begins).get)
    newest_ms = max(last_ms, int(db.execute(sql.newest_ms).get))
    return max(first_ms, newest_ms - LOG_KEEP_MS) if first_ms else 0


class Positions:
    """Where each person's uploads stand in the log, from a moment on."""

    def __init__(self, db: apsw.Connection, sql: SimpleNamespace, since_ms: int) -> None:
        self._db = db
        self._sql = sql
        found: dict[str, array[int]] = {}
        forgotten: dict[str, int] = {}
        done = db.execute(sql.fact, ("position",)).get or 0
        for position, _, body in db.execute(sql.log_from, (done, since_ms)):
            record = decode(body)
            if isinstance(record, Upload | PlaceForgotten):
                found.setdefault(record.person_id, array("q")).append(position)
                if withdraws(record):
                    forgotten[record.person_id] = position
        self._known = known = self._merged(found)
        gone: dict[str, int] = {}
        for person_id, position in forgotten.items():
            name = known.get(person_id, person_id)
            gone[name] = max(position, gone.get(name, 0))
        self._found: dict[str, array[int]] = {}
        for person_id, positions in found.items():
            name = known.get(person_id, person_id)
            kept = (each for each in positions if each > gone.get(name, 0))
            self._found.setdefault(name, array("q")).extend(kept)

    def of(self, person_id: str, end_ms: int) -> list[tuple[int, bytes]]:
        """Give a person's uploads from before a moment, in order: when each came, and its body."""
        uploads = []
        for position in sorted(self._found.get(person_id, ())):
            at_ms, body = self._db.execute(self._sql.log_at, (position,)).get
            if at_ms < end_ms:
                uploads.append((at_ms, self._own(body, person_id)))
        return uploads

    def _own(self, body: bytes, person_id: str) -> bytes:
        upload = decode(body)
        assert isinstance(upload, Upload)  # noqa: S101 - only these were remembered
        known = self._known
        consents = {i: said for i, said in upload.consents.items() if known.get(i, i) == person_id}
        if len(consents) == len(upload.consents):
            return body
        return encode(structs.replace(upload, consents=consents))

    def _merged(self, found: dict[str, Any]) -> dict[str, str]:
        """Say who turned out to be whom."""
        known: dict[str, str] = {}
        names = iter(found)
        while asked := list(islice(names, ASKED_MAX)):
            in_json = (msgspec.json.encode(asked).decode(),)
            known |= dict(self._db.execute(self._sql.merged, in_json))
        return known


def withdraws(record: Record) -> bool:
    """Say whether somebody withdraws their consent to positions by this."""
    if isinstance(record, PlaceForgotten):
        return True
    events = record.events if isinstance(record, Upload) else ()
    said = (event.values for event in events if isinstance(event, wire.Consent))
    return any(values.get("location_collect") == "n" for values in said)
