"""Visits as an app hears of them: from the device itself, offline, over restarts, with consent."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from fencepost_sdk.clock import SystemClock
from fencepost_sdk.location import Fix, Location
from sdk.gateway_double import Scripted

if TYPE_CHECKING:
    from fencepost_sdk import Client
    from fencepost_sdk.visits import Visit
    from sdk.conftest import MakeClient
    from sdk.gateway_double import GatewayDouble, Request

ALLOWED = {"collect": "y", "location_collect": "y", "location_precise": "y"}
CAFE = {
    "id": "cafe",
    "version": 1,
    "shape": {"type": "Point", "coordinates": [7.0, 50.0], "radius_m": 60},
    "place": {"name": "Cafe", "meta": {}},
    "dwell_after_s": [120],
}


@pytest.fixture
def fenced(gateway: GatewayDouble) -> GatewayDouble:
    """Give a double that knows one fence."""
    told = {"v": 1, "center": {"lat": 50.0, "lon": 7.0}, "valid_radius_m": 5_000}
    body = json.dumps({**told, "stale_after_s": 86_400, "fences": [CAFE], "have": "h"}).encode()

    def answer(request: Request) -> Scripted | None:
        is_ours = request.path.startswith("/v1/fences/nearby")
        return Scripted(200, body, (("ETag", '"f-1"'),)) if is_ours else None

    gateway.refuse = answer
    return gateway


class Listener:
    """An app that hears of visits."""

    def __init__(self, client: Client, *, ago_s: float = 0) -> None:
        self.client = client
        self._start_s = SystemClock().wall_ms() / 1_000 - ago_s
        self.heard: list[Visit] = []
        self._core = client._core  # noqa: SLF001 - its lock says when something changed
        for kind in ("enter", "exit", "dwell", "expire"):
            client.on(kind, self._hear)

    def _hear(self, visit: Visit) -> None:
        with self._core.lock:
            self.heard.append(visit)
            self._core.changed.notify_all()

    def go(self, north_m: float, at_s: int, **more: Any) -> None:
        """Be so far north of the cafe so many seconds after the start."""
        lat = 50.0 + north_m / 111_195.08
        at = datetime.fromtimestamp(self._start_s + at_s, UTC)
        self.client.location.update(Fix(lat, 7.0, **{"accuracy_m": 8, "at": at, **more}))

    def wait_for(self, *kinds: str) -> None:
        """Wait until these were heard."""
        with self._core.lock:
            done = self._core.changed.wait_for(lambda: self.kinds == list(kinds), 10)
        assert done, self.kinds

    def wait_for_the_fence(self) -> None:
        """Wait until the fence is watched, which is a moment after an app can see it."""
        visits: Any = self.client.location._visits  # noqa: SLF001 - nothing an app could look at
        with self._core.lock:
            assert self._core.changed.wait_for(lambda: visits._monitor._known, 10)  # noqa: SLF001

    @property
    def kinds(self) -> list[str]:
        """What was heard."""
        return [visit.kind for visit in self.heard]


@pytest.mark.feature("P09")
@pytest.mark.usefixtures("fenced")
def test_an_app_hears_of_a_visit(make_client: MakeClient) -> None:
    """ENTER, DWELL and EXIT, each once, in the worker's thread."""
    app = Listener(make_client(location=Location(), consent=ALLOWED))
    app.go(900, 0)
    app.wait_for_the_fence()
    for i in range(30):
        app.go(0, 60 + 10 * i)
    for i in range(9):
        app.go(500, 360 + 10 * i)
    app.wait_for("enter", "dwell", "exit")

    enter, dwell, left = app.heard
    assert {visit.fence_id for visit in app.heard} == {"cafe"}
    assert (enter.initial, dwell.after_s, left.began_ms) == (False, 120, enter.began_ms)
    assert (enter.confidence or 0) >= 0.6
    assert "50.0" not in repr(app.heard)


@pytest.mark.usefixtures("fenced")
def test_a_visit_survives_the_app(make_client: MakeClient) -> None:
    """The next run is in it still: no second ENTER, and the EXIT knows how long it was."""
    first = Listener(make_client(location=Location(), consent=ALLOWED))
    first.go(900, 0)
    first.wait_for_the_fence()
    for i in range(6):
        first.go(0, 60 + 10 * i)
    first.wait_for("enter")
    first.client.shutdown()
    second = Listener(make_client(location=Location(), consent=ALLOWED, host="http://127.0.0.1:9"))
    second.go(0, 130)
    for i in range(9):
        second.go(500, 160 + 10 * i)
    second.wait_for("exit")

    assert second.heard[0].began_ms == first.heard[0].began_ms
    assert (second.heard[0].duration_s or 0) > 60


@pytest.mark.feature("P07")
@pytest.mark.usefixtures("fenced")
@pytest.mark.parametrize("how", ["consent", "reset"])
def test_withdrawn_consent_takes_visits_with_it(make_client: MakeClient, how: str) -> None:
    """Gone from memory and disk; who comes back is there for the first time."""
    app = Listener(make_client(location=Location(), consent=ALLOWED))
    app.go(0, 0)
    app.wait_for_the_fence()
    app.go(0, 10)
    app.wait_for("enter")
    if how == "consent":
        app.client.set_consent({"location_collect": "n"})
    else:
        app.client.reset()
    stored = app.client._core.store.meta()["visits"]  # noqa: SLF001 - what is on disk
    app.client.set_consent(ALLOWED)
    app.go(0, 20)
    app.wait_for_the_fence()
    app.go(0, 30)
    app.wait_for("enter", "enter")

    assert stored == ""


@pytest.mark.usefixtures("fenced")
def test_a_coarse_position_enters_no_shop(make_client: MakeClient) -> None:
    """Without ``location_precise`` nothing small enough to matter is told."""
    allowed = {"collect": "y", "location_collect": "y"}
    app = Listener(make_client(location=Location(), consent=allowed))
    app.go(0, 0)
    app.wait_for_the_fence()
    for i in range(9):
        app.go(0, 10 + 10 * i)
    app.client.flush()

    assert app.kinds == []


@pytest.mark.usefixtures("fenced")
def test_time_alone_tells_that_a_visit_ended(make_client: MakeClient) -> None:
    """Two hours ago was the last position: DWELL and EXPIRE are told without another one."""
    app = Listener(make_client(location=Location(), consent=ALLOWED), ago_s=7_200)
    app.go(900, 0)
    app.wait_for_the_fence()
    with app.client._core.lock:  # noqa: SLF001 - time passes after the last of them only
        for i in range(6):
            app.go(0, 60 + 10 * i)
    app.wait_for("enter", "dwell", "expire")


@pytest.mark.usefixtures("fenced")
def test_the_worker_wakes_for_a_threshold(make_client: MakeClient) -> None:
    """A DWELL that falls due while the app does nothing is told then."""
    app = Listener(make_client(location=Location(), consent=ALLOWED), ago_s=179)
    app.go(900, 0)
    app.wait_for_the_fence()
    for i in range(6):
        app.go(0, 60 + 10 * i)
    app.client.flush()
    app.wait_for("enter", "dwell")

    assert app.heard[1].at_ms == app.heard[0].began_ms + 120_000


@pytest.mark.usefixtures("fenced")
def test_a_fault_switches_visits_off_and_nothing_else(make_client: MakeClient) -> None:
    """The position is kept and sent; the host learns of the fault."""
    told: list[Exception] = []
    client = make_client(location=Location(), consent=ALLOWED, on_error=told.append)
    app = Listener(client)
    app.go(900, 0)
    app.wait_for_the_fence()
    client._location._visits._monitor.watched = None  # type: ignore[union-attr]  # noqa: SLF001 - breaks it
    client._location._visits._monitor._look = None  # type: ignore[union-attr]  # noqa: SLF001 - the same
    app.go(0, 10)
    app.go(0, 20)

    assert len(told) == 1
    assert client.stats().faults == 1
    assert client.flush().why == ""


def test_without_the_part_visits_are_a_wrong_call(make_client: MakeClient) -> None:
    """Nothing happens, and it is counted."""
    client = make_client()
    client.on("enter", print)

    assert client.stats().invalid_calls == 1


def test_visits_load_nothing_until_they_are_wanted() -> None:
    """Nor then anything but the standard library."""
    code = """
import sys
import fencepost_sdk.location
before = [name for name in sys.modules if name.startswith("fencepost_geofence")]
import fencepost_sdk.monitor
heavy = [name for name in ("numpy", "shapely", "rtree", "asyncio", "ssl") if name in sys.modules]
print(before, heavy)
"""
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )

    assert done.stdout.strip() == "['fencepost_geofence', 'fencepost_geofence.sphere'] []"
