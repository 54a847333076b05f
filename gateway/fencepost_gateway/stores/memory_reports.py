"""Reports in the memory store: what is told of deliveries after their calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from msgspec import structs

from fencepost_gateway.decide.message import OPEN_STATES
from fencepost_gateway.decide.receipts import ACCEPTED, WENT, Word
from fencepost_gateway.intake.reports import LaneReport
from fencepost_gateway.ports import KEPT_MS, DeliveredTo, Taken
from fencepost_gateway.stores import bouncing, rows
from fencepost_gateway.stores.memory_books import Books, append, message_of, put_records
from fencepost_gateway.stores.memory_claims import end
from fencepost_gateway.stores.memory_refusals import MemoryLedger


class MemoryReports:
    """``ReportBook`` of the memory store."""

    def __init__(
        self, books: Callable[[], Books], unit: Callable[[], AbstractContextManager[Books]]
    ) -> None:
        self._books = books
        self._unit = unit

    async def take(self, reports: Sequence[LaneReport], now_ms: int) -> list[Taken]:
        """See ``ReportBook.take``."""
        with self._unit() as books:
            return [_take(books, each, now_ms) for each in reports]

    async def delivered_to(self, delivery_id: str) -> DeliveredTo | None:
        """See ``ReportBook.delivered_to``."""
        books = self._books()
        delivery = books.deliveries.get(delivery_id)
        if delivery is None:
            return None
        person_id = books.messages[delivery.message_id].person_id
        return DeliveredTo(books.aliases.get(person_id, person_id), delivery.channel, delivery.ref)

    async def prune(self, before_ms: int, limit: int) -> int:
        """See ``ReportBook.prune``."""
        with self._unit() as books:
            old = [key for key, at_ms in books.reports.items() if at_ms < before_ms][:limit]
            for key in old:
                del books.reports[key]
            return len(old)


def _take(books: Books, told: LaneReport, now_ms: int) -> Taken:
    delivery_id = _find(books, told)
    delivery = books.deliveries.get(delivery_id)
    if delivery is None:
        return Taken("unknown")
    row = books.messages[delivery.message_id]
    names = delivery_id, delivery.message_id, row.person_id
    if books.reports.get(told.key, -1) >= now_ms - KEPT_MS:
        return Taken("repeated", *names, delivery.state)
    books.reports[told.key] = now_ms
    settles = move(books, delivery_id, told.what, told.code, now_ms, told.provider_id)
    at = (delivery.channel, delivery.ref)
    bouncing.told(MemoryLedger(books), at, told.what, now_ms)
    state, message = books.deliveries[delivery_id].state, message_of(row)
    heard = rows.reported(message, delivery_id, delivery.channel, told, state, settles=settles)
    append(books, heard, now_ms)
    put_records(books, [rows.report_record(message, delivery_id, told, now_ms)])
    return Taken("new", *names, state)


def _find(books: Books, told: LaneReport) -> str:
    """Name the delivery that is meant; empty or unknown: there is none."""
    mine = {i: d for i, d in books.deliveries.items() if told.channel in {"", d.channel}}
    if told.delivery_id:
        return told.delivery_id if told.delivery_id in mine else ""
    if told.message_id:
        found = [i for i, d in mine.items() if d.message_id == told.message_id]
        return max(found, key=lambda i: (mine[i].lease_token, i), default="")
    if told.provider_id:
        found = [i for i, d in mine.items() if d.provider_id == told.provider_id]
        return min(found, default="")
    found = [i for i, d in mine.items() if d.ref == told.ref != "" and d.channel == told.channel]
    return max(found, key=lambda i: (mine[i].lease_until_ms, i), default="")


def move(
    books: Books, delivery_id: str, what: Word, code: str, now_ms: int, provider_id: str = ""
) -> bool:
    """Move a delivery, and the message whose last call it was; says whether it settles it."""
    delivery = books.deliveries[delivery_id]
    row = books.messages[delivery.message_id]
    is_last = row.attempt == delivery.lease_token
    is_open = is_last and row.state in {*OPEN_STATES, "sending"}
    before = delivery.state
    state, reason, settles = rows.moved(delivery.channel, before, what, code, is_open=is_open)
    if state == before:
        return False
    if is_open:  # nobody has told yet what came of the call: this does
        end(books, delivery_id, ACCEPTED, now_ms, provider_id or delivery.provider_id)
        delivery, row = books.deliveries[delivery_id], books.messages[delivery.message_id]
    books.deliveries[delivery_id] = structs.replace(delivery, state=state, reason=reason)
    if is_last:
        moved = structs.replace(row, state=state, reason=reason)
        books.messages[delivery.message_id] = moved
    slot = books.slots.get(delivery.message_id)
    if is_last and slot is not None and before not in WENT:
        books.slots[slot.slot_id] = structs.replace(slot, state="confirmed")
    return settles


def react(books: Books, person_id: str, delivery_id: str, what: Word, now_ms: int) -> None:
    """Take what a person's own device tells of a delivery to them."""
    delivery = books.deliveries.get(delivery_id)
    if delivery is None or books.messages[delivery.message_id].person_id != person_id:
        return
    move(books, delivery_id, what, "", now_ms)
