"""
Webhook: the door for kiosks, signs, televisions, and any system that shows messages by itself.

Does I/O through ``call``. What is asked of the other side is one HTTPS endpoint: it takes a signed
POST, and may tell us later, signed likewise, what became of it.

Rule 1. Only the ``url`` of the settings is called. Where a message is to be shown is a ``target``
        in its body: an opaque name, so that no address leads a call anywhere.
Rule 2. The body is JSON: ``delivery_id``, ``purpose``, ``target``, ``expires_at_s``, and what of
        ``title``, ``body``, ``link``, ``data`` and ``callback`` is there. ``Idempotency-Key`` is
        the delivery id, and so is ``webhook-id``: the same call again is to be shown once.
Rule 3. Both ways requests are signed as ``standard_webhooks`` tells, by ``secret``, and while the
        other side changes over, by ``old_secret`` too.
Rule 4. What is told later is one JSON object: ``report_id``, ``delivery_id``, ``what``, and
        ``at_s`` if it was not just now. ``what`` is one of ``REPORTED``; a screen opts nobody out.
Rule 5. 410 is a target that is gone. 404 and other 4xx are our message; 401 and 403 our secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from fencepost_channels.addresses import (
    LOOPBACK,
    Target,
    mask_target,
    parse_endpoint,
    parse_target,
)
from fencepost_channels.call import CallFailed, outcome_of, post
from fencepost_channels.callback import Callback, CallbackRefused, Reading, Report, What
from fencepost_channels.driver import AddressError, DriverIO, DriverSpec, Send, SettingsError
from fencepost_channels.errors import Gone, Misconfigured, Outcome, Rejected, Unavailable
from fencepost_channels.message import Channel, Outgoing, WebhookContent, is_delivery_id
from fencepost_channels.options import read_options, yes_or_no
from fencepost_channels.standard_webhooks import fault_of, signed_headers

MAX_BODY_BYTES: Final = 64 * 1024
MIN_SECRET_CHARS: Final = 24
REPORTED: Final[Mapping[str, What]] = {
    "delivered": "delivered",
    "failed": "failed",
    "displayed": "displayed",
    "clicked": "clicked",
    "dismissed": "dismissed",
}
_REPORT_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")

_REFUSED: Final = {status: Rejected("refused") for status in range(400, 500)}
OUTCOMES: Mapping[int, Outcome] = {
    **_REFUSED,
    400: Rejected("bad_request"),
    401: Misconfigured("secret_refused"),
    403: Misconfigured("secret_refused"),
    408: Unavailable("timeout"),
    410: Gone(),
    413: Rejected("too_large"),
    425: Unavailable("too_early"),
    429: Unavailable("rate_limited"),
    503: Unavailable(),
}


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """
    How to send to another system.

    Attributes:
        url: Its endpoint: ``https:`` and a public host, port 443.
        secrets: ``secret``, and ``old_secret`` while the other side changes over; 24 characters or
            more, or bytes in base64 after ``whsec_``.
        allow_http: Whether ``url`` may be on 127.0.0.1, without TLS too: for tests; default false.

    """

    url: str = field(repr=False)  # who takes what is in its path as a password is right, too
    secrets: tuple[str, ...] = field(repr=False)
    allow_http: bool


def parse_settings(raw: Mapping[str, str]) -> WebhookSettings:
    """Read the settings."""
    values = read_options(
        raw, required=("url", "secret"), optional={"old_secret": "", "allow_http": "false"}
    )
    allow_http = yes_or_no("allow_http", values["allow_http"])
    try:
        host, _ = parse_endpoint(values["url"])
    except AddressError:
        host = ""
    if not host or (host == LOOPBACK and not allow_http):
        raise SettingsError('setting "url" must be https:// and a public host, port 443')
    for name in ("secret", "old_secret"):
        if (values[name] or name == "secret") and len(values[name]) < MIN_SECRET_CHARS:
            raise SettingsError(f'setting "{name}" must have {MIN_SECRET_CHARS} characters or more')
    secrets = tuple(filter(None, (values["secret"], values["old_secret"])))
    return WebhookSettings(values["url"], secrets, allow_http)


def is_local(settings: WebhookSettings) -> bool:
    """Say whether the other system is a test's."""
    return settings.allow_http


def write_body(message: Outgoing, content: WebhookContent, target: Target, now_s: int) -> bytes:
    """Write a message by Rule 2; a lone surrogate raises ``UnicodeEncodeError``."""
    members: dict[str, Any] = {
        "delivery_id": message.delivery_id,
        "purpose": str(message.purpose),
        "target": target.name,
        "expires_at_s": now_s + message.ttl_s,
        "title": content.title,
        "body": content.body,
        "link": content.link,
        "data": dict(content.data),
        "callback": message.links.callback,
    }
    said = {name: value for name, value in members.items() if value}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


async def _send(
    settings: WebhookSettings, io: DriverIO, message: Outgoing, address: Target
) -> Outcome:
    if not isinstance(message.content, WebhookContent):
        return Rejected("wrong_content")
    if not is_delivery_id(message.delivery_id):
        return Rejected("bad_delivery_id")
    now_s = io.now_s()
    try:
        body = write_body(message, message.content, address, now_s)
    except UnicodeEncodeError:
        return Rejected("not_encodable")
    if len(body) > MAX_BODY_BYTES:
        return Rejected("too_large")
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "fencepost",
        "Idempotency-Key": message.delivery_id,
        **signed_headers(settings.secrets, message.delivery_id, body, now_s),
    }
    try:
        answer = await post(io, settings.url, data=body, headers=headers)
    except CallFailed as failed:
        return failed.outcome
    return outcome_of(answer, OUTCOMES, io.now_s())


def read_callback(settings: WebhookSettings, callback: Callback, now_s: int) -> Reading:
    """Read what is told later by Rules 3 and 4."""
    if fault := fault_of(settings.secrets, callback.headers, callback.body, now_s):
        raise CallbackRefused(fault)
    try:
        told = json.loads(callback.body)
    except (ValueError, RecursionError):
        raise CallbackRefused("malformed") from None
    if not isinstance(told, dict):
        raise CallbackRefused("malformed")
    report_id, delivery_id = told.get("report_id"), told.get("delivery_id")
    what, at_s = told.get("what"), told.get("at_s")
    if not isinstance(report_id, str) or not _REPORT_ID.fullmatch(report_id):
        raise CallbackRefused("bad_report_id")
    if not isinstance(delivery_id, str) or not is_delivery_id(delivery_id):
        raise CallbackRefused("bad_delivery_id")
    if not isinstance(what, str) or what not in REPORTED:
        raise CallbackRefused("bad_what")
    if at_s is not None and (type(at_s) is not int or not 0 < at_s <= now_s):
        at_s = None  # a clock that is wrong makes no report wrong
    return Reading((Report(REPORTED[what], report_id, delivery_id, at_s=at_s),))


@asynccontextmanager
async def connect(settings: WebhookSettings, io: DriverIO) -> AsyncIterator[Send]:
    """Open nothing of its own: connections live in the lent session."""
    yield partial(_send, settings, io)


driver = DriverSpec(
    name="webhook",
    channels=frozenset({Channel.WEBHOOK}),
    parse_address=parse_target,
    mask=mask_target,
    parse_settings=parse_settings,
    connect=connect,
    secrets=frozenset({"secret", "old_secret"}),
    max_body_bytes=MAX_BODY_BYTES,
    read_callback=read_callback,
    calls_loopback=is_local,
)
