"""Commands that name what is not in force say so."""

import asyncio
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fencepost_gateway.__main__ import cli
from gateway.rig import DOCUMENTS, OPEN_POLICY, open_rig

TEAM = "kind: library\nid: north-stores\nrank: 20\nteam: north\n"


async def run(*words: str) -> Result:
    """Run a command of this machine."""
    return await asyncio.to_thread(CliRunner().invoke, cli, list(words))


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FENCEPOST_DATA_DIR", str(tmp_path))


async def test_a_code_for_a_fence_that_is_not_live_warns_and_names_the_nearest(
    tmp_path: Path,
) -> None:
    """The code is printed all the same: signs are printed before fences are published."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        live, slip, far = [await run("code", name) for name in ("studio", "studoi", "pool")]

    assert all(done.exit_code == 0 and done.stdout.startswith("fp1.") for done in (live, slip, far))
    assert live.stderr == ""
    assert slip.stderr == ("warning: studoi: no fence of this id is live; did you mean studio?\n")
    assert far.stderr == (
        "warning: pool: no fence of this id is live; publish it, or it is of no use\n"
    )


async def test_a_key_for_a_team_without_a_library_warns(tmp_path: Path) -> None:
    """A team is what a live library names; taking a key away warns of nothing."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(TEAM, OPEN_POLICY)
        known, slip = await run("keys", "north"), await run("keys", "nroth")
        gone = await run("keys", "nroth", "--revoke")

    assert [done.exit_code for done in (known, slip, gone)] == [0, 0, 0]
    assert "warning" not in known.stderr + gone.stderr
    assert "warning: nroth: no live library names this team; did you mean north?" in slip.stderr


async def test_where_nothing_is_known_nothing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first publication there may be no store; one in memory lies elsewhere."""
    async with open_rig(tmp_path):
        monkeypatch.setenv("FENCEPOST_STORE", "memory")
        in_memory = await run("code", "studio")
    (tmp_path / "fencepost.db").unlink()
    monkeypatch.setenv("FENCEPOST_STORE", "sqlite")
    without = await run("code", "studio")

    assert (in_memory.stderr, without.stderr) == ("", "")
    assert without.stdout.startswith("fp1.")


JOURNEY = """\
kind: journey
id: first-class
entry: {event: cart}
goal: none
steps: [{wait: {for_duration: 1h}}, {jump: greeting}]
"""


async def test_a_journey_is_drawn_from_a_folder_and_from_a_gateway(tmp_path: Path) -> None:
    """The same text from both; a slip of the id names the nearest."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "j.yaml").write_text(JOURNEY)
    async with open_rig(tmp_path / "data") as rig:
        there = ["--url", str(rig.client.make_url("/")), "--key", rig.operator["Authorization"][7:]]
        await rig.apply(DOCUMENTS, OPEN_POLICY, JOURNEY)
        live = await run("graph", "first-class", "--live", *there)
        gone = await run("graph", "first-clas", "--live", *there)
    (tmp_path / "docs" / "hi.yaml").write_text(
        "kind: campaign\nid: hi\nentry: {event: a}\n"
        "message: {template: greet, channels: [in_app]}\n"
    )
    alone = await run("graph", "hi", str(tmp_path / "docs"))
    here = await run("graph", "first-class", str(tmp_path / "docs"))
    drawn = await run("graph", "first-class", str(tmp_path / "docs"), "--svg")
    both = await run("graph", "first-class", str(tmp_path / "docs"), "--svg", "--mermaid")

    assert here.exit_code == live.exit_code == drawn.exit_code == 0
    assert "s1 --> s2" in here.stdout
    assert live.stdout == here.stdout
    assert drawn.stdout.startswith("<svg ")
    assert gone.exit_code == both.exit_code == 1
    assert "hi is a campaign: one message, with no steps to draw" in alone.stderr
    assert "no journey first-clas is live; did you mean first-class?" in gone.stderr
