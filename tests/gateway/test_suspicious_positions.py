"""Suspicious positions, from the door on: marked, counted, and they decide nothing."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway.decide.ids import person_id_of_user
from gateway.rig import (
    DOCUMENTS,
    FENCES,
    GRANTS,
    INSIDE,
    NOON_MS,
    OPEN_POLICY,
    OUTSIDE,
    Rig,
    moment,
    open_rig,
)

FAR = (43.73, 13.62)  # 500 km east
REWARD = DOCUMENTS.replace("goal: none", "goal: none\nwhen: {transition: enter, clean: true}", 1)


async def open_town(rig: Rig, text: str = REWARD, consent: dict[str, str] | None = None) -> None:
    """Publish, and let somebody agree."""
    await rig.apply(text, OPEN_POLICY)
    await rig.consent(consent)
    await rig.settle()


async def see(rig: Rig, *where: tuple[float, float], after_s: float = 15, **more: Any) -> None:
    """Send one fix after another, each in an upload of its own."""
    for lat, lon in where:
        rig.clock.move_to(rig.clock.now_ms() + round(after_s * 1000))
        await rig.send({"type": "fix", "lat": lat, "lon": lon, "accuracy_m": 5} | more)
        await rig.settle()


async def figures(rig: Rig, name: str) -> dict[str, float]:
    """Give a counter by its label."""
    response = await rig.client.get("/metrics", headers=rig.operator)
    return {
        line.split('"')[1]: float(line.rpartition(" ")[2])
        for line in (await response.text()).splitlines()
        if line.startswith(f"{name}_total{{")
    }


async def told(rig: Rig) -> list[tuple[str, list[str]]]:
    """Give the transitions, with their flags."""
    bodies = [r["body"] for r in await rig.records("transition")]
    return [(body["kind"], body.get("flags", [])) for body in bodies]


async def steps(rig: Rig) -> list[tuple[str, str]]:
    """Give what came of every campaign that was woken."""
    return [(r["body"]["outcome"], r["body"]["reason"]) for r in await rig.records("step")]


@pytest.mark.feature("Q21")
@pytest.mark.bad_input(53)
async def test_clean_visit_is_rewarded(tmp_path: Path) -> None:
    """Nothing suspicious: no flags on the record, none counted, and the reward."""
    async with open_rig(tmp_path) as rig:
        await open_town(rig)
        await rig.walk_in()

        assert await told(rig) == [("enter", [])]
        assert await steps(rig) == [("entered", "")]
        assert await figures(rig, "fencepost_suspicions") == {}


@pytest.mark.feature("Q21")
@pytest.mark.bad_input(53)
async def test_mock_positions_enter_nothing_and_mark_the_visit_that_follows(tmp_path: Path) -> None:
    """Made-up positions in the studio tell nothing; who walks in after that gets no reward."""
    async with open_rig(tmp_path) as rig:
        await open_town(rig)
        await see(rig, *[INSIDE] * 8, is_mock=True)
        told_by_mock = await told(rig)
        await rig.walk_in()
        (step,) = await rig.records("step")

        assert told_by_mock == []
        assert await told(rig) == [("enter", ["mock"])]
        assert step["body"]["reason"] == "condition_false"
        (operand,) = step["body"]["inputs"]["operands"]
        assert operand["rule"] == "transition enter clean true"
        assert operand["value"] == "enter of studio, flagged"
        assert await figures(rig, "fencepost_suspicions") == {"mock": 8}
        assert await figures(rig, "fencepost_fixes_dropped") == {"mock": 8}


async def test_flagged_transition_wakes_whom_it_always_woke(tmp_path: Path) -> None:
    """Only who demands a clean visit asks for flags; the record says what was seen."""
    async with open_rig(tmp_path) as rig:
        await open_town(rig, DOCUMENTS)
        await see(rig, INSIDE, is_mock=True)
        await rig.walk_in()
        (record,) = await rig.records("transition")
        answer = await rig.client.get(f"/v1/decisions/{record['subject']}", headers=rig.operator)

        assert await steps(rig) == [("entered", "")]
        assert "made-up positions" in await answer.text()


async def test_flag_lasts_an_hour_and_for_the_visit_that_it_marks(tmp_path: Path) -> None:
    """Two hours later a visit is clean; the end of a marked visit is marked however long it was."""
    async with open_rig(tmp_path) as rig:
        await open_town(rig)
        await see(rig, OUTSIDE, is_mock=True)
        await rig.walk_in()
        await see(rig, *[INSIDE] * 16, after_s=600)
        await see(rig, *[OUTSIDE] * 4)
        await rig.walk_in()
        kinds = [one for one in await told(rig) if one[0] != "dwell"]

        assert kinds == [("enter", ["mock"]), ("exit", ["mock"]), ("enter", [])]
        assert await steps(rig) == [("not_entered", "condition_false"), ("entered", "")]


async def test_flags_are_stored_with_the_commit_that_told_them(tmp_path: Path) -> None:
    """They stand in the person's row, by device, with a moment and no position."""
    async with open_rig(tmp_path) as rig:
        await open_town(rig)
        await see(rig, INSIDE, is_mock=True)
        person_id = person_id_of_user(rig.gateway.settings.workspace, "u1")
        flags = (await rig.gateway.store.persons([person_id]))[person_id].flags

    assert [(one.flag, one.device_id, one.at_ms) for one in flags] == [
        ("mock", "dev-1", NOON_MS + 15_000)
    ]


async def test_withdrawn_location_forgets_what_was_suspicious(tmp_path: Path) -> None:
    """A flag comes of positions, and goes with them."""
    async with open_rig(tmp_path) as rig:
        await open_town(rig)
        await see(rig, INSIDE, is_mock=True)
        await rig.consent({"location_collect": "n"})
        await rig.settle()
        rig.clock.move_to(rig.clock.now_ms() + 1_000)
        await rig.consent()
        await rig.walk_in()

        assert await told(rig) == [("enter", [])]


@pytest.mark.bad_input(48)
async def test_null_island_is_accepted_marked_and_decides_nothing(tmp_path: Path) -> None:
    """(0, 0) is a verdict ``accepted``, a flag, and no transition; the visit is not left."""
    async with open_rig(tmp_path) as rig:
        await open_town(rig)
        await rig.walk_in()
        await see(rig, *[(0.0, 0.0)] * 6)

        assert await told(rig) == [("enter", [])]
        assert await figures(rig, "fencepost_suspicions") == {"null_island": 6}


@pytest.mark.bad_input(50)
async def test_two_places_at_one_time_are_marked_and_decide_nothing(tmp_path: Path) -> None:
    """One upload says here and 500 km away at the same moment: still here."""
    async with open_rig(tmp_path) as rig:
        await open_town(rig)
        await rig.walk_in()
        rig.clock.move_to(rig.clock.now_ms() + 15_000)
        at = moment(rig.clock.now_ms())
        fixes = [
            {"type": "fix", "at": at, "lat": lat, "lon": lon, "accuracy_m": accuracy_m}
            for (lat, lon), accuracy_m in ((INSIDE, 5), (FAR, 3))
        ]
        answer = await rig.send(*fixes)
        await rig.settle()

        assert answer["verdicts"]["others"] == []
        assert await told(rig) == [("enter", [])]
        assert await figures(rig, "fencepost_suspicions") == {"teleport": 1}


@pytest.mark.bad_input(52)
async def test_who_leaps_into_a_fence_and_stays_is_marked(tmp_path: Path) -> None:
    """The leap itself decides nothing; staying does, and the visit is not clean."""
    async with open_rig(tmp_path) as rig:
        await open_town(rig)
        await see(rig, *[FAR] * 3)
        await see(rig, INSIDE)
        told_by_leap = await told(rig)
        await see(rig, *[INSIDE] * 5)

        assert told_by_leap == []
        assert await told(rig) == [("enter", ["teleport"])]
        assert await steps(rig) == [("not_entered", "condition_false")]


@pytest.mark.bad_input(47)
async def test_swapped_position_is_accepted_and_marked(tmp_path: Path) -> None:
    """Latitude and longitude of the studio in the wrong order."""
    async with open_rig(tmp_path) as rig:
        await open_town(rig)
        await see(rig, (INSIDE[1], INSIDE[0]))
        response = await rig.client.get("/v1/fences/health", headers=rig.operator)
        (row,) = (await response.json())["health"]

        assert await told(rig) == []
        assert await figures(rig, "fencepost_suspicions") == {"maybe_swapped": 1}
        assert (row["fence_id"], row["findings"][0]["code"]) == ("studio", "mirrored")


# ---- approximate positions ---------------------------------------------------------------------

APPROXIMATE = GRANTS | {"location_precise": "n"}


@pytest.mark.feature("P07")
async def test_approximate_position_is_undecidable_for_a_small_fence_and_says_so(
    tmp_path: Path,
) -> None:
    """Snapped to 0.01 degrees, 800 m at best: a shop is not entered, its quarter is."""
    fences = copy.deepcopy(FENCES)
    quarter = copy.deepcopy(fences["features"][0])
    quarter |= {"id": "quarter", "properties": {"name": "Quarter", "radius_m": 5_000}}
    fences["features"].append(quarter)
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, fences=fences)
        await rig.consent(APPROXIMATE)
        exact = (INSIDE[0] + 0.0004, INSIDE[1] - 0.0003)
        await see(rig, (43.9, 7.42), (43.9, 7.42), *[exact] * 6, after_s=900)
        entered = [r["body"] for r in await rig.records("transition")]
        response = await rig.client.get("/v1/fences/health", headers=rig.operator)
        health = {row["fence_id"]: row["undecided"] for row in (await response.json())["health"]}

    assert [(one["kind"], one["fence_id"], one["accuracy_m"]) for one in entered] == [
        ("enter", "quarter", 800.0)
    ]
    assert health["studio"] == {"low_accuracy": 6}
    assert "low_accuracy" not in health.get("quarter", {})
