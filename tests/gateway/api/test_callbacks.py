"""What a provider tells by its own signed request: believed, in the log, and only then answered."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fencepost_channels.callback import Callback, CallbackRefused, Reading, Report
from fencepost_gateway.errors import StoreUnavailableError
from gateway.rig import OPEN_POLICY, Rig, captured, open_rig

URL = "https://edge.example.com/post"
SECRET = "prov1der"
PATH = "/v1/callbacks/sms?account=7&x=a%2Bb"
NEWS = """
kind: campaign
id: news
entry: {event: news}
reentry: always
message: {template: news, channels: [sms]}
goal: none
---
kind: template
id: news
purpose: transactional
sms: {text: News}
"""


def signature(url: str, body: bytes) -> str:
    """Sign as this provider does: over the public address and the body."""
    return hmac.new(SECRET.encode(), url.encode() + body, hashlib.sha256).hexdigest()


def read(own: Any, told: Callback, _now_s: int) -> Reading:
    """Read a request of this provider."""
    wanted = hmac.new(own["secret"].encode(), told.url.encode() + told.body, hashlib.sha256)
    if not hmac.compare_digest(told.headers.get("x-signature", ""), wanted.hexdigest()):
        raise CallbackRefused("signature")
    reports = tuple(Report(**each) for each in json.loads(told.body))
    return Reading(reports, "text/xml", b"<Response/>")


@asynccontextmanager
async def told_rig(folder: Path, *, failpoint: str = "") -> AsyncIterator[Rig]:
    """Open a gateway whose SMS lane can be told things, with one message on its way."""
    async with open_rig(folder, public_url=URL, failpoint=failpoint) as rig:
        lanes: Any = rig.gateway.surface.lanes
        spec = replace(lanes["sms"].spec, read_callback=read)
        lanes["sms"] = replace(lanes["sms"], spec=spec, own={"secret": SECRET})
        await rig.apply(NEWS, OPEN_POLICY)
        await rig.send(
            {"type": "consent", "values": {"collect": "CT"}},
            {"type": "address", "channel": "sms", "address": "+4915112345678"},
            {"type": "track", "name": "news"},
        )
        await rig.settle()
        yield rig


async def tell(
    rig: Rig, *reports: dict[str, Any], headers: Mapping[str, str] | None = None
) -> tuple[int, str, bytes]:
    """Let the provider tell something; gives status, content type and body of the answer."""
    body = json.dumps(reports).encode()
    signed = {"X-Signature": signature(URL + PATH, body)} if headers is None else headers
    response = await rig.client.post(PATH, data=body, headers=signed)
    return response.status, response.content_type, await response.read()


async def reports_of(rig: Rig) -> list[tuple[str, str]]:
    """Give what is on record of deliveries after their calls."""
    return [
        (r["body"]["state"], r["body"].get("code", ""))
        for r in await rig.records("outcome")
        if "slot" not in r["body"]
    ]


def delivery_id(folder: Path) -> str:
    """Give the id under which the newest message left."""
    return str(captured(folder)[-1]["delivery_id"])


@pytest.mark.feature("C07")
async def test_callback_is_on_record_before_it_is_answered(tmp_path: Path) -> None:
    """What the driver read is taken; the provider gets the answer that its driver wrote."""
    async with told_rig(tmp_path) as rig:
        report = {"what": "failed", "report_id": "1", "delivery_id": delivery_id(tmp_path)}
        answer = await tell(rig, report | {"code": "30003"})
        found = await reports_of(rig)
        outcomes = await rig.client.get("/v1/outcomes", headers=rig.operator)
        (row,) = (await outcomes.json())["rows"]

    assert answer == (200, "text/xml", b"<Response/>")
    assert found == [("failed", "30003")]
    assert (row["state"], row["reason"]) == ("failed", "undelivered")


@pytest.mark.guarantee("R19")
@pytest.mark.bad_input(107)
@pytest.mark.parametrize("headers", [{}, {"X-Signature": "0" * 64}, {"X-Other": "1"}])
async def test_unsigned_callback_changes_nothing(tmp_path: Path, headers: dict[str, str]) -> None:
    """403, whoever sends it; nothing is on record and nothing is in the log."""
    async with told_rig(tmp_path) as rig:
        report = {"what": "failed", "report_id": "1", "delivery_id": delivery_id(tmp_path)}
        before = await rig.gateway.store.read_log(0, 99)
        status, _, _ = await tell(rig, report, headers=headers)
        after = await rig.gateway.store.read_log(0, 99)
        counted = (await (await rig.client.get("/metrics")).text()).splitlines()

    assert (status, after) == (403, before)
    assert 'fencepost_reports_total{channel="sms",outcome="refused"} 1.0' in counted


@pytest.mark.guarantee("R19")
@pytest.mark.bad_input(107)
async def test_replayed_callback_counts_once(tmp_path: Path) -> None:
    """Told again it is answered again, and changes nothing."""
    async with told_rig(tmp_path) as rig:
        report = {"what": "delivered", "report_id": "1", "delivery_id": delivery_id(tmp_path)}
        answers = [(await tell(rig, report))[0] for _ in range(3)]
        found = await reports_of(rig)

    assert (answers, found) == ([200] * 3, [("delivered", "")])


@pytest.mark.guarantee("R19")
async def test_callback_that_was_taken_and_not_answered_counts_once(tmp_path: Path) -> None:
    """It fails between the commit and the answer; the provider tells it again, to no effect."""
    failpoint = "callback.after_append_before_reply:raise:1:s"
    async with told_rig(tmp_path, failpoint=failpoint) as rig:
        report = {"what": "clicked", "report_id": "1", "delivery_id": delivery_id(tmp_path)}
        first, _, _ = await tell(rig, report)
    async with told_rig(tmp_path) as rig:
        again, _, _ = await tell(rig, report)
        found = await reports_of(rig)

    assert (first, again, found) == (500, 200, [("clicked", "")])


async def test_callback_of_an_unknown_delivery_is_answered_and_counted(tmp_path: Path) -> None:
    """200, or its provider would tell it for days."""
    async with told_rig(tmp_path) as rig:
        before = await rig.gateway.store.read_log(0, 99)
        status, _, _ = await tell(rig, {"what": "sent", "report_id": "1", "provider_id": "SM9"})
        after = await rig.gateway.store.read_log(0, 99)
        counted = (await (await rig.client.get("/metrics")).text()).splitlines()

    assert (status, after) == (200, before)
    assert 'fencepost_reports_total{channel="sms",outcome="unknown"} 1.0' in counted


async def test_store_that_is_away_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503: the provider tells it again; nothing was promised."""
    async with told_rig(tmp_path) as rig:

        async def fails(*_: object) -> None:
            raise StoreUnavailableError("away")

        monkeypatch.setattr(rig.gateway.store.reports, "take", fails)
        report = {"what": "delivered", "report_id": "1", "delivery_id": delivery_id(tmp_path)}
        status, _, _ = await tell(rig, report)

    assert status == 503


@pytest.mark.bad_input(118)
@pytest.mark.bad_input(124)
async def test_what_a_provider_tells_is_in_no_log_and_no_metric(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither text nor address nor secret; a code that is none is left out of the record."""
    canaries = ("+4915199999999", "my words", SECRET, "INFO fake")
    async with told_rig(tmp_path) as rig:
        lane = rig.gateway.surface.lanes["sms"]
        reply = {"what": "replied", "report_id": "2", "address": {"address": canaries[0]}}
        await tell(rig, reply | {"text": canaries[1], "code": "\n2026 INFO fake"})
        known = {"what": "replied", "report_id": "3", "delivery_id": delivery_id(tmp_path)}
        await tell(rig, known | {"text": canaries[1], "code": "\n2026 INFO fake"})
        await tell(rig, {"what": "sent", "bad member": canaries[1]})  # a driver's bug
        exposed = await (await rig.client.get("/metrics")).text()
        on_record = json.dumps(await rig.records())
    said = "".join(capsys.readouterr()) + exposed + on_record + repr(lane)

    assert [word for word in canaries if word in said] == []
    assert "driver.bug" in said


async def test_callback_for_a_channel_without_a_reader_is_not_found(tmp_path: Path) -> None:
    """Most drivers are told nothing; nor is a channel that does not exist."""
    async with told_rig(tmp_path) as rig:
        statuses = {
            (await rig.client.post(f"/v1/callbacks/{name}", data=b"")).status
            for name in ("email", "fax")
        }

    assert statuses == {404}


async def test_callback_beyond_its_limit_is_refused(tmp_path: Path) -> None:
    """64 KiB, declared or not; a compressed body is handed on as it came."""
    async with told_rig(tmp_path) as rig:
        big = await rig.client.post(PATH, data=b"x" * (64 * 1024 + 1))

    assert big.status == 413
