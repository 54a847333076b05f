from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from fencepost_sdk import Limits, init

if TYPE_CHECKING:
    from pathlib import Path

    from sdk.conftest import MakeClient
    from sdk.gateway_double import GatewayDouble

TRACKER = """
import sys
from fencepost_sdk import init
fp = init("pk_test", host=sys.argv[1], data_dir=sys.argv[2], consent={"collect": "y"})
while True:
    tracked = fp.track("step", {"text": "x" * 200})
    if tracked.level == "os":
        sys.stdout.write(tracked.event_id + "\\n")
        sys.stdout.flush()
"""


@pytest.mark.guarantee("R4")
def test_what_track_returned_survives_kill_9(gateway: GatewayDouble, tmp_path: Path) -> None:
    """A process killed at any moment loses no event whose id it was given."""
    returned: list[str] = []
    for lines in (1, 7, 40, 180, 333, 90, 2, 151):
        with subprocess.Popen(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-c", TRACKER, gateway.url, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            returned += [process.stdout.readline().strip() for _ in range(lines)]
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read()
            returned += [line for line in rest.split("\n")[:-1] if line]
    with init("pk_test", host=gateway.url, data_dir=tmp_path) as fp:
        result = fp.flush(20)
        losses = fp.stats().losses
        slots = [path.name for path in tmp_path.iterdir()]

    arrived = gateway.ids()
    assert len(returned) > 800
    assert (result.left, losses) == (0, {})
    assert set(returned) <= set(arrived)
    assert len(set(arrived)) == len(arrived)
    assert slots == ["slot-0"]


def damage(path: Path, how: str) -> None:
    """Break a closed store."""
    raw = path.read_bytes()
    if how == "garbage":
        path.write_bytes(b"this is no database at all" * 400)
    elif how == "header":
        path.write_bytes(b"\0" * 100 + raw[100:])
    elif how == "middle":
        path.write_bytes(raw[:4096] + b"\xa5" * (len(raw) - 4096))
    else:
        path.write_bytes(raw[: len(raw) // 2 - 100])


@pytest.mark.guarantee("R6")
@pytest.mark.parametrize("how", ["garbage", "header", "middle", "truncated"])
def test_an_unreadable_store_is_set_aside(
    gateway: GatewayDouble, make_client: MakeClient, tmp_path: Path, how: str
) -> None:
    """The broken file is kept beside, the new store is a new device, and the loss is counted."""
    first = make_client(consent=None)
    for _ in range(50):
        first.track("held", {"text": "x" * 500})
    old_id = first.device_id
    first.shutdown(0)
    damage(tmp_path / "data" / "slot-0" / "queue.db", how)
    told: list[Exception] = []
    second = make_client(on_error=told.append)
    second.track("after")
    result = second.flush()
    aside = list((tmp_path / "data" / "slot-0").glob("queue.db.corrupt-*"))

    assert second.device_id != old_id
    assert len(aside) == 1
    assert second.stats().losses == {"store_lost": 1}
    assert second.stats().faults == len(told) == 1
    assert (result.left, gateway.names()) == (0, ["after"])
    assert [report["reason"] for report in gateway.reports] == ["store_lost"]


def test_only_the_newest_broken_store_is_kept(make_client: MakeClient, tmp_path: Path) -> None:
    """A disk that breaks again and again is not filled with the remains."""
    folder = tmp_path / "data" / "slot-0"
    for _ in range(3):
        make_client().shutdown(0)
        damage(folder / "queue.db", "garbage")
    make_client()

    assert len(list(folder.glob("queue.db.corrupt-*"))) == 1


def test_a_store_that_breaks_while_open_is_replaced(
    gateway: GatewayDouble, make_client: MakeClient, tmp_path: Path
) -> None:
    """Damage found by a call begins a new store at once, and the call is kept there."""
    fp = make_client(limits=Limits(trigger_age_ms=3_600_000))
    old_id = fp.device_id
    fp.flush()
    database = fp._core.store._db  # noqa: SLF001 - to break it
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.execute("PRAGMA cache_size=0")
    path = tmp_path / "data" / "slot-0" / "queue.db"
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))
    database.execute("PRAGMA shrink_memory")
    tracked = fp.track("first after")
    fp.set_consent({"collect": "y"})
    fp.flush()

    assert tracked.level == "held"  # the answers were in the broken store: ask again
    assert fp.device_id != old_id
    assert gateway.names() == ["first after"]
    assert fp.stats().losses == {"store_lost": 1}


@pytest.mark.parametrize("kind", ["a_file", "below_a_file"])
def test_without_a_folder_the_store_is_memory(
    gateway: GatewayDouble, make_client: MakeClient, tmp_path: Path, kind: str
) -> None:
    """Where nothing can be written the client still works, and says what it cannot promise."""
    (tmp_path / "taken").write_text("a file")
    folder = tmp_path / "taken" / "below" if kind == "below_a_file" else tmp_path / "taken"
    fp = make_client(data_dir=folder)
    tracked = fp.track("a")
    fp.flush()

    assert tracked.level == "memory"
    assert gateway.names() == ["a"]
    assert fp.stats().faults == 1


def test_a_second_client_takes_the_next_slot(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """Two openings of one folder never share a store: the second is a device of its own."""
    first, second = make_client(), make_client()
    ids = {first.device_id, second.device_id}
    first.track("a")
    second.track("b")
    first.flush()
    second.flush()
    first.shutdown()
    third = make_client()

    assert len(ids) == 2
    assert third.device_id in ids
    assert sorted(gateway.names()) == ["a", "b"]


def test_the_store_is_private(make_client: MakeClient, tmp_path: Path) -> None:
    """Other users of the machine cannot read what an app tracked."""
    make_client()
    folder = tmp_path / "data" / "slot-0"

    assert folder.stat().st_mode & 0o777 == 0o700


def test_events_of_the_process_before_leave_first(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """What an earlier opening could not send goes out in its order, in batches of its stream."""
    offline: dict[str, Any] = {"host": "http://127.0.0.1:1"}
    for name in ("a", "b"):
        fp = make_client(**offline)
        fp.track(name)
        fp.shutdown(0)
    fp = make_client()
    fp.track("c")
    fp.flush()
    streams = [request.batch["stream"] for request in gateway.batches()]

    assert gateway.names() == ["a", "b", "c"]
    assert len(set(streams[1:])) == 3


@pytest.mark.parametrize("level", ["os", "fsync"])
def test_the_level_is_what_was_asked_for(make_client: MakeClient, level: str) -> None:
    """The result names the durability the event really has."""
    assert make_client(durability=level).track("a").level == level
