"""
``python -m bench``: measure ``POST /v1/batch`` end to end and print the figures.

``--quick`` proves in seconds that everything runs, ``--profile`` says where the gateway's time
goes. No figure is a pass line; ``docs/performance.md`` reads them.
"""

import argparse
import asyncio
import os
import platform
import pstats
from statistics import median

import aiohttp
import apsw
import msgspec

from bench.batch import Loaded, Rate, median_rate, reference_rate
from bench.servers import (
    SERVE,
    Server,
    bare_server,
    fresh_folder,
    gateway,
    metrics,
    publish,
    started,
)
from bench.stages import stages
from bench.world import Crowd
from fencepost_gateway.clock import SystemClock

SEED = 7
FENCES = 1000
DEVICES = 200
SIZE = 50
PROFILE_LINES = 40


async def main(args: argparse.Namespace) -> None:
    """Run the parts in order."""
    quick = args.quick
    machine()
    if args.profile:
        await profile(args.batches)
        return
    async with gateway(FENCES, SEED) as server:
        print(f"gateway ready after {server.ready_s:.2f} s (first start)")
        loaded = await crowded(server, FENCES, 20 if quick else DEVICES)
        batches = 40 if quick else args.batches
        rate = await side_by_side(loaded, 1 if quick else args.rounds, batches)
        await steady(loaded, rate, 40 if quick else args.batches)
        await effects(server)
    if not quick:
        await curve(args.batches)
    await starts((100,) if quick else (1000, 10_000))
    await stages(FENCES, SEED, 40 if quick else 1000, SIZE)


def machine() -> None:
    """Say what this was measured on."""
    print(
        f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, "
        f"SQLite {apsw.sqlite_lib_version()}, aiohttp {aiohttp.__version__}, "
        f"msgspec {msgspec.__version__}"
    )


async def crowded(server: Server, fences: int, devices: int = DEVICES) -> Loaded:
    """Let the devices introduce themselves and warm everything up."""
    crowd = Crowd(devices, fences, SEED, SystemClock().now_ms())
    loaded = Loaded(server, crowd)
    await loaded.greet()
    await loaded.rate(loaded.next_bodies(devices, SIZE))
    return loaded


async def side_by_side(loaded: Loaded, rounds: int, batches: int) -> Rate:
    """Alternate gateway and reference over the same bodies."""
    ours: list[Rate] = []
    theirs: list[Rate] = []
    print(
        f"\n{loaded.crowd.devices} devices, {batches} batches of {SIZE} a round, {FENCES:,} fences,"
        " one campaign, ack fsync\n"
        "round    gateway ev/s (CPU us loop + rest)    decode only ev/s (CPU us)   ratio"
    )
    with bare_server() as reference:
        for number in range(rounds):
            bodies = loaded.next_bodies(batches, SIZE)
            ours.append(await loaded.rate(bodies))
            theirs.append(await reference_rate(reference, bodies))
            _line(str(number + 1), ours[-1], theirs[-1], ours[-1].per_s / theirs[-1].per_s)
    rate, decoding = median_rate(ours), median_rate(theirs)
    ratio = median(a.per_s / b.per_s for a, b in zip(ours, theirs, strict=True))
    _line("median", rate, decoding, ratio)
    cpu = decoding.main_us / (rate.main_us + rate.others_us)
    print(f"ratio of CPU time an event: {cpu:.2f}")
    return rate


def _line(name: str, ours: Rate, theirs: Rate, ratio: float) -> None:
    print(
        f"{name:6}  {ours.per_s:12,.0f}  ({ours.main_us:5.1f} + {ours.others_us:5.1f})"
        f"  {theirs.per_s:22,.0f}  ({theirs.main_us:4.1f})  {ratio:12.2f}"
    )


async def steady(loaded: Loaded, rate: Rate, batches: int) -> None:
    """Measure latency at half of what was possible."""
    per_s = rate.per_s / SIZE / 2
    found = await loaded.latency(loaded.next_bodies(batches, SIZE), per_s)
    print(
        f"\nat half load ({per_s:.0f} batches/s): receipt to commit of effects "
        f"p50 {found.commit_p50_ms:.1f} ms, p99 {found.commit_p99_ms:.1f} ms; answer "
        f"p50 {found.answer_p50_ms:.1f} ms, p99 {found.answer_p99_ms:.1f} ms; "
        f"memory {loaded.server.rss_mib():.0f} MiB"
    )


async def effects(server: Server) -> None:
    """Say what the events came to, so that nobody measures a gateway that does nothing."""
    found = await metrics(server)
    events = found["fencepost_pipeline_events_total"]

    def total(name: str) -> float:
        return sum(v for k, v in found.items() if k.split("{")[0] == f"fencepost_{name}_total")

    told = [f"{total(n):,.0f} {n}" for n in ("transitions", "steps", "decisions", "deliveries")]
    print(f"{events:,.0f} events came to {', '.join(told)}")


async def curve(batches: int) -> None:
    """Vary fences and batch size."""
    print("\nfences   batch     events/s   CPU us an event")
    for fences in (0, 1000, 10_000):
        async with gateway(fences, SEED) as server:
            loaded = await crowded(server, fences)
            for size in (10, 50, 100) if fences == FENCES else (SIZE,):
                bodies = loaded.next_bodies(batches * SIZE // size // 2, size)
                rate = await loaded.rate(bodies)
                us = rate.main_us + rate.others_us
                print(f"{fences:6,}  {size:6}  {rate.per_s:11,.0f}  {us:16.1f}")


async def starts(sizes: tuple[int, ...]) -> None:
    """Measure start-up on a folder that has its documents already, and memory after it."""
    print()
    for fences in sizes:
        with fresh_folder() as folder:
            with started(SERVE, folder) as server:
                await publish(server, fences, SEED)
            with started(SERVE, folder) as server:
                print(
                    f"start with {fences:,} fences: ready after {server.ready_s:.2f} s, "
                    f"{server.rss_mib():.0f} MiB"
                )


async def profile(batches: int) -> None:
    """Print the functions that the event loop's thread spends its time in."""
    with fresh_folder() as folder:
        with started(("-m", "cProfile", "-o", "loop.prof", *SERVE), folder) as server:
            await publish(server, FENCES, SEED)
            loaded = await crowded(server, FENCES)
            await loaded.rate(loaded.next_bodies(batches, SIZE))
        pstats.Stats(str(folder / "loop.prof")).sort_stats("tottime").print_stats(PROFILE_LINES)


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="prove that it runs; no figures")
    parser.add_argument("--profile", action="store_true", help="the event loop under cProfile")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=1500, help="batches a round")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(read_arguments()))
