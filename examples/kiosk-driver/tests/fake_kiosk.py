"""A kiosk system: takes messages for its screens, once each, and tells what people do there."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from typing import Any, Self

from aiohttp import web

TOKEN = "t0kenOfTheKiosks"  # noqa: S105 - of a system that lives for one test


class FakeKiosk:
    """Listens on a port of its own; ``says`` is what it answers whatever comes, 0: nothing."""

    def __init__(self, says: int | None = None) -> None:
        self.says = says
        self.screens = {"lobby-7"}
        self.shown: dict[str, dict[str, Any]] = {}
        self.settings: dict[str, str] = {}
        self._stopping = asyncio.Event()
        app = web.Application()
        app.router.add_post("/v1/screens/{screen}/messages", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    def tell(self, event: str, message: str, state: str) -> tuple[dict[str, str], bytes]:
        """Write the request by which it tells: headers and body."""
        body = json.dumps({"event": event, "message": message, "state": state}).encode()
        signature = hmac.new(TOKEN.encode(), body, hashlib.sha256).hexdigest()
        return {"X-Kiosk-Signature": signature}, body

    async def __aenter__(self) -> Self:
        """Start."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        self.settings = {"url": f"http://127.0.0.1:{port}", "token": TOKEN}
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        self._stopping.set()
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        said = await request.json()
        if self.says == 0:
            await self._stopping.wait()
        if self.says:
            return web.Response(status=self.says)
        if request.headers["Authorization"] != f"Bearer {TOKEN}":
            return web.Response(status=401)
        if request.match_info["screen"] not in self.screens:
            return web.Response(status=404)
        self.shown.setdefault(request.headers["Idempotency-Key"], said)
        return web.Response(status=201)
