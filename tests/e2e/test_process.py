"""The gateway as a process: it stops when told, and keeps its folder to itself."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from doubles.http_server import Silence
from e2e.documents import SPOTS, whole_way
from e2e.people import claims, somebody
from e2e.rig import fencepost, gateway, receivers, until, until_answered

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]

STOP_S = 10.0


@pytest.mark.guarantee("R23")
async def test_sigterm_ends_within_ten_seconds(tmp_path: Path) -> None:
    """With an app connected and a provider that never answers, the end comes in time, code 0."""
    async with receivers() as there, gateway(tmp_path, there.channels()) as running:
        await running.apply("live", whole_way())
        there.sms.server.always = Silence()
        async with somebody(running, there, "lark", traits={"first_name": "Io"}) as lark:
            await lark.walk(*SPOTS["lotus"])
            await claims(running, "lark", 4)
            await until(lambda: lark.mails and lark.pushes)
            began_s = asyncio.get_running_loop().time()

            code = await running.end(within_s=30)

            took_s = asyncio.get_running_loop().time() - began_s

    assert code == 0, running.printed()
    assert took_s < STOP_S


@pytest.mark.guarantee("R23")
async def test_call_cut_off_by_the_end_is_unknown_and_not_repeated(tmp_path: Path) -> None:
    """What was on its way to a silent provider at the end is ``unknown`` afterwards, sent once."""
    async with receivers() as there:
        async with gateway(tmp_path, there.channels()) as running:
            await running.apply("live", whole_way())
            there.sms.server.always = Silence()
            async with somebody(running, there, "lark", traits={"first_name": "Io"}) as lark:
                await lark.walk(*SPOTS["lotus"])
                told = await claims(running, "lark", 4)
                sms = next(c["subject"] for c in told if c["body"]["channel"] == "sms")
        there.sms.server.always = None
        async with gateway(tmp_path, there.channels()) as again:

            async def ended() -> list[str]:
                answer = await again.ask("GET", f"/v1/decisions/{sms}")
                return [r["body"]["state"] for r in answer["records"] if r["kind"] == "outcome"]

            states = await until_answered(ended)

    assert states == ["unknown"]
    assert lark.texts == []


@pytest.mark.guarantee("R30")
async def test_second_gateway_on_the_folder_refuses(tmp_path: Path) -> None:
    """It ends with code 1, names the process that holds the folder, and disturbs nothing."""
    async with gateway(tmp_path) as running:
        refused = await fencepost(tmp_path, "serve")
        ready = await running.ask("GET", "/readyz")

    assert refused.code == 1
    assert f"process {running.process.pid}" in refused.err
    assert "FENCEPOST_DATA_DIR" in refused.err
    assert ready["status"] == "ready"
