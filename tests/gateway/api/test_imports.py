from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from typer.testing import CliRunner

from fencepost_gateway.__main__ import cli
from gateway.rig import DOCUMENTS, INSIDE, OPEN_POLICY, OUTSIDE, Rig, open_rig

GOOD = (
    "id,name,lat,lon,radius_m,tags\nstudio,Studio,43.73,7.42,60,studio\ncafe,Café,43.70,7.4,40,\n"
)
BAD = GOOD + "gym,Gym,91,7.4,40,\n"


async def send(rig: Rig, text: str, **wish: Any) -> ClientResponse:
    """Import one CSV as the operator."""
    body = {"files": [{"path": "stores.csv", "text": text}], **wish}
    response: ClientResponse = await rig.client.post(
        "/v1/fences/import", json=body, headers=rig.operator
    )
    return response


async def live(rig: Rig) -> list[str]:
    """Name the live fences."""
    await rig.settle()
    answer = await (await rig.client.get("/v1/fences", headers=rig.operator)).json()
    return [feature["id"] for feature in answer["features"]]


@pytest.mark.feature("P01")
async def test_import_publishes_nothing_until_bad_rows_are_accepted(tmp_path: Path) -> None:
    """Refused with line, field and reason; then the good rows, and the bad ones named again."""
    async with open_rig(tmp_path) as rig:
        refused = await send(rig, BAD)
        problem = await refused.json()
        before = await live(rig)
        accepted = await (await send(rig, BAD, accept=True)).json()
        after = await live(rig)

    assert (refused.status, problem["code"], before) == (422, "import", [])
    (row,) = problem["problems"]
    assert (row["line"], row["field"], row["id"]) == (4, "coordinates", "gym")
    assert row["what"]
    assert row["how"]
    assert (accepted["applied"], accepted["bad"], accepted["rows"]) == (True, 1, 3)
    assert after == ["cafe", "studio"]


async def test_import_of_the_same_file_again_changes_nothing(tmp_path: Path) -> None:
    """Second time: no new version of anything."""
    async with open_rig(tmp_path) as rig:
        first = await (await send(rig, GOOD)).json()
        again = await (await send(rig, GOOD)).json()

    assert (len(first["changed"]), first["unchanged"]) == (2, 0)
    assert (again["changed"], again["unchanged"]) == ([], 2)


async def test_import_by_dry_run_tells_and_changes_nothing(tmp_path: Path) -> None:
    """What would change and which rows are bad, in one answer."""
    async with open_rig(tmp_path) as rig:
        response = await send(rig, BAD, dry_run=True)
        answer = await response.json()
        found = await live(rig)

    assert (response.status, answer["applied"], answer["bad"]) == (200, False, 1)
    assert [one["id"] for one in answer["changed"]] == ["studio", "cafe"]
    assert found == []


async def test_import_judges_rows_against_what_is_live(tmp_path: Path) -> None:
    """A library that is not there is a fault of the row that names it."""
    text = "id,lat,lon,radius_m,library\na,43.7,7.4,60,gyms\nb,43.7,7.4,60,\n"
    async with open_rig(tmp_path) as rig:
        problem = await (await send(rig, text)).json()
        await send(rig, text, accept=True)
        found = await live(rig)

    (row,) = problem["problems"]
    assert (row["line"], row["id"], row["field"]) == (2, "a", "library")
    assert found == ["b"]


async def test_imported_fence_is_in_force_on_the_next_fix(tmp_path: Path) -> None:
    """No restart and no waiting: import, walk in, message."""
    async with open_rig(tmp_path) as rig:
        await send(rig, GOOD)
        await rig.apply(
            DOCUMENTS, OPEN_POLICY, fences={"type": "FeatureCollection", "features": []}
        )
        await rig.consent()
        await rig.fix(OUTSIDE)
        await rig.fix(INSIDE)
        await rig.settle()
        told = [r["body"]["fence_id"] for r in await rig.records("transition")]

    assert told == ["studio"]


async def test_import_refuses_what_it_does_not_take(tmp_path: Path) -> None:
    """A body of another shape is 400, a large one 413, no key 401."""
    async with open_rig(tmp_path) as rig:
        url = "/v1/fences/import"
        malformed = await rig.client.post(url, data=b'{"files": 1}', headers=rig.operator)
        large = await rig.client.post(url, data=io.BytesIO(bytes(33 << 20)), headers=rig.operator)
        nobody = await rig.client.post(url, json={"files": []})
        form = await rig.client.get("/v1/fences?format=xls", headers=rig.operator)

    assert [r.status for r in (malformed, large, nobody, form)] == [400, 413, 401, 400]


async def test_fences_come_back_as_csv_that_imports_unchanged(tmp_path: Path) -> None:
    """Export and import are each other's inverse."""
    async with open_rig(tmp_path) as rig:
        await send(rig, GOOD)
        await rig.settle()
        response = await rig.client.get("/v1/fences?format=csv", headers=rig.operator)
        again = await (await send(rig, await response.text())).json()

    assert response.content_type == "text/csv"
    assert (again["changed"], again["unchanged"]) == ([], 2)


async def test_command_line_imports_and_exports(tmp_path: Path) -> None:
    """Bad rows end with code 1 and their lines; accepted, the rest is live and can be exported."""
    path = tmp_path / "stores.csv"
    path.write_text(BAD, "utf-8")
    (tmp_path / "a.kmz").write_bytes(b"PK\x03\x04")
    async with open_rig(tmp_path) as rig:
        key = rig.gateway.credentials.operator_key
        common = ["--url", str(rig.client.make_url("")), "--key", key]

        async def run(*arguments: str) -> Any:
            return await asyncio.to_thread(CliRunner().invoke, cli, [*arguments, *common])

        refused = await run("import", str(path))
        dry = await run("import", str(path), "--dry-run")
        accepted = await run("import", str(path), "--accept")
        await rig.settle()
        exported = await run("export", "fences", "--format", "csv")
        archive = await run("import", str(tmp_path / "a.kmz"))

    assert refused.exit_code == 1
    assert "stores.csv:4: gym, coordinates: lon must lie" in refused.stderr
    assert "would import 3 rows: 2 changed, 0 unchanged, 1 left out" in dry.stdout
    assert "imported 3 rows: 2 changed, 0 unchanged, 1 left out" in accepted.stdout
    assert exported.stdout.splitlines()[1].startswith("cafe,Café,43.7,7.4,40.0")
    assert "is an archive" in str(archive.exception)


async def test_command_line_sums_bad_rows_up_and_warns(tmp_path: Path) -> None:
    """One line a kind, refused or not; a slip in the header once; each row with --json."""
    path = tmp_path / "stores.csv"
    rows = "".join(f"s-{n},Store {n},43.7,7.4,{n}\n" for n in range(1, 9))
    path.write_text("id,name,lat,lon,raduis_m\n" + rows, "utf-8")
    async with open_rig(tmp_path) as rig:
        key = rig.gateway.credentials.operator_key
        common = ["--url", str(rig.client.make_url("")), "--key", key]

        async def run(*arguments: str) -> Any:
            words = ["import", str(path), *arguments, *common]
            return await asyncio.to_thread(CliRunner().invoke, cli, words)

        refused, told = await run(), await run("--json")
        dry = await run("--dry-run")

    answer = json.loads(told.stdout)
    assert (refused.exit_code, told.exit_code, dry.exit_code) == (1, 1, 0)
    assert f"{path}:2 and 7 others: radius_m: " in refused.stderr
    assert refused.stderr.count("others") == 1
    assert "'raduis_m', so it was passed over; did you mean radius_m?" in refused.stderr
    assert f"left out: {path}:2 and 7 others: radius_m: " in dry.stdout
    assert dry.stdout.count("did you mean radius_m?") == 1
    assert [(len(answer[name])) for name in ("problems", "summary", "warnings")] == [8, 1, 1]
