"""
App: the only place where the parts are wired together.

``Gateway.open`` makes credentials, store, plans, lanes and workers; ``serve`` runs them behind
the HTTP surface until it is told to stop.

Rule 1. Nothing is answered before the store is open and its ack level is at least what the
        settings ask for.
Rule 2. Stopping: ``/readyz`` says so at once, requests under way are answered, calls under way are
        confirmed, then the store closes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

import structlog
from aiohttp import web

from fencepost_gateway.api.surface import Surface
from fencepost_gateway.api.table import build
from fencepost_gateway.clock import Clock, SystemClock
from fencepost_gateway.credentials import Credentials, open_credentials
from fencepost_gateway.decide.proof import ProofHead
from fencepost_gateway.errors import StartError, StoreUnavailableError
from fencepost_gateway.failpoints import read_failpoints
from fencepost_gateway.metrics import Metrics
from fencepost_gateway.ports import Store
from fencepost_gateway.settings import Settings
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.stores.sqlite import open_sqlite
from fencepost_gateway.stores.sqlite_file import ACK_ORDER
from fencepost_gateway.workers.callers import Callers
from fencepost_gateway.workers.deliver import Deliver
from fencepost_gateway.workers.fix_zone import load_borders
from fencepost_gateway.workers.lanes import open_lanes
from fencepost_gateway.workers.link_watch import LinkWatch
from fencepost_gateway.workers.outbound import Outbound, open_outbound
from fencepost_gateway.workers.pipeline import Pipeline
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.pruner import Pruner
from fencepost_gateway.workers.reception import Reception
from fencepost_gateway.workers.replies import Replies
from fencepost_gateway.workers.timers import Timers
from fencepost_gateway.workers.trials import Trials
from fencepost_gateway.workers.wakes import Wakes

DRAIN_S = 10.0
HOUR_S = 3600.0
DAY_MS = 86_400_000

Outside = Callable[[Clock, Mapping[str, str]], AbstractAsyncContextManager[Outbound]]

log = structlog.get_logger()


@dataclass(slots=True)
class Gateway:
    """A gateway whose parts are open but whose loops do not run yet."""

    settings: Settings
    credentials: Credentials
    store: Store
    surface: Surface
    pipeline: Pipeline
    deliver: Deliver
    callers: Callers
    links: LinkWatch
    timers: Timers
    trials: Trials
    pruner: Pruner


@asynccontextmanager
async def open_gateway(
    settings: Settings, clock: Clock | None = None, outside: Outside | None = None
) -> AsyncIterator[Gateway]:
    """
    Open everything a gateway needs.

    Args:
        settings: What the operator set.
        clock: Where time comes from; the machine's when left out.
        outside: Opens the way by which other systems are called; public hosts when left out.

    Raises:
        StartError: A setting, file or driver is unusable; says which and how to mend it.

    """
    clock = clock or SystemClock()
    failpoints = read_failpoints(settings.failpoint, settings.environment)
    credentials = open_credentials(settings.data_dir)
    store = open_store(settings)
    try:
        plans = Plans(credentials.seed)
        await plans.load(store)
        wakes, metrics = Wakes(), Metrics()
        metrics.ack_level.labels(store.ack_level).set(1)
        secrets = {name: each.get_secret_value() for name, each in settings.secrets.items()}
        async with (
            open_lanes(settings, credentials, clock, failpoints) as lanes,
            (outside or open_outbound)(clock, secrets) as outbound,
        ):
            yield Gateway(
                settings=settings,
                credentials=credentials,
                store=store,
                surface=Surface(
                    settings=settings,
                    credentials=credentials,
                    store=store,
                    plans=plans,
                    lanes=lanes,
                    wakes=wakes,
                    metrics=metrics,
                    clock=clock,
                    reception=Reception(
                        store=store,
                        lanes=lanes,
                        seed=credentials.seed,
                        clock=clock,
                        wakes=wakes,
                        metrics=metrics,
                        heed=Replies(store, plans, wakes, settings.sms_replies).heed,
                        failpoints=failpoints,
                    ),
                ),
                pipeline=Pipeline(
                    store=store,
                    plans=plans,
                    workspace=settings.workspace,
                    clock=clock,
                    wakes=wakes,
                    metrics=metrics,
                ),
                deliver=Deliver(
                    store=store,
                    plans=plans,
                    lanes=lanes,
                    clock=clock,
                    wakes=wakes,
                    metrics=metrics,
                    in_flight=settings.in_flight,
                    public_url=settings.public_url,
                    failpoints=failpoints,
                ),
                callers=Callers(
                    store=store,
                    plans=plans,
                    outbound=outbound,
                    clock=clock,
                    wakes=wakes,
                    metrics=metrics,
                ),
                links=LinkWatch(
                    store=store, plans=plans, ask=outbound.page, clock=clock, metrics=metrics
                ),
                timers=Timers(store, plans, clock, wakes),
                trials=Trials(
                    store=store,
                    plans=plans,
                    channels=frozenset(lanes),
                    clock=clock,
                    wakes=wakes,
                    public_url=settings.public_url,
                ),
                pruner=Pruner(store, clock, settings.history_days),
            )
    finally:
        await store.close()


def open_store(settings: Settings) -> Store:
    """
    Open the store the settings name.

    Raises:
        StartError: It cannot be used, or its ack level is below ``min_ack_level``.

    """
    if settings.store == "memory":
        return MemoryStore()
    store = open_sqlite(settings.data_dir)
    if ACK_ORDER.index(store.ack_level) < ACK_ORDER.index(settings.min_ack_level):
        raise StartError(
            f"an acknowledged event would only survive `{store.ack_level}` in "
            f"{settings.data_dir} (a file system in memory?), and min_ack_level is "
            f"`{settings.min_ack_level}`: use a disk folder, or lower FENCEPOST_MIN_ACK_LEVEL"
        )
    return store


async def serve(
    settings: Settings,
    *,
    stop: asyncio.Event,
    ready: Callable[[Gateway, int], None] | None = None,
    mount: Callable[[web.Application, Gateway], None] | None = None,
    clock: Clock | None = None,
    outside: Outside | None = None,
) -> None:
    """
    Run a gateway until ``stop`` is set.

    Args:
        settings: What the operator set.
        stop: Set it to end; what is under way is finished.
        ready: Called with the open gateway and its port once requests are taken.
        mount: May add routes of its own before the start (the demo's page).
        clock: Where time comes from; the machine's when left out.
        outside: As of ``open_gateway``.

    """
    async with open_gateway(settings, clock, outside) as gateway:
        app = build(gateway.surface)
        if mount is not None:
            mount(app, gateway)
        runner = web.AppRunner(
            app, access_log=None, auto_decompress=False, shutdown_timeout=DRAIN_S
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, settings.host, settings.port)
            try:
                await site.start()
            except OSError as error:
                raise StartError(
                    f"cannot listen on {settings.host}:{settings.port} ({error.strerror}): "
                    "set FENCEPOST_PORT to a free port (0 takes any)"
                ) from error
            port = int(runner.addresses[0][1])
            async with _working(gateway, stop):
                if ready is not None:
                    ready(gateway, port)
                await asyncio.to_thread(load_borders)
                await stop.wait()
                gateway.surface.is_stopping = True
                gateway.surface.wakes.inbox.ring_all()
                await runner.cleanup()
        finally:
            await runner.cleanup()


@asynccontextmanager
async def _working(gateway: Gateway, stop: asyncio.Event) -> AsyncIterator[None]:
    """Run the loops; a loop that dies of a bug stops the gateway, loudly."""
    tasks = [
        asyncio.create_task(gateway.pipeline.run(), name="pipeline"),
        asyncio.create_task(gateway.deliver.run(), name="deliver"),
        asyncio.create_task(gateway.callers.run(), name="callers"),
        asyncio.create_task(gateway.timers.run(), name="timers"),
        asyncio.create_task(gateway.trials.run(), name="trials"),
        asyncio.create_task(_keep_house(gateway), name="house"),
    ]
    if gateway.settings.check_links:
        tasks.append(asyncio.create_task(gateway.links.run(), name="links"))

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            log.error("gateway.loop_died", loop=task.get_name(), exc_info=task.exception())
            stop.set()

    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_house(gateway: Gateway) -> None:
    """Sign the proofs, once a day, and let go of what is too old: looked after every hour."""
    while True:
        with contextlib.suppress(StoreUnavailableError):  # an hour later then
            await sign_proofs(gateway)
        await asyncio.sleep(HOUR_S)
        with contextlib.suppress(StoreUnavailableError):
            await gateway.pruner.prune()


async def sign_proofs(gateway: Gateway) -> None:
    """Sign the head of the chain of proofs, if that was not done today."""
    now_ms, key = gateway.surface.clock.now_ms(), gateway.credentials.proof_key
    day = now_ms // DAY_MS
    heads: list[ProofHead] = []

    def sign(number: int, digest: bytes) -> ProofHead:
        heads.append(key.sign(ProofHead(day, number, digest, now_ms)))
        return heads[-1]

    if await gateway.store.proofs.sign(sign, day):
        head = heads[-1]  # whoever keeps the logs elsewhere keeps a witness
        log.info("proof.head_signed", number=head.number, head=head.hash.hex(), key=key.public)
