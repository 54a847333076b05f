"""
SMS: a short message through Twilio's Messages resource, with Twilio's own client.

Does I/O through ``twilio_client``. Here is what is said, and what an answer means.

Rule 1. Twilio's error code decides before the HTTP status; any other 4xx is ``rejected(refused)``,
        and whatever is left is unknown.
Rule 2. A success that names the message is ``sent``; one that cannot be read is unknown.
Rule 3. ``ValidityPeriod`` tells Twilio how long the message may still wait (at most 10 hours).
Rule 4. The account's token goes to api.twilio.com over TLS, or to the loopback; nowhere else.
Rule 5. Each message names where Twilio tells what becomes of it (``twilio_callback``), with our own
        id in that address: what is told may be there before Twilio's answer is.
Rule 6. Twilio has no key by which it would know a message again, and none by which one could be
        looked up that it was perhaps given: an unknown outcome stays one.
Rule 7. A sender that passes for an authority is refused, and so is a country that is not on the
        list of ``countries``, if there is one.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from fencepost_channels.addresses import Phone, country_of, mask_phone, parse_phone
from fencepost_channels.call import Answer, CallFailed, outcome_of, retry_after_s
from fencepost_channels.callback import Callback, Reading
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
from fencepost_channels.twilio_callback import DELIVERY, read_callback, write_reply
from fencepost_channels.twilio_client import Account, Create, open_messages

MAX_TEXT_CHARS = 1600
MAX_VALIDITY_S = 36_000
TWILIO = "https://api.twilio.com"

MAX_MEDIA = 10
CODES: Mapping[int, Outcome] = {
    14107: Unavailable("rate_limited"),
    20003: Misconfigured("credentials_refused"),
    20429: Unavailable("rate_limited"),
    21211: Gone("invalid_number"),
    21212: Misconfigured("sender_refused"),
    21408: Rejected("region_not_enabled"),
    21603: Misconfigured("sender_refused"),
    21606: Misconfigured("sender_refused"),
    21610: OptedOut(),
    21611: Unavailable("queue_full"),
    21614: Gone("not_mobile"),
    21617: Rejected("too_large"),
    21635: Gone("landline"),
    21659: Misconfigured("sender_refused"),
    21660: Misconfigured("sender_refused"),
    30001: Unavailable("queue_full"),
    30002: Misconfigured("account_suspended"),
    30005: Gone("unknown_handset"),
    30006: Gone("landline"),
    63003: Gone("invalid_number"),
    63018: Unavailable("rate_limited"),
    63024: Gone("invalid_number"),
    63038: Unavailable("daily_limit"),
}
STATUSES: Mapping[int, Outcome] = dict.fromkeys(range(400, 500), Rejected("refused")) | {
    401: Misconfigured("credentials_refused"),
    429: Unavailable("rate_limited"),
    503: Unavailable(),
}

# Sender names by which people are told to obey. Others' brands are for the carriers to refuse.
AUTHORITIES = frozenset({
    "110", "112", "119", "911", "999", "ambulance", "army", "cia", "court", "customs", "embassy",
    "emergency", "europol", "fbi", "firedept", "gendarmerie", "gov", "government", "govt", "hmrc",
    "interpol", "irs", "military", "ministry", "nhs", "polis", "police", "policia", "policja",
    "polizei", "polizia", "sheriff", "taxoffice",
})  # fmt: skip
_MEDIA = re.compile(r"https://[A-Za-z0-9.-]+(?::443)?/[!-~]{0,2000}")

# What a value must look like, and how to say so without repeating it.
_SHAPES = {
    "account_sid": (re.compile(r"AC[0-9a-fA-F]{32}"), '"AC" and 32 hexadecimal digits'),
    "auth_token": (re.compile(r"[!-~]+"), "printable ASCII"),
    "messaging_service_sid": (
        re.compile(r"(?:MG[0-9a-fA-F]{32})?"),
        '"MG" and 32 hexadecimal digits',
    ),
    "countries": (
        re.compile(r"(?:[A-Z]{2}(?:,[A-Z]{2})*)?"),
        'countries such as "KR,US" (ISO 3166-1)',
    ),
    "from": (
        re.compile(r"(?:\+[1-9][0-9]{7,14}|[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11})?"),
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
        service: Or the messaging service that chooses it (``messaging_service_sid``).
        countries: Only to numbers of these (``countries``, such as KR,US); empty: to all.

    """

    account: Account
    from_: str
    service: str = ""
    countries: frozenset[str] = frozenset()


def parse_settings(raw: Mapping[str, str]) -> SmsSettings:
    """Read the settings."""
    optional = {"from": "", "messaging_service_sid": "", "countries": "", "base_url": TWILIO}
    values = read_options(raw, required=("account_sid", "auth_token"), optional=optional)
    for name, (shape, words) in _SHAPES.items():
        if not shape.fullmatch(values[name]):
            raise SettingsError(f'setting "{name}" must be {words}')
    sender, service = values["from"], values["messaging_service_sid"]
    if bool(sender) == bool(service):
        raise SettingsError('give either "from" or "messaging_service_sid", not both')
    if re.sub(r"[^a-z0-9]", "", sender.lower()) in AUTHORITIES:
        raise SettingsError('setting "from" passes for an authority; write your own name or number')
    account = Account(values["account_sid"], values["auth_token"], values["base_url"])
    countries = frozenset(values["countries"].split(",")) - {""}
    return SmsSettings(account, sender, service, countries)


def _judge(answer: Answer, now_s: int) -> Outcome:
    """Judge an answer that is no success by rule 1."""
    try:
        outcome = CODES[json.loads(answer.body)["code"]]
    except (ValueError, LookupError, TypeError, RecursionError):  # no JSON, no code, none of these
        return outcome_of(answer, STATUSES, now_s)
    if isinstance(outcome, Unavailable):
        return replace(outcome, retry_after_s=retry_after_s(answer, now_s))
    return outcome


async def _send(
    create: Create, settings: SmsSettings, message: Outgoing, address: Phone
) -> Outcome:
    refusal = _refusal(settings, message, address)
    if refusal is not None or not isinstance(message.content, SmsContent):
        return refusal or Rejected("wrong_content")
    content = message.content
    members: dict[str, Any] = {}
    if content.media:
        members["media_url"] = list(content.media)
    if may_call_back(settings, message.links.callback):
        members["status_callback"] = f"{message.links.callback}?{DELIVERY}={message.delivery_id}"
    if settings.service:
        members["messaging_service_sid"] = settings.service
    else:
        members["from_"] = settings.from_
    validity_s = min(message.ttl_s, MAX_VALIDITY_S)
    try:
        sid = await create(
            to=address.e164, body=content.text, validity_period=validity_s, **members
        )
    except UnicodeEncodeError:  # a lone surrogate
        return Rejected("not_encodable")
    except CallFailed as failed:
        return failed.outcome
    return Sent(sid)


def _refusal(settings: SmsSettings, message: Outgoing, address: Phone) -> Outcome | None:
    """Say why Twilio need not be asked; None when it may be."""
    content = message.content
    if not isinstance(content, SmsContent):
        return Rejected("wrong_content")
    if not content.text:
        return Rejected("empty")
    if len(content.text) > MAX_TEXT_CHARS:
        return Rejected("too_large")
    if len(content.media) > MAX_MEDIA or not all(map(is_media, content.media)):
        return Rejected("bad_media")
    if settings.countries and country_of(address) not in settings.countries:
        return Rejected("country_not_allowed")
    return None


def is_media(link: str) -> bool:
    """Say whether Twilio could fetch a picture there."""
    return _MEDIA.fullmatch(link) is not None


def may_call_back(settings: SmsSettings, url: str) -> bool:
    """Say whether Twilio takes an address: it refuses a message with one that it cannot reach."""
    return url.startswith("https://") or (bool(url) and settings.account.base_url != TWILIO)


def _read(settings: SmsSettings, callback: Callback, now_s: int) -> Reading:  # noqa: ARG001 - the contract's shape
    """Read what Twilio tells later; its signatures have no time in them."""
    return read_callback(settings.account.token, callback)


@asynccontextmanager
async def connect(settings: SmsSettings, io: DriverIO) -> AsyncIterator[Send]:
    """Build the client; connections live in the lent session."""
    create = await open_messages(settings.account, io, _judge)
    yield partial(_send, create, settings)


driver = DriverSpec(
    name="sms",
    channels=frozenset({Channel.SMS}),
    parse_address=parse_phone,
    mask=mask_phone,
    parse_settings=parse_settings,
    connect=connect,
    secrets=frozenset({"auth_token"}),
    calls_loopback=lambda settings: settings.account.base_url != TWILIO,
    read_callback=_read,
    write_reply=write_reply,
)
