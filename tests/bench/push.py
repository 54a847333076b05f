"""
``python -m bench.push``: what a native push costs, beside the bare HTTP client.

Both send the same payload to the same double, a process of its own, as many at once over one
connection (APNs) or one session (FCM). Ours goes the way the gateway goes: a lane, the raw
registration, an outcome. Bare is httpx with HTTP/2 for APNs and aiohttp for FCM, each with a token
made once. They take turns; the ratio is of CPU time a message. No outbox is in it, no figure is a
pass line. The double judges every request, so the rate here is mostly its own.
"""

import argparse
import asyncio
import multiprocessing
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import httpx

from doubles.apns import TOPIC, Apns
from doubles.authority import issue
from doubles.fcm import Fcm
from fencepost_channels.addresses import parse_registration
from fencepost_channels.conformance import DELIVERY_ID
from fencepost_channels.driver import DriverSpec
from fencepost_channels.drivers import apns, fcm
from fencepost_channels.google import ask_token
from fencepost_channels.http2 import trusting
from fencepost_channels.message import Outgoing, Purpose, PushContent
from fencepost_gateway.clock import SystemClock
from fencepost_gateway.workers.lanes import Lane, LentParts
from fencepost_gateway.workers.way_out import open_way_out

AT_ONCE = 50
TIMEOUT_S = 30.0
CONTENT = PushContent("Luma", "The first class is at 18:00 today.", "https://luma.example/b")
MESSAGE = Outgoing(DELIVERY_ID, Purpose.MARKETING, CONTENT, 900)

Push = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one message took."""

    wall_us: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Target:
    """A double that runs elsewhere: the driver's settings, and a phone."""

    settings: Mapping[str, str]
    token: str


def serve(folder: str, wire: Connection) -> None:
    """Run both doubles until told to stop."""

    async def run() -> None:
        async with Apns(issue(Path(folder))) as apple, Fcm() as google:
            wire.send(
                {
                    "apns": Target(apple.settings, apple.register()),
                    "fcm": Target(google.settings, google.register()),
                }
            )
            await asyncio.to_thread(wire.recv)

    asyncio.run(run())


@asynccontextmanager
async def ours(driver: DriverSpec, target: Target) -> AsyncIterator[Push]:
    """Send as the gateway does."""
    settings = driver.parse_settings(target.settings)
    raw = {"registration": {"service": driver.name, "token": target.token}}
    async with open_way_out(to_loopback=True) as http:
        parts = LentParts(http, TIMEOUT_S, SystemClock())
        async with driver.connect(settings, parts) as send:
            lane = Lane(driver, send, TIMEOUT_S, own=settings)

            async def push() -> None:
                outcome = await lane.call(MESSAGE, raw)
                assert outcome.family == "sent", outcome

            yield push


@asynccontextmanager
async def bare_apns(target: Target) -> AsyncIterator[Push]:
    """Send by httpx."""
    settings = apns.parse_settings(target.settings)
    now_s = SystemClock().now_ms() // 1_000
    headers = apns.headers_of(MESSAGE, TOPIC, now_s)
    headers["authorization"] = f"bearer {apns.sign(settings, now_s).text}"
    url = f"https://{target.settings['host']}/3/device/{target.token}"
    tls = trusting(target.settings["ca_file"])
    async with httpx.AsyncClient(http2=True, http1=False, verify=tls, timeout=TIMEOUT_S) as http:

        async def push() -> None:
            body = apns.write_payload(MESSAGE, CONTENT)
            answer = await http.post(url, headers=headers, content=body)
            assert answer.status_code == 200, answer

        yield push


@asynccontextmanager
async def bare_fcm(target: Target) -> AsyncIterator[Push]:
    """Send by aiohttp."""
    settings = fcm.parse_settings(target.settings)
    address = parse_registration({"registration": {"service": "fcm", "token": target.token}})
    clock = SystemClock()
    url = f"{settings.endpoint}/v1/projects/{settings.account.project}/messages:send"
    async with aiohttp.ClientSession() as http:
        parts = LentParts(http, TIMEOUT_S, clock)
        now_s = clock.now_ms() // 1_000
        token = await ask_token(parts, settings.account, fcm.SCOPE, now_s)
        headers = {"Authorization": f"Bearer {token.text}"}

        async def push() -> None:
            body = {"message": fcm.write_message(MESSAGE, CONTENT, address)}
            async with http.post(url, json=body, headers=headers) as answer:
                assert answer.status == 200, answer
                await answer.read()

        yield push


async def measure(push: Push, messages: int) -> Cost:
    """Send so many, ``AT_ONCE`` at a time."""
    numbers = iter(range(messages))

    async def sender() -> None:
        for _ in numbers:
            await push()

    clock = SystemClock()
    began_s, used_s = clock.monotonic_s(), _cpu_s()
    await asyncio.gather(*(sender() for _ in range(AT_ONCE)))
    wall_s, cpu_s = clock.monotonic_s() - began_s, _cpu_s() - used_s
    return Cost(wall_s / messages * 1e6, cpu_s / messages * 1e6)


async def compare(name: str, pushes: tuple[Push, Push], args: argparse.Namespace) -> None:
    """Take turns, and say what came out."""
    for push in pushes:
        await measure(push, AT_ONCE)
    found = [[await measure(push, args.messages) for push in pushes] for _ in range(args.rounds)]
    for which, who in enumerate(("ours", "bare client")):
        cpu_us = median(each[which].cpu_us for each in found)
        wall_us = median(each[which].wall_us for each in found)
        print(  # noqa: T201 - its answer
            f"{name} {who:12} {cpu_us:7.0f} us CPU a message, {1e6 / cpu_us:7,.0f} a core and "
            f"second, {1e6 / wall_us:7,.0f} a second here"
        )
    ratio = median(theirs.cpu_us / own.cpu_us for own, theirs in found)
    print(f"{name} ratio {ratio:16.2f}x a core, median of {args.rounds} rounds")  # noqa: T201


async def main(args: argparse.Namespace, targets: Mapping[str, Any]) -> None:
    """Measure both drivers."""
    async with AsyncExitStack() as stack:
        open_ = stack.enter_async_context
        for name, driver, bare in (
            ("apns", apns.driver, bare_apns),
            ("fcm ", fcm.driver, bare_fcm),
        ):
            target = targets[driver.name]
            pushes = await open_(ours(driver, target)), await open_(bare(target))
            await compare(name, pushes, args)


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.push", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=2_000, help="messages a round")
    return parser.parse_args()


if __name__ == "__main__":
    here, there = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory() as place:
        process = multiprocessing.get_context("spawn").Process(target=serve, args=(place, there))
        process.start()
        asyncio.run(main(read_arguments(), here.recv()))
        here.send("stop")
        process.join()
