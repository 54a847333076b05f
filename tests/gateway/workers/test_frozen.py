"""
R13, in one process: a worker that stood still in a call for longer than its lease writes nothing.

One process owns a data folder, so nobody else can take its leases: what wakes after a SIGSTOP is
the same process, and its reconciler may be ahead of its confirm. That is played here, on a clock
that jumps. A process that follows one that was killed is in ``faults/test_failpoints``.
"""

import asyncio
from pathlib import Path

import pytest

from fencepost_gateway.ports import LEASE_MS
from gateway.rig import OPEN_POLICY, Rig, open_rig
from gateway.workers.scripted import PHONE, Script
from gateway.workers.test_fallback import CAMPAIGN, ends, pass_time, slots


def _lost(rig: Rig) -> float:
    (metric,) = rig.gateway.surface.metrics.lease_lost.collect()
    return metric.samples[0].value


@pytest.mark.guarantee("R13")
@pytest.mark.parametrize(
    ("purpose", "calls", "end"),
    [
        ("marketing", 1, ("unknown", "unknown.lease_lost", "kept_unknown")),
        ("transactional", 2, ("sent", "", "confirmed")),
    ],
)
async def test_worker_that_wakes_after_its_lease_confirms_nothing(
    tmp_path: Path, purpose: str, calls: int, end: tuple[str, str, str]
) -> None:
    """Its answer is dropped and counted; the unknown rule says what follows, under one key."""
    script = Script()
    script.frozen = asyncio.Event()
    async with open_rig(tmp_path) as rig:
        script.speak(rig)
        await rig.apply(CAMPAIGN.format(purpose=purpose, channels="sms", more=""), OPEN_POLICY)
        await rig.consent()
        await rig.send(PHONE, {"type": "track", "name": "asked"})
        work = asyncio.create_task(rig.settle())
        await script.reached.wait()
        rig.clock.move_to(rig.clock.now_ms() + LEASE_MS)
        await rig.gateway.deliver.reconcile()
        script.frozen.set()
        await work
        await pass_time(rig, 10)
        ((state, reason),) = await ends(rig)
        (slot,) = await slots(rig)
        lost = _lost(rig)

    assert (lost, len(script.calls), len(set(script.calls))) == (1, calls, 1)
    assert (state, reason, slot) == end
