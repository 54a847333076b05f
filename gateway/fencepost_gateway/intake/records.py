"""
Records: what stands in the log. What happens is a record; nothing else wakes the pipeline.

Pure data. A record is one of: an upload (the accepted events of one batch and one person), a
timer that fired, the outcome of a message, a proof asked for, a publication of documents.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from fencepost_gateway.decide.message import Mark, Proof
from fencepost_gateway.intake.wire import Event


class Upload(Struct, tag="upload"):
    """
    The accepted events of one batch.

    ``at_ms`` runs beside ``events``: when each happened, corrected for the device's clock.
    ``visitor_id`` is the person behind the anonymous id, ``person_id`` whose events these are;
    ``links`` says that the visitor turned out to be that person.
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


class TimerFired(Struct, tag="timer"):
    """A timer came due: the tracker of ``device_id`` should look at the time."""

    timer_id: str
    device_id: str
    person_id: str
    due_ms: int


class Outcome(Struct, tag="outcome"):
    """
    What became of a message: withheld at its claim, or settled after its call.

    ``fence_id`` is that of the transition that caused it; empty when something else did. ``mark``
    is the message's.
    """

    message_id: str
    run_id: str
    campaign_id: str
    person_id: str
    state: str
    reason: str = ""
    channel: str = ""
    fence_id: str = ""
    mark: Mark = ""


class ProofAsked(Struct, tag="proof"):
    """An operator wants to see a template on a test person's channel, as it would be sent."""

    person_id: str
    channel: str
    proof: Proof
    fence_id: str = ""


class PlaceForgotten(Struct, tag="place_forgotten"):
    """A person withdrew their consent to location: their devices were never seen anywhere."""

    person_id: str
    device_ids: list[str]


class Published(Struct, tag="published"):
    """The documents of ``revision`` are in force for every later record."""

    revision: int


Record = Upload | TimerFired | Outcome | PlaceForgotten | ProofAsked | Published


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
