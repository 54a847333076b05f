"""Which session a lane lends its driver: public hosts alone, unless its settings say otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from doubles.http_server import HttpServer
from fencepost_channels.call import CallFailed, outcome_of, post
from fencepost_channels.conformance import CONTENTS, DELIVERY_ID
from fencepost_channels.driver import DriverIO, DriverSpec, Send
from fencepost_channels.errors import Outcome
from fencepost_channels.message import Channel, Outgoing, Purpose
from fencepost_channels.registry import load_drivers
from fencepost_gateway.clock import ManualClock
from fencepost_gateway.credentials import open_credentials
from fencepost_gateway.failpoints import Failpoints
from fencepost_gateway.settings import ChannelSettings, Settings
from fencepost_gateway.workers import lanes
from gateway.rig import NOON_MS

MESSAGE = Outgoing(DELIVERY_ID, Purpose.MARKETING, CONTENTS[Channel.SMS], 60)


@asynccontextmanager
async def _connect(_settings: Any, io: DriverIO) -> AsyncIterator[Send]:
    async def send(_message: Outgoing, url: str) -> Outcome:
        try:
            answer = await post(io, url, data=b"x", headers={})
        except CallFailed as failed:
            return failed.outcome
        return outcome_of(answer, {}, io.now_s())

    yield send


PAGER = DriverSpec(
    name="pager",
    channels=frozenset({Channel.SMS}),
    parse_address=lambda raw: str(raw["address"]),
    mask=lambda _raw: "",
    parse_settings=dict,
    connect=_connect,
)


@pytest.mark.bad_input(97)
@pytest.mark.parametrize(("says_so", "family"), [(False, "unavailable"), (True, "sent")])
async def test_driver_gets_home_only_when_its_settings_say_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    says_so: bool,  # noqa: FBT001 - a column of the table
    family: str,
) -> None:
    """A driver of a third party that says nothing is kept out of our network."""
    asked: list[str] = []

    async def home(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response()

    spec = replace(PAGER, calls_loopback=lambda _settings: says_so)
    monkeypatch.setattr(lanes, "load_drivers", lambda: load_drivers() | {"pager": spec})
    server = HttpServer("/{way:.*}", home)
    await server.start()
    settings = Settings(data_dir=tmp_path, channels={"sms": ChannelSettings(driver="pager")})
    credentials = open_credentials(tmp_path)
    clock = ManualClock(NOON_MS)
    async with lanes.open_lanes(settings, credentials, clock, Failpoints()) as opened:
        outcome = await opened["sms"].call(MESSAGE, {"address": server.url + "/page"})
    await server.stop()

    assert (outcome.family, asked) == (family, ["/page"] if says_so else [])


ACCOUNT = {"account_sid": "AC" + "0" * 32, "auth_token": "t", "from": "+15005550006"}


@pytest.mark.parametrize(
    ("name", "settings", "is_home"),
    [
        ("sms", ACCOUNT, False),
        ("sms", ACCOUNT | {"base_url": "http://127.0.0.1:1"}, True),
        ("in_app", {}, False),
    ],
)
def test_shipped_driver_says_when_its_counterpart_is_here(
    name: str,
    settings: Mapping[str, str],
    is_home: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Only for the settings that tests and demos use."""
    spec = load_drivers()[name]

    assert spec.calls_loopback(spec.parse_settings(settings)) is is_home
