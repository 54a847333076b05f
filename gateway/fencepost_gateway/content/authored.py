"""
Authored: the texts of a template or fragment, each with its path in the document.

Pure. Translations are among them; what is no Liquid (layout, names) is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from fencepost_channels.message import Channel
from fencepost_gateway.documents.document import Document, Path

CHANNELS: Final = tuple(str(channel) for channel in Channel)
_TEXTS: Final = frozenset(
    {"title", "body", "text", "subject", "preheader", "html", "mjml", "link", "image"}
)
MARKUP: Final = ("html", "mjml")


class Source(Struct, frozen=True):
    """One text; ``channel`` is empty in a fragment."""

    path: Path
    text: str
    channel: str = ""


def sources_of(document: Document) -> Iterator[Source]:
    """Give every text of a document, in its own language and in all others."""
    read = _fragment_texts if document.kind == "fragment" else _channel_texts
    yield from read(document.body, ())
    languages = document.body.get("languages")
    for tag, said in languages.items() if isinstance(languages, Mapping) else ():
        if isinstance(said, Mapping):
            yield from read(said, ("languages", tag))


def is_dynamic(text: str) -> bool:
    """Say whether a text has Liquid in it."""
    return "{{" in text or "{%" in text


def _fragment_texts(body: Mapping[str, Any], path: Path) -> Iterator[Source]:
    for member in ("text", "html"):
        if isinstance(body.get(member), str):
            yield Source((*path, member), body[member])


def _channel_texts(body: Mapping[str, Any], path: Path) -> Iterator[Source]:
    for channel in CHANNELS:
        content = body.get(channel)
        if not isinstance(content, Mapping):
            continue
        for member, text in content.items():
            if member in _TEXTS and isinstance(text, str):
                yield Source((*path, channel, member), text, channel)
        data = content.get("data")
        for name, text in data.items() if isinstance(data, Mapping) else ():
            if isinstance(text, str):
                yield Source((*path, channel, "data", name), text, channel)
        buttons = content.get("buttons")
        for number, button in enumerate(buttons if isinstance(buttons, list) else ()):
            yield from (
                Source((*path, channel, "buttons", number, member), text, channel)
                for member, text in button.items()
                if member in _TEXTS  # its id is a name
            )
        media = content.get("media")
        for number, text in enumerate(media if isinstance(media, list) else ()):
            yield Source((*path, channel, "media", number), text, channel)
