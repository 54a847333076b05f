"""
``python -m bench.why``: how long ``GET /v1/explain`` takes beside a million decision records.

The records are written straight into the store's file; one person has a tenth of them.
``--records`` makes it smaller. No figure is a pass line.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from typing import Any

import apsw
import msgspec

from fencepost_gateway.clock import SystemClock
from fencepost_gateway.decide.ids import person_id_of_user
from gateway.rig import DOCUMENTS, NOON_MS, OPEN_POLICY, Rig, open_rig

RECORDS = 1_000_000
USERS = 20_000
BUSY_SHARE = 10  # one record in ten is the busy person's
ROUNDS = 40
SPAN_MS = 90 * 86_400_000
FENCES = 200
TOLD = 200
JOURNEY = """
kind: audience
id: regulars
when: {person: points, gte: 200}
---
kind: journey
id: iced
entry: [{external: weather, for: {audience: regulars}}, {transition: dwell, fence: {tag: studio}}]
goal: none
steps: [{wait: {for_duration: 1d}}]
"""
Row = tuple[int, str, str, str, bytes]

QUESTIONS: dict[str, dict[str, str]] = {
    "busy, this week": {"user": "u0"},
    "busy, one hour": {"user": "u0", "from": "2026-05-20T12:00", "to": "2026-05-20T13:00"},
    "busy, all, one campaign": {"user": "u0", "campaign": "greeting", "from": "2026-01-01"},
    "busy, four days, one that was never": {
        "user": "u0", "campaign": "other", "from": "2026-05-28T14:00",
    },
    "busy, four days, a journey that was never": {
        "user": "u0", "campaign": "iced", "from": "2026-05-28T14:00",
    },
    "usual, all": {"user": "u7", "from": "2026-01-01"},
    "nobody": {"user": "nobody", "campaign": "greeting"},
}  # fmt: skip


async def main(records: int) -> None:
    """Fill a store, open it, and ask."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with open_rig(folder, NOON_MS - SPAN_MS) as rig:
            other = (
                DOCUMENTS.split("---")[0].replace("greeting", "other").replace("enter", "expire")
            )
            await rig.apply(DOCUMENTS, OPEN_POLICY, other, JOURNEY)
            workspace = rig.gateway.surface.settings.workspace
        fill(folder / "fencepost.db", workspace, records)
        async with open_rig(folder) as rig:
            await tell(rig)
            for question, query in QUESTIONS.items():
                await ask(rig, clock, question, query)


async def tell(rig: Rig) -> None:
    """Tell many of the weather, again and again."""
    for number in range(TOLD):
        told = {"id": f"w{number}", "name": "weather"}
        await rig.client.post("/v1/external", json=told, headers=rig.operator)
        await rig.settle()


def fill(path: Path, workspace: str, records: int) -> None:
    """Write decision records as the pipeline and the claim do, spread over three months."""
    db = apsw.Connection(str(path))
    sql = "INSERT INTO record (at_ms, person_id, kind, subject, body) VALUES (?, ?, ?, ?, ?)"
    with db:
        db.executemany(sql, rows(workspace, records))
    db.close()


def rows(workspace: str, records: int) -> Iterator[Row]:
    """Give records in order of time: visits, and every tenth a decision about the greeting."""
    pack = msgspec.msgpack.Encoder().encode
    people = [person_id_of_user(workspace, f"u{n}") for n in range(USERS)]
    for n in range(records):
        at_ms = NOON_MS - SPAN_MS + n * SPAN_MS // records
        person_id = people[0] if n % BUSY_SHARE == 0 else people[n % USERS]
        step = {
            "campaign_id": "greeting", "campaign_version": 1, "outcome": "not_entered",
            "reason": "reentry_running", "run_id": "", "message_ids": [], "cause": "enter",
            "fence_id": "studio", "at_ms": at_ms, "inputs": {"entered_ms": at_ms},
        }  # fmt: skip
        transition = {
            "kind": ("enter", "exit")[n // BUSY_SHARE % 2], "fence_id": f"f{n % FENCES}",
            "fence_name": "", "at_ms": at_ms, "distance_m": -3.1, "accuracy_m": 8.0,
            "confidence": 0.8, "duration_s": None, "after_s": None, "device_id": "d",
        }  # fmt: skip
        is_step = n // BUSY_SHARE % BUSY_SHARE == 0
        kind = "step" if is_step else "transition"
        yield at_ms, person_id, kind, f"s{n}", pack(step if is_step else transition)


async def ask(rig: Rig, clock: SystemClock, question: str, query: dict[str, str]) -> None:
    """Ask one question again and again."""
    took_ms: list[float] = []
    answer: dict[str, Any] = {}
    for _ in range(ROUNDS):
        start_s = clock.monotonic_s()
        response = await rig.client.get("/v1/explain", params=query, headers=rig.operator)
        answer = await response.json()
        took_ms.append((clock.monotonic_s() - start_s) * 1000)
    listed, found = len(answer["decisions"]), [one["reason"] for one in answer["never"]]
    cuts = quantiles(took_ms, n=100)
    print(  # noqa: T201 - a benchmark prints
        f"{question}: p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms ({listed} listed, {found})"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS)
    asyncio.run(main(parser.parse_args().records))
