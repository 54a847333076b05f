"""J04 and S07 under fire: the gateway dies in the middle of calls that runs wait for."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import apsw
import msgspec
import pytest

from doubles.source_stub import SourceStub, open_source
from e2e.clock import dice, now_ms
from e2e.rig import environment, until
from faults.fleet import HERE, python_path
from gateway.rig import OPEN_POLICY, moment

KILLS = 3
ROUND = 20  # persons who begin before each kill
UP_MS = (30, 300)
DOCUMENTS = """
kind: journey
id: match
entry: {event: viewed}
goal: none
steps:
  - id: ask
    look_up: {source: tickets, as: tickets}
    then: {error: end}
  - id: tell
    webhook: {source: crm}
  - id: sure
    webhook: {source: crm}
    then: {error: end}
---
kind: source
id: tickets
url: URL/left?match={event.match}
ttl_s: 0
timeout_s: 30
---
kind: source
id: crm
url: URL/crm
sign: [crm_signing]
"""


@asynccontextmanager
async def serving(folder: Path, ca_file: Path) -> AsyncIterator[str]:
    """Run a gateway until the block ends; then it is killed, wherever it is."""
    given = json.dumps({"folder": str(folder / "data"), "ca_file": str(ca_file)})
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(HERE / "calling.py"), given),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
        env=environment(folder)
        | {"PYTHONPATH": python_path(), "FENCEPOST_SECRETS__CRM_SIGNING": "of-the-crm"},
    )
    try:
        assert process.stdout is not None
        port = await process.stdout.readline()
        yield f"http://127.0.0.1:{int(port)}"
    finally:
        process.kill()
        await process.wait()


def keys(folder: Path) -> dict[str, str]:
    """Read the gateway's keys."""
    found: dict[str, str] = json.loads((folder / "data/keys.json").read_text())
    return found


async def begin(http: aiohttp.ClientSession, url: str, key: str, number: int) -> None:
    """Let somebody begin the journey."""
    at = moment(now_ms())
    events: list[dict[str, Any]] = [
        {"type": "consent", "values": {"collect": "y"}},
        {"type": "track", "name": "viewed", "props": {"match": number}},
    ]
    body = {
        "v": 1, "device_id": f"d-{number}", "stream": "s", "sent_at": at,
        "who": {"anonymous_id": f"a-{number}", "user_id": f"u-{number}"},
        "context": {"zone": "Europe/Monaco", "locale": "en"},
        "events": [
            {"seq": n, "event_id": f"e-{number}-{n}", "at": at, **each}
            for n, each in enumerate(events, 1)
        ],
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {key}", "Fencepost-Device": f"d-{number}.secret"}
    async with http.post(f"{url}/v1/batch", json=body, headers=headers) as answer:
        assert answer.status == 200, await answer.text()


def rows(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    """Ask the store, as somebody else who may read it."""
    db = apsw.Connection(str(folder / "data/fencepost.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return list(db.execute(sql))
    finally:
        db.close()


def steps(folder: Path) -> Counter[tuple[str, str, str]]:
    """Count the records of steps: who, where, what."""
    found = rows(folder, "SELECT person_id, body FROM record WHERE kind = 'step'")
    told = [(person_id, msgspec.msgpack.decode(body)) for person_id, body in found]
    return Counter((p, b["step_id"], f"{b['outcome']} {b.get('way', '')}") for p, b in told)


def is_through(folder: Path, persons: int) -> bool:
    """Say whether every run has ended, and nothing is to be called any more."""
    ended = rows(folder, "SELECT count(*) FROM run WHERE ended_ms IS NOT NULL")[0][0]
    return ended == persons and rows(folder, "SELECT count(*) FROM call") == [(0,)]


async def under_fire(folder: Path, stub: SourceStub, seed: int) -> int:
    """Kill the gateway again and again while people begin; give how many began."""
    chance, begun = dice(seed), 0
    async with aiohttp.ClientSession() as http:
        async with serving(folder, stub.ca_file) as url:
            headers = {"Authorization": f"Bearer {keys(folder)['operator_key']}"}
            texts = (DOCUMENTS.replace("URL", stub.url), OPEN_POLICY)
            files = [{"path": f"{n}.yaml", "text": text} for n, text in enumerate(texts)]
            posted = http.post(f"{url}/v1/documents", json={"files": files}, headers=headers)
            async with posted as answer:
                assert answer.status == 200, await answer.text()
        for _ in range(KILLS):
            async with serving(folder, stub.ca_file) as url:
                for _ in range(ROUND):
                    await begin(http, url, keys(folder)["write_key"], begun)
                    begun += 1
                await asyncio.sleep(chance.uniform(*UP_MS) / 1_000)
    async with serving(folder, stub.ca_file):
        await until(lambda: is_through(folder, begun), 60)
    return begun


@pytest.mark.timeout(300)
async def test_every_run_goes_on_exactly_once(tmp_path: Path, seed: int) -> None:
    """A call may be made twice, under one key; what is answered counts once; nobody is left."""
    async with open_source(tmp_path) as stub:
        stub.takes_s = 0.3  # so that a kill meets calls which runs wait for
        begun = await under_fire(tmp_path, stub, seed)
    counted = steps(tmp_path)
    ways = Counter((step, what) for (_, step, what), _ in counted.items())

    assert {*counted.values()} == {1}
    for step, what in (("ask", "took "), ("tell", "took "), ("sure", "took "), ("end", "ended ")):
        assert ways[step, what] == begun
    made = Counter(stub.keys)
    assert len(made) == 3 * begun
    assert max(made.values()) > 1, "no kill met a call"
