"""``fencepost apply``: a plan, a yes, one publication, and what drifted."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fencepost_gateway.__main__ import cli
from gateway.rig import Rig, open_rig

CAPS = "kind: caps\nid: {}\nrules: [{{limit: {}, per: 7d, scope: {{purpose: marketing}}}}]\n"


class Desk:
    """A gateway, folders of documents beside it, and the command line in front of both."""

    def __init__(self, rig: Rig, folder: Path) -> None:
        self.rig = rig
        self.folder = folder

    def write(self, path: str, limit: int) -> None:
        """Write a document into a folder: ``luma/a`` is caps ``a`` in folder ``luma``."""
        file = self.folder / f"{path}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(CAPS.format(file.stem, limit))

    async def run(self, *arguments: str, said: str = "") -> tuple[int, str]:
        """Run the command line; gives its exit code and all it printed."""
        invoke = partial(CliRunner().invoke, cli, [*arguments, *self.there], input=said)
        done = await asyncio.to_thread(invoke)
        return done.exit_code, done.output

    async def apply(self, name: str, *options: str) -> tuple[int, str]:
        """Apply a folder without a question."""
        return await self.run("apply", str(self.folder / name), "--yes", *options)

    async def live(self) -> dict[str, tuple[int, str]]:
        """Give version and folder of what is live."""
        _, rows = await self.rig.gateway.store.documents()
        return {row.id: (row.version, row.folder) for row in rows}

    @property
    def there(self) -> list[str]:
        """Give what leads the command line to the gateway."""
        key = self.rig.operator["Authorization"].removeprefix("Bearer ")
        return ["--url", str(self.rig.client.make_url("/")), "--key", key]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """Give a desk with documents ``a`` and ``b`` live from folder ``luma``."""
    async with open_rig(tmp_path / "data") as rig:
        found = Desk(rig, tmp_path)
        found.write("luma/a", 1)
        found.write("luma/b", 1)
        assert (await found.apply("luma"))[0] == 0
        yield found


@pytest.mark.feature("Q09")
async def test_second_apply_changes_nothing(desk: Desk) -> None:
    """The same folder again is no publication, wherever its checkout lies."""
    before = await desk.rig.gateway.store.documents()
    shutil.copytree(desk.folder / "luma", desk.folder / "ci" / "luma")
    again = [await desk.apply("luma"), await desk.apply("ci/luma")]

    assert again == [(0, "0 changed, 2 unchanged\n")] * 2
    assert await desk.rig.gateway.store.documents() == before


@pytest.mark.feature("Q09")
async def test_plan_says_each_change_and_a_dry_run_makes_none(desk: Desk) -> None:
    """A changed word is one line, a new document its name; then it is done as it was said."""
    desk.write("luma/a", 3)
    desk.write("luma/c", 1)
    before = await desk.live()
    dry = await desk.apply("luma", "--dry-run")
    between = await desk.live()
    done = await desk.apply("luma")

    plan = (
        "create  caps c v1\n"
        "change  caps a v2\n"
        "    ~ rules.0.limit: 1 -> 3\n"
        "2 changed, 1 unchanged\n"
    )
    assert dry == (0, plan)
    assert between == before
    assert done == (0, f"{plan}live from the next event on (revision 2)\n")
    assert await desk.live() == {"a": (2, "luma"), "b": (1, "luma"), "c": (1, "luma")}


async def test_nothing_is_published_without_a_yes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody to ask is a no, and so is everything but yes."""
    desk.write("luma/a", 3)
    alone = await desk.run("apply", str(desk.folder / "luma"))
    monkeypatch.setattr("fencepost_gateway.commands.apply.is_terminal", lambda: True)
    refused = await desk.run("apply", str(desk.folder / "luma"), said="n\n")
    before = await desk.live()
    agreed = await desk.run("apply", str(desk.folder / "luma"), said="y\n")

    assert (alone[0], "add --yes" in alone[1]) == (1, True)
    assert (refused[0], "Publish this change? [y/N]" in refused[1]) == (1, True)
    assert before["a"][0] == 1
    assert (agreed[0], (await desk.live())["a"][0]) == (0, 2)


@pytest.mark.feature("Q09")
async def test_what_left_the_folder_is_told_and_pruned_only_when_asked(desk: Desk) -> None:
    """Only what came from this folder goes; what others keep stays, whatever the folder lacks."""
    desk.write("other/x", 1)
    await desk.apply("other")
    (desk.folder / "luma" / "b.yaml").unlink()
    kept = await desk.apply("luma")
    strict = await desk.apply("luma", "--strict")
    before = await desk.live()
    pruned = await desk.apply("luma", "--prune")

    assert "left    caps b v1: live, and not in this folder" in kept[1]
    assert "also live: 1 document of folder other" in kept[1]
    assert (kept[0], strict[0], "b" in before) == (0, 1, True)
    assert pruned[1].splitlines()[0] == "archive caps b v2"
    assert set(await desk.live()) == {"a", "x"}
    assert await desk.apply("luma", "--prune", "--strict") == (
        0,
        "also live: 1 document of folder other\n0 changed, 1 unchanged\n",
    )


@pytest.mark.feature("Q09")
async def test_change_by_somebody_else_shows_as_drift(desk: Desk) -> None:
    """An edit, and an archive: named with who and when; the folder wins, unless it is strict."""
    body = {"files": [{"path": "a.yaml", "text": CAPS.format("a", 9)}]}
    await desk.rig.client.post("/v1/documents", json=body, headers=desk.rig.operator)
    await desk.run("archive", "caps", "b")
    strict = await desk.apply("luma", "--strict")
    between = await desk.live()
    done = await desk.apply("luma")

    assert strict[0] == 1
    assert "fencepost: drift, so nothing was published: caps a, caps b; take it into" in strict[1]
    assert between == {"a": (2, "luma")}
    assert done[1].splitlines()[:5] == [
        "change  caps a v3",
        "    ~ rules.0.limit: 9 -> 1",
        "    drift: this replaces v2, published by an operator on 2026-06-01 12:00 UTC",
        "restore caps b v3",
        "    drift: this replaces v2, archived by an operator on 2026-06-01 12:00 UTC",
    ]
    assert await desk.apply("luma", "--strict") == (0, "0 changed, 2 unchanged\n")


async def test_journey_that_was_rolled_back_shows_as_drift(desk: Desk) -> None:
    """Whoever turned it back is named before the folder brings the newer text again."""
    file = desk.folder / "luma" / "j.yaml"
    said = "{kind: journey, id: j, entry: {event: x}, goal: none, steps: [{stage: %s}]}"
    for stage in ("one", "two"):
        file.write_text(said % stage)
        await desk.apply("luma")
    turned = await desk.run("journey", "rollback", "j", "--as", "minji")
    code, plan = await desk.apply("luma", "--dry-run")

    assert (turned[0], code) == (0, 0)
    assert plan.splitlines()[:2] == ["change  journey j v4", "    ~ step 1, stage: one -> two"]
    assert "drift: this replaces v3, published by" in plan
    assert "minji" in plan


@pytest.mark.feature("Q09")
async def test_folder_that_takes_what_another_keeps_says_so(desk: Desk) -> None:
    """Two folders that publish one document do not undo each other in silence."""
    desk.write("north/a", 7)
    taken = await desk.apply("north")
    back = await desk.apply("luma", "--dry-run")

    assert "drift: this replaces v1, published by folder luma" in taken[1]
    assert "drift: this replaces v2, published by folder north" in back[1]
    assert (await desk.live())["a"] == (2, "north")


async def test_what_was_not_in_the_plan_is_not_published(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody publishes between plan and yes: the plan is made anew, and says so."""
    desk.write("luma/a", 3)
    others = iter([4])

    def meanwhile(*_: object, **__: object) -> None:
        for limit in others:
            desk.write("hurry/a", limit)
            hurried = [*desk.there, "--yes", str(desk.folder / "hurry")]
            assert CliRunner().invoke(cli, ["apply", *hurried]).exit_code == 0

    monkeypatch.setattr("fencepost_gateway.commands.apply._confirm", meanwhile)
    code, said = await desk.apply("luma")

    assert code == 0
    assert "~ rules.0.limit: 1 -> 3" in said
    assert "somebody else has published meanwhile; once more:" in said
    assert "~ rules.0.limit: 4 -> 3" in said
    assert (await desk.live())["a"] == (3, "luma")


async def test_plan_as_json_is_the_answer(desk: Desk) -> None:
    """For scripts: what the gateway said, and nothing beside it; a question has no place there."""
    desk.write("luma/a", 3)
    asking = await desk.run("apply", str(desk.folder / "luma"), "--json")
    code, said = await desk.apply("luma", "--json")
    answer: dict[str, Any] = json.loads(said)

    assert (asking[0], "add --yes or --dry-run" in asking[1]) == (1, True)
    assert (code, answer["applied"], answer["unchanged"]) == (0, True, 1)
    assert answer["changed"][0]["differences"] == [
        {"where": "rules.0.limit", "was": "1", "now": "3"}
    ]


async def test_pruning_what_is_still_needed_is_refused(desk: Desk) -> None:
    """What would be archived is checked as well: a template in use stays with its campaign."""
    (desk.folder / "words").mkdir()
    (desk.folder / "words" / "t.yaml").write_text(
        "{kind: template, id: t, purpose: marketing, sms: {text: Hi}}"
    )
    (desk.folder / "words" / "u.yaml").write_text("{kind: library, id: u}")
    (desk.folder / "sends").mkdir()
    (desk.folder / "sends" / "c.yaml").write_text(
        "{kind: campaign, id: c, entry: {event: e}, message: {template: t, channels: [sms]}}"
    )
    applied = [(await desk.apply(name))[0] for name in ("words", "sends")]
    (desk.folder / "words" / "t.yaml").unlink()
    code, said = await desk.apply("words", "--prune")

    assert applied == [0, 0]
    assert (code, "there is no template t" in said) == (1, True)
    assert "t" in await desk.live()
