"""
Batch: what ``POST /v1/batch`` costs end to end, beside a handler that only decodes.

Rule 1. An event counts when the pipeline has committed its effects, not when it was accepted.
Rule 2. Gateway and reference get the same bodies in the same run, in turn; the ratio is the median
        over rounds, because the machine's own speed comes and goes.
Rule 3. The reference is stateless, so it gets its bodies several times over: a measurement of a few
        milliseconds says nothing.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.load import Answered, requests_of, send_all, send_paced
from bench.servers import TO_COMMIT, Server, metrics, processed
from bench.world import Body, Crowd
from fencepost_gateway.clock import SystemClock

REFERENCE_TIMES = 4


@dataclass(frozen=True, slots=True)
class Rate:
    """Events per second, and CPU microseconds per event by the main thread and by the others."""

    per_s: float
    main_us: float
    others_us: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds at a steady load: receipt to commit by the gateway, answer by the client."""

    batches_per_s: float
    commit_p50_ms: float
    commit_p99_ms: float
    answer_p50_ms: float
    answer_p99_ms: float


class Loaded:
    """A gateway and the crowd that loads it; keeps count of what it must have processed."""

    def __init__(self, server: Server, crowd: Crowd) -> None:
        self._key = server.key("write_key")
        self._sent = 0
        self.server = server
        self.crowd = crowd

    async def greet(self) -> None:
        """Let every device say who it is and what it allows."""
        await self.rate(self.crowd.greetings())

    def next_bodies(self, count: int, size: int) -> list[Body]:
        """Give batches to send now."""
        self.crowd.sent_now(SystemClock().now_ms())
        return self.crowd.batches(count, size)

    async def rate(self, bodies: Sequence[Body]) -> Rate:
        """Send as fast as the gateway takes it, until the last event is processed."""
        requests = requests_of(bodies, self._key)
        begin_s, before = asyncio.get_running_loop().time(), self.server.cpu_s()
        await send_all(self.server.port, requests)
        await self._caught_up(bodies)
        took_s = asyncio.get_running_loop().time() - begin_s
        return _rate(bodies, took_s, before, self.server.cpu_s())

    async def latency(self, bodies: Sequence[Body], batches_per_s: float) -> Latency:
        """Send at a steady rate."""
        requests = requests_of(bodies, self._key)
        before = await metrics(self.server)
        answered = await send_paced(self.server.port, requests, batches_per_s)
        await self._caught_up(bodies)
        return latency_of(batches_per_s, answered, before, await metrics(self.server))

    async def _caught_up(self, bodies: Sequence[Body]) -> None:
        self._sent += sum(body.events for body in bodies)
        await processed(self.server, self._sent)


async def reference_rate(server: Server, bodies: Sequence[Body]) -> Rate:
    """Send the same bodies to the reference."""
    requests = requests_of(list(bodies) * REFERENCE_TIMES, "none")
    before = server.cpu_s()
    answered = await send_all(server.port, requests)
    after = server.cpu_s()
    return _rate(list(bodies) * REFERENCE_TIMES, answered.took_s, before, after)


def _rate(
    bodies: Sequence[Body],
    took_s: float,
    before: tuple[float, float],
    after: tuple[float, float],
) -> Rate:
    events = sum(body.events for body in bodies)
    main_s, others_s = after[0] - before[0], after[1] - before[1]
    return Rate(events / took_s, 1e6 * main_s / events, 1e6 * others_s / events)


def median_rate(rates: Sequence[Rate]) -> Rate:
    """Give the median of each figure."""
    return Rate(
        median(r.per_s for r in rates),
        median(r.main_us for r in rates),
        median(r.others_us for r in rates),
    )


def latency_of(
    batches_per_s: float, answered: Answered, before: dict[str, float], after: dict[str, float]
) -> Latency:
    """Give the latencies of a load, by what was answered and by the gateway's own histogram."""
    waits = sorted(answered.waits_s)
    counts = [
        (float(name.split('"')[1]), total - before.get(name, 0.0))
        for name, total in after.items()
        if name.startswith(TO_COMMIT)
    ]
    return Latency(
        batches_per_s=batches_per_s,
        commit_p50_ms=1000 * quantile(sorted(counts), 0.5),
        commit_p99_ms=1000 * quantile(sorted(counts), 0.99),
        answer_p50_ms=1000 * waits[len(waits) // 2],
        answer_p99_ms=1000 * waits[len(waits) * 99 // 100],
    )


def quantile(buckets: Sequence[tuple[float, float]], share: float) -> float:
    """Read a quantile off a cumulative histogram, linear inside a bucket."""
    wanted = share * buckets[-1][1]
    low, below = 0.0, 0.0
    for high, count in buckets:
        if count >= wanted:
            inside = (wanted - below) / (count - below) if count > below else 1.0
            return low + (high - low) * inside if high != float("inf") else low
        low, below = high, count
    return low
