"""
Load: an app under load, as a process of its own; it writes the SDK's ledger.

``python load.py SETTINGS`` (JSON). Some 25 times a second it tracks an event or hands a position to
the SDK, until a line comes on its input; then it sends what is left, and ends. No fault touches
this process, so a ledger line that was handed to the kernel stays; the store below the ledger, the
SDK's own, is read by the checker as a second witness. The SDK's patience after a failure is cut to
a tenth of a second, else most kills would find everybody backing off and meet nothing.

Ledger, one JSON object a line: ``tracked`` (the call has returned), ``exchange`` (a request, from
when to when by the clock all processes share, and what the gateway answered). At the beginning of
each request it rings a bell (a datagram to the test, saying how long the last one took), so that a
kill can be aimed at one.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from e2e.clock import steady_ns
from fencepost_sdk import Client, Limits, init, uploader
from fencepost_sdk import client as client_module
from fencepost_sdk.answer import Reply
from fencepost_sdk.clock import Clock
from fencepost_sdk.location import Fix, Location
from fencepost_sdk.transport import Host, Transport

PERIOD_S = 0.04
LAP = 40  # steps of one way into the fence and out again
OUTCOMES = 100_000
GOODBYE_S = 5.0
GOODBYES = 200
CONSENT = {
    "collect": "CT",
    "marketing": "y",
    "personalisation": "y",
    "location_collect": "y",
    "location_precise": "y",
    "location_marketing": "y",
}


class Ledger:
    """Append-only lines; one write a line."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, kind: str, **facts: Any) -> None:
        """Append a line."""
        os.write(self._file, json.dumps({"kind": kind, **facts}).encode() + b"\n")


class WatchedTransport:
    """The SDK's transport, with its exchanges written down."""

    ledger: Ledger
    bell: socket.socket

    def __init__(self, host: Host, headers: Mapping[str, str], limits: Limits) -> None:
        self._inner = Transport(host, headers, limits)
        self._took_ns = 0

    def exchange(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], clock: Clock
    ) -> Reply | None:
        """Exchange, and write it down."""
        self.bell.send(str(self._took_ns).encode())
        began_ns = steady_ns()
        reply = self._inner.exchange(method, path, body, headers, clock)
        if method == "POST":
            if reply is not None:
                self._took_ns = steady_ns() - began_ns
            stream = json.loads(body)["stream"]
            verdicts = None
            if reply is not None and reply.status == 200:
                verdicts = json.loads(reply.body)["verdicts"]
            self.ledger.write(
                "exchange",
                began_ns=began_ns,
                ended_ns=steady_ns(),
                stream=stream,
                status=reply.status if reply else 0,
                verdicts=verdicts,
            )
        return reply

    def close(self) -> None:
        """Let the connection go."""
        self._inner.close()


def step(client: Client, ledger: Ledger, number: int, place: tuple[float, float]) -> None:
    """Do one thing an app does: move, tap, now and then buy."""
    if number % 25 == 0:
        kind, told = "bought", client.track("bought", {"n": number})
    elif number % 3 == 0:
        kind, told = "tapped", client.track("tapped", {"n": number})
    else:
        away = 0.004 if number % LAP < LAP // 2 else 0.0
        kind, told = "fix", client.location.update(Fix(place[0] - away, place[1], 8.0))
    ledger.write("tracked", what=kind, event_id=told.event_id, level=told.level)


def told_to_end() -> threading.Event:
    """Give what is set when the input says so, or ends."""
    ended = threading.Event()

    def listen() -> None:
        os.read(0, 1)
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    return ended


def main() -> None:
    """Run until told to end."""
    given = json.loads(sys.argv[1])
    ledger = Ledger(Path(given["ledger"]))
    WatchedTransport.ledger = ledger
    WatchedTransport.bell = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    WatchedTransport.bell.connect(("127.0.0.1", given["bell"]))
    uploader.BASE_S = uploader.CAP_S = uploader.LOW_S
    setattr(client_module, "Transport", WatchedTransport)  # noqa: B010 - the witness; no export
    client = init(
        given["key"],
        host=given["host"],
        data_dir=given["data_dir"],
        location=Location(),
        limits=Limits(outcomes=OUTCOMES, trigger_events=1),
        context={"zone": "Europe/Berlin"},
        strict=True,
    )
    told = [client.set_consent(CONSENT), client.identify(given["user_id"])]
    told.append(client.set_address("sms", given["number"]))
    for each in told:
        ledger.write("tracked", what="setup", event_id=each.event_id, level=each.level)
    ended = told_to_end()
    number = 0
    while not ended.wait(PERIOD_S):
        number += 1
        step(client, ledger, number, (given["lat"], given["lon"]))
    for _ in range(GOODBYES):
        if not client.flush(GOODBYE_S).left:
            break
        threading.Event().wait(PERIOD_S)  # it said at once that it has to wait
    client.shutdown(1.0)


if __name__ == "__main__":
    main()
