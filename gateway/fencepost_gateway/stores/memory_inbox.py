"""The memory store's inbox: rows that change go behind every cursor (``decide.inbox``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import structs

from fencepost_gateway.decide.inbox import InboxState, after, gives_back, is_left
from fencepost_gateway.decide.person import Person
from fencepost_gateway.ports import InboxRow
from fencepost_gateway.stores.memory_books import Books, drop_inbox, put_inbox, unpack


def read_inbox(
    books: Books, person_id: str, cursor: int, now_ms: int, limit: int
) -> list[InboxRow]:
    """Give what stands behind a cursor and is not over."""
    found = _rows(books, person_id)
    heard = [row for row in found if row.state != "gone" or cursor > 0]
    return [row for row in heard if row.cursor > cursor and row.show_until_ms > now_ms][:limit]


def take_reactions(books: Books, reactions: Iterable[tuple[str, str, str]]) -> None:
    """Let rows become what devices told of them, and give slots back."""
    for person_id, delivery_id, what in reactions:
        if what == "received":
            continue  # which is most of them, and changes nothing
        found = [row for row in _rows(books, person_id) if row.delivery_id == delivery_id]
        row = found[0] if found else None
        if gives_back(row.state if row else None, what):
            _give_back(books, person_id, delivery_id)
        if row is not None:
            state = after(row.state, row.content, what)
            if state != row.state:
                _become(books, person_id, row, state)


def take_leave(books: Books, persons: Mapping[str, Person]) -> None:
    """Let go of what hangs on a fence that its person is not inside of."""
    for cursor, person_id in sorted(books.hanging.items()):
        if person_id in persons:
            row = unpack(books.inbox[cursor].body, InboxRow)
            if is_left(row.fence_id, persons[person_id]):
                _become(books, person_id, row, "gone")


def trim_inbox(books: Books, before_ms: int, limit: int) -> int:
    """Forget rows that were over before a moment."""
    old = [
        cursor
        for cursor, each in books.inbox.items()
        if unpack(each.body, InboxRow).show_until_ms < before_ms
    ][:limit]
    for cursor in old:
        drop_inbox(books, cursor)
    return len(old)


def _give_back(books: Books, person_id: str, delivery_id: str) -> None:
    """Give back the slot of an in-app message that this person never saw."""
    delivery = books.deliveries.get(delivery_id)
    slot = books.slots.get(delivery.message_id) if delivery is not None else None
    if delivery is None or slot is None or delivery.channel != "in_app":
        return
    if slot.person_id == person_id and slot.state == "confirmed":
        books.slots[slot.slot_id] = structs.replace(slot, state="released")


def _rows(books: Books, person_id: str) -> list[InboxRow]:
    mine = [each.body for _, each in sorted(books.inbox.items()) if each.person_id == person_id]
    return [unpack(body, InboxRow) for body in mine]


def _become(books: Books, person_id: str, row: InboxRow, state: InboxState) -> None:
    content = {} if state == "gone" else row.content
    drop_inbox(books, row.cursor)
    put_inbox(books, person_id, structs.replace(row, state=state, content=content))
