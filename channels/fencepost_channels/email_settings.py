"""
Email settings: by which relay, in whose name, and where answers and bounces go.

Pure but for ``build_relay``, which reads the certificates to trust.

Rule 1. A password leaves only over TLS, or to the loopback.
Rule 2. What is signed is signed for one domain: that of ``from`` unless another is named, since
        receivers compare the two (DMARC, RFC 7489 section 3.1).
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fencepost_channels.addresses import LOOPBACK, is_host_name, parse_mailbox
from fencepost_channels.dkim_signature import DkimKey, read_private_key
from fencepost_channels.driver import AddressError, SettingsError
from fencepost_channels.mime import NotAMessage, Sender
from fencepost_channels.options import read_options, whole_number
from fencepost_channels.smtp_call import Relay

TLS_PORTS = {"none": "25", "starttls": "587", "tls": "465"}
LISTED = ("marketing", "all")
MAX_NAME_CHARS = 128
MAX_CONNECTIONS = 100
MAX_MESSAGES = 100_000
_HOST = re.compile(r"(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}|[0-9a-fA-F:]{2,45}")
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_FEEDBACK_ID = re.compile(r"[A-Za-z0-9._-]{5,15}")
_DEFAULTS = {
    "port": "", "tls": "starttls", "ca_file": "", "username": "", "password": "", "from_name": "",
    "reply_to": "", "bounce_domain": "", "unsubscribe_mailbox": "", "list_unsubscribe": "marketing",
    "feedback_id": "", "dkim_selector": "", "dkim_domain": "", "dkim_private_key": "",
    "connections": "5", "messages_per_connection": "100",
}  # fmt: skip


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
        sender: Our mailbox (``from``), in the header and, without ``bounce_domain``, the envelope;
            and the name shown beside it (``from_name``).
        reply_to: Mailbox that answers go to; empty: that of ``from``.
        bounce_domain: Domain whose mailboxes ``bounce+…`` take bounces, one for each message;
            empty: they go to ``from``.
        unsubscribe_mailbox: Mailbox that takes unsubscriptions by mail, beside the link.
        list_unsubscribe: Which messages have ``List-Unsubscribe``: ``marketing`` or ``all``.
        feedback_id: Our name in mailbox providers' complaint figures, 5 to 15 characters; empty:
            no ``Feedback-ID``.
        dkim: Who signs: ``dkim_selector``, ``dkim_domain`` (default: the domain of ``from``) and
            ``dkim_private_key`` (PEM, RSA or Ed25519); none: the relay may.
        connections: How many connections to the relay are open at most.
        messages_per_connection: After how many messages a connection is replaced.

    """

    host: str
    port: int
    tls: str
    ca_file: str
    username: str
    password: str = field(repr=False)
    sender: Sender
    reply_to: str
    bounce_domain: str
    unsubscribe_mailbox: str
    list_unsubscribe: str
    feedback_id: str
    dkim: DkimKey | None
    connections: int
    messages_per_connection: int


def parse_settings(raw: Mapping[str, str]) -> EmailSettings:
    """Read the settings."""
    values = read_options(raw, required=("host", "from"), optional=_DEFAULTS)
    tls = _one_of("tls", values["tls"], TLS_PORTS)
    if not _HOST.fullmatch(values["host"]):
        raise SettingsError('setting "host" must be a host name or an IP address')
    if bool(values["username"]) != bool(values["password"]):
        raise SettingsError('settings "username" and "password" go together; give both or none')
    if values["password"] and tls == "none" and values["host"] != LOOPBACK:
        raise SettingsError('setting "tls" must not be "none" when a "password" is sent')
    if values["feedback_id"] and not _FEEDBACK_ID.fullmatch(values["feedback_id"]):
        raise SettingsError('setting "feedback_id" must be 5 to 15 letters, digits, "." "_" or "-"')
    for name in ("bounce_domain", "dkim_domain"):
        if values[name] and not is_host_name(values[name]):
            raise SettingsError(f'setting "{name}" must be a domain in lower case')
    sender = _sender(values)
    number = whole_number
    return EmailSettings(
        host=values["host"],
        port=number("port", values["port"] or TLS_PORTS[tls], low=1, high=65535),
        tls=tls,
        ca_file=values["ca_file"],
        username=values["username"],
        password=values["password"],
        sender=sender,
        reply_to=_mailbox("reply_to", values["reply_to"]),
        bounce_domain=values["bounce_domain"],
        unsubscribe_mailbox=_mailbox("unsubscribe_mailbox", values["unsubscribe_mailbox"]),
        list_unsubscribe=_one_of("list_unsubscribe", values["list_unsubscribe"], LISTED),
        feedback_id=values["feedback_id"],
        dkim=_dkim(values, sender.domain),
        connections=number("connections", values["connections"], low=1, high=MAX_CONNECTIONS),
        messages_per_connection=number(
            "messages_per_connection", values["messages_per_connection"], low=1, high=MAX_MESSAGES
        ),
    )


def build_relay(settings: EmailSettings) -> Relay:
    """Load the certificates to trust; raises ``SettingsError`` where there are none."""
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
        greets_as=settings.sender.domain,
    )


def _one_of(name: str, value: str, known: Mapping[str, str] | tuple[str, ...]) -> str:
    if value not in known:
        raise SettingsError(f'setting "{name}" must be one of {", ".join(known)}')
    return value


def _mailbox(name: str, value: str) -> str:
    try:
        return parse_mailbox({"address": value}).address if value else ""
    except AddressError:
        raise SettingsError(f'setting "{name}" must be one mailbox') from None


def _sender(values: Mapping[str, str]) -> Sender:
    name, mailbox = values["from_name"], _mailbox("from", values["from"])
    try:
        if "=?" not in name and len(name) <= MAX_NAME_CHARS:
            return Sender(mailbox, name)
    except (NotAMessage, UnicodeEncodeError):
        pass
    raise SettingsError(f'setting "from_name" must be one line of up to {MAX_NAME_CHARS}')


def _dkim(values: Mapping[str, str], domain: str) -> DkimKey | None:
    selector, private = values["dkim_selector"], values["dkim_private_key"]
    if bool(selector) != bool(private) or (values["dkim_domain"] and not private):
        raise SettingsError(
            'settings "dkim_selector" and "dkim_private_key" go together; give both or none'
        )
    if not private:
        return None
    if not _SELECTOR.fullmatch(selector):
        raise SettingsError('setting "dkim_selector" must be a name in lower case, such as "fp1"')
    key = read_private_key("dkim_private_key", private)
    return DkimKey(selector, values["dkim_domain"] or domain.lower(), key)
