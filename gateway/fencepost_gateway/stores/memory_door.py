"""
The door of the memory store: what an upload, or the answer to a message, changes in the books.

Pure, on the copy of the books that the store lends.
"""

from __future__ import annotations

from msgspec import structs

from fencepost_gateway.intake.admission import Admission, AdmitFacts
from fencepost_gateway.intake.marks import Marks
from fencepost_gateway.ports import AdmitRequest, Answer
from fencepost_gateway.stores import refusing, rows
from fencepost_gateway.stores.memory_books import Books, append, consents_of, pack, unpack
from fencepost_gateway.stores.memory_claims import claim_facts
from fencepost_gateway.stores.memory_consents import put_change, withdraw
from fencepost_gateway.stores.memory_refusals import MemoryLedger


def admit(books: Books, request: AdmitRequest) -> Admission | None:
    """Do what ``Store.admit`` promises."""
    device_id, stream = request.device_id, request.stream
    known = books.devices.get(device_id)
    if known is not None and known[0] != request.secret_hash:
        return None
    marks = unpack(books.marks.get((device_id, stream), pack(Marks())), Marks)
    admission = request.admit(
        AdmitFacts(
            marks,
            lambda visitor_id: books.aliases.get(visitor_id, visitor_id),
            lambda person_id: consents_of(books, person_id),
        )
    )
    for change in admission.consents:
        put_change(books, change, request.received_ms)
    if admission.link is not None:
        visitor_id, person_id = admission.link
        books.aliases[visitor_id] = person_id
        books.merged.pop(visitor_id, None)
    spoke_for = known[1] if known is not None else ""
    for record in rows.log_records(
        admission, device_id, spoke_for, lambda v: books.aliases.get(v, v)
    ):
        append(books, record, request.received_ms)
    if admission.upload is not None or admission.others:
        books.devices[device_id] = (request.secret_hash, admission.person_id)
        books.marks[(device_id, stream)] = pack(marks)
        at_ms = request.received_ms
        first_ms, last_ms = books.heard.get(device_id, (at_ms, at_ms))
        books.heard[device_id] = (first_ms, max(last_ms, at_ms))
    refusing.heed(MemoryLedger(books), admission.consents, request.received_ms)
    admission.recalled += withdraw(
        books, admission.withdrawals, request.received_ms, locates=admission.locates
    )
    return admission


def answer(books: Books, message_id: str, decide: Answer, now_ms: int) -> bool:
    """Do what ``Store.answer`` promises."""
    row = books.messages.get(message_id)
    if row is None:
        return False
    facts = claim_facts(books, row)
    subject = books.aliases.get(row.person_id, row.person_id)
    message = structs.replace(facts.message, person_id=subject)
    changes = decide(structs.replace(facts, message=message))
    ledger = MemoryLedger(books)
    ledger.state(changes, now_ms)
    refusing.heed(ledger, changes, now_ms)
    return True
