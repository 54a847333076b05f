"""A real browser end to end: Firefox subscribes, decrypts, shows once, tells, and goes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from browsers.firefox import Firefox, open_firefox
from browsers.site import Site, open_site
from doubles.autopush import Autopush
from doubles.clock import now_s
from e2e.rig import until, until_answered
from fencepost_channels.message import Links, Outgoing, Purpose, WebPushContent
from fencepost_gateway.settings import ChannelSettings
from gateway.rig import OPEN_POLICY, Rig, open_rig

DOCUMENTS = """
kind: campaign
id: greeting
entry: {event: opened}
reentry: always
message: {template: greet, channels: [web_push]}
goal: none
---
kind: template
id: greet
purpose: marketing
web_push: {title: Matten rollen ✿, body: Yoga um 18:00, link: /book}
"""
OTHER = "b" * 32
LOOPBACK = ChannelSettings(
    driver="web_push", settings={"allow_hosts": "127.0.0.1", "allow_http": "true"}
)


@dataclass(frozen=True, slots=True)
class House:
    """Everything that takes part."""

    autopush: Autopush
    site: Site
    rig: Rig
    firefox: Firefox


async def shown(firefox: Firefox) -> list[dict[str, str]]:
    """Give the notifications that are there."""
    found: list[dict[str, str]] = await firefox.worker(
        "r.getNotifications().then((all) => all.map(({tag, title, body}) => ({tag, title, body})))"
    )
    return found


async def subscription(firefox: Firefox) -> dict[str, Any]:
    """Give the subscription that the browser has now."""
    found: dict[str, Any] = await firefox.worker("r.pushManager.getSubscription()")
    return found


async def by_hand(firefox: Firefox, what: str) -> None:
    """Do to every notification what a person would."""
    await firefox.worker(f"r.active.postMessage({{hand: {json.dumps(what)}}})")


async def push(rig: Rig) -> None:
    """Have the campaign send one message."""
    await rig.send({"type": "track", "name": "opened"})
    await rig.settle()


async def post(rig: Rig, delivery_id: str, raw: dict[str, Any], site: Site) -> None:
    """Have the driver post a delivery, whether it was posted before or not."""
    links = Links(report=f"{site.public_url}/v1/reports/{delivery_id}.mac")
    content = WebPushContent("Again", "The same", "/book")
    message = Outgoing(delivery_id, Purpose.MARKETING, content, 60, links=links)
    outcome = await rig.gateway.surface.lanes["web_push"].call(message, raw)
    assert outcome.family == "sent"


async def told(rig: Rig) -> list[str]:
    """Give what is on record of messages after their calls, once a click is."""
    await rig.settle()
    records = [record["body"] for record in await rig.records("outcome")]
    found = [body["state"] for body in records if "slot" not in body]
    return found if "clicked" in found else []


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A gateway, a shop in front of it, and Firefox with the shop's page, subscribed."""
    async with (
        Autopush() as autopush,
        open_site() as site,
        open_rig(
            tmp_path / "gateway",
            now_s() * 1_000,
            public_url=site.public_url,
            channels={"web_push": LOOPBACK},
        ) as rig,
        open_firefox(tmp_path, autopush.url) as firefox,
    ):
        site.gateway_url = str(rig.client.make_url("")).rstrip("/")
        nowhere = {"type": "FeatureCollection", "features": []}
        await rig.apply(DOCUMENTS, OPEN_POLICY, fences=nowhere)
        given = {
            "gateway": "/fencepost",
            "key": rig.gateway.credentials.write_key,
            "who": {"user_id": "u1"},
            "worker": "/worker.js",
        }
        await firefox.go(site.url)
        subscribe = f"ours.subscribe({json.dumps(given)})"
        said = await firefox.run(f"import('/fencepost-push.js').then((ours) => {subscribe})")
        assert (said, autopush.subscribed) == ("granted", 1)
        await rig.consent()
        yield House(autopush, site, rig, firefox)


@pytest.mark.feature("C04")
@pytest.mark.guarantee("R17")
async def test_firefox_shows_once_tells_and_goes(house: House) -> None:
    """One notification for a doubled POST; its click is told; ended, its address is removed."""
    autopush, site, rig, firefox = house.autopush, house.site, house.rig, house.firefox
    raw = {"subscription": await subscription(firefox)}

    await push(rig)
    (first,) = await until_answered(lambda: shown(firefox))
    tag = first["tag"]
    assert (first["title"], first["body"]) == ("Matten rollen ✿", "Yoga um 18:00")
    assert [(sent.topic, sent.ttl_s > 0) for sent in autopush.sent] == [(tag, True)]
    await until(lambda: (tag, "displayed") in site.reports)

    await by_hand(firefox, "notificationclick")
    await until(lambda: (tag, "clicked") in site.reports)
    assert await shown(firefox) == []

    assert await until_answered(lambda: told(rig)) == ["displayed", "clicked"]

    # Were the repeat shown, it would be there before what comes after it.
    await post(rig, tag, raw, site)
    await post(rig, OTHER, raw, site)
    await until(lambda: (OTHER, "displayed") in site.reports)
    assert [each["tag"] for each in await shown(firefox)] == [OTHER]
    assert site.reports.count((tag, "displayed")) == 1
    await by_hand(firefox, "notificationclose")
    await until(lambda: (OTHER, "dismissed") in site.reports)

    await firefox.worker("r.pushManager.getSubscription().then((s) => s.unsubscribe())")
    await until(lambda: autopush.subscribed == 0)
    await push(rig)
    await push(rig)

    assert (len(autopush.sent), autopush.gone, autopush.violations) == (3, 1, [])
    assert await rig.claims() == [("send", ""), ("send", ""), ("withheld", "no_address")]


@pytest.mark.feature("C04")
async def test_firefox_takes_a_lost_subscription_anew(house: House) -> None:
    """The service worker subscribes again and tells the gateway, without a page."""
    site, rig, firefox = house.site, house.rig, house.firefox

    await house.autopush.forget()
    await until(lambda: len(site.told) == 2)
    await push(rig)
    (found,) = await until_answered(lambda: shown(firefox))

    assert found["title"] == "Matten rollen ✿"
    assert site.told[0] != site.told[1] == (await subscription(firefox))["endpoint"]
