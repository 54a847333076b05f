"""
SMS: a short message through Twilio's Messages resource, with Twilio's own client.

Does I/O through ``twilio_client``. Here is what is said, and what an answer means.

Rule 1. Twilio's error code decides before the HTTP status; any other 4xx is ``rejected(refused)``,
        and whatever is left is unknown.
Rule 2. A success that names the message is ``sent``; one that cannot be read is unknown.
Rule 3. ``ValidityPeriod`` tells Twilio how long the message may still wait (at most 10 hours).
Rule 4. The account's token goes to api.twilio.com over TLS, or to the loopback; nowhere else.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from fencepost_channels.addresses import Phone, mask_phone, parse_phone
from fencepost_channels.call import Answer, CallFailed, outcome_of, retry_after_s
from fencepost_channels.driver import DriverIO, DriverSpec, Send, SettingsError
from fencepost_channels.errors import (
    Gone,
    Misconfigured,
    OptedOut,
    Outcome,
    Rejected,
    Sent,
    Unavailable,
)
from fencepost_channels.message import Channel, Outgoing, SmsContent
from fencepost_channels.options import read_options
from fencepost_channels.twilio_client import Account, Create, open_messages

MAX_TEXT_CHARS = 1600
MAX_VALIDITY_S = 36_000
TWILIO = "https://api.twilio.com"

CODES: Mapping[int, Outcome] = {
    20003: Misconfigured("credentials_refused"),
    20429: Unavailable("rate_limited"),
    21211: Gone("invalid_number"),
    21610: OptedOut(),
    21614: Gone("not_mobile"),
}
STATUSES: Mapping[int, Outcome] = dict.fromkeys(range(400, 500), Rejected("refused")) | {
    401: Misconfigured("credentials_refused"),
    429: Unavailable("rate_limited"),
    503: Unavailable(),
}

# What a value must look like, and how to say so without repeating it.
_SHAPES = {
    "account_sid": (re.compile(r"AC[0-9a-fA-F]{32}"), '"AC" and 32 hexadecimal digits'),
    "auth_token": (re.compile(r"[!-~]+"), "printable ASCII"),
    "from": (
        re.compile(r"\+[1-9][0-9]{7,14}|[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}"),
        "an E.164 number, a short code, or a sender name of at most 11 letters and digits",
    ),
    "base_url": (
        re.compile(r"https://api\.twilio\.com|http://127\.0\.0\.1:[0-9]{1,5}"),
        f'"{TWILIO}", or "http://127.0.0.1:PORT" for tests',
    ),
}


@dataclass(frozen=True, slots=True)
class SmsSettings:
    """
    How to send SMS.

    Attributes:
        account: ``account_sid`` and ``auth_token`` of the Twilio account; ``base_url`` is where
            Twilio is, and only tests and demos change it.
        from_: Sender (``from``): a number, short code or name that belongs to the account.

    """

    account: Account
    from_: str


def parse_settings(raw: Mapping[str, str]) -> SmsSettings:
    """Read the settings."""
    values = read_options(
        raw, required=("account_sid", "auth_token", "from"), optional={"base_url": TWILIO}
    )
    for name, (shape, words) in _SHAPES.items():
        if not shape.fullmatch(values[name]):
            raise SettingsError(f'setting "{name}" must be {words}')
    account = Account(values["account_sid"], values["auth_token"], values["base_url"])
    return SmsSettings(account, values["from"])


def _judge(answer: Answer, now_s: int) -> Outcome:
    """Judge an answer that is no success by rule 1."""
    try:
        outcome = CODES[json.loads(answer.body)["code"]]
    except (ValueError, LookupError, TypeError, RecursionError):  # no JSON, no code, none of these
        return outcome_of(answer, STATUSES, now_s)
    if isinstance(outcome, Unavailable):
        return replace(outcome, retry_after_s=retry_after_s(answer, now_s))
    return outcome


async def _send(create: Create, from_: str, message: Outgoing, address: Phone) -> Outcome:
    if not isinstance(message.content, SmsContent):
        return Rejected("wrong_content")
    text = message.content.text
    if not text or len(text) > MAX_TEXT_CHARS:
        return Rejected("too_large" if text else "empty")
    validity_s = min(message.ttl_s, MAX_VALIDITY_S)
    try:
        sid = await create(to=address.e164, from_=from_, body=text, validity_period=validity_s)
    except UnicodeEncodeError:  # a lone surrogate
        return Rejected("not_encodable")
    except CallFailed as failed:
        return failed.outcome
    return Sent(sid)


@asynccontextmanager
async def connect(settings: SmsSettings, io: DriverIO) -> AsyncIterator[Send]:
    """Build the client; connections live in the lent session."""
    create = await open_messages(settings.account, io, _judge)
    yield partial(_send, create, settings.from_)


driver = DriverSpec(
    name="sms",
    channels=frozenset({Channel.SMS}),
    parse_address=parse_phone,
    mask=mask_phone,
    parse_settings=parse_settings,
    connect=connect,
    secrets=frozenset({"auth_token"}),
    calls_loopback=lambda settings: settings.account.base_url != TWILIO,
)
