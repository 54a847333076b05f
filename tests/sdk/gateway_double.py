"""
A gateway double for the SDK: real HTTP on loopback, obviously right de-duplication in dictionaries.

It keeps what it got, answers by the wire protocol, and says something else when told to. Waiting is
by condition: ``wait_for`` returns as soon as a request made the claim true.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections import deque
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STREAM = "/v1/messages/stream"
RECEIVED_AT = "2026-05-04T09:12:40.377Z"


class Request(NamedTuple):
    """One request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def batch(self) -> dict[str, Any]:
        """The body as JSON, inflated where need be."""
        is_gzip = self.headers.get("Content-Encoding") == "gzip"
        body = zlib.decompress(self.raw, zlib.MAX_WBITS | 16) if is_gzip else self.raw
        told: dict[str, Any] = json.loads(body)
        return told


class Scripted(NamedTuple):
    """An answer that is not the protocol's."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def problem(status: int, code: str, *headers: tuple[str, str]) -> Scripted:
    """Make a problem document."""
    told = {"type": f"/errors/{code}", "title": code, "status": status, "code": code}
    return Scripted(status, json.dumps(told).encode(), headers)


class GatewayDouble:
    """What arrived, and what is answered."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.events: dict[tuple[str, str, int], dict[str, Any]] = {}
        self.reports: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.cards: list[dict[str, Any]] = []
        self.retracted: list[str] = []
        self.lists = 0  # how often they were changed in place
        self.hints: dict[str, str] = {}
        self.stream: SimpleQueue[str] | None = None  # None: there is no such thing
        self.script: deque[Scripted] = deque()
        self.ruling: Callable[[dict[str, Any]], tuple[str, str]] = lambda _: ("accepted", "")
        self.refuse: Callable[[Request], Scripted | None] = lambda _: None
        self.changed = threading.Condition()
        double = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                self._serve("POST")

            def do_GET(self) -> None:
                self._serve("GET")

            def _serve(self, method: str) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                request = Request(method, self.path, dict(self.headers.items()), raw)
                if double.stream is not None and self.path.startswith(STREAM):
                    self._stream(request, double.stream)
                    return
                answer = double.answer(request)
                self.send_response(answer.status)
                for name, value in answer.headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def _stream(self, request: Request, words: SimpleQueue[str]) -> None:
                """Write what is put into the queue, as it comes; an empty word ends the stream."""
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                double.note(request)
                with suppress(OSError):
                    while word := words.get(timeout=30):
                        self.wfile.write(word.encode())
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait_for(self, claim: Callable[[], bool], within_s: float = 10.0) -> None:
        """Wait until a request has made ``claim`` true."""
        with self.changed:
            if not self.changed.wait_for(claim, within_s):
                paths = [request.path for request in self.requests]
                raise AssertionError(f"not in {within_s} s; requests so far: {paths}")

    def names(self) -> list[str]:
        """Names of the app events that are stored, in order of arrival."""
        return [event["name"] for event in self.events.values() if "name" in event]

    def kinds(self) -> list[str]:
        """Types of the events that are stored, in order of arrival."""
        return [event["type"] for event in self.events.values()]

    def ids(self) -> list[str]:
        """Ids of the events that are stored, in order of arrival."""
        return [event["event_id"] for event in self.events.values()]

    def batches(self) -> Iterator[Request]:
        """Requests to ``/v1/batch``."""
        return (request for request in self.requests if request.path == "/v1/batch")

    def note(self, request: Request) -> None:
        """Keep a request that is answered elsewhere."""
        with self.changed:
            self.requests.append(request)
            self.changed.notify_all()

    def answer(self, request: Request) -> Scripted:
        """Answer one request."""
        with self.changed:
            self.requests.append(request)
            try:
                if self.script:
                    return self.script.popleft()
                return self.refuse(request) or self._by_protocol(request)
            finally:
                self.changed.notify_all()

    def _by_protocol(self, request: Request) -> Scripted:
        if request.path.startswith("/v1/messages"):
            return self._messages(request)
        if request.path.startswith("/v1/explain/"):
            subject = request.path.rpartition("/")[2]
            return Scripted(200, json.dumps({"id": subject, "checks": []}).encode())
        batch = request.batch
        self.reports += batch.get("client_reports", [])
        accepted, others = [], []
        for event in batch["events"]:
            place = (batch["device_id"], batch["stream"], event["seq"])
            verdict, code = self.ruling(event)
            if place in self.events:
                same = self.events[place] == event
                verdict, code = ("duplicate", "") if same else ("conflict", "")
            if verdict == "accepted":
                self.events[place] = event
                accepted.append([event["seq"], event["seq"]])
            else:
                others.append({"seq": event["seq"], "verdict": verdict, "code": code})
        told = {
            "v": 1,
            "ack": "fsync",
            "received_at": RECEIVED_AT,
            "retry_after_s": None,
            "hints": self.hints,
            "verdicts": {"stream": batch["stream"], "accepted": accepted, "others": others},
        }
        return Scripted(200, json.dumps(told).encode())

    def _messages(self, request: Request) -> Scripted:
        count = len(self.messages) + len(self.cards) + len(self.retracted) + self.lists
        etag = f'"m-{count}"'
        if request.headers.get("If-None-Match") == etag:
            return Scripted(304, b"", (("ETag", etag),))
        told: dict[str, Any] = {"messages": self.messages, "cards": self.cards}
        told |= {"retracted": self.retracted, "cursor": str(count)}
        return Scripted(200, json.dumps(told).encode(), (("ETag", etag),))
