"""
HTTP server: what the doubles of HTTP services have in common.

One aiohttp application on 127.0.0.1, port 0, that runs from ``start`` to ``stop``. A double judges
a request first and then says what its script wants: a reply, silence, a reset, or an answer that
never ends.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from aiohttp import web

if TYPE_CHECKING:
    from socket import socket

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; ``endless`` repeats its body until the client has had enough."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    endless: bool = False


@dataclass(frozen=True, slots=True)
class Silence:
    """The request is read, and nothing is said."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The request is read, and the connection is reset."""


Script = Reply | Silence | Reset


class HttpServer:
    """Runs one handler; ``script`` is taken one by one, then ``always`` (None: as usual)."""

    def __init__(self, path: str, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        app = web.Application(client_max_size=64 * 1024)
        app.router.add_route("*", path, handler)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        self._stopping = asyncio.Event()
        self._tls = tls
        self.script: deque[Script] = deque()
        self.always: Script | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen on a free port of the loopback."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http{'s' if self._tls else ''}://{host}:{port}"

    async def stop(self) -> None:
        """End what is silent, and stop listening."""
        self._stopping.set()
        await self._runner.cleanup()

    def next_script(self) -> Script | None:
        """Take what comes next in the script."""
        return self.script.popleft() if self.script else self.always

    async def play(self, request: web.Request, script: Script) -> web.StreamResponse:
        """Answer as the script says."""
        match script:
            case Reply(endless=True):
                return await self._endless(request, script)
            case Reply():
                return web.Response(status=script.status, headers=script.headers, body=script.body)
            case Silence():
                await self._stopping.wait()
            case Reset():
                if request.transport is not None:
                    linger_zero(cast("socket", request.transport.get_extra_info("socket")))
                    request.transport.abort()
        return web.Response(status=500)

    async def _endless(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        await response.prepare(request)
        try:
            while not self._stopping.is_set():
                await response.write(reply.body)
                await asyncio.sleep(0)  # the client may live in this loop
        except ConnectionError:
            pass
        return response


def linger_zero(sock: socket) -> None:
    """Make the close of ``sock`` a reset instead of an orderly end."""
    import socket as module  # noqa: PLC0415 - the one place that needs its constants
    import struct  # noqa: PLC0415

    sock.setsockopt(module.SOL_SOCKET, module.SO_LINGER, struct.pack("ii", 1, 0))
