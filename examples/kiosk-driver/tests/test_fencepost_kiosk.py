"""The driver against the conformance kit, and against what it alone must do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import aiohttp
import pytest
from fake_kiosk import TOKEN, FakeKiosk
from fencepost_kiosk import driver, read_callback

from fencepost_channels.callback import Callback, CallbackRefused, Report
from fencepost_channels.conformance import DELIVERY_ID, Case, Lent, Stage, check, check_stage

SETTINGS = {"url": "https://kiosks.example.com", "token": TOKEN}
ANSWERS = (None, 0, 200, 302, 400, 401, 404, 418, 429, 500, 503)


def stage(says: int | None) -> Callable[[], AbstractAsyncContextManager[Stage]]:
    """Give a kiosk system that answers so."""

    @asynccontextmanager
    async def make() -> AsyncIterator[Stage]:
        async with FakeKiosk(says) as kiosk:
            yield kiosk.settings, {"target": "lobby-7"}

    return make


CASE = Case(
    spec=driver,
    settings=SETTINGS,
    address={"target": "lobby-7"},
    stages={str(says): stage(says) for says in ANSWERS},
    garbage=({"target": "lobby/../7"}, {"target": "LOBBY-7"}),
)


def test_driver_is_one() -> None:
    """Spec, settings and addresses pass the kit."""
    assert check(CASE) == []


@pytest.mark.parametrize("name", CASE.stages)
async def test_driver_sends(name: str) -> None:
    """Whatever is answered, an outcome comes of it and nothing shows in it."""
    async with aiohttp.ClientSession() as http:
        found = await check_stage(CASE, name, Lent(http, 0.3, 1_780_315_200))

    assert found == []


def test_screen_tells() -> None:
    """A signed report is read; the same words by another token are refused."""
    headers, body = FakeKiosk().tell("e-1", DELIVERY_ID, "touched")
    told = Callback("https://edge.example.com/", {k.lower(): v for k, v in headers.items()}, body)
    other = driver.parse_settings({**SETTINGS, "token": "another"})

    found = read_callback(driver.parse_settings(SETTINGS), told, 0).reports

    assert found == (Report("clicked", "e-1", DELIVERY_ID),)
    with pytest.raises(CallbackRefused):
        read_callback(other, told, 0)
