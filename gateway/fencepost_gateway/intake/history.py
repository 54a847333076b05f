"""
History: what happened to a person, as it is kept for months. The log without its positions.

Pure data. ``Told`` is what one record of the log told of one person; it is kept packed, one body a
row, and may be fed to the pipeline again as a record of its own: that is how a backtest works.

Rule 1. What was told is kept, not what was decided of it: app events, attributes, statements of
        consent, transitions, receipts and reactions. Steps and claims have records of their own.
Rule 2. No coordinate, no address, no text of a message. Of a transition there is the distance to
        the boundary, of an address its keyed reference, of a number the country's prefix as well.
        A home that the person stated is left out.
Rule 3. Properties and attributes larger than ``PROPS_MAX_BYTES`` are left out, as in the person's
        row. A rule that reads them then finds nothing in a backtest.
Rule 4. An event from outside concerns nobody by name: its row is ``NOBODY``'s, once for all.
Rule 5. ``Stood`` says how somebody was known before the row it stands in: where what came before is
        not kept, or may be pruned.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct, structs

from fencepost_gateway.decide.broadcasts import Broadcast
from fencepost_gateway.decide.calls import Reply
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.countries import calling_code
from fencepost_gateway.decide.person import PROPS_MAX_BYTES
from fencepost_geofence.state import Kind, Reason, Transition

NUMBER: Final = "sms"  # the channel whose addresses are telephone numbers
NOBODY: Final = ""  # whose row it is that concerns many
HOME: Final = ("home_lat", "home_lon")  # attributes that are a position


class Stood(Struct, frozen=True, gc=False, array_like=True, tag="stood"):
    """The person's row as it stood before (Rule 5), packed; no position is in it."""

    packed: Raw


class Greeted(Struct, frozen=True, gc=False, array_like=True, tag="greeted"):
    """An upload named its person, its zone or language, or linked a visitor with somebody known."""

    visitor_id: str
    user_id: str
    zone: str = ""
    locale: str = ""
    links: bool = False
    parts: bool = False
    merging: str = ""


class Said(Struct, frozen=True, gc=False, array_like=True, tag="said"):
    """Statements of consent as they were taken into force."""

    entries: list[ConsentEntry]


class Did(Struct, frozen=True, gc=False, array_like=True, tag="did"):
    """An app event; a screen is one named ``screen``."""

    at_ms: int
    seq: int
    name: str
    props: dict[str, Any]


class Became(Struct, frozen=True, gc=False, array_like=True, tag="became"):
    """Attributes that were set; None removes one."""

    attributes: dict[str, Any]


class Crossed(Struct, frozen=True, gc=False, array_like=True, tag="crossed"):
    """A transition as the tracker told it: ``Transition``, member by member."""

    kind: Kind
    fence_id: str
    at_ms: int
    crossed_at_ms: int
    visit_ms: int
    visit_began_ms: int
    duration_s: int | None
    after_s: int | None
    initial: bool
    arrives_in_s: int | None
    late: bool
    superseded: bool
    distance_m: float | None
    accuracy_m: float | None
    confidence: float | None
    reason: Reason


class Reaches(Struct, frozen=True, gc=False, array_like=True, tag="reaches"):
    """An address reaches the person from now on, or no longer; ``prefix`` is a country's."""

    at_ms: int
    channel: str
    ref: str
    is_gone: bool = False
    prefix: str = ""


class Reacted(Struct, frozen=True, gc=False, array_like=True, tag="reacted"):
    """A device received a message or could not show it, or a person reacted to it."""

    at_ms: int
    seq: int
    delivery_id: str
    what: str


class Called(Struct, frozen=True, gc=False, array_like=True, tag="called"):
    """A call asked for a campaign to start for the person; ``key`` names the call."""

    at_ms: int
    campaign_id: str
    key: str
    props: dict[str, Any]


class Announced(Struct, frozen=True, gc=False, array_like=True, tag="announced"):
    """An event from outside, which concerns many (Rule 4)."""

    broadcast: Broadcast


class Heard(Struct, frozen=True, gc=False, array_like=True, tag="heard"):
    """What another system answered to a run that waited for it."""

    reply: Reply


class Zoned(Struct, frozen=True, gc=False, array_like=True, tag="zoned"):
    """The newest position lies in another zone, or still in this one."""

    at_ms: int
    zone: str


class Suspected(Struct, frozen=True, gc=False, array_like=True, tag="suspected"):
    """Something about the device's positions was suspicious."""

    at_ms: int
    flags: list[str]


class Forgot(Struct, frozen=True, gc=False, array_like=True, tag="forgot"):
    """Where the person's devices were is forgotten; ``visits``: where the person has been, too."""

    device_ids: list[str]
    visits: bool = True


Happened = (
    Stood
    | Greeted
    | Said
    | Did
    | Became
    | Crossed
    | Reaches
    | Reacted
    | Called
    | Heard
    | Announced
    | Zoned
    | Suspected
    | Forgot
)


class Told(Struct, tag="told", omit_defaults=True):
    """What one record of the log told of one person, in the order in which it was taken."""

    person_id: str
    device_id: str = ""
    stream: str = ""
    happened: list[Happened] = []


_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Told] = msgspec.msgpack.Decoder(Told)


def pack(told: Told) -> bytes:
    """Write what was told as history keeps it (Rule 3)."""
    body = _encode(told)
    if len(body) <= PROPS_MAX_BYTES:
        return body
    slim = [_bounded(each) for each in told.happened]
    return _encode(Told(told.person_id, told.device_id, told.stream, slim))


def unpack(body: bytes) -> Told:
    """Read it back."""
    return _decoder.decode(body)


def _bounded(one: Happened) -> Happened:
    if isinstance(one, Did) and len(_encode(one.props)) > PROPS_MAX_BYTES:
        return Did(one.at_ms, one.seq, one.name, {})
    if isinstance(one, Called) and len(_encode(one.props)) > PROPS_MAX_BYTES:
        return Called(one.at_ms, one.campaign_id, one.key, {})
    if isinstance(one, Announced) and len(_encode(one.broadcast.props)) > PROPS_MAX_BYTES:
        return Announced(structs.replace(one.broadcast, props={}))
    if isinstance(one, Became):
        return Became(
            {k: v for k, v in one.attributes.items() if len(_encode(v)) <= PROPS_MAX_BYTES}
        )
    return one


def homeless(attributes: dict[str, Any]) -> dict[str, Any]:
    """Leave a home out of attributes (Rule 2)."""
    if HOME[0] not in attributes and HOME[1] not in attributes:
        return attributes
    return {name: value for name, value in attributes.items() if name not in HOME}


def crossed(told: Transition) -> Crossed:
    """Keep a transition."""
    return Crossed(*(getattr(told, name) for name in Crossed.__struct_fields__))


def transition(kept: Crossed) -> Transition:
    """Give a transition back."""
    return Transition(**{name: getattr(kept, name) for name in Crossed.__struct_fields__})


def prefix_of(channel: str, raw: dict[str, Any]) -> str:
    """Give the calling code of a number, which no address can be made of (Rule 2)."""
    return calling_code(str(raw.get("address", ""))) if channel == NUMBER else ""
