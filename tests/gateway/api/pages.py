"""What the tests of pages have in common: a person with a message, its links, its forms."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec

from fencepost_gateway.intake.tickets import Door, write_ticket
from gateway.rig import OPEN_POLICY, Rig

URL = "https://edge.example.com"
NEWS = """
kind: campaign
id: news
entry: {event: news}
reentry: always
message: {template: news, channels: [email]}
goal: none
---
kind: template
id: news
purpose: marketing
email: {subject: News, text: "News. {{ unsubscribe.link }} {{ preferences.link }}"}
in_app: {title: News, body: News}
"""
GRANTED = {
    "collect": "CT",
    "marketing": "y",
    "personalisation": "y",
    "location_collect": "y",
    "location_marketing": "y",
}


class Page(HTMLParser):
    """A page as a reader without a script has it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__()
        self.status = status
        self.text = text
        self.words = ""
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep a tag with its attributes; one without a value has itself for it."""
        self.tags.append((tag, {name: value or name for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        """Keep what can be read."""
        self.words += data + "\n"

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        """Give the attributes of every such tag."""
        found = [attrs for name, attrs in self.tags if name == tag]
        return [a for a in found if all(a.get(k) == v for k, v in wanted.items())]

    @property
    def boxes(self) -> dict[str, bool]:
        """Give every switch, and whether it is ticked."""
        return {b["value"]: "checked" in b for b in self.all("input", type="checkbox", name="on")}

    @property
    def on(self) -> set[str]:
        """Name the switches that are ticked."""
        return {name for name, ticked in self.boxes.items() if ticked}

    def form(
        self, *, tick: tuple[str, ...] = (), clear: tuple[str, ...] = (), **more: Any
    ) -> list[tuple[str, str]]:
        """Fill the form in as it stands, but for what is ticked and cleared; then save it."""
        hidden = [(b["name"], b["value"]) for b in self.all("input", type="hidden")]
        ticked = [("on", name) for name in sorted((self.on | {*tick}) - {*clear})]
        return [*hidden, *ticked, *({"do": "save"} | more).items()]


async def told(rig: Rig, *documents: str, **values: str) -> str:
    """Let somebody with an email address get a message; gives its id."""
    await rig.apply(NEWS, *(documents or (OPEN_POLICY,)))
    await rig.send(
        {"type": "consent", "values": values or GRANTED},
        {"type": "address", "channel": "email", "address": "minji@example.com"},
        {"type": "track", "name": "news"},
    )
    await rig.settle()
    return str((await rig.records("claim"))[-1]["subject"])


def path_to(rig: Rig, door: Door, message_id: str) -> str:
    """Give the path of a page."""
    return f"/v1/{door}/{write_ticket(rig.gateway.credentials.seed, door, message_id)}"


async def shown(rig: Rig, path: str, **headers: str) -> Page:
    """Open a page."""
    response = await rig.client.get(path, headers=headers)
    return Page(response.status, await response.text())


async def sent(rig: Rig, path: str, fields: list[tuple[str, str]], **headers: str) -> Page:
    """Send a form, as a browser does."""
    response = await rig.client.post(path, data=fields, headers=headers)
    return Page(response.status, await response.text())


async def news(rig: Rig) -> tuple[str, str]:
    """Let a marketing message want to go; gives its verdict."""
    await rig.send({"type": "track", "name": "news"})
    await rig.settle()
    return (await rig.claims())[-1]


async def proofs(rig: Rig) -> list[tuple[str, str, str, str, dict[str, Any]]]:
    """Give purpose, channel, old value, new value and proof of every change, in order."""
    found = await rig.gateway.store.proofs.page(0, 999)
    return [
        (p.purpose, p.channel, p.old_value, p.new_value, msgspec.msgpack.decode(p.proof))
        for p in found
    ]


def links_in(folder: Path, door: Door) -> list[str]:
    """Give the paths of links that were sent."""
    text = (folder / "out.jsonl").read_text()
    return re.findall(rf"{URL}(/v1/{door}/[A-Za-z0-9._-]+)", text)
