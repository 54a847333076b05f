"""
FCM: a double of Firebase Cloud Messaging, and of Google's token endpoint before it.

The token endpoint judges the assertion as RFC 7523 tells: RS256 by the account's key, for this
address, not longer than an hour, for the scope of messaging (400). Sending wants a token that was
given out and has not ended (401), the project (404), and a message as the v1 reference describes
it: a token, ``data`` of texts alone, no reserved names, a ``ttl`` of seconds, at most 4,096 bytes
(400). What is wrong stands in ``violations``; what arrived, in ``received``; a tag replaces.

    async with Fcm() as fcm:
        token = fcm.register()
"""

from __future__ import annotations

import json
import re
import secrets  # noqa: TID251 - a phone's token is nobody's argument
from collections.abc import Callable
from typing import Any, Self

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from doubles.clock import now_s as real_now_s
from doubles.http_server import HttpServer, Reply

PROJECT = "luma-studio"
EMAIL = "sender@luma-studio.iam.gserviceaccount.com"
KEY_ID = "f00dfeed"
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
HOUR_S = 3600
_RESERVED = re.compile(r"from|message_type|google.*|gcm.*")
_KEY = rsa.generate_private_key(65537, 2048)  # a quarter of a second: one for all


def failure(status: int, code: str = "", field: str = "") -> Reply:
    """Give an error as FCM writes it."""
    details: list[dict[str, Any]] = []
    if code:
        kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
        details.append({"@type": kind, "errorCode": code})
    if field:
        kind = "type.googleapis.com/google.rpc.BadRequest"
        violations = [{"field": field, "description": "Invalid registration token"}]
        details.append({"@type": kind, "fieldViolations": violations})
    told = {"error": {"code": status, "message": "no", "status": code, "details": details}}
    return Reply(status, {"Content-Type": "application/json"}, json.dumps(told).encode())


class Fcm:
    """See the module's text."""

    def __init__(self, now_s: Callable[[], int] = real_now_s, life_s: int = HOUR_S - 1) -> None:
        self.server = HttpServer("/v1/projects/{project}/messages:send", self._send)
        self.tokens = HttpServer("/token", self._token)
        self.received: list[dict[str, Any]] = []
        self.showing: dict[tuple[str, str], dict[str, Any]] = {}
        self.violations: list[str] = []
        self.calls: list[str] = []
        self.given: dict[str, int] = {}
        self.gone: set[str] = set()
        self.life_s = life_s
        self._tokens: set[str] = set()
        self._now_s = now_s

    @property
    def settings(self) -> dict[str, str]:
        """Give the driver's settings that lead here."""
        return {"service_account": json.dumps(self.account), "endpoint": self.server.url}

    @property
    def account(self) -> dict[str, str]:
        """Give the service account, as Firebase gives it out."""
        pem = _KEY.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": KEY_ID,
            "private_key": pem.decode(),
            "client_email": EMAIL,
            "token_uri": f"{self.tokens.url}/token",
        }

    def register(self) -> str:
        """Let a phone be known."""
        token = f"{secrets.token_urlsafe(16)}:APA91b{secrets.token_urlsafe(100)}"
        self._tokens.add(token)
        return token

    async def __aenter__(self) -> Self:
        """Start to listen."""
        await self.tokens.start()
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        await self.server.stop()
        await self.tokens.stop()

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        script = self.tokens.next_script()
        if script is not None:
            return await self.tokens.play(request, script)
        try:
            claims = jwt.decode(
                str(form["assertion"]),
                _KEY.public_key(),
                algorithms=["RS256"],
                audience=f"{self.tokens.url}/token",
                options={
                    "require": ["aud", "exp", "iat", "iss"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except (KeyError, jwt.InvalidTokenError) as error:
            return self._refuse(400, f"assertion: {error}")
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return self._refuse(400, "grant_type")
        if claims["iss"] != EMAIL or claims.get("scope") != SCOPE:
            return self._refuse(400, "iss or scope")
        if not 0 < claims["exp"] - self._now_s() <= HOUR_S:
            return self._refuse(400, "exp")
        text = f"ya29.{secrets.token_urlsafe(60)}"
        self.given[text] = self._now_s() + self.life_s
        told = {"access_token": text, "expires_in": self.life_s, "token_type": "Bearer"}
        return web.json_response(told)

    def _refuse(self, status: int, why: str) -> web.Response:
        self.violations.append(why)
        return web.json_response({"error": "invalid_grant"}, status=status)

    async def _send(self, request: web.Request) -> web.StreamResponse:
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        body = await request.read()
        script = self.server.next_script()
        if script is not None:
            return await self.server.play(request, script)
        if self.given.get(bearer, 0) <= self._now_s():
            return await self.server.play(request, failure(401, "UNAUTHENTICATED"))
        if request.match_info["project"] != PROJECT:
            return await self.server.play(request, failure(404))
        message = json.loads(body)["message"]
        self.calls.append(message["token"])
        if message["token"] in self.gone:
            return await self.server.play(request, failure(404, "UNREGISTERED"))
        if message["token"] not in self._tokens:
            told = failure(400, "INVALID_ARGUMENT", "message.token")
            return await self.server.play(request, told)
        if why := _wrong(message):
            self.violations.append(why)
            return await self.server.play(request, failure(400, "INVALID_ARGUMENT"))
        self.received.append(message)
        self.showing[message["token"], message["android"]["notification"]["tag"]] = message
        name = f"projects/{PROJECT}/messages/0:{len(self.received)}"
        return web.json_response({"name": name})


def _wrong(message: dict[str, Any]) -> str:
    """Say what FCM would not take about a message."""
    known = {"token", "notification", "data", "android"}
    if set(message) - known or set(message["notification"]) - {"title", "body", "image"}:
        return "unknown member"
    if not all(isinstance(value, str) for value in message["data"].values()):
        return "data must be texts"
    if any(_RESERVED.fullmatch(name) for name in message["data"]):
        return "reserved name in data"
    android = message["android"]
    if not re.fullmatch(r"[0-9]+s", android["ttl"]) or int(android["ttl"][:-1]) > 2_419_200:
        return "bad ttl"
    if android["priority"] not in ("NORMAL", "HIGH"):
        return "bad priority"
    payload = {"notification": message["notification"], "data": message["data"]}
    size = len(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode())
    return "too large" if size > 4096 else ""
