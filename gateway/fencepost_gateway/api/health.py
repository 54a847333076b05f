"""Health: alive, ready, measured."""

from __future__ import annotations

from aiohttp import web

from fencepost_gateway.api.surface import SURFACE, as_json


async def get_healthz(_request: web.Request) -> web.Response:
    """Say that the process lives."""
    return as_json({"status": "ok"})


async def get_readyz(request: web.Request) -> web.Response:
    """Say whether events are taken, what one survives, and how many could not be processed."""
    surface = request.app[SURFACE]
    counts = await surface.store.counts()
    body = {
        "status": "stopping" if surface.is_stopping else "ready",
        "ack": surface.store.ack_level,
        "revision": surface.plans.plan.revision,
        "pending": counts.get("pending", 0),
        "passed_over": counts.get("passed_over", 0),
        "channels": {c: lane.spec.name for c, lane in sorted(surface.lanes.items())},
    }
    return as_json(body, status=503 if surface.is_stopping else 200)


async def get_metrics(request: web.Request) -> web.Response:
    """Give the metrics in the Prometheus text format."""
    surface = request.app[SURFACE]
    surface.metrics.broadcasts.set(await surface.store.broadcasts.waiting())
    surface.metrics.pending.set((await surface.store.counts()).get("pending", 0))
    return web.Response(
        body=surface.metrics.expose(),
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
    )
