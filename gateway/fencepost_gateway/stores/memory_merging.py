"""Merging in the memory store: every row of a visitor becomes the person's."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from fencepost_gateway.ports import (
    InboxRow,
)
from fencepost_gateway.stores.memory_addresses import move_addresses
from fencepost_gateway.stores.memory_books import Books, drop_inbox, put_inbox, unpack


def merge(books: Books, visitor_id: str, person_id: str) -> None:
    """Let ``person_id`` have every row of ``visitor_id``."""
    books.persons.pop(visitor_id, None)
    books.person_timers.pop(visitor_id, None)
    if books.aliases.get(visitor_id) == person_id:
        books.merged[visitor_id] = person_id
    move_addresses(books, visitor_id, person_id)
    for cursor, row in sorted(books.inbox.items()):
        if row.person_id == visitor_id:
            drop_inbox(books, cursor)
            put_inbox(books, person_id, unpack(row.body, InboxRow))
    tables: tuple[dict[Any, Any], ...] = (
        books.messages,
        books.slots,
        books.timers,
        books.records,
        books.runs,
        books.calls,
        books.history,
        books.trial_messages,
        books.trial_records,
    )
    for table in tables:
        for key, row in table.items():
            if row.person_id == visitor_id:
                table[key] = structs.replace(row, person_id=person_id)
