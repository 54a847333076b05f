"""
Screens: a double of a system that shows messages on kiosks and signs, as the webhook page asks it.

It believes a POST that is signed as Standard Webhooks has it (the signature is made here by hand),
by its secret and not longer ago than five minutes (401); knows its targets (a target that was taken
down: 410); and shows a delivery once, however often it comes. What it took is in ``received``, what
stands on a screen in ``showing``; ``report`` writes what it would tell later, signed likewise.

    async with Screens() as screens:
        screens.targets.add("lobby-7")
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web

from doubles.clock import now_s as real_now_s
from doubles.http_server import HttpServer

SECRET = "a secret that two systems share"
TOLERANCE_S = 300

Request = tuple[dict[str, str], bytes]
"""Headers and body."""


class Screens:
    """See the module's text."""

    def __init__(self, now_s: Callable[[], int] = real_now_s) -> None:
        self.server = HttpServer("/messages", self._take)
        self.targets: set[str] = set()
        self.received: list[dict[str, Any]] = []
        self.showing: dict[str, dict[str, Any]] = {}
        self.calls: list[dict[str, str]] = []
        self._now_s = now_s

    @property
    def settings(self) -> dict[str, str]:
        """Give the driver's settings that lead here."""
        return {"url": f"{self.server.url}/messages", "secret": SECRET, "allow_http": "true"}

    def report(self, delivery_id: str, what: str, report_id: str = "r-1") -> Request:
        """Write headers and body of what is told of a delivery."""
        told = {"report_id": report_id, "delivery_id": delivery_id, "what": what}
        return self.signed(report_id, json.dumps(told).encode())

    def signed(self, report_id: str, body: bytes) -> Request:
        """Sign a body; gives the headers beside it."""
        at = str(self._now_s())
        headers = {"webhook-id": report_id, "webhook-timestamp": at}
        headers["webhook-signature"] = _signature(report_id, at, body)
        return headers, body

    async def __aenter__(self) -> Self:
        """Start to listen."""
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        await self.server.stop()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.calls.append({name.lower(): value for name, value in request.headers.items()})
        script = self.server.next_script()
        if script is not None:
            return await self.server.play(request, script)
        if not self._is_signed(self.calls[-1], body):
            return web.Response(status=401)
        message = json.loads(body)
        if message["target"] not in self.targets:
            return web.Response(status=410)
        self.received.append(message)
        self.showing.setdefault(self.calls[-1]["idempotency-key"], message)
        return web.Response(status=202)

    def _is_signed(self, headers: dict[str, str], body: bytes) -> bool:
        at = headers.get("webhook-timestamp", "0")
        wanted = _signature(headers.get("webhook-id", ""), at, body)
        is_fresh = abs(self._now_s() - int(at)) <= TOLERANCE_S
        return is_fresh and wanted in headers.get("webhook-signature", "").split()


def _signature(request_id: str, at: str, body: bytes) -> str:
    made = hmac.new(SECRET.encode(), f"{request_id}.{at}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(made.digest()).decode()}"
