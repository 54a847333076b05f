"""
Calls: questions and answers over the WebSocket of a browser, as BiDi and DevTools both have them.

A question is ``{"id", "method", "params"}``, its answer bears the same id; what comes without one
is an event and is kept. What the browser refuses raises, with the browser's own words.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import aiohttp

ANSWER_S = 20.0


class BrowserError(Exception):
    """The browser refused, or the page threw."""


class Calls:
    """An open line to a browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.events: list[dict[str, Any]] = []
        self._socket = socket
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def read(self) -> None:
        """Take what it says until it hangs up."""
        async for message in self._socket:
            said = message.json()
            waiting = self._waiting.pop(said.get("id", 0), None)
            if waiting is None:
                self.events.append(said)
            else:
                waiting.set_result(said)

    async def ask(self, method: str, params: dict[str, Any] | None = None, **more: Any) -> Any:
        """Ask, and give the result."""
        number = next(self._ids)
        waiting = self._waiting[number] = asyncio.get_running_loop().create_future()
        question = {"id": number, "method": method, "params": params or {}, **more}
        await self._socket.send_json(question)
        async with asyncio.timeout(ANSWER_S):
            said = await waiting
        if "result" not in said:
            raise BrowserError(f"{method}: {said}")
        return said["result"]


@asynccontextmanager
async def open_calls(http: aiohttp.ClientSession, url: str) -> AsyncIterator[Calls]:
    """Call a browser."""
    async with http.ws_connect(url, max_msg_size=0) as socket:
        calls = Calls(socket)
        reading = asyncio.create_task(calls.read())
        try:
            yield calls
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
