"""Journeys in the store at the edges: runs that take each other's place, and those that merge."""

from pathlib import Path
from typing import Any

from fencepost_gateway.ports import RunRow
from gateway.rig import OPEN_POLICY, Rig, open_rig

HOUR_MS = 3_600_000
JOURNEY = """
kind: journey
id: trip
goal: none
entry: {event: viewed}
exit_on: [{event: viewed}]
steps:
  - id: pause
    wait: {for_duration: 1h}
"""
COLLECT = {"type": "consent", "values": {"collect": "y"}}
VIEWED = {"type": "track", "name": "viewed"}


async def rows_of(rig: Rig) -> list[RunRow]:
    """Give the rows of runs of whoever was on record last."""
    person_id = (await rig.records("step"))[-1]["person_id"]
    return await rig.gateway.store.runs.of(person_id)


async def test_row_of_a_run_says_that_it_ended_though_the_next_one_began_at_once(
    tmp_path: Path,
) -> None:
    """One event may end a run and begin another: no row is left that seems to live."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(JOURNEY, OPEN_POLICY)
        await rig.send(COLLECT, VIEWED, VIEWED)
        await rig.settle()
        rows = await rows_of(rig)

        assert sorted((row.outcome, row.ended_ms is None) for row in rows) == [
            ("", True),
            ("exited", False),
        ]


async def test_run_that_gives_way_when_two_become_one_leaves_a_record(tmp_path: Path) -> None:
    """Everything that was entered either lives, or is on record as ended."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(JOURNEY, OPEN_POLICY)
        await rig.send(COLLECT, VIEWED)
        rig.clock.move_to(rig.clock.now_ms() + 1)
        await rig.send(COLLECT, VIEWED, user_id=None)
        await rig.send({"type": "identify", "user_id": "u1"}, user_id=None)
        await rig.settle()
        bodies: list[Any] = [r["body"] for r in await rig.records("step")]
        rows = await rows_of(rig)

        assert [b["reason"] for b in bodies if b["outcome"] == "ended"] == ["merged"]
        assert [row.outcome for row in rows] == ["", "merged"]
