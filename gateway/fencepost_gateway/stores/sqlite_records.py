"""Decision records as SQLite keeps them."""

from __future__ import annotations

import apsw
import msgspec

from fencepost_gateway.ports import RecordRow

_plain = msgspec.msgpack.Decoder()


def record_rows(db: apsw.Connection, sql: str, row: tuple[str | int, ...]) -> list[RecordRow]:
    """Give what a query finds of the records."""
    return [
        RecordRow(cursor, at_ms, person, kind, about, _plain.decode(body))
        for cursor, at_ms, person, kind, about, body in db.execute(sql, row)
    ]
