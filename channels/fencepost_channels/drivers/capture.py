"""
Capture: every channel's messages into one private file, for demos and tests.

Writes to disk. One JSON object a line: ``channel``, ``delivery_id``, ``purpose``, ``ttl_s``,
``address``, ``content``, ``facts``. The file holds addresses and message text in the clear, which
nothing else of Fencepost does; hence:

Rule 1. It is created with mode 0600, and refused when anybody else may read or write it, when it
        is no plain file, or when it is a link.
Rule 2. A line is one ``write`` at the end of the file, so several processes may share it.
"""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from fencepost_channels.driver import AddressError, DriverIO, DriverSpec, Send, SettingsError
from fencepost_channels.errors import Outcome, Sent, Unavailable, Unknown
from fencepost_channels.message import (
    Channel,
    EmailContent,
    InAppContent,
    Outgoing,
    PushContent,
    SmsContent,
    WebhookContent,
    WebPushContent,
)
from fencepost_channels.options import read_options

CHANNELS = {
    InAppContent: Channel.IN_APP,
    PushContent: Channel.PUSH,
    WebPushContent: Channel.WEB_PUSH,
    SmsContent: Channel.SMS,
    EmailContent: Channel.EMAIL,
    WebhookContent: Channel.WEBHOOK,
}
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """Where to write (``path``)."""

    path: str


@dataclass(frozen=True, slots=True)
class CapturedAddress:
    """An address of any channel, as it came."""

    members: Mapping[str, Any] = field(repr=False)


def parse_address(raw: Mapping[str, Any]) -> CapturedAddress:
    """Take what any channel could take: a person, an address or a subscription."""
    members = {
        name: value
        for name in ("person_id", "address", "subscription", "registration", "target")
        if (value := raw.get(name)) is not None
    }
    if not members:
        raise AddressError("no_address")
    for name, value in members.items():
        wanted: type = dict if name in ("subscription", "registration") else str
        if not isinstance(value, wanted) or not value:
            raise AddressError("bad_address")
        if isinstance(value, str) and not value.isprintable():
            raise AddressError("bad_address")
    return CapturedAddress(members)


def mask(raw: Mapping[str, Any]) -> str:  # noqa: ARG001 - the contract's shape
    """Say where it goes."""
    return "capture"


def parse_settings(raw: Mapping[str, str]) -> CaptureSettings:
    """Read the settings."""
    return CaptureSettings(read_options(raw, required=("path",), optional={})["path"])


def _open(path: str) -> int:
    """Open by rule 1."""
    try:
        descriptor = os.open(path, _FLAGS, 0o600)
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise SettingsError(f'setting "path": the file cannot be opened ({why})') from error
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode) and not stat.S_IMODE(mode) & 0o077:
        return descriptor
    os.close(descriptor)
    raise SettingsError('setting "path": others may read the file; chmod 600 it or name a new one')


def write_line(message: Outgoing, address: CapturedAddress) -> bytes:
    """Write a message as one line of JSON."""
    members = {
        "channel": CHANNELS[type(message.content)],
        "delivery_id": message.delivery_id,
        "purpose": message.purpose,
        "ttl_s": message.ttl_s,
        "address": dict(address.members),
        "content": asdict(message.content),
        "facts": message.facts,
    }
    return json.dumps(members).encode("ascii") + b"\n"


async def _send(descriptor: int, message: Outgoing, address: CapturedAddress) -> Outcome:
    line = write_line(message, address)
    try:
        written = await asyncio.to_thread(os.write, descriptor, line)
    except OSError:
        return Unavailable("disk")
    return Sent(message.delivery_id) if written == len(line) else Unknown("disk")


@asynccontextmanager
async def connect(settings: CaptureSettings, io: DriverIO) -> AsyncIterator[Send]:  # noqa: ARG001 - as above
    """Open the file, and close it."""
    descriptor = await asyncio.to_thread(_open, settings.path)
    try:
        yield partial(_send, descriptor)
    finally:
        os.close(descriptor)


driver = DriverSpec(
    name="capture",
    channels=frozenset(Channel),
    parse_address=parse_address,
    mask=mask,
    parse_settings=parse_settings,
    connect=connect,
)
