"""
APNs: notifications to iOS, iPadOS, macOS and the like, over HTTP/2 by a provider token.

Does I/O through ``http2``. Sources: Apple, "Sending notification requests to APNs", "Establishing
a token-based connection to APNs", "Handling notification responses from APNs".

Rule 1. The host follows the address's ``environment``; the topic is the address's, if it is one of
        ``topics``, else the first of these.
Rule 2. Our token (ES256) is renewed after 40 minutes: Apple refuses those older than an hour, and
        renewals more often than every 20 minutes. ``ExpiredProviderToken`` renews it at once and
        asks again, once: a refused request was not taken.
Rule 3. ``apns-collapse-id`` is the delivery id, ``apns-id`` a UUID made of it; priority 10 for
        transactional messages and 5 for marketing; the expiration is the end of the message's life.
Rule 4. 410 says since when the token is dead; the one who knows when the address was told decides
        (``Gone.since_ms``).
Rule 5. 500 and 503 are APNs' own refusals: not accepted, so they are tried again. Everything that
        the map does not name is unknown.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from fencepost_channels.addresses import (
    LOOPBACK,
    MAX_PORT,
    Registration,
    is_topic,
    mask_registration,
    parse_registration,
)
from fencepost_channels.bearer import Bearer, Token
from fencepost_channels.call import Answer, CallFailed, json_of, outcome_of
from fencepost_channels.driver import DriverIO, DriverSpec, Send, SettingsError
from fencepost_channels.errors import Gone, Misconfigured, Outcome, Rejected, Sent, Unavailable
from fencepost_channels.http2 import Client, Server, trusting
from fencepost_channels.message import (
    Channel,
    Outgoing,
    Purpose,
    PushContent,
    is_delivery_id,
)
from fencepost_channels.notification import members_of
from fencepost_channels.options import read_options, whole_number
from fencepost_channels.vapid import read_private_key

MAX_PAYLOAD_BYTES: Final = 4096
RENEW_S: Final = 40 * 60
HOSTS: Final = {
    "production": "api.push.apple.com",
    "sandbox": "api.sandbox.push.apple.com",
}
PORT: Final = 443
OK: Final = 200
FORBIDDEN: Final = 403
EXPIRED: Final = "ExpiredProviderToken"
ID_CHARS: Final = 10  # of a key and of a team
PRIORITY: Final = {Purpose.MARKETING: "5", Purpose.TRANSACTIONAL: "10"}
_NAMESPACE: Final = uuid.UUID("7c9a3d6e-5a0c-5c56-9f0e-1f5d3b0c6a11")

OUTCOMES: Mapping[int, Outcome] = {
    400: Rejected("bad_request"),
    403: Misconfigured("token_refused"),
    404: Rejected("bad_path"),
    405: Rejected("bad_request"),
    410: Gone(),
    413: Rejected("too_large"),
    429: Unavailable("rate_limited"),
    500: Unavailable("server_error"),
    503: Unavailable(),
}
REASONS: Mapping[str, Outcome] = {  # finer than their status
    "BadDeviceToken": Gone("bad_token"),
    "BadTopic": Misconfigured("bad_topic"),
    "DeviceTokenNotForTopic": Rejected("other_topic"),
    "MissingTopic": Misconfigured("bad_topic"),
    "TopicDisallowed": Misconfigured("bad_topic"),
}


@dataclass(frozen=True, slots=True)
class ApnsSettings:
    """
    How to send to APNs.

    Attributes:
        key: Our signing key (``key``: the text of the .p8 file).
        key_id: The key's id, ten characters.
        team_id: The team's, ten characters.
        topics: Bundle ids of the apps (``topic``, several by commas); the first is the usual.
        servers: Apple's, or one ``host`` (127.0.0.1 with its port, for tests), whose
            certificate the authorities of ``ca_file`` vouch for (default: the usual ones).

    """

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    key_id: str
    team_id: str
    topics: tuple[str, ...]
    servers: Mapping[str, Server]


def parse_settings(raw: Mapping[str, str]) -> ApnsSettings:
    """Read the settings."""
    values = read_options(
        raw,
        required=("key", "key_id", "team_id", "topic"),
        optional={"host": "", "ca_file": ""},
    )
    for name in ("key_id", "team_id"):
        if len(values[name]) != ID_CHARS or not (values[name].isascii() and values[name].isalnum()):
            raise SettingsError(f'setting "{name}" must be {ID_CHARS} letters and digits')
    topics = tuple(each.strip() for each in values["topic"].split(",") if each.strip())
    if not topics or not all(map(is_topic, topics)):
        raise SettingsError('setting "topic" must be the app\'s bundle id, several by commas')
    return ApnsSettings(
        key=read_private_key("key", values["key"]),
        key_id=values["key_id"],
        team_id=values["team_id"],
        topics=topics,
        servers=_servers(values),
    )


def _servers(values: Mapping[str, str]) -> dict[str, Server]:
    host, _, port = values["host"].partition(":")
    if host and host not in (LOOPBACK, *HOSTS.values()):
        raise SettingsError('setting "host" must be one of Apple\'s, or 127.0.0.1 with its port')
    number = whole_number("host", port, low=1, high=MAX_PORT) if port else PORT
    try:
        tls = trusting(values["ca_file"])
    except OSError:
        raise SettingsError('setting "ca_file" must name a PEM file of authorities') from None
    return {name: Server(host or usual, number, tls) for name, usual in HOSTS.items()}


def write_payload(message: Outgoing, content: PushContent) -> bytes:
    """
    Write what the app gets: ``aps`` for the system, the rest for the app.

    Raises:
        UnicodeEncodeError: There is a lone surrogate in it.

    """
    shown = {"title": content.title} | ({"body": content.body} if content.body else {})
    aps: dict[str, Any] = {"alert": shown, "mutable-content": 1}  # the app may look before it shows
    if content.sound:
        aps["sound"] = content.sound
    if content.badge is not None:
        aps["badge"] = content.badge
    members = {"aps": aps, **members_of(message, content)}
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def headers_of(message: Outgoing, topic: str, now_s: int) -> dict[str, str]:
    """Give the headers of a message by Rule 3."""
    return {
        "apns-topic": topic,
        "apns-push-type": "alert",
        "apns-priority": PRIORITY[message.purpose],
        "apns-expiration": str(now_s + message.ttl_s),
        "apns-collapse-id": message.delivery_id,
        "apns-id": str(uuid.uuid5(_NAMESPACE, message.delivery_id)),
        "content-type": "application/json",
    }


def outcome_for(answer: Answer, now_s: int) -> Outcome:
    """Read an answer by the map, and by its reason where that says more."""
    if answer.status == OK:
        return Sent(answer.headers.get("Apns-Id", ""))
    told = json_of(answer)
    outcome = outcome_of(answer, OUTCOMES, now_s)
    if isinstance(outcome, Gone):
        since_ms = told.get("timestamp")
        return Gone(since_ms=since_ms if type(since_ms) is int else None)
    finer = REASONS.get(str(told.get("reason")))
    return finer if finer is not None and isinstance(outcome, Rejected) else outcome


def sign(settings: ApnsSettings, now_s: int) -> Token:
    """Make a provider token (Rule 2)."""
    text = jwt.encode(
        {"iss": settings.team_id, "iat": now_s},
        settings.key,
        algorithm="ES256",
        headers={"kid": settings.key_id},
    )
    return Token(text, now_s, now_s + RENEW_S)


class _Apns:
    """The open driver: a client for each environment, and our token."""

    def __init__(self, settings: ApnsSettings, io: DriverIO) -> None:
        self._settings, self._io = settings, io
        self._bearer = Bearer(self._sign)
        self._clients = {
            name: Client(server, io.timeout_s) for name, server in settings.servers.items()
        }

    async def send(self, message: Outgoing, address: Registration) -> Outcome:
        """Send one message."""
        if not isinstance(message.content, PushContent):
            return Rejected("wrong_content")
        if not is_delivery_id(message.delivery_id):
            return Rejected("bad_delivery_id")
        if refusal := judge_address(self._settings, address):
            return Rejected(refusal)
        try:
            body = write_payload(message, message.content)
        except UnicodeEncodeError:
            return Rejected("not_encodable")
        if len(body) > MAX_PAYLOAD_BYTES:
            return Rejected("too_large")
        headers = headers_of(message, address.topic or self._settings.topics[0], self._io.now_s())
        try:
            answer = await self._post(address, headers, body)
        except CallFailed as failed:
            return failed.outcome
        return outcome_for(answer, self._io.now_s())

    async def _post(self, address: Registration, headers: Mapping[str, str], body: bytes) -> Answer:
        """Ask, and ask once more by a new token when ours was too old (Rule 2)."""
        client = self._clients[address.environment]
        path = f"/3/device/{address.token}"
        token = await self._bearer.token(self._io.now_s())
        answer = await client.post(path, headers=_signed(headers, token), body=body)
        if answer.status == FORBIDDEN and json_of(answer).get("reason") == EXPIRED:
            token = await self._bearer.renew(token, self._io.now_s())
            answer = await client.post(path, headers=_signed(headers, token), body=body)
        return answer

    async def _sign(self, now_s: int) -> Token:
        return sign(self._settings, now_s)

    async def close(self) -> None:
        """Hang up."""
        for client in self._clients.values():
            await client.close()


def _signed(headers: Mapping[str, str], token: Token) -> dict[str, str]:
    return {**headers, "authorization": f"bearer {token.text}"}


def judge_address(settings: ApnsSettings, address: Registration) -> str:
    """Say why an address is never called: its topic is none of our apps'."""
    return "" if address.topic in ("", *settings.topics) else "topic_not_ours"


@asynccontextmanager
async def connect(settings: ApnsSettings, io: DriverIO) -> AsyncIterator[Send]:
    """Keep a connection for each environment, opened by its first message."""
    apns = _Apns(settings, io)
    try:
        yield apns.send
    finally:
        await apns.close()


driver = DriverSpec(
    name="apns",
    channels=frozenset({Channel.PUSH}),
    parse_address=partial(parse_registration, service="apns"),
    mask=mask_registration,
    parse_settings=parse_settings,
    connect=connect,
    secrets=frozenset({"key"}),
    max_body_bytes=MAX_PAYLOAD_BYTES,
    judge_address=judge_address,
)
