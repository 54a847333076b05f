"""
Fleet: gateways that are forked one after the other, in one folder and on one port, and killed.

A kill can be aimed: the bell rings in the test whenever an app begins a request. The gateways'
clock can be moved (``shifted.py``).
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from e2e.clock import steady_ns
from e2e.rig import environment, until_answered

LONGEST_NS = 20_000_000
BEGUN_S = 0.0002  # from the ring until the request is on its way
HERE = Path(__file__).parent
"""Where the scripts of the processes are."""


class Bell(asyncio.DatagramProtocol):
    """Rings whenever an app begins a request; the next ring does what was asked for."""

    def __init__(self) -> None:
        self._asked: tuple[Callable[[int], None], asyncio.Future[None]] | None = None

    async def at_next_ring(self, action: Callable[[int], None]) -> None:
        """Do ``action`` at the next ring, with no turn of the loop between."""
        self._asked = (action, asyncio.get_running_loop().create_future())
        await self._asked[1]

    def datagram_received(self, data: bytes, _address: object) -> None:
        """Ring."""
        if self._asked is not None:
            (action, done), self._asked = self._asked, None
            action(min(int(data), LONGEST_NS))
            done.set_result(None)


@dataclass(slots=True)
class Fleet:
    """Gateways that are forked, one after the other, in one folder and on one port."""

    process: asyncio.subprocess.Process
    url: str
    http: aiohttp.ClientSession
    kills_ns: list[int] = field(default_factory=list)
    starts_ms: list[float] = field(default_factory=list)
    pid: int = 0

    async def tell(self, line: str) -> int:
        """Give the preloaded process a command; give its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line.encode() + b"\n")
        return int(await self.process.stdout.readline())

    async def start(self) -> None:
        """Fork a gateway and wait until it is ready."""
        began_ns = steady_ns()
        self.pid = await self.tell("start")
        await until_answered(self.is_ready, 30)
        self.starts_ms.append((steady_ns() - began_ns) / 1e6)

    async def is_ready(self) -> bool:
        """Say whether requests are taken."""
        try:
            async with self.http.get(f"{self.url}/readyz") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def has_settled(self) -> bool:
        """Say whether the log is processed."""
        async with self.http.get(f"{self.url}/readyz") as response:
            return bool((await response.json())["pending"] == 0)

    async def strike(self) -> None:
        """Kill the gateway now, and see it gone."""
        self.kills_ns.append(steady_ns())
        os.kill(self.pid, signal.SIGKILL)
        assert await self.tell(f"wait {self.pid}") == -signal.SIGKILL

    async def kill(self, bell: Bell, share: float) -> None:
        """Kill the gateway when that share of a request is probably over, and see it gone."""

        def strike(took_ns: int) -> None:
            # Finer than the loop's own timers, and it lets the app go on that has rung.
            threading.Event().wait(BEGUN_S + share * took_ns / 1e9)
            self.kills_ns.append(steady_ns())
            os.kill(self.pid, signal.SIGKILL)

        await bell.at_next_ring(strike)
        assert await self.tell(f"wait {self.pid}") == -signal.SIGKILL

    async def end(self) -> int:
        """Ask the gateway to end; give its exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return await self.tell(f"wait {self.pid}")


@asynccontextmanager
async def fleet(folder: Path, port: int, shift: Path | None = None) -> AsyncIterator[Fleet]:
    """Run the preloaded process in ``folder``; its gateways' clock is moved by ``shift``."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(HERE / "preloaded.py"), *([str(shift)] if shift else [])),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=folder,
        env=environment(folder) | {"PYTHONPATH": python_path()},
    )
    async with aiohttp.ClientSession(trust_env=False) as http:
        try:
            yield Fleet(process, f"http://127.0.0.1:{port}", http)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()


@asynccontextmanager
async def ringing() -> AsyncIterator[tuple[Bell, int]]:
    """Give a bell and its port."""
    loop = asyncio.get_running_loop()
    transport, bell = await loop.create_datagram_endpoint(Bell, local_addr=("127.0.0.1", 0))
    try:
        yield bell, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


def free_port() -> int:
    """Give a port that is free now: an app knows its gateway by one address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def python_path() -> str:
    """Give the path on which the scripts find the shared helpers."""
    given = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(HERE.parent), *([given] if given else [])])
