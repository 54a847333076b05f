"""The conservation law: it holds in a store that came about honestly, and every breach shows."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import apsw
import pytest

from e2e.people import settled
from e2e.rig import gateway
from faults.checker import House, read_house
from faults.laws import conserved, metered, written
from fencepost_sdk import Limits, init
from gateway.rig import DOCUMENTS, OPEN_POLICY, OUTSIDE, open_rig

HELD, TRACKED = 5, 12
BREACHES = {
    "a seq is open again": ("DELETE FROM stream", "L3 in the log, not decided"),
    "an effect is gone": ("DELETE FROM person", "L3 processed = remembered"),
    "the position is ahead": (
        "UPDATE fact SET value = value + 9 WHERE name = 'position'",
        "L3 position is in the log",
    ),
    "a message is gone": ("DELETE FROM message", "L5 entered = messages"),
    "a message is not what became of it": (
        "UPDATE message SET state = 'failed'",
        "L5 state, by its records",
    ),
    "a message has another reason": (
        "UPDATE message SET reason = 'quiet_hours' WHERE state = 'withheld'",
        "L5 primary reason",
    ),
    "a claim left no record": ("DELETE FROM record WHERE kind = 'claim'", "L5 impossible records"),
    "a call ended twice": (
        """INSERT INTO record (at_ms, person_id, kind, subject, body)
        SELECT at_ms, person_id, kind, subject, body FROM record WHERE kind = 'outcome'""",
        "L5 impossible records",
    ),
    "a delivery is gone": ("DELETE FROM delivery", "L5 deliveries"),
    "a slot was given back": ("UPDATE slot SET state = 'released'", "L6 slots"),
    "somebody joined unrecorded": (
        "DELETE FROM record WHERE kind = 'audience'",
        "L7 members, by their records",
    ),
    "a slot is gone": ("DELETE FROM slot", "L6 slots"),
    "who came in was not counted": ("DELETE FROM audience_day", "L7 counted = members"),
    "nobody will be asked again": ("DELETE FROM person_timer", "L7 timers"),
}
ASKING = """
kind: campaign
id: asks
entry: {event: opened}
message: {template: confirm, channels: [email]}
goal: none
---
kind: template
id: confirm
purpose: transactional
confirms: marketing
email: {subject: Please confirm, text: "Yes: {{ confirm.link }}"}
"""
CAPS = """
kind: caps
id: default
rules: [{limit: 1, per: day}]
---
kind: audience
id: users
when: {did: opened}
---
kind: audience
id: guests
when: {visited: {tag: studio}, count: {min: 2}}
"""

FRESH = """
kind: audience
id: fresh
when: {did: opened, within: 7d}
"""


async def live(folder: Path) -> tuple[House, str]:
    """Let a person walk in twice, once too often for the cap; give store and counters."""
    async with open_rig(folder) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, CAPS, FRESH)
        await rig.consent()
        await rig.send({"type": "track", "name": "opened"})
        for _ in range(2):
            await rig.walk_in()
            for _ in range(3):
                await rig.fix(OUTSIDE, after_s=4000)
            await rig.settle()
        exposed = await (await rig.client.get("/metrics")).text()
    return read_house(folder), exposed


@pytest.mark.guarantee("R29")
async def test_honest_store_keeps_every_law(tmp_path: Path) -> None:
    """Nothing is broken where nothing was; one message went, one was kept back."""
    house, exposed = await live(tmp_path)

    assert conserved(house) == {}
    assert metered(house, exposed) == {}
    assert sorted(house.messages.values()) == ["sent", "withheld"]


@pytest.mark.guarantee("R29")
async def test_message_that_asks_to_confirm_keeps_the_law_of_slots(tmp_path: Path) -> None:
    """Its slot is no cap's, and is reserved and ended like any other."""
    async with open_rig(tmp_path, public_url="https://edge.example.com") as rig:
        await rig.apply(ASKING, OPEN_POLICY, CAPS)
        await rig.send(
            {"type": "consent", "values": {"collect": "CT"}},
            {"type": "address", "channel": "email", "address": "minji@example.com"},
            {"type": "consent", "values": {"marketing": "p"}, "channel": "email"},
            {"type": "track", "name": "opened"},
            user_id=None,
        )
        await rig.settle()
        await rig.send({"type": "identify", "user_id": "u1"}, user_id=None)
        await rig.settle()
    house = read_house(tmp_path)

    assert conserved(house) == {}
    assert (house.slot_states != {}, house.sizes) == (True, {"users": 1})


@pytest.mark.guarantee("R29")
async def test_every_breach_of_the_law_shows(tmp_path: Path) -> None:
    """One row that is gone, changed or doubled breaks the law that speaks of it, in words."""
    await live(tmp_path / "honest")
    found = {}
    for name, (sql, law) in BREACHES.items():
        shutil.copytree(tmp_path / "honest", tmp_path / name)
        db = apsw.Connection(str(tmp_path / name / "fencepost.db"))
        db.execute(sql)
        db.close()
        said = written(conserved(read_house(tmp_path / name)))
        found[name] = law if f"\n{law}: " in said else said

    assert found == {name: law for name, (_, law) in BREACHES.items()}


@pytest.mark.guarantee("R29")
async def test_counter_that_differs_from_the_rows_shows(tmp_path: Path) -> None:
    """A drop that nobody counted, or counted twice, is told with both figures."""
    house, exposed = await live(tmp_path)
    forgotten = exposed.replace('reason="frequency_cap"} 1.0', 'reason="frequency_cap"} 0.0')

    assert forgotten != exposed
    assert metered(house, forgotten) == {
        "M fencepost_decisions": (
            {("withheld", "frequency_cap"): None},
            {("withheld", "frequency_cap"): 1},
        )
    }


@pytest.mark.guarantee("R29")
async def test_gaps_in_a_stream_are_what_the_device_dropped(tmp_path: Path) -> None:
    """What the SDK says it had no room for is, seq by seq, what the gateway never got."""
    async with gateway(tmp_path) as running:

        def app() -> int:
            client = init(
                running.write_key,
                host=running.url,
                data_dir=str(tmp_path / "app"),
                limits=Limits(held_events=HELD, trigger_age_ms=50),
            )
            for number in range(TRACKED):
                client.track(f"n{number}")
            client.set_consent({"collect": "y"})
            client.flush()
            losses = client.stats().losses
            client.shutdown(5)
            return sum(losses.values())

        dropped = await asyncio.to_thread(app)
        await settled(running)
    house = read_house(tmp_path / "data")

    assert dropped == TRACKED - HELD
    assert conserved(house, declared=dropped) == {}
    assert conserved(house, declared=0) == {"L4 seq gaps = declared": (dropped, 0)}
