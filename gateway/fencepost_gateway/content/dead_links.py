"""
Dead links: addresses in a text that lead nowhere, as far as that can be seen without asking.

Pure. Which addresses may be sent at all is ``links``; here is what nobody could open. Whether a
page is there is asked only by ``fencepost check --links``.

Rule 1. What no browser can read as an address is an error where it is one (``link``, HTML), and a
        warning in a plain text, which may be about addresses. A host inside somebody's network is a
        warning.
Rule 2. What Liquid makes of an address is not known: a host that it writes is passed over.
Rule 3. A mail has no page to start from: a relative address in its HTML leads nowhere, nor does an
        anchor that is not in it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from fencepost_gateway.content.authored import MARKUP, Source
from fencepost_gateway.content.links import attributes_of
from fencepost_gateway.decide.hosts import private_host
from fencepost_gateway.documents.kinds import Finding

_LIQUID: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_MADE: Final = "\ue000"  # stands for what Liquid writes; of a private use area, so in no address
_IN_TEXT: Final = re.compile(r"https?://[^\s<>\"'()\[\]{}]*", re.IGNORECASE)
_AFTER: Final = ".,;:!?…"
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_WEB: Final = ("http:", "https:")
_HOW: Final = "write https://HOST/PATH"


def dead_links(source: Source) -> Iterator[Finding]:
    """Find addresses of a text that lead nowhere."""
    member = str(source.path[-1])
    text = _LIQUID.sub(_MADE, source.text)
    if member == "link":
        yield from _address(source, text.strip(), is_sure=True)
    elif member in MARKUP:
        yield from _in_html(source, text)
    else:
        for address in dict.fromkeys(_written(text)):
            yield from _address(source, address, is_sure=False)


def addresses_in(source: Source) -> Iterator[str]:
    """Give the addresses on the web that a text has and no Liquid changes, to be asked for."""
    for address in _web_in(source):
        if _MADE not in address and not fault(address):
            yield address


def made_in(source: Source) -> int:
    """Count the addresses of a text that Liquid makes, as far as they can be told from text."""
    return sum(_MADE in address for address in _web_in(source))


def _web_in(source: Source) -> Iterator[str]:
    """Give the addresses on the web, and in ``link`` and HTML those that may be any."""
    member, text = str(source.path[-1]), _LIQUID.sub(_MADE, source.text)
    if member in MARKUP:
        found = [html.unescape(value).strip() for name, value in attributes_of(text)
                 if name != "srcset"]  # fmt: skip
    else:
        found = [text.strip()] if member == "link" else list(_written(text))
    for address in found:
        if address.lower().startswith(_WEB) or address.startswith(_MADE):
            yield address


def fault(address: str) -> str:
    """Say why nobody can open an address on the web; empty: as far as is seen, they can."""
    if any(character.isspace() for character in address):
        return "a blank in an address"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "no address that can be read"
    if _MADE in parts.netloc:
        return ""
    if not host:
        return "an address without a host"
    if port == 0 or not _is_host(host):
        return f"no host: {host[:64]}"
    return ""


def _is_host(host: str) -> bool:
    if ":" in host:  # an address of IPv6, which urlsplit has read
        return True
    try:
        name = host.rstrip(".").encode("idna").decode()
    except UnicodeError:
        return False
    return all(map(_LABEL.fullmatch, name.split(".")))


def _written(text: str) -> Iterator[str]:
    for found in _IN_TEXT.finditer(text):
        yield found[0].rstrip(_AFTER)


def _address(source: Source, address: str, *, is_sure: bool) -> Iterator[Finding]:
    if not address.lower().startswith(_WEB):
        return
    what = fault(address)
    if what:
        yield Finding(source.path, f"{what}: this link is dead", _HOW, is_warning=not is_sure)
        return
    host = urlsplit(address).hostname or ""
    if _MADE not in host and private_host(host):
        what = f"{host[:64]} is not on the public internet"
        yield Finding(source.path, what, "name a host that everybody can reach", is_warning=True)


def _in_html(source: Source, text: str) -> Iterator[Finding]:
    for name, value in dict.fromkeys(attributes_of(text)):
        if name == "srcset":  # a list of addresses and sizes
            continue
        address = html.unescape(value).strip()
        if address.lower().startswith(_WEB):
            yield from _address(source, address, is_sure=True)
        elif address.startswith("#") and name == "href" and len(address) > 1:
            yield from _anchor(source, address[1:], text)
        elif address and not re.match(rf"[a-z][a-z0-9+.-]*:|#|{_MADE}", address, re.IGNORECASE):
            what = f"a relative address, and a mail has no page to start from: {address[:64]}"
            yield Finding(source.path, what.replace(_MADE, "…"), _HOW, is_warning=True)


def _anchor(source: Source, name: str, text: str) -> Iterator[Finding]:
    """Doubt an anchor that a whole mail does not have; another fragment may have it."""
    is_there = re.search(rf"""\b(?:id|name)\s*=\s*["']?{re.escape(name)}["'\s>]""", text)
    if source.channel and _MADE not in name and not is_there:
        what = f"nothing here is called {name[:64]}: the link leads nowhere"
        yield Finding(source.path, what, f'add id="{name[:64]}" there', is_warning=True)
