"""
Variants: in which of its languages a message is written.

Pure. Language tags are those of BCP 47; looking them up is RFC 4647 section 3.4: the last part of
the person's locale is taken off until something fits (``pt-BR``, ``pt``), else the default.

Rule 1. A message is in one language. A translation of a channel counts only when it has every text
        that the default has; one that lacks some is passed over, and ``fencepost check`` names it.
Rule 2. What is no text (layout, link) is the default's where a translation does not say it.
Rule 3. Fragments are looked up by the language that was chosen, not by the person's.
Rule 4. Numbers and dates print in the person's locale where that is of the chosen language, else as
        that language is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from fencepost_gateway.decide.plan import Fragment, Template

ENGLISH = "en"


class Variant(Struct, frozen=True):
    """One channel's content in one language; ``language`` is empty where none was named."""

    language: str
    sources: dict[str, Any]
    locale: str


def tags(locale: str) -> Iterator[str]:
    """Give a locale and what it falls back to, folded: ``pt-br``, ``pt``."""
    parts = locale.replace("_", "-").casefold().split("-")
    for end in range(len(parts), 0, -1):
        yield "-".join(parts[:end])


def choose(template: Template, channel: str, locale: str) -> Variant | None:
    """Choose the language of one channel; None when the template has no content for it."""
    sources = template.sources.get(channel)
    if sources is None:
        return None
    own = template.language
    for tag in tags(locale):
        if own and tag == own.casefold():
            break
        for language, channels in template.languages.items():
            if language.casefold() == tag and channel in channels:
                return Variant(language, channels[channel], _locale(locale, language))
    return Variant(own, sources, _locale(locale, own))


def fragment_text(fragment: Fragment, language: str, *, is_html: bool) -> str:
    """Give a fragment's text in the language of the message, else in its default."""
    for tag in tags(language):
        for name, texts in fragment.languages.items():
            if name.casefold() == tag:
                return _text(texts, is_html=is_html)
        if tag == fragment.language.casefold():
            break
    return _text(fragment.texts, is_html=is_html)


def _text(texts: Mapping[str, str], *, is_html: bool) -> str:
    return texts.get("html", "") or texts["text"] if is_html else texts["text"]


def _locale(locale: str, language: str) -> str:
    if not language:
        return locale or ENGLISH
    spoken = language.casefold().split("-")[0]
    return locale if spoken == next(iter([*tags(locale)][-1:]), "") else language
