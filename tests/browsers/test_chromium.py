"""The service worker in Chromium: pushes are handed to it by DevTools."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from browsers.chromium import Chromium, open_chromium
from browsers.site import Site, open_site
from e2e.rig import until
from fencepost_channels.conformance import DELIVERY_ID
from fencepost_channels.drivers.web_push import write_payload
from fencepost_channels.message import Links, Outgoing, Purpose, WebPushContent

OTHER = "b" * 32
DAY_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class House:
    """A shop's page in a browser."""

    site: Site
    chromium: Chromium

    async def push(self, delivery_id: str, **more: Any) -> None:
        """Push what the driver writes, with what others may add."""
        links = Links(report=f"{self.site.public_url}/v1/reports/{delivery_id}.mac")
        content = WebPushContent("Luma", "Yoga um 18:00", "/book")
        message = Outgoing(delivery_id, Purpose.MARKETING, content, 60, links=links)
        said = json.loads(write_payload(message, content)) | more
        await self.chromium.push(self.site.url, json.dumps(said))

    async def displayed(self, delivery_id: str) -> None:
        """Wait until a delivery was shown and told of."""
        await until(lambda: (delivery_id, "displayed") in self.site.reports)

    async def shown(self) -> list[dict[str, Any]]:
        """Give the notifications that are there."""
        members = "({tag, title, body, actions}) => ({tag, title, body, actions})"
        found: list[dict[str, Any]] = await self.chromium.worker(
            f"r.getNotifications().then((all) => all.map({members}))"
        )
        return found


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Open the page, with its worker."""
    async with open_site() as site, open_chromium(tmp_path) as chromium:
        await chromium.go(site.url)
        await chromium.run("navigator.serviceWorker.register('/worker.js').then(() => 0)")
        await chromium.worker("0")
        yield House(site, chromium)


@pytest.mark.feature("C04")
async def test_chromium_shows_a_delivery_once(house: House) -> None:
    """A repeat is dropped, also when the notification was closed; its end is told."""
    await house.push(DELIVERY_ID, actions=[{"action": "book", "title": "Book"}])
    await house.displayed(DELIVERY_ID)
    (first,) = await house.shown()
    assert (first["tag"], first["title"], first["body"]) == (DELIVERY_ID, "Luma", "Yoga um 18:00")
    assert [each["action"] for each in first["actions"]] == ["book"]

    await house.chromium.worker("r.active.postMessage({hand: 'notificationclick'})")
    await until(lambda: (DELIVERY_ID, "clicked") in house.site.reports)
    await house.push(DELIVERY_ID)
    await house.push(OTHER)
    await house.displayed(OTHER)

    assert [each["tag"] for each in await house.shown()] == [OTHER]
    assert house.site.reports == [
        (DELIVERY_ID, "displayed"), (DELIVERY_ID, "clicked"), (OTHER, "displayed")
    ]  # fmt: skip


async def test_push_of_somebody_else_is_left_alone(house: House) -> None:
    """What bears no delivery of ours, or cannot be read, is for the shop's own worker."""
    for said in ("", "not json", "null", "[]", '{"title": "theirs"}'):
        await house.chromium.push(house.site.url, said)
    await house.push(OTHER)
    await house.displayed(OTHER)

    assert [each["tag"] for each in await house.shown()] == [OTHER]


async def test_what_was_shown_is_forgotten_after_35_days(house: House) -> None:
    """The list of the shown has an end; a younger entry stays in it."""
    await house.push(DELIVERY_ID)
    await house.displayed(DELIVERY_ID)
    ages = {"old": 35 * DAY_MS + 1000, "young": 34 * DAY_MS}
    opened = """new Promise((resolve) => {
      const asked = indexedDB.open("fencepost-push");
      asked.onsuccess = () =>
        resolve(asked.result.transaction("shown", "readwrite").objectStore("shown"));
    })"""
    for name, age_ms in ages.items():
        row = f"{{id: '{name}', at: Date.now() - {age_ms}}}"
        await house.chromium.run(f"{opened}.then((shown) => {{ shown.put({row}); }})")

    await house.push(OTHER)
    await house.displayed(OTHER)
    kept = await house.chromium.run(
        f"{opened}.then((shown) => new Promise((resolve) => {{"
        " shown.getAllKeys().onsuccess = (event) => resolve(event.target.result); }))"
    )

    assert sorted(kept) == sorted([DELIVERY_ID, OTHER, "young"])


@pytest.mark.parametrize(
    ("link", "opens"),
    [
        ("/book?from=push", "/book?from=push"),
        ("https://other.example/x", "https://other.example/x"),
        ("", None),  # the page that is open has the focus
        ("javascript:fetch('/stolen')", None),
        ("data:text/html,x", None),
        ("https://", None),
    ],
)
async def test_click_opens_web_pages_only(house: House, link: str, opens: str | None) -> None:
    """Whatever a template says; and none that is open already."""
    await house.push(DELIVERY_ID, link=link)
    await house.displayed(DELIVERY_ID)
    await house.chromium.worker("r.active.postMessage({hand: 'notificationclick'})")
    await until(lambda: (DELIVERY_ID, "clicked") in house.site.reports)
    await house.push(OTHER, link="/last")
    await house.displayed(OTHER)
    await house.chromium.worker("r.active.postMessage({hand: 'notificationclick'})")
    await until(lambda: f"{house.site.url}/last" in house.site.opened)

    expected = [] if opens is None else [opens if ":" in opens else house.site.url + opens]
    assert house.site.opened == [*expected, f"{house.site.url}/last"]
