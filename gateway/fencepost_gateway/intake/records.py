"""
Records: what stands in the log. What happens is a record; nothing else wakes the pipeline.

Pure data. A record is one of: an upload (the accepted events of one batch and one person), a
timer that fired, the outcome of a message, what is told of it later, a device that speaks for
somebody else, a place that was forgotten, a statement made elsewhere, a proof asked for, an answer
from outside, a back-fill, what concerns many and whom of them it is told, a call that starts a
journey, a publication of documents, a switch that was turned; in the log of a backtest also what
history kept of one of them. Of a trial: that it begins, and what became of a message on it.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from fencepost_gateway.decide.broadcasts import Broadcast
from fencepost_gateway.decide.calls import Reply
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.control import Control
from fencepost_gateway.decide.message import Mark, Proof
from fencepost_gateway.decide.receipts import Word
from fencepost_gateway.intake.history import Told
from fencepost_gateway.intake.wire import Event


class Upload(Struct, tag="upload"):
    """
    The accepted events of one batch.

    ``at_ms`` runs beside ``events``: when each happened, corrected for the device's clock.
    ``visitor_id`` is the person behind the anonymous id, ``person_id`` whose events these are;
    ``links`` says that the visitor turned out to be that person, ``parts`` that they did and yet
    stay apart. ``merging`` is the policy which was in force then. ``consents`` are the statements
    that the door took into force, by person: the pipeline has to weigh none of them again.
    """

    device_id: str
    person_id: str
    visitor_id: str
    user_id: str
    stream: str
    received_ms: int
    events: list[Event]
    at_ms: list[int]
    links: bool = False
    zone: str = ""
    locale: str = ""
    consents: dict[str, list[ConsentEntry]] = {}
    parts: bool = False
    merging: str = ""


class TimerFired(Struct, tag="timer"):
    """
    A timer came due: the tracker of ``device_id`` should look at the time.

    Without a device it is the person's own: what holds of them may have changed by itself.
    """

    timer_id: str
    device_id: str
    person_id: str
    due_ms: int


class Outcome(Struct, tag="outcome"):
    """
    What became of a message: withheld at its claim, or settled after its call.

    ``fence_id`` is that of the transition that caused it; empty when something else did.
    ``delivery_id`` names the call that was made, if one was. ``lost_ref`` is the address that
    reaches the person no longer: the provider says it is gone, or they opted out there.
    ``mark`` is the message's, and so are ``campaign_version`` and ``step_id``. ``goes_on``: the
    message has not ended, its next channel is tried; only what was lost is told.
    """

    message_id: str
    run_id: str
    campaign_id: str
    person_id: str
    state: str
    reason: str = ""
    channel: str = ""
    fence_id: str = ""
    delivery_id: str = ""
    lost_ref: str = ""
    mark: Mark = ""
    campaign_version: int = 0
    step_id: str = ""
    goes_on: bool = False


class Reported(Struct, tag="reported"):
    """
    What was told of a delivery later: by its provider, by a link in it, by the receiver's machine.

    ``state`` is what it moved the delivery to, ``settles`` that until then nobody knew whether it
    had left. ``code`` is the provider's finer word. The other members are the message's.
    """

    person_id: str
    message_id: str
    campaign_id: str
    delivery_id: str
    channel: str
    what: Word
    at_ms: int
    state: str
    code: str = ""
    settles: bool = False
    mark: Mark = ""
    campaign_version: int = 0
    step_id: str = ""


class DeviceMoved(Struct, tag="device_moved"):
    """A device speaks for another person now, who is not the one before it under another name."""

    device_id: str
    from_person: str
    to_person: str


class ProofAsked(Struct, tag="proof"):
    """An operator wants to see a template on a test person's channel, as it would be sent."""

    person_id: str
    channel: str
    proof: Proof
    fence_id: str = ""


class PlaceForgotten(Struct, tag="place_forgotten"):
    """
    A person withdrew their consent to location: their devices were never seen anywhere.

    Without ``visits`` they only paused it: where they have been is still known.
    """

    person_id: str
    device_ids: list[str]
    visits: bool = True


class Stated(Struct, tag="stated"):
    """A person stated consent in another way than through a device: by the link of a message."""

    person_id: str
    entries: list[ConsentEntry]


class TrialBegun(Struct, tag="trial_begun"):
    """Other documents are on trial from here on, or none."""

    number: int


class TrialTold(Struct, tag="trial_told"):
    """
    What would have become of a message on trial, or how its test person reacts to it.

    ``at_ms`` is the moment by the trial's clock.
    """

    number: int
    at_ms: int
    person_id: str
    outcome: Outcome | None = None
    delivery_id: str = ""
    what: str = ""


class Answered(Struct, tag="answered"):
    """A system outside was asked, or told, for a run; ``waits``: the run stands there for it."""

    person_id: str
    reply: Reply
    waits: bool = True


class Touched(Struct, tag="touched"):
    """
    These persons should be judged by the definitions in force.

    Their runs go on, or end, as operators have it.
    """

    person_ids: list[str]


class Announced(Struct, tag="announced"):
    """Something concerns many: they are told of it from here on (``decide.broadcasts``)."""

    broadcast: Broadcast


class Stretch(Struct, tag="stretch"):
    """
    These persons are told of a broadcast; ``number`` is the position of its record.

    ``is_last``: everybody has been told, or is by this.
    """

    number: int
    broadcast: Broadcast
    person_ids: list[str]
    is_last: bool = False


class Started(Struct, tag="started"):
    """A call starts a journey or campaign for one person; ``key`` names the call."""

    campaign_id: str
    person_id: str
    key: str
    at_ms: int
    props: dict[str, Any] = {}


class Published(Struct, tag="published"):
    """The documents of ``revision``, and the rankings made, are in force for later records."""

    revision: int


class Controlled(Struct, tag="controlled"):
    """An operator turned a switch of a campaign: how they stand for later records."""

    control: Control


Record = (
    Upload
    | TimerFired
    | Outcome
    | Reported
    | DeviceMoved
    | PlaceForgotten
    | Stated
    | ProofAsked
    | Answered
    | Touched
    | Announced
    | Stretch
    | Started
    | Published
    | TrialBegun
    | TrialTold
    | Controlled
    | Told
)


class LogRecord(Struct, frozen=True):
    """A record at its position; ``appended_ms`` is ``now`` for everything it causes."""

    position: int
    appended_ms: int
    record: Record


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encode(record: Record) -> bytes:
    """Write a record as the log keeps it."""
    return _encoder.encode(record)


def decode(body: bytes) -> Record:
    """Read a record back."""
    return _decoder.decode(body)
