"""
Again: a story's log folded a second time, into a store that knows nothing of the first.

Rule 1. Every record of the live log is appended to a memory store at its own moment, and the
        pipeline folds it there. Nothing is claimed and nothing is sent: what became of messages
        stands in the log (``Outcome``), as the claims that were made live.
Rule 2. Publications put the documents in force that were in force then.
Rule 3. What the fold puts on record, what it counts, and where runs stand in the end, is the live
        gateway's, byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fencepost_gateway.clock import ManualClock
from fencepost_gateway.intake.records import Announced, LogRecord
from fencepost_gateway.metrics import Metrics
from fencepost_gateway.ports import RecordRow, RunRow, Store
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.workers.pipeline import Pipeline
from fencepost_gateway.workers.wakes import Wakes
from scenarios.evidence import RecordedPlans, plain
from scenarios.rig import PAGE, SEED, World

FOLDED = frozenset({"transition", "step", "audience", "check_in", "merge"})


async def check_again(world: World) -> None:
    """Assert that the story is the same when it is folded again, and judged again."""
    live = world.gateway.store
    store = await folded(world)
    people = sorted(world.names)

    assert await journey_bytes(store, people) == await journey_bytes(live, people)
    assert await record_bytes(store) == await record_bytes(live)
    assert await store.journeys.sums(0) == await live.journeys.sums(0)
    for judged in world.evidence.judged:
        assert plain(judged.again()) == plain(judged.verdict)


async def folded(world: World) -> MemoryStore:
    """Fold the log of a world again (Rules 1 and 2)."""
    store = MemoryStore()
    pipeline = Pipeline(
        store=store,
        plans=RecordedPlans(SEED, world.evidence.loads),
        workspace=world.gateway.settings.workspace,
        clock=ManualClock(0),
        wakes=Wakes(),
        metrics=Metrics(),
    )
    for record in await log_of(world.gateway.store):
        if isinstance(record.record, Announced):  # it has a row besides
            await store.broadcasts.announce(record.record.broadcast, record.appended_ms)
        else:
            await store.append(record.record, record.appended_ms)
    while await pipeline.step():
        pass
    return store


async def log_of(store: Store) -> list[LogRecord]:
    """Give every record of a log."""
    found: list[LogRecord] = []
    while records := await store.read_log(found[-1].position if found else 0, PAGE):
        found += records
    return found


async def record_bytes(store: Store) -> list[bytes]:
    """Give what the pipeline put on record, in order."""
    found: list[RecordRow] = []
    while rows := await store.records(found[-1].cursor if found else 0, PAGE):
        found += rows
    return [plain(_told(row)) for row in found if row.kind in FOLDED]


async def journey_bytes(store: Store, people: Iterable[str]) -> list[bytes]:
    """Give where the runs of people stand, and stood when they ended."""
    found: list[RunRow] = []
    for person_id in people:
        found += await store.runs.of(person_id)
    return [plain(row) for row in found]


def _told(row: RecordRow) -> Sequence[Any]:
    return [row.at_ms, row.person_id, row.kind, row.subject, row.body]
