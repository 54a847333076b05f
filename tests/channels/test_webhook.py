"""The webhook driver against a system of screens: what it says, believes, and is told."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from doubles.http_server import Reply, Silence
from doubles.screens import SECRET, Screens
from fencepost_channels.addresses import parse_target
from fencepost_channels.callback import Callback, CallbackRefused, Report
from fencepost_channels.conformance import DELIVERY_ID
from fencepost_channels.driver import AddressError, SettingsError
from fencepost_channels.drivers.webhook import driver
from fencepost_channels.errors import (
    Gone,
    Misconfigured,
    Outcome,
    Rejected,
    Sent,
    Unavailable,
    Unknown,
)
from fencepost_channels.message import Links, Outgoing, Purpose, WebhookContent

if TYPE_CHECKING:
    from fencepost_channels.conformance import Lent

CONTENT = WebhookContent("Hello", "A class at 18:00", "https://luma.example/book", {"seat": "7"})
MESSAGE = Outgoing(
    DELIVERY_ID,
    Purpose.MARKETING,
    CONTENT,
    ttl_s=60,
    links=Links(callback="https://edge.example.com/v1/callbacks/webhook"),
)
URL = {"url": "https://screens.example.com/messages", "secret": SECRET}


@pytest.fixture
async def screens() -> AsyncIterator[Screens]:
    """A system with one kiosk."""
    async with Screens() as found:
        found.targets.add("lobby-7")
        yield found


async def call(screens: Screens, lent: Lent, name: str = "lobby-7", **more: str) -> Outcome:
    """Send the message to a target."""
    own = driver.parse_settings({**screens.settings, **more})
    async with driver.connect(own, lent) as send:
        return await send(MESSAGE, driver.parse_address({"target": name}))


@pytest.mark.feature("S08")
async def test_screen_is_told_all_it_needs(screens: Screens, lent: Lent) -> None:
    """What is shown, where, until when, and where to tell of it, under one key."""
    outcome = await call(screens, lent)

    assert outcome == Sent()
    assert screens.received == [
        {
            "delivery_id": DELIVERY_ID,
            "purpose": "marketing",
            "target": "lobby-7",
            "expires_at_s": lent.now_s() + 60,
            "title": "Hello",
            "body": "A class at 18:00",
            "link": "https://luma.example/book",
            "data": {"seat": "7"},
            "callback": "https://edge.example.com/v1/callbacks/webhook",
        }
    ]
    assert screens.calls[0]["idempotency-key"] == DELIVERY_ID


async def test_same_call_again_is_shown_once(screens: Screens, lent: Lent) -> None:
    """The key is the delivery's, so that who takes a call twice can see that it is one."""
    await call(screens, lent)
    await call(screens, lent)

    assert [len(screens.received), [*screens.showing]] == [2, [DELIVERY_ID]]


async def test_secrets_change_over(screens: Screens, lent: Lent) -> None:
    """While there is an old secret the other side may have either; a wrong one is our fault."""
    new = "another secret, which is new here"

    assert await call(screens, lent, secret=new, old_secret=SECRET) == Sent()
    assert await call(screens, lent, secret=new) == Misconfigured("secret_refused")


async def test_target_that_was_taken_down_is_gone(screens: Screens, lent: Lent) -> None:
    """410 removes the target."""
    assert await call(screens, lent, "lobby-8") == Gone()


@pytest.mark.feature("S07")
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Sent()),
        (204, Sent()),
        (302, Rejected("redirect")),
        (400, Rejected("bad_request")),
        (401, Misconfigured("secret_refused")),
        (403, Misconfigured("secret_refused")),
        (404, Rejected("refused")),
        (408, Unavailable("timeout", 7.0)),
        (410, Gone()),
        (413, Rejected("too_large")),
        (422, Rejected("refused")),
        (425, Unavailable("too_early", 7.0)),
        (429, Unavailable("rate_limited", 7.0)),
        (500, Unknown("unmapped_status")),
        (503, Unavailable(retry_after_s=7.0)),
    ],
)
async def test_answer_is_an_outcome(
    screens: Screens, lent: Lent, status: int, outcome: Outcome
) -> None:
    """Every status has its outcome, with the wish to wait where one may wait."""
    screens.server.always = Reply(status, {"Retry-After": "7"})

    assert await call(screens, lent) == outcome


async def test_silence_is_unknown(screens: Screens, lent: Lent) -> None:
    """A call that was not answered may have been shown."""
    screens.server.always = Silence()

    assert await call(screens, replace(lent, timeout_s=0.3)) == Unknown("no_answer")


@pytest.mark.parametrize("name", ["", " ", "x" * 129, "a\nb", "\ud800", 7, None, ["lobby"]])
def test_target_is_a_name(name: Any) -> None:
    """A target is a text of 1 to 128 printable characters."""
    with pytest.raises(AddressError) as caught:
        parse_target({"target": name})

    assert caught.value.code == "bad_target"


async def test_target_leads_nowhere(screens: Screens, lent: Lent) -> None:
    """A target that looks like a URL is a name in the body as any other, and calls nobody else."""
    name = "http://169.254.169.254/latest"
    screens.targets.add(name)

    assert await call(screens, lent, name) == Sent()
    assert (len(screens.calls), screens.received[0]["target"]) == (1, name)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://screens.example.com/"},
        {"url": "https://10.0.0.8/messages"},
        {"url": "https://screens.example.com:8443/"},
        {"url": "https://user:pass@screens.example.com/"},
        {"url": "http://127.0.0.1:8080/"},
        {"url": "https://127.0.0.1/"},
        {"secret": "short"},
        {"old_secret": "short"},
        {"allow_http": "maybe"},
    ],
    ids=str,
)
def test_settings_are_judged(wrong: dict[str, str]) -> None:
    """Only a public host by TLS is called, and no secret is short enough to guess."""
    with pytest.raises(SettingsError, match=f'"{next(iter(wrong))}"'):
        driver.parse_settings({**URL, **wrong})


def read(headers: Any, body: bytes, at_s: int) -> tuple[Report, ...]:
    """Read a request that came at a moment."""
    assert driver.read_callback is not None
    own = driver.parse_settings(URL)
    url = "https://edge.example.com/v1/callbacks/webhook"
    return driver.read_callback(own, Callback(url, headers, body), at_s).reports


@pytest.mark.feature("S08")
@pytest.mark.parametrize("what", ["delivered", "failed", "displayed", "clicked", "dismissed"])
def test_report_is_read(what: str) -> None:
    """What a screen tells, signed, is a report of the delivery."""
    headers, body = Screens(lambda: 1_000).report(DELIVERY_ID, what)

    assert read(headers, body, 1_300) == (Report(what, "r-1", DELIVERY_ID),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "body", "at_s", "code"),
    [
        ({"webhook-signature": ""}, b"", 1_000, "not_signed"),
        ({"webhook-timestamp": "now"}, b"", 1_000, "malformed"),
        ({"webhook-timestamp": "1001"}, b"", 1_000, "bad_signature"),
        ({"webhook-id": "r-2"}, b"", 1_000, "bad_signature"),
        ({"webhook-signature": "v1,\u00e9"}, b"", 1_000, "bad_signature"),
        ({}, b"{}", 1_000, "bad_signature"),
        ({}, b"", 1_301, "too_old"),
        ({}, b"", 699, "too_old"),
    ],
)
def test_report_that_is_not_signed_is_refused(
    headers: dict[str, str], body: bytes, at_s: int, code: str
) -> None:
    """No signature, another's, an old one, or other bytes than those signed: nothing is read."""
    signed, told = Screens(lambda: 1_000).report(DELIVERY_ID, "displayed")

    with pytest.raises(CallbackRefused) as caught:
        read(signed | headers, body or told, at_s)

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("delivery_id", "what", "report_id", "code"),
    [
        ("x", "displayed", "r-1", "bad_delivery_id"),
        (DELIVERY_ID, "opted_out", "r-1", "bad_what"),
        (DELIVERY_ID, "displayed", "r 1", "bad_report_id"),
        (DELIVERY_ID, "displayed", "", "not_signed"),
    ],
)
def test_report_of_another_form_is_refused(
    delivery_id: str, what: str, report_id: str, code: str
) -> None:
    """A report has an id, names a delivery, and says one of five words."""
    headers, body = Screens(lambda: 1_000).report(delivery_id, what, report_id)

    with pytest.raises(CallbackRefused) as caught:
        read(headers, body, 1_000)

    assert caught.value.code == code


@pytest.mark.parametrize("at_s", [1_001, -1, 0, True, "1000"])
def test_clock_of_a_screen_makes_no_report_wrong(at_s: Any) -> None:
    """A moment that cannot be is left out; the report counts when it came."""
    screens = Screens(lambda: 1_000)
    told = {"report_id": "r-1", "delivery_id": DELIVERY_ID, "what": "clicked", "at_s": at_s}
    headers, body = screens.signed("r-1", json.dumps(told).encode())

    assert read(headers, body, 1_000) == (Report("clicked", "r-1", DELIVERY_ID),)
