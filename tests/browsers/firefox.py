"""
Firefox: a headless one with a profile of its own, driven by WebDriver BiDi and no driver between.

It prints where it listens and takes one session there. Its push service is the double's, permission
to notify is given, and everything it does at home by itself is switched off, so that nothing leaves
the loopback.
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
_LISTENING = re.compile(r"WebDriver BiDi listening on (ws://127\.0\.0\.1:\d+)")


def preferences(push_url: str) -> dict[str, Any]:
    """Give the preferences of the profile."""
    return {
        "dom.push.serverURL": push_url,
        "dom.push.testing.allowInsecureServerURL": True,
        "dom.push.testing.ignorePermission": True,
        "dom.push.connection.enabled": True,
        "dom.push.pingInterval": 1_800_000,
        "dom.push.retryBaseInterval": 100,
        "permissions.default.desktop-notification": 1,
        "dom.serviceWorkers.testing.enabled": True,  # on http:, and without idle timeouts
        "dom.webnotifications.requireuserinteraction": False,
        "network.manage-offline-status": False,
        "alerts.useSystemBackend": False,
        "remote.prefs.recommended": True,
        "app.normandy.enabled": False,
        "app.update.enabled": False,
        "browser.safebrowsing.malware.enabled": False,
        "browser.safebrowsing.phishing.enabled": False,
        "browser.shell.checkDefaultBrowser": False,
        "browser.startup.homepage": "about:blank",
        "browser.startup.page": 0,
        "datareporting.policy.dataSubmissionEnabled": False,
        "extensions.update.enabled": False,
        "network.captive-portal-service.enabled": False,
        "network.connectivity-service.enabled": False,
        "network.proxy.type": 0,
        "services.settings.server": "data:,",
        "toolkit.telemetry.server": "data:,",
    }


@dataclass(slots=True)
class Firefox:
    """A running browser with one page."""

    calls: Calls
    page: str

    async def go(self, url: str) -> None:
        """Open a page and wait until it is there."""
        await self.calls.ask(
            "browsingContext.navigate", {"context": self.page, "url": url, "wait": "complete"}
        )

    async def run(self, expression: str) -> Any:
        """Evaluate in the page, as after a click; gives what it comes to, by way of JSON."""
        answer = await self.calls.ask(
            "script.evaluate",
            {
                "expression": f"(async () => JSON.stringify(await ({expression})))()",
                "target": {"context": self.page},
                "awaitPromise": True,
                "userActivation": True,
            },
        )
        if answer["type"] != "success":
            raise BrowserError(answer["exceptionDetails"]["text"])
        text = answer["result"].get("value")
        return None if text is None else json.loads(text)

    async def worker(self, expression: str) -> Any:
        """Evaluate as ``run`` does, with the worker's registration as ``r``."""
        return await self.run(f"navigator.serviceWorker.ready.then((r) => {expression})")


@asynccontextmanager
async def open_firefox(folder: Path, push_url: str) -> AsyncIterator[Firefox]:
    """Run one with a profile in ``folder``."""
    path, profile = browser("firefox"), folder / "profile"
    await asyncio.to_thread(_write_profile, profile, push_url)
    log = folder / "firefox.log"
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(path, "--headless", "--no-remote", "--profile", str(profile)),
            *("--remote-debugging-port", "0", "about:blank"),
            stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
            env={"HOME": str(folder), "PATH": "/usr/bin:/bin", "MOZ_CRASHREPORTER_DISABLE": "1"},
        )  # fmt: skip
    try:
        printed = await until(
            lambda: _LISTENING.findall(log.read_text("utf-8", "replace")), START_S
        )
        async with (
            aiohttp.ClientSession(trust_env=False) as http,
            open_calls(http, printed[0] + "/session") as calls,
        ):
            await calls.ask("session.new", {"capabilities": {}})
            tree = await calls.ask("browsingContext.getTree")
            yield Firefox(calls, tree["contexts"][0]["context"])
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _write_profile(profile: Path, push_url: str) -> None:
    profile.mkdir(parents=True)
    lines = [
        f"user_pref({json.dumps(name)}, {json.dumps(value)});"
        for name, value in preferences(push_url).items()
    ]
    (profile / "user.js").write_text("\n".join(lines) + "\n", "utf-8")
