"""
Provider: an SMS provider that is slow, refuses, or says nothing after it took a message.

The resource and its answers are those of the Twilio double; what happens to a call is drawn from
``plan``. ``ledger`` holds every call: whom, what, from when to when, and whether it was accepted.
A call that is accepted and then met with silence stays accepted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Self

from aiohttp import web

from doubles.http_server import HttpServer
from doubles.twilio_stub import ACCOUNT_SID, API, AUTH_TOKEN, error
from e2e.clock import now_ms, steady_ns

Fate = Literal["accept", "refuse", "accept_then_silence", "opted_out"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call, as the provider saw it."""

    to: str
    body: str
    began_ns: int
    began_ms: int
    fate: Fate

    @property
    def is_accepted(self) -> bool:
        """Whether the provider took the message."""
        return self.fate not in {"refuse", "opted_out"}


class Provider:
    """See the module's text."""

    def __init__(self, plan: Callable[[], tuple[Fate, float]]) -> None:
        """
        Make a provider.

        Args:
            plan: Gives for the next call what becomes of it, and how many seconds it takes.

        """
        self.server = HttpServer(API + "/{sid}/Messages.json", self._handle)
        self.ledger: list[Call] = []
        self.stopped: set[str] = set()  # numbers whose owner has written STOP
        self._plan = plan
        self._stopping = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Start to listen."""
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening; who waits in silence waits no longer."""
        self._stopping.set()
        await self.server.stop()

    @property
    def channels(self) -> dict[str, object]:
        """The gateway's channel settings that lead here."""
        settings = {
            "account_sid": ACCOUNT_SID,
            "auth_token": AUTH_TOKEN,
            "from": "+15005550006",
            "base_url": self.server.url,
        }
        return {"sms": {"driver": "sms", "per_second": 10_000, "settings": settings}}

    @property
    def accepted(self) -> list[Call]:
        """The calls whose message was taken."""
        return [call for call in self.ledger if call.is_accepted]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        began_ns, began_ms = steady_ns(), now_ms()
        form = await request.post()
        fate, takes_s = self._plan()
        fate = "opted_out" if form["To"] in self.stopped else fate
        call = Call(str(form["To"]), str(form["Body"]), began_ns, began_ms, fate)
        self.ledger.append(call)
        await self._wait(takes_s)
        if fate == "refuse":
            return await self.server.play(request, error(30007, 400))
        if fate == "opted_out":
            return await self.server.play(request, error(21610, 400))
        if fate == "accept_then_silence":
            await self._stopping.wait()
        return web.json_response({"sid": f"SM{len(self.ledger):032x}"}, status=201)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
