"""
``python -m bench.emails``: messages a second that one core hands to a relay.

Our driver (pool of five, without and with a DKIM signature) beside aiosmtplib as its pages show it:
one connection, an ``EmailMessage`` built for each message. Both send the same words to the same
sink, which is another process. All messages differ; rendering them is not measured here. A core's
figure is messages over the process's CPU time; the clock's is beside it. The rounds alternate, and
medians are printed with the worst and the best. No figure is a pass line.
"""

import argparse
import asyncio
import os
import resource
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from pathlib import Path
from statistics import median
from typing import NamedTuple

import aiohttp
import aiosmtplib
import dkim

from doubles.dkim_keys import ed25519_pem, rsa_pem
from fencepost_channels.addresses import Mailbox
from fencepost_channels.conformance import DELIVERY_ID, Lent
from fencepost_channels.drivers.email import connect
from fencepost_channels.email_settings import parse_settings
from fencepost_channels.errors import Sent
from fencepost_channels.message import EmailContent, Links, Outgoing, Purpose
from fencepost_gateway.clock import SystemClock

MESSAGES = 1000
ROUNDS = 5
AT_ONCE = 20
AT_S = 1_777_885_960
FROM = "hello@shop.example"
TO = "sora@example.com"
LINKS = Links(
    "https://edge.example/v1/unsubscribe/" + "m" * 55, return_token=DELIVERY_ID + "a" * 16
)
TESTS = Path(__file__).resolve().parents[1]

Send = Callable[[Sequence[Outgoing]], Awaitable[None]]


class Took(NamedTuple):
    """Messages a second: of CPU time, and by the clock."""

    per_core: float
    per_second: float


def messages(count: int) -> list[Outgoing]:
    """Give messages of about 8 KiB that all differ, as a compiled page would."""
    cell = '<td align="left" style="font-size:13px;padding:10px 25px;word-break:break-word;">'
    made = []
    for n in range(count):
        rows = "".join(
            f"<tr>{cell}Class {n}-{row}: 18:{row}, café</td></tr>" for row in range(10, 80)
        )
        html = f"<html><body><table>{rows}</table></body></html>"
        text = "".join(f"Class {n}-{row}: 18:{row}, café\n" for row in range(10, 30))
        content = EmailContent(f"Sora, {n} places are left today", text, html)
        made.append(Outgoing(DELIVERY_ID, Purpose.MARKETING, content, ttl_s=900, links=LINKS))
    return made


@asynccontextmanager
async def bare(port: int, pem: str = "") -> AsyncIterator[Send]:
    """Give aiosmtplib on one connection, with a message object for each; dkimpy signs."""
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as smtp:

        async def send(batch: Sequence[Outgoing]) -> None:
            for each in batch:
                content = each.content
                assert isinstance(content, EmailContent)
                message = EmailMessage()
                message["From"], message["To"] = FROM, TO
                message["Subject"] = content.subject
                message["Message-ID"] = f"<{each.delivery_id}@shop.example>"
                message["Date"] = formatdate(AT_S)
                message["List-Unsubscribe"] = f"<{each.links.unsubscribe}>"
                message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
                message["Auto-Submitted"] = "auto-generated"
                message.set_content(content.text)
                message.add_alternative(content.html, subtype="html")
                if pem:
                    wire = message.as_bytes(policy=SMTP)
                    signed = dkim.sign(wire, b"fp1", b"shop.example", pem.encode())
                    await smtp.sendmail(FROM, [TO], signed + wire)
                else:
                    await smtp.send_message(message)

        yield send


@asynccontextmanager
async def ours(port: int, pem: str = "") -> AsyncIterator[Send]:
    """Give our driver."""
    raw = {"host": "127.0.0.1", "port": str(port), "tls": "none", "from": FROM}
    raw |= {"dkim_selector": "fp1", "dkim_private_key": pem} if pem else {}
    async with (
        aiohttp.ClientSession() as session,
        connect(parse_settings(raw), Lent(session, 30.0, AT_S)) as driver,
    ):

        async def work(waiting: list[Outgoing]) -> None:
            while waiting:
                outcome = await driver(waiting.pop(), Mailbox(TO))
                assert outcome == Sent(), outcome

        async def send(batch: Sequence[Outgoing]) -> None:
            waiting = [*batch]
            await asyncio.gather(*(work(waiting) for _ in range(AT_ONCE)))

        yield send


async def measure(send: Send, batch: Sequence[Outgoing], clock: SystemClock) -> Took:
    """Send a batch."""
    start_s, cpu_s = clock.monotonic_s(), _cpu_s()
    await send(batch)
    count = len(batch)
    return Took(count / (_cpu_s() - cpu_s), count / (clock.monotonic_s() - start_s))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@asynccontextmanager
async def sink() -> AsyncIterator[int]:
    """Start the sink; give its port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.mail_sink",
        env={**os.environ, "PYTHONPATH": str(TESTS)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    yield int((await process.stdout.readline()).rpartition(b":")[2])
    process.kill()
    await process.wait()


async def main(count: int, rounds: int) -> None:
    """Measure each way in turn, round by round."""
    clock, batch = SystemClock(), messages(count)
    keys = rsa_pem(), ed25519_pem()
    async with sink() as port, bare(port) as first, bare(port, keys[0]) as signed, \
            ours(port) as plain, ours(port, keys[0]) as rsa, \
            ours(port, keys[1]) as ed25519:  # fmt: skip
        ways = {
            "bare aiosmtplib, EmailMessage": first,
            "the same, signed by dkimpy, RSA-2048": signed,
            "our driver": plain,
            "our driver, DKIM RSA-2048": rsa,
            "our driver, DKIM Ed25519": ed25519,
        }
        took: dict[str, list[Took]] = {name: [] for name in ways}
        for each in ways.values():
            await each([replace(m, delivery_id=DELIVERY_ID) for m in batch[:20]])
        for _ in range(rounds):
            for name, send in ways.items():
                took[name].append(await measure(send, batch, clock))
    base = median(t.per_core for t in took["bare aiosmtplib, EmailMessage"])
    for name, figures in took.items():
        cores = sorted(t.per_core for t in figures)
        middle = median(cores)
        print(  # noqa: T201 - a benchmark prints
            f"{name}: {middle:.0f} messages/s a core ({cores[0]:.0f} to {cores[-1]:.0f}), "
            f"{median(t.per_second for t in figures):.0f}/s by the clock, {middle / base:.1f} times"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    args = parser.parse_args()
    asyncio.run(main(args.messages, args.rounds))
