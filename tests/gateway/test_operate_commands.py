"""The operator's commands against a real gateway."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway.commands import operate as commands
from fencepost_gateway.errors import StartError
from gateway.rig import DOCUMENTS, OPEN_POLICY, Rig, open_rig


async def run(rig: Rig, command: Any, *arguments: Any, **options: Any) -> None:
    """Run a command against the gateway."""
    url = str(rig.client.make_url("")).rstrip("/")
    door = {"url": url, "key": rig.gateway.credentials.operator_key}
    await asyncio.to_thread(command, *arguments, **options, **door)


async def test_suppression_goes_in_and_out_by_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Import with verdicts, export, import of the export, remove by reference."""
    listed, exported = tmp_path / "bad.csv", tmp_path / "out.csv"
    listed.write_text("channel,address\nsms,+15550100100\nsms,none\n", "utf-8")
    async with open_rig(tmp_path / "data") as rig:
        await run(rig, commands.suppression, "import", listed)
        imported = capsys.readouterr().out
        await run(rig, commands.suppression, "export")
        exported.write_text(capsys.readouterr().out, "utf-8")
        await run(rig, commands.suppression, "import", exported)
        again = capsys.readouterr().out
        ref = exported.read_text("utf-8").splitlines()[1].split(",")[1]
        await run(rig, commands.suppression, "remove", channel="sms", ref=ref)
        await run(rig, commands.suppression, "list")
        left = capsys.readouterr().out

    assert f"{listed}:3: no address of sms; write +8210" in imported
    assert "1 added, 0 listed already, 1 left out" in imported
    assert again.endswith("0 added, 1 listed already, 0 left out\n")
    assert left.endswith("0 listed\n")


JOURNEY = "kind: journey\nid: welcome\nentry: {event: x}\ngoal: none\nsteps: [{stage: here}]\n"


async def test_proof_and_outcomes_by_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be sent says why in one sentence; the report tells its sum."""
    async with open_rig(tmp_path / "data") as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        with pytest.raises(StartError, match="not a test person: add the user to testers:"):
            await run(rig, commands.send_proof, "greet", to="u1", channel="email")
        await rig.consent()
        await rig.walk_in()
        capsys.readouterr()
        await run(rig, commands.outcomes)
        told = capsys.readouterr().out
        with pytest.raises(StartError, match="no campaign or journey of this id was ever"):
            await run(rig, commands.outcomes, campaign="greting")
        await rig.apply(JOURNEY)
        await run(rig, commands.outcomes, campaign="welcome")
        of_journey = capsys.readouterr().out

    assert of_journey == "        0  messages in all\n"
    assert told == "        1  sent\n        1  messages in all\n"
