"""Our HTTP/2 client against a server that is not our double."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from doubles.authority import issue
from fencepost_channels.http2 import Client, Server, trusting


async def _echo(
    scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    """Say what was asked, in frames of which some are empty."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        event = await receive()
        body, more = body + event.get("body", b""), event.get("more_body", False)
    said = [(b"x-path", scope["path"].encode()), (b"x-version", scope["http_version"].encode())]
    await send({"type": "http.response.start", "status": 200, "headers": said})
    for piece in (b"", body, b"", b""):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def hypercorn(folder: Path, port: int) -> AsyncIterator[Server]:
    """Serve until left."""
    authority = issue(folder)
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.certfile, config.keyfile = str(authority.ca_file), str(folder / "key.pem")
    config.alpn_protocols = ["h2"]
    config.accesslog = config.errorlog = None
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(_echo, config, shutdown_trigger=stop.wait))
    await _listening(port)
    try:
        yield Server("127.0.0.1", port, trusting(str(authority.ca_file)))
    finally:
        stop.set()
        await serving


async def _listening(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return


async def test_requests_share_a_connection_to_another_server(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    """A hundred at once, each with its own answer, empty frames and all."""
    async with hypercorn(tmp_path, unused_tcp_port) as server:
        client = Client(server, 20.0)
        asked = [(f"/3/device/{n}", f"body {n}".encode() * 400) for n in range(100)]
        answers = await asyncio.gather(
            *(client.post(path, headers={"X-Test": "1"}, body=body) for path, body in asked)
        )
        await client.close()

    assert {answer.status for answer in answers} == {200}
    assert {answer.headers["X-Version"] for answer in answers} == {"2"}
    assert [(answer.headers["X-Path"], answer.body) for answer in answers] == asked
