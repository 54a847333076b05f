"""Dead letters of messages in SQLite."""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import msgspec
from msgspec import structs

from fencepost_gateway.decide.dead_letters import OURS, is_dead, still_refused
from fencepost_gateway.decide.message import Message
from fencepost_gateway.ports import DeadMessage
from fencepost_gateway.stores import rows
from fencepost_gateway.stores.sqlite_side import Side

_message: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
_refused: msgspec.msgpack.Decoder[dict[str, str]] = msgspec.msgpack.Decoder(dict[str, str])
_pack = msgspec.msgpack.Encoder().encode


class SqliteLetters:
    """``LetterBook`` of the SQLite store."""

    def __init__(self, read: Side, write: Side, sql: SimpleNamespace) -> None:
        self._read = read
        self._write = write
        self._sql = sql

    async def dead(self, after: str, limit: int, now_ms: int) -> list[DeadMessage]:
        """See ``LetterBook.dead``."""
        db, asked = self._read.db, (after, now_ms, json.dumps(OURS), limit)

        def query() -> list[DeadMessage]:
            found: list[Any] = db.execute(self._sql.dead_messages, asked).fetchall()
            return [
                rows.dead_message(
                    structs.replace(_message.decode(body), person_id=person_id), *standing
                )
                for person_id, body, *standing in found
            ]

        return await self._read.run(query)

    async def redrive(self, message_ids: Sequence[str], now_ms: int) -> int:
        """See ``LetterBook.redrive``."""
        return await self._write.run(lambda: sum(self._again(i, now_ms) for i in message_ids))

    def _again(self, message_id: str, now_ms: int) -> bool:
        db, sql = self._write.db, self._sql
        row: Any = db.execute(sql.failed_message, (message_id,)).get
        if row is None:
            return False
        state, reason, packed, body = row
        message = _message.decode(body)
        if not is_dead(state, reason, message.expires_at_ms, now_ms):
            return False
        refused = still_refused(_refused.decode(packed)) if packed else {}
        lane = rows.lane_of(message, refused)
        row = (now_ms, _pack(refused) if refused else None, lane, message_id)
        db.execute(sql.redrive_message, row)
        return True
