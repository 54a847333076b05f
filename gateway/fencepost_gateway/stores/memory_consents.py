"""Consent in the memory store: statements, their proofs, and what a withdrawal takes back."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from fencepost_gateway.decide.consent import DENYING
from fencepost_gateway.decide.message import (
    OPEN_STATES,
)
from fencepost_gateway.decide.proof import hash_of
from fencepost_gateway.intake.admission import Withdrawal
from fencepost_gateway.intake.statement import ConsentChange
from fencepost_gateway.ports import (
    Statement,
)
from fencepost_gateway.stores import rows
from fencepost_gateway.stores.memory_books import Books, append, known_as, message_of
from fencepost_gateway.stores.memory_claims import take


def in_flight_of(books: Books, person_id: str) -> list[str]:
    """Name the deliveries to a person whose call is under way."""
    everybody = known_as(books, person_id)
    return [
        delivery_id
        for delivery_id, delivery in sorted(books.deliveries.items())
        if delivery.state == "sending"
        and books.messages[delivery.message_id].person_id in everybody
    ]


def put_change(books: Books, change: ConsentChange, now_ms: int) -> None:
    """Let a statement take effect, with its proof."""
    books.consents[(change.person_id, *change.entry.key)] = change.entry
    put_proof(books, change, now_ms)
    # Whose clock it was is not kept of what was stated once.
    stated = Statement(now_ms, structs.replace(change.entry, clock=""))
    books.statements = (*books.statements, (change.person_id, stated))


def put_proof(books: Books, change: ConsentChange, now_ms: int) -> None:
    """Put a change at the end of the chain of proofs."""
    calls = in_flight_of(books, change.person_id) if change.entry.value in DENYING else []
    row = rows.proof_row(change, calls, now_ms)
    row = structs.replace(row, number=len(books.proofs) + 1)
    head = books.proofs[-1].hash if books.proofs else b""
    books.proofs = (*books.proofs, structs.replace(row, hash=hash_of(head, row)))


def take_back(books: Books, withdrawal: Withdrawal, now_ms: int) -> int:
    """Withhold the pending messages that a withdrawn consent had allowed; give how many."""
    taken, everybody = 0, known_as(books, withdrawal.person_id)
    for _, row in sorted(books.messages.items()):
        if row.person_id not in everybody or row.state not in OPEN_STATES:
            continue
        if rows.is_recalled(message_of(row), withdrawal):
            take(books, row, rows.recall(withdrawal), now_ms)
            taken += 1
    return taken


def withdraw(books: Books, found: Iterable[Withdrawal], now_ms: int, *, locates: bool) -> int:
    """Take back what withdrawals take back; gives how many messages."""
    taken = 0
    for withdrawal in found:
        taken += take_back(books, withdrawal, now_ms)
        if rows.forgets_place(withdrawal, locates=locates):
            forget_place(books, withdrawal, now_ms)
    return taken


def forget_place(books: Books, withdrawal: Withdrawal, now_ms: int) -> None:
    """Drop where a person's devices were, and let the pipeline know."""
    everybody = known_as(books, withdrawal.person_id)
    mine = sorted(d for d, (_, speaks_for) in books.devices.items() if speaks_for in everybody)
    for device_id in mine:
        books.tracks.pop(device_id, None)
        books.timers.pop(device_id, None)
    append(books, rows.forgotten(withdrawal, mine), now_ms)
