"""
Confirm: the one message that asks for the answer to a pending consent, and the answer.

Pure. Double opt-in: the app states ``p``, a message asks, its receiver answers ``y``.

Rule 1. A message may ask only while a ``p`` decides about the address it goes to (``permission``).
Rule 2. One message a ``p``: it reserves a slot that names what it asks, in the commit of its claim.
        A ``p`` said again less than ``AGAIN_MS`` after it was asked is the same question.
Rule 3. The answer is taken for ``ANSWER_MS`` after the message was claimed.
Rule 4. It answers the entry that was asked about, while that still waits: an ``n`` said meanwhile
        stands, and a second answer changes nothing.
Rule 5. Its proof names the words that asked, by template and version and by their SHA-256.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec
from msgspec import Struct, structs

from fencepost_gateway.decide import consent
from fencepost_gateway.decide.caps import Asked, Slot
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import AddressRow, ClaimFacts
from fencepost_gateway.decide.plan import Template

AGAIN_MS = 3_600_000
ANSWER_MS = 30 * 86_400_000

State = Literal["open", "answered", "expired", "withdrawn", "unknown"]


class Question(Struct, frozen=True):
    """What became of a question: ``entry`` is what stands, ``asked`` what the message asked."""

    state: State
    asked: Asked | None = None
    entry: ConsentEntry | None = None


def asked_before_ms(facts: ClaimFacts, waiting: ConsentEntry) -> int | None:
    """Give when another message asked what waits, if one has (Rule 2)."""
    asked = [
        slot.reserved_at_ms
        for slot in facts.slots
        if slot.asks is not None
        and (slot.asks.purpose, slot.asks.channel, slot.asks.address) == waiting.key
        and slot.slot_id != facts.message.message_id
        and slot.reserved_at_ms > waiting.at_ms - AGAIN_MS
    ]
    return max(asked, default=None)


def reserved(
    slot: Slot, facts: ClaimFacts, template: Template, *, channel: str, address: AddressRow | None
) -> Slot:
    """Give the slot of a message that may ask, with what it asks (Rules 2 and 5)."""
    ref = address.ref if address else consent.ANY
    waiting = consent.question(facts.consents, template.confirms, channel, ref)
    if waiting is None:
        return slot
    words = msgspec.json.encode(template.sources.get(channel, {}), order="sorted")
    name = f"{template.template_id} v{template.version}"
    return structs.replace(slot, asks=Asked(*waiting.key, name, hashlib.sha256(words).hexdigest()))


def question_of(facts: ClaimFacts, now_ms: int) -> Question:
    """Say what became of the question that ``facts.message`` asked (Rules 3 and 4)."""
    message_id = facts.message.message_id
    slot = next((s for s in facts.slots if s.slot_id == message_id), None)
    if slot is None or slot.asks is None:
        return Question("unknown")
    asks = slot.asks
    key = (asks.purpose, asks.channel, asks.address)
    entry = next((e for e in facts.consents if e.key == key), None)
    state: State = "withdrawn"
    if entry is not None and entry.value == "y":
        state = "answered"
    elif now_ms >= slot.reserved_at_ms + ANSWER_MS:
        state = "expired"
    elif entry is not None and entry.value == "p":
        state = "open"
    return Question(state, asks, entry)


def answered(asked: Asked, entry: ConsentEntry, now_ms: int) -> ConsentEntry:
    """Give the statement of who answers: later than the question, whatever clock asked it."""
    at_ms = max(now_ms, entry.at_ms + 1)
    return ConsentEntry(asked.purpose, "y", at_ms, asked.channel, asked.address)
