"""
Translations: what a template says in another language, and what it still lacks.

Pure. ``compile`` takes the channels that are complete; ``check`` names what the others lack.

Rule 1. A translation of a channel is complete when every text of the default that is not empty has
        one: titles, bodies, subjects, and each button. Whole channels may be missing.
Rule 2. Layout, links, and what a device does beside the words are no texts: the default's stand
        where a translation says none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from fencepost_channels.message import Channel
from fencepost_gateway.documents.document import Path
from fencepost_gateway.documents.models.template import Template

CHANNELS: Final = tuple(str(channel) for channel in Channel)
_TEXTS: Final = ("title", "body", "subject", "preheader", "text", "html", "mjml")
_SAME: Final = (
    *("layout", "link", "media", "image", "data", "badge", "sound"),
    *("show", "pinned", "expires", "while_inside"),
)


def translated(template: Template, tag: str) -> dict[str, dict[str, Any]]:
    """Give the complete channels of a language, with what they take over from the default."""
    found = {}
    for channel in CHANNELS:
        default, words = _contents(template, tag, channel)
        if default is not None and words is not None and not any(_lacking(default, words)):
            found[channel] = _joined(default, words)
    return found


def lacking(template: Template, tag: str) -> Iterator[Path]:
    """Give the texts of the default that a language lacks, by channel and member."""
    for channel in CHANNELS:
        default, words = _contents(template, tag, channel)
        if default is not None and words is None:
            yield (channel,)
        elif default is not None and words is not None:
            yield from ((channel, *path) for path in _lacking(default, words))


def surplus(template: Template, tag: str) -> Iterator[str]:
    """Give the channels that a language has and the default has not."""
    for channel in CHANNELS:
        default, words = _contents(template, tag, channel)
        if default is None and words is not None:
            yield channel


def _contents(
    template: Template, tag: str, channel: str
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    default = getattr(template, channel)
    words = getattr(template.translations[tag], channel)
    return (
        default.model_dump() if default is not None else None,
        words.model_dump() if words is not None else None,
    )


def _lacking(default: Mapping[str, Any], words: Mapping[str, Any]) -> Iterator[Path]:
    for member in _TEXTS:
        if default.get(member) and not words.get(member):
            yield (member,)
    buttons = words.get("buttons") or []
    for number in range(len(buttons), len(default.get("buttons") or [])):
        yield ("buttons", number)


def _joined(default: Mapping[str, Any], words: Mapping[str, Any]) -> dict[str, Any]:
    joined = {**words, **{m: words.get(m) or default[m] for m in _SAME if m in default}}
    if "buttons" in default:
        pairs = zip(default["buttons"], words.get("buttons") or [], strict=False)
        joined["buttons"] = [
            {**button, "text": said["text"], "link": said["link"] or button["link"]}
            for button, said in pairs
        ]
    return joined
