from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from fencepost_sdk import Limits
from sdk.gateway_double import Scripted, problem
from sdk.test_vectors import valid

if TYPE_CHECKING:
    from pathlib import Path

    from sdk.conftest import MakeClient
    from sdk.gateway_double import GatewayDouble, Request


def test_track_identify_and_set_arrive_by_the_schema(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """Every kind of call becomes a valid event, in order, under the device's own names."""
    fp = make_client(app={"id": "com.luma", "version": "1"}, context={"zone": "Asia/Seoul"})
    fp.track("cart_viewed", {"value": 29.9}, at=datetime(2026, 5, 4, tzinfo=UTC))
    fp.screen("home")
    fp.identify("u42", {"tier": "plus"})
    fp.set({"age": 3})
    fp.unset("age")
    fp.set_address("email", "mina@example.com")
    fp.set_address("web_push", {"endpoint": "https://push.example.com/x"}, removed=True)
    result = fp.flush()
    batches = [request.batch for request in gateway.batches()]

    assert (result.left, result.why) == (0, "")
    assert all(valid("batch", batch) for batch in batches)
    assert gateway.kinds() == [
        *("consent", "track", "screen", "identify", "set", "set", "address", "address")
    ]
    assert {batch["device_id"] for batch in batches} == {fp.device_id}
    assert batches[-1]["who"]["user_id"] == "u42"
    assert "user_id" not in batches[1]["who"]
    assert batches[-1]["context"]["zone"] == "Asia/Seoul"
    assert fp.stats().acknowledged == 8  # with the consent that init stated


def test_consent_goes_in_a_request_of_its_own(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """A consent change overtakes the queue, marked so that it is never shed."""
    fp = make_client(consent=None)
    fp.track("first")
    fp.set_consent({"collect": "y"}, text="c-v1/en", surface="onboarding")
    fp.flush()
    first, second = gateway.batches()

    assert first.headers["Fencepost-Class"] == "consent"
    assert [event["type"] for event in first.batch["events"]] == ["consent"]
    assert first.batch["events"][0]["text"] == "c-v1/en"
    assert "Fencepost-Class" not in second.headers
    assert [event["type"] for event in second.batch["events"]] == ["track"]
    assert fp.stats().consent_synced


def test_requests_name_key_and_device(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """The key and the device's secret travel as headers, in every request."""
    fp = make_client()
    fp.track("a")
    fp.flush()
    request = next(gateway.batches())
    device_id, _, secret = request.headers["Fencepost-Device"].partition(".")

    assert request.headers["Authorization"] == "Bearer pk_test"
    assert device_id == fp.device_id
    assert len(secret) == 43


def test_large_bodies_are_compressed(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """From 1 KiB up a body is one gzip member."""
    fp = make_client()
    fp.track("long", {"text": "x" * 4_000})
    fp.flush()
    *_, request = gateway.batches()

    assert request.headers["Content-Encoding"] == "gzip"
    assert len(request.raw) < 1_024
    assert request.batch["events"][0]["props"]["text"] == "x" * 4_000


def test_a_repeat_is_the_same_to_the_byte(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """An event is serialised once: what goes again after a lost answer is what went before."""
    fp = make_client()
    fp.flush()
    gateway.script.append(Scripted(200, b"<html>"))
    fp.track("twice", {"b": 1, "a": [1.5, None]})
    gateway.wait_for(lambda: gateway.names() == ["twice"])
    _, first, second = gateway.batches()
    text = json.dumps(first.batch["events"])

    assert text == json.dumps(second.batch["events"])
    assert first.raw[first.raw.index(b'"events"') :] == second.raw[second.raw.index(b'"events"') :]


def test_events_keep_the_person_they_were_tracked_under(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """A batch is cut where the person changes; reset makes a new one, another id resets first."""
    fp = make_client(consent=None)
    fp.track("as a visitor")
    fp.identify("u1")
    fp.track("as u1")
    fp.identify("u2")
    fp.track("as u2")
    fp.set_consent({"collect": "y"})
    fp.flush()
    whose = {
        event["name"]: request.batch["who"]
        for request in gateway.batches()
        for event in request.batch["events"]
        if "name" in event
    }

    assert "user_id" not in whose["as a visitor"]
    assert whose["as u1"] == {**whose["as a visitor"], "user_id": "u1"}
    assert whose["as u2"]["user_id"] == "u2"
    assert whose["as u2"]["anonymous_id"] != whose["as u1"]["anonymous_id"]


def test_reset_keeps_a_no_and_forgets_a_yes(make_client: MakeClient) -> None:
    """A log-out takes permissions away and leaves refusals."""
    fp = make_client(consent={"collect": "y", "marketing": "n"})
    device_id = fp.device_id
    fp.reset()
    held = fp.get_consent()

    assert (held["collect"].value, held["marketing"].value) == ("u", "n")
    assert fp.device_id == device_id


def test_rejected_and_retry_get_their_own_fate(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """One bad event harms only itself, the developer is told, and a shed one is kept."""
    told: list[object] = []
    heard = threading.Event()
    fates = {"bad": ("rejected", "bad_value"), "shed": ("retry", "")}
    gateway.ruling = lambda event: fates.get(event.get("name", ""), ("accepted", ""))
    fp = make_client()

    def hear(error: object) -> None:
        told.append(error)
        heard.set()

    fp.on("error", hear)
    ids = {name: fp.track(name).event_id for name in ("good", "bad", "shed")}
    result = fp.flush(0.3)
    ended = {name: fp.explain(event_id).checks[-1] for name, event_id in ids.items()}

    assert heard.wait(10)
    assert gateway.names() == ["good"]
    assert result.left == 1
    assert (ended["good"].name, ended["good"].passed) == ("verdict", True)
    assert ended["bad"].detail == "rejected bad_value"
    assert (ended["shed"].name, ended["shed"].passed) == ("sent", None)
    assert fp.stats().losses == {"rejected:bad_value": 1}
    assert [getattr(error, "code", "") for error in told] == ["rejected:bad_value"]


@pytest.mark.guarantee("R4")
@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "unsupported_version"),
        (401, "key_unknown"),
        (403, "origin"),
        (404, "no_route"),
        (410, "workspace_gone"),
    ],
)
def test_a_refused_request_deletes_nothing(
    gateway: GatewayDouble, make_client: MakeClient, status: int, code: str
) -> None:
    """401, 403, 404 and their like stop the sending and keep every event, for the next opening."""
    gateway.refuse = lambda _: problem(status, code)
    fp = make_client()
    fp.track("kept")
    result = fp.flush(1)
    state = fp.status()
    fp.shutdown(0)
    gateway.refuse = lambda _: None
    again = make_client()

    assert (result.sent, result.why) == (0, f"stopped:{code}")
    assert (state.state, state.last_code) == ("stopped", code)
    assert again.flush().left == 0
    assert gateway.kinds() == ["consent", "track"]


def test_a_captive_portal_deletes_nothing(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """A 200 from somebody in between is as no network."""
    gateway.refuse = lambda _: Scripted(200, b"<html>Welcome to the airport</html>")
    fp = make_client()
    fp.track("kept")
    result = fp.flush(0.3)
    queued = sum(fp.stats().queued.values())
    gateway.refuse = lambda _: None
    gateway.wait_for(lambda: gateway.names() == ["kept"])

    assert (result.sent, queued) == (0, 2)
    assert result.why == "not_the_gateway"


def test_a_redirect_is_not_followed(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """Events go where the host said, and nowhere else."""
    gateway.refuse = lambda _: Scripted(307, b"", (("Location", "/elsewhere"),))
    fp = make_client()
    fp.flush(0.3)

    assert {request.path for request in gateway.requests} == {"/v1/batch"}


def test_retry_after_is_obeyed(gateway: GatewayDouble, make_client: MakeClient) -> None:
    """After 429 with Retry-After nothing is sent before its time, not even by a flush."""
    gateway.script.append(problem(429, "rate", ("Retry-After", "60")))
    fp = make_client()
    gateway.wait_for(lambda: len(gateway.requests) == 1)
    result = fp.flush(0.2)
    state = fp.status()

    assert (result.sent, result.left) == (0, 1)
    assert len(gateway.requests) == 1
    assert state.state == "waiting"
    assert state.next_attempt_s is not None
    assert 50 < state.next_attempt_s <= 60


@pytest.mark.guarantee("R5")
def test_one_event_that_breaks_a_body_is_set_aside(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """The gateway understands no request with the poison in it; everything else arrives."""

    def refuse(request: Request) -> Scripted | None:
        is_poisoned = any(e.get("name") == "poison" for e in request.batch["events"])
        return problem(400, "malformed") if is_poisoned else None

    gateway.refuse = refuse
    fp = make_client()
    names = [f"n{i}" for i in range(40)]
    poison = ""
    for name in [*names[:13], "poison", *names[13:]]:
        tracked = fp.track(name)
        poison = tracked.event_id if name == "poison" else poison
    fp.flush()
    fp.track("after")
    fp.flush()

    assert gateway.names() == [*names, "after"]
    assert fp.stats().quarantined == 1
    assert fp.stats().losses == {"quarantined": 1}
    assert fp.explain(poison).checks[-1].passed is False
    assert [report["reason"] for report in gateway.reports] == ["quarantined"]


@pytest.mark.guarantee("R4")
def test_a_full_queue_reports_exactly_the_gap(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """Counters and reported ranges are the seqs that never came, all of them and no other."""
    fp = make_client(consent=None, limits=Limits(held_events=5, trigger_age_ms=50))
    tracked = [fp.track(f"n{i}") for i in range(12)]
    fp.set_consent({"collect": "y"})
    fp.flush()
    arrived = {seq for (_, _, seq) in gateway.events}
    reported = {
        seq
        for report in gateway.reports
        for low, high in report["seqs"]
        for seq in range(low, high + 1)
    }

    assert [each.level for each in tracked] == ["held"] * 12
    assert reported == set(range(1, 14)) - arrived
    assert fp.stats().losses == {"full_count": 7} == {"full_count": len(reported)}
    assert sum(report["count"] for report in gateway.reports) == 7


def test_a_later_opening_has_a_stream_of_its_own(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """Each opening counts from 1 in a stream of its own; the device stays the same."""
    first = make_client()
    first.track("a")
    first.shutdown()
    second = make_client()
    second.track("b")
    second.shutdown()
    places = {event["name"]: place for place, event in gateway.events.items() if "name" in event}

    assert places["a"][0] == places["b"][0]
    assert places["a"][1] != places["b"][1]
    assert (places["a"][2], places["b"][2]) == (2, 1)


def test_what_was_said_before_wins_over_init(
    gateway: GatewayDouble, make_client: MakeClient, tmp_path: Path
) -> None:
    """``init(consent=...)`` states first values only."""
    first = make_client(data_dir=tmp_path / "d", consent={"collect": "y"})
    first.set_consent({"collect": "n"})
    first.shutdown()
    second = make_client(data_dir=tmp_path / "d", consent={"collect": "y", "marketing": "y"})
    held = second.get_consent()
    second.flush()

    assert (held["collect"].value, held["marketing"].value) == ("n", "y")
    assert gateway.kinds() == ["consent"] * 3


def test_explain_asks_the_gateway_when_told_to(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """The gateway's own record comes along; without an answer the explanation says so."""
    fp = make_client()
    known = fp.explain("d-1", remote=True)
    gateway.refuse = lambda _: problem(404, "no_route")
    unknown = fp.explain("d-2", remote=True)

    assert known.remote == {"id": "d-1", "checks": []}
    assert unknown.remote == {"error": "no_route"}
    assert known.checks[0].passed is False


def test_a_kept_connection_that_died_is_replaced(
    gateway: GatewayDouble, make_client: MakeClient
) -> None:
    """A server may close an idle connection: the next request goes on a fresh one."""
    gateway.script.append(Scripted(503, b"", (("Retry-After", "1"), ("Connection", "close"))))
    fp = make_client(limits=Limits(trigger_age_ms=1))
    gateway.wait_for(lambda: gateway.kinds() == ["consent"])

    assert fp.flush().left == 0


def test_flush_says_why_nothing_went(make_client: MakeClient) -> None:
    """Events that wait for consent are left, and the flush says so."""
    fp = make_client(consent=None)
    fp.track("held")

    assert fp.flush() == (0, 1, "held")
    assert fp.status().state == "held"
