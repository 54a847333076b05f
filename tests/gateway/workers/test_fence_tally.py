"""What a group of log records adds to the counts of fences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway.decide.person import LEFT_MAX, Person
from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.intake.records import Outcome
from fencepost_gateway.ports import Effects
from fencepost_gateway.reports.fence_counts import (
    ACCURACY,
    AGAIN_MS,
    DELAY,
    ENTERS,
    FLAPS,
    SENT,
    TAKEN_BACK,
    bucket,
)
from fencepost_gateway.workers.fence_tally import DAY_MS, SAMPLE, FenceTally
from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import Fix
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.shapes import Circle
from gateway.batches import NOW_MS
from gateway.rig import DOCUMENTS, OPEN_POLICY, OUTSIDE, Rig, open_rig

DAY = NOW_MS // DAY_MS
INDEX = FenceIndex([Fence("studio", Circle(48.0, 11.0, 50)), Fence("far", Circle(49.0, 11.0, 50))])


def told(kind: str, at_ms: int, **members: Any) -> dict[str, Any]:
    """Give the body of a transition's record."""
    body = {"kind": kind, "fence_id": "studio", "device_id": "d", "at_ms": at_ms}
    rest = {"crossed_at_ms": at_ms, "initial": False, "superseded": False}
    return {**body, **rest, **members}


def counted(*bodies: dict[str, Any], person: Person | None = None) -> dict[str, int]:
    """Count transitions of one fence and day, but for the delays."""
    tally, who = FenceTally(), person or Person("p")
    for body in bodies:
        tally.transition(who, body, NOW_MS)
    found = tally.days.get((DAY, "studio"), {})
    return {what: n for what, n in found.items() if not what.startswith(DELAY)}


def fix(lat: float, accuracy_m: float | None, *, is_mock: bool = False) -> Fix:
    """Give a fix on the studio's meridian."""
    return Fix(NOW_MS, lat, 11.0, accuracy_m, is_mock=is_mock)


@pytest.mark.parametrize(
    ("fence_id", "state", "sent"),
    [("studio", "sent", 1), ("studio", "withheld", 0), ("studio", "unknown", 0), ("", "sent", 0)],
)
def test_delivery_counts_for_the_fence_that_caused_it(fence_id: str, state: str, sent: int) -> None:
    """Once it was sent; what an app event caused counts for no fence."""
    tally = FenceTally()

    tally.outcome(Outcome("m", "r", "c", "p", state, fence_id=fence_id), NOW_MS)

    assert tally.days == ({(DAY, "studio"): {SENT: 1}} if sent else {})


# ---- flaps ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("away_ms", "flaps"), [(0, 1), (AGAIN_MS, 1), (AGAIN_MS + 1, 0), (-1, 0)])
def test_flap_is_an_enter_soon_after_the_exit(away_ms: int, flaps: int) -> None:
    """Within five minutes of the EXIT, by estimated crossings; both ends counted."""
    found = counted(told("exit", NOW_MS), told("enter", NOW_MS + away_ms))

    assert (found[ENTERS], found.get(FLAPS, 0)) == (1, flaps)


@pytest.mark.parametrize(
    "other", [{"device_id": "e"}, {"fence_id": "cafe"}], ids=["device", "fence"]
)
def test_flap_needs_the_same_device_and_fence(other: dict[str, str]) -> None:
    """Two devices of a person, or two fences side by side, are no flap."""
    found = counted(told("exit", NOW_MS, **other), told("enter", NOW_MS + 1))

    assert found == {ENTERS: 1}


def test_initial_enters_and_corrections_are_no_visits() -> None:
    """Who was inside already did not arrive, and what late fixes take back never happened."""
    found = counted(
        told("exit", NOW_MS),
        told("enter", NOW_MS + 1, initial=True),
        told("enter", NOW_MS + 2, superseded=True),
        told("enter", NOW_MS + 3, opened=True),
    )

    assert found == {TAKEN_BACK: 1}


def test_exit_that_was_taken_back_makes_no_flap() -> None:
    """An ENTER after a correction stands alone."""
    found = counted(told("exit", NOW_MS, superseded=True), told("enter", NOW_MS + 1))

    assert found == {TAKEN_BACK: 1, ENTERS: 1}


def test_departures_are_few_and_young() -> None:
    """A person keeps the newest departures of the last minutes, and one of each fence."""
    person = Person("p")
    for n in range(LEFT_MAX + 5):
        counted(told("exit", NOW_MS + n, fence_id=f"f-{n}"), person=person)
        counted(told("exit", NOW_MS + n), person=person)
    many = len(person.left)
    counted(told("exit", NOW_MS + AGAIN_MS + 100), person=person)

    assert many == LEFT_MAX
    assert [d.at_ms for d in person.left] == [NOW_MS + AGAIN_MS + 100]


# ---- delay and accuracy --------------------------------------------------------------------


def test_delay_runs_from_the_crossing_to_the_deciding_fix() -> None:
    """The estimated crossing is when they came, the fix when we knew."""
    tally = FenceTally()
    tally.transition(Person("p"), told("enter", NOW_MS, crossed_at_ms=NOW_MS - 40_000), NOW_MS)

    assert tally.days[DAY, "studio"] == {ENTERS: 1, bucket(DELAY, 40): 1}


def test_accuracy_is_that_of_fixes_near_the_fence() -> None:
    """Of an upload that came from elsewhere only the fixes near count; unknown and mock never."""
    tally = FenceTally()
    fixes = [
        fix(48.1, 500),
        fix(48.001, 10),
        fix(48.0, None),
        fix(48.0, 0),
        fix(48.0, 9, is_mock=True),
    ]
    tally.weighed({("studio", "decided"): 2, ("studio", "one_fix"): 1}, fixes, INDEX, NOW_MS)

    assert tally.days == {(DAY, "studio"): {"decided": 2, "one_fix": 1, bucket(ACCURACY, 10): 1}}


def test_accuracy_of_a_long_upload_is_a_sample_over_all_of_it() -> None:
    """First and last part have their say, and no upload more than a few."""
    fixes = [fix(48.0, 10)] * 100 + [fix(48.0, 40)] * 100
    tally = FenceTally()
    tally.weighed({("studio", "decided"): 200}, fixes, INDEX, NOW_MS)

    assert tally.days[DAY, "studio"] == {
        "decided": 200,
        bucket(ACCURACY, 10): SAMPLE // 2,
        bucket(ACCURACY, 40): SAMPLE // 2,
    }


def test_fixes_near_no_fence_count_nothing() -> None:
    """No row where nothing was weighed."""
    tally = FenceTally()
    tally.weighed({}, [fix(48.5, 10)], INDEX, NOW_MS)

    assert tally.days == {}


# ---- through the pipeline ------------------------------------------------------------------


async def visit(rig: Rig, times: int = 1) -> None:
    """Walk in and out again."""
    for _ in range(times):
        await rig.walk_in()
        for _ in range(6):
            await rig.fix(OUTSIDE)
        await rig.settle()


async def counts(rig: Rig) -> dict[str, int]:
    """Give what the store holds of the studio."""
    return (await rig.gateway.store.fences.days(0)).get("studio", {})


@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_crash_around_the_commit_counts_nothing_twice(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commits that fail, and commits whose answer is lost, end in the counts of a calm run."""
    async with open_rig(tmp_path / "calm", store=store) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await visit(rig, 2)
        calm = await counts(rig)
    async with open_rig(tmp_path / "stormy", store=store) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        real, calls = rig.gateway.store.commit, iter(range(10_000))

        async def commit(effects: Effects) -> None:
            call = next(calls)
            if call % 3 == 0:
                raise StoreUnavailableError("before")
            await real(effects)
            if call % 3 == 1:
                raise StoreUnavailableError("after")

        monkeypatch.setattr(rig.gateway.store, "commit", commit)
        settle = rig.gateway.pipeline.step

        async def step() -> bool:
            try:
                return await settle()
            except StoreUnavailableError:
                return True

        monkeypatch.setattr(rig.gateway.pipeline, "step", step)
        await visit(rig, 2)
        stormy = await counts(rig)

    assert calm[ENTERS] == 2
    assert calm[FLAPS] == 1
    assert stormy == calm


async def test_withdrawn_location_leaves_only_counts(tmp_path: Path) -> None:
    """Where somebody was a minute ago goes with the consent; the counts stay."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await visit(rig)
        (before,) = (await rig.gateway.store.persons(await people(rig))).values()
        await rig.consent({"location_collect": "n"})
        await rig.settle()
        (after,) = (await rig.gateway.store.persons(await people(rig))).values()
        held = await counts(rig)

    assert [d.fence_id for d in before.left] == ["studio"]
    assert after.left == []
    assert held[ENTERS] == 1


async def people(rig: Rig) -> list[str]:
    """Name everybody who is on record."""
    return sorted({r["person_id"] for r in await rig.records("transition")})
