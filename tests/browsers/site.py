"""
Site: a shop's own web site with our two files, and the gateway behind ``/fencepost``.

As an operator would set it up: what the page calls lies at the page's own origin. What is reported
on its way to the gateway is kept (``reports``), so are the endpoints it is told (``told``), and the
pages that a click opens (``opened``).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

WEB = Path(__file__).resolve().parents[2] / "sdk" / "web"
FILES = ("fencepost-sw.js", "fencepost-push.js")
PAGE = '<!doctype html><title>Luma</title><link rel="icon" href="data:,">'
# A worker of the shop's own, that imports ours. It stands in for the person's hand, which a browser
# without a screen does not feel: the event that the browser would send, for what is shown.
WORKER = """
const { openWindow } = Clients.prototype;
Clients.prototype.openWindow = function (url) {
  fetch("/opened", { method: "POST", body: url });
  return openWindow.call(this, url).catch(() => null); // nobody has really clicked
};
importScripts("/fencepost-sw.js");
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", async (event) => {
  if (!event.data.hand) return;
  for (const notification of await self.registration.getNotifications())
    self.dispatchEvent(new NotificationEvent(event.data.hand, {notification}));
});
"""


@dataclass(slots=True)
class Site:
    """A running site."""

    http: aiohttp.ClientSession
    gateway_url: str = ""
    url: str = ""
    reports: list[tuple[str, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    @property
    def public_url(self) -> str:
        """The gateway's public address."""
        return f"{self.url}/fencepost"

    async def page(self, _request: web.Request) -> web.Response:
        """Give a page of the shop."""
        return web.Response(text=PAGE, content_type="text/html")

    async def file(self, request: web.Request) -> web.Response:
        """Give a script."""
        name = request.path.removeprefix("/")
        text = WORKER if name == "worker.js" else (WEB / name).read_text("utf-8")
        return web.Response(text=text, content_type="text/javascript")

    async def open(self, request: web.Request) -> web.Response:
        """Take note of what a click opens."""
        self.opened.append(await request.text())
        return web.Response(status=204)

    async def gateway(self, request: web.Request) -> web.Response:
        """Hand a request on to the gateway."""
        url = f"{self.gateway_url}/v1/{request.match_info['way']}"
        headers = {
            name: text
            for name, text in request.headers.items()
            if name in {"Authorization", "Fencepost-Device", "Content-Type"}
        }
        body = await request.read()
        room, _, ticket = request.match_info["way"].partition("/")
        if room == "reports":
            self.reports.append((ticket.partition(".")[0], json.loads(body)["what"]))
        if room == "batch":
            told = [each for each in json.loads(body)["events"] if not each["removed"]]
            self.told += [each["subscription"]["endpoint"] for each in told]
        if not self.gateway_url:
            return web.Response(status=204)
        async with self.http.request(request.method, url, data=body, headers=headers) as answer:
            kind = answer.content_type
            return web.Response(status=answer.status, body=await answer.read(), content_type=kind)


@asynccontextmanager
async def open_site(gateway_url: str = "") -> AsyncIterator[Site]:
    """Run one."""
    async with aiohttp.ClientSession(trust_env=False) as http:
        site = Site(http, gateway_url)
        app = web.Application()
        for name in (*FILES, "worker.js"):
            app.router.add_get(f"/{name}", site.file)
        app.router.add_post("/opened", site.open)
        app.router.add_route("*", "/fencepost/v1/{way:.*}", site.gateway)
        app.router.add_get("/{way:.*}", site.page)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            site.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield site
        finally:
            await runner.cleanup()
