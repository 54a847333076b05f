"""
Run: ``fencepost demo``: town, gateway, people and view, put together.

The gateway is the real one on its embedded store, with every outbound channel captured to a
private file; the people are a process of their own that knows it only over HTTP.

Rule 1. Everything is made anew in ``.fencepost/demo`` at each start; nothing else is touched.
Rule 2. What the terminal and the page show is read from the gateway's own decision records.
Rule 3. The demo ends when it is told, when its time is over, or when the people's process dies.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from pathlib import Path

import aiohttp
from aiohttp import web
from rich.console import Console

from fencepost_gateway.app import Gateway, serve
from fencepost_gateway.demo import routes
from fencepost_gateway.demo.feed import Feed
from fencepost_gateway.demo.state import DemoState, Entry
from fencepost_gateway.demo.town import Town, build_town, fences_geojson, streets_for_map
from fencepost_gateway.demo.view import View
from fencepost_gateway.errors import StartError
from fencepost_gateway.settings import ChannelSettings, Settings

FOLDER = Path(".fencepost/demo")
HOST = "127.0.0.1"
CAPTURED = ("push", "web_push", "sms", "email")
LOOK_EVERY_S = 0.25
GOODBYE_S = 5.0
SPEED = 8.0


async def run_demo(people: int, seed: int, port: int, *, seconds: int, stop: asyncio.Event) -> None:
    """
    Run the demonstration until ``stop`` is set.

    Args:
        people: How many walk.
        seed: Which town is built.
        port: Wished port; another one is taken when it is in use.
        seconds: End after so long; 0 means not by itself.
        stop: Set it to end.

    """
    town = build_town(seed)
    state = DemoState(fences_geojson(town), streets_for_map(town))
    settings = make_settings(_free_port(port))
    opened: asyncio.Future[tuple[Gateway, int]] = asyncio.get_running_loop().create_future()

    def mount(app: web.Application, _gateway: Gateway) -> None:
        routes.mount(app, state)

    def ready(gateway: Gateway, bound_port: int) -> None:
        opened.set_result((gateway, bound_port))

    closing = asyncio.Event()
    serving = asyncio.create_task(serve(settings, stop=closing, ready=ready, mount=mount))

    def ended(_task: asyncio.Task[None]) -> None:
        stop.set()
        opened.cancel()

    serving.add_done_callback(ended)
    try:
        gateway, bound_port = await opened
        await _show(gateway, town, state, bound_port, _Run(people, seed, seconds, stop))
    except asyncio.CancelledError:
        if not serving.done():
            raise
    finally:
        closing.set()
        await serving


class _Run:
    """What was asked for."""

    def __init__(self, people: int, seed: int, seconds: int, stop: asyncio.Event) -> None:
        self.people = people
        self.seed = seed
        self.seconds = seconds
        self.stop = stop


def make_settings(port: int) -> Settings:
    """Make a fresh folder and the settings of a gateway that captures what it would send."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True, mode=0o700)
    captured = ChannelSettings(driver="capture", settings={"path": str(FOLDER / "messages.jsonl")})
    return Settings(
        data_dir=FOLDER,
        host=HOST,
        port=port,
        public_url=f"http://{HOST}:{port}",
        workspace="demo",
        environment="development",
        min_ack_level="os",
        check_links=False,
        channels=dict.fromkeys(CAPTURED, captured),
    )


async def _show(gateway: Gateway, town: Town, state: DemoState, port: int, run: _Run) -> None:
    url = f"http://{HOST}:{port}"
    await _publish(gateway, town, url)
    walkers = await _start_people(gateway, url, run)
    notes = (
        f"{run.people} people walk {SPEED:g} times as fast as in life, through the SDK over HTTP;",
        f"push, SMS and email are captured in {FOLDER / 'messages.jsonl'};",
        "ask why, with the ids of the page or with the name of a user:",
        f"  FENCEPOST_DATA_DIR={FOLDER} {sys.argv[0]} explain --user theo --url {url}",
        "one fence is too small for its street; after a minute or two ask which:",
        f"  FENCEPOST_DATA_DIR={FOLDER} {sys.argv[0]} health --url {url}",
    )
    with View(Console()) as view:
        view.header(url, notes)
        feed = Feed(gateway, state)
        show = partial(_tell, view, state)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(run.seconds or None):
                await _watch(feed, walkers, show, run.stop)
        await _end(walkers)
        for entry in await feed.news():
            show(entry)
        view.farewell(state.counts)


def _tell(view: View, state: DemoState, entry: Entry) -> None:
    view.show(entry)
    view.counts(state.counts)


async def _watch(
    feed: Feed,
    walkers: asyncio.subprocess.Process,
    show: Callable[[Entry], None],
    stop: asyncio.Event,
) -> None:
    while not stop.is_set():
        for entry in await feed.news():
            show(entry)
        if walkers.returncode is not None:
            raise StartError(f"the people's process ended by itself (code {walkers.returncode})")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY_S):
                await stop.wait()


async def _publish(gateway: Gateway, town: Town, url: str) -> None:
    """Publish fences and campaigns the way everybody does: over HTTP."""
    folder = files("fencepost_gateway.demo") / "documents"
    sources = [
        {"path": f.name, "text": f.read_text("utf-8")}
        for f in folder.iterdir()
        if f.name.endswith(".yaml")
    ]
    sources.append({"path": "town.geojson", "text": json.dumps(fences_geojson(town))})
    headers = {"Authorization": f"Bearer {gateway.credentials.operator_key}"}
    async with (
        aiohttp.ClientSession(trust_env=False, headers=headers) as session,
        session.post(f"{url}/v1/documents", json={"files": sources}) as response,
    ):
        if response.status != web.HTTPOk.status_code:
            raise StartError(f"the demo's documents were refused: {await response.text()}")


async def _start_people(gateway: Gateway, url: str, run: _Run) -> asyncio.subprocess.Process:
    arguments = (
        *("--host", url),
        *("--key", gateway.credentials.write_key),
        *("--data-dir", str(FOLDER / "people")),
        *("--seed", str(run.seed)),
        *("--people", str(run.people)),
        *("--speed", str(SPEED)),
    )
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "fencepost_gateway.demo.people",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for us; the people go home when we close their input
        env=os.environ.copy(),
    )


async def _end(walkers: asyncio.subprocess.Process) -> None:
    if walkers.stdin is not None:
        walkers.stdin.close()
    try:
        async with asyncio.timeout(GOODBYE_S):
            await walkers.wait()
    except TimeoutError:
        walkers.kill()
        await walkers.wait()


def _free_port(wished: int) -> int:
    """Give the wished port, or one that is free: links in messages name it."""
    for port in (wished, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return int(probe.getsockname()[1])
    return wished
