"""
Stages: where an event's time goes inside the gateway, step by step, in one thread.

The same bodies pass through the same functions as in a running gateway, one stage after the other,
without HTTP and without a second thread; measured in CPU time of the process, so that waiting for
the disk, or for a machine that does something else, does not count.
"""

import asyncio
import json
import resource
from collections.abc import Callable, Sequence

from bench.servers import fresh_folder
from bench.world import Body, Crowd, device_id, documents, fences_geojson
from fencepost_gateway.api.batch import decode
from fencepost_gateway.clock import SystemClock
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.documents.document import SourceFile
from fencepost_gateway.documents.loader import load
from fencepost_gateway.intake import wire
from fencepost_gateway.intake.admission import Admission, AdmitFacts, House
from fencepost_gateway.intake.admit import admit
from fencepost_gateway.intake.marks import Marks
from fencepost_gateway.intake.records import LogRecord
from fencepost_gateway.ports import AdmitRequest, DocumentRow, Effects
from fencepost_gateway.stores.sqlite import SqliteStore, open_sqlite
from fencepost_gateway.workers.group import Group
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.states import States

GROUP = 32
WORKSPACE = "default"


class Stopwatch:
    """Adds up CPU time by stage."""

    def __init__(self, events: int) -> None:
        self._events = events
        self._begun_s = _cpu_s()

    def start(self) -> None:
        """Begin a stage."""
        self._begun_s = _cpu_s()

    def stop(self, stage: str) -> None:
        """End the stage and print what it cost."""
        used_us = 1e6 * (_cpu_s() - self._begun_s) / self._events
        print(f"{used_us:6.2f}  {stage}")  # noqa: T201 - a benchmark prints


async def stages(fences: int, seed: int, batches: int, size: int) -> None:
    """Print a table of CPU microseconds an event."""
    now_ms = SystemClock().now_ms()
    crowd = Crowd(min(200, batches), fences, seed, now_ms)
    hello, bodies = crowd.greetings(), crowd.batches(batches, size)
    watch = Stopwatch(sum(body.events for body in bodies))
    print("\nCPU us an event, stage")  # noqa: T201
    watch.start()
    raw = [decode(body.data) for body in bodies]
    watch.stop("decode the envelope")
    watch.start()
    for batch in raw:
        for event in batch.events:
            wire.decode_event(event)
    watch.stop("decode each event")
    with fresh_folder() as folder:
        store = open_sqlite(folder)
        try:
            plans = Plans("seed")
            await store.publish(_documents(fences, seed, now_ms), now_ms)
            await plans.load(store)
            admissions = _admit(hello, bodies, plans, now_ms, watch)
            await _append(store, bodies, admissions, watch)
            effects = _fold(admissions, plans, now_ms, watch)
            watch.start()
            for each in effects:
                await store.commit(each)
            watch.stop(f"write persons, tracks and records, {GROUP} batches a commit")
        finally:
            await store.close()


def _documents(fences: int, seed: int, now_ms: int) -> list[DocumentRow]:
    files = [
        SourceFile("bench.yaml", documents(fences)),
        SourceFile("f.geojson", json.dumps(fences_geojson(fences, seed))),
    ]
    return [
        DocumentRow(d.kind, d.id, 1, d.canonical, now_ms, now_ms) for d in load(files).documents
    ]


def _admit(
    hello: Sequence[Body], bodies: Sequence[Body], plans: Plans, now_ms: int, watch: Stopwatch
) -> list[Admission]:
    """Admit everything (it decodes each event too)."""
    house = House(WORKSPACE, plans.plan.every_policy)
    marks = {body.device: Marks() for body in hello}
    said: dict[str, list[ConsentEntry]] = {}
    for body in hello:
        facts = AdmitFacts(marks[body.device], str, lambda _: [])
        for change in admit(decode(body.data), house, facts, now_ms).consents:
            said.setdefault(change.person_id, []).append(change.entry)
    batches = [(body.device, decode(body.data)) for body in bodies]
    watch.start()
    found = [
        admit(batch, house, AdmitFacts(marks[device], str, lambda p: said.get(p, [])), now_ms)
        for device, batch in batches
    ]
    watch.stop("admit: decode each event again, give it its verdict")
    return found


async def _append(
    store: SqliteStore, bodies: Sequence[Body], admissions: Sequence[Admission], watch: Stopwatch
) -> None:
    """Write what was admitted, many a commit, as the door does."""
    wishes = [
        AdmitRequest(device_id(body.device), b"secret", "k3Vq9xTzB2m", _already(admission), 0)
        for body, admission in zip(bodies, admissions, strict=True)
    ]
    watch.start()
    for begin in range(0, len(wishes), GROUP):
        await asyncio.gather(*(store.admit(wish) for wish in wishes[begin : begin + GROUP]))
    watch.stop(f"append to the log, {GROUP} batches a commit")


def _already(admission: Admission) -> Callable[[AdmitFacts], Admission]:
    return lambda _facts: admission


def _fold(
    admissions: Sequence[Admission], plans: Plans, now_ms: int, watch: Stopwatch
) -> list[Effects]:
    states = States()
    uploads = [a.upload for a in admissions if a.upload is not None]
    log = [LogRecord(n + 1, now_ms, upload) for n, upload in enumerate(uploads)]
    watch.start()
    found = []
    for begin in range(0, len(log), GROUP):
        group = Group(states, plans, WORKSPACE, begin)
        for record in log[begin : begin + GROUP]:
            group.take(record)
        found.append(group.close())
    watch.stop("fold: tracker, persons, campaigns")
    return found


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
