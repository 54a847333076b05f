"""
R10 and R22 under fire: three hundred runs wait for months, and the gateway dies whenever they move.

The process is real; its clock leaps by thirty days while it is down, so that on its start all waits
are due at once, and it is killed when a chosen number of runs have moved on. Between two deaths the
clock goes back by an hour and forth again, and another version of the journey is published.

Pass lines: each run took each of its steps once, in order, on the version of its entry, and has
ended once; each of its messages was wanted once, and the provider took none twice.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import pytest

from e2e.clock import Dice, dice, now_ms
from e2e.rig import Gateway, gateway, until
from faults.checker import House, is_quiet, read_house
from faults.devices import Device, bought
from faults.documents import EVERY_HOUR
from faults.fleet import Fleet, fleet, free_port
from faults.laws import ANY, broken
from faults.shifted import ShiftedClock
from fencepost_gateway.decide.ids import person_id_of_user

PEOPLE = 300
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
LEAP_MS = 30 * DAY_MS + 60_000
SETTLE_S = 60
POLL_S = 0.001
AT = (0.1, 0.5, 0.85)  # share of the runs that have moved when the gateway is killed
OPEN = "SELECT count(*) FROM message WHERE state IN ('queued', 'deferred', 'sending')"
WORDS = """
kind: template
id: words
purpose: marketing
sms: {text: "n={{ event.n }}"}
"""
TRIP = """
kind: journey
id: trip
goal: none
entry: {event: bought}
steps:
  - id: hello
    message: {template: words, channels: [sms]}
  - id: first
    wait: {for_duration: 30d}
  - id: again
    message: {template: words, channels: [sms]}
  - id: second
    wait: {for: {tapped: {event: tapped}}, timeout: 30d}
    then: {tapped: thanks, timeout: end}
  - id: thanks
    message: {template: words, channels: [sms]}
"""
OTHER = """
kind: journey
id: trip
goal: none
entry: {event: bought}
steps:
  - id: hello
    message: {template: words, channels: [sms]}
  - id: elsewhere
    wait: {for_duration: 1h}
"""
BEFORE = ["entered", "hello took", "first waits", "first took", "again took", "second waits"]
TAPPED = [*BEFORE, "second took tapped", "thanks took", "end ended completed"]
SILENT = [*BEFORE, "second took timeout", "end ended completed"]


@dataclass(slots=True)
class Trip:
    """A gateway whose runs wait, and what an outsider sees of them."""

    gateways: Fleet
    door: Gateway
    clock: ShiftedClock
    db: Path
    chance: Dice
    by_ms: int = 0
    met: list[int] = field(default_factory=list)

    def count(self, sql: str, *given: str) -> int:
        """Ask the store, as somebody else who may read it."""
        db = apsw.Connection(str(self.db), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return int(db.execute(sql, given).get)
        finally:
            db.close()

    def moved(self, step_id: str) -> int:
        """Count the runs that stand at a step, or have ended there."""
        return self.count("SELECT count(*) FROM run WHERE step_id = ?", step_id)

    def is_at(self, step_id: str, people: int = PEOPLE) -> bool:
        """Say whether so many have, and nothing is on its way to anybody."""
        return self.moved(step_id) == people and not self.count(OPEN)

    async def leap(self, step_id: str) -> None:
        """Leap over a wait while the gateway is down; kill it while runs move on to a step."""
        before = self.moved(step_id)
        await self.gateways.strike()
        self.by_ms += LEAP_MS
        for share in AT:
            self.clock.shift(self.by_ms + self.chance.choice([-HOUR_MS, 0]) * (share != AT[0]))
            await self.gateways.start()
            await self.until_moved(step_id, before + share * (PEOPLE - before))
            await self.gateways.strike()
            self.met.append(self.moved(step_id) - before)
        self.clock.shift(self.by_ms)
        await self.gateways.start()
        await until(lambda: self.is_at(step_id), SETTLE_S)

    async def until_moved(self, step_id: str, count: float) -> None:
        """Wait until so many have moved, or all that will by this clock."""
        until_ms = now_ms() + 3_000
        while self.moved(step_id) < count and now_ms() < until_ms:  # noqa: ASYNC110 - as `until`
            await asyncio.sleep(POLL_S)


async def play(folder: Path, seed: int) -> tuple[Trip, House]:
    """Let everybody begin, leap twice, and come to rest."""
    port, chance = free_port(), dice(seed)
    driver = {"driver": "capture", "settings": {"path": str(folder / "provider.ledger")}}
    policy = EVERY_HOUR % "[{limit: 1000, per: hour}]"
    async with gateway(folder, {"sms": driver}, port=port) as first:
        files = {"policy.yaml": policy, "words.yaml": WORDS, "trip.yaml": TRIP}
        applied = await first.apply("live", files)
        assert applied.code == 0, applied.err
        keys = first.write_key, first.operator_key
    async with fleet(folder, port, folder / "shift") as gateways:
        door = Gateway(folder, gateways.url, gateways.process, gateways.http, *keys)
        db = folder / "data/fencepost.db"
        trip = Trip(gateways, door, ShiftedClock(folder / "shift"), db, chance)
        await gateways.start()
        devices = [Device(door, f"device-{n}", f"user-{n}") for n in range(PEOPLE)]
        await asyncio.gather(*(d.settle(f"+1202555{n:04}") for n, d in enumerate(devices)))
        await asyncio.gather(*(d.send(bought(n)) for n, d in enumerate(devices)))
        await until(lambda: trip.is_at("first"), SETTLE_S)
        applied = await door.apply("other", {"trip.yaml": OTHER})
        assert applied.code == 0, applied.err
        await trip.leap("second")
        await asyncio.gather(*(d.send({"type": "track", "name": "tapped"}) for d in devices[::2]))
        await until(lambda: trip.is_at("end", PEOPLE // 2), SETTLE_S)
        await trip.leap("end")
        await until(lambda: is_quiet(db), SETTLE_S)
        assert await gateways.end() == 0
    return trip, read_house(folder / "data")


def steps_of(house: House) -> dict[str, list[tuple[str, int]]]:
    """Give by person what the records say of their run, each with the version of the journey."""
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for row in house.records:
        if row.kind == "step":
            b: dict[str, Any] = row.body
            words = (b["step_id"], b["outcome"], b["reason"] or b["way"])
            told = " ".join(word for word in words if word)
            found[row.person_id].append((told, b["campaign_version"]))
    return found


@pytest.mark.guarantee("R10", "R22")
@pytest.mark.timeout(300)
async def test_waiting_runs_survive_deaths_and_leaps_of_the_clock(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """No run is lost and none moves twice, wherever among them the process died."""
    trip, house = await play(tmp_path, seed)
    lines = (tmp_path / "provider.ledger").read_text("utf-8").splitlines()
    calls = Counter(json.loads(line)["delivery_id"] for line in lines)
    between = sum(0 < moved < PEOPLE // 2 for moved in trip.met)
    with capsys.disabled():
        print(  # noqa: T201 - the row's one line
            f"\nR10 seed={seed} runs={PEOPLE} kills={len(trip.gateways.kills_ns)} met={trip.met} "
            f"messages={dict(Counter(house.messages.values()))} calls={len(calls)} "
            f"start_ms={trip.gateways.starts_ms[-1]:.0f}"
        )
    ids = [person_id_of_user("default", f"user-{n}") for n in range(PEOPLE)]
    expected = {i: [TAPPED, SILENT][n % 2] for n, i in enumerate(ids)}

    assert steps_of(house) == {i: [(told, 1) for told in steps] for i, steps in expected.items()}
    assert len(house.messages) == 2 * PEOPLE + PEOPLE // 2
    assert set(house.messages.values()) <= {"sent", "unknown"}
    assert set(calls.values()) == {1}
    assert all(house.deliveries[d] in {"sent", "unknown"} for d in calls)
    assert house.timers == {}
    assert broken(house, declared=ANY) == {}
    assert between >= 2, f"too few kills met runs that moved: {trip.met}"
