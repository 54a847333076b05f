"""
HTTP/2: requests over one TLS connection at a time, and what is known of each that failed.

Does I/O; reads no clock but the loop's. The protocol is h2's (framing, HPACK, windows, states);
here are the socket, the streams that wait, and the one question that the drivers ask: may this
request have been taken?

Rule 1. Nothing was taken when the connection could not be made (name, TCP, TLS, ALPN), when the
        request's HEADERS were never written, or when the server says so: GOAWAY with a lower last
        stream (RFC 9113 section 6.8), or RST_STREAM with REFUSED_STREAM (section 8.7).
Rule 2. Whatever else ends a request without a status may have been taken. Nothing is sent again
        here: who retries judges anew.
Rule 3. Requests share the connection, as many as the server allows; the others wait, and a wait
        that runs out has taken nothing. After GOAWAY, an idle time, or a request whose wait
        ended in silence, the next opens a new one. At a GOAWAY h2 would end every stream, also
        those that the server still answers, so it is not shown that frame: hyperframe reads it.
Rule 4. At most ``MAX_ANSWER_BYTES`` of an answer are kept; its frames, empty ones too, are
        acknowledged, so the windows stay open. A body that breaks off after its status is given as
        far as it came.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import H2Error
from hyperframe.exceptions import HyperframeError
from hyperframe.frame import Frame, GoAwayFrame

from fencepost_channels.call import CONNECT_S, MAX_ANSWER_BYTES, Answer, CallFailed
from fencepost_channels.errors import Unavailable, Unknown

READ_BYTES = 64 * 1024
IDLE_S = 10 * 60.0
GOODBYE_S = 1.0
MAX_STREAMS = 500  # where a server names no limit; Apple's is about 1,000
HEAD_BYTES = 9  # of a frame, its length first (RFC 9113 section 4.1)


@dataclass(frozen=True, slots=True)
class Server:
    """Whom to connect to, and by which authorities it is believed."""

    host: str
    port: int
    tls: ssl.SSLContext = field(repr=False)


class _Stream:
    """One request, and what has come of it."""

    def __init__(self) -> None:
        self.done = asyncio.Event()
        self.begun_s: float | None = None
        self.is_sent = False
        self.is_refused = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()

    def end(self, *, refused: bool = False) -> None:
        """Wake whoever waits."""
        if not self.done.is_set():
            self.is_refused = refused
            self.done.set()

    def answer(self) -> Answer:
        """Give what came, or say what its absence means (rules 1 and 2)."""
        if self.status:
            return Answer(self.status, self.headers, bytes(self.body))
        if self.is_refused or self.begun_s is None:
            raise CallFailed(Unavailable("not_processed" if self.is_refused else "no_connection"))
        raise CallFailed(Unknown("no_answer"))


class _Connection:
    """One TLS connection: a task that reads, and the streams that are open on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._streams: dict[int, _Stream] = {}
        self._changed = asyncio.Event()
        self._buffer = bytearray()
        self._loop = asyncio.get_running_loop()
        self._used_s = self._heard_s = self._loop.time()
        self._is_closing = False
        self._h2.initiate_connection()
        self._flush()
        self._task = asyncio.create_task(self._read())

    @property
    def is_usable(self) -> bool:
        """Say whether another request may be begun on it."""
        idle_s = self._loop.time() - self._used_s
        is_open = not (self._is_closing or self._writer.is_closing())
        return is_open and (bool(self._streams) or idle_s < IDLE_S)

    @property
    def is_busy(self) -> bool:
        """Say whether somebody waits for it."""
        return bool(self._streams) or not self._task.done()

    async def request(self, headers: list[tuple[str, str]], body: bytes, stream: _Stream) -> None:
        """Send one request on a stream of its own, and wait for its end."""
        number = 0
        try:
            number = await self._begin(headers, stream)
            await self._send_body(number, stream, body)
            await stream.done.wait()
        finally:
            self._forget(number, stream)

    async def _begin(self, headers: list[tuple[str, str]], stream: _Stream) -> int:
        """Write the HEADERS as soon as the server allows one more stream (Rule 3)."""
        while not self._is_closing and not self._has_room():
            await self._next_change()
        if self._is_closing or self._writer.is_closing():
            raise CallFailed(Unavailable("not_processed"))
        try:
            number = self._h2.get_next_available_stream_id()
            self._h2.send_headers(number, headers)
        except H2Error as error:  # no number is left: nothing was written
            self._is_closing = True
            raise CallFailed(Unavailable("not_processed")) from error
        self._streams[number] = stream
        self._used_s = stream.begun_s = self._loop.time()
        self._flush()
        return number

    def _has_room(self) -> bool:
        allowed = min(self._h2.remote_settings.max_concurrent_streams, MAX_STREAMS)
        return len(self._streams) < allowed

    async def _send_body(self, number: int, stream: _Stream, body: bytes) -> None:
        """Write the DATA as far as the windows allow; an answer may come before its end."""
        while body and not stream.done.is_set():
            window = self._h2.local_flow_control_window(number)
            size = min(window, self._h2.max_outbound_frame_size, len(body))
            if size <= 0:
                await self._next_change()
                continue
            chunk, body = body[:size], body[size:]
            self._h2.send_data(number, chunk, end_stream=not body)
            self._flush()
        stream.is_sent = not body

    async def _next_change(self) -> None:
        """Wait for the next word of the server, or the end of another stream."""
        if self._changed.is_set():
            self._changed = asyncio.Event()
        await self._changed.wait()

    def _forget(self, number: int, stream: _Stream) -> None:
        """Close a stream; one that is not whole is reset, so that the server stops too."""
        self._changed.set()
        if self._streams.pop(number, None) is None or self._writer.is_closing():
            return
        if not (stream.done.is_set() and stream.is_sent):
            with suppress(H2Error):
                self._h2.reset_stream(number, ErrorCodes.CANCEL)
                self._flush()
            half_s = ((stream.begun_s or 0.0) + self._loop.time()) / 2
            self._is_closing |= self._heard_s < half_s  # nobody seems to be there
        if self._is_closing and not self._streams:
            self._writer.close()

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and not self._writer.is_closing():
            self._writer.write(data)

    async def _read(self) -> None:
        """Take frames until the connection ends, then wake everybody."""
        try:
            while data := await self._reader.read(READ_BYTES):
                self._heard_s = self._loop.time()
                self._buffer += data
                for frame in self._frames():
                    self._take(frame)
                self._flush()
                self._changed.set()
        except (OSError, H2Error, HyperframeError):
            with suppress(OSError, H2Error):
                self._flush()  # h2 has said goodbye, and why
        finally:
            self._is_closing = True
            for stream in self._streams.values():
                stream.end()
            self._changed.set()
            self._writer.close()

    def _frames(self) -> Iterator[bytes]:
        """Cut what came into frames; one that is too long is h2's to refuse."""
        while len(self._buffer) >= HEAD_BYTES:
            size = HEAD_BYTES + int.from_bytes(self._buffer[:3], "big")
            if len(self._buffer) < size <= HEAD_BYTES + self._h2.max_inbound_frame_size:
                return
            yield bytes(self._buffer[:size])
            del self._buffer[:size]

    def _take(self, data: bytes) -> None:
        frame, _ = Frame.parse_frame_header(memoryview(data[:HEAD_BYTES]))
        if isinstance(frame, GoAwayFrame):
            frame.parse_body(memoryview(data[HEAD_BYTES:]))
            self._is_closing = True
            for number, stream in self._streams.items():
                if number > frame.last_stream_id:
                    stream.end(refused=True)
            return
        for event in self._h2.receive_data(data):
            self._note(event)

    def _note(self, event: Event) -> None:
        stream = self._streams.get(getattr(event, "stream_id", None) or 0)
        if isinstance(event, DataReceived):
            # The window is opened for what is dropped too (Rule 4).
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if stream is not None:
                stream.body += event.data[: MAX_ANSWER_BYTES - len(stream.body)]
        elif stream is None:
            return
        elif isinstance(event, ResponseReceived):
            fields = {str(name): str(value) for name, value in event.headers}
            stream.status = int(fields.pop(":status", "0"))
            stream.headers = {name.title(): value for name, value in fields.items()}
        elif isinstance(event, StreamEnded):
            stream.end()
        elif isinstance(event, StreamReset):
            stream.end(refused=event.error_code == ErrorCodes.REFUSED_STREAM)

    async def close(self) -> None:
        """Say goodbye and hang up."""
        with suppress(H2Error, OSError):
            self._h2.close_connection()
            self._flush()
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._writer.wait_closed()


class Client:
    """The requests to one server (rules 1 to 4)."""

    def __init__(self, server: Server, timeout_s: float) -> None:
        self._server, self._timeout_s = server, timeout_s
        self._connection: _Connection | None = None
        self._old: set[_Connection] = set()
        self._connecting = asyncio.Lock()

    async def post(self, path: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """
        Send one POST and read its answer.

        Raises:
            CallFailed: There was none (rules 1 and 2).

        """
        fields = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", self._server.host),
            (":path", path),
            *((name.lower(), value) for name, value in headers.items()),
            ("content-length", str(len(body))),
        ]
        stream = _Stream()
        with suppress(TimeoutError):  # what it means stands in the stream
            async with asyncio.timeout(self._timeout_s):
                connection = await self._open()
                await connection.request(fields, body, stream)
        return stream.answer()

    async def _open(self) -> _Connection:
        """Give the connection, a new one if need be."""
        async with self._connecting:
            if self._connection is None or not self._connection.is_usable:
                if self._connection is not None:  # others may still wait for its answers
                    self._old = {each for each in self._old if each.is_busy}
                    self._old.add(self._connection)
                    self._connection = None
                self._connection = await _connect(self._server, self._timeout_s / 2)
            return self._connection

    async def close(self) -> None:
        """Close every connection."""
        for each in (self._connection, *self._old):
            if each is not None:
                await each.close()


async def _connect(server: Server, limit_s: float) -> _Connection:
    """Connect and agree on HTTP/2; whatever goes wrong here, nothing was sent (Rule 1)."""
    try:
        async with asyncio.timeout(min(CONNECT_S, limit_s)):
            reader, writer = await asyncio.open_connection(
                server.host, server.port, ssl=server.tls, limit=READ_BYTES
            )
    except OSError as failure:  # TimeoutError and ssl.SSLError are
        raise CallFailed(Unavailable("no_connection")) from failure
    agreed = writer.get_extra_info("ssl_object")
    if agreed is None or agreed.selected_alpn_protocol() != "h2":
        writer.close()
        raise CallFailed(Unavailable("no_http2"))
    return _Connection(reader, writer)


def trusting(ca_file: str = "") -> ssl.SSLContext:
    """Give the client's side of TLS: the usual authorities, or those of one file alone."""
    context = ssl.create_default_context(cafile=ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    return context
