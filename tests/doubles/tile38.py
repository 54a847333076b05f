"""
Tile38: a server that knows a few commands, by their published syntax, and watches nothing.

Written from tile38.com/commands: what fits the syntax is kept and answered as RESP, all else is
refused with ``-ERR``. Key, name and numbers are looked at, the GeoJSON is parsed.

    with Tile38() as server:
        server.url
        server.commands  # what came, in order
        server.hold = 100  # answer only when so many have come: who does not pipeline, waits

Port 0 of 127.0.0.1, a thread a connection.
"""

from __future__ import annotations

import json
import threading
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Self

OK = b"+OK\r\n"


class Tile38:
    """See the module's text."""

    def __init__(self, *, password: str = "", pid: int = 0) -> None:
        self.password = password
        self.pid = pid
        self.hold = 1
        self.commands: list[list[str]] = []
        self.channels: set[str] = set()
        double = self

        class Talk(StreamRequestHandler):
            def handle(self) -> None:
                answers: list[bytes] = []
                while words := _read(self):
                    double.commands.append(words)
                    answers.append(double.answer(words))
                    if len(answers) >= double.hold:
                        self.wfile.write(b"".join(answers))
                        answers.clear()

        class Door(ThreadingTCPServer):
            daemon_threads = True

        self._door = Door(("127.0.0.1", 0), Talk)
        self._thread = threading.Thread(target=self._door.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        """Where it answers, with its password."""
        at = f":{self.password}@" if self.password else ""
        return f"tile38://{at}127.0.0.1:{self._door.server_address[1]}"

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._door.shutdown()
        self._door.server_close()
        self._thread.join(timeout=5)

    def answer(self, words: list[str]) -> bytes:
        """Answer one command as the reference says."""
        match words:
            case ["AUTH", password] if password == self.password:
                return OK
            case ["OUTPUT", "resp"] | ["DROP", _]:
                return OK
            case ["PDELCHAN", pattern] if pattern.endswith("*"):
                gone = {name for name in self.channels if name.startswith(pattern[:-1])}
                self.channels -= gone
                return b":%d\r\n" % len(gone)
            case ["SERVER"]:
                return b"*4\r\n$2\r\nid\r\n$2\r\nx1\r\n" + _bulk("pid") + _bulk(str(self.pid))
            case ["SET", _, _, "POINT", lat, lon] if _is_on_earth(lat, lon):
                return OK
            case ["SETCHAN", name, search, _, "FENCE", "DETECT", "enter,exit", *area]:
                if _is_area(search, area):
                    self.channels.add(name)
                    return b":1\r\n"
        return b"-ERR invalid command\r\n"


def _is_area(search: str, area: list[str]) -> bool:
    match search, area:
        case "NEARBY", ["POINT", lat, lon, radius_m]:
            return _is_on_earth(lat, lon) and float(radius_m) > 0
        case "WITHIN", ["OBJECT", text]:
            return json.loads(text)["type"] in {"Polygon", "MultiPolygon"}
    return False


def _is_on_earth(lat: str, lon: str) -> bool:
    return abs(float(lat)) <= 90 and abs(float(lon)) <= 180


def _bulk(text: str) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(text), text.encode())


def _read(talk: StreamRequestHandler) -> list[str]:
    """Read a command, an array of bulk strings; nothing at the end."""
    head = talk.rfile.readline()
    if not head:
        return []
    words = []
    for _ in range(int(head.removeprefix(b"*"))):
        length = int(talk.rfile.readline().removeprefix(b"$"))
        words.append(talk.rfile.read(length + 2)[:-2].decode())
    return words
