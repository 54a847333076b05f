"""
Refusals: somebody says no to what we send, or yes again, in another way than through an app.

Pure. A word by SMS, a provider's opt-out code, a complaint, one click in a mail program: each is a
``Refusal``, and what follows from it is decided here, once for every store.

Rule 1. A refusal concerns the person who is named and, where an address is, everybody who has it:
        whoever wrote from it did not say which of them they are.
Rule 2. ``scope`` says what it is a no to: ``all`` marketing of the brand, the marketing of one
        ``channel``, or nothing (``none``: an address that cannot be used, which changes no
        consent). It stands against what was said before it; a yes that was given later stays.
Rule 3. ``reason`` puts the address on the suppression list. What the person said themself
        (``stop``, ``complaint``) takes the place of what we found out; anything else leaves a
        listed address as it is.
Rule 4. What a refusal changed is kept beside it, so that an ``Assent`` takes back exactly that: the
        consents as they stood, the list as it was. It grants nothing that was not granted before,
        but for the question that somebody was asked and answers (``confirm``).
Rule 5. An app's own new, explicit yes to marketing, given after the refusal, ends it as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from msgspec import Struct

from fencepost_gateway.decide import confirm, consent
from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import Message
from fencepost_gateway.intake.statement import ConsentChange

Scope = Literal["none", "channel", "all"]
PURPOSE = "marketing"
SAID_BY_PERSON = ("stop", "complaint")
NOT_EXPLICIT = frozenset({"merge"})  # methods by which a yes comes about that nobody has just given


class Refusal(Struct, frozen=True):
    """
    A no, as it is taken.

    Attributes:
        refusal_id: The same for the same no told again.
        method: How it was said: ``stop_reply``, ``provider_code``, ``one_click``, ``complaint``, …
        said_ms: When.
        spares: Says of a pending message that it is no marketing (``Plan.is_service``).
        person_id: Who says it, where that is known; empty: whoever has the address.
        channel: Of the address, or the one that is refused.
        ref: Reference of the address, empty if it is not about one.
        scope: What it is a no to (Rule 2).
        reason: Of the suppression list; empty: it is not put there.
        proof: What else is known of how it came about.
        asks: A person should look at it: it was clear enough to be obeyed, but no fixed word.
        text: What was written, for who looks at it; kept until then.

    """

    refusal_id: str
    method: str
    said_ms: int
    spares: Callable[[Message], bool]
    person_id: str = ""
    channel: str = ""
    ref: str = ""
    scope: Scope = "all"
    reason: str = ""
    proof: dict[str, Any] = {}
    asks: bool = False
    text: str = ""


class Assent(Struct, frozen=True):
    """
    A yes from an address: START, or YES where a question is pending.

    ``starts`` says that it ends what STOP began; without it, it only answers a question.
    """

    assent_id: str
    method: str
    said_ms: int
    channel: str
    ref: str
    starts: bool = True
    proof: dict[str, Any] = {}


class Undo(Struct, frozen=True):
    """A consent as a refusal changed it: whose, what stands since, what stood before."""

    person_id: str
    said: ConsentEntry
    before: str


def takes_place(reason: str, listed: str) -> bool:
    """Say whether a reason of the suppression list takes the place of another (Rule 3)."""
    return reason in SAID_BY_PERSON and listed not in SAID_BY_PERSON and listed != "erased"


def change_of(
    refusal: Refusal, person_id: str, entries: Iterable[ConsentEntry], now_ms: int
) -> ConsentChange | None:
    """Give the statement that a refusal makes for one person; None: nothing changes (Rule 2)."""
    if refusal.scope == "none":
        return None
    channel = consent.ANY if refusal.scope == "all" else refusal.channel
    said = ConsentEntry(PURPOSE, "n", min(refusal.said_ms, now_ms), channel)
    old = next((e for e in entries if e.key == said.key), None)
    if (old is not None and old.value == "n") or consent.newer(old, said) is not said:
        return None
    proof = {"method": refusal.method, "actor": "person", "refusal_id": refusal.refusal_id}
    proof |= {"channel": refusal.channel} | refusal.proof
    return ConsentChange(person_id, said, old.value if old else "u", proof)


def taken_back(
    undo: Undo, entries: Iterable[ConsentEntry], proof: dict[str, Any], now_ms: int
) -> ConsentChange | None:
    """Give the statement that takes a refusal back for one person, if it still stands (Rule 4)."""
    stands = next((e for e in entries if e.key == undo.said.key), None)
    if stands is None or (stands.value, stands.at_ms) != (undo.said.value, undo.said.at_ms):
        return None
    at_ms = max(now_ms, stands.at_ms + 1)
    entry = ConsentEntry(stands.purpose, undo.before, at_ms, stands.channel, stands.address)
    return ConsentChange(undo.person_id, entry, stands.value, proof)


def answer_of(
    assent: Assent,
    person_id: str,
    entries: Sequence[ConsentEntry],
    slots: Iterable[Slot],
    now_ms: int,
) -> ConsentChange | None:
    """Give the statement that answers a question which the person was asked (Rule 4)."""
    waiting = consent.question(entries, PURPOSE, assent.channel, assent.ref)
    asked = [
        s for s in slots if s.asks is not None and now_ms < s.reserved_at_ms + confirm.ANSWER_MS
    ]
    for slot in asked if waiting is not None else ():
        asks = slot.asks
        if asks is None or waiting is None:
            continue
        if (asks.purpose, asks.channel, asks.address) == waiting.key:
            proof = {
                "method": "double_opt_in",
                "actor": "person",
                "text": asks.text,
                "text_sha256": asks.text_sha256,
                "message_id": slot.slot_id,
                **assent.proof,
            }
            entry = confirm.answered(asks, waiting, now_ms)
            return ConsentChange(person_id, entry, waiting.value, proof)
    return None


def ends_refusals(change: ConsentChange) -> bool:
    """Say whether a statement is a new and explicit yes to marketing (Rule 5)."""
    is_yes = change.entry.purpose == PURPOSE and change.entry.value == "y"
    return is_yes and change.proof.get("method") not in NOT_EXPLICIT
