"""
``python -m bench.person``: what a person costs who has a long history, and how fast they are found.

1. One event is folded and its message decided, for a person with 10 events and for one with
   10,000: rule, step, message, row written and read back, claim. Once with what the gateway
   computes, once with a SQLite store underneath.
2. ``GET /v1/persons/...`` beside a million decision records; one person has a tenth of them.

``--records`` and ``--rounds`` make it smaller. No figure is a pass line.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import msgspec

from bench.why import fill
from fencepost_gateway.clock import SystemClock
from fencepost_gateway.decide.census import Census
from fencepost_gateway.decide.claim import judge
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.enter import enter
from fencepost_gateway.decide.ids import person_id_of_user
from fencepost_gateway.decide.message import ClaimFacts
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.decide.rendered import Rendered
from fencepost_gateway.decide.scene import Scene
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.ports import Effects
from fencepost_gateway.stores.rows import in_app_address
from fencepost_gateway.stores.sqlite import open_sqlite
from gateway.rig import DOCUMENTS, NOON_MS, OPEN_POLICY, Rig, open_rig

RECORDS = 1_000_000
ROUNDS = 300
LOOK_UPS = 40
FRESH_EVERY = 5
SPAN_MS = 90 * 86_400_000
NAMES = ("viewed", "purchase", "opened", "searched", "shared")
HISTORIES = (10, 10_000)
EVENT = "viewed"
CAMPAIGN = """
kind: campaign
id: back
entry: {event: viewed}
when: {all: [{did: purchase, where: {category: yoga}, within: 90d, count: {min: 1}},
  {person: tier, is: plus}]}
reentry: always
message: {template: back, channels: [in_app]}
goal: none
---
kind: template
id: back
purpose: marketing
in_app: {title: Hello, body: "See you."}
"""

_pack = msgspec.msgpack.Encoder().encode
_person = msgspec.msgpack.Decoder(Person).decode


def somebody(events: int) -> Person:
    """Give somebody with a history, the newest of it an hour old."""
    person = Person(f"person-of-{events}", "u1", {"tier": "plus", "city": "Monaco", "visits": 7})
    for n in range(events):
        at_ms = NOON_MS - (events - n) * 3_600_000
        props = {"sku": f"sku-{n}", "value": 29.9, "category": "yoga", "size": n}
        person.remember(NAMES[n % len(NAMES)], at_ms, props)
    return person


async def plan_of() -> Plan:
    """Publish the documents and give what they compile to."""
    with tempfile.TemporaryDirectory() as name:
        async with open_rig(Path(name), NOON_MS) as rig:
            await rig.apply(CAMPAIGN, OPEN_POLICY)
            return rig.gateway.surface.plans.plan


def decide(plan: Plan, person: Person, n: int) -> bytes:
    """Take one event, decide about its message; give the row that is written."""
    at_ms = NOON_MS + n
    props = {"sku": "mat", "value": 1.5}
    person.remember(EVENT, at_ms, props)
    cause = Cause(f"event-{n}", "event", EVENT, at_ms, props)
    scene = Scene(plan, "bench", person, Census({}), at_ms)
    enter(scene, cause)
    (message,) = scene.walked.messages
    row = _pack(person)
    facts = ClaimFacts(
        message=message,
        person=_person(row),
        consents=(ConsentEntry("marketing", "y", 0),),
        addresses=(in_app_address(person.person_id),),
    )
    verdict = judge(plan, facts, {"in_app": Rendered()}, at_ms)
    assert verdict.outcome == "send", verdict
    return row


async def decide_stored(plan: Plan, folder: Path, clock: SystemClock, rounds: int) -> None:
    """The same through a store: commit of the pipeline, then the claim's own read and commit."""
    store = open_sqlite(folder)
    position = 0
    people = {events: somebody(events) for events in HISTORIES}
    took: dict[int, list[float]] = {events: [] for events in HISTORIES}
    for n in range(rounds):
        for events, person in people.items():
            if n % FRESH_EVERY == 0:
                person = people[events] = somebody(events)  # noqa: PLW2901 - ten stay about ten
            position += 1
            at_ms, begun_s = NOON_MS + n, clock.monotonic_s()
            person.remember(EVENT, at_ms, {"value": 1.5})
            cause = Cause(f"{events}-{n}", "event", EVENT, at_ms, {"value": 1.5})
            scene = Scene(plan, "bench", person, Census({}), at_ms)
            enter(scene, cause)
            (message,) = scene.walked.messages
            people_rows = {person.person_id: person}
            rows = Effects(position, at_ms, persons=people_rows, messages=[message])
            await store.commit(rows)
            ready = {"in_app": Rendered()}
            judged = judging(plan, ready, at_ms)
            claimed = await store.claim(message.message_id, judged, at_ms)
            assert claimed is not None
            took[events].append((clock.monotonic_s() - begun_s) * 1e6)
    await store.close()
    told("through SQLite", took)


def judging(plan: Plan, ready: dict[str, Rendered], at_ms: int) -> Callable[[ClaimFacts], Any]:
    """Give the judge of one claim."""
    return lambda facts: judge(plan, facts, ready, at_ms)


def told(what: str, took: dict[int, list[float]]) -> None:
    """Print the medians, and how many times the shorter one the longer is."""
    few, many = (median(took[events]) for events in HISTORIES)
    print(  # noqa: T201 - a benchmark prints
        f"one event folded and decided, {what}: {few:.0f} us with {HISTORIES[0]} events, "
        f"{many:.0f} us with {HISTORIES[1]:,} ({many / few:.2f} times)"
    )


async def history(clock: SystemClock, rounds: int) -> None:
    """Measure the first part."""
    plan = await plan_of()
    took: dict[int, list[float]] = {events: [] for events in HISTORIES}
    people = {events: somebody(events) for events in HISTORIES}
    row = b""
    for n in range(rounds):
        for events, person in people.items():
            if n % FRESH_EVERY == 0:
                person = people[events] = somebody(events)  # noqa: PLW2901 - ten stay about ten
            begun_s = clock.monotonic_s()
            row = decide(plan, person, n)
            took[events].append((clock.monotonic_s() - begun_s) * 1e6)
    told("nothing else", took)
    print(f"the row of the longer history: {len(row):,} bytes")  # noqa: T201
    with tempfile.TemporaryDirectory() as name:
        await decide_stored(plan, Path(name), clock, rounds)


async def look_up(clock: SystemClock, records: int) -> None:
    """Measure the second part."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with open_rig(folder, NOON_MS - SPAN_MS) as rig:
            await rig.apply(DOCUMENTS, OPEN_POLICY)
            for user_id in ("u0", "u7"):
                await rig.send({"type": "identify", "user_id": user_id}, user_id=user_id)
            await rig.settle()
            workspace = rig.gateway.surface.settings.workspace
        assert person_id_of_user(workspace, "u0")
        fill(folder / "fencepost.db", workspace, records)
        async with open_rig(folder) as rig:
            for question in ("u0", "u7", "nobody"):
                await ask(rig, clock, question)


async def ask(rig: Rig, clock: SystemClock, user_id: str) -> None:
    """Look one user up again and again."""
    took_ms: list[float] = []
    answer: dict[str, Any] = {}
    for _ in range(LOOK_UPS):
        begun_s = clock.monotonic_s()
        response = await rig.client.get(f"/v1/persons/{user_id}", headers=rig.operator)
        answer = await response.json()
        took_ms.append((clock.monotonic_s() - begun_s) * 1000)
    cuts = quantiles(took_ms, n=100)
    listed = len(answer.get("timeline", ()))
    print(  # noqa: T201 - a benchmark prints
        f"look-up of {user_id}: p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms ({listed} listed)"
    )


async def main(records: int, rounds: int) -> None:
    """Measure both."""
    clock = SystemClock()
    await history(clock, rounds)
    await look_up(clock, records)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    asyncio.run(main(given.records, given.rounds))
