"""
``python -m bench.web_push``: what a web push costs, beside bare ``webpush_async``.

Both encrypt the same payload for the same subscriptions and post it to the same sink, a process of
its own, through one session each, as many at once. Ours goes the way the gateway goes: a lane, the
raw subscription, the guarded session, an outcome. Bare is pywebpush as its manual shows it, with a
key object and one shared session. They take turns; the ratio is of CPU time a message, which hardly
minds what else the machine is doing. No outbox is in it. ``--rounds`` and ``--messages`` make it
shorter, ``--profile`` says where ours goes. No figure is a pass line.
"""

import argparse
import asyncio
import base64
import cProfile
import os
import pstats
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import aiohttp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from py_vapid import Vapid02
from pywebpush import webpush_async

from bench.servers import bare_server
from fencepost_channels.conformance import DELIVERY_ID
from fencepost_channels.drivers.web_push import driver, write_payload
from fencepost_channels.encryption import write_point
from fencepost_channels.message import Links, Outgoing, Purpose, WebPushContent
from fencepost_gateway.clock import SystemClock
from fencepost_gateway.decide.settle import CallOutcome
from fencepost_gateway.workers.lanes import Lane, LentParts
from fencepost_gateway.workers.way_out import open_way_out

AT_ONCE = 50
SUBSCRIPTIONS = 500
TTL_S = 900
TIMEOUT_S = 30.0
PROFILE_LINES = 40
KEY = ec.generate_private_key(ec.SECP256R1())
SUBJECT = "mailto:ops@shop.example"
CONTENT = WebPushContent(
    "Luma", "The first class is at 18:00 today, and there is a mat left.", "https://luma.example/b"
)
MESSAGE = Outgoing(
    DELIVERY_ID, Purpose.MARKETING, CONTENT, TTL_S,
    links=Links(report=f"https://gateway.example/v1/reports/{DELIVERY_ID}.{'m' * 22}"),
)  # fmt: skip

Push = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one message took."""

    wall_us: float
    cpu_us: float


def subscribe(url: str, number: int) -> dict[str, Any]:
    """Give what a browser's ``PushSubscription.toJSON`` gives."""
    point = write_point(ec.generate_private_key(ec.SECP256R1()).public_key())
    keys = {"p256dh": _text(point), "auth": _text(number.to_bytes(16, "big"))}
    return {"endpoint": f"{url}/push/{number:032x}", "keys": keys}


@asynccontextmanager
async def ours() -> AsyncIterator[Push]:
    """Send as the gateway does."""
    pem = KEY.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    settings = driver.parse_settings(
        {
            "vapid_private_key": pem.decode(),
            "vapid_subject": SUBJECT,
            "allow_hosts": "127.0.0.1",
            "allow_http": "true",
        }
    )
    sent = CallOutcome("sent")
    async with open_way_out(to_loopback=True) as http:
        parts = LentParts(http, TIMEOUT_S, SystemClock())
        async with driver.connect(settings, parts) as send:
            lane = Lane(driver, send, TIMEOUT_S, own=settings)

            async def push(subscription: dict[str, Any]) -> None:
                outcome = await lane.call(MESSAGE, {"subscription": subscription})
                assert outcome == sent, outcome

            yield push


@asynccontextmanager
async def bare() -> AsyncIterator[Push]:
    """Send as pywebpush's manual shows it."""
    key = Vapid02(private_key=KEY)
    payload = write_payload(MESSAGE, CONTENT).decode()
    async with aiohttp.ClientSession() as http:

        async def push(subscription: dict[str, Any]) -> None:
            await webpush_async(
                subscription_info=subscription,
                data=payload,
                vapid_private_key=key,
                vapid_claims={"sub": SUBJECT},
                ttl=TTL_S,
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
                headers={"Topic": DELIVERY_ID, "Urgency": "normal"},
                aiohttp_session=http,
            )

        yield push


async def measure(push: Push, subscriptions: list[dict[str, Any]], messages: int) -> Cost:
    """Send so many, ``AT_ONCE`` at a time."""
    numbers = iter(range(messages))

    async def sender() -> None:
        for number in numbers:
            await push(subscriptions[number % len(subscriptions)])

    clock = SystemClock()
    began_s, used_s = clock.monotonic_s(), _cpu_s()
    await asyncio.gather(*(sender() for _ in range(AT_ONCE)))
    wall_s, cpu_s = clock.monotonic_s() - began_s, _cpu_s() - used_s
    return Cost(wall_s / messages * 1e6, cpu_s / messages * 1e6)


async def main(args: argparse.Namespace) -> None:
    """Take turns, and say what came out."""
    with bare_server("bench.sink") as sink:
        url = f"http://127.0.0.1:{sink.port}"
        subscriptions = [subscribe(url, number) for number in range(SUBSCRIPTIONS)]
        async with ours() as push_ours, bare() as push_bare:
            if args.profile:
                await profile(push_ours, subscriptions, args.messages)
                return
            for push in (push_ours, push_bare):
                await measure(push, subscriptions, AT_ONCE)
            found = [
                (
                    await measure(push_ours, subscriptions, args.messages),
                    await measure(push_bare, subscriptions, args.messages),
                )
                for _ in range(args.rounds)
            ]
    print(f"{args.messages} web pushes a round, {AT_ONCE} at once")  # noqa: T201 - its answer
    for name, which in (("ours", 0), ("bare webpush_async", 1)):
        cpu_us = median(each[which].cpu_us for each in found)
        wall_us = median(each[which].wall_us for each in found)
        print(  # noqa: T201 - as above
            f"{name:20} {cpu_us:7.0f} us CPU a message, {1e6 / cpu_us:7,.0f} a core and second, "
            f"{1e6 / wall_us:7,.0f} a second here"
        )
    ratio = median(theirs.cpu_us / own.cpu_us for own, theirs in found)
    print(f"ratio                {ratio:7.2f}x a core, median of {args.rounds} rounds")  # noqa: T201


async def profile(push: Push, subscriptions: list[dict[str, Any]], messages: int) -> None:
    """Print the functions that ours spends its time in."""
    with cProfile.Profile() as profiler:
        await measure(push, subscriptions, messages)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(PROFILE_LINES)


def _cpu_s() -> float:
    times = os.times()
    return times.user + times.system


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.web_push", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--messages", type=int, default=3_000, help="messages a round")
    parser.add_argument("--profile", action="store_true", help="where our time goes")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(read_arguments()))
