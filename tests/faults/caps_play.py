"""
The play of R11: who triggers what, what goes wrong meanwhile, and what the clock shows.

``run`` plays all windows; ``test_caps_under_fire.py`` says what is played, and what must hold.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import apsw
import msgspec

from e2e.clock import Dice, dice, now_ms
from e2e.rig import Gateway, gateway, until
from faults.devices import Device, bought
from faults.documents import EVERY_HOUR
from faults.fleet import Fleet, fleet, free_port
from faults.provider import Fate, Provider
from faults.shifted import ShiftedClock
from fencepost_gateway.decide.ids import person_id_of_user
from fencepost_gateway.decide.message import Message

OTHERS = 50
RACER_DEVICES = 8
IN_FLIGHT = 128
REFUSED, SILENT = 0.2, 0.1
TIMEOUT_S = 0.5
KILL_EVERY_S = 2.0
A_BATCH = 5
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
ZONES = ("Europe/Berlin", "Asia/Seoul", "")  # one is unknown
NOON_2038_MS = 2_147_515_200_000  # after 32-bit seconds have run out
AN_HOUR_OFF_MS = (-HOUR_MS, HOUR_MS, 0)
LONG_AGO_MS = -400 * DAY_MS
JUMP_S = 0.6
TOTAL, BY_SMS, WINTER = 3, 2, 2
CAPS = f"""
 - {{id: total, limit: {TOTAL}, per: 24h}}
 - {{id: sms, limit: {BY_SMS}, per: day, scope: {{channel: sms}}}}
 - {{id: winter, limit: {WINTER}, per: week, scope: {{tag: winter}}}}"""
CAMPAIGNS = """
kind: template
id: words
purpose: marketing
sms: {text: "n={{ event.n }}"}
in_app: {body: "n={{ event.n }}"}
---
kind: campaign
id: told
entry: {event: bought}
reentry: always
message: {template: words, channels: [sms]}
goal: none
---
kind: campaign
id: shown
entry: {event: bought}
reentry: always
tags: [winter]
message: {template: words, channels: [in_app]}
goal: none
"""


def fates(seed: int) -> Callable[[], tuple[Fate, float]]:
    """Draw what becomes of each call."""
    chance = dice(seed)

    def plan() -> tuple[Fate, float]:
        takes_s, drawn = chance.uniform(0.005, 0.1), chance.random()
        if drawn < REFUSED:
            return "refuse", takes_s
        return "accept_then_silence" if drawn < REFUSED + SILENT else "accept", takes_s

    return plan


@dataclass(slots=True)
class Play:
    """A run under way: who is there, what was triggered when, and what goes wrong."""

    gateways: Fleet
    clock: ShiftedClock
    chance: Dice
    db: Path
    devices: dict[str, list[Device]]
    windows: dict[int, tuple[int, str]] = field(default_factory=dict)  # n -> window, person
    flying: int = 0
    jumps: int = 0

    def number(self, window: int, user_id: str) -> int:
        """Give the next trigger its number."""
        self.windows[len(self.windows)] = (window, person_id_of_user("default", user_id))
        return len(self.windows) - 1

    async def trigger(self, window: int, user_id: str, device: Device, count: int) -> None:
        """Let one device send so many triggers in one batch."""
        events = [bought(self.number(window, user_id)) for _ in range(count)]
        self.flying += 1
        await device.insist(*events)
        self.flying -= 1

    async def throw(self, window: int, triggers: int, within_s: float) -> None:
        """Throw triggers at everybody, half of them at one, evenly over the time given."""
        shares = dict.fromkeys(self.devices, triggers // 2 // OTHERS) | {"racer": triggers // 2}
        lots = [
            (user_id, device, min(A_BATCH, count - n))
            for user_id, count in shares.items()
            for n, device in zip(
                range(0, count, A_BATCH), cycle(self.devices[user_id]), strict=False
            )
        ]
        self.chance.shuffle(lots)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        busy = defaultdict[str, asyncio.Lock](asyncio.Lock)  # a device sends batch after batch

        async def send(number: int, user_id: str, device: Device, count: int) -> None:
            at_s = began_s + within_s * number / len(lots)
            await asyncio.sleep(max(0, at_s - loop.time()))  # the load
            async with busy[device.device_id]:
                await self.trigger(window, user_id, device, count)

        async with asyncio.TaskGroup() as tasks:
            for number, lot in enumerate(lots):
                tasks.create_task(send(number, *lot))

    async def kill_again_and_again(self) -> None:
        """Kill the gateway every two seconds, at a moment when it is asked something."""
        while True:
            await asyncio.sleep(KILL_EVERY_S)  # the plan
            try:
                await until(lambda: self.flying, within_s=KILL_EVERY_S)
            except AssertionError:
                continue  # nobody asks any more: it would meet nothing
            await self.gateways.strike()
            await self.gateways.start()

    async def jump(self, base_ms: int, window: int) -> None:
        """Let the clock jump; to 400 days ago only once everybody has a newer reservation."""
        while True:
            far = [LONG_AGO_MS] if window else []
            for by_ms in [*(base_ms + ms for ms in AN_HOUR_OFF_MS), *far, base_ms]:
                self.clock.shift(by_ms)
                self.jumps += 1
                await asyncio.sleep(JUMP_S)  # the plan

    async def under_fire(self, window: int, base_ms: int, triggers: int, within_s: float) -> None:
        """Throw the triggers of one window while things go wrong."""
        self.clock.shift(base_ms)
        killer = asyncio.create_task(self.kill_again_and_again())
        jumper = asyncio.create_task(self.jump(base_ms, window))
        await self.throw(window, triggers, within_s)
        jumper.cancel()
        killer.cancel()
        await asyncio.wait([jumper, killer])
        self.clock.shift(base_ms + HOUR_MS)  # what was wanted in the hour ahead is due then
        if not await self.gateways.is_ready():  # cut off between the kill and the start
            await self.gateways.start()
        await until(self.is_at_rest, 120)

    async def use_up(self, window: int) -> None:
        """Trigger on, in peace, until everybody's cap is used."""
        for _ in range(30):
            short = self.short(window)
            if not short:
                return
            await asyncio.gather(*(self.trigger(window, u, self.devices[u][0], 1) for u in short))
            await until(self.is_at_rest, 60)

    def rows(self, sql: str) -> list[tuple[str, ...]]:
        """Ask the store, as somebody else who may read it."""
        db = apsw.Connection(str(self.db), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return list(db.execute(sql))
        finally:
            db.close()

    def is_at_rest(self) -> bool:
        """Say whether log and outbox are empty."""
        pending = """SELECT 1 FROM fact WHERE name = 'position'
          AND value < (SELECT max(position) FROM log)"""
        open_ = "SELECT 1 FROM message WHERE state IN ('queued', 'deferred', 'sending')"
        return not self.rows(pending) and not self.rows(open_)

    def short(self, window: int) -> list[str]:
        """Give those who have used less than their cap in a window."""
        used: Counter[str] = Counter()
        kept = """SELECT m.body FROM slot s JOIN message m ON m.message_id = s.slot_id
          WHERE s.state <> 'released'"""
        for (body,) in self.rows(kept):
            its_window, person_id = self.windows[number_of(body)]
            used[person_id] += its_window == window
        ids = {user_id: person_id_of_user("default", user_id) for user_id in self.devices}
        return [user_id for user_id, person_id in ids.items() if used[person_id] < TOTAL]


def number_of(body: str | bytes) -> int:
    """Give the number of the trigger that caused a message."""
    assert isinstance(body, bytes)
    n = msgspec.msgpack.decode(body, type=Message).cause.props["n"]
    assert isinstance(n, int)
    return n


def bases(windows: int) -> Iterator[int]:
    """Give for each window how far the clock is off: noon, eight days apart, the last in 2038."""
    to_noon_ms = DAY_MS // 2 - now_ms() % DAY_MS
    yield from (to_noon_ms + n * 8 * DAY_MS for n in range(windows - 1))
    yield NOON_2038_MS - now_ms()


async def run(
    folder: Path, seed: int, triggers: int, windows: int, within_s: float
) -> tuple[Play, Provider]:
    """Play all windows; give what was done and what the provider saw."""
    port, provider = free_port(), Provider(fates(seed))
    files = {"policy.yaml": EVERY_HOUR % CAPS, "campaigns.yaml": CAMPAIGNS}
    given = {"in_flight": IN_FLIGHT, "provider_timeout_s": TIMEOUT_S, "port": port}
    async with provider:
        async with gateway(folder, provider.channels, **given) as first:
            applied = await first.apply("live", files)
            assert applied.code == 0, applied.err
            key, operator_key = first.write_key, first.operator_key
        async with fleet(folder, port, folder / "shift") as gateways:
            door = Gateway(folder, gateways.url, gateways.process, gateways.http, key, operator_key)
            play = Play(
                gateways,
                ShiftedClock(folder / "shift"),
                dice(seed),
                folder / "data/fencepost.db",
                everybody(door),
            )
            await gateways.start()
            for number, devices in enumerate(play.devices.values()):
                await asyncio.gather(*(d.settle(f"+1202555{number:04}") for d in devices))
            for window, base_ms in enumerate(bases(windows)):
                await play.under_fire(window, base_ms, triggers // windows, within_s / windows)
                await play.use_up(window)
            assert await gateways.end() == 0
    return play, provider


def everybody(door: Gateway) -> dict[str, list[Device]]:
    """Give the racer's devices, and one for everybody else."""
    found = {"racer": [Device(door, f"racer-{n}", "racer") for n in range(RACER_DEVICES)]}
    for n in range(OTHERS):
        zone = ZONES[n % len(ZONES)]
        found[f"user-{n}"] = [Device(door, f"device-{n}", f"user-{n}", zone=zone)]
    return found
