"""
Chromium: a headless one with a profile of its own, driven by the DevTools protocol.

It cannot subscribe to push (it would want its vendor's service), so a push is handed to the service
worker by DevTools; from there on everything is as it would be.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from browsers.calls import BrowserError, Calls, open_calls
from browsers.found import browser
from e2e.rig import until

START_S = 25.0
ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-gpu", "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)  # fmt: skip
_LISTENING = re.compile(r"DevTools listening on (ws://127\.0\.0\.1:\S+)")


@dataclass(slots=True)
class Chromium:
    """A running browser with one page."""

    calls: Calls
    session: str

    async def ask(self, method: str, **params: Any) -> Any:
        """Ask the page's DevTools."""
        return await self.calls.ask(method, params, sessionId=self.session)

    async def go(self, url: str) -> None:
        """Open a page, with leave to notify, and know its service workers from now on."""
        await self.calls.ask(
            "Browser.grantPermissions", {"origin": url, "permissions": ["notifications"]}
        )
        await self.ask("ServiceWorker.enable")
        await self.ask("Page.enable")
        await self.ask("Page.navigate", url=url)
        await until(lambda: "Page.loadEventFired" in [e.get("method") for e in self.calls.events])

    async def run(self, expression: str) -> Any:
        """Evaluate in the page, as after a click."""
        answer = await self.ask(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if "exceptionDetails" in answer:
            raise BrowserError(json.dumps(answer["exceptionDetails"]))
        return answer["result"].get("value")

    async def worker(self, expression: str) -> Any:
        """Evaluate as ``run`` does, with the worker's registration as ``r``."""
        return await self.run(f"navigator.serviceWorker.ready.then((r) => {expression})")

    async def push(self, origin: str, data: str) -> None:
        """Hand a push to the service worker of an origin."""
        found = [
            registration["registrationId"]
            for event in self.calls.events
            if event.get("method") == "ServiceWorker.workerRegistrationUpdated"
            for registration in event["params"]["registrations"]
        ]
        await self.ask(
            "ServiceWorker.deliverPushMessage",
            origin=f"{origin}/",
            registrationId=found[-1],
            data=data,
        )


@asynccontextmanager
async def open_chromium(folder: Path) -> AsyncIterator[Chromium]:
    """Run one with a profile in ``folder``."""
    path, log = browser("chromium"), folder / "chromium.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(path, *ARGUMENTS, f"--user-data-dir={folder / 'profile'}", "about:blank"),
            stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
            env={"HOME": str(folder), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
    try:
        printed = await until(
            lambda: _LISTENING.findall(log.read_text("utf-8", "replace")), START_S
        )
        async with (
            aiohttp.ClientSession(trust_env=False) as http,
            open_calls(http, printed[0]) as calls,
        ):
            made = await calls.ask("Target.createTarget", {"url": "about:blank"})
            line = await calls.ask(
                "Target.attachToTarget", {"targetId": made["targetId"], "flatten": True}
            )
            yield Chromium(calls, line["sessionId"])
            await calls.ask("Browser.close")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
