"""
Tile38: a server of that kind beside ours, a ``FENCE`` channel a fence and a ``SET`` a fix.

Rule 1. Commands are those of Tile38's published reference (tile38.com/commands): a circle is
        ``NEARBY ... POINT lat lon metres``, an area ``WITHIN ... OBJECT geojson``, both with
        ``DETECT enter,exit``. Nobody subscribes: measured is that the server finds out, not that
        anybody hears of it.
Rule 2. Commands travel ``DEPTH`` at a time; the next go out when all of these are answered.
Rule 3. The server's own CPU time counts when it is a process of this machine (``SERVER`` names its
        pid, ``/proc`` what it used). Else wall time does, our client and the way there included.
Rule 4. A server may hold other things: key and channels have names of their own here, and are
        removed before and after.

The client is its own few lines of RESP (redis.io/topics/protocol): it needs one connection and five
kinds of reply, and what a library costs a command would be in the wall time. So no dependency.
"""

import json
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from fencepost_gateway.clock import SystemClock
from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import Fix
from fencepost_geofence.geojson import write_geometry
from fencepost_geofence.shapes import Circle

KEY = "fencepost-bench"
PORT = 9851
DEPTH = 100
TIMEOUT_S = 60.0
PROCESS = "tile38"
PROC = Path("/proc")
UTIME, STIME = 11, 12  # fields of /proc/PID/stat after the process's name (man 5 proc)

Command = tuple[str, ...]


class Tile38Error(Exception):
    """The server refused a command, or is not one."""


class Server:
    """A connection to a server; commands in, replies out."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url if "://" in url else f"tile38://{url}")
        if not parts.hostname:
            raise Tile38Error("TILE38_URL names no host: write tile38://127.0.0.1:9851")
        self._socket = socket.create_connection((parts.hostname, parts.port or PORT), TIMEOUT_S)
        self._replies = self._socket.makefile("rb")
        try:
            if parts.password:
                self.ask([("AUTH", unquote(parts.password))])
            self.ask([("OUTPUT", "resp")])
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        self._replies.close()
        self._socket.close()

    def ask(self, commands: Iterable[Command]) -> list[object]:
        """Send commands, ``DEPTH`` at a time (rule 2), and give what was answered."""
        answers: list[object] = []
        waiting: list[bytes] = []
        for command in commands:
            waiting.append(encoded(command))
            if len(waiting) == DEPTH:
                answers += self._send(waiting)
                waiting.clear()
        return answers + self._send(waiting)

    def _send(self, commands: Sequence[bytes]) -> list[object]:
        self._socket.sendall(b"".join(commands))
        answers = [self._reply() for _ in commands]  # all: what is left unread answers the next
        for answer in answers:
            if isinstance(answer, Tile38Error):
                raise answer
        return answers

    def _reply(self) -> object:
        line = self._replies.readline()
        kind, rest = line[:1], line[1:].removesuffix(b"\r\n").decode()
        if kind == b"+":
            return rest
        if kind == b"-":
            return Tile38Error(f"the Tile38 server refused a command: {rest}")
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else self._replies.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return [self._reply() for _ in range(int(rest))]
        raise Tile38Error("what answers at TILE38_URL hung up or speaks no RESP")

    def cpu_clock(self) -> Callable[[], float] | None:
        """Give a clock of the CPU time it used, or None when it is out of sight (rule 3)."""
        [told] = self.ask([("SERVER",)])
        told = told if isinstance(told, list) else []
        pid = dict(zip(told[::2], told[1::2], strict=False)).get("pid")
        here = self._socket.getpeername()[0] in {"127.0.0.1", "::1", self._socket.getsockname()[0]}
        stat = PROC / str(pid) / "stat"
        if not here or not stat.is_file() or PROCESS not in _name(stat):
            return None  # elsewhere, or its pid is another process's here (a container)
        return lambda: _cpu_s(stat)


@contextmanager
def fenced(url: str, fences: Iterable[Fence]) -> Iterator[Server]:
    """Connect, and set a channel a fence for as long as it takes (rule 4)."""
    server = Server(url)
    sweep: list[Command] = [("PDELCHAN", f"{KEY}:*"), ("DROP", KEY)]
    try:
        server.ask(sweep)
        server.ask(channel(fence) for fence in fences)
        yield server
        server.ask(sweep)
    finally:
        server.close()


def clock_of(server: Server) -> tuple[str, Callable[[], float]]:
    """Give the clock that a server is measured by, and what to call it."""
    cpu = server.cpu_clock()
    return ("CPU", cpu) if cpu else ("wall", SystemClock().monotonic_s)


def channel(fence: Fence) -> Command:
    """Write the command that watches a fence."""
    name = f"{KEY}:{fence.fence_id}"
    shape = fence.shape
    watch = (KEY, "FENCE", "DETECT", "enter,exit")
    if isinstance(shape, Circle):
        where = "POINT", repr(shape.lat), repr(shape.lon), repr(shape.radius_m)
        return ("SETCHAN", name, "NEARBY", *watch, *where)
    return ("SETCHAN", name, "WITHIN", *watch, "OBJECT", json.dumps(write_geometry(shape)))


def moved(device: int, fix: Fix) -> Command:
    """Write the command that moves a device."""
    return ("SET", KEY, f"d-{device}", "POINT", repr(fix.lat), repr(fix.lon))


def encoded(command: Command) -> bytes:
    """Write a command as an array of bulk strings."""
    words = [word.encode() for word in command]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def _name(stat: Path) -> str:
    return stat.read_text().partition("(")[2].rpartition(")")[0]


def _cpu_s(stat: Path) -> float:
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[UTIME]) + int(fields[STIME])) / os.sysconf("SC_CLK_TCK")
