"""
``python -m bench.outbox``: a web push from decision to confirm, through a real gateway.

A gateway process on a disk folder, so many persons with a subscription each, and one event from
outside that concerns everybody: a run, a rendered message, a claim, a call to a sink and a confirm
for each, with the commits that keep them. CPU is that of all the gateway's threads. Beside it bare
``webpush_async`` in this process, to the same sink: no store, no decision, only the call.
``--persons`` makes it smaller. No figure is a pass line.
"""

import argparse
import asyncio
import json
from typing import Any

import aiohttp

from bench.servers import SERVE, Server, bare_server, fresh_folder, metrics, started, tell
from bench.web_push import bare, measure, subscribe
from fencepost_gateway.clock import SystemClock
from gateway.rig import GRANTS, OPEN_POLICY, moment

PERSONS = 2_000
AT_ONCE = 50
LOOK_EVERY_S = 0.02
SETTINGS = """
check_links = false
[channels.web_push]
driver = "web_push"
settings = { allow_hosts = "127.0.0.1", allow_http = "true" }
"""
DOCUMENTS = """
kind: campaign
id: blast
entry: {external: blast}
reentry: always
message: {template: hello, channels: [web_push]}
goal: none
---
kind: template
id: hello
purpose: marketing
web_push:
  title: Luma
  body: The first class is at 18:00 today, and there is a mat left.
  link: https://luma.example/b
"""


async def main(persons: int) -> None:
    """Subscribe, tell everybody, and say what it cost."""
    clock = SystemClock()
    with bare_server("bench.sink") as sink, fresh_folder() as folder:
        url = f"http://127.0.0.1:{sink.port}"
        subscriptions = [subscribe(url, number) for number in range(persons)]
        (folder / "fencepost.toml").write_text(SETTINGS, "utf-8")
        with started(SERVE, folder) as server:
            files = [{"path": "d.yaml", "text": DOCUMENTS}, {"path": "p.yaml", "text": OPEN_POLICY}]
            await tell(server, "/v1/documents", {"files": files})
            await settle(server, subscriptions)
            begin_s, used_s = clock.monotonic_s(), sum(server.cpu_s())
            await tell(server, "/v1/external", {"id": "b1", "name": "blast", "props": {}})
            while await sent(server) < persons:  # noqa: ASYNC110 - another process
                await asyncio.sleep(LOOK_EVERY_S)
            took_s, cpu_s = clock.monotonic_s() - begin_s, sum(server.cpu_s()) - used_s
        async with bare() as push:
            call = await measure(push, subscriptions, persons)
    cpu_us = cpu_s / persons * 1e6
    say(
        f"{persons} messages from one event: {persons / took_s:,.0f} a second here, "
        f"{cpu_us:.0f} us CPU a message, {1e6 / cpu_us:,.0f} a core and second"
    )
    say(
        f"bare webpush_async, no store: {1e6 / call.wall_us:,.0f} a second here, "
        f"{call.cpu_us:.0f} us CPU a message; ratio {call.cpu_us / cpu_us:.2f}x a core"
    )


async def settle(server: Server, subscriptions: list[dict[str, Any]]) -> None:
    """Have everybody subscribe and agree, and wait until that is through."""
    numbered = iter(enumerate(subscriptions))
    async with aiohttp.ClientSession() as http:

        async def some() -> None:
            for number, subscription in numbered:
                await come(http, server, f"u{number}", subscription)

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    processed, expected = "fencepost_pipeline_events_total", 2 * len(subscriptions)
    while (await metrics(server)).get(processed, 0.0) < expected:  # noqa: ASYNC110 - as above
        await asyncio.sleep(LOOK_EVERY_S)


async def come(
    http: aiohttp.ClientSession, server: Server, user_id: str, subscription: dict[str, Any]
) -> None:
    """Have one person's browser say where it is reached."""
    at = moment(SystemClock().now_ms())
    said = [
        {"type": "consent", "values": GRANTS},
        {"type": "address", "channel": "web_push", "subscription": subscription},
    ]
    body = {
        "v": 1,
        "device_id": f"d-{user_id}",
        "stream": "s",
        "sent_at": at,
        "who": {"anonymous_id": f"a-{user_id}", "user_id": user_id},
        "events": [
            {"seq": seq, "event_id": f"{user_id}-{seq}", "at": at, **each}
            for seq, each in enumerate(said, 1)
        ],
    }
    headers = {
        "Authorization": f"Bearer {server.key('write_key')}",
        "Fencepost-Device": f"d-{user_id}.secret",
    }
    url = f"http://127.0.0.1:{server.port}/v1/batch"
    async with http.post(url, data=json.dumps(body), headers=headers) as answer:
        told = await answer.json()
        assert told["verdicts"]["others"] == [], told


async def sent(server: Server) -> float:
    """Count what was sent."""
    found = await metrics(server)
    return sum(
        value
        for name, value in found.items()
        if name.startswith("fencepost_deliveries_total{") and '"sent"' in name
    )


def say(line: str) -> None:
    """Print at once."""
    print(line, flush=True)  # noqa: T201 - a benchmark prints


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.outbox", description=__doc__)
    parser.add_argument("--persons", type=int, default=PERSONS)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(read_arguments().persons))
