"""
People: the walkers of the demonstration, a process of its own.

``python -m fencepost_gateway.demo.people --host URL --key KEY --data-dir DIR``: one SDK client a
person, each with a folder (so a device) of its own. What the gateway learns of them it learns
through the SDK over HTTP, as from any app.

Rule 1. Only public names of the SDK are used, and nothing here knows what the gateway decides.
Rule 2. About once a second every person moves, hands her receiver's fix to her SDK, and where
        they are is posted to ``/demo/people`` for the picture. A gateway that is away is no
        reason to end: the SDKs keep their queues.
Rule 3. It ends when its input is closed (the parent is gone) or at SIGTERM or SIGINT, and prints
        nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from fencepost_gateway.clock import Clock, SystemClock
from fencepost_gateway.demo.cast import (
    DAY_HOUR,
    NIGHT_HOUR,
    Persona,
    cast_of,
    email_of,
    phone_of,
    push_subscription,
    zone_at_hour,
)
from fencepost_gateway.demo.town import Town, build_town
from fencepost_gateway.demo.walk import Walker
from fencepost_sdk import Limits, Message, Messages, init
from fencepost_sdk.location import Fix, Location

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fencepost_sdk import Client

TICK_S = 1.0
POLL_S = 3.0
UPLOAD_AFTER_MS = 1_500  # the SDK's own 10 s would be a long wait for somebody who watches
REPORT_TIMEOUT_S = 2.0
GOODBYE_S = 2.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    host: str
    key: str
    data_dir: Path
    seed: int = 7
    speed: float = 8.0
    people: int = 12


class Phone:
    """One person with her phone: a walker, and the app with the SDK inside."""

    def __init__(self, persona: Persona, client: Client, walker: Walker) -> None:
        self.persona = persona
        self.client = client
        self._walker = walker
        self._place_id = ""
        self._orders = 0

    def register(self, zone: str, addresses: dict[str, Any]) -> None:
        """Say who she is, what she allows, where she can be reached; listen for messages."""
        self.client.on("message", _look_at)
        self.client.set_consent(self.persona.consent, text="demo-v1/en", surface="first_screen")
        for channel in self.persona.refused_channels:
            self.client.set_consent({"marketing": "n"}, channel=channel, text="demo-v1/en")
        self.client.identify(self.persona.user_id, {"first_name": self.persona.name, "zone": zone})
        for channel in self.persona.reached_by:
            self.client.set_address(channel, addresses[channel])

    def tick(self, elapsed_s: float, now_ms: int) -> dict[str, Any]:
        """Move, hand the fix to the SDK, do what one does on arriving; say where she is."""
        reading = self._walker.advance(elapsed_s)
        self.client.location.update(
            Fix(reading.lat, reading.lon, reading.accuracy_m, speed_mps=reading.speed_mps)
        )
        if reading.staying_at != self._place_id:
            self._place_id = reading.staying_at
            self._arrive(reading.staying_at)
        return {
            "person": self.persona.user_id,
            "name": self.persona.name,
            "lat": reading.lat,
            "lon": reading.lon,
            "at_ms": now_ms,
            "tracked": self.persona.is_tracked,
        }

    def _arrive(self, place_id: str) -> None:
        if place_id.startswith("cafe-"):
            self.client.track("coffee_ordered", {"place": place_id}, priority="now")
        if place_id == "bakery-korn":
            self._orders += 1
            order = f"{self.persona.name[:1]}-{self._orders:03d}"
            self.client.track(
                "order_placed", {"order": order, "item": "a rye loaf"}, priority="now"
            )


def _look_at(message: Message) -> None:
    message.displayed()


def open_phones(options: Options, town: Town, now_ms: int) -> list[Phone]:
    """Start one SDK client a person and let each register."""
    day_zone, night_zone = zone_at_hour(DAY_HOUR, now_ms), zone_at_hour(NIGHT_HOUR, now_ms)
    phones = []
    for index, persona in enumerate(cast_of(options.people)):
        client = init(
            options.key,
            host=options.host,
            data_dir=options.data_dir / persona.user_id,
            location=Location(),
            limits=Limits(trigger_age_ms=UPLOAD_AFTER_MS),
            # The device's zone has day as well, else quiet hours would hold everybody back.
            context={"zone": day_zone},
            messages=Messages(poll_s=POLL_S),
        )
        walker = Walker(town, persona.user_id, speed=options.speed, haunts=persona.haunts)
        phone = Phone(persona, client, walker)
        phone.register(
            night_zone if persona.at_home_it_is_night else day_zone,
            {
                "email": email_of(persona),
                "sms": phone_of(index),
                "web_push": push_subscription(persona, options.seed),
            },
        )
        phones.append(phone)
    return phones


async def walk(options: Options, clock: Clock, stop: asyncio.Event) -> None:
    """Walk until ``stop``, then take leave of the gateway."""
    phones = open_phones(options, build_town(options.seed), clock.now_ms())
    timeout = aiohttp.ClientTimeout(total=REPORT_TIMEOUT_S)
    last_s = clock.monotonic_s()
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while not stop.is_set():
                now_s = clock.monotonic_s()
                elapsed_s, last_s = min(now_s - last_s, 5 * TICK_S), now_s
                positions = [phone.tick(elapsed_s, clock.now_ms()) for phone in phones]
                await _report(session, options.host, positions)
                await _pause(stop, TICK_S)
    finally:
        await asyncio.gather(
            *(asyncio.to_thread(phone.client.shutdown, GOODBYE_S) for phone in phones)
        )


async def _report(
    session: aiohttp.ClientSession, host: str, positions: list[dict[str, Any]]
) -> None:
    try:
        async with session.post(f"{host.rstrip('/')}/demo/people", json=positions):
            pass
    except (aiohttp.ClientError, TimeoutError):
        return  # Rule 2: the picture waits, the walk does not


async def _pause(stop: asyncio.Event, pause_s: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), pause_s)
    except TimeoutError:
        return


def _stop_with_parent(stop: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    """Set ``stop`` when the standard input ends."""

    def read_to_end() -> None:
        # os.read takes no lock that could be held when the interpreter goes away
        while os.read(0, 4096):
            continue
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=read_to_end, name="parent-watch", daemon=True).start()


async def _walk_until_told(options: Options) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _stop_with_parent(stop, loop)
    await walk(options, SystemClock(), stop)


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m fencepost_gateway.demo.people")
    parser.add_argument("--host", required=True, help="address of the gateway")
    parser.add_argument("--key", required=True, help="write key (pk_...)")
    parser.add_argument("--data-dir", required=True, type=Path, help="folder for the SDKs' queues")
    parser.add_argument("--seed", type=int, default=7, help="names the town and the walks")
    parser.add_argument("--speed", type=float, default=8.0, help="times faster than people walk")
    parser.add_argument("--people", type=int, default=12, help="how many")
    return Options(**vars(parser.parse_args(arguments)))


if __name__ == "__main__":
    asyncio.run(_walk_until_told(parse()))
