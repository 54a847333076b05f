"""
Email: one message to one mailbox, handed to a relay.

Does I/O through ``smtp_call``; the bytes are made by ``mime``. Here are the settings and the order.

Rule 1. A password leaves only over TLS, or to the loopback.
Rule 2. What makes no email (an injected header, a lone surrogate, no text) is ``rejected`` before
        a connection is opened.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.headerregistry import Address
from functools import partial
from pathlib import Path

from fencepost_channels.addresses import LOOPBACK, Mailbox, mask_mailbox, parse_mailbox
from fencepost_channels.driver import AddressError, DriverIO, DriverSpec, Send, SettingsError
from fencepost_channels.errors import Outcome, Rejected
from fencepost_channels.message import Channel, EmailContent, Outgoing, is_delivery_id
from fencepost_channels.mime import NotAMessage, is_one_line, write_message
from fencepost_channels.options import read_options, whole_number
from fencepost_channels.smtp_call import Envelope, Relay, hand_over

TLS_PORTS = {"none": "25", "starttls": "587", "tls": "465"}
MAX_NAME_CHARS = 128
_HOST = re.compile(r"(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}|[0-9a-fA-F:]{2,45}")


@dataclass(frozen=True, slots=True)
class EmailSettings:
    """
    How to send email.

    Attributes:
        host: The relay.
        port: Its port; default 587 with ``starttls``, 465 with ``tls``, 25 with ``none``.
        tls: ``starttls`` (default), ``tls`` from the first byte, or ``none``.
        ca_file: Certificates to trust instead of the system's, for a relay of one's own.
        username: Account at the relay; empty: none.
        password: Its password.
        from_: Our mailbox (``from``), in the envelope and the header.
        from_name: The name shown beside it.

    """

    host: str
    port: int
    tls: str
    ca_file: str
    username: str
    password: str = field(repr=False)
    from_: str
    from_name: str


def parse_settings(raw: Mapping[str, str]) -> EmailSettings:
    """Read the settings."""
    optional = dict.fromkeys(("port", "ca_file", "username", "password", "from_name"), "")
    values = read_options(raw, required=("host", "from"), optional={"tls": "starttls", **optional})
    tls, name = values["tls"], values["from_name"]
    if tls not in TLS_PORTS:
        raise SettingsError(f'setting "tls" must be one of {", ".join(TLS_PORTS)}')
    if not _HOST.fullmatch(values["host"]):
        raise SettingsError('setting "host" must be a host name or an IP address')
    try:
        parse_mailbox({"address": values["from"]})
    except AddressError:
        raise SettingsError('setting "from" must be one mailbox') from None
    if not is_one_line(name) or "=?" in name or len(name) > MAX_NAME_CHARS:
        raise SettingsError(f'setting "from_name" must be one line of up to {MAX_NAME_CHARS}')
    if bool(values["username"]) != bool(values["password"]):
        raise SettingsError('settings "username" and "password" go together; give both or none')
    if values["password"] and tls == "none" and values["host"] != LOOPBACK:
        raise SettingsError('setting "tls" must not be "none" when a "password" is sent')
    return EmailSettings(
        host=values["host"],
        port=whole_number("port", values["port"] or TLS_PORTS[tls], low=1, high=65535),
        tls=tls,
        ca_file=values["ca_file"],
        username=values["username"],
        password=values["password"],
        from_=values["from"],
        from_name=name,
    )


def _build_relay(settings: EmailSettings) -> Relay:
    trust = None
    if settings.tls != "none":
        try:
            trust = ssl.create_default_context(cafile=settings.ca_file or None)
        except (OSError, ssl.SSLError) as error:
            path = Path(settings.ca_file).name
            raise SettingsError(f'setting "ca_file": {path} holds no certificate') from error
    return Relay(
        host=settings.host,
        port=settings.port,
        tls=settings.tls,
        trust=trust,
        username=settings.username or None,
        password=settings.password or None,
    )


async def _send(
    settings: EmailSettings, relay: Relay, io: DriverIO, message: Outgoing, address: Mailbox
) -> Outcome:
    if not isinstance(message.content, EmailContent):
        return Rejected("wrong_content")
    if not is_delivery_id(message.delivery_id):
        return Rejected("bad_delivery_id")
    sender = Address(settings.from_name, addr_spec=settings.from_)
    try:
        wire = write_message(
            message.delivery_id, message.content, sender, address.address, io.now_s()
        )
    except NotAMessage as reason:
        return Rejected(reason.code)
    return await hand_over(relay, Envelope(settings.from_, address.address, wire), io.timeout_s)


@asynccontextmanager
async def connect(settings: EmailSettings, io: DriverIO) -> AsyncIterator[Send]:
    """Load the certificates to trust; each message opens its own connection."""
    relay = await asyncio.to_thread(_build_relay, settings)
    yield partial(_send, settings, relay, io)


driver = DriverSpec(
    name="email",
    channels=frozenset({Channel.EMAIL}),
    parse_address=parse_mailbox,
    mask=mask_mailbox,
    parse_settings=parse_settings,
    connect=connect,
    secrets=frozenset({"password"}),
)
