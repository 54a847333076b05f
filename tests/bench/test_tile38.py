import os
import subprocess
import sys
from pathlib import Path
from socketserver import StreamRequestHandler, TCPServer
from threading import Thread

import pytest

from bench import tile38
from bench.tile38 import DEPTH, KEY, Server, Tile38Error, channel, clock_of, fenced, moved
from bench.town import town
from doubles.tile38 import Tile38
from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import Fix
from fencepost_geofence.shapes import Circle

TESTS = Path(__file__).resolve().parents[1]
CAFE = Fence("cafe", Circle(48.5, 11.25, 40.0))
FIX = Fix(1_000, 48.5, 11.25, 5.0)


def test_tile38_watches_a_circle_by_nearby() -> None:
    """Latitude first, then longitude and metres, as SETCHAN's page shows it."""
    found = channel(CAFE)

    assert " ".join(found) == (
        f"SETCHAN {KEY}:cafe NEARBY {KEY} FENCE DETECT enter,exit POINT 48.5 11.25 40.0"
    )


def test_tile38_watches_an_area_by_within() -> None:
    """The area goes as GeoJSON, longitude first."""
    area = next(f for f in town(10, 1).fences if not isinstance(f.shape, Circle))
    found = channel(area)

    assert found[:7] == (
        "SETCHAN", f"{KEY}:{area.fence_id}", "WITHIN", KEY, "FENCE", "DETECT", "enter,exit",
    )  # fmt: skip
    assert found[7] == "OBJECT"
    assert found[8].startswith('{"type": "Polygon", "coordinates": [[[')


def test_tile38_moves_a_device_by_set() -> None:
    """A fix is a SET of the device's point."""
    with Tile38() as server, fenced(server.url, [CAFE]) as ours:
        ours.ask([moved(7, FIX)])

        assert server.commands[-1] == ["SET", KEY, "d-7", "POINT", "48.5", "11.25"]
        assert server.channels == {f"{KEY}:cafe"}


def test_tile38_is_left_as_it_was() -> None:
    """Only what is the benchmark's own is removed, before and after."""
    with Tile38() as server:
        server.channels = {"warehouse", f"{KEY}:left-over"}
        with fenced(server.url, [CAFE]):
            during = set(server.channels)

        assert during == {"warehouse", f"{KEY}:cafe"}
        assert server.channels == {"warehouse"}


def test_tile38_gets_commands_a_hundred_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that answers the first of a hundred only after the last of them gets on."""
    monkeypatch.setattr(tile38, "TIMEOUT_S", 5.0)
    with Tile38() as server:
        ours = Server(server.url)
        server.hold = DEPTH
        answers = ours.ask(moved(i, FIX) for i in range(2 * DEPTH))
        ours.close()

    assert answers == ["OK"] * 2 * DEPTH


def test_tile38_refusals_are_told_after_all_replies_are_read() -> None:
    """The next command does not get the reply of one before."""
    with Tile38() as server:
        ours = Server(server.url)
        with pytest.raises(Tile38Error, match="refused a command: ERR"):
            ours.ask([("GET", KEY), moved(1, FIX), ("SERVER",)])
        found = ours.ask([moved(2, FIX)])
        ours.close()

    assert found == ["OK"]


def test_tile38_gets_its_password() -> None:
    """AUTH comes first when the address has a password."""
    with Tile38(password="let-me-in") as server:
        Server(server.url).close()

    assert server.commands[0] == ["AUTH", "let-me-in"]


def test_tile38_that_is_something_else_is_told() -> None:
    """What speaks another protocol, or no address at all, is no server to measure."""

    class Mute(StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 mail.example.org\r\n")

    with TCPServer(("127.0.0.1", 0), Mute) as door:
        thread = Thread(target=door.handle_request)
        thread.start()
        with pytest.raises(Tile38Error, match="speaks no RESP"):
            Server(f"127.0.0.1:{door.server_address[1]}")
        thread.join(timeout=5)
    with pytest.raises(Tile38Error, match="names no host"):
        Server("tile38://:9851")


def test_tile38_of_this_machine_is_measured_by_its_own_cpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What /proc says of the pid that SERVER names: user and system time, in ticks."""
    stat = tmp_path / "4711" / "stat"
    stat.parent.mkdir()
    used = f"{3 * os.sysconf('SC_CLK_TCK')} {4 * os.sysconf('SC_CLK_TCK')}"
    stat.write_text(f"4711 (tile38 (x) server) S 1 2 3 4 5 6 7 8 9 10 {used} 0 0 20 0\n")
    monkeypatch.setattr(tile38, "PROC", tmp_path)
    with Tile38(pid=4711) as server, fenced(server.url, []) as ours:
        name, clock = clock_of(ours)

    assert (name, clock()) == ("CPU", 7.0)


def test_tile38_out_of_sight_is_measured_by_the_wall_clock() -> None:
    """A pid that is another process here, as of a server in a container, is not believed."""
    with Tile38(pid=os.getpid()) as server, fenced(server.url, []) as ours:
        name, _ = clock_of(ours)

    assert name == "wall"


def test_bench_of_the_tracker_measures_a_tile38_that_is_given() -> None:
    """Every fix of every round is a SET, and the table has a column of it."""
    with Tile38() as server:
        found = subprocess.run(
            [sys.executable, "-m", "bench.geofence", "--quick"],
            env={**os.environ, "PYTHONPATH": str(TESTS), "TILE38_URL": server.url},
            capture_output=True, check=False, timeout=50,
        )  # fmt: skip

    assert (found.stderr, found.returncode) == (b"", 0)
    assert b"Tile38 wall" in found.stdout
    sets = sum(1 for command in server.commands if command[0] == "SET")
    assert sets == 2 * 2 * 20 * 20  # sets of fences, rounds, devices, fixes of an upload
    assert server.channels == set()
