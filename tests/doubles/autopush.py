"""
Autopush: the push service that stands behind Firefox, as Firefox speaks to it.

On one side a browser's WebSocket (``hello``, ``register``, ``unregister``, ``notification``,
``ack``, ping), on the other the endpoints that senders post to, judged as ``push_service`` judges
them but not decrypted: that is the browser's part. A subscription that it ended answers 410.

    async with Autopush() as autopush:
        ...                                   # Firefox with dom.push.serverURL = autopush.url
        autopush.sent[0].ttl_s, autopush.acked, autopush.gone
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets  # noqa: TID251 - a push service's names are nobody's argument
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import WSMsgType, web

from doubles.clock import now_s as real_now_s
from doubles.push_service import RefusedError, Request, judge_request

PROTOCOL = "push-notification"


@dataclass(slots=True)
class _Channel:
    channel_id: str
    server_key: str | None
    socket: web.WebSocketResponse
    is_open: bool = True


@dataclass(slots=True)
class Autopush:
    """See the module's text."""

    now_s: Callable[[], int] = real_now_s
    sent: list[Request] = field(default_factory=list)
    acked: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    gone: int = 0
    url: str = ""
    origin: str = ""
    _channels: dict[str, _Channel] = field(default_factory=dict)
    _sockets: set[web.WebSocketResponse] = field(default_factory=set)
    _runner: web.AppRunner | None = None
    _is_forgetful: bool = False

    async def __aenter__(self) -> Self:
        """Start to listen."""
        app = web.Application(client_max_size=64 * 1024)
        app.router.add_get("/", self._browser)
        app.router.add_post("/push/{name}", self._sender)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url, self.origin = f"ws://{host}:{port}/", f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        await asyncio.gather(*(socket.close() for socket in self._sockets))
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def subscribed(self) -> int:
        """How many subscriptions the browsers have now."""
        return sum(channel.is_open for channel in self._channels.values())

    async def forget(self) -> None:
        """Lose what is known of every browser: each is a new one when it calls again."""
        for channel in self._channels.values():
            channel.is_open = False
        self._is_forgetful = True
        await asyncio.gather(*(socket.close() for socket in [*self._sockets]))

    async def _browser(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=(PROTOCOL,))
        await socket.prepare(request)
        self._sockets.add(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                answer = self._answer(json.loads(message.data), socket)
                if answer is not None:
                    await socket.send_json(answer)
        self._sockets.discard(socket)
        return socket

    def _answer(self, said: dict[str, Any], socket: web.WebSocketResponse) -> dict[str, Any] | None:
        kind, channel_id = said.get("messageType"), said.get("channelID", "")
        match kind:
            case None | "ping":
                return {}
            case "hello":
                known = "" if self._is_forgetful else said.get("uaid")
                uaid, self._is_forgetful = known or secrets.token_hex(16), False
                return {"messageType": kind, "uaid": uaid, "status": 200, "use_webpush": True,
                        "broadcasts": {}}  # fmt: skip
            case "register":
                name, key = secrets.token_urlsafe(24), str(said.get("key", "")).rstrip("=")
                self._channels[name] = _Channel(channel_id, key or None, socket)
                return {"messageType": kind, "channelID": channel_id, "status": 200,
                        "pushEndpoint": f"{self.origin}/push/{name}"}  # fmt: skip
            case "unregister":
                for channel in self._channels.values():
                    channel.is_open = channel.is_open and channel.channel_id != channel_id
                return {"messageType": kind, "channelID": channel_id, "status": 200}
            case "ack":
                self.acked += [str(update["version"]) for update in said["updates"]]
            case "nack" | "broadcast_subscribe":
                pass
            case _:
                self.violations.append(f"the browser said {kind!r}")
        return None

    async def _sender(self, request: web.Request) -> web.Response:
        channel = self._channels.get(request.match_info["name"])
        body = await request.read()
        if channel is None or not channel.is_open:
            self.gone += 1
            return web.Response(status=410)
        try:
            own = judge_request(request, body, self.origin, channel.server_key, self.now_s())
        except RefusedError as refusal:
            self.violations.append(str(refusal))
            return web.Response(status=refusal.status)
        self.sent.append(own)
        version = str(len(self.sent))
        await channel.socket.send_json(
            {
                "messageType": "notification",
                "channelID": channel.channel_id,
                "version": version,
                "data": base64.urlsafe_b64encode(body).decode("ascii").rstrip("="),
                "headers": {"encoding": "aes128gcm"},
            }
        )
        headers = {"Location": f"{self.origin}/message/{version}", "TTL": str(own.ttl_s)}
        return web.Response(status=201, headers=headers)
