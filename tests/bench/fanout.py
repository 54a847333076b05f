"""
``python -m bench.fanout``: telling a million persons of one thing, and what devices feel of it.

A real gateway process with so many persons in its store. An event from outside starts a journey
for everybody, whose first step waits for a day: afterwards so many runs wait. Before it, and for as
long as it is told, devices send batches at a steady rate (open loop).

Rule 1. A person counts when the commit with their run is through; the rate is that of all of them.
Rule 2. Memory is the most that the process ever had resident (VmHWM of proc(5)), before and after.
Rule 3. Latency is that of ``POST /v1/batch`` as the client sees it, and from receipt to commit of
        the effects as the gateway counts it; idle and meanwhile by the same load.

``--persons`` makes it smaller. No figure is a pass line.
"""

import argparse
import asyncio
import os

from bench.batch import Latency, Loaded, latency_of
from bench.load import Answered, requests_of, send_paced
from bench.servers import SERVE, Server, ask, fresh_folder, metrics, publish, started, tell
from bench.world import Crowd
from faults.crowd import populate
from fencepost_gateway.clock import SystemClock

PERSONS = 1_000_000
DEVICES = 40
FENCES = 1_000
SEED = 7
SIZE = 20
PER_S = 20.0
ROUND = 40  # batches between two looks at how far it is
IDLE_ROUNDS = 10
JOURNEY = """
kind: journey
id: iced
entry: {external: weather.forecast, where: {region: monaco}}
goal: none
steps:
  - id: morning
    wait: {for_duration: 1d}
"""


async def main(persons: int, per_s: float) -> None:
    """Fill a store, tell everybody, and say what it cost."""
    clock = SystemClock()
    with fresh_folder() as folder:
        with started(SERVE, folder) as server:
            await publish(server, FENCES, SEED, JOURNEY)
        populate(folder / "fencepost.db", persons)
        with started(SERVE, folder) as server:
            loaded = Loaded(server, Crowd(DEVICES, FENCES, SEED, clock.now_ms()))
            await loaded.greet()
            load = Load(server, loaded, per_s)
            idle = await load.rounds(IDLE_ROUNDS)
            before_mib, begin_s, cpu_s = server.rss_mib(), clock.monotonic_s(), sum(server.cpu_s())
            props = {"region": "monaco", "max_c": 33}
            told = {"id": "w1", "name": "weather.forecast", "props": props}
            await tell(server, "/v1/external", told)
            meanwhile = await load.until_told()
            took_s, used_s = clock.monotonic_s() - begin_s, sum(server.cpu_s()) - cpu_s
            (row,) = (await ask(server, "/v1/broadcasts"))["broadcasts"]
            reached, seen = row["reached"], row["seen"]
            size_mib = sum(each.stat().st_size for each in folder.glob("fencepost.db*")) / (1 << 20)
            say(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end")
            say(
                f"{reached:,} of {seen:,} persons in {took_s:.1f} s: {seen / took_s:,.0f} persons/s"
                f" beside {per_s:.0f} batches/s of {SIZE}; "
                f"{1e6 * used_s / seen:.0f} us CPU a person, the batches' included"
            )
            say(
                f"memory {before_mib:.0f} MiB before, {server.rss_mib(peak=True):.0f} MiB at most; "
                f"store {size_mib:,.0f} MiB"
            )
            say(shown("idle", idle))
            say(shown("meanwhile", meanwhile))
        with started(SERVE, folder) as server:
            say(f"start beside {reached:,} waiting runs: {server.ready_s:.1f} s, "
                f"{server.rss_mib():.0f} MiB")  # fmt: skip


class Load:
    """Batches at a steady rate, in rounds."""

    def __init__(self, server: Server, loaded: Loaded, per_s: float) -> None:
        self._server = server
        self._loaded = loaded
        self._per_s = per_s
        self._key = server.key("write_key")

    async def rounds(self, count: int) -> Latency:
        """Send so many rounds; gives their latencies together."""
        before, answered = await metrics(self._server), Answered()
        for _ in range(count):
            await self._round(answered)
        return latency_of(self._per_s, answered, before, await metrics(self._server))

    async def until_told(self) -> Latency:
        """Send for as long as the broadcast is under way."""
        before, answered = await metrics(self._server), Answered()
        while True:
            await self._round(answered)
            (row,) = (await ask(self._server, "/v1/broadcasts"))["broadcasts"]
            if row["state"] == "done":
                return latency_of(self._per_s, answered, before, await metrics(self._server))

    async def _round(self, answered: Answered) -> None:
        bodies = self._loaded.next_bodies(ROUND, SIZE)
        sent = await send_paced(self._server.port, requests_of(bodies, self._key), self._per_s)
        answered.waits_s += sent.waits_s


def shown(name: str, found: Latency) -> str:
    """Write latencies in a line."""
    return (
        f"{name}: answer p50 {found.answer_p50_ms:.1f} ms, p99 {found.answer_p99_ms:.1f} ms; "
        f"receipt to commit p50 {found.commit_p50_ms:.1f} ms, p99 {found.commit_p99_ms:.1f} ms"
    )


def say(line: str) -> None:
    """Print at once."""
    print(line, flush=True)  # noqa: T201 - a benchmark prints


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.fanout", description=__doc__)
    parser.add_argument("--persons", type=int, default=PERSONS)
    parser.add_argument("--batches", type=float, default=PER_S, help="batches a second meanwhile")
    return parser.parse_args()


if __name__ == "__main__":
    given = read_arguments()
    asyncio.run(main(given.persons, given.batches))
