"""
Source stub: somebody's own system, which journeys ask for values and tell of steps.

HTTPS on 127.0.0.1 under the name ``HOST``, which a public name server would know; ``opener`` gives
the gateway a way there. Everything that comes is kept; a value is ``{"left": 3}`` unless the script
says otherwise, and a POST is taken.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from doubles.authority import issue
from doubles.http_server import HttpServer, Reply, Silence
from fencepost_gateway.clock import Clock
from fencepost_gateway.workers.outbound import Outbound, open_outbound

HOST = "tickets.example"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def says(value: Any, status: int = 200, **headers: str) -> Reply:
    """Give an answer in JSON."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    found = {"Content-Type": "application/json"} | named
    return Reply(status, found, json.dumps(value).encode())


class Names(AbstractResolver):
    """A name server that knows one address for every name."""

    def __init__(self, address: str = "127.0.0.1", *more: str) -> None:
        self.addresses = (address, *more)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Give the addresses."""
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in self.addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


def way_to(
    ca_file: Path,
) -> Callable[[Clock, Mapping[str, str]], AbstractAsyncContextManager[Outbound]]:
    """Give the gateway a way to a stub whose certificate is ``ca_file``."""
    return lambda clock, secrets: open_outbound(
        clock,
        secrets,
        resolver=Names(),
        tls=ssl.create_default_context(cafile=ca_file),
        to_loopback=True,
    )


class SourceStub:
    """See the module's text."""

    def __init__(self, folder: Path) -> None:
        authority = issue(folder, HOST)
        self.ca_file = authority.ca_file
        self.server = HttpServer("/{way:.*}", self._handle, authority.server)
        self.asked: list[Asked] = []
        self.takes_s = 0.0
        self.hangs_at = "/never"

    @property
    def url(self) -> str:
        """Where it is, by its name."""
        return self.server.url.replace("127.0.0.1", HOST)

    @property
    def keys(self) -> list[str]:
        """The keys by which repeats are known, as they came."""
        return [each.headers["Idempotency-Key"] for each in self.asked]

    @property
    def opener(self) -> Callable[[Clock, Mapping[str, str]], AbstractAsyncContextManager[Outbound]]:
        """Open a way here."""
        return way_to(self.ca_file)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append(Asked(request.method, request.raw_path, dict(request.headers), body))
        await asyncio.sleep(self.takes_s)
        if request.path.startswith(self.hangs_at):
            return await self.server.play(request, Silence())
        script = self.server.next_script() or says({"left": 3})
        return await self.server.play(request, script)


@asynccontextmanager
async def open_source(folder: Path) -> AsyncIterator[SourceStub]:
    """Run one."""
    stub = SourceStub(folder)
    await stub.server.start()
    try:
        yield stub
    finally:
        await stub.server.stop()
