"""
Recorded: a data folder with the history of many people, to run backtests over.

Rule 1. A folder is a function of its seed and size; rows are written as the pipeline would, without
        the uploads they came of.
Rule 2. A person lives as customers do: an app opened now and then, a cart, some purchases, visits
        to a studio, an attribute that changes. Half of what is uploaded is one event, half is two
        to four.
"""

import json
import random  # noqa: TID251 - a seed makes the folder
from dataclasses import replace
from pathlib import Path

from fencepost_gateway.credentials import open_credentials
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.ids import person_id_of_user
from fencepost_gateway.decide.person import Person
from fencepost_gateway.documents.document import SourceFile
from fencepost_gateway.documents.loader import load
from fencepost_gateway.intake import history
from fencepost_gateway.intake.history import Happened, Told
from fencepost_gateway.ports import DocumentRow, Effects, HistoryRow
from fencepost_gateway.stores.sqlite import open_sqlite
from fencepost_geofence.state import Transition

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
MINUTE_MS = 60_000
WORKSPACE = "default"
PAGE = 5_000
NAMES = ("opened", "opened", "viewed", "viewed", "viewed", "cart_updated", "purchase")
GRANTED = ("collect", "personalisation", "marketing", "location_collect", "location_marketing")

DOCUMENTS = """\
kind: workspace
id: workspace
zone: Europe/Monaco
---
kind: policy
id: default
accepts: {"*": [y]}
quiet_hours: [{purposes: [marketing], allowed: ["08:00-21:00"], on_zone_unknown: drop}]
---
kind: caps
id: default
rules:
  - {limit: 3, per: 7d, scope: {purpose: marketing}}
---
kind: template
id: hello
purpose: marketing
email: {subject: "Hello {{ person.name }}", text: "Good to see you at {{ place.name }}."}
in_app: {title: Hello, body: "Good to see you."}
---
kind: template
id: cart
purpose: marketing
email: {subject: Your cart, text: "{{ event.items }} things wait for you."}
---
kind: audience
id: buyers
when: {did: purchase, within: 14d, count: {min: 2}}
---
kind: trait
id: spent
sum: purchase
of: value
within: 30d
---
kind: campaign
id: greeting
entry: {transition: enter, fence: {tag: studio}}
when: {all: [{person: tier, in: [plus, gold]}, {not: {did: purchase, within: 2d}}]}
reentry: {after: 7d}
message: {template: hello, channels: [in_app, email]}
goal: none
---
kind: campaign
id: cart
entry: {event: cart_updated}
when: {any: [{audience: buyers}, {trait: spent, gte: 50}]}
reentry: {after: 24h}
message: {template: cart, channels: [email], while: {not: {did: purchase, within: 1h}}}
goal: none
"""
FENCES = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": f"studio-{number}",
            "geometry": {"type": "Point", "coordinates": [7.0 + number / 100, 43.73]},
            "properties": {"name": f"Studio {number}", "radius_m": 60, "tags": ["studio"]},
        }
        for number in range(10)
    ],
}


async def record(folder: Path, people: int, events: int, seed: int, now_ms: int) -> int:
    """Make a folder with so many people and, about, app events in 30 days; gives the rows."""
    open_credentials(folder)
    store = open_sqlite(folder)
    files = [SourceFile("d.yaml", DOCUMENTS), SourceFile("f.geojson", json.dumps(FENCES))]
    documents = load(files).documents
    begin_ms = now_ms - 30 * DAY_MS
    await store.publish(
        [DocumentRow(d.kind, d.id, 1, d.canonical, begin_ms, begin_ms) for d in documents],
        begin_ms,
    )
    chance = random.Random(seed)  # noqa: S311 - no secret
    lives = (_life(number, events // people, begin_ms, chance) for number in range(people))
    rows = sorted((row for life in lives for row in life), key=lambda row: row.at_ms)
    for first in range(0, len(rows), PAGE):
        found = rows[first : first + PAGE]
        persons = {row.person_id: Person(row.person_id) for row in found}
        await store.commit(Effects(0, begin_ms, persons=persons, history=found))
    await store.close()
    return len(rows)


def _life(number: int, events: int, begin_ms: int, chance: random.Random) -> list[HistoryRow]:
    user = f"user-{number}"
    person_id = person_id_of_user(WORKSPACE, user)
    tier = chance.choice(["none", "plus", "gold"])
    told: list[tuple[int, list[Happened]]] = [(begin_ms + 1, _introduction(user, tier))]
    seq = 0
    while seq < events:
        at_ms = begin_ms + chance.randrange(MINUTE_MS, 30 * DAY_MS)
        happened: list[Happened] = []
        for _ in range(chance.choice([1, 1, 1, 2, 3, 4])):
            seq += 1
            name = chance.choice(NAMES)
            props = {"value": chance.randrange(1, 90), "items": chance.randrange(1, 5), "sku": "a"}
            happened.append(history.Did(at_ms, seq, name, props))
        told.append((at_ms, happened))
    for _ in range(chance.randrange(1 + events // 10)):
        told += _visit(begin_ms + chance.randrange(DAY_MS, 29 * DAY_MS), chance)
    told.append((begin_ms + chance.randrange(30 * DAY_MS), [history.Became({"tier": "gold"})]))
    told.sort(key=lambda one: one[0])
    return [
        HistoryRow(0, at_ms, person_id, history.pack(Told(person_id, f"d-{number}", "s", each)))
        for at_ms, each in told
    ]


def _introduction(user: str, tier: str) -> list[Happened]:
    said = [ConsentEntry(purpose, "y", 1) for purpose in GRANTED]
    return [
        history.Greeted("v", user, "Europe/Monaco", "en"),
        history.Said(said),
        history.Became({"tier": tier, "name": user.title()}),
        history.Reaches(1, "email", f"ref-{user}"),
    ]


def _visit(at_ms: int, chance: random.Random) -> list[tuple[int, list[Happened]]]:
    fence = f"studio-{chance.randrange(10)}"
    left_ms = at_ms + chance.randrange(5 * MINUTE_MS, HOUR_MS)
    enter = Transition(kind="enter", fence_id=fence, at_ms=at_ms, crossed_at_ms=at_ms,
                       visit_ms=at_ms, visit_began_ms=at_ms, reason="decided")  # fmt: skip
    leave = replace(enter, kind="exit", at_ms=left_ms, crossed_at_ms=left_ms,
                    duration_s=(left_ms - at_ms) // 1000)  # fmt: skip
    return [(at_ms, [history.crossed(enter)]), (left_ms, [history.crossed(leave)])]
