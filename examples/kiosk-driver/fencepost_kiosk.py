"""Kiosk: messages on the screens of one kiosk system, and what people do there."""

import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fencepost_channels.call import CallFailed, outcome_of, post
from fencepost_channels.callback import Callback, CallbackRefused, Reading, Report, What
from fencepost_channels.driver import AddressError, DriverIO, DriverSpec, Send, SettingsError
from fencepost_channels.errors import Gone, Misconfigured, Outcome, Rejected, Unavailable
from fencepost_channels.message import Channel, Outgoing, WebhookContent
from fencepost_channels.options import read_options

SCREEN = re.compile(r"[a-z0-9-]{4,32}")  # goes into a URL, so nothing else is one
OUTCOMES: Mapping[int, Outcome] = {  # what is not here, and is no 2xx, is unknown
    400: Rejected("bad_message"),
    401: Misconfigured("bad_token"),
    404: Gone(),
    429: Unavailable("busy"),
    503: Unavailable(),
}
STATES: Mapping[str, What] = {"shown": "displayed", "touched": "clicked", "closed": "dismissed"}


@dataclass(frozen=True, slots=True)
class KioskSettings:
    """Where the system is (``url``), and the ``token`` that it and we know."""

    url: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Screen:
    """One screen."""

    name: str = field(repr=False)


def parse_settings(raw: Mapping[str, str]) -> KioskSettings:
    """Read the settings."""
    values = read_options(raw, required=("url", "token"), optional={})
    if not values["url"].startswith(("https://", "http://127.0.0.1:")):
        raise SettingsError('setting "url" must be https://')
    if not values["token"].isalnum():
        raise SettingsError('setting "token" must be letters and digits')
    return KioskSettings(values["url"].rstrip("/"), values["token"])


def parse_address(raw: Mapping[str, Any]) -> Screen:
    """Take ``target`` as the name of a screen."""
    name = raw.get("target")
    if not isinstance(name, str) or not SCREEN.fullmatch(name):
        raise AddressError("bad_screen")
    return Screen(name)


@asynccontextmanager
async def connect(settings: KioskSettings, io: DriverIO) -> AsyncIterator[Send]:
    """Open nothing: ``io`` has the connections."""

    async def send(message: Outgoing, screen: Screen) -> Outcome:
        content = message.content
        if not isinstance(content, WebhookContent):
            return Rejected("wrong_content")
        shown = {"headline": content.title, "text": content.body, "seconds": message.ttl_s}
        headers = {
            "Authorization": f"Bearer {settings.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": message.delivery_id,
        }
        url = f"{settings.url}/v1/screens/{screen.name}/messages"
        try:
            body = json.dumps(shown, ensure_ascii=False).encode()
            answer = await post(io, url, data=body, headers=headers)
        except UnicodeEncodeError:
            return Rejected("not_encodable")
        except CallFailed as failed:  # says by itself whether it may have arrived
            return failed.outcome
        return outcome_of(answer, OUTCOMES, io.now_s())

    yield send


def read_callback(settings: KioskSettings, callback: Callback, now_s: int) -> Reading:  # noqa: ARG001 - the contract's shape
    """Read what a screen tells; the system signs the body by our token."""
    wanted = hmac.new(settings.token.encode(), callback.body, hashlib.sha256).hexdigest()
    given = callback.headers.get("x-kiosk-signature", "").encode()
    if not hmac.compare_digest(wanted.encode(), given):
        raise CallbackRefused("bad_signature")
    try:
        told = json.loads(callback.body)
        report = Report(STATES[told["state"]], str(told["event"]), str(told["message"]))
    except (ValueError, KeyError, TypeError):
        raise CallbackRefused("malformed") from None
    return Reading((report,))


driver = DriverSpec(
    name="kiosk",
    channels=frozenset({Channel.WEBHOOK}),
    parse_address=parse_address,
    mask=lambda raw: "a screen",  # noqa: ARG005 - the contract's shape
    parse_settings=parse_settings,
    connect=connect,
    secrets=frozenset({"token"}),
    read_callback=read_callback,
    calls_loopback=lambda settings: settings.url.startswith("http:"),
)
