"""Preferences in memory: what people choose and ask on our own page."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from msgspec import structs

from fencepost_gateway.ports import Choose, Preferences, RequestRow
from fencepost_gateway.stores import refusing, rows
from fencepost_gateway.stores.memory_books import Books, append, known_as
from fencepost_gateway.stores.memory_claims import claim_facts
from fencepost_gateway.stores.memory_consents import put_change, withdraw
from fencepost_gateway.stores.memory_refusals import MemoryLedger


class MemoryPreferences:
    """``PreferenceBook`` of the memory store."""

    def __init__(
        self, books: Callable[[], Books], unit: Callable[[], AbstractContextManager[Books]]
    ) -> None:
        self._books = books
        self._unit = unit

    async def read(self, message_id: str) -> Preferences | None:
        """See ``PreferenceBook.read``."""
        return _read(self._books(), message_id)

    async def take(self, message_id: str, choose: Choose, now_ms: int) -> bool:
        """See ``PreferenceBook.take``."""
        with self._unit() as books:
            found = _read(books, message_id)
            if found is None:
                return False
            chosen = choose(found)
            for change in chosen.changes:
                put_change(books, change, now_ms)
            for stated in rows.stated(chosen.changes):
                append(books, stated, now_ms)
            refusing.heed(MemoryLedger(books), chosen.changes, now_ms)
            for start in chosen.starts:
                append(books, start, now_ms)
            withdraw(books, chosen.withdrawals, now_ms, locates=chosen.locates)
            for row in rows.new_requests(found, chosen, now_ms):
                numbered = structs.replace(row, number=len(books.requests) + 1)
                books.requests = (*books.requests, numbered)
            return True

    async def reached(self, message_id: str) -> tuple[str, str] | None:
        """See ``PreferenceBook.reached``."""
        calls = [
            (-delivery.lease_until_ms, delivery_id, delivery.channel, delivery.ref)
            for delivery_id, delivery in self._books().deliveries.items()
            if delivery.message_id == message_id
        ]
        return min(calls)[2:] if calls else None

    async def requests(self, after: int, limit: int) -> list[RequestRow]:
        """See ``PreferenceBook.requests``."""
        aliases = self._books().aliases
        found = [row for row in self._books().requests if row.number > after]
        return [
            structs.replace(row, person_id=aliases.get(row.person_id, row.person_id))
            for row in found[:limit]
        ]


def _read(books: Books, message_id: str) -> Preferences | None:
    row = books.messages.get(message_id)
    if row is None:
        return None
    facts = claim_facts(books, row)
    subject = books.aliases.get(row.person_id, row.person_id)
    message = structs.replace(facts.message, person_id=subject)
    everybody = known_as(books, subject)
    asked = tuple(each for each in books.requests if each.person_id in everybody)
    return Preferences(structs.replace(facts, message=message), asked)
