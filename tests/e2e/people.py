"""People: somebody with a phone, addresses and a way to walk; what arrived for them where."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from doubles.push_service import Push
from doubles.smtp import Mail
from doubles.twilio_stub import Sms
from e2e.clock import now_ms
from e2e.rig import Gateway, Receivers, environment, until, until_answered
from fencepost_gateway.demo.cast import ALL_YES, DAY_HOUR, zone_at_hour

CHANNELS = ("in_app", "email", "web_push", "sms")
House = tuple[Gateway, Receivers]

METRES_PER_DEGREE = 111_195.0
STEP_MS = 10  # so brisk that a walk begins after the fences were published
LEAP_FIXES = 5  # the fourth fix that agrees with no other starts afresh
ANSWER_S = 30.0


@dataclass(slots=True)
class Phone:
    """A running app process."""

    process: asyncio.subprocess.Process
    lines: list[dict[str, Any]] = field(default_factory=list)
    last_fix_ms: int = 0

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The in-app messages it has shown."""
        return [line["message"] for line in self.lines if "message" in line]

    async def do(self, what: str, **arguments: Any) -> Any:
        """Give it a command and wait for what it gave."""
        assert self.process.stdin is not None
        before = self._done()
        self.process.stdin.write(json.dumps({"do": what, **arguments}).encode() + b"\n")
        await self.process.stdin.drain()
        await until(lambda: self._done() > before, ANSWER_S)
        return [line["did"] for line in self.lines if "did" in line][-1]

    def _done(self) -> int:
        assert self.process.returncode is None, "the phone's process has ended"
        return sum("did" in line for line in self.lines)

    async def read(self) -> None:
        """Take what it prints until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(json.loads(line))


@dataclass(slots=True)
class Walker:
    """Somebody with a phone in their hand."""

    user_id: str
    phone: Phone
    email: str
    number: str
    subscription: dict[str, Any]
    receivers: Receivers

    async def settle(self, consent: Mapping[str, str], traits: Mapping[str, Any]) -> None:
        """Say who they are, what they allow, and where they can be reached."""
        await self.phone.do("consent", values=dict(consent))
        await self.phone.do("identify", user_id=self.user_id, traits=dict(traits))
        addresses = {"email": self.email, "sms": self.number, "web_push": self.subscription}
        for channel, address in addresses.items():
            await self.phone.do("address", channel=channel, address=address)
        await self.phone.do("flush")

    async def walk(self, lat: float, lon: float, accuracy_m: float = 8.0) -> None:
        """
        Be 400 m south, then in the middle, in milliseconds.

        That is a leap nobody makes, so each place is repeated until the evidence starts afresh.
        """
        there = [(lat - 400 / METRES_PER_DEGREE, lon)] * LEAP_FIXES
        await self.follow([*there, *[(lat, lon)] * LEAP_FIXES], accuracy_m)

    async def follow(self, path: list[tuple[float, float]], accuracy_m: float = 8.0) -> None:
        """Hand the positions of a path to the app, and see that they are sent."""
        first_ms = max(self.phone.last_fix_ms + STEP_MS, now_ms() - STEP_MS * len(path))
        fixes = [
            (first_ms + i * STEP_MS, lat, lon, accuracy_m) for i, (lat, lon) in enumerate(path)
        ]
        self.phone.last_fix_ms = fixes[-1][0]
        await self.phone.do("walk", fixes=fixes)
        await self.phone.do("flush")

    @property
    def mails(self) -> list[Mail]:
        """What the relay took for them."""
        return [m for m in self.receivers.mta.received if self.email in m.recipients]

    @property
    def pushes(self) -> list[Push]:
        """What their browser decrypted."""
        name = str(self.subscription["endpoint"]).rpartition("/")[2]
        return [p for p in self.receivers.push.received if p.subscription_id == name]

    @property
    def texts(self) -> list[Sms]:
        """What the SMS provider took for them."""
        return [s for s in self.receivers.sms.received if s.to == self.number]

    def arrived(self) -> dict[str, int]:
        """Count what arrived, by channel."""
        return {
            "in_app": len(self.phone.messages),
            "email": len(self.mails),
            "web_push": len(self.pushes),
            "sms": len(self.texts),
        }


@asynccontextmanager
async def somebody(
    gateway: Gateway,
    receivers: Receivers,
    user_id: str,
    *,
    consent: Mapping[str, str] = ALL_YES,
    traits: Mapping[str, Any] | None = None,
) -> AsyncIterator[Walker]:
    """Give somebody whose app runs and has said everything; where they are it is day."""
    number = f"+1202555{1000 + sum(map(ord, user_id)) * 7 % 9000}"
    async with app(gateway, user_id) as phone:
        who = Walker(
            user_id,
            phone,
            f"{user_id}@example.com",
            number,
            receivers.push.subscribe(),
            receivers,
        )
        await who.settle(consent, traits or {})
        yield who


@asynccontextmanager
async def app(gateway: Gateway, name: str) -> AsyncIterator[Phone]:
    """Run an app process with the SDK inside."""
    settings = {
        "key": gateway.write_key,
        "host": gateway.url,
        "data_dir": str(gateway.folder / "phones" / name),
        "zone": zone_at_hour(DAY_HOUR, now_ms()),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(Path(__file__).with_name("phone.py")), json.dumps(settings)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=gateway.folder,
        env=environment(gateway.folder),
    )
    phone = Phone(process)
    reading = asyncio.create_task(phone.read())
    try:
        yield phone
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(ANSWER_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        await reading


async def claims(running: Gateway, user_id: str, count: int) -> list[dict[str, Any]]:
    """Wait until so many claims of a user have been judged, and give their records."""

    async def judged() -> list[dict[str, Any]]:
        found = await running.decisions(user_id, "claim")
        return found if len(found) >= count else []

    return await until_answered(judged)


async def settled(running: Gateway) -> None:
    """Wait until every record of the log is processed."""

    async def is_settled() -> bool:
        ready = await running.ask("GET", "/readyz")
        return bool(ready["pending"] == 0)

    await until_answered(is_settled)
