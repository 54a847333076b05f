"""What a receiver or their machine tells by the links of a message: each counts once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yarl

from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.intake.tickets import write_ticket
from fencepost_gateway.intake.tracked_links import LinkPlace, click_link
from gateway.rig import OPEN_POLICY, Rig, captured, open_rig

URL = "https://edge.example.com"
PAGE = "https://shop.example/sale?a=1&b=%2F#x"
NEWS = """
kind: campaign
id: news
entry: {event: news}
reentry: always
message: {template: news, channels: [CHANNEL]}
goal: none
---
kind: template
id: news
purpose: marketing
tracking: {opens: true, clicks: true}
email:
  subject: News
  text: "Sale: https://shop.example/sale?a=1&b=%2F#x"
  html: "<a href='https://shop.example/sale?a=1&amp;b=%2F#x'>Sale</a> {{ event.note }}"
sms: {text: "Sale: https://shop.example/sale?a=1&b=%2F#x"}
"""
LINK = re.compile(re.escape(URL) + r"/v1/(?:click|open)/[^\s\"<>]+")


@asynccontextmanager
async def sent(folder: Path, channel: str = "email", **values: str) -> AsyncIterator[Rig]:
    """Open a gateway that has sent one tracked message."""
    async with open_rig(folder, public_url=URL) as rig:
        await rig.apply(NEWS.replace("CHANNEL", channel), OPEN_POLICY)
        consents = {"collect": "CT", "marketing": "y", "personalisation": "y"} | values
        address = "minji@example.com" if channel == "email" else "+4915112345678"
        await rig.send(
            {"type": "consent", "values": consents},
            {"type": "address", "channel": channel, "address": address},
            {"type": "track", "name": "news", "props": {"note": "hi https://evil.example/x"}},
        )
        await rig.settle()
        yield rig


def links(folder: Path) -> list[str]:
    """Give the links of ours in what left, each once."""
    content = captured(folder)[-1]["content"]
    return list(dict.fromkeys(LINK.findall(" ".join(map(str, content.values())))))


async def follow(rig: Rig, link: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Follow a link as a browser does; gives status and where it leads."""
    path = yarl.URL(link.removeprefix(URL), encoded=True)
    response = await rig.client.request(method, path, headers=headers, allow_redirects=False)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    return response.status, response.headers.get("Location", "")


async def told(rig: Rig) -> list[tuple[str, str]]:
    """Give what is on record of the message after its call."""
    await rig.settle()
    records = [r["body"] for r in await rig.records("outcome")]
    return [(r["state"], r.get("code", "")) for r in records if "slot" not in r]


async def state(rig: Rig) -> str:
    """Give where the one message stands."""
    (end,) = await rig.gateway.store.messages("", 9)
    return end.state


@pytest.mark.feature("C07")
@pytest.mark.parametrize("channel", ["email", "sms"])
async def test_click_leads_on_and_counts_once(tmp_path: Path, channel: str) -> None:
    """302 to the author's page, letter by letter; a click proves that the message arrived."""
    async with sent(tmp_path, channel) as rig:
        link = next(each for each in links(tmp_path) if "/click/" in each)
        led = [await follow(rig, link) for _ in range(3)]
        found, stands = await told(rig), await state(rig)

    assert led == [(302, PAGE)] * 3
    assert (found, stands) == ([("clicked", "link-1")], "delivered")


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("HEAD", {}),
        ("GET", {"Purpose": "prefetch"}),
        ("GET", {"Sec-Purpose": "prefetch;prerender"}),
        ("GET", {"X-Purpose": "preview"}),
        ("GET", {"X-moz": "prefetch"}),
    ],
)
async def test_machine_that_looks_ahead_counts_nothing(
    tmp_path: Path, method: str, headers: dict[str, str]
) -> None:
    """It is led on, as whoever looks at the page next has not clicked yet."""
    async with sent(tmp_path) as rig:
        link = next(each for each in links(tmp_path) if "/click/" in each)
        led = await follow(rig, link, method, **headers)
        found = await told(rig)

    assert (led, found) == ((302, PAGE), [])


async def test_pixel_is_43_bytes_and_counts_one_opening(tmp_path: Path) -> None:
    """Fetched again and again it is one; a picture that no cache keeps."""
    async with sent(tmp_path) as rig:
        link = next(each for each in links(tmp_path) if "/open/" in each)
        await rig.client.get(link.removeprefix(URL))
        response = await rig.client.get(link.removeprefix(URL))
        body, kept = await response.read(), response.headers["Cache-Control"]
        found = await told(rig)

    assert (response.status, response.content_type, len(body)) == (200, "image/gif", 43)
    assert (body[:6], kept, found) == (b"GIF89a", "no-store", [("opened", "")])


@pytest.mark.guarantee("R19")
async def test_link_leads_nowhere_but_where_a_message_led(tmp_path: Path) -> None:
    """Another page, number, channel or message under the same mac is no link of ours."""
    async with sent(tmp_path) as rig:
        link = next(each for each in links(tmp_path) if "/click/" in each)
        forged = [
            link.partition("?")[0] + "?to=https://evil.example/",
            link.partition("?")[0],
            link.replace("email.1.", "email.2."),
            link.replace("email.1.", "sms.1."),
            link + "&to=https://evil.example/",
            f"{URL}/v1/click/x?to=https://evil.example/",
        ]
        led = [await follow(rig, each) for each in forged]
        found = await told(rig)

    assert led[4] in {(302, PAGE), (404, "")}
    assert set(led[:4] + led[5:]) == {(404, "")}
    assert len(found) <= 1


async def test_link_of_a_forgotten_message_still_leads_on(tmp_path: Path) -> None:
    """No table stands behind it: when message and person are erased, the page is still there."""
    async with open_rig(tmp_path, public_url=URL) as rig:
        at = LinkPlace("m" * 32, "email", 3)
        link = click_link(URL, rig.gateway.credentials.seed, at, PAGE)
        led, found = await follow(rig, link), await told(rig)

    assert (led, found) == ((302, PAGE), [])


async def test_reader_is_led_on_while_the_store_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The click is lost, and counted as lost; the reader has their page."""
    async with sent(tmp_path) as rig:

        async def fails(*_: object) -> None:
            raise StoreUnavailableError("away")

        monkeypatch.setattr(rig.gateway.store.reports, "take", fails)
        led = await follow(rig, next(each for each in links(tmp_path) if "/click/" in each))
        pixel = await follow(rig, next(each for each in links(tmp_path) if "/open/" in each))
        counted = (await (await rig.client.get("/metrics")).text()).splitlines()

    assert (led, pixel[0]) == ((302, PAGE), 200)
    assert 'fencepost_reports_total{channel="link",outcome="lost"} 2.0' in counted


@pytest.mark.parametrize("value", ["n", "y"])
async def test_whoever_denies_personalisation_is_not_tracked(tmp_path: Path, value: str) -> None:
    """They get the author's links and no pixel; so do host names that a value brought along."""
    plain = NEWS.replace(" {{ event.note }}", "")
    async with open_rig(tmp_path, public_url=URL) as rig:
        await rig.apply(plain.replace("CHANNEL", "email"), OPEN_POLICY)
        await rig.send(
            {
                "type": "consent",
                "values": {"collect": "CT", "marketing": "y", "personalisation": value},
            },
            {"type": "address", "channel": "email", "address": "minji@example.com"},
            {"type": "track", "name": "news"},
        )
        await rig.settle()

    assert len(links(tmp_path)) == (0 if value == "n" else 2)


async def test_a_value_never_becomes_a_link_of_ours(tmp_path: Path) -> None:
    """What an event brought along is printed, and leads over nobody."""
    async with sent(tmp_path):
        html = captured(tmp_path)[-1]["content"]["html"]

    assert "hi https://evil.example/x" in html
    assert quote("evil.example", safe="") not in " ".join(links(tmp_path))


# ---- the service worker ---------------------------------------------------------------------


def ticket(rig: Rig, folder: Path) -> str:
    """Give the path by which a machine reports on what left last."""
    delivery_id = captured(folder)[-1]["delivery_id"]
    return "/v1/reports/" + write_ticket(rig.gateway.credentials.seed, "report", delivery_id)


async def test_service_worker_tells_each_thing_once(tmp_path: Path) -> None:
    """From any origin, without a key; told again, or with another action, it is known."""
    async with sent(tmp_path) as rig:
        path = ticket(rig, tmp_path)
        answers = []
        for body in (
            {"what": "displayed"},
            {"what": "clicked", "action": "shop"},
            {"what": "clicked", "action": "other"},
            {"what": "dismissed", "action": "\nINFO"},
            {"what": "displayed"},
        ):
            response = await rig.client.post(path, json=body, headers={"Origin": "https://a.b"})
            answers.append((response.status, response.headers["Access-Control-Allow-Origin"]))
        asked = await rig.client.options(path, headers={"Origin": "https://a.b"})
        found = await told(rig)

    assert answers == [(204, "*")] * 5
    assert (asked.status, asked.headers["Access-Control-Allow-Methods"]) == (204, "POST")
    assert found == [("displayed", ""), ("clicked", "shop"), ("dismissed", "")]


@pytest.mark.bad_input(107)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"what": "delivered"}', 400),
        (b'{"what": "clicked", "action": "' + b"x" * 65 + b'"}', 400),
        (b"\xff", 400),
        (b"[" * 600, 400),
        (b" " * 1025, 413),
    ],
)
async def test_service_worker_tells_nothing_else(tmp_path: Path, body: bytes, status: int) -> None:
    """Three words, small; anything else changes nothing."""
    async with sent(tmp_path) as rig:
        response = await rig.client.post(ticket(rig, tmp_path), data=body)
        found = await told(rig)

    assert (response.status, found) == (status, [])


async def test_report_needs_its_own_ticket(tmp_path: Path) -> None:
    """Neither a made-up one nor that of another door."""
    async with sent(tmp_path) as rig:
        seed, delivery_id = rig.gateway.credentials.seed, captured(tmp_path)[-1]["delivery_id"]
        tickets = ["x", f"{delivery_id}.x", write_ticket(seed, "unsubscribe", delivery_id)]
        statuses = [
            (await rig.client.post(f"/v1/reports/{each}", json={"what": "clicked"})).status
            for each in tickets
        ]
        found: list[Any] = await told(rig)

    assert (statuses, found) == ([404] * 3, [])
