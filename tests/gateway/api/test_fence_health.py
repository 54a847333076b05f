"""``GET /v1/fences/health``, from what the gateway itself counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway.api import fence_health as module
from fencepost_gateway.ports import Effects
from gateway.rig import DOCUMENTS, NOON_MS, OPEN_POLICY, OUTSIDE, Rig, open_rig

DAY_MS = 86_400_000
TODAY = NOON_MS // DAY_MS
ILL = {"decided": 100, "enter": 10, "again": 9}


def fences(*ids: str, radius_m: float = 60) -> dict[str, Any]:
    """Give fences a kilometre apart, the first of them the studio's."""
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": name,
                "geometry": {"type": "Point", "coordinates": [7.42, 43.73 + i / 100]},
                "properties": {"radius_m": radius_m, "tags": ["studio"]},
            }
            for i, name in enumerate(ids)
        ],
    }


async def ask(rig: Rig, query: str = "", status: int = 200) -> Any:
    """Ask for the report as the operator."""
    response = await rig.client.get(f"/v1/fences/health{query}", headers=rig.operator)
    assert response.status == status
    return await response.json()


async def count(rig: Rig, **counted: dict[str, int]) -> None:
    """Put counts of today into the store."""
    position = await rig.gateway.store.position() + 1
    days = {(TODAY, name): counts for name, counts in counted.items()}
    await rig.gateway.store.commit(Effects(position, NOON_MS, fence_days=days))


@pytest.mark.feature("N10")
async def test_visits_flaps_and_delay_are_those_of_the_walks(tmp_path: Path) -> None:
    """Three visits, each soon after the one before: counted, and told with the advice."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        for _ in range(4):
            await rig.walk_in()
            for _ in range(6):
                await rig.fix(OUTSIDE)
        await rig.settle()
        answer = await ask(rig)
        told = [r["body"] for r in await rig.records("transition")]
        ended = [r["body"]["state"] for r in await rig.records("outcome")]

    (row,) = answer["health"]
    enters = [t for t in told if t["kind"] == "enter" and not t["initial"]]
    assert (row["enters"], row["flaps"]) == (len(enters), len(enters) - 1) == (4, 3)
    delays_s = sorted((t["at_ms"] - t["crossed_at_ms"]) / 1000 for t in enters)
    assert row["enter_delay_s"] == pytest.approx(delays_s[1], rel=0.1, abs=1)
    assert row["accuracy_m"] == 5
    assert row["sends"] == ended.count("sent") > 0
    assert row["sends_per_visit"] == row["sends"] / 4
    assert row["fixes"] >= 8  # those that told something new
    assert [f["code"] for f in row["findings"]] == ["flapping"]
    assert (answer["fences"], answer["seen"], answer["ailing"]) == (1, 1, 1)
    assert (answer["from"], answer["to"]) == ("2026-05-26", "2026-06-01")


async def test_pages_go_through_all_fences_worst_first(tmp_path: Path) -> None:
    """Every fence a fix fell into once, in one order, with ``next`` until the end."""
    names = [f"f-{i}" for i in range(5)]
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, fences=fences(*names, "unseen"))
        await count(rig, **{n: {"decided": 10 + i} for i, n in enumerate(names)}, gone=ILL)
        await count(rig, **{"f-2": ILL})
        pages = [await ask(rig, "?limit=2")]
        while pages[-1]["next"] is not None:
            pages.append(await ask(rig, f"?limit=2&after={pages[-1]['next']}"))

    found = [[row["fence_id"] for row in page["health"]] for page in pages]
    assert found == [["f-2", "f-4"], ["f-3", "f-1"], ["f-0"]]
    assert {(p["fences"], p["seen"], p["ailing"]) for p in pages} == {(6, 5, 1)}


async def test_days_are_those_asked_for(tmp_path: Path) -> None:
    """What was counted before the first of them is left out."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        days = {(TODAY - ago, "studio"): {"decided": 10**ago} for ago in range(4)}
        await rig.gateway.store.commit(Effects(99, NOON_MS, fence_days=days))
        found = [(await ask(rig, f"?days={n}"))["health"][0]["fixes"] for n in (1, 3)]

    assert found == [1, 111]


async def test_fences_asked_for_come_alone_with_their_overlaps(tmp_path: Path) -> None:
    """Only these, and what lies on their ground; an unknown one is named."""
    async with open_rig(tmp_path) as rig:
        twins = fences("a", "b", "c")
        twins["features"].append({**twins["features"][1], "id": "b-again"})
        await rig.apply(DOCUMENTS, OPEN_POLICY, fences=twins)
        await count(rig, a=ILL, b={"decided": 7})
        both = await ask(rig, "?fence=b&fence=c&fence=b")
        alone = await ask(rig, "?fence=a")
        every = await ask(rig)
        problem = await ask(rig, "?fence=a&fence=nowhere", 404)

    assert (both["fences"], [row["fence_id"] for row in both["health"]]) == (2, ["b"])
    (shared,) = both["overlaps"]["worst"]
    assert (shared["kind"], shared["fences"], shared["fixes"]) == ("duplicate", ["b", "b-again"], 7)
    assert alone["overlaps"]["worst"] == []
    assert every["overlaps"]["duplicate"] == 1
    assert "nowhere" in problem["detail"]


async def test_overlaps_are_those_of_the_last_publication(tmp_path: Path) -> None:
    """They are kept from answer to answer, but not beyond a change of the fences."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, fences=fences("a"))
        before = (await ask(rig))["overlaps"]["duplicate"]
        twins = fences("a")
        twins["features"].append({**twins["features"][0], "id": "b"})
        await rig.apply(DOCUMENTS, OPEN_POLICY, fences=twins)
        after = (await ask(rig))["overlaps"]["duplicate"]

    assert (before, after) == (0, 1)


@pytest.mark.parametrize("query", ["?days=32", "?limit=1001", "?after=-1", "?days=x"])
async def test_wrong_query_is_refused(query: str, tmp_path: Path) -> None:
    """A number that is none, or beyond the bounds."""
    async with open_rig(tmp_path) as rig:
        assert (await ask(rig, query, 400))["code"] == "malformed"


async def test_too_many_fences_are_refused(tmp_path: Path) -> None:
    """A hundred ids at once, not more."""
    query = "&".join(f"fence=f-{i}" for i in range(module.ASKED_MAX + 1))
    async with open_rig(tmp_path) as rig:
        problem = await ask(rig, f"?{query}", 400)

    assert "100 fences" in problem["detail"]
