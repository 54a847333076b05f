"""
APNs: a double of Apple's push service, over real TLS and HTTP/2.

It judges a request as Apple documents: the path, a provider token that is ES256 by our key, names
the key and the team and is not older than an hour (403), a topic of ours (400), an expiration, a
collapse id of at most 64 bytes, an ``apns-id`` that is a UUID, at most 4,096 bytes (413), a device
token that it knows (400). What is wrong stands in ``violations``; what arrived, in ``received``; a
collapse id replaces (``showing``). The frames are h2's, so that a test can have what no web server
lets an application say: GOAWAY with a chosen last stream, refused streams, empty DATA frames.

    async with Apns(authority) as apns:
        token = apns.register()
"""

from __future__ import annotations

import asyncio
import json
import secrets  # noqa: TID251 - a phone's token is nobody's argument
import uuid
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, RequestReceived, StreamEnded
from h2.exceptions import H2Error
from h2.settings import SettingCodes

from doubles.authority import Authority
from doubles.clock import now_s as real_now_s
from doubles.http_server import linger_zero

TOPIC = "example.luma.studio"
KEY_ID, TEAM_ID = "KEY4567890", "TEAM567890"
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; ``empty_frames`` are sent before its body, ``chunk`` is the size of its frames."""

    status: int
    reason: str = ""
    timestamp: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    empty_frames: int = 0

    def content(self) -> bytes:
        """Give the body as Apple writes it."""
        if self.body is not None:
            return self.body
        told = {"reason": self.reason, "timestamp": self.timestamp}
        said = {name: value for name, value in told.items() if value}
        return json.dumps(said).encode() if said else b""


@dataclass(frozen=True, slots=True)
class Silence:
    """The request is read, and nothing is said."""


@dataclass(frozen=True, slots=True)
class Hangup:
    """The connection is reset, in the middle of the answer if ``status`` is one."""

    status: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """RST_STREAM with an error code; REFUSED_STREAM was not processed."""

    code: ErrorCodes = ErrorCodes.REFUSED_STREAM


@dataclass(frozen=True, slots=True)
class Goaway:
    """
    GOAWAY ahead of any answer to this request.

    ``taken`` says that its stream is among those that are still answered.
    """

    taken: bool


Script = Reply | Silence | Hangup | Refused | Goaway


@dataclass(frozen=True, slots=True)
class Push:
    """A notification that reached the phone."""

    token: str
    payload: dict[str, Any]
    headers: dict[str, str]
    connection: int


class _Refusal(Exception):  # noqa: N818 - carries the answer
    def __init__(self, status: int, reason: str, timestamp: int | None = None) -> None:
        super().__init__(reason)
        self.reply = Reply(status, reason, timestamp)


class Apns:
    """See the module's text."""

    def __init__(
        self, authority: Authority, now_s: Callable[[], int] = real_now_s, streams: int = 100
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.script: deque[Script] = deque()
        self.always: Script | None = None
        self.received: list[Push] = []
        self.showing: dict[tuple[str, str], Push] = {}
        self.violations: list[str] = []
        self.calls: list[str] = []
        self.provider_tokens: list[str] = []
        self.connections = 0
        self.most_at_once = 0
        self.gone: dict[str, int] = {}
        self.streams = streams
        self.is_open = asyncio.Event()  # closed, requests are read and not answered yet
        self.is_open.set()
        self.hears = asyncio.Event()  # closed, nothing is read, as where a cable is cut
        self.hears.set()
        self.host = ""
        self._tokens: set[str] = set()
        self._authority, self._now_s = authority, now_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def settings(self) -> dict[str, str]:
        """Give the driver's settings that lead here."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {
            "key": pem.decode(),
            "key_id": KEY_ID,
            "team_id": TEAM_ID,
            "topic": TOPIC,
            "host": self.host,
            "ca_file": str(self._authority.ca_file),
        }

    def register(self) -> str:
        """Let a phone be known."""
        token = secrets.token_hex(32)
        self._tokens.add(token)
        return token

    def unregister(self, token: str, at_ms: int) -> None:
        """Let an app be removed: 410 from now on, with the moment."""
        self.gone[token] = at_ms

    async def __aenter__(self) -> Self:
        """Listen on a free port of the loopback."""
        tls = self._authority.server
        tls.set_alpn_protocols(["h2"])
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=tls)
        host, port = self._server.sockets[0].getsockname()[:2]
        self.host = f"{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up on everybody."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(_Line(self, reader, writer, self.connections).run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def judge(self, headers: dict[str, str], body: bytes, connection: int, *, takes: bool) -> Reply:
        """Say what Apple would; raises what it refuses. Nothing is shown unless it ``takes`` it."""
        token = headers[":path"].removeprefix("/3/device/")
        self.calls.append(token)
        if headers[":method"] != "POST" or "/" in token:
            raise _Refusal(404, "BadPath")
        self._judge_provider(headers.get("authorization", ""))
        _judge_headers(headers)
        if len(body) > 4096:
            raise _Refusal(413, "PayloadTooLarge")
        if token in self.gone:
            raise _Refusal(410, "Unregistered", self.gone[token])
        if token not in self._tokens:
            raise _Refusal(400, "BadDeviceToken")
        push = Push(token, json.loads(body), headers, connection)
        if takes:
            self.received.append(push)
            self.showing[token, headers["apns-collapse-id"]] = push
        return Reply(200, headers={"apns-id": headers["apns-id"]})

    def _judge_provider(self, header: str) -> None:
        text = header.removeprefix("bearer ")
        if text not in self.provider_tokens:
            self.provider_tokens.append(text)
        try:
            head = jwt.get_unverified_header(text)
            claims = jwt.decode(
                text,
                self.key.public_key(),
                algorithms=["ES256"],
                options={"require": ["iss", "iat"], "verify_iat": False},
            )
        except jwt.InvalidTokenError as error:
            raise _Refusal(403, "InvalidProviderToken") from error
        if head.get("kid") != KEY_ID or claims["iss"] != TEAM_ID:
            raise _Refusal(403, "InvalidProviderToken")
        if not -60 <= self._now_s() - claims["iat"] <= HOUR_S:
            raise _Refusal(403, "ExpiredProviderToken")


def _judge_headers(headers: dict[str, str]) -> None:
    if headers.get("apns-topic") != TOPIC:
        raise _Refusal(400, "DeviceTokenNotForTopic")
    if headers.get("apns-push-type") != "alert" or headers.get("apns-priority") not in ("5", "10"):
        raise _Refusal(400, "InvalidPushType")
    if not headers.get("apns-expiration", "").isdigit():
        raise _Refusal(400, "BadExpirationDate")
    if not 0 < len(headers.get("apns-collapse-id", "")) <= 64:
        raise _Refusal(400, "BadCollapseId")
    if str(uuid.UUID(headers["apns-id"])) != headers["apns-id"]:
        raise _Refusal(400, "BadMessageId")


class _Line:
    """One connection."""

    def __init__(
        self, apns: Apns, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self._apns, self._reader, self._writer, self._number = apns, reader, writer, number
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._heads: dict[int, dict[str, str]] = {}
        self._bodies: dict[int, bytearray] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Read until the end."""
        self._h2.initiate_connection()
        self._h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: self._apns.streams})
        self._flush()
        try:
            while data := await self._reader.read(64 * 1024):
                await self._apns.hears.wait()
                for event in self._h2.receive_data(data):
                    self._take(event)
                self._flush()
        except (OSError, H2Error):
            pass
        finally:
            for task in self._tasks:
                task.cancel()
            self._writer.close()

    def _flush(self) -> None:
        if data := self._h2.data_to_send():
            self._writer.write(data)

    def _take(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._heads[event.stream_id] = {str(k): str(v) for k, v in event.headers}
            self._bodies[event.stream_id] = bytearray()
            self._apns.most_at_once = max(self._apns.most_at_once, len(self._heads))
        elif isinstance(event, DataReceived):
            self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if event.stream_id in self._bodies:
                self._bodies[event.stream_id] += event.data
        elif isinstance(event, StreamEnded):
            task = asyncio.ensure_future(self._answer(event.stream_id))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, number: int) -> None:
        await self._apns.is_open.wait()
        script = self._apns.script.popleft() if self._apns.script else self._apns.always
        head, body = self._heads.pop(number), bytes(self._bodies.pop(number))
        try:
            takes = script is None or (isinstance(script, Goaway) and script.taken)
            reply = self._apns.judge(head, body, self._number, takes=takes)
        except _Refusal as refusal:
            reply = refusal.reply
            if script is None and reply.status != 410:
                self._apns.violations.append(reply.reason)
        with suppress(H2Error):
            await self._play(number, script or reply, reply)
        self._flush()

    async def _play(self, number: int, script: Script, usual: Reply) -> None:
        match script:
            case Reply():
                await self._say(number, script)
            case Silence():
                pass
            case Refused():
                self._h2.reset_stream(number, script.code)
            case Goaway():
                data = self._h2.data_to_send()
                self._writer.write(data + _goaway(number if script.taken else number - 2))
                if script.taken:
                    await self._say(number, usual)
            case Hangup():
                if script.status:
                    self._h2.send_headers(number, [(":status", str(script.status))])
                    self._flush()
                    await self._writer.drain()
                linger_zero(self._writer.get_extra_info("socket"))
                self._writer.transport.abort()

    async def _say(self, number: int, reply: Reply) -> None:
        body = reply.content()
        head = [(":status", str(reply.status)), *reply.headers.items()]
        self._h2.send_headers(number, head, end_stream=not body)
        for _ in range(reply.empty_frames):
            self._h2.send_data(number, b"")
        while body:
            size = min(self._h2.local_flow_control_window(number), 8192)
            self._flush()
            if size <= 0:
                await asyncio.sleep(0)  # the window opens when the client has read
                continue
            self._h2.send_data(number, body[:size], end_stream=len(body) <= size)
            body = body[size:]
        self._flush()


def _goaway(last: int) -> bytes:
    """Give a GOAWAY that leaves the streams up to ``last`` alone, which h2 cannot write."""
    from hyperframe.frame import GoAwayFrame  # noqa: PLC0415 - the one place that needs it

    return GoAwayFrame(0, last_stream_id=max(0, last)).serialize()
