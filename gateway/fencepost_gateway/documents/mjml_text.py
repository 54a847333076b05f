"""
MJML text: the markup of responsive mail, and the HTML that it becomes.

Pure. ``mrml`` (in mjml-python) makes the HTML and puts every style into the elements, so nothing
else inlines. It is lenient where a slip should be seen: tags that it does not know pass through,
and its errors rarely say where; hence the look at the tags before.

Rule 1. Compiled once, before any Liquid runs. Liquid is taken out for it and put back, so that it
        may hold anything (``{% if a < b %}``), and may stand between all elements.
Rule 2. Nothing is asked of anybody: no ``mj-include`` (write a fragment), and no font that mail
        readers would fetch from a third party (name one yourself by ``mj-font``, or use theirs).
"""

from __future__ import annotations

import difflib
import re
from typing import Final

from mjml import mjml2html
from msgspec import Struct

_ELEMENTS: Final = """
    mjml mj-head mj-attributes mj-all mj-class mj-breakpoint mj-font mj-html-attributes
    mj-html-attribute mj-selector mj-preview mj-style mj-title mj-body mj-accordion
    mj-accordion-element mj-accordion-text mj-accordion-title mj-button mj-carousel
    mj-carousel-image mj-column mj-divider mj-group mj-hero mj-image mj-navbar mj-navbar-link
    mj-raw mj-section mj-social mj-social-element mj-spacer mj-table mj-text mj-wrapper
"""
KNOWN: Final = frozenset(_ELEMENTS.split())
_LIQUID: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_TAG: Final = re.compile(r"<(/?)(mj[a-z-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*?)(/?)>")
_POSITION: Final = re.compile(r" in root template(?: at position (\d+):\d+)?$")


class MjmlFault(Struct, frozen=True):
    """Why a text makes no HTML; ``line`` counts from 1, 0 where it is not known."""

    what: str
    how: str
    line: int = 0


def compile_mjml(text: str) -> str | MjmlFault:
    """Make HTML of a text, its Liquid as it was written, or say why it makes none."""
    mark = "lqd"
    while mark in text:
        mark += "q"
    taken: list[str] = []

    def take(liquid: re.Match[str]) -> str:
        taken.append(liquid[0])
        return f"{mark}{len(taken) - 1}x" + "\n" * liquid[0].count("\n")  # lines stay lines

    plain = _LIQUID.sub(take, text)
    fault = _slip(plain)
    if fault is not None:
        return fault
    try:
        made = mjml2html(plain, fonts={})
    except ValueError as error:
        return _judged(str(error), plain)
    return re.sub(rf"{mark}(\d+)x", lambda found: taken[int(found[1])], made)


def _slip(text: str) -> MjmlFault | None:
    """Find the first tag that is unknown, or has no counterpart."""
    seen = _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)
    opened: list[tuple[str, int]] = []
    for tag in _TAG.finditer(seen):
        closes, name, _, is_whole = tag.groups()
        line = seen.count("\n", 0, tag.start()) + 1
        if name not in KNOWN:
            return _unknown(name, line)
        if closes and (not opened or opened.pop()[0] != name):
            return MjmlFault(f"</{name}> closes what is not open", "open it before", line)
        if not closes and not is_whole:
            opened.append((name, line))
    if opened:
        name, line = opened[-1]
        return MjmlFault(f"<{name}> is never closed", f"write </{name}>", line)
    if not seen.lstrip().startswith("<mjml"):
        return MjmlFault("no MJML", "begin with <mjml>, or write html: instead", 1)
    return None


def _unknown(name: str, line: int) -> MjmlFault:
    if name == "mj-include":
        how = 'write a fragment, and {% render "its-id" %} here'
        return MjmlFault("mj-include is not followed", how, line)
    near = difflib.get_close_matches(name, KNOWN, 1)
    how = f"did you mean <{near[0]}>?" if near else "use the elements of MJML 4"
    return MjmlFault(f"there is no element <{name[:64]}>", how, line)


def _judged(said: str, text: str) -> MjmlFault:
    """Say what the compiler said, where it was."""
    found = _POSITION.search(said)
    line = 0
    if found is not None and found[1]:
        line = text.encode()[: int(found[1])].count(b"\n") + 1
    what = "this MJML cannot be read: " + _POSITION.sub("", said)
    how = "close every tag, quote every attribute, write &lt; for a < in text"
    return MjmlFault(what, how, line)
