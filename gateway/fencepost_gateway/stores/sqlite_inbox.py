"""
The SQLite store's inbox: rows that change go behind every cursor.

Not pure: part of the caller's transaction. What becomes of a row says ``decide.inbox``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any, Final

import apsw
import msgspec

from fencepost_gateway.decide.inbox import InboxState, after, gives_back, is_left
from fencepost_gateway.decide.person import Person
from fencepost_gateway.ports import InboxRow

_plain: Final[msgspec.msgpack.Decoder[dict[str, Any]]] = msgspec.msgpack.Decoder(dict[str, Any])
_pack: Final = msgspec.msgpack.encode


def put_inbox(db: apsw.Connection, sql: SimpleNamespace, person_id: str, row: InboxRow) -> None:
    """Put a message before a person, once, behind every cursor."""
    shown = (row.priority, row.show_until_ms, _pack(row.content), row.state, row.fence_id)
    db.execute(sql.put_inbox, (person_id, row.delivery_id, row.message_id, *shown))


def read_inbox(
    db: apsw.Connection, sql: SimpleNamespace, person_id: str, cursor: int, now_ms: int, limit: int
) -> list[InboxRow]:
    """Give what stands behind a cursor and is not over."""
    given = {"person": person_id, "after": cursor, "now": now_ms, "limit": limit}
    return [
        InboxRow(at, delivery_id, message_id, _plain.decode(content), priority, *rest)
        for at, delivery_id, message_id, content, priority, *rest in db.execute(sql.inbox, given)
    ]


def take_reactions(
    db: apsw.Connection, sql: SimpleNamespace, reactions: Iterable[tuple[str, str, str]]
) -> None:
    """Let rows become what devices told of them, and give slots back."""
    for person_id, delivery_id, what in reactions:
        if what == "received":
            continue  # which is most of them, and changes nothing
        found = db.execute(sql.inbox_row, (person_id, delivery_id)).get
        if gives_back(found[4] if found else None, what):
            db.execute(sql.release_unshown, (person_id, delivery_id))
        if found is None:
            continue
        state = after(found[4], _plain.decode(found[1]), what)
        if state != found[4]:
            _become(db, sql, (person_id, delivery_id), state)


def take_leave(db: apsw.Connection, sql: SimpleNamespace, persons: Mapping[str, Person]) -> None:
    """Let go of what hangs on a fence that its person is not inside of."""
    if not persons or not db.execute(sql.any_inbox_fence).get:
        return
    for person_id, person in persons.items():
        hanging = db.execute(sql.inbox_fences, (person_id,)).fetchall()
        for delivery_id, fence_id in hanging:
            if is_left(str(fence_id), person):
                _become(db, sql, (person_id, str(delivery_id)), "gone")


def _become(
    db: apsw.Connection, sql: SimpleNamespace, key: tuple[str, str], state: InboxState
) -> None:
    """Write a row's new state, behind every cursor; of what is gone no content stays."""
    message_id, content, priority, until_ms, _, fence_id = db.execute(sql.inbox_row, key).get
    db.execute(sql.drop_inbox_row, key)
    kept = _pack({}) if state == "gone" else content
    db.execute(sql.put_inbox, (*key, message_id, priority, until_ms, kept, state, fence_id))
