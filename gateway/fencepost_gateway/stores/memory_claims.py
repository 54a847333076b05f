"""Claims in the memory store: what a judge sees, and what a verdict and its end write."""

from __future__ import annotations

import msgspec
from msgspec import structs

from fencepost_gateway.decide.message import (
    AddressRow,
    ClaimFacts,
    Verdict,
)
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.settle import Settlement
from fencepost_gateway.decide.spend import day_of
from fencepost_gateway.ports import (
    LEASE_MS,
    Claimed,
    Settle,
)
from fencepost_gateway.stores import rows
from fencepost_gateway.stores.memory_addresses import (
    addresses_of,
    suppressed_for,
    suppressed_since_ms,
)
from fencepost_gateway.stores.memory_books import (
    Books,
    DeliveryRow,
    MessageRow,
    append,
    consents_of,
    known_as,
    message_of,
    put_records,
    standing,
    unpack,
)


def claim_facts(books: Books, row: MessageRow) -> ClaimFacts:
    """Gather what ``judge`` may see: of the person, and of visitors who turned out to be them."""
    subject = books.aliases.get(row.person_id, row.person_id)
    everybody = known_as(books, subject)
    addresses = [
        AddressRow(
            channel,
            ref,
            msgspec.msgpack.decode(address.raw),
            address.since_ms,
            suppressed_for(books, channel, ref),
            (channel, ref) in books.allowed,
            suppressed_ms=suppressed_since_ms(books, channel, ref),
        )
        for (_, channel, ref), address in addresses_of(books, everybody)
    ]
    slots = [s for s in books.slots.values() if s.person_id in everybody and s.state != "released"]
    body = books.persons.get(row.person_id)
    return ClaimFacts(
        message=message_of(row),
        person=Person(row.person_id) if body is None else unpack(body, Person),
        consents=tuple(consents_of(books, subject)),
        addresses=(*addresses, rows.in_app_address(subject)),
        slots=tuple(sorted(slots, key=lambda s: s.slot_id)),
        attempt=row.attempt,
        due_ms=row.due_ms,
        emergency_stop=books.emergency_stop,
        control=books.controls.get(message_of(row).campaign_id),
        spent=dict(books.spent),
        refused=row.refused,
    )


def take(books: Books, row: MessageRow, verdict: Verdict, now_ms: int) -> Claimed:
    """Write a verdict: lease and slot, or the new due time, or the outcome; and the record."""
    message = message_of(row)
    claimed = Claimed(verdict, message)
    if verdict.outcome == "waits":
        at_ms = verdict.retry_at_ms
        lane, due_ms = (verdict.channel, row.due_ms) if at_ms is None else ("", at_ms)
        books.messages[message.message_id] = structs.replace(row, lane=lane, due_ms=due_ms)
        return claimed
    row = structs.replace(row, held_by="")
    if verdict.outcome == "send":
        claimed = _lease(books, row, verdict, now_ms)
        row = structs.replace(
            row,
            state="sending",
            due_ms=now_ms,
            attempt=claimed.attempt,
            on_unknown=verdict.on_unknown,
        )
    elif verdict.holds:
        row = structs.replace(row, state="deferred", held_by=message.campaign_id)
    elif verdict.outcome == "deferred":
        row = structs.replace(row, state="deferred", due_ms=verdict.retry_at_ms or now_ms)
    else:
        row = structs.replace(row, state=verdict.outcome, due_ms=now_ms)
        append(books, rows.ended(message, verdict), now_ms)
    slot = books.slots.get(message.message_id)
    if verdict.outcome != "send" and slot is not None and slot.state == "open":
        books.slots[slot.slot_id] = structs.replace(slot, state="released")
    books.messages[message.message_id] = structs.replace(row, reason=verdict.reason)
    put_records(books, [rows.claim_record(message, verdict, claimed.delivery_id, now_ms)])
    return claimed


def _lease(books: Books, row: MessageRow, verdict: Verdict, now_ms: int) -> Claimed:
    message, attempt = message_of(row), row.attempt + 1
    ref = verdict.address.ref if verdict.address else ""
    delivery_id = rows.delivery_id_of(message.message_id, verdict.channel, ref)
    books.deliveries[delivery_id] = DeliveryRow(
        message.message_id, verdict.channel, ref, "sending", attempt, now_ms + LEASE_MS
    )
    if verdict.slot is not None:
        books.slots[verdict.slot.slot_id] = verdict.slot
    if verdict.cost:
        day = day_of(now_ms)
        books.costs[delivery_id] = (day, verdict.cost)  # an unknown one before it stays spent
        books.spent[day] = books.spent.get(day, 0) + verdict.cost
    return Claimed(verdict, message, delivery_id, lease_token=attempt, attempt=attempt)


def end(
    books: Books, delivery_id: str, settlement: Settlement, now_ms: int, provider_id: str = ""
) -> None:
    """Write how a call ended: delivery, message, slot, address, outcome, record."""
    delivery = books.deliveries[delivery_id]
    row = books.messages[delivery.message_id]
    message = message_of(row)
    due_ms = settlement.retry_at_ms or now_ms
    books.deliveries[delivery_id] = structs.replace(
        delivery, state=settlement.state, provider_id=provider_id, reason=settlement.reason
    )
    at = standing(row)
    refused = at.refused_after(delivery.channel, settlement)
    books.messages[message.message_id] = structs.replace(
        row,
        state=settlement.message_state,
        due_ms=due_ms,
        reason=settlement.reason,
        refused=refused,
        unknowns=at.unknowns_after(settlement),
        lane=rows.lane_of(message, refused),
    )
    slot = books.slots.get(message.message_id)
    if slot is not None and settlement.slot != "open":
        kept = settlement.slot == "kept_unknown"
        used_at_ms = max(now_ms, delivery.lease_until_ms) if kept else now_ms
        used = structs.replace(slot, used_at_ms=used_at_ms, state=settlement.slot)
        books.slots[slot.slot_id] = used
    if settlement.is_refusal and delivery_id in books.costs:
        day, cost = books.costs.pop(delivery_id)
        books.spent[day] -= cost
    if settlement.address == "remove":
        for key in [k for k in books.addresses if k[1:] == (delivery.channel, delivery.ref)]:
            del books.addresses[key]
    if rows.is_told(settlement):
        ended = rows.settled(message, settlement, delivery.channel, delivery_id, delivery.ref)
        append(books, ended, now_ms)
    record = rows.outcome_record(message, delivery.channel, delivery_id, settlement, now_ms)
    put_records(books, [record])


def end_lost(books: Books, settle: Settle, now_ms: int, *, all_leases: bool) -> int:
    """End the calls whose lease ran out, or all; gives how many."""
    lost = [
        delivery_id
        for delivery_id, d in sorted(books.deliveries.items())
        if d.state == "sending" and (all_leases or d.lease_until_ms <= now_ms)
    ]
    for delivery_id in lost:
        delivery = books.deliveries[delivery_id]
        attempt = standing(books.messages[delivery.message_id])
        end(
            books, delivery_id, settle(attempt.attempted(delivery_id, delivery.channel)), now_ms, ""
        )
    return len(lost)
