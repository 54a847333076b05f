"""Very many fences over one point: a thousand of them count, and somebody can see it."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from fencepost_geofence.index import HITS_MAX
from gateway.rig import INSIDE, OPEN_POLICY, Rig, open_rig


@pytest.mark.bad_input(66)
@pytest.mark.parametrize(
    "count", [HITS_MAX + 1, pytest.param(50_000, marks=pytest.mark.long)], ids="{:,}".format
)
async def test_crowd_of_fences_is_cut_and_counted(tmp_path: Path, count: int) -> None:
    """Whoever stands in more fences than count enters the first by id, and /metrics tells."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPEN_POLICY)
        before = await figure(rig, "fencepost_positions_cut_total")
        await publish(rig, circles(count))
        await rig.consent()
        for _ in range(3):
            await rig.fix(INSIDE)
        await rig.settle()
        after = await figure(rig, "fencepost_positions_cut_total")
        told = await figure(rig, 'fencepost_transitions_total{kind="enter"}')
        poison = await figure(rig, "fencepost_pipeline_poison_total")

    assert (before, told, poison) == (0, HITS_MAX, 0)
    assert after >= 1  # once: a device that does not move is not looked at again


async def test_fixes_that_decide_nothing_are_counted_by_why(tmp_path: Path) -> None:
    """A second fix of the same moment is a duplicate, whatever it says."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPEN_POLICY)
        await rig.consent()
        await rig.fix(INSIDE, after_s=15)
        await rig.fix(INSIDE, after_s=0)
        await rig.fix((0.0, 0.0), after_s=15)
        await rig.settle()
        found = {
            reason: await figure(rig, f'fencepost_fixes_dropped_total{{reason="{reason}"}}')
            for reason in ("duplicate", "null_island")
        }

    assert found == {"duplicate": 1, "null_island": 1}


def circles(count: int) -> dict[str, Any]:
    """Draw circles of 60 m and more around one point."""
    lat, lon = INSIDE
    shape = {"type": "Point", "coordinates": [lon, lat]}
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": f"f-{i:05}",
                "geometry": shape,
                "properties": {"radius_m": 60 + i % 100},
            }
            for i in range(count)
        ],
    }


async def publish(rig: Rig, fences: dict[str, Any]) -> None:
    """Publish a large file of fences, as a stream."""
    files = [{"path": "fences.geojson", "text": json.dumps(fences)}]
    body = BytesIO(json.dumps({"files": files}).encode())
    response = await rig.client.post("/v1/documents", data=body, headers=rig.operator)
    assert response.status == 200, await response.text()
    await rig.settle()


async def figure(rig: Rig, name: str) -> float:
    """Read one figure of /metrics."""
    text = await (await rig.client.get("/metrics")).text()
    return float(next(x.split()[-1] for x in text.splitlines() if x.startswith(name + " ")))
