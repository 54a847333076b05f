from __future__ import annotations

import math
import os
import sqlite3
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from fencepost_sdk import Client, InvalidCallError, Messages, init
from fencepost_sdk.location import Fix, Location

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sdk.conftest import MakeClient
    from sdk.gateway_double import GatewayDouble

WRONG: dict[str, Callable[[Any], Any]] = {
    "name_no_text": lambda fp: fp.track(7),
    "name_empty": lambda fp: fp.track(""),
    "name_missing": lambda fp: fp.track(),
    "unknown_argument": lambda fp: fp.track("a", colour="red"),
    "props_no_mapping": lambda fp: fp.track("a", [1]),
    "props_nan": lambda fp: fp.track("a", {"x": math.nan}),
    "props_infinite": lambda fp: fp.track("a", {"x": math.inf}),
    "props_nul": lambda fp: fp.track("a", {"x": "a\0b"}),
    "props_lone_surrogate": lambda fp: fp.track("a", {"x": "\ud800"}),
    "props_huge_integer": lambda fp: fp.track("a", {"x": 2**53}),
    "props_bytes": lambda fp: fp.track("a", {"x": b"raw"}),
    "props_object": lambda fp: fp.track("a", {"x": object()}),
    "props_key_no_text": lambda fp: fp.track("a", {1: 2}),
    "props_many_keys": lambda fp: fp.track("a", {str(i): i for i in range(129)}),
    "at_naive": lambda fp: fp.track("a", at="now"),
    "priority_unknown": lambda fp: fp.track("a", priority="high"),
    "user_id_none": lambda fp: fp.identify(None),
    "traits_none": lambda fp: fp.set(None),
    "traits_empty": lambda fp: fp.set({}),
    "purpose_unknown": lambda fp: fp.set_consent({"world": "y"}),
    "value_unknown": lambda fp: fp.set_consent({"collect": "maybe"}),
    "consent_empty": lambda fp: fp.set_consent({}),
    "channel_unknown": lambda fp: fp.set_consent({"collect": "y"}, channel="pigeon"),
    "address_channel": lambda fp: fp.set_address("pigeon", "roof"),
    "address_none": lambda fp: fp.set_address("email", None),
    "fix_no_fix": lambda fp: fp.location.update((1, 2, 3)),
    "fix_out_of_range": lambda fp: fp.location.update(Fix(91, 0, 1)),
    "fix_nan": lambda fp: fp.location.update(Fix(math.nan, 0, 1)),
    "code_none": lambda fp: fp.location.check_in(None),
    "code_empty": lambda fp: fp.location.check_in(""),
    "code_long": lambda fp: fp.location.check_in("x" * 129),
    "kind_unknown": lambda fp: fp.on("tea", print),
    "callback_no_callable": lambda fp: fp.on("message", 7),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_a_wrong_call_is_a_counted_no_op(
    gateway: GatewayDouble, make_client: MakeClient, call: Callable[[Client], object]
) -> None:
    """Wrong arguments never raise into the host; they are counted and nothing is sent."""
    fp = make_client(location=Location())
    result = call(fp)
    fp.flush()

    assert fp.stats().invalid_calls == 1
    assert fp.stats().faults == 0
    assert getattr(result, "level", "dropped") == "dropped"
    assert gateway.kinds() == ["consent"]


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_strict_lets_a_wrong_call_raise(
    make_client: MakeClient, call: Callable[[Client], object]
) -> None:
    """In tests a wrong call is an error."""
    fp = make_client(strict=True, location=Location())

    with pytest.raises(InvalidCallError):
        call(fp)


def test_an_error_names_no_value(make_client: MakeClient) -> None:
    """What is told about a wrong call carries no personal data."""
    fp = make_client(strict=True, location=Location())
    with pytest.raises(InvalidCallError) as of_track:
        fp.track("a", {"email": "mina@example.com\0"})
    with pytest.raises(InvalidCallError) as of_fix:
        fp.location.update(Fix(91.2345, 127.0276, 5))

    assert "mina" not in str(of_track.value)
    assert "91" not in str(of_fix.value)
    assert "127" not in repr(Fix(37.5, 127.0276, 5))


def test_a_part_that_was_not_given_is_inert(make_client: MakeClient) -> None:
    """Calls to a part that is not linked are no-ops, counted, and say how to mend it."""
    fp = make_client()
    result = fp.location.update(Fix(37.5, 127.0, 5))

    assert result == ("", "dropped", "invalid")
    assert fp.stats().invalid_calls == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "http://edge.example.com"},
        {"host": "ftp://127.0.0.1"},
        {"host": "edge.example.com"},
        {"host": None},
        {"host": "http://127.0.0.1:notaport"},
    ],
    ids=["plain_http", "ftp", "no_scheme", "none", "bad_port"],
)
def test_a_host_that_cannot_be_used_keeps_everything(
    make_client: MakeClient, settings: dict[str, Any]
) -> None:
    """Events never leave in the clear beyond loopback: they are kept, the status says why."""
    fp = make_client(**settings)
    tracked = fp.track("a")

    assert tracked.level == "os"
    assert fp.status().state == "stopped"
    assert fp.flush(0).why == "no_host"
    assert fp.stats().invalid_calls == 1


@pytest.mark.parametrize("key", ["", "pk\r\nX: y", None, "pk é"])
def test_a_key_that_cannot_be_a_header_stops_the_sending(
    make_client: MakeClient,
    tmp_path: Path,
    key: Any,
) -> None:
    """Nothing that came as a key can write headers."""
    del make_client
    with init(key, host="http://127.0.0.1:1", data_dir=tmp_path) as fp:
        state = fp.status().state

    assert state == "stopped"


def test_a_callback_that_raises_is_counted(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """An exception of the host is never thrown into our loop, nor out of it."""
    told: list[Exception] = []

    def broken(_: object) -> None:
        raise RuntimeError("host")

    def also_broken(error: Exception) -> None:
        told.append(error)
        raise RuntimeError("host again")

    gateway.ruling = lambda event: ("rejected", "x") if event.get("name") else ("accepted", "")
    fp = make_client(on_error=also_broken)
    fp.on("error", broken)
    fp.track("refused")
    fp.flush()
    gateway.ruling = lambda _: ("accepted", "")
    fp.track("accepted")
    result = fp.flush()

    assert result == (1, 0, "")
    assert len(told) == 2  # the refusal, and the fault of the callback
    assert fp.stats().faults == 3


def test_a_call_from_a_callback_does_not_wait_for_itself(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """``flush`` inside ``on_error`` would wait for its own thread; other callbacks may."""
    results: list[object] = []
    done = threading.Event()

    def flush_inside(_: object) -> None:
        fp.track("inside", priority="now")
        results.append(fp.flush(5).why)
        if len(results) > 1:
            done.set()

    fp = make_client(on_error=flush_inside)
    gateway.ruling = lambda e: ("rejected", "x") if e.get("name") == "bad" else ("accepted", "")
    fp.on("error", flush_inside)
    fp.track("bad", priority="now")

    assert done.wait(10)
    assert results == ["in_callback", ""]
    gateway.wait_for(lambda: gateway.names() == ["inside", "inside"])


def test_a_callback_that_hangs_harms_nothing(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """Uploads go on, calls return, the end waits for nobody; its message comes the next time."""
    gateway.messages = [{"delivery_id": d, "content": {"title": d}} for d in ("q7z", "q8a")]
    hung, release = threading.Event(), threading.Event()
    fp = make_client(messages=Messages(poll_s=0.05, stream=False, gap_s=0, hold_s=0))

    def hang(_: object) -> None:
        hung.set()
        release.wait(30)

    fp.on("message", hang)
    assert hung.wait(10)
    fp.track("goes on", priority="now")
    gateway.wait_for(lambda: "goes on" in gateway.names())
    fp.shutdown(0.2)
    release.set()
    later, got = make_client(messages=Messages(poll_s=0.05, stream=False)), threading.Event()
    later.on("message", lambda m: got.set() if m.delivery_id == "q8a" else None)

    assert got.wait(10)


def test_calls_after_shutdown_say_closed(make_client: MakeClient) -> None:
    """A closed client does nothing and raises nothing."""
    fp = make_client()
    fp.shutdown()
    fp.shutdown()

    assert fp.track("a") == ("", "dropped", "closed")
    assert fp.set_consent({"collect": "n"}) == ("", "dropped", "closed")
    assert fp.status().state == "closed"
    assert fp.stats().level == "closed"
    assert fp.flush().why == "closed"
    assert fp.inbox.list() == ()
    assert fp.get_consent() == {}
    fp.reset()


def test_a_broken_disk_never_raises(make_client: MakeClient) -> None:
    """When the store fails under a call, the fault is counted and the host goes on."""
    fp = make_client()
    fp.flush()
    fp._core.store._db.execute("PRAGMA query_only=1")  # noqa: SLF001 - a disk that takes no write
    results = [
        fp.track("a"),
        fp.identify("u1"),
        fp.set({"a": 1}),
        fp.set_consent({"collect": "n"}),
    ]
    fp.reset()
    fp._core.store._db.execute("PRAGMA query_only=0")  # noqa: SLF001 - and is mended
    after = fp.track("b")

    assert [each.reason for each in results] == ["fault"] * 4
    assert fp.stats().faults == 5
    assert after.level == "os"
    assert fp.get_consent()["collect"].value == "y"


def test_a_full_disk_never_raises(make_client: MakeClient) -> None:
    """SQLITE_FULL drops the event that did not fit and keeps those before."""
    fp = make_client(host="http://127.0.0.1:1")
    database = fp._core.store._db  # noqa: SLF001 - to make it full
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count={pages + 4}")
    levels = [fp.track("big", {"x": "y" * 4_000}).level for _ in range(20)]

    assert "os" in levels
    assert levels[-1] == "dropped"
    assert fp.stats().faults == levels.count("dropped")
    assert sum(fp.stats().queued.values()) == levels.count("os") + 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork()")
def test_a_forked_child_is_closed_and_the_parent_goes_on(
    gateway: GatewayDouble, tmp_path: Path
) -> None:
    """After ``fork()`` the child's client does nothing and says so; the parent loses nothing."""
    code = """
import os, sys
from fencepost_sdk import init
fp = init("pk_test", host=sys.argv[1], data_dir=sys.argv[2], consent={"collect": "y"})
fp.track("before")
child = os.fork()
if child == 0:
    ok = fp.track("child").reason == "closed" and fp.status().state == "closed"
    fp.shutdown()
    sys.exit(0 if ok else 1)
_, status = os.waitpid(child, 0)
fp.track("after")
print(os.waitstatus_to_exitcode(status), fp.flush(10).left)
fp.shutdown()
"""
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code, gateway.url, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stdout.split() == ["0", "0"]
    assert gateway.names() == ["before", "after"]


def test_a_forked_child_does_not_keep_the_slot(tmp_path: Path) -> None:
    """The slot is free when the parent ends, though a child lives on."""
    if not hasattr(os, "fork"):
        pytest.skip("this platform has no fork()")
    code = """
import os, sys
from fencepost_sdk import init
fp = init("pk_test", host="http://127.0.0.1:1", data_dir=sys.argv[1])
if os.fork() == 0:
    os.write(1, b"child\\n")
    sys.stdin.read()
else:
    os.write(1, f"{fp.device_id}\\n".encode())
    os._exit(0)
"""
    with subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        said = {parent.stdout.readline().strip() for _ in range(2)}
        parent.wait(10)
        with init("pk_test", host="http://127.0.0.1:1", data_dir=tmp_path) as fp:
            again = fp.device_id

    assert said == {"child", again}


def test_threads_may_track_at_once(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """Any thread may call; every returned event has a seq of its own and arrives."""
    fp = make_client()
    ids: list[str] = []

    def work() -> None:
        ids.extend([fp.track("n").event_id for _ in range(50)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    fp.flush()
    arrived = [e["event_id"] for e in gateway.events.values() if e["type"] == "track"]

    assert sorted(arrived) == sorted(ids)
    assert len(set(ids)) == 200
    assert sqlite3.threadsafety
