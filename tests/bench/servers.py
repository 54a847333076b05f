"""
Servers: the processes that are measured, and what the system says of them.

Each runs in a folder of its own that goes with it. CPU time and memory are read from ``/proc``;
beside wall-clock rates CPU per event hardly minds what else the machine is doing.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bench.world import documents, fences_geojson
from fencepost_gateway.clock import SystemClock

ROOT = Path(__file__).resolve().parents[2]
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
LISTENING = re.compile(r"listening on http://127\.0\.0\.1:(\d+)")
SERVE = ("-m", "fencepost_gateway", "serve")
LOOK_EVERY_S = 0.005
PROCESSED = "fencepost_pipeline_events_total"
TO_COMMIT = "fencepost_receipt_to_commit_seconds_bucket"


@dataclass(frozen=True, slots=True)
class Server:
    """A process that listens; ``ready_s`` is how long it took until it did."""

    pid: int
    port: int
    ready_s: float
    folder: Path

    def cpu_s(self) -> tuple[float, float]:
        """Give the CPU time used so far: by the main thread, by all others together."""
        main_s = others_s = 0.0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            fields = (task / "stat").read_text().rpartition(") ")[2].split()
            used_s = (int(fields[11]) + int(fields[12])) / TICKS_PER_S  # utime, stime: proc(5)
            if int(task.name) == self.pid:
                main_s += used_s
            else:
                others_s += used_s
        return main_s, others_s

    def rss_mib(self, *, peak: bool = False) -> float:
        """Give the resident memory, now or the most there ever was."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"{'VmHWM' if peak else 'VmRSS'}:\s+(\d+) kB", text)
        return int(found[1]) / 1024 if found else 0.0

    def key(self, name: str) -> str:
        """Give a key of the gateway."""
        return str(json.loads((self.folder / "keys.json").read_text())[name])


@contextmanager
def started(arguments: Sequence[str], folder: Path) -> Iterator[Server]:
    """Run ``python ARGUMENTS`` until it listens, and end it afterwards."""
    clock = SystemClock()
    begin_s = clock.monotonic_s()
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("FENCEPOST_")},
        "PYTHONPATH": str(ROOT / "tests"),
        "FENCEPOST_DATA_DIR": str(folder),
        "FENCEPOST_PORT": "0",
    }
    process = subprocess.Popen(  # noqa: S603 - our own modules
        [sys.executable, *arguments],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=sys.stderr,
        text=True,
    )
    try:
        port = _port(process)
        yield Server(process.pid, port, clock.monotonic_s() - begin_s, folder)
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _port(process: subprocess.Popen[str]) -> int:
    for line in process.stdout or ():
        found = LISTENING.search(line)
        if found:
            return int(found[1])
    raise RuntimeError(f"the server ended before it listened (code {process.wait()})")


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """Give a private folder on the disk the checkout is on: a temporary one may be memory."""
    (ROOT / ".fencepost").mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=ROOT / ".fencepost"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def bare_server(module: str = "bench.bare") -> Iterator[Server]:
    """Run the reference handler, or another."""
    with fresh_folder() as folder, started(["-m", module], folder) as server:
        yield server


@asynccontextmanager
async def gateway(fences: int, seed: int) -> AsyncIterator[Server]:
    """Run a gateway with so many fences and one campaign."""
    with fresh_folder() as folder, started(SERVE, folder) as server:
        await publish(server, fences, seed)
        yield server


async def publish(server: Server, fences: int, seed: int, more: str = "") -> None:
    """Publish the documents, and others, and wait until they are in force."""
    files = [{"path": "bench.yaml", "text": documents(fences)}]
    files += [{"path": "more.yaml", "text": more}] if more else []
    if fences:
        files.append({"path": "f.geojson", "text": json.dumps(fences_geojson(fences, seed))})
    await tell(server, "/v1/documents", {"files": files})
    while (await ask(server, "/readyz"))["pending"]:  # noqa: ASYNC110 - another process
        await asyncio.sleep(LOOK_EVERY_S)


async def tell(server: Server, path: str, body: Any) -> None:
    """Tell the gateway something, as its operator."""
    async with (
        aiohttp.ClientSession(trust_env=False, headers=_operator(server)) as session,
        session.post(f"{_url(server)}{path}", json=body) as response,
    ):
        if response.status >= 400:
            raise RuntimeError(await response.text())


async def ask(server: Server, path: str) -> Any:
    """Read a JSON answer, as the operator."""
    return json.loads(await _text(server, path))


async def metrics(server: Server) -> dict[str, float]:
    """Read every metric, by name and labels as exposed."""
    text = await _text(server, "/metrics")
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


async def processed(server: Server, events: int) -> None:
    """Wait until the pipeline has committed so many events in all."""
    while (await metrics(server)).get(PROCESSED, 0.0) < events:  # noqa: ASYNC110 - as above
        await asyncio.sleep(LOOK_EVERY_S)


async def _text(server: Server, path: str) -> str:
    async with (
        aiohttp.ClientSession(trust_env=False, headers=_operator(server)) as session,
        session.get(f"{_url(server)}{path}") as response,
    ):
        return await response.text()


def _operator(server: Server) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.key('operator_key')}"}


def _url(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"
