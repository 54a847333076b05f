"""
Web push: a notification to a browser, through its vendor's push service.

Does I/O through ``push``. Here is what may be called, what is said, and what an answer means.

Rule 1. A host that does not end in an allowed suffix, at a label boundary, is not saved and not
        called (``rejected(host_not_allowed)``). The loopback only when set, then by ``http:`` too.
Rule 2. A payload above 3,993 bytes is refused before sending: with header, tag and padding byte it
        would not fit the 4,096 every push service must take (RFC 8291 section 4).
Rule 3. TTL, ``Urgency`` and ``Topic`` go with every message (RFC 8030 section 5); the topic is the
        delivery id, so that a repeat replaces instead of doubling.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from fencepost_channels.addresses import (
    LOOPBACK,
    Subscription,
    mask_subscription,
    parse_mailbox,
    parse_subscription,
)
from fencepost_channels.call import CallFailed, outcome_of
from fencepost_channels.driver import AddressError, DriverIO, DriverSpec, Send, SettingsError
from fencepost_channels.encryption import MAX_PLAIN_BYTES
from fencepost_channels.errors import Gone, Misconfigured, Outcome, Rejected, Unavailable
from fencepost_channels.message import Channel, Outgoing, Purpose, WebPushContent, is_delivery_id
from fencepost_channels.options import read_options, yes_or_no
from fencepost_channels.push import Sender, Tokens, push
from fencepost_channels.vapid import read_private_key

PUSH_HOSTS = "fcm.googleapis.com,push.services.mozilla.com,push.apple.com,notify.windows.com"
URGENCY = {Purpose.MARKETING: "normal", Purpose.TRANSACTIONAL: "high"}

OUTCOMES: Mapping[int, Outcome] = {
    400: Rejected("bad_request"),
    401: Misconfigured("vapid_refused"),
    403: Misconfigured("vapid_refused"),
    404: Gone(),
    408: Unavailable("timeout"),
    410: Gone(),
    413: Rejected("too_large"),
    429: Unavailable("rate_limited"),
    503: Unavailable(),
}


@dataclass(frozen=True, slots=True)
class WebPushSettings:
    """
    How to send web push.

    Attributes:
        sender: Our key (``vapid_private_key``: PEM, or 32 bytes in base64url) and whom a push
            service may write to (``vapid_subject``: ``mailto:``).
        allow_hosts: Host suffixes that may be called; default: the services of the big browsers.
        allow_http: Whether 127.0.0.1 may be called, without TLS too, if ``allow_hosts`` names it:
            for tests and demos; default false.

    """

    sender: Sender
    allow_hosts: tuple[str, ...]
    allow_http: bool


def parse_settings(raw: Mapping[str, str]) -> WebPushSettings:
    """Read the settings."""
    values = read_options(
        raw,
        required=("vapid_private_key", "vapid_subject"),
        optional={"allow_hosts": PUSH_HOSTS, "allow_http": "false"},
    )
    scheme, _, mailbox = values["vapid_subject"].partition(":")
    try:
        parse_mailbox({"address": mailbox if scheme == "mailto" else None})
    except AddressError:
        raise SettingsError('setting "vapid_subject" must be "mailto:" and a mailbox') from None
    key = read_private_key("vapid_private_key", values["vapid_private_key"])
    hosts = (host.strip().lower().strip(".") for host in values["allow_hosts"].split(","))
    return WebPushSettings(
        sender=Sender(key, values["vapid_subject"]),
        allow_hosts=tuple(host for host in hosts if host),
        allow_http=yes_or_no("allow_http", values["allow_http"]),
    )


def may_call(address: Subscription, settings: WebPushSettings) -> bool:
    """Judge an endpoint by rule 1."""
    if address.host == LOOPBACK and not settings.allow_http:
        return False
    return any(
        address.host == suffix or address.host.endswith(f".{suffix}")
        for suffix in settings.allow_hosts
    )


def judge_address(settings: WebPushSettings, address: Subscription) -> str:
    """Say why an address is never called, empty when it may be."""
    return "" if may_call(address, settings) else "host_not_allowed"


def write_payload(message: Outgoing, content: WebPushContent) -> bytes:
    """Write what the service worker reads; without what is empty."""
    members = {
        "delivery_id": message.delivery_id,
        "title": content.title,
        "body": content.body,
        "link": content.link,
        "report": message.links.report,
    }
    said = {name: value for name, value in members.items() if value}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


async def _send(
    settings: WebPushSettings,
    tokens: Tokens,
    io: DriverIO,
    message: Outgoing,
    address: Subscription,
) -> Outcome:
    if not isinstance(message.content, WebPushContent):
        return Rejected("wrong_content")
    if not is_delivery_id(message.delivery_id):
        return Rejected("bad_delivery_id")
    if fault := judge_address(settings, address):
        return Rejected(fault)
    try:
        payload = write_payload(message, message.content)
    except UnicodeEncodeError:  # a lone surrogate
        return Rejected("not_encodable")
    if len(payload) > MAX_PLAIN_BYTES:
        return Rejected("too_large")
    headers = {"Topic": message.delivery_id, "Urgency": URGENCY[message.purpose]}
    try:
        answer = await push(io, tokens, address, payload, ttl_s=message.ttl_s, headers=headers)
    except CallFailed as failed:
        return failed.outcome
    return outcome_of(answer, OUTCOMES, io.now_s())


@asynccontextmanager
async def connect(settings: WebPushSettings, io: DriverIO) -> AsyncIterator[Send]:
    """Keep our tokens; connections live in the lent session."""
    yield partial(_send, settings, Tokens(settings.sender), io)


driver = DriverSpec(
    name="web_push",
    channels=frozenset({Channel.WEB_PUSH}),
    parse_address=parse_subscription,
    mask=mask_subscription,
    parse_settings=parse_settings,
    connect=connect,
    secrets=frozenset({"vapid_private_key"}),
    max_body_bytes=MAX_PLAIN_BYTES,
    judge_address=judge_address,
    calls_loopback=lambda settings: settings.allow_http,
)
