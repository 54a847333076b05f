"""Documents over HTTP: published, archived, back again, and two publishers at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from typer.testing import CliRunner

from fencepost_gateway.__main__ import cli
from fencepost_gateway.api.documents import TRIES
from fencepost_gateway.ports import DocumentRow
from gateway.rig import (
    DOCUMENTS,
    FENCES,
    INSIDE,
    NOON_MS,
    OPEN_POLICY,
    OUTSIDE,
    Rig,
    open_rig,
)

CSV = "id,name,lat,lon,radius_m\nstudio,Studio,43.73,7.42,{}\n"
STOP = "kind: caps\nid: house\nrules: [{{limit: {}, per: 7d, scope: {{purpose: marketing}}}}]\n"


async def post(rig: Rig, text: str, path: str = "d.yaml", **wish: Any) -> ClientResponse:
    """Apply one file."""
    body = {"files": [{"path": path, "text": text}], **wish}
    response: ClientResponse = await rig.client.post(
        "/v1/documents", json=body, headers=rig.operator
    )
    return response


async def applied(rig: Rig, text: str, path: str = "d.yaml", **wish: Any) -> dict[str, int]:
    """Apply one file; gives the new versions."""
    response = await post(rig, text, path, **wish)
    answer = await response.json()
    assert response.status == 200, answer
    return {one["id"]: one["version"] for one in answer["changed"]}


async def imported(rig: Rig, radius_m: int) -> dict[str, int]:
    """Import the studio; gives the new versions."""
    body = {"files": [{"path": "stores.csv", "text": CSV.format(radius_m)}]}
    response = await rig.client.post("/v1/fences/import", json=body, headers=rig.operator)
    answer = await response.json()
    assert response.status == 200, answer
    return {one["id"]: one["version"] for one in answer["changed"]}


async def archive(rig: Rig, kind: str, name: str) -> int:
    """Archive a document; gives the status."""
    response = await rig.client.delete(f"/v1/documents/{kind}/{name}", headers=rig.operator)
    return int(response.status)


async def live(rig: Rig) -> dict[str, int]:
    """Give id and version of what is live."""
    answer = await (await rig.client.get("/v1/documents", headers=rig.operator)).json()
    return {one["id"]: one["version"] for one in answer["documents"]}


def meddled(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, times: int, row: Callable[[int], DocumentRow]
) -> None:
    """Let somebody else publish ``times`` times, each after the documents were read."""
    store = rig.gateway.store
    read, versions = store.documents, iter(range(1, times + 1))

    async def documents(*, archived: bool = False) -> Any:
        found = await read(archived=archived)
        if version := next(versions, None):
            await store.publish([row(version)], NOON_MS)
        return found

    monkeypatch.setattr(store, "documents", documents)


def others(version: int, kind: str = "caps", name: str = "other") -> DocumentRow:
    """Give a version of a document that somebody else publishes."""
    rules = [{"limit": 1, "per": "7d", "scope": {}}]
    body = json.dumps({"kind": kind, "id": name, "rules": rules}).encode()
    return DocumentRow(kind, name, version, body, NOON_MS, NOON_MS)


async def test_an_archived_document_comes_back_with_the_next_version(tmp_path: Path) -> None:
    """The same again, or something else: published once, and versions go on rising."""
    async with open_rig(tmp_path) as rig:
        found: list[Any] = [await applied(rig, STOP.format(3))]
        found.append(await archive(rig, "caps", "house"))
        told = await applied(rig, STOP.format(3), dry_run=True)
        found += [await applied(rig, STOP.format(3)), await applied(rig, STOP.format(3))]
        found += [await archive(rig, "caps", "house"), await archive(rig, "caps", "house")]
        found += [await applied(rig, STOP.format(4)), await live(rig)]

    assert found[:4] == [{"house": 1}, 200, {"house": 3}, {}]
    assert told == {"house": 3}
    assert found[4:] == [200, 404, {"house": 5}, {"house": 5}]


async def test_archiving_what_is_not_live_says_what_may_have_been_meant(tmp_path: Path) -> None:
    """A typing error in the id, or the wrong kind, is told from a document that is gone."""
    wanted = ("campaign/greting", "caps/greeting", "campaign/other")
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        said = []
        for path in wanted:
            answer = await rig.client.delete(f"/v1/documents/{path}", headers=rig.operator)
            said.append((await answer.json())["detail"])

    assert said[0] == "no campaign greting is live; did you mean campaign greeting?"
    assert said[1] == "no caps greeting is live; did you mean campaign greeting?"
    assert said[2] == "no campaign other is live"


async def test_an_archived_fence_comes_back_by_import(tmp_path: Path) -> None:
    """A file of places brings it back as well, however it came before."""
    async with open_rig(tmp_path) as rig:
        first: list[Any] = [await applied(rig, json.dumps(FENCES), "fences.geojson")]
        first += [await archive(rig, "fence", "studio"), await imported(rig, 60)]
        again: list[Any] = [await imported(rig, 60), await archive(rig, "fence", "studio")]
        again += [await imported(rig, 80), await live(rig)]

    assert first == [{"studio": 1}, 200, {"studio": 3}]
    assert again == [{}, 200, {"studio": 5}, {"studio": 5}]


async def test_an_archived_fence_comes_back_from_the_command_line(tmp_path: Path) -> None:
    """``apply``, ``archive``, ``import``, ``archive``, ``apply``: each says what it did."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "fences.geojson").write_text(json.dumps(FENCES))
    (tmp_path / "stores.csv").write_text(CSV.format(60))
    async with open_rig(tmp_path / "data") as rig:
        there = ["--url", str(rig.client.make_url("/")), "--key", rig.operator["Authorization"][7:]]

        async def run(*arguments: str) -> tuple[int, str]:
            invoke = partial(CliRunner().invoke, cli, [*arguments, *there])
            done = await asyncio.to_thread(invoke)
            return done.exit_code, done.stdout.splitlines()[0] if done.stdout else done.output

        found = [
            await run("apply", "--yes", str(tmp_path / "docs")),
            await run("archive", "fence", "studio"),
            await run("import", str(tmp_path / "stores.csv")),
            await run("archive", "fence", "studio"),
            await run("apply", "--yes", str(tmp_path / "docs")),
        ]

    gone = (0, "archived fence/studio")
    assert found[0] == (0, "create  fence studio v1")
    assert found[1:4] == [gone, (0, "imported 1 rows: 1 changed, 0 unchanged, 0 left out"), gone]
    assert found[4] == (0, "restore fence studio v5")


async def test_whoever_is_inside_a_fence_that_comes_back_enters_initial(tmp_path: Path) -> None:
    """It is newly published: nobody came in, and campaigns that wait for arrivals stay asleep."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        assert await archive(rig, "campaign", "greeting") == 200, "it waits at the fence"
        assert await archive(rig, "fence", "studio") == 200
        await rig.settle()
        for where in (OUTSIDE,) * 3 + (INSIDE,) * 3:
            await rig.fix(where)
        await rig.settle()
        back_ms = rig.clock.now_ms() + 1000
        rig.clock.move_to(back_ms)
        await rig.apply(DOCUMENTS)
        for _ in range(3):
            await rig.fix(INSIDE)
        await rig.settle()
        told = [r["body"] for r in await rig.records("transition")]
        claims = await rig.claims()
        _, rows = await rig.gateway.store.documents()

    assert [(t["kind"], t["initial"]) for t in told] == [("enter", False), ("enter", True)]
    assert claims == [("send", "")]
    assert [r.first_ms for r in rows if r.kind == "fence"] == [back_ms]


async def test_a_publisher_that_was_too_slow_checks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two made version 1 of the same: the second becomes version 2, not an error."""
    async with open_rig(tmp_path) as rig:
        meddled(rig, monkeypatch, 1, partial(others, name="house"))
        found = await applied(rig, STOP.format(3))

    assert found == {"house": 2}


async def test_what_was_archived_meanwhile_cannot_be_referred_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A campaign whose template went while it was checked is refused; the plan stays whole."""
    campaign, _, template = DOCUMENTS.partition("---")
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPEN_POLICY, template)
        gone = DocumentRow("template", "greet", 2, b"{}", NOON_MS, NOON_MS, "archived")
        meddled(rig, monkeypatch, 1, lambda _: gone)
        response = await post(rig, campaign)
        problem = await response.json()
        left = await live(rig)

    assert (response.status, problem["code"]) == (422, "documents")
    assert set(left) == {"default", "studio"}


async def test_publishers_without_end_are_answered_conflict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After some tries the request is refused, and nothing of it is there; later it goes in."""
    async with open_rig(tmp_path) as rig:
        await applied(rig, STOP.format(3))
        meddled(rig, monkeypatch, 3 * TRIES, others)
        codes = [(await (await post(rig, STOP.format(4))).json())["code"]]
        body = {"files": [{"path": "stores.csv", "text": CSV.format(60)}]}
        refused = await rig.client.post("/v1/fences/import", json=body, headers=rig.operator)
        codes += [(await refused.json())["code"], await archive(rig, "caps", "house")]
        left = await live(rig)
        later = await applied(rig, STOP.format(4))

    assert codes == ["conflict", "conflict", 409]
    assert left == {"house": 1, "other": 3 * TRIES}
    assert later == {"house": 2}


async def test_requests_at_once_publish_one_after_the_other(tmp_path: Path) -> None:
    """Whatever the race: each version once, none lost, and whoever gave up was told so."""
    async with open_rig(tmp_path) as rig:
        responses = await asyncio.gather(*(post(rig, STOP.format(n)) for n in range(1, 7)))
        answers = [await r.json() for r in responses if r.status == 200]
        left = await live(rig)

    assert {r.status for r in responses} <= {200, 409}
    versions = sorted(answer["changed"][0]["version"] for answer in answers)
    assert versions == list(range(1, len(answers) + 1))
    assert len(answers) >= TRIES
    assert left == {"house": len(answers)}
