"""J03 and J06 under fire: the gateway dies in the middle of telling many, and its clock jumps."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from e2e.clock import dice, now_ms
from e2e.rig import Gateway, gateway, until
from faults.checker import House, is_quiet, read_house
from faults.crowd import person_ids, populate
from faults.documents import EVERY_HOUR
from faults.fleet import Fleet, fleet, free_port
from faults.laws import conserved
from faults.shifted import ShiftedClock
from fencepost_gateway.decide.message import Message

PERSONS = 3_000
KILLS = 6
UP_MS = (20, 150)  # counted from readiness
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
JUMPS_MS = (-HOUR_MS, HOUR_MS, 0)
SETTLE_S = 120
TOLD = """
kind: audience
id: regulars
when: {person: points, gte: 200}
---
kind: template
id: hello
purpose: transactional
in_app: {title: Hello, body: Hello}
---
kind: campaign
id: iced
entry: {external: weather, for: {audience: regulars}}
reentry: always
message: {template: hello, channels: [in_app], max_age: 7d}
goal: none
---
kind: campaign
id: daily
entry: {schedule: "0 12 * * *", zone: UTC, for: {audience: regulars}}
reentry: always
message: {template: hello, channels: [in_app], max_age: 7d}
goal: none
"""


@dataclass(slots=True)
class Telling:
    """A gateway that tells many, and what an outsider sees of it."""

    gateways: Fleet
    door: Gateway
    clock: ShiftedClock
    db: Path

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the store, as somebody else who may read it."""
        db = apsw.Connection(str(self.db), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return list(db.execute(sql))
        finally:
            db.close()

    def under_way(self) -> int:
        """Count the broadcasts that have told some persons, and not yet all of them."""
        sql = "SELECT count(*) FROM broadcast WHERE state <> 'done' AND seen BETWEEN 1 AND total"
        return int(self.rows(sql)[0][0])

    def is_over(self) -> bool:
        """Say whether there was a broadcast and all of it is done, messages too."""
        ((told, left),) = self.rows(
            "SELECT count(*), count(*) FILTER (WHERE state <> 'done') FROM broadcast"
        )
        return bool(told) and not left and is_quiet(self.db)


@asynccontextmanager
async def telling(folder: Path) -> AsyncIterator[Telling]:
    """Publish what tells many, fill the store, and be ready to start the gateway; by day."""
    port, db = free_port(), folder / "data/fencepost.db"
    async with gateway(folder, port=port) as first:
        files = {"policy.yaml": EVERY_HOUR % "[{limit: 1000, per: hour}]", "told.yaml": TOLD}
        applied = await first.apply("live", files)
        assert applied.code == 0, applied.err
        keys = first.write_key, first.operator_key
    populate(db, PERSONS)
    async with fleet(folder, port, folder / "shift") as gateways:
        door = Gateway(folder, gateways.url, gateways.process, gateways.http, *keys)
        yield Telling(gateways, door, ShiftedClock(folder / "shift"), db)
        assert await gateways.end() == 0


async def kill_in_the_middle(play: Telling, seed: int, base_ms: int) -> int:
    """Kill again and again, each time by another clock; gives how many met a broadcast."""
    chance, met = dice(seed), 0
    for number in range(KILLS):
        await asyncio.sleep(chance.uniform(*UP_MS) / 1000)  # the plan
        await play.gateways.strike()
        met += play.under_way() > 0
        play.clock.shift(base_ms + JUMPS_MS[number % len(JUMPS_MS)])
        await play.gateways.start()
    play.clock.shift(base_ms + HOUR_MS)  # what was wanted in the hour ahead is due then
    await until(play.is_over, SETTLE_S)
    return met


def entries(house: House, campaign_id: str) -> Counter[str]:
    """Count by person how often they entered a campaign."""
    return Counter(
        row.person_id
        for row in house.records
        if row.kind == "step"
        and (row.body["campaign_id"], row.body["outcome"]) == (campaign_id, "entered")
    )


def messages(house: House, campaign_id: str) -> Counter[str]:
    """Count by person their messages of a campaign; whose call a kill cut off is unknown."""
    bodies = {m: msgspec.msgpack.decode(body, type=Message) for m, body in house.bodies.items()}
    mine = {i: m.person_id for i, m in bodies.items() if m.campaign_id == campaign_id}
    assert {house.messages[i] for i in mine} <= {"sent", "unknown"}
    assert all(i in house.inbox for i in mine if house.messages[i] == "sent")
    return Counter(mine.values())


def once() -> Counter[str]:
    """Count every regular once."""
    return Counter(person_ids(PERSONS)[1::2])


@pytest.mark.feature("J03")
@pytest.mark.timeout(300)
async def test_event_from_outside_reaches_everybody_once_whoever_dies(
    tmp_path: Path, seed: int
) -> None:
    """Killed in the middle, the clock an hour ahead and back: one run and one message each."""
    base_ms = DAY_MS - now_ms() % DAY_MS  # midnight: no noon is near
    async with telling(tmp_path) as play:
        play.clock.shift(base_ms)
        await play.gateways.start()
        told = {"id": "w1", "name": "weather"}
        answer = await play.door.ask("POST", "/v1/external", told)
        met = await kill_in_the_middle(play, seed, base_ms)
        again = await play.door.ask("POST", "/v1/external", told)
    house = read_house(tmp_path / "data")

    assert (answer["status"], again["status"]) == ("accepted", "duplicate")
    assert met >= KILLS // 2, f"seed {seed}: too few kills met it"
    assert entries(house, "iced") == once()
    assert messages(house, "iced") == once()
    assert conserved(house) == {}


@pytest.mark.feature("J06")
@pytest.mark.timeout(300)
async def test_schedule_missed_while_down_reaches_everybody_once_whoever_dies(
    tmp_path: Path, seed: int
) -> None:
    """Down over three noons: the last of them happens, and not again by a clock set back."""
    to_noon_ms = DAY_MS - now_ms() % DAY_MS + DAY_MS // 2
    base_ms = to_noon_ms + 2 * DAY_MS + 2 * HOUR_MS  # two o'clock on the third day
    async with telling(tmp_path) as play:
        play.clock.shift(base_ms)
        await play.gateways.start()
        met = await kill_in_the_middle(play, seed, base_ms)
        found = (await play.door.ask("GET", "/v1/broadcasts"))["broadcasts"]
        play.clock.shift(base_ms - DAY_MS)
        await play.gateways.strike()
        await play.gateways.start()
        await until(play.is_over, SETTLE_S)
        back = (await play.door.ask("GET", "/v1/broadcasts"))["broadcasts"]
    house = read_house(tmp_path / "data")

    assert met >= KILLS // 2, f"seed {seed}: too few kills met it"
    assert [(b["state"], b["seen"], b["reached"]) for b in found] == [
        ("done", PERSONS, PERSONS // 2)
    ]
    assert found[0]["missed"] in {2, 3}  # three, where today's noon is still to come
    assert back == found
    assert entries(house, "daily") == once()
    assert messages(house, "daily") == once()
    assert conserved(house) == {}
