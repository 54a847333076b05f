"""R1, short form: the gateway dies of SIGKILL, again and again, under eight apps."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

import msgspec
import pytest

from e2e.clock import dice, steady_ns
from e2e.rig import environment, gateway, until
from faults import documents
from faults.checker import AppLedger, House, gist, is_quiet, once_through, read_app, read_house
from faults.fleet import HERE, Fleet, fleet, free_port, python_path, ringing
from faults.laws import conserved

APPS = 8
KILLS = 60
UP_MS = (50, 800)  # counted from readiness
AIM = 0.5  # how far into a request a kill goes: a share of what the last one took
MET_SHARE = 0.8
ACKED = {"accepted", "duplicate"}


@asynccontextmanager
async def apps(
    folder: Path, url: str, key: str, bell_port: int
) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Run the apps; at the end they send what is left, and end by themselves."""
    running = []
    for number in range(APPS):
        settings = {
            "host": url,
            "key": key,
            "bell": bell_port,
            "data_dir": str(folder / f"app-{number}"),
            "ledger": str(folder / f"app-{number}.ledger"),
            "user_id": f"user-{number}",
            "number": f"+1202555010{number}",
            "lat": documents.LAT,
            "lon": documents.LON,
        }
        running.append(
            await asyncio.create_subprocess_exec(
                *(sys.executable, str(HERE / "load.py"), json.dumps(settings)),
                stdin=asyncio.subprocess.PIPE,
                cwd=folder,
                env=environment(folder) | {"PYTHONPATH": python_path()},
            )
        )
    try:
        yield running
    finally:
        for process in running:
            assert process.stdin is not None
            process.stdin.close()
        for process in running:
            await process.wait()


async def run(folder: Path, seed: int) -> tuple[Fleet, list[AppLedger], House]:
    """Play the whole plan; give everything that is left behind."""
    chance, port = dice(seed), free_port()
    captured = {"driver": "capture", "settings": {"path": str(folder / "provider.ledger")}}
    async with gateway(folder, {"sms": captured}, port=port) as first:
        files = documents.files() | {"audiences.yaml": documents.AUDIENCES}
        applied = await first.apply("live", files)
        assert applied.code == 0, applied.err
        key = first.write_key
    async with fleet(folder, port) as gateways:
        await gateways.start()
        async with ringing() as (bell, bell_port), apps(folder, gateways.url, key, bell_port):
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(*UP_MS) / 1000)
                await gateways.kill(bell, chance.uniform(0, AIM))
                await gateways.start()
        await until(lambda: is_quiet(folder / "data/fencepost.db"), 60)
        assert await gateways.end() == 0
    ledgers = [read_app(folder / f"app-{n}.ledger", folder / f"app-{n}") for n in range(APPS)]
    return gateways, ledgers, read_house(folder / "data")


def met(gateways: Fleet, ledgers: list[AppLedger]) -> int:
    """Count the kills that met a request on its way."""
    spans = [span for app in ledgers for span in app.exchanges]
    return sum(any(began < at < ended for began, ended in spans) for at in gateways.kills_ns)


@pytest.mark.guarantee("R1")
@pytest.mark.timeout(300)
async def test_acknowledged_event_survives_sixty_kills(
    tmp_path: Path, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every acknowledged event is stored once and has had its effect once; none is doubled."""
    began_ns = steady_ns()
    gateways, ledgers, house = await run(tmp_path, seed)
    states, told = await once_through(tmp_path / "data", house.log)
    tracked = {event_id for app in ledgers for event_id in app.tracked}
    acked = {
        e for app in ledgers for e, v in app.verdicts.items() if v in {"accepted", "duplicate"}
    }
    acked_seqs = {pair for app in ledgers for pair in app.acked_seqs}
    sent = provider_calls(tmp_path / "provider.ledger")
    with capsys.disabled():
        print(summary(seed, began_ns, gateways, ledgers, house))  # noqa: T201 - the row's one line

    # Tracked = acknowledged: the apps stayed until the end, so nothing waits and nothing is lost.
    assert [(app.waiting, app.losses) for app in ledgers] == [(0, {})] * APPS
    assert tracked == acked
    # Acknowledged = stored, each once.
    assert house.integrity == "ok"
    assert acked - set(house.stored) == set()
    assert acked_seqs - set(house.seqs) == set()
    assert set(house.stored.values()) == set(house.seqs.values()) == {1}
    # Stored = processed, each once: the state is that of one pass nobody disturbed.
    assert conserved(house) == {}
    assert {p: msgspec.msgpack.encode(s) for p, s in states.persons.items()} == house.persons
    assert {d: msgspec.msgpack.encode(s) for d, s in states.devices.items()} == house.tracks
    kinds = ("transition", "step", "audience")
    assert gist(house.records, *kinds) == gist(told, *kinds)
    # Marketing does not double, and what the provider took is known as sent or unknown.
    assert set(sent.values()) == {1}
    assert all(house.deliveries[d] in {"sent", "unknown"} for d in sent)
    # Enough happened to say so.
    assert met(gateways, ledgers) >= MET_SHARE * KILLS
    assert len(tracked) > 100 * APPS
    left = sum(r.kind == "audience" and r.body["on"] == "leave" for r in house.records)
    assert left > 10 * APPS, "time alone moved too few"


def summary(
    seed: int, began_ns: int, gateways: Fleet, ledgers: list[AppLedger], house: House
) -> str:
    """Write the row's one line."""
    spans_ms = [(b - a) / 1e6 for app in ledgers for a, b in app.exchanges]
    verdicts = Counter(v for app in ledgers for v in app.verdicts.values())
    return (
        f"\nR1 seed={seed} kills={len(gateways.kills_ns)} met={met(gateways, ledgers)} "
        f"tracked={sum(len(app.tracked) for app in ledgers)} verdicts={dict(verdicts)} "
        f"stored={len(house.stored)} processed={house.position}/{house.log[-1].position} "
        f"messages={dict(Counter(house.messages.values()))} requests={len(spans_ms)} "
        f"request_ms={median(spans_ms):.1f} start_ms={median(gateways.starts_ms):.0f} "
        f"took_s={(steady_ns() - began_ns) / 1e9:.0f}"
    )


def provider_calls(path: Path) -> Counter[str]:
    """Count the provider's accepted calls by delivery."""
    lines = path.read_text("utf-8").splitlines()
    return Counter(json.loads(line)["delivery_id"] for line in lines)
