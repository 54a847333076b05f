"""The walkers' process: real SDKs over real HTTP, to a gateway that accepts everything."""

import asyncio
import gzip
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from fencepost_gateway.clock import SystemClock
from fencepost_gateway.demo.people import Options, parse, walk
from fencepost_gateway.demo.state import Position
from fencepost_sdk import init

HANG_GUARD_S = 30


class AcceptingGateway:
    """Takes every batch and every position; ``until`` waits for what has come."""

    def __init__(self) -> None:
        self.batches: list[dict[str, Any]] = []
        self.positions: list[list[dict[str, Any]]] = []
        self.url = ""
        self._news = asyncio.Condition()

    def app(self) -> web.Application:
        """Give the two routes."""
        app = web.Application()
        app.router.add_post("/v1/batch", self._batch)
        app.router.add_post("/demo/people", self._people)
        return app

    def events(self, user_id: str) -> list[dict[str, Any]]:
        """Give what came for one person, each event once, in order of making."""
        came = {
            (batch["stream"], event["seq"]): event
            for batch in self.batches
            if batch["who"].get("user_id") == user_id
            for event in batch["events"]
        }
        return [came[key] for key in sorted(came)]

    async def until(self, is_enough: Callable[[], bool]) -> None:
        """Wait for enough, woken by each request."""
        async with asyncio.timeout(HANG_GUARD_S), self._news:
            await self._news.wait_for(is_enough)

    async def _batch(self, request: web.Request) -> web.Response:
        body = await request.read()
        batch = json.loads(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
        seqs = [event["seq"] for event in batch["events"]]
        async with self._news:
            self.batches.append(batch)
            self._news.notify_all()
        return web.json_response(
            {
                "v": 1,
                "ack": "os",
                "received_at": batch["sent_at"],
                "retry_after_s": None,
                "verdicts": {
                    "stream": batch["stream"],
                    "accepted": [[seq, seq] for seq in seqs],
                    "others": [],
                },
            }
        )

    async def _people(self, request: web.Request) -> web.Response:
        async with self._news:
            self.positions.append(await request.json())
            self._news.notify_all()
        return web.Response(status=204)


@pytest.fixture
async def gateway() -> AsyncIterator[AcceptingGateway]:
    """Serve an accepting gateway on loopback."""
    accepting = AcceptingGateway()
    server = TestServer(accepting.app(), host="127.0.0.1")
    await server.start_server()
    accepting.url = str(server.make_url("/"))
    yield accepting
    await server.close()


async def test_people_walk_through_the_sdk(gateway: AcceptingGateway, tmp_path: Path) -> None:
    """Everybody says who they are, what they allow and where they are; positions are reported."""
    stop = asyncio.Event()
    options = Options(gateway.url, "pk_test", tmp_path, people=8)
    walking = asyncio.create_task(walk(options, SystemClock(), stop))

    def is_enough() -> bool:
        mina, noor = gateway.events("mina"), gateway.events("noor")
        has_fix = any(event["type"] in ("fix", "fixes") for event in mina)
        has_mail = any(e["type"] == "address" and e["channel"] == "email" for e in noor)
        return has_fix and has_mail and len(gateway.positions) >= 2

    await gateway.until(is_enough)
    stop.set()
    await walking
    told = {event["type"] for event in gateway.events("mina")}
    noor = gateway.events("noor")
    granted = [
        event["values"]
        for batch in gateway.batches
        for event in batch["events"]
        if event["type"] == "consent"
    ]

    assert told >= {"identify", "address"}
    assert {"collect": "CT", "marketing": "y", "location_collect": "n"} in granted
    assert not any(event["type"] in ("fix", "fixes") for event in noor)
    drawn = msgspec.convert(gateway.positions[-1], list[Position])
    assert {position.name for position in drawn} >= {"Mina", "Noor"}
    assert [position.name for position in drawn if not position.tracked] == ["Noor"]


async def test_people_end_when_their_parent_is_gone(
    gateway: AcceptingGateway, tmp_path: Path
) -> None:
    """A closed standard input ends the process, cleanly and without a word."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fencepost_gateway.demo.people",
        "--host", gateway.url, "--key", "pk_test", "--data-dir", str(tmp_path), "--people", "2",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    await gateway.until(lambda: bool(gateway.positions) and bool(gateway.batches))

    async with asyncio.timeout(HANG_GUARD_S):
        said, complained = await process.communicate(b"")  # and closes its input

    assert (said, complained, process.returncode) == (b"", b"", 0)


class StoppingClock:
    """The machine's clock, which ends the walk when it is asked for the ``rounds``-th time."""

    def __init__(self, stop: asyncio.Event, rounds: int) -> None:
        self._stop = stop
        self._rounds_left = rounds
        self._clock = SystemClock()

    def now_ms(self) -> int:
        """Epoch milliseconds."""
        return self._clock.now_ms()

    def monotonic_s(self) -> float:
        """Seconds; asked once a round."""
        self._rounds_left -= 1
        if self._rounds_left == 0:
            self._stop.set()
        return self._clock.monotonic_s()


async def test_people_walk_on_while_the_gateway_is_away(tmp_path: Path) -> None:
    """Without a gateway nobody falls over: the queue keeps what happened."""
    stop = asyncio.Event()
    nobody = f"http://127.0.0.1:{unused_port()}"

    async with asyncio.timeout(HANG_GUARD_S):
        await walk(
            Options(nobody, "pk_test", tmp_path, people=1), StoppingClock(stop, rounds=3), stop
        )
    client = init("pk_test", host=nobody, data_dir=tmp_path / "mina")
    kept = sum(client.stats().queued.values())
    client.shutdown(0)

    assert kept >= 5  # consent, identify, three addresses, fixes


def test_command_line_has_sensible_defaults() -> None:
    """Host, key and folder are asked for, the rest is there."""
    options = parse(["--host", "http://127.0.0.1:1", "--key", "pk_x", "--data-dir", "here"])

    assert (options.seed, options.speed, options.people) == (7, 8.0, 12)
