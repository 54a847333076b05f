"""A code that was read at the door, from the wire to the message."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fencepost_gateway.__main__ import cli
from fencepost_gateway.intake.codes import Code, read_code, write_code
from gateway.rig import DOCUMENTS, GRANTS, NOON_MS, OPEN_POLICY, OUTSIDE, Rig, moment, open_rig

NEXT_WEEK_S = NOON_MS // 1000 + 7 * 86_400


async def prepared(rig: Rig) -> str:
    """Publish, consent; give a genuine code."""
    await rig.apply(DOCUMENTS, OPEN_POLICY)
    await rig.consent()
    return write_code(rig.gateway.credentials.seed, Code("studio", NEXT_WEEK_S))


async def check_in(rig: Rig, code: str, **more: Any) -> dict[str, Any]:
    """Read a code."""
    answer = await rig.send({"type": "check_in", "code": code, **more})
    await rig.settle()
    return answer


async def told(rig: Rig) -> list[str]:
    """Give the kinds of the transitions on record."""
    return [one["body"]["kind"] for one in await rig.records("transition")]


@pytest.mark.feature("Q22")
async def test_check_in_opens_the_visit_and_fixes_close_it(tmp_path: Path) -> None:
    """ENTER at full confidence, its message, once; then an ordinary EXIT."""
    async with open_rig(tmp_path) as rig:
        code = await prepared(rig)
        await rig.fix(OUTSIDE)
        rig.clock.move_to(rig.clock.now_ms() + 60_000)
        await check_in(rig, code)
        await check_in(rig, code)
        (enter,) = await rig.records("transition")
        inbox = await rig.inbox()
        for _ in range(3):
            await rig.fix(OUTSIDE)
        await rig.settle()
        kinds = await told(rig)
        refused = await rig.records("check_in")

    body = enter["body"]
    assert (body["kind"], body["confidence"], body["initial"]) == ("enter", 1.0, False)
    assert (body["reason"], body["at_ms"]) == ("decided", NOON_MS + 75_000)
    assert len(inbox) == 1
    assert (kinds, refused) == (["enter", "exit"], [])


@pytest.mark.feature("Q22")
@pytest.mark.parametrize("reason", ["code_forged", "code_expired", "code_fence_gone", "code_late"])
async def test_check_in_that_is_refused_leaves_its_reason_and_nothing_else(
    tmp_path: Path, reason: str
) -> None:
    """No transition, no message; the record says why in words, and never the code."""
    more = {}
    async with open_rig(tmp_path) as rig:
        code = await prepared(rig)
        seed = rig.gateway.credentials.seed
        if reason == "code_forged":
            code = write_code("another seed", Code("studio", NEXT_WEEK_S))
        elif reason == "code_expired":
            code = write_code(seed, Code("studio", NOON_MS // 1000))
        elif reason == "code_fence_gone":
            code = write_code(seed, Code("closed-down", NEXT_WEEK_S))
        else:
            await rig.fix(OUTSIDE)
            more = {"at": moment(NOON_MS - 3_600_000)}
        await check_in(rig, code, **more)
        (record,) = await rig.records("check_in")
        kinds, inbox = await told(rig), await rig.inbox()

    assert (record["body"]["reason"], kinds, inbox) == (reason, [], [])
    assert record["words"][0].startswith("Check-in refused: ")
    assert code not in str(record)


async def test_check_in_and_fixes_of_one_upload_go_by_their_time(tmp_path: Path) -> None:
    """Sent after the fixes, it happened before the last of them: nothing is late."""
    lat, lon = OUTSIDE
    async with open_rig(tmp_path) as rig:
        code = await prepared(rig)
        rig.clock.move_to(NOON_MS + 300_000)
        away = [
            {"type": "fix", "lat": lat, "lon": lon, "accuracy_m": 5, "at": moment(NOON_MS + ms)}
            for ms in (0, 200_000, 215_000, 230_000)
        ]
        await rig.send(*away, {"type": "check_in", "code": code, "at": moment(NOON_MS + 100_000)})
        await rig.settle()
        found = [(r["body"]["kind"], r["body"]["late"]) for r in await rig.records("transition")]

    assert found == [("enter", False), ("exit", False)]


async def test_check_in_without_consent_goes_no_further_than_the_door(tmp_path: Path) -> None:
    """Neither without a statement nor before a withdrawal in the same upload."""
    async with open_rig(tmp_path) as rig:
        code = await prepared(rig)
        await rig.send(
            {"type": "check_in", "code": code},
            {"type": "consent", "values": GRANTS | {"location_collect": "n"}},
        )
        await rig.settle()
        answer = await check_in(rig, code)
        kinds = await told(rig)

    assert [other["code"] for other in answer["verdicts"]["others"]] == ["consent"]
    assert kinds == []


@pytest.mark.feature("Q22")
async def test_command_line_prints_a_code_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made beside the gateway's folder, for a fence and a time; anything else is refused."""
    monkeypatch.setenv("FENCEPOST_DATA_DIR", str(tmp_path))
    async with open_rig(tmp_path) as rig:
        run = CliRunner().invoke
        done = await asyncio.to_thread(run, cli, ["code", "studio", "--valid", "2h"])
        wrong = await asyncio.to_thread(run, cli, ["code", "studio", "--valid", "soon"])
        seed = rig.gateway.credentials.seed

    code = read_code(seed, done.stdout.strip())
    assert code is not None
    assert code.fence_id == "studio"
    assert wrong.exit_code == 1
