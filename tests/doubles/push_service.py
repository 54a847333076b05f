"""
Push service: a double of a browser vendor's push service, and of the browser behind it.

It judges a request as RFC 8030, 8291 and 8292 tell a push service to: ``TTL`` is required (400),
``Topic`` has at most 32 characters of base64url (400), the body is ``aes128gcm`` of at most 4,096
bytes (413), the VAPID token is ES256 by the key it names, for this origin, not expired and not
longer than a day away, with a contact (401, 403), and by the key the subscription was made for
(403). Then the browser's part: the body is decrypted with http_ece and read as JSON. What is wrong
stands in ``violations``; what arrived, in ``received``. A topic replaces (``showing``).

    async with PushService() as service:
        subscription = service.subscribe()      # what PushSubscription.toJSON gives
        ...
        service.received[0].payload
"""

from __future__ import annotations

import base64
import json
import re
import secrets  # noqa: TID251 - a browser's keys are nobody's argument
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import http_ece
import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from doubles.clock import now_s as real_now_s
from doubles.http_server import HttpServer

DAY_S = 24 * 60 * 60
MAX_BODY_BYTES = 4096
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_VAPID = re.compile(r"vapid t=([A-Za-z0-9_.-]+),\s*k=([A-Za-z0-9_-]+)")


@dataclass(frozen=True, slots=True)
class Push:
    """A notification that reached the browser."""

    subscription_id: str
    payload: dict[str, Any]
    ttl_s: int
    topic: str
    urgency: str
    claims: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Browser:
    key: ec.EllipticCurvePrivateKey
    auth: bytes
    server_key: str | None


@dataclass(frozen=True, slots=True)
class Request:
    """What a sender says beside the body."""

    ttl_s: int
    topic: str
    urgency: str
    claims: dict[str, Any]


class RefusedError(Exception):
    """What a push service answers instead of taking a message."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


def judge_request(
    request: web.Request, body: bytes, origin: str, server_key: str | None, now_s: int
) -> Request:
    """
    Judge a sender's request to one subscription.

    Args:
        request: The request.
        body: What it carries.
        origin: The push service.
        server_key: The key that the subscription was made for; None: for any.
        now_s: The push service's clock.

    Raises:
        RefusedError: It is against an RFC; says what the answer is.

    """
    if request.method != "POST":
        raise RefusedError(405, "not a POST")
    ttl, topic = request.headers.get("TTL", ""), request.headers.get("Topic", "")
    if not (ttl.isascii() and ttl.isdigit()):
        raise RefusedError(400, "no TTL")
    if topic and not _TOPIC.fullmatch(topic):
        raise RefusedError(400, "bad Topic")
    if request.headers.get("Content-Encoding") != "aes128gcm":
        raise RefusedError(400, "not aes128gcm")
    if len(body) > MAX_BODY_BYTES:
        raise RefusedError(413, "body too large")
    urgency = request.headers.get("Urgency", "normal")
    if urgency not in {"very-low", "low", "normal", "high"}:
        raise RefusedError(400, "bad Urgency")
    claims = _judge_vapid(request.headers.get("Authorization", ""), origin, server_key, now_s)
    return Request(int(ttl), topic, urgency, claims)


def _judge_vapid(header: str, origin: str, server_key: str | None, now_s: int) -> dict[str, Any]:
    match = _VAPID.fullmatch(header)
    if match is None:
        raise RefusedError(401, "no VAPID token")
    if server_key not in (None, match[2]):
        raise RefusedError(403, "another server's subscription")
    raw = base64.urlsafe_b64decode(match[2] + "=" * (-len(match[2]) % 4))
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
        claims: dict[str, Any] = jwt.decode(
            match[1],
            key,
            algorithms=["ES256"],
            audience=origin,
            options={"require": ["aud", "exp", "sub"], "verify_exp": False},
        )
    except (ValueError, jwt.InvalidTokenError) as error:
        raise RefusedError(403, f"bad VAPID token: {error}") from error
    if not 0 < claims["exp"] - now_s <= DAY_S:
        raise RefusedError(403, "VAPID token expired or too long-lived")
    if not claims["sub"].startswith(("mailto:", "https:")):
        raise RefusedError(403, "VAPID token without a contact")
    return claims


class PushService:
    """See the module's text."""

    def __init__(self, now_s: Callable[[], int] = real_now_s) -> None:
        self.server = HttpServer("/push/{id}", self._handle)
        self.received: list[Push] = []
        self.showing: dict[tuple[str, str], Push] = {}
        self.violations: list[str] = []
        self.asked: list[str] = []  # every subscription that was called, live or not
        self._gone: dict[str, int] = {}
        self._browsers: dict[str, _Browser] = {}
        self._now_s = now_s

    async def __aenter__(self) -> Self:
        """Start to listen."""
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        await self.server.stop()

    def subscribe(self, server_key: str | None = None) -> dict[str, Any]:
        """Make a subscription with fresh keys, if wanted for one application server key only."""
        key = ec.generate_private_key(ec.SECP256R1())
        browser = _Browser(key, secrets.token_bytes(16), server_key)
        name = secrets.token_urlsafe(24)
        self._browsers[name] = browser
        point = browser.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return {
            "endpoint": f"{self.server.url}/push/{name}",
            "expirationTime": None,
            "keys": {"p256dh": _text(point), "auth": _text(browser.auth)},
        }

    def unsubscribe(self, subscription: Mapping[str, Any], status: int = 410) -> None:
        """Forget a subscription: its endpoint answers 410, or 404, from now on."""
        name = str(subscription["endpoint"]).rpartition("/")[2]
        del self._browsers[name]
        self._gone[name] = status

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        script = self.server.next_script()
        try:
            push = self._judge(request, await request.read())
        except RefusedError as refusal:
            if refusal.status not in {404, 410}:
                self.violations.append(str(refusal))
            return web.Response(status=refusal.status)
        if script is not None:
            return await self.server.play(request, script)
        self.received.append(push)
        self.showing[push.subscription_id, push.topic] = push
        location = f"{self.server.url}/message/{len(self.received)}"
        return web.Response(status=201, headers={"Location": location, "TTL": str(push.ttl_s)})

    def _judge(self, request: web.Request, body: bytes) -> Push:
        name = request.match_info["id"]
        self.asked.append(name)
        browser = self._browsers.get(name)
        if browser is None:
            raise RefusedError(self._gone.get(name, 410), "no such subscription")
        own = judge_request(request, body, self.server.url, browser.server_key, self._now_s())
        try:
            plain = http_ece.decrypt(body, private_key=browser.key, auth_secret=browser.auth)
            payload = json.loads(plain)
        except (http_ece.ECEException, ValueError) as error:
            raise RefusedError(400, "the browser cannot read it") from error
        return Push(name, payload, own.ttl_s, own.topic, own.urgency, own.claims)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
