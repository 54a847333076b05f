"""Refusals in the memory store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from msgspec import structs

from fencepost_gateway.decide import consent
from fencepost_gateway.decide.bounces import Call
from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import ListedAddress
from fencepost_gateway.intake.admission import Withdrawal
from fencepost_gateway.intake.refusals import Assent, Refusal
from fencepost_gateway.intake.statement import ConsentChange
from fencepost_gateway.ports import LEASE_MS, Assented, RefusalRow, Refused
from fencepost_gateway.stores import refusing, rows
from fencepost_gateway.stores.memory_addresses import holdings_of
from fencepost_gateway.stores.memory_books import Books, append, consents_of
from fencepost_gateway.stores.memory_consents import put_change, take_back


class MemoryLedger:
    """``Ledger`` on the copy of the books that the store lends."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def known(self, refusal_id: str) -> bool:
        """See ``Ledger.known``."""
        return refusal_id in self._books.refusals

    def people_at(self, channel: str, ref: str) -> list[str]:
        """See ``Ledger.people_at``."""
        found = {key[0] for key in self._books.addresses if key[1:] == (channel, ref)}
        return sorted({self.resolve(person_id) for person_id in found})

    def resolve(self, person_id: str) -> str:
        """See ``Ledger.resolve``."""
        return self._books.aliases.get(person_id, person_id)

    def refs_of(self, person_id: str, channel: str) -> list[tuple[str, str]]:
        """See ``Ledger.refs_of``."""
        held = holdings_of(self._books, person_id).addresses
        return sorted({(a.channel, a.ref) for a in held if channel in {consent.ANY, a.channel}})

    def consents(self, person_id: str) -> Sequence[ConsentEntry]:
        """See ``Ledger.consents``."""
        return consents_of(self._books, person_id)

    def slots(self, person_id: str) -> Sequence[Slot]:
        """See ``Ledger.slots``."""
        return holdings_of(self._books, person_id).slots

    def state(self, changes: Sequence[ConsentChange], now_ms: int) -> None:
        """See ``Ledger.state``."""
        for change in changes:
            put_change(self._books, change, now_ms)
        for record in rows.stated(changes):
            append(self._books, record, now_ms)

    def take_back(self, withdrawal: Withdrawal, now_ms: int) -> int:
        """See ``Ledger.take_back``."""
        return take_back(self._books, withdrawal, now_ms)

    def listed(self, channel: str, ref: str) -> ListedAddress | None:
        """See ``Ledger.listed``."""
        return self._books.suppressed.get((channel, ref))

    def put_listed(self, channel: str, ref: str, entry: ListedAddress | None) -> None:
        """See ``Ledger.put_listed``."""
        self._books.suppressed.pop((channel, ref), None)
        if entry is not None:
            self._books.suppressed[(channel, ref)] = entry

    def calls_to(self, channel: str, ref: str, limit: int) -> list[Call]:
        """See ``Ledger.calls_to``."""
        found = [
            (d.lease_until_ms, i, d)
            for i, d in self._books.deliveries.items()
            if (d.channel, d.ref) == (channel, ref)
        ]
        newest = sorted(found, key=lambda each: each[:2], reverse=True)[:limit]
        return [Call(d.state, d.reason, d.lease_until_ms - LEASE_MS) for *_, d in newest]

    def standing(self, channel: str, ref: str) -> list[RefusalRow]:
        """See ``Ledger.standing``."""
        found = [r for r in self._books.refusals.values() if (r.channel, r.ref) == (channel, ref)]
        newest = sorted(found, key=lambda r: (r.taken_ms, r.refusal_id), reverse=True)
        return [row for row in newest if row.stands]

    def keep(self, row: RefusalRow) -> None:
        """See ``Ledger.keep``."""
        self._books.refusals[row.refusal_id] = row


class MemoryRefusals:
    """``RefusalBook`` in a dictionary."""

    def __init__(
        self, books: Callable[[], Books], unit: Callable[[], AbstractContextManager[Books]]
    ) -> None:
        self._books = books
        self._unit = unit

    async def take(self, refusal: Refusal, now_ms: int) -> Refused:
        """See ``RefusalBook.take``."""
        with self._unit() as books:
            return refusing.take(MemoryLedger(books), refusal, now_ms)

    async def lift(self, assent: Assent, now_ms: int) -> Assented:
        """See ``RefusalBook.lift``."""
        with self._unit() as books:
            return refusing.lift(MemoryLedger(books), assent, now_ms)

    async def open(self, limit: int) -> list[RefusalRow]:
        """See ``RefusalBook.open``."""
        waiting = [row for row in self._books().refusals.values() if row.asks]
        return sorted(waiting, key=lambda r: (r.taken_ms, r.refusal_id))[:limit]

    async def row(self, refusal_id: str) -> RefusalRow | None:
        """See ``RefusalBook.row``."""
        return self._books().refusals.get(refusal_id)

    async def looked_at(self, refusal_id: str) -> bool:
        """See ``RefusalBook.looked_at``."""
        with self._unit() as books:
            row = books.refusals.get(refusal_id)
            if row is None or not row.asks:
                return False
            books.refusals[refusal_id] = structs.replace(row, asks=False, text="")
            return True

    async def prune(self, before_ms: int, limit: int) -> int:
        """See ``RefusalBook.prune``."""
        with self._unit() as books:
            over = [r for r in books.refusals.values() if not r.stands and not r.asks]
            old = sorted((r.taken_ms, r.refusal_id) for r in over if r.taken_ms < before_ms)
            for _, refusal_id in old[:limit]:
                del books.refusals[refusal_id]
            return len(old[:limit])
