"""What the key of a team may do: every door for documents, and every way to reach beyond."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fencepost_gateway.__main__ import cli
from fencepost_gateway.credentials import set_team_key
from gateway.rig import DOCUMENTS, OPEN_POLICY, Rig, open_rig

LIBRARIES = """
{kind: library, id: gyms, rank: 10, team: north}
---
{kind: library, id: pools, rank: 20, team: north}
---
{kind: library, id: malls, rank: 5, team: south}
---
{kind: library, id: strays, rank: 50}
"""
SECRETS = ("Hidden", "hush", "malls", "south", "strays", "greeting")


def fence(fence_id: str, library: str = "", radius_m: int = 60, **more: Any) -> dict[str, Any]:
    """Draw a fence."""
    properties = {"radius_m": radius_m, **({"library": library} if library else {}), **more}
    geometry = {"type": "Point", "coordinates": [7.42, 43.73]}
    return {"type": "Feature", "id": fence_id, "geometry": geometry, "properties": properties}


def collection(*fences: dict[str, Any]) -> str:
    """Write fences as GeoJSON."""
    return json.dumps({"type": "FeatureCollection", "features": fences})


THERE = (
    fence("gym", "gyms", tags=["studio"]),
    fence("old-gym", "gyms"),
    fence("mall", "malls", tags=["hush"], name="Hidden"),
    fence("old-mall", "malls", tags=["hush"], name="Hidden"),
    fence("loose", name="Hidden"),
)
ALLOWED = {
    "new": fence("hall", "gyms"),
    "changed": fence("gym", "gyms", 80, tags=["studio"]),
    "moved-within": fence("gym", "pools", tags=["studio"]),
    "back-again": fence("old-gym", "gyms"),
}
REFUSED = {
    "new-for-others": fence("kiosk", "malls"),
    "new-in-nobodys": fence("kiosk", "strays"),
    "new-in-none": fence("kiosk"),
    "new-in-one-that-is-not": fence("kiosk", "moons"),
    "changed-of-others": fence("mall", "malls", 80),
    "the-same-of-others": THERE[2],
    "moved-in": fence("mall", "gyms"),
    "moved-in-from-none": fence("loose", "gyms"),
    "moved-in-from-the-archive": fence("old-mall", "gyms"),
    "moved-out": fence("gym", "malls", tags=["studio"]),
    "moved-out-to-none": fence("gym", tags=["studio"]),
}


class Door:
    """A team and an operator at one gateway, by HTTP and by command line."""

    def __init__(self, rig: Rig, key: str) -> None:
        self.rig = rig
        self.key = key
        self.headers = {"Authorization": f"Bearer {key}"}

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Ask as the team."""
        response = await self.rig.client.request(method, path, json=body, headers=self.headers)
        return response.status, await response.json()

    async def state(self) -> dict[tuple[str, str], int]:
        """Give the version of everything that is live, as the operator sees it."""
        answer = await self.rig.client.get("/v1/documents", headers=self.rig.operator)
        return {(d["kind"], d["id"]): d["version"] for d in (await answer.json())["documents"]}

    async def run(self, *arguments: str) -> tuple[int, str]:
        """Run the command line as the team."""
        there = ["--url", str(self.rig.client.make_url("/")), "--key", self.key]
        done = await asyncio.to_thread(partial(CliRunner().invoke, cli, [*arguments, *there]))
        return done.exit_code, done.output


@asynccontextmanager
async def open_door(folder: Path) -> AsyncIterator[Door]:
    """Open a gateway with libraries of two teams, and the door of one."""
    async with open_rig(folder):
        pass
    key = set_team_key(folder, "north")
    async with open_rig(folder) as rig:
        await rig.apply(LIBRARIES, DOCUMENTS, OPEN_POLICY, fences=json.loads(collection(*THERE)))
        for name in ("old-gym", "old-mall"):
            await rig.client.delete(f"/v1/documents/fence/{name}", headers=rig.operator)
        await rig.settle()
        yield Door(rig, key)


async def apply(door: Door, drawn: dict[str, Any]) -> tuple[int, Any]:
    """Publish one fence as GeoJSON."""
    files = [{"path": "a.geojson", "text": collection(drawn)}]
    return await door.ask("POST", "/v1/documents", {"files": files})


async def apply_yaml(door: Door, drawn: dict[str, Any]) -> tuple[int, Any]:
    """Publish one fence as YAML."""
    own = dict(drawn["properties"])
    circle = {"lat": 43.73, "lon": 7.42, "radius_m": own.pop("radius_m")}
    text = json.dumps({"kind": "fence", "id": drawn["id"], "circle": circle, **own})
    files = [{"path": "a.yaml", "text": text}]
    return await door.ask("POST", "/v1/documents", {"files": files})


async def import_geojson(door: Door, drawn: dict[str, Any]) -> tuple[int, Any]:
    """Import one fence, repaired and with whatever is bad left out."""
    own = {"library": None, **drawn["properties"]}
    files = [{"path": "a.geojson", "text": collection({**drawn, "properties": own})}]
    body = {"files": files, "accept": True, "repair": True}
    return await door.ask("POST", "/v1/fences/import", body)


async def import_csv(door: Door, drawn: dict[str, Any]) -> tuple[int, Any]:
    """Import one fence as a line of CSV after a good one, with its library if it names one."""
    own = drawn["properties"]
    head, line = "id,lat,lon,radius_m,library,name", f"{drawn['id']},43.73,7.42,{own['radius_m']}"
    text = f"{head}\nfine,43.7,7.4,50,gyms,\n{line},{own.get('library', '')},x\n"
    body = {"files": [{"path": "a.csv", "text": text}]}
    return await door.ask("POST", "/v1/fences/import", body)


async def dry_run(door: Door, drawn: dict[str, Any]) -> tuple[int, Any]:
    """Ask what would change."""
    files = [{"path": "a.geojson", "text": collection(drawn)}]
    return await door.ask("POST", "/v1/documents", {"files": files, "dry_run": True})


DOORS = (apply, apply_yaml, import_geojson, import_csv, dry_run)
Send = Callable[[Door, dict[str, Any]], Awaitable[tuple[int, Any]]]


@pytest.mark.feature("P02")
@pytest.mark.parametrize("send", DOORS, ids=lambda send: send.__name__)
async def test_team_edits_its_own_library(tmp_path: Path, send: Send) -> None:
    """What is new, changed, moved between its own libraries, or comes back from the archive."""
    async with open_door(tmp_path) as door:
        found = {case: (await send(door, drawn))[0] for case, drawn in ALLOWED.items()}
        after = await door.state()

    assert found == dict.fromkeys(ALLOWED, 200)
    assert (("fence", "hall") in after) == (send is not dry_run)


@pytest.mark.feature("P02")
@pytest.mark.parametrize(
    ("send", "case"),
    [
        pytest.param(send, case, id=f"{send.__name__}-{case}")
        for send in DOORS
        for case in REFUSED
        if (send, case) != (import_csv, "moved-out-to-none")  # an empty cell keeps what is there
    ],
)
async def test_team_edits_no_other_library(tmp_path: Path, send: Send, case: str) -> None:
    """Refused whole, by name, with nothing told of what others have there."""
    drawn = REFUSED[case]
    async with open_door(tmp_path) as door:
        before = await door.state()
        status, answer = await send(door, drawn)
        after = await door.state()

    assert (status, answer["code"]) == (403, "key_scope")
    assert [p["where"] for p in answer["problems"]] == [f"fence {drawn['id']}"]
    assert f"fence {drawn['id']}" in answer["detail"]
    assert not [word for word in SECRETS if word in json.dumps(answer)]
    assert after == before


@pytest.mark.feature("P02")
@pytest.mark.parametrize(
    "text",
    [
        "{kind: library, id: gyms, rank: 1, team: north}",
        "{kind: library, id: malls, rank: 5, team: north}",
        "{kind: workspace, id: all, holdout: 100}",
        OPEN_POLICY,
        DOCUMENTS,
    ],
    ids=["rank", "owner", "workspace", "policy", "campaign"],
)
async def test_team_writes_fences_only(tmp_path: Path, text: str) -> None:
    """No rank, no owner, nothing that decides for all; not even what is live already."""
    files = [{"path": "a.yaml", "text": text}, {"path": "b.geojson", "text": collection(THERE[0])}]
    async with open_door(tmp_path) as door:
        before = await door.state()
        status, answer = await door.ask("POST", "/v1/documents", {"files": files})
        after = await door.state()

    assert (status, answer["code"]) == (403, "key_scope")
    assert all("fences only" in p["what"] and p["line"] for p in answer["problems"])
    assert after == before


@pytest.mark.feature("P02")
async def test_team_archives_its_own_and_hears_of_no_other(tmp_path: Path) -> None:
    """What is others' and what is not there are refused in the same words."""
    foreign = ("fence/mall", "fence/old-mall", "fence/loose", "fence/nothing", "campaign/greeting",
               "campaign/nothing", "library/gyms")  # fmt: skip
    async with open_door(tmp_path) as door:
        await door.ask(
            "POST",
            "/v1/documents",
            {"files": [{"path": "a.geojson", "text": collection(fence("hall", "gyms"))}]},
        )
        before = await door.state()
        found = {name: await door.ask("DELETE", f"/v1/documents/{name}") for name in foreign}
        after = await door.state()
        own = [(await door.ask("DELETE", "/v1/documents/fence/hall"))[0] for _ in range(2)]

    assert {status for status, _ in found.values()} == {403}
    told = {json.dumps(a).replace(n.replace("/", " "), "…") for n, (_, a) in found.items()}
    assert len(told) == 1
    assert after == before
    assert own == [200, 404]


@pytest.mark.feature("P02")
async def test_team_is_not_told_whose_document_it_would_break(tmp_path: Path) -> None:
    """Taking the tag away that a campaign selects by is refused, without the campaign's name."""
    untagged = fence("gym", "gyms")
    async with open_door(tmp_path) as door:
        sent = [await apply(door, untagged), await import_geojson(door, {**untagged, "properties":
                {**untagged["properties"], "tags": None}})]  # fmt: skip
        sent.append(await door.ask("DELETE", "/v1/documents/fence/gym"))
        after = await door.state()

    assert [status for status, _ in sent] == [422, 200, 422]
    assert sent[1][1]["changed"] == []
    for _, answer in sent:
        assert "of others" in answer["problems"][0]["text"]
        assert not [word for word in SECRETS if word in json.dumps(answer)]
    assert after["fence", "gym"] == 1


@pytest.mark.feature("P02")
async def test_team_reads_its_own(tmp_path: Path) -> None:
    """Documents and fences of its libraries, as JSON and CSV, and nothing of people."""
    async with open_door(tmp_path) as door:
        _, documents = await door.ask("GET", "/v1/documents")
        _, fences = await door.ask("GET", "/v1/fences")
        csv = await door.rig.client.get("/v1/fences?format=csv", headers=door.headers)
        table = await csv.text()
        closed = [
            (await door.ask("GET", path))[0]
            for path in ("/v1/decisions", "/v1/fences/health", "/v1/messages", "/v1/config")
        ]

    named = [(d["kind"], d["id"]) for d in documents["documents"]]
    assert sorted(named) == [("fence", "gym"), ("library", "gyms"), ("library", "pools")]
    assert [f["id"] for f in fences["features"]] == ["gym"]
    assert [line.partition(",")[0] for line in table.splitlines()] == ["id", "gym"]
    assert closed == [403, 403, 403, 403]


@pytest.mark.feature("P02")
async def test_library_that_changes_hands_changes_them_at_once(tmp_path: Path) -> None:
    """The next request is judged by who owns the library now."""
    async with open_door(tmp_path) as door:
        await door.rig.apply("{kind: library, id: gyms, team: south}", fences=json.loads(
            collection()))  # fmt: skip
        status, _ = await apply(door, ALLOWED["changed"])
        _, documents = await door.ask("GET", "/v1/documents")

    assert status == 403
    assert [d["id"] for d in documents["documents"]] == ["pools"]


@pytest.mark.feature("P02")
async def test_command_line_works_with_the_key_of_a_team(tmp_path: Path) -> None:
    """``apply``, ``import`` and ``archive`` name what was refused, and do what is allowed."""
    for case, drawn in (("own", ALLOWED["new"]), ("others", REFUSED["moved-in"])):
        (tmp_path / case).mkdir()
        (tmp_path / case / "a.geojson").write_text(collection(drawn))
    async with open_door(tmp_path / "data") as door:
        did = [
            await door.run("apply", "--yes", str(tmp_path / "own")),
            await door.run("import", str(tmp_path / "own" / "a.geojson")),
            await door.run("archive", "fence", "hall"),
        ]
        refused = [
            await door.run("apply", "--yes", str(tmp_path / "others")),
            await door.run("import", str(tmp_path / "others" / "a.geojson")),
            await door.run("archive", "fence", "mall"),
        ]

    assert [code for code, _ in did] == [0, 0, 0]
    assert [code for code, _ in refused] == [1, 1, 1]
    assert all("fence mall" in output and "team north" in output for _, output in refused)
