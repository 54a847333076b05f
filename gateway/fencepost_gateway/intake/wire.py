"""
Wire: the batch of protocol v1 as records, decoded event by event.

Pure. The envelope is decoded with its events left raw, then each event by itself, so that one bad
event does not sink its neighbours. Schema and vectors: ``sdk/wire``.

Rule 1. Unknown members are ignored (the protocol may grow), unknown event types are rejected.
Rule 2. A time is RFC 3339 with an offset; anything else is ``time_format``.
Rule 3. What the decoder refuses becomes a verdict code and the path of the member.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from fencepost_gateway.intake.limits import EVENT_MAX_BYTES

Seq = Annotated[int, Meta(ge=1, le=(1 << 53) - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=128)]
Id = Annotated[str, Meta(min_length=1, max_length=256)]
WhoId = Annotated[str, Meta(min_length=1, max_length=256, pattern=r"\A[^\0]*\Z")]  # NUL joins ids
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Moment = Annotated[datetime, Meta(tz=True)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]


class _Event(Struct, tag_field="type", kw_only=True, gc=False, omit_defaults=True):
    """What every event carries."""

    seq: Seq
    event_id: Id
    at: Moment
    session: str = ""


class Track(_Event, tag="track"):
    """An app event."""

    name: Name
    props: dict[str, Any] = {}


class Screen(_Event, tag="screen"):
    """A screen that was shown."""

    name: Name
    props: dict[str, Any] = {}


class Identify(_Event, tag="identify"):
    """This device's person is ``user_id``."""

    user_id: Id
    traits: dict[str, Any] = {}
    merge: bool = False


class SetTraits(_Event, tag="set"):
    """Attributes of the person; null removes one."""

    traits: dict[str, Any]


class Consent(_Event, tag="consent"):
    """A person's statement about purposes, with the proof of what they saw."""

    values: dict[str, str]
    channel: str | None = None
    address: str | None = None
    text: str | None = None
    language: str | None = None
    surface: str | None = None
    method: str | None = None
    text_sha256: str | None = None


class Fix(_Event, tag="fix"):
    """One position reading."""

    lat: Latitude
    lon: Longitude
    accuracy_m: float | None = None
    speed_mps: float | None = None
    is_mock: bool = False


class CheckIn(_Event, tag="check_in"):
    """The person read the code of a place, which stands for a position there."""

    code: Name  # the same bounds


class Address(_Event, tag="address"):
    """Where a channel reaches the person, or that it no longer does (``removed``)."""

    channel: Name
    address: str | None = None
    subscription: dict[str, Any] | None = None
    registration: dict[str, Any] | None = None
    target: str | None = None
    removed: bool = False


class Receipt(_Event, tag="receipt"):
    """An in-app message arrived or could not be shown."""

    delivery_id: Id
    status: Literal["received", "unshown"]
    reason: str = ""


class Engagement(_Event, tag="engagement"):
    """What a person did with a message."""

    delivery_id: Id
    action: Literal["displayed", "clicked", "dismissed"]
    button: str = ""


Event = (
    Track | Screen | Identify | SetTraits | Consent | Fix | CheckIn | Address | Receipt | Engagement
)


class Who(Struct):
    """Whose events these are."""

    anonymous_id: WhoId
    user_id: WhoId | None = None


class Context(Struct):
    """What the gateway reads of the device's context; the rest is ignored, as an odd ``app`` is."""

    locale: str = ""
    zone: str = ""
    app: Any = None
    os: Any = None


class Batch(Struct):
    """The envelope, its events still raw."""

    v: int
    device_id: WhoId
    stream: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[^\0]*\Z")]
    sent_at: Moment
    who: Who
    events: list[Raw]
    oldest_seq: int = 1
    context: Context = msgspec.field(default_factory=Context)
    sdk: Any = None


class _SeqOnly(Struct):
    """Enough of a bad event to name it in its verdict."""

    seq: Seq


_batch = msgspec.json.Decoder(Batch)
_event: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_seq = msgspec.json.Decoder(_SeqOnly)

_CODES = (
    (re.compile(r"RFC3339|datetime|timezone"), "time_format"),
    (re.compile(r"Invalid value .* - at `\$\.type`"), "unknown_type"),
    (re.compile(r"Integer value out of range|Expected `int` [<>]="), "integer_range"),
    (re.compile(r"out of range|Expected `float` [<>]="), "number_range"),
    (re.compile(r"Expected `str` of length <="), "too_large"),
    (re.compile(r"Expected `str` of length >="), "bad_value"),
    (re.compile(r"matching regex"), "bad_value"),
    (re.compile(r"Object missing required field `type`"), "unknown_type"),
    (re.compile(r"Expected `|missing required field"), "type"),
)
_PATH = re.compile(r"at `\$\.?([^`]*)`")
_NAMED = re.compile(r"(?:required|unknown) field `([^`]+)`")


class BadEvent(Struct, frozen=True):
    """An event that can never be taken; ``seq`` is None when not even that can be read."""

    seq: int | None
    code: str
    path: str = ""


def decode_batch(body: bytes) -> Batch:
    """
    Decode the envelope.

    Raises:
        msgspec.MsgspecError: The body is not JSON or not a batch.
        UnicodeDecodeError: A string is not UTF-8.
        RecursionError: The body is nested beyond all sense.

    """
    return _batch.decode(body)


def decode_event(raw: Raw) -> Event | BadEvent:
    """Decode one event, or say why it can never be taken."""
    if len(raw) > EVENT_MAX_BYTES:
        return BadEvent(_seq_of(raw), "too_large")
    try:
        return _event.decode(raw)
    except msgspec.ValidationError as error:
        code, path = explain(str(error))
        return BadEvent(_seq_of(raw), code, path)
    except (UnicodeDecodeError, msgspec.DecodeError, RecursionError) as error:
        code = "depth" if isinstance(error, RecursionError) else "bad_value"
        return BadEvent(_seq_of(raw), code)


def _seq_of(raw: Raw) -> int | None:
    try:
        return _seq.decode(raw).seq
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def path_of(error: Exception) -> str:
    """Give the path that a decoder's error names, empty when it names none."""
    return explain(str(error))[1] if isinstance(error, msgspec.ValidationError) else ""


def explain(text: str) -> tuple[str, str]:
    """Turn the decoder's sentence into code and path; the sentence itself may echo contents."""
    code = next((code for pattern, code in _CODES if pattern.search(text)), "bad_value")
    named = _NAMED.search(text)
    below = _PATH.search(text)
    path = below.group(1).replace("[...]", "") if below else ""
    if named:
        path = f"{path}.{named.group(1)}".lstrip(".")
    return code, path
