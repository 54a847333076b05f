"""
Links: which addresses a message may open.

Pure. A value from a person or an event must never choose what a click does.

Rule 1. ``https``, and within the app or site a path that begins with one ``/``.
Rule 2. Another scheme only where the author wrote it at the start of the source (``luma://…``);
        schemes that run code or read files never.
Rule 3. In HTML every ``href``, ``src`` and the like also may be ``mailto``, ``tel``, ``cid`` or an
        anchor.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    r"""\b(href|src|srcset|action|formaction|background|poster)\s*=\s*("[^"]*"|'[^']*'|[^\s>]*)""",
    re.IGNORECASE,
)
_NEVER: Final = frozenset({"javascript", "vbscript", "data", "file", "blob", "about", "filesystem"})
_IN_HTML: Final = frozenset({"https", "http", "mailto", "tel", "cid"})
_INVISIBLE = re.compile(r"[\x00-\x20\x7f]")


def is_allowed(link: str, source: str) -> bool:
    """Say whether a rendered ``link`` may be sent; ``source`` is what the author wrote."""
    plain = _INVISIBLE.sub("", link)
    if plain != link.strip():
        return False
    found, written = _SCHEME.match(plain), _SCHEME.match(source.strip())
    if found is None:
        return plain == "" or (plain.startswith("/") and not plain.startswith(("//", "/\\")))
    scheme = found[1].lower()
    is_written = written is not None and written[1].lower() == scheme
    return scheme not in _NEVER and (scheme == "https" or is_written)


def html_is_allowed(text: str) -> bool:
    """Say whether every address in rendered HTML may be sent."""
    for _, value in attributes_of(text):
        address = _INVISIBLE.sub("", html.unescape(value))
        found = _SCHEME.match(address)
        if found is not None and found[1].lower() not in _IN_HTML:
            return False
    return True


def attributes_of(text: str) -> Iterator[tuple[str, str]]:
    """Give name and value of every attribute in HTML that holds an address."""
    for attribute in _ATTRIBUTE.finditer(text):
        yield attribute[1].lower(), attribute[2].strip("\"'")
