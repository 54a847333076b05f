"""
``python -m bench.journeys``: what journeys cost, and what it costs to wait.

1. A step of a run, nothing stored; ``--profile`` shows where it goes.
2. An app event that wakes nothing, beside 100 live journeys, for somebody who is on none, one, ten.
3. Waiting runs as rows: bytes of each, memory of a gateway that has them and of one that has none.
4. Waits that come due: all at once (how many a second), and evenly while apps send (how late).

``--runs`` and ``--steps`` make it smaller. No figure is a pass line.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import os
import pstats
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import msgspec

from fencepost_gateway.app import Gateway, open_gateway
from fencepost_gateway.clock import SystemClock
from fencepost_gateway.decide import walk
from fencepost_gateway.decide.census import Census
from fencepost_gateway.decide.enter import enter
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.decide.scene import Scene
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.documents.compile import compile_plan
from fencepost_gateway.documents.document import StoredDocument
from fencepost_gateway.intake.records import LogRecord, TimerFired, Upload
from fencepost_gateway.intake.wire import Track, decode_event
from fencepost_gateway.ports import Effects, RunRow
from fencepost_gateway.stores.sqlite import open_sqlite
from fencepost_gateway.workers.group import Group
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.states import States
from gateway.batches import NOW_MS, batch, event
from gateway.rig import OPEN_POLICY, make_settings, open_rig

STEPS, RUNS = 20_000, 100_000
JOURNEYS, EVENTS, REPEATS = 100, 2_000, 5
CHUNK = 2_000
PER_S, SPREAD_S = 400, 10
UPLOADS_PER_S = 40
HOUR_MS = 3_600_000
ROUND = 5  # steps of one turn of the loop below
LOOP: dict[str, Any] = {
    "kind": "journey", "id": "loop", "goal": {"event": "bought", "within": "80d"},
    "entry": {"event": "begin"}, "exit_on": [{"event": "left"}],
    "steps": [
        {"id": "look", "branch": [{"when": {"person": "tier", "is": "plus"}, "to": "draw"},
                                  {"otherwise": "draw"}]},
        {"id": "draw", "split": {"a": 50, "b": 50}, "then": {"a": "mark", "b": "mark"}},
        {"id": "mark", "stage": "on the way"},
        {"id": "note", "update": {"set": {"seen": "yes"}}},
        {"id": "rest", "wait": {"for_duration": "1s"}},
        {"to": "look"},
    ],
}  # fmt: skip
WAITING = """
kind: journey
id: waiting
goal: none
entry: {event: begin}
steps:
  - id: rest
    wait: {for_duration: 30d}
  - id: seen
    update: {set: {seen: "yes"}}
"""


def say(line: str) -> None:
    """Print a line of the answer."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def plan_of(*documents: dict[str, Any]) -> Plan:
    """Compile documents."""
    stored = [StoredDocument(d["kind"], d["id"], 1, d) for d in documents]
    return compile_plan(stored, 1, "seed")


def step_us(steps: int) -> float:
    """Let a run go round and round, a timer a turn; gives the microseconds of a step."""
    plan, person, clock = plan_of(LOOP), Person("p", attributes={"tier": "plus"}), SystemClock()
    scene = Scene(plan, "bench", person, Census({}), NOW_MS)
    enter(scene, Cause("c", "event", "begin", NOW_MS, {"sku": "mat", "value": 1.5}))
    taken, begin_s = 0, clock.monotonic_s()
    for turn in range(1, steps // ROUND + 1):
        scene = Scene(plan, "bench", person, Census({}), NOW_MS + turn * 1000)
        walk.rang(scene)
        taken += sum(record.outcome == "took" for record in scene.walked.records)
    return (clock.monotonic_s() - begin_s) * 1e6 / taken


def idle_us(journeys: int, on: int, events: int) -> float:
    """Fold events that wake nothing; gives the median microseconds of one."""
    plans, states, clock = Plans("seed"), States(), SystemClock()
    plans.plan = plan_of(*(
        LOOP | {"id": f"j{n}", "entry": {"event": f"begin{n}"},
                "steps": [{"id": "rest", "wait": {"for": {"event": f"yes{n}"}, "timeout": "80d"}}]}
        for n in range(journeys)
    ))  # fmt: skip
    names = [*(f"begin{n}" for n in range(on)), *["viewed"] * events]
    raws = [event(n + 1, name=name, props={"category": "yoga"}) for n, name in enumerate(names)]
    took = []
    for n, raw in enumerate(batch(*raws).events):
        at_ms = NOW_MS + n * 1000
        happened = decode_event(raw)
        assert isinstance(happened, Track)
        told = Upload("d", "p", "v", "u", "s", at_ms, [happened], [at_ms])
        begin_s = clock.monotonic_s()
        Group(states, plans, "bench", n + 1).take(LogRecord(n + 1, at_ms, told))
        took.append((clock.monotonic_s() - begin_s) * 1e6)
    living = sum(run.at is not None for run in states.person("p").runs.values())
    assert living == on, f"{living} of {on} journeys were entered"
    return median(took[on:])


async def fill(folder: Path, runs: int, due_ms: int, spread_ms: int) -> int:
    """Publish the journey and write so many runs that wait; gives the bytes of a person's row."""
    async with open_rig(folder, NOW_MS) as rig:
        await rig.apply(WAITING, OPEN_POLICY)
        plan = rig.gateway.surface.plans.plan
        workspace = rig.gateway.surface.settings.workspace
    store = open_sqlite(folder)
    position = await store.position()
    row = b""
    for chunk in range(0, runs, CHUNK):
        found = Effects(position, NOW_MS)
        for n in range(chunk, min(chunk + CHUNK, runs)):
            at_ms = due_ms + spread_ms * n // runs - 30 * 24 * HOUR_MS
            person = Person(f"waiting-{n:09}", f"u{n}", {"tier": "plus"})
            scene = Scene(plan, workspace, person, Census({}), at_ms)
            enter(scene, Cause(f"c{n}", "event", "begin", at_ms, {"sku": "mat", "value": 1.5}))
            ((key, run),) = scene.walked.moved.values()
            assert run.at is not None
            person.timer_ms = person.wakes_ms
            found.persons[person.person_id] = person
            found.person_timers[person.person_id] = person.wakes_ms
            found.runs[run.run_id] = RunRow(
                run.run_id, person.person_id, key, run.version, run.at.step_id, run.at.since_ms,
                run.at.wakes_ms, run.entered_ms,
            )  # fmt: skip
            row = msgspec.msgpack.encode(person)
        await store.commit(found)
    await store.close()
    return len(row)


def rss_mib() -> float:
    """Give the memory that the process has now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1048576


async def hold(folder: Path) -> None:
    """Start a gateway, look for what is due, and say how much memory that took."""
    async with open_gateway(make_settings(folder), SystemClock()) as gateway:
        await gateway.timers.step()
        while await gateway.pipeline.step():
            pass
        say(f"{rss_mib():.2f}")


async def held_mib(folder: Path) -> float:
    """Ask a process of its own how much it holds."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.journeys", "--hold", str(folder)),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return float(said)


async def memory(folder: Path, runs: int) -> None:
    """Measure the third part."""
    clock = SystemClock()
    far_ms = clock.now_ms() + 20 * 24 * HOUR_MS
    await fill(folder / "none", 0, far_ms, 0)
    row = await fill(folder / "many", runs, far_ms, HOUR_MS)
    none, many = [await held_mib(folder / name) for name in ("none", "many")]
    on_disk = sum(p.stat().st_size for p in (folder / "many").iterdir()) / max(runs, 1)
    say(
        f"{runs:,} waiting runs: {row} bytes a person's row, {on_disk:.0f} on disk with all that "
        f"belongs to it; the gateway takes {many:.1f} MiB, {none:.1f} with none "
        f"({(many - none) * 1048576 / max(runs, 1):.1f} bytes a run)"
    )


async def all_at_once(folder: Path, runs: int) -> None:
    """Measure how fast waits fire that are due together."""
    clock = SystemClock()
    await fill(folder, runs, clock.now_ms() - HOUR_MS, HOUR_MS // 2)
    async with open_gateway(make_settings(folder), clock) as gateway:
        before, begin_s = rss_mib(), clock.monotonic_s()
        while await gateway.timers.step():
            while await gateway.pipeline.step():
                pass
        took_s = clock.monotonic_s() - begin_s
        left = await gateway.store.runs.versions()
        assert left == set(), "some still wait"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    say(
        f"{runs:,} waits due at once: {took_s:.1f} s, {took_s * 1e6 / runs:.0f} us a wait, "
        f"{runs / took_s:,.0f} a second; memory before {before:.0f} MiB, peak {peak:.0f} MiB"
    )


async def evenly(folder: Path, runs: int) -> None:
    """Measure how late waits are that come due while apps send."""
    clock, runs = SystemClock(), min(runs, PER_S * SPREAD_S)
    spread_ms = runs * 1000 // PER_S
    await fill(folder, runs, clock.now_ms() + 1_500 + runs // 2, spread_ms)
    async with open_rig(folder, clock.now_ms()) as rig:
        own = rig.gateway
        rig.clock.move_to(clock.now_ms())
        ticking = asyncio.create_task(follow(rig.clock, clock))
        loops = [asyncio.create_task(each.run()) for each in (own.timers, own.pipeline)]
        fired: list[LogRecord] = []
        read = 0
        while len(fired) < runs:
            await rig.send({"type": "track", "name": "viewed"})
            while found := await own.store.read_log(read, 500):
                read = found[-1].position
                fired += [each for each in found if isinstance(each.record, TimerFired)]
            await asyncio.sleep(1 / UPLOADS_PER_S)  # the load
        behind = await until_processed(own, clock)
        for task in (*loops, ticking):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    due = [each.record.due_ms for each in fired if isinstance(each.record, TimerFired)]
    late = sorted(each.appended_ms - at for each, at in zip(fired, due, strict=True))
    cuts = quantiles(late, n=100)
    order = "in order" if due == sorted(due) else "OUT OF ORDER"
    say(
        f"{runs:,} waits due over {spread_ms / 1000:.0f} s while apps send: fired {order}, late "
        f"p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms, at most {late[-1]} ms; the pipeline was "
        f"done {behind * 1000:.0f} ms after the last"
    )


async def follow(shown: Any, clock: SystemClock) -> None:
    """Let the gateway's clock go with the machine's."""
    while True:
        shown.move_to(clock.now_ms())
        await asyncio.sleep(0.01)  # the clock of the bench


async def until_processed(own: Gateway, clock: SystemClock) -> float:
    """Wait until the log is processed; gives how long that took."""
    begin_s = clock.monotonic_s()
    while (await own.store.counts())["pending"]:  # noqa: ASYNC110 - it rings no bell for others
        await asyncio.sleep(0.005)  # the bench waits
    return clock.monotonic_s() - begin_s


def cases() -> Iterator[tuple[str, int, int]]:
    """Give the cases of the second part."""
    yield "no journeys", 0, 0
    for on in (0, 1, 10):
        yield f"{JOURNEYS} journeys, on {on} of them", JOURNEYS, on


async def main(runs: int, steps: int) -> None:
    """Measure everything."""
    say(f"a step: {min(step_us(steps) for _ in range(REPEATS)):.1f} us")
    for name, journeys, on in cases():
        took = min(idle_us(journeys, on, EVENTS * steps // STEPS) for _ in range(REPEATS))
        say(f"an event that wakes nothing, {name}: {took:.1f} us")
    with tempfile.TemporaryDirectory() as name:
        await memory(Path(name), runs)
        await all_at_once(Path(name) / "due", runs)
        await evenly(Path(name) / "evenly", runs)


def profile(steps: int) -> None:
    """Show where a step goes."""
    profiler = cProfile.Profile()
    profiler.runcall(step_us, steps)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--hold", type=Path)
    given = parser.parse_args()
    if given.hold:
        asyncio.run(hold(given.hold))
    elif given.profile:
        profile(given.steps)
    else:
        asyncio.run(main(given.runs, given.steps))
