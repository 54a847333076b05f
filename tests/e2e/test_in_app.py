"""Messages inside the app: a gateway process, and two devices of one person."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from e2e.rig import Gateway, gateway, until
from fencepost_gateway.demo.cast import ALL_YES
from fencepost_sdk import Client, Limits, Message, Messages, init

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(120)]

DOCUMENTS = """
kind: policy
id: default
accepts: {transactional: [y, CT, CP], collect: [y, CT], "*": [y]}
defaults: {transactional: CT}
quiet_hours: none
---
kind: campaign
id: offer
entry: {event: looked}
reentry: always
message: {template: offer, channels: [in_app]}
goal: none
---
kind: campaign
id: hello
entry: {event: opened}
reentry: always
message: {template: hello, channels: [in_app]}
goal: none
---
kind: template
id: offer
purpose: marketing
in_app:
  layout: card
  title: Offer
  body: Ten percent
  expires: 7d
  buttons: [{id: get, text: Get}]
---
kind: template
id: hello
purpose: marketing
in_app: {layout: modal, title: Hello, body: "It is {{ event.word }}"}
"""
BY_STREAM = Messages(poll_s=3600, gap_s=0)
QUICK = Limits(trigger_age_ms=50)


class Device:
    """An app of somebody on one device."""

    def __init__(self, fp: Client) -> None:
        self.fp = fp
        self.shown: list[Message] = []
        self.cards: list[Message] = []
        fp.on("message", self.show)
        fp.on("card", self.cards.append)

    def show(self, message: Message) -> None:
        """Show a message and close it."""
        self.shown.append(message)
        message.displayed()
        message.dismissed()

    @property
    def texts(self) -> list[str]:
        """What was shown here."""
        return [message.body for message in self.shown]


@contextmanager
def device(running: Gateway, name: str, host: str = "", **settings: Any) -> Iterator[Device]:
    """Run the app of ada on a device until the end of the block."""
    folder = running.folder / "apps" / name
    with init(
        running.write_key,
        host=host or running.url,
        data_dir=folder,
        limits=QUICK,
        messages=BY_STREAM,
        strict=True,
        **settings,
    ) as fp:
        fp.set_consent(ALL_YES)
        fp.identify("ada")
        fp.flush()
        yield Device(fp)


@pytest.mark.feature("C01")
@pytest.mark.feature("C02")
async def test_two_devices_of_one_person(tmp_path: Path) -> None:
    """What comes is there at once on both; read, closed and clicked on one holds for the other."""
    async with gateway(tmp_path) as running:
        assert (await running.apply("app", {"all.yaml": DOCUMENTS})).code == 0
        with device(running, "phone") as phone, device(running, "tablet") as tablet:
            phone.fp.track("looked", priority="now")
            await until(lambda: phone.cards and tablet.cards)
            badge = phone.fp.inbox.unread, tablet.fp.inbox.unread
            (card,) = tablet.fp.inbox.list()
            tablet.fp.inbox.mark_read(card.delivery_id)
            tablet.fp.flush()
            await until(lambda: phone.fp.inbox.unread == 0)
            kept = [each.delivery_id for each in phone.fp.inbox.list()]
            phone.fp.inbox.list()[0].clicked("get")
            phone.fp.inbox.dismiss(card.delivery_id)
            await until(lambda: tablet.fp.inbox.list() == ())
            tablet.fp.messages.pause()
            phone.fp.track("opened", {"word": "one"}, priority="now")
            await until(lambda: phone.texts == ["It is one"])
            phone.fp.flush()
            await until(lambda: not tablet.fp.messages.pending())
            tablet.fp.messages.resume()
            phone.fp.track("opened", {"word": "two"}, priority="now")
            await until(lambda: "It is two" in phone.texts + tablet.texts)
        told = [r["body"] for r in await running.decisions("ada", "outcome")]

    assert badge == (1, 1)
    assert kept == [card.delivery_id]
    assert [c.is_gone for c in phone.cards if c.is_read] in ([False], [False, True])
    assert tablet.cards[-1].is_gone
    assert "It is one" not in tablet.texts
    assert {r["state"] for r in told} >= {"sent", "displayed", "clicked", "dismissed"}


@pytest.mark.feature("C01")
async def test_messages_come_after_restarts(tmp_path: Path) -> None:
    """A gateway that was killed, an app that was closed: each message is shown, and once."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with gateway(tmp_path, port=port) as running:
        assert (await running.apply("app", {"all.yaml": DOCUMENTS})).code == 0
        with device(running, "phone") as phone:
            phone.fp.track("opened", {"word": "one"}, priority="now")
            await until(lambda: phone.texts == ["It is one"])
            await running.end()
            phone.fp.track("opened", {"word": "two"}, priority="now")
            async with gateway(tmp_path, port=port) as again:
                await until(lambda: phone.texts == ["It is one", "It is two"], 60)
                phone.fp.messages.pause()
                phone.fp.track("opened", {"word": "three"}, priority="now")
                await until(phone.fp.messages.pending)
                phone.fp.shutdown()
                with device(again, "phone") as later:
                    await until(lambda: later.texts == ["It is three"])

    assert phone.texts == ["It is one", "It is two"]
