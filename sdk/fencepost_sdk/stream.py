"""
Stream: messages as they come, read in a thread of its own (server-sent events).

Not pure. The thread begins when somebody listens; its connection is not the worker's, so that an
upload waits for no message.

Rule 1. While a stream is open nobody polls. When it ends, the list is asked once, and the stream is
        opened again from where it was, after a pause with jitter that grows with each failure.
Rule 2. Whatever is not a stream of the gateway (no place for one more, an older gateway, a proxy)
        leaves it to the poll, and is tried again later; ``Retry-After`` is a lower bound.
Rule 3. Silent for ``SILENCE_S`` is over: the gateway says something every 25 s. So is what was
        opened for somebody who has logged out.
Rule 4. A fault costs a stream, never the thread.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from urllib.parse import quote

from fencepost_sdk.answer import read_object
from fencepost_sdk.receiving import store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse

    from fencepost_sdk.core import Core
    from fencepost_sdk.guard import Guard
    from fencepost_sdk.transport import Transport

SILENCE_S = 60.0
SOON_S, LONG_S = 2.0, 300.0
LINE_BYTES = 1_048_576
MEMBERS = {"message": "messages", "card": "cards"}


class StreamReader:
    """The thread, and the stream it reads."""

    def __init__(self, core: Core, guard: Guard, transport: Transport) -> None:
        self._core = core
        self._guard = guard
        self._transport = transport
        self._failures = 0
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        core.on_reset = self.cut

    def begin(self) -> None:
        """Begin to read, if that is not so."""
        if self._thread is None and not self._is_stopping:
            self._thread = threading.Thread(target=self._run, name="fencepost-stream", daemon=True)
            self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the thread; do not wait longer than ``timeout_s``."""
        with self._core.lock:
            self._is_stopping = True
            self._core.changed.notify_all()
        self.cut()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def cut(self) -> None:
        """End the stream that is open."""
        self._transport.interrupt()

    def _run(self) -> None:
        while not self._is_stopping:
            wait_s = SOON_S
            try:
                wait_s = self._once()
            except Exception as error:  # noqa: BLE001 - Rule 4
                self._guard.fault("stream", error)
                wait_s = LONG_S
            self._pause(wait_s)
        self._transport.close()

    def _pause(self, wait_s: float) -> None:
        core = self._core
        with core.lock:
            end_ms = core.clock.steady_ms() + int(wait_s * 1_000)
            while not self._is_stopping and (left_ms := end_ms - core.clock.steady_ms()) > 0:
                core.changed.wait(left_ms / 1_000)

    def _once(self) -> float:
        """Read one stream to its end; give how long to wait before the next."""
        core = self._core
        with core.lock:
            while not (self._is_stopping or core.wants_messages):
                core.changed.wait()
            if self._is_stopping or core.is_closed:
                return 0.0
            whose = core.identity.anonymous_id
            after = core.store.meta().get("messages_after", "")
        path = f"/v1/messages/stream?after={quote(after, safe='')}"
        opened = self._transport.open_stream(path, core.headers(), SILENCE_S, core.clock)
        if opened.response is None:
            return max(self._longer(), opened.retry_after_s or 0.0)
        self._failures = 0
        with core.lock:
            core.poll.stream_began()
        try:
            self._read(opened.response, whose)
        finally:
            self._transport.close()
            with core.lock:
                core.poll.stream_ended(core.clock.steady_ms())
                core.changed.notify_all()
        return SOON_S * core.clock.chance()

    def _longer(self) -> float:
        self._failures += 1
        top_s = min(LONG_S, SOON_S * (1 << min(self._failures, 30)))
        return SOON_S + self._core.clock.chance() * (top_s - SOON_S)

    def _read(self, response: HTTPResponse, whose: str) -> None:
        core = self._core
        for fields in _events(response):
            with core.lock:
                if self._is_stopping or core.is_closed or core.identity.anonymous_id != whose:
                    return
                data = read_object(fields.get("data", "").encode())
                if data is None or not fields.get("id"):
                    continue
                kind = fields.get("event", "")
                if kind == "retract":
                    store(core, {"retracted": [data.get("delivery_id")], "cursor": fields["id"]})
                elif kind in MEMBERS:
                    store(core, {MEMBERS[kind]: [data], "cursor": fields["id"]})


def _events(response: HTTPResponse) -> Iterator[dict[str, str]]:
    """Give the blocks of a stream, comments too, as fields; end with it, or when it is silent."""
    fields: dict[str, str] = {}
    while True:
        try:
            raw = response.readline(LINE_BYTES)
        except (OSError, ValueError):  # cut, silent for too long, or gone
            return
        if not raw.endswith(b"\n"):
            return  # the end, or a line that no gateway writes
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not line:
            yield fields
            fields = {}
            continue
        name, _, value = line.partition(":")
        fields[name] = value.removeprefix(" ")
