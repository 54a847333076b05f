"""The examples run, against a real gateway."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from docs.blocks import ROOT, blocks
from docs.shell import BIN, run
from doubles.clock import now_s

NOON = 12


def daytime_zone() -> str:
    """Give a zone in which it is about noon: marketing keeps quiet hours."""
    ahead = NOON - now_s() // 3600 % 24
    return f"Etc/GMT{-ahead:+d}"  # POSIX counts to the west


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[tuple[str, dict[str, str]]]:
    """Give the address of a gateway process and the environment that reaches it."""
    env = {
        **os.environ,
        "FENCEPOST_DATA_DIR": str(tmp_path / "data"),
        "FENCEPOST_PORT": "0",
        "FENCEPOST_MIN_ACK_LEVEL": "os",
        "XDG_DATA_HOME": str(tmp_path / "app"),
        "TZ": daytime_zone(),
    }
    process = await asyncio.create_subprocess_exec(
        str(BIN / "fencepost"), "serve", env=env, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            async for line in process.stdout:
                if line.startswith(b"listening on "):
                    yield line.split()[2].decode().rstrip(","), env
                    break
    finally:
        process.terminate()
        await process.communicate()


async def test_old_town_greets_whoever_embeds_the_sdk(
    gateway: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    """Apply the example, walk in through the SDK, get the message: as the README says."""
    url, env = gateway
    keys = json.loads((tmp_path / "data" / "keys.json").read_text("utf-8"))
    command = ("apply", "examples/old-town", "--yes", "--url", url)
    applied = await run(str(BIN / "fencepost"), *command, env=env)
    walked = await run(sys.executable, "examples/embed_sdk.py", url, keys["write_key"], env=env)

    assert "12 changed, 0 unchanged" in applied
    assert "message: Hi Mina. Yoga Loft has a class at 18:00." in walked


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page is written for curl")
async def test_send_a_batch_page_runs_word_by_word(
    gateway: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    """The commands of the page, top to bottom, get the verdicts that it shows."""
    url, env = gateway
    keys = json.loads((tmp_path / "data" / "keys.json").read_text("utf-8"))
    script = "".join(b.text for b in blocks("bash") if b.page.stem == "send-a-batch")
    said = await run(
        "bash", "-euo", "pipefail", "-c", script, env={**env, "URL": url, "KEY": keys["write_key"]}
    )

    first, second, again, inbox = [json.loads(line) for line in said.splitlines()]
    assert first["verdicts"] == {"stream": "s-1", "accepted": [[1, 5]], "others": []}
    assert second["verdicts"]["accepted"] == [[7, 7]]
    assert second["verdicts"]["others"] == [
        {"verdict": "duplicate", "seq": 4},
        {"verdict": "rejected", "seq": 6, "code": "number_range", "path": "lat"},
    ]
    assert again["verdicts"]["accepted"] == []
    assert [one["verdict"] for one in again["verdicts"]["others"]] == ["duplicate"] * 5
    assert inbox["messages"] == []


def test_send_a_batch_page_names_every_verdict() -> None:
    """What the protocol may answer has a line that says what to do."""
    page = (ROOT / "docs/how-to/send-a-batch.md").read_text("utf-8")
    schema = json.loads((ROOT / "sdk/wire/v1.schema.json").read_text("utf-8"))
    verdicts = schema["$defs"]["verdict"]["properties"]["verdict"]["enum"]

    assert [v for v in ["accepted", *verdicts] if f"\n| `{v}`" not in page] == []


EVENT = """\
kind: event
id: purchase
event: It's a "$purchase"
properties: {value: {type: number, required: true, min: 0}, cart.id: {example: "`a` $(b)"}}
closed: true
"""


@pytest.mark.skipif(shutil.which("curl") is None, reason="one of the snippets is curl")
async def test_snippets_of_an_event_are_sent_as_they_are_printed(
    gateway: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    """By curl and by the SDK; both are taken by a gateway that knows the definition."""
    url, env = gateway
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "event.yaml").write_text(EVENT)
    fencepost = str(BIN / "fencepost")
    await run(fencepost, "apply", str(documents), "--yes", "--url", url, env=env)
    printed = [fencepost, "snippet", "purchase", "--live", "--url", url]
    curl = await run(*printed, env=env)
    python = await run(*printed, "--python", env=env)
    by_curl = await run("bash", "-euo", "pipefail", "-c", curl, env=env)
    by_python = await run(sys.executable, "-c", python, env={**env, "HOME": str(tmp_path)})

    assert json.loads(by_curl)["verdicts"] == {"stream": "1", "accepted": [[1, 1]], "others": []}
    assert "rejected" not in by_python
