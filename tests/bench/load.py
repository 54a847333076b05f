"""
Load: a small HTTP client that costs little beside what it measures.

Requests are encoded before the clock starts. Each connection is kept alive and has one request
under way at a time; a device always uses the same connection, so its batches stay in order.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.world import Body, device_id

CONNECTIONS = 100
HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
LATE_S = 60.0

Request = tuple[int, bytes]
"""Device and the bytes of its request."""


@dataclass(slots=True)
class Answered:
    """What came of a load: how long it took, how long each request waited for its answer."""

    took_s: float = 0.0
    waits_s: list[float] = field(default_factory=list)


def requests_of(bodies: Sequence[Body], write_key: str) -> list[Request]:
    """Encode batches as HTTP requests."""
    return [(body.device, _request(body, write_key)) for body in bodies]


def _request(body: Body, write_key: str) -> bytes:
    head = (
        "POST /v1/batch HTTP/1.1\r\n"
        "Host: 127.0.0.1\r\n"
        f"Authorization: Bearer {write_key}\r\n"
        f"Fencepost-Device: {device_id(body.device)}.secret-{body.device}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body.data)}\r\n\r\n"
    )
    return head.encode() + body.data


async def send_all(port: int, requests: Sequence[Request]) -> Answered:
    """Send as fast as answers come (closed loop)."""
    answered = Answered()
    lines = await _lines(port, answered)
    try:
        begin_s = asyncio.get_running_loop().time()
        for device, request in requests:
            lines[device % CONNECTIONS].put(request)
        await _drained(lines)
        answered.took_s = asyncio.get_running_loop().time() - begin_s
    finally:
        _close(lines)
    return answered


async def send_paced(port: int, requests: Sequence[Request], per_s: float) -> Answered:
    """Send at a steady rate, whether answers come or not (open loop)."""
    answered = Answered()
    lines = await _lines(port, answered)
    loop = asyncio.get_running_loop()
    try:
        begin_s = loop.time()
        for number, (device, request) in enumerate(requests):
            early_s = begin_s + number / per_s - loop.time()
            if early_s > 0:
                await asyncio.sleep(early_s)
            lines[device % CONNECTIONS].put(request)
        await _drained(lines)
        answered.took_s = loop.time() - begin_s
    finally:
        _close(lines)
    return answered


class Line(asyncio.Protocol):
    """One connection: a queue of requests, one under way."""

    def __init__(self, answered: Answered) -> None:
        self._loop = asyncio.get_running_loop()
        self._answered = answered
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._begun_s = 0.0
        self._is_busy = False
        self._heard = b""
        self._transport: asyncio.Transport | None = None
        self._failure: Exception | None = None
        self.drained: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("a TCP connection has a stream transport")
        self._transport = transport

    def put(self, request: bytes) -> None:
        """Send when those before it are answered."""
        self._waiting.append((self._loop.time(), request))
        if not self._is_busy:
            self._send()

    def data_received(self, data: bytes) -> None:
        """Read an answer; anything but 200 ends the measurement."""
        self._heard += data
        head_end = self._heard.find(HEAD_END)
        if head_end < 0:
            return
        head = self._heard[:head_end].lower()
        length = int(head[head.index(LENGTH) + len(LENGTH) :].split(b"\r\n", 1)[0])
        if len(self._heard) < head_end + len(HEAD_END) + length:
            return
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(f"refused: {self._heard.decode()}")
        self._heard = b""
        self._answered.waits_s.append(self._loop.time() - self._begun_s)
        self._is_busy = False
        if self._waiting:
            self._send()
        elif self.drained is not None and not self.drained.done():
            self.drained.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits for answers that none will come."""
        self._failure = exc or ConnectionResetError("the server hung up")
        if self.drained is not None and not self.drained.done():
            self.drained.set_exception(self._failure)

    def _send(self) -> None:
        if self._transport is None:
            raise RuntimeError("the connection is not open")
        self._begun_s, request = self._waiting.popleft()
        self._is_busy = True
        self._transport.write(request)

    def wait(self) -> asyncio.Future[None]:
        """Give a future that is done when everything put so far is answered."""
        self.drained = self._loop.create_future()
        if self._failure is not None:
            self.drained.set_exception(self._failure)
        elif not self._is_busy:
            self.drained.set_result(None)
        return self.drained

    def close(self) -> None:
        """Hang up."""
        self.drained = None
        if self._transport is not None:
            self._transport.close()


async def _lines(port: int, answered: Answered) -> list[Line]:
    loop = asyncio.get_running_loop()
    made = []
    for _ in range(CONNECTIONS):
        _, line = await loop.create_connection(lambda: Line(answered), "127.0.0.1", port)
        made.append(line)
    return made


async def _drained(lines: Sequence[Line]) -> None:
    async with asyncio.timeout(LATE_S):
        await asyncio.gather(*(line.wait() for line in lines))


def _close(lines: Sequence[Line]) -> None:
    for line in lines:
        line.close()
