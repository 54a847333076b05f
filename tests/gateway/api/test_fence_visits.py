"""``GET /v1/fences/visits``, from what devices sent and the gateway recorded."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from statistics import median_low
from typing import Any

import pytest
from typer.testing import CliRunner

from fencepost_gateway.__main__ import cli
from fencepost_gateway.api import fence_visits as module
from fencepost_gateway.ports import Effects, RecordRow
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

DAY_MS = 86_400_000
STAY_MS = 15_000
SEOUL = "kind: workspace\nid: default\nzone: Asia/Seoul\n"


def places(*ids: str, zone: str | None = None) -> dict[str, Any]:
    """Give fences on one spot, all but the first with the tag `gym`."""
    (studio,) = FENCES["features"]
    features = [
        {
            **studio,
            "id": name,
            "properties": {"radius_m": 60, "tags": ["gym"] if i else ["studio"]}
            | ({"zone": zone, "active": "24/7"} if zone else {}),
        }
        for i, name in enumerate(ids)
    ]
    return {**FENCES, "features": features}


async def ask(rig: Rig, query: str = "", status: int = 200) -> Any:
    """Ask for the report as the operator."""
    response = await rig.client.get(f"/v1/fences/visits{query}", headers=rig.operator)
    assert response.status == status
    return await response.json()


async def put(rig: Rig, fence: str, people: int, began_ms: int = NOON_MS - DAY_MS) -> None:
    """Put records of finished visits of different people into the store."""
    rows = []
    for n in range(people):
        body = {
            "fence_id": fence,
            "visit_began_ms": began_ms,
            "duration_s": 60 * (n + 1),
            "superseded": False,
        }
        for kind in ("enter", "exit"):
            told = {**body, "kind": kind}
            rows.append(RecordRow(0, NOON_MS, f"p{n}", "transition", f"{fence}-{n}", told))
    position = await rig.gateway.store.position()
    await rig.gateway.store.commit(Effects(position, NOON_MS, records=rows))


async def walk(rig: Rig, who: str, fixes_inside: int) -> None:
    """Let somebody's device send a walk into the studio and out of it again."""
    ways = (OUTSIDE,) * 3 + (INSIDE,) * fixes_inside + (OUTSIDE,) * 4
    start_ms = rig.clock.now_ms() - len(ways) * STAY_MS
    said: list[dict[str, Any]] = [{"type": "consent", "values": GRANTS}]
    said += [{"type": "fix", "lat": lat, "lon": lon, "accuracy_m": 5} for lat, lon in ways]
    body = rig.batch(user_id=who) | {
        "device_id": who,
        "who": {"anonymous_id": who, "user_id": who},
        "events": [
            {
                "seq": rig.seq + n,
                "event_id": f"e-{n}",
                "at": moment(start_ms + n * STAY_MS),
                **event,
            }
            for n, event in enumerate(said, 1)
        ],
    }
    rig.seq += len(said)
    response = await rig.client.post("/v1/batch", json=body, headers=rig.device_headers(who))
    assert response.status == 200


@pytest.mark.feature("P12")
async def test_visits_are_those_of_the_walks_and_small_groups_stay_hidden(tmp_path: Path) -> None:
    """Nine people are nobody; the tenth makes them a group, with the figures of their records."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        for n in range(9):
            await walk(rig, f"u{n}", 4 + n)
        await rig.settle()
        rig.clock.move_to(rig.clock.now_ms() + DAY_MS)
        nine = await ask(rig, "?fence=studio")
        rig.clock.move_to(rig.clock.now_ms() + 3_600_000)
        await walk(rig, "u9", 4)
        await walk(rig, "u0", 4)
        await rig.settle()
        today = await ask(rig, "?fence=studio")
        rig.clock.move_to(rig.clock.now_ms() + DAY_MS)
        (row,) = (await ask(rig))["visits"]
        told = [r["body"] for r in await rig.records("transition")]

    figures = ("visits", "persons", "repeat_rate", "median_dwell_s", "p90_dwell_s")
    (hidden,) = nine["visits"]
    assert (hidden["from"], hidden["to"], hidden["zone"]) == ("2026-05-26", "2026-06-01", "UTC")
    assert (hidden["fewer_than"], hidden["hours"]) == (10, [])
    assert [hidden[name] for name in figures] == [None] * 5
    assert today == nine, "who came today is not told before tomorrow"
    stays = sorted(t["duration_s"] for t in told if t["kind"] == "exit")
    assert (row["visits"], row["persons"], row["repeat_rate"]) == (11, 10, 0.1)
    assert (row["median_dwell_s"], row["p90_dwell_s"]) == (median_low(stays), stays[9])
    assert row["hours"] == [{"from_hour": 0, "until_hour": 24, "visits": 11}]


async def test_fences_are_those_of_tag_and_library_and_name(tmp_path: Path) -> None:
    """Each narrows; what has no figures is counted; an unknown id is named."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, fences=places("a", "b", "c", "d"))
        for fence, people in (("a", 12), ("b", 11), ("c", 13), ("d", 9), ("gone", 20)):
            await put(rig, fence, people)
        every = await ask(rig, "?limit=2")
        rest = await ask(rig, f"?limit=2&after={every['next']}")
        gyms = await ask(rig, "?tag=gym")
        named = await ask(rig, "?fence=d&fence=b")
        none = [await ask(rig, "?library=nowhere"), await ask(rig, "?fence=a&tag=gym")]
        problem = await ask(rig, "?fence=nowhere", 404)

    assert (every["fences"], every["hidden"], every["fewer_than"]) == (4, 1, 10)
    pages = [[row["fence_id"] for row in page["visits"]] for page in (every, rest, gyms, named)]
    assert pages == [["c", "a"], ["b"], ["c", "b"], ["b", "d"]]
    assert (rest["next"], gyms["fences"], gyms["hidden"]) == (None, 3, 1)
    assert [(each["fences"], each["visits"]) for each in none] == [(0, []), (0, [])]
    assert "nowhere" in problem["detail"]


async def test_days_and_hours_are_of_the_fences_zone_else_the_workspaces(tmp_path: Path) -> None:
    """Noon in UTC is nine in the evening in Seoul and eight in the morning in New York."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, SEOUL, fences=places("a"))
        await put(rig, "a", 10)
        await put(rig, "a", 10, NOON_MS - DAY_MS + 14 * 3_600_000)
        (house,) = (await ask(rig, "?days=1"))["visits"]
        await rig.apply(DOCUMENTS, fences=places("a", zone="America/New_York"))
        (own,) = (await ask(rig, "?days=1"))["visits"]

    assert (house["zone"], house["from"], house["to"]) == (
        "Asia/Seoul",
        "2026-05-31",
        "2026-05-31",
    )
    assert own["zone"] == "America/New_York"
    assert (house["visits"], own["visits"]) == (10, 10)


async def test_records_are_read_page_by_page_and_only_so_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages change nothing; beyond the bounds the question is refused, and told how to narrow."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, fences=places("a", "b"))
        await put(rig, "a", 11)
        await put(rig, "b", 11)
        whole = await ask(rig)
        monkeypatch.setattr(module, "PAGE_ROWS", 3)
        paged = await ask(rig)
        monkeypatch.setattr(module, "VISITS_MAX", 21)
        narrow = await ask(rig, "?fence=a")
        many = await ask(rig, status=413)
        monkeypatch.setattr(module, "RECORDS_MAX", 42)
        long = await ask(rig, "?fence=a", 413)

    assert paged == whole
    assert [row["fence_id"] for row in narrow["visits"]] == ["a"]
    assert {many["code"], long["code"]} == {"too_large"}
    assert "fewer days" in many["detail"]


@pytest.mark.parametrize("query", ["?days=32", "?limit=1001", "?after=-1", "?days=x"])
async def test_wrong_query_is_refused(query: str, tmp_path: Path) -> None:
    """A number that is none, or beyond the bounds."""
    async with open_rig(tmp_path) as rig:
        assert (await ask(rig, query, 400))["code"] == "malformed"


async def test_command_tells_visits_and_gives_the_answer_as_json(tmp_path: Path) -> None:
    """On a terminal in words, with ``--json`` as the gateway says it; an unknown fence: code 1."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, fences=places("a", "b"))
        await put(rig, "a", 12)
        there = ["--url", str(rig.client.make_url("/")), "--key", rig.operator["Authorization"][7:]]

        async def run(*arguments: str) -> Any:
            command = ["visits", *arguments, *there]
            return await asyncio.to_thread(CliRunner().invoke, cli, command)

        every, one = await run(), await run("a", "--days", "1", "--json")
        gyms, lost = await run("--tag", "gym"), await run("nowhere")
        answer = await ask(rig, "?fence=a&days=1")

    assert "12 visits by 12 persons" in every.output
    assert json.loads(one.output)["visits"] == answer["visits"]
    assert "fewer than 10 persons came to it" in gyms.output
    assert (lost.exit_code, "no fence nowhere is live" in lost.output) == (1, True)
