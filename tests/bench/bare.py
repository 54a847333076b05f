"""
Bare: the reference beside the gateway: aiohttp and msgspec that only decode the same bodies.

No key, no limits, no verdicts, no store: the envelope, then each event, then a short answer. Run as
a process of its own; prints ``listening on http://127.0.0.1:PORT``.
"""

import asyncio

import msgspec
from aiohttp import web

from fencepost_gateway.intake.wire import Batch, Event

_batch = msgspec.json.Decoder(Batch).decode
_event: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


async def post_batch(request: web.Request) -> web.Response:
    """Decode and count."""
    batch = _batch(await request.read())
    events = [_event.decode(raw) for raw in batch.events]
    return web.Response(body=b'{"events":%d}' % len(events), content_type="application/json")


async def main() -> None:
    """Serve until killed."""
    app = web.Application()
    app.router.add_post("/v1/batch", post_batch)
    runner = web.AppRunner(app, access_log=None, auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(f"listening on http://127.0.0.1:{runner.addresses[0][1]}", flush=True)  # noqa: T201 - its one answer
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
