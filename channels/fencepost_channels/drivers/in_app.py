"""
In-app: the message goes into the person's inbox, from where the SDK takes it.

Pure. There is nobody to call: ``send`` says ``Sent``, and the gateway inserts the inbox row in the
confirm's transaction, so this channel never knows an unknown outcome (delivery.md section 5).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fencepost_channels.driver import Address, AddressError, DriverIO, DriverSpec, Send
from fencepost_channels.errors import Outcome, Rejected, Sent
from fencepost_channels.message import Channel, InAppContent, Outgoing
from fencepost_channels.options import read_options

MAX_PERSON_ID_CHARS = 256


@dataclass(frozen=True, slots=True)
class InAppSettings:
    """There is nothing to set."""


@dataclass(frozen=True, slots=True)
class InboxOwner:
    """The person whose inbox it is."""

    person_id: str = field(repr=False)


def parse_address(raw: Mapping[str, Any]) -> InboxOwner:
    """Take ``person_id``."""
    person_id = raw.get("person_id")
    if not isinstance(person_id, str) or not 0 < len(person_id) <= MAX_PERSON_ID_CHARS:
        raise AddressError("no_person")
    if not person_id.isprintable():
        raise AddressError("bad_person")
    return InboxOwner(person_id)


def mask(raw: Mapping[str, Any]) -> str:  # noqa: ARG001 - the contract's shape
    """Say where it goes; the id would add nothing."""
    return "inbox"


def parse_settings(raw: Mapping[str, str]) -> InAppSettings:
    """Refuse whatever was set by mistake."""
    read_options(raw, required=(), optional={})
    return InAppSettings()


async def _send(message: Outgoing, address: Address) -> Outcome:  # noqa: ARG001 - as above
    return Sent() if isinstance(message.content, InAppContent) else Rejected("wrong_content")


@asynccontextmanager
async def connect(settings: InAppSettings, io: DriverIO) -> AsyncIterator[Send]:  # noqa: ARG001 - as above
    """Open nothing."""
    yield _send


driver = DriverSpec(
    name="in_app",
    channels=frozenset({Channel.IN_APP}),
    parse_address=parse_address,
    mask=mask,
    parse_settings=parse_settings,
    connect=connect,
)
