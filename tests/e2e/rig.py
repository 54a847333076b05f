"""
Rig: real processes around a test, and real counterparts for what they send.

``gateway`` runs ``fencepost serve`` in a folder of its own and waits until it listens; ``phone``
(``phone.py``) is an app process with the SDK inside; ``receivers`` are relay, push service and SMS
provider. Nothing of the gateway is reached but over its command line and its HTTP surface.

Rule 1. Ports are free ones, settings come from a file of the folder, and the environment of the
        machine's operator (``FENCEPOST_...``) does not reach the processes.
Rule 2. Across processes one waits with ``until``; it says what it saw last when it gives up.
Rule 3. Whatever was started is ended when its block ends.
Rule 4. What a gateway leaves behind must add up (``faults/laws.py``), whatever happened to it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from doubles.push_service import PushService
from doubles.smtp import Mta
from doubles.twilio_stub import TwilioStub
from faults.checker import read_house
from faults.laws import ANY, broken, written

T = TypeVar("T")

POLL_S = 0.02
START_S = 40.0
STOP_S = 20.0
COMMAND_S = 40.0
_LISTENING = re.compile(r"listening on (http://\S+?),")


async def until(predicate: Callable[[], T], within_s: float = 15.0) -> T:
    """
    Wait until ``predicate`` gives something true, and give it.

    Raises:
        AssertionError: It did not within ``within_s``; tells what it gave last.

    """

    async def ask() -> T:
        return predicate()

    return await until_answered(ask, within_s)


async def until_answered(question: Callable[[], Awaitable[T]], within_s: float = 15.0) -> T:
    """Wait as ``until`` does, for a question that has to be sent to a process."""
    last: T | None = None
    try:
        async with asyncio.timeout(within_s):
            while not (last := await question()):  # noqa: ASYNC110 - another process has no event
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise AssertionError(f"not within {within_s} s; the last state was {last!r}") from None
    return last


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Receivers:
    """Where messages arrive outside the app."""

    mta: Mta
    push: PushService
    sms: TwilioStub

    def channels(self) -> dict[str, Any]:
        """Give the gateway's channel settings that lead here."""
        push = {"allow_hosts": "127.0.0.1", "allow_http": "true"}
        return {
            "email": {"driver": "email", "settings": self.mta.settings},
            "sms": {"driver": "sms", "settings": self.sms.settings},
            "web_push": {"driver": "web_push", "settings": push},
        }


@asynccontextmanager
async def receivers() -> AsyncIterator[Receivers]:
    """Run the three counterparts."""
    async with PushService() as push, TwilioStub() as sms:
        with Mta() as mta:
            yield Receivers(mta, push, sms)


@dataclass(slots=True)
class Gateway:
    """A running gateway process, and what an operator may ask of it."""

    folder: Path
    url: str
    process: asyncio.subprocess.Process
    http: aiohttp.ClientSession
    write_key: str = field(default="", repr=False)
    operator_key: str = field(default="", repr=False)

    @property
    def data_dir(self) -> Path:
        """Folder of its store and keys."""
        return self.folder / "data"

    def printed(self) -> str:
        """Give everything the process has printed."""
        return "".join((self.folder / name).read_text("utf-8") for name in ("out.log", "err.log"))

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask as an operator; give the answer's JSON."""
        headers = {"Authorization": f"Bearer {self.operator_key}"}
        async with self.http.request(
            method, self.url + path, json=body, headers=headers
        ) as response:
            text = await response.text()
            assert response.status < 400, f"{method} {path}: {response.status} {text}"
            return json.loads(text) if "json" in response.content_type else text

    async def decisions(self, user_id: str, kind: str = "") -> list[dict[str, Any]]:
        """Give the decision records of a user, oldest first."""
        answer = await self.ask("GET", f"/v1/decisions?user_id={user_id}")
        return [r for r in answer["records"] if kind in {"", r["kind"]}]

    async def batch(self, device: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Send a batch as a device without SDK would; give status and answer."""
        headers = {
            "Authorization": f"Bearer {self.write_key}",
            "Fencepost-Device": f"{device}.secret-of-{device}",
        }
        async with self.http.post(self.url + "/v1/batch", json=body, headers=headers) as response:
            return response.status, await response.json()

    async def command(self, *arguments: str) -> Ended:
        """Run ``fencepost ARGUMENTS`` on this gateway."""
        where = ("--url", self.url, "--key", self.operator_key)
        return await fencepost(self.folder, *arguments, *where)

    async def apply(self, name: str, files: Mapping[str, str]) -> Ended:
        """Write ``files`` into a folder and publish it with ``fencepost apply``."""
        documents = self.folder / "documents" / name
        for path, text in files.items():
            (documents / path).parent.mkdir(parents=True, exist_ok=True)
            (documents / path).write_text(text, "utf-8")
        return await self.command("apply", "--yes", str(documents))

    async def end(self, by: signal.Signals = signal.SIGTERM, within_s: float = STOP_S) -> int:
        """End the process, if it still runs; give its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(by)
        async with asyncio.timeout(within_s):
            return await self.process.wait()


def environment(folder: Path) -> dict[str, str]:
    """Give the environment of a process under test (Rule 1)."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("FENCEPOST_")}
    return clean | {"FENCEPOST_CONFIG": str(folder / "fencepost.toml")}


def write_settings(folder: Path, channels: Mapping[str, Any], **settings: Any) -> None:
    """Write the settings file of a gateway that lives in ``folder``."""
    given = {
        "data_dir": str(folder / "data"),
        "port": 0,
        "environment": "development",
        "check_links": False,
        "min_ack_level": "os",  # a temporary folder may be in memory
        "public_url": "https://edge.example.com",
        **settings,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in given.items()]
    for channel, chosen in channels.items():
        own = {name: value for name, value in chosen.items() if name != "settings"}
        lines += [f"[channels.{channel}]", *(f"{n} = {json.dumps(v)}" for n, v in own.items())]
        lines.append(f"[channels.{channel}.settings]")
        lines += [f"{name} = {json.dumps(value)}" for name, value in chosen["settings"].items()]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "fencepost.toml").write_text("\n".join(lines) + "\n", "utf-8")


async def start_serving(folder: Path) -> asyncio.subprocess.Process:
    """Start ``fencepost serve`` with the settings of ``folder``; it prints into two files there."""
    with (folder / "out.log").open("ab") as out, (folder / "err.log").open("ab") as err:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "fencepost_gateway", "serve"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=folder,
            env=environment(folder),
        )


@asynccontextmanager
async def gateway(
    folder: Path, channels: Mapping[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Gateway]:
    """Run a gateway in ``folder``; give it once it listens."""
    write_settings(folder, channels or {}, **settings)
    log = folder / "out.log"
    printed_before = log.stat().st_size if log.exists() else 0
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        process = await start_serving(folder)
        running = Gateway(folder, "", process, http)
        stack.push_async_callback(_end, running)
        running.url = await listening(running, printed_before)
        keys = json.loads((running.data_dir / "keys.json").read_text("utf-8"))
        running.write_key, running.operator_key = keys["write_key"], keys["operator_key"]
        yield running
        await _end(running)
        found = broken(read_house(running.data_dir), declared=ANY)
        assert not found, f"what the gateway left does not add up:{written(found)}"


async def _end(running: Gateway) -> None:
    try:
        await running.end()
    except TimeoutError:
        await running.end(signal.SIGKILL)


async def listening(running: Gateway, printed_before: int) -> str:
    """Wait until the process says where it listens; what earlier ones printed does not count."""
    log = running.folder / "out.log"

    def address() -> str:
        assert running.process.returncode is None, running.printed()[-2000:]
        found = _LISTENING.search(log.read_bytes()[printed_before:].decode())
        return found[1] if found else ""

    return await until(address, START_S)


async def fencepost(folder: Path, *arguments: str) -> Ended:
    """Run the command line in ``folder`` to its end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fencepost_gateway", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env=environment(folder),
    )
    try:
        async with asyncio.timeout(COMMAND_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return Ended(process.returncode or 0, out.decode(), err.decode())
