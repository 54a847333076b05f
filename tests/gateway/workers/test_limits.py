"""G05 and J08: what is limited is exact, however many come at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from gateway.rig import OPEN_POLICY, Rig, open_rig

MANY = 64
JOURNEY = """
kind: journey
id: first-class
goal: none
entry: [{event: viewed}, {api: true}]
reentry: always
LIMITS
steps:
  - id: gate
    limit: {to: 1}
    then: {full: wait}
  - id: through
    goal: true
  - id: wait
    wait: {for_duration: 1h}
"""
NO_GATE = """
  - id: gate
    limit: {to: 1}
    then: {full: wait}
  - id: through
    goal: true
"""


def journey(limits: str = "", *, gated: bool = False) -> str:
    """Write the journey with its limits."""
    text = JOURNEY.replace("LIMITS\n", f"limits: {limits}\n" if limits else "")
    return text if gated else text.replace(NO_GATE, "\n")


async def comes(rig: Rig, number: int) -> None:
    """Let somebody come on a device of their own, and see it twice."""
    device = f"d{number}"
    event = {"type": "track", "name": "viewed"}
    consent = {"type": "consent", "values": {"collect": "y"}}
    body = rig.batch(consent, event, event, user_id=f"u{number}")
    body |= {"device_id": device, "who": {"anonymous_id": f"v{number}", "user_id": f"u{number}"}}
    response = await rig.client.post("/v1/batch", json=body, headers=rig.device_headers(device))
    assert response.status == 200, await response.text()


async def all_at_once(rig: Rig) -> None:
    """Let everybody come at once, while the gateway works as it does in earnest."""
    working = asyncio.create_task(rig.gateway.pipeline.run())
    try:
        await asyncio.gather(*(comes(rig, number) for number in range(MANY)))
    finally:
        working.cancel()
        await asyncio.wait([working])
    rig.gateway.pipeline.forget()
    await rig.settle()


async def outcomes(rig: Rig) -> Counter[tuple[str, str]]:
    """Count what became of those who were woken."""
    rows = await rig.gateway.store.records(0, 10_000)
    bodies = [row.body for row in rows if row.kind == "step" and not row.body["step_id"]]
    return Counter((body["outcome"], body["reason"]) for body in bodies)


@pytest.mark.feature("G05")
@pytest.mark.parametrize("cap", [1, 7])
async def test_entry_cap_is_exact_under_parallel_entries(tmp_path: Path, cap: int) -> None:
    """So many get in, in all, also of a second crowd; everybody else is told it was the cap."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(journey(f"{{entries: {cap}}}"), OPEN_POLICY)
        await all_at_once(rig)
        await all_at_once(rig)
        found = await outcomes(rig)

    assert found == {("entered", ""): cap, ("not_entered", "entry_cap"): 4 * MANY - cap}


@pytest.mark.feature("G05")
async def test_concurrency_cap_is_exact_and_room_is_given_again(tmp_path: Path) -> None:
    """One at a time: the next one comes in once the first is through."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(journey("{running: 1}"), OPEN_POLICY)
        await all_at_once(rig)
        first = await outcomes(rig)
        rig.clock.move_to(rig.clock.now_ms() + 3_600_000)
        await rig.settle()
        await all_at_once(rig)
        second = await outcomes(rig)

    assert first == {("entered", ""): 1, ("not_entered", "concurrency_cap"): 2 * MANY - 1}
    assert second == {("entered", ""): 2, ("not_entered", "concurrency_cap"): 4 * MANY - 2}


@pytest.mark.feature("G05")
async def test_limit_of_a_step_is_exact_under_parallel_runs(tmp_path: Path) -> None:
    """One person goes through, again if they like; all others take the way they were given."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(journey(gated=True), OPEN_POLICY)
        await all_at_once(rig)
        await all_at_once(rig)
        rows = [row for row in await rig.gateway.store.records(0, 10_000) if row.kind == "step"]

    through = [row.person_id for row in rows if row.body["step_id"] == "through"]
    ways = Counter(row.body["to"] for row in rows if row.body["step_id"] == "gate")
    assert len(set(through)) == 1
    assert ways == {"through": len(through), "wait": 4 * MANY - len(through)}
