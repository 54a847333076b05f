"""
Message: what the pipeline wants to be sent, and what the claim makes of it.

Pure data. A message is the unit of the claim; the delivery is the one attempt on the channel that
the claim chose (ADR-0003).

States, in rising order: ``queued``, ``deferred`` < ``sending`` < ``unknown`` < ``sent``,
``failed``, ``delivered``, ``withheld`` (``decide.receipts``).
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.control import Control
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.stimulus import Cause

OPEN_STATES = ("queued", "deferred")


Mark = Literal["", "test", "seed", "proof", "draft", "shadow"]
# Who is claimed first: security codes, transactional, triggered marketing, marketing to many.
Rank = Literal[0, 1, 2, 3]
OnUnknown = Literal["end", "retry", "next"]


class Proof(Struct, frozen=True):
    """
    What somebody asked to be shown: one template, as it is.

    ``as_person_id`` is with whose facts it is rendered; ``language`` takes the place of theirs.
    """

    template_id: str
    as_person_id: str = ""
    language: str = ""


class Message(Struct, frozen=True):
    """
    One message of one run, over the channels it may go on, in order of preference.

    ``group_id`` ties the messages of a step that goes on every channel (``each``): under the caps
    they count once. ``expires_at_ms`` = the cause's time + the campaign's ``max_age``. ``mark``
    says that it is no customer's: a test person's, a seed's copy, a ``proof``, or of a trial
    (``draft``, ``shadow``). ``step_id`` is
    the step of a journey that wants it; ``began_ms`` when the run began, by which a goal counts.
    ``rank`` is the class in which it is claimed, before its priority.
    """

    message_id: str
    group_id: str
    run_id: str
    campaign_id: str
    campaign_version: int
    person_id: str
    channels: tuple[str, ...]
    cause: Cause
    entered_ms: int
    expires_at_ms: int
    priority: int = 50
    mark: Mark = ""
    proof: Proof | None = None
    step_id: str = ""
    began_ms: int | None = None
    rank: Rank = 2


ListName = Literal["suppression", "allow"]


class ListedAddress(Struct, frozen=True):
    """
    An address on a list, by its keyed hash: why, who put it there, since when.

    ``reason`` of the suppression list: ``manual``, ``hard_bounce``, ``complaint``, ``stop``, …
    """

    channel: str
    ref: str
    reason: str
    since_ms: int
    source: str = ""


class MessageEnd(Struct, frozen=True):
    """Where a message stands by now, and its one primary reason where it did not go."""

    message_id: str
    campaign_id: str
    entered_ms: int
    state: str
    reason: str
    mark: Mark = ""


class AddressRow(Struct, frozen=True):
    """
    Where a channel reaches the person; ``raw`` is for the driver alone and is never shown.

    ``suppressed`` is why it must not be used, since ``suppressed_ms``; ``allowed`` says that it is
    on the allow list; without a driver for what it is it is not ``served``.
    """

    channel: str
    ref: str
    raw: dict[str, Any]
    since_ms: int
    suppressed: str = ""
    allowed: bool = False
    served: bool = True
    suppressed_ms: int = 0


class ClaimFacts(Struct, frozen=True):
    """
    Everything ``judge`` may see, read in the claim's own transaction.

    ``due_ms`` is since when the message has been due, ``spent`` what SMS have cost, by day,
    ``refused`` by channel why it is not tried there again.
    """

    message: Message
    person: Person
    consents: tuple[ConsentEntry, ...] = ()
    addresses: tuple[AddressRow, ...] = ()
    slots: tuple[Slot, ...] = ()
    attempt: int = 0
    due_ms: int = 0
    emergency_stop: bool = False
    campaign_archived: bool = False
    control: Control | None = None
    spent: dict[int, int] = {}
    refused: dict[str, str] = {}


class Check(Struct, frozen=True):
    """One gate as it was asked: passed or not, why not, and what it looked at."""

    gate: str
    ok: bool
    channel: str = ""
    reason: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)


class Verdict(Struct, frozen=True):
    """
    The outcome of a claim with its ordered checks: the message's decision record.

    ``holds`` defers the message until its campaign goes on, in the place in which it is due.
    ``cost`` is what a message that goes takes of the day's spending (``spend``).
    ``failed``: a provider has refused it, and there is no other way. ``waits``: the lane of
    ``channel`` takes no call now; nothing is written but that. ``on_unknown`` says what an unknown
    outcome of the call does.
    """

    outcome: Literal["send", "withheld", "deferred", "failed", "waits"]
    checks: tuple[Check, ...]
    reason: str = ""
    purpose: str = ""
    channel: str = ""
    address: AddressRow | None = None
    retry_at_ms: int | None = None
    slot: Slot | None = None
    experiment: str = ""
    arm: str = ""
    holds: bool = False
    cost: int = 0
    on_unknown: OnUnknown = "end"
