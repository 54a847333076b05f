"""
``python -m bench.workspace``: what many long journeys cost: 1,000 of 200 steps each.

1. Published: reading and checking them (together, and when one of them is changed), compiling.
2. Started: a gateway of a folder that has them, and its memory.
3. An app event that wakes none of them, or ten.

``--journeys`` and ``--steps`` make it smaller. No figure is a pass line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import msgspec

from bench.journeys import rss_mib, say
from fencepost_gateway.app import open_gateway
from fencepost_gateway.clock import SystemClock
from fencepost_gateway.content.lint import lint_documents
from fencepost_gateway.documents.check import check
from fencepost_gateway.documents.compile import compile_plan
from fencepost_gateway.documents.document import SourceFile, StoredDocument
from fencepost_gateway.documents.kept_flows import KeptFlows
from fencepost_gateway.documents.loader import load
from fencepost_gateway.intake.records import LogRecord, Upload
from fencepost_gateway.intake.wire import Track, decode_event
from fencepost_gateway.ports import DocumentRow
from fencepost_gateway.stores.sqlite import open_sqlite
from fencepost_gateway.workers.group import Group
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.states import States
from gateway.batches import NOW_MS, batch, event
from gateway.rig import make_settings

JOURNEYS, STEPS, EVENTS, WOKEN = 1_000, 200, 200, 10
READ = 20
TURN = 4  # steps that repeat below
T = TypeVar("T")


def journey(number: int, steps: int) -> dict[str, Any]:
    """Make a journey: branches, updates, waits and stages in turn."""
    turns: list[dict[str, Any]] = []
    for n in range(steps // TURN):
        turns += [
            {"id": f"look{n}", "branch": [
                {"when": {"person": "tier", "is": "plus"}, "to": f"note{n}"},
                {"otherwise": f"rest{n}"},
            ]},
            {"id": f"note{n}", "update": {"set": {"seen": "yes"}}},
            {"id": f"rest{n}", "wait": {"for": {"event": f"yes{number}"}, "timeout": "12h"}},
            {"id": f"mark{n}", "stage": f"s{n}"},
        ]  # fmt: skip
    return {
        "kind": "journey", "id": f"j{number:04}", "entry": {"event": f"begin{number // WOKEN}"},
        "goal": {"event": "bought", "within": "80d"}, "exit_on": [{"event": "left"}],
        "reentry": "always", "instance": "order_id", "steps": turns,
    }  # fmt: skip


def timed(what: str, work: Callable[[], T]) -> T:
    """Do it and say how long it took, and what memory it left."""
    clock, before = SystemClock(), rss_mib()
    begin_s = clock.monotonic_s()
    done = work()
    say(f"{what}: {clock.monotonic_s() - begin_s:.2f} s, {rss_mib() - before:+.0f} MiB")
    return done


def publishing(journeys: int, steps: int) -> None:
    """Measure the first part."""
    bodies = [journey(n, steps) for n in range(journeys)]
    texts = [SourceFile(f"{n}.yaml", json.dumps(bodies[n], indent=1)) for n in range(READ)]
    loaded = timed(f"reading {READ} of them", lambda: load(texts))
    stored = [StoredDocument(each["kind"], each["id"], 1, each) for each in bodies]
    found = timed(
        "checking one, beside all", lambda: check(loaded.documents[:1], stored, lint_documents)
    )
    assert found == [], found[:3]
    kept = KeptFlows()
    timed("compiling all", lambda: compile_plan(stored, 1, "seed", kept_flows=kept))
    stored[0] = StoredDocument("journey", stored[0].id, 2, stored[0].body)
    timed("compiling one, beside all", lambda: compile_plan(stored, 2, "seed", kept_flows=kept))


async def fill(folder: Path, journeys: int, steps: int) -> None:
    """Write a folder in which they are live."""
    store = open_sqlite(folder)
    rows = []
    for body in (journey(n, steps) for n in range(journeys)):
        row = DocumentRow("journey", body["id"], 1, msgspec.json.encode(body), NOW_MS, NOW_MS)
        rows.append(row)
    await store.publish(rows, NOW_MS, after=0)
    await store.close()


async def start(folder: Path) -> None:
    """Measure the second part."""
    clock, before = SystemClock(), rss_mib()
    begin_s = clock.monotonic_s()
    async with open_gateway(make_settings(folder), clock) as gateway:
        took_s = clock.monotonic_s() - begin_s
        while await gateway.pipeline.step():
            pass
        live = len(gateway.surface.plans.plan.flows)
        more = rss_mib() - before
        say(f"a gateway with {live:,} of them starts in {took_s:.1f} s; {more:.0f} MiB more")


def event_us(plans: Plans, name: str, events: int) -> float:
    """Fold events of one person each; gives the median microseconds of one."""
    states, clock, took = States(), SystemClock(), []
    props = {"order_id": "1"}
    for n, raw in enumerate(
        batch(*(event(n + 1, name=name, props=props) for n in range(events))).events
    ):
        at_ms = NOW_MS + n * 1000
        happened = decode_event(raw)
        assert isinstance(happened, Track)
        told = Upload(f"d{n}", f"p{n}", "v", "u", "s", at_ms, [happened], [at_ms])
        begin_s = clock.monotonic_s()
        Group(states, plans, "bench", n + 1).take(LogRecord(n + 1, at_ms, told))
        took.append((clock.monotonic_s() - begin_s) * 1e6)
    on = sum(run.at is not None for run in states.person("p0").runs.values())
    assert on == (WOKEN if name.startswith("begin") else 0), f"{on} were entered"
    return median(took)


def events(journeys: int, steps: int) -> None:
    """Measure the third part, beside one journey and beside all."""
    for count in (WOKEN, journeys):
        plans = Plans("seed")
        stored = [StoredDocument("journey", f"j{n:04}", 1, journey(n, steps)) for n in range(count)]
        plans.plan = compile_plan(stored, 1, "seed")
        for name, what in (("viewed", "none"), ("begin0", f"{WOKEN}")):
            took = min(event_us(plans, name, EVENTS) for _ in range(3))
            say(f"an event that wakes {what} of {count:,}: {took:.0f} us")


async def main(journeys: int, steps: int) -> None:
    """Measure everything; the gateway in a process of its own."""
    publishing(journeys, steps)
    events(journeys, steps)
    with tempfile.TemporaryDirectory() as name:
        await fill(Path(name), journeys, steps)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.workspace", "--start", name), env=dict(os.environ)
        )
        assert await process.wait() == 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--journeys", type=int, default=JOURNEYS)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--start", type=Path)
    given = parser.parse_args()
    asyncio.run(start(given.start) if given.start else main(given.journeys, given.steps))
