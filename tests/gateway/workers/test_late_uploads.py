"""Uploads that come late, through the door: what they tell, take back, and send."""

from pathlib import Path
from typing import Any

from gateway.batches import moment
from gateway.rig import DOCUMENTS, INSIDE, OPEN_POLICY, OUTSIDE, Rig, open_rig

Spot = tuple[float, float]


def fixes(start_ms: int, end_ms: int, where: Spot, every_ms: int = 5_000) -> list[dict[str, Any]]:
    """Stay at a place for a while."""
    lat, lon = where
    return [
        {"type": "fix", "lat": lat, "lon": lon, "accuracy_m": 5, "at": moment(at_ms)}
        for at_ms in range(start_ms, end_ms, every_ms)
    ]


async def told(rig: Rig) -> list[tuple[str, bool, bool]]:
    """Give kind, late, superseded of every transition on record."""
    await rig.settle()
    bodies = [record["body"] for record in await rig.records("transition")]
    return [(one["kind"], one["late"], one["superseded"]) for one in bodies]


async def test_late_upload_tells_the_visit_it_saw_and_greets(tmp_path: Path) -> None:
    """Seven minutes late is young enough for a message; the visit is on record as late."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        now_ms = rig.clock.now_ms()
        rig.clock.move_to(now_ms + 600_000)
        await rig.send(*fixes(now_ms, now_ms + 60_000, OUTSIDE))
        await rig.send(*fixes(now_ms + 540_000, now_ms + 600_000, OUTSIDE))
        assert await told(rig) == []
        await rig.send(*fixes(now_ms + 65_000, now_ms + 300_000, INSIDE))
        found = await told(rig)
        claims = await rig.claims()

    assert found == [("enter", True, False), ("dwell", True, False), ("exit", True, False)]
    assert claims == [("send", "")]


async def test_late_upload_is_told_but_too_old_for_a_message(tmp_path: Path) -> None:
    """A phone that was off for half an hour tells its visit; nobody is greeted for it now."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        now_ms = rig.clock.now_ms()
        rig.clock.move_to(now_ms + 1_800_000)
        await rig.send(
            *fixes(now_ms, now_ms + 60_000, OUTSIDE),
            *fixes(now_ms + 65_000, now_ms + 200_000, INSIDE),
        )
        found = await told(rig)
        claims = await rig.claims()

    assert found == [("enter", False, False), ("dwell", False, False)]
    assert claims == [("withheld", "too_old")]


async def test_late_upload_takes_a_visit_back(tmp_path: Path) -> None:
    """What the sorted track lacks is ended, marked, and nobody is in the studio any more."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        now_ms = rig.clock.now_ms()
        rig.clock.move_to(now_ms + 300_000)
        await rig.send(*fixes(now_ms, now_ms + 15_000, OUTSIDE))
        await rig.send(*fixes(now_ms + 120_000, now_ms + 165_000, INSIDE, 15_000))
        assert await told(rig) == [("enter", False, False)]
        await rig.send(
            *fixes(now_ms + 20_000, now_ms + 119_000, OUTSIDE, 2_000),
            *fixes(now_ms + 121_000, now_ms + 134_000, OUTSIDE, 2_000),
            *fixes(now_ms + 136_000, now_ms + 149_000, OUTSIDE, 2_000),
            *fixes(now_ms + 151_000, now_ms + 290_000, OUTSIDE, 2_000),
        )
        found = await told(rig)
        records = await rig.records("transition")
        persons = await rig.gateway.store.persons(sorted({one["person_id"] for one in records}))

    assert found == [("enter", False, False), ("exit", False, True)]
    assert [person.inside for person in persons.values()] == [[]]
