"""Steering and watching by the command line, against a real gateway."""

from pathlib import Path

import pytest

from fencepost_gateway.commands.journey import emergency_stop, journey
from fencepost_gateway.commands.tail import tail
from fencepost_gateway.errors import StartError
from gateway.rig import OPEN_POLICY, open_rig
from gateway.test_operate_commands import run
from gateway.workers.test_journeys import JOURNEY, begun


async def test_journey_is_steered_and_shown_by_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pause, pause again, resume, stop; who did it, where people are."""
    async with open_rig(tmp_path / "data") as rig:
        await begun(rig)
        for action in ("pause", "pause", "resume", "stop"):
            await run(rig, journey, action, "first-class", who="ann")
        await rig.settle()
        said = capsys.readouterr().out.splitlines()
        await run(rig, journey, "show", "first-class")
        shown = capsys.readouterr().out
        await run(rig, journey, "list")
        listed = capsys.readouterr().out
        with pytest.raises(StartError, match="did you mean first-class"):
            await run(rig, journey, "pause", "first-clas")

    assert said == [
        "first-class: paused (hold), was live",
        "first-class: paused (hold) already",
        "first-class: live, was paused",
        "first-class: stopped, was live",
    ]
    assert shown.startswith("first-class: journey v1, stopped\n  1 entered; 0 in it; 1 left\n")
    assert "1 left: the journey was stopped" in shown
    assert "operator ann: pause (hold)" in shown
    assert listed == "first-class: journey v1, stopped, 1 entered, 0 in it, 1 left\n"


async def test_rollback_and_emergency_stop_by_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is live then, and whether marketing goes."""
    async with open_rig(tmp_path / "data") as rig:
        await rig.apply(JOURNEY, OPEN_POLICY)
        await rig.apply(JOURNEY.replace("timeout: 24h", "timeout: 48h"))
        await run(rig, journey, "rollback", "first-class")
        await run(rig, emergency_stop, "on", note="fire")
        await run(rig, journey, "list")
        await run(rig, emergency_stop, "off")
        said = capsys.readouterr().out.splitlines()

    assert said == [
        "first-class: live with the text of v1, as v3",
        "no marketing goes",
        "all marketing is stopped by the emergency stop",
        "first-class: journey v2, live, 0 entered, 0 in it, 0 left",
        "marketing goes again",
    ]


async def test_tail_by_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The newest of before, a line each, in the language asked for."""
    async with open_rig(tmp_path / "data") as rig:
        await begun(rig)
        await run(rig, tail, user="u1", follow=False)
        told = capsys.readouterr().out
        await run(rig, tail, user="u1", last=100, follow=False, lang="ko")
        korean = capsys.readouterr().out

    assert "event viewed" in told
    assert "first-class v1: waits at reaction" in told
    assert "이벤트 viewed" in korean
