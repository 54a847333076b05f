"""
Tracked links: a link of a message that says it was followed, and the pixel that says it was opened.

Pure. No table stands behind them: a link carries where it leads, and goes on leading there when its
message, and its person, are long forgotten.

Rule 1. ``{public_url}/v1/click/{message}.{channel}.{number}.{mac}?to={page}``: the mac covers the
        page, so that a link leads nowhere but where a message of ours led.
Rule 2. The page stands there to be read, so that whoever looks at the link sees where it goes. Only
        what would end or change the query is encoded.
Rule 3. The message says nothing of its person (``tickets``); the number tells its links apart.
Rule 4. ``{public_url}/v1/open/{message}.{channel}.0.{mac}.gif`` is the pixel.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from fencepost_gateway.intake.tickets import read_ticket, write_ticket

PAGE_MAX: Final = 2_048
NUMBER_MAX: Final = 999
SUFFIX: Final = ".gif"
_SUBJECT: Final = re.compile(r"([a-z2-7]{1,64})\.([a-z_]{1,16})\.([0-9]{1,3})")
_PAGE: Final = re.compile(r"https://[^\s\"<>\\^`{|}\x00-\x1f\x7f]+", re.IGNORECASE)
_READABLE: Final = "/:?@!$(),;*~-._"  # in a query they mean nothing (RFC 3986 section 3.4)
_IN_LOCATION: Final = _READABLE + "%#[]&'+="


class LinkPlace(Struct, frozen=True):
    """Which link of which message, on which channel; number 0: the pixel."""

    message_id: str
    channel: str
    number: int = 0


def is_trackable(page: str) -> bool:
    """Say whether a link may lead to a page."""
    return len(page) <= PAGE_MAX and _PAGE.fullmatch(page) is not None


def click_link(public_url: str, seed: str, at: LinkPlace, page: str) -> str:
    """Write the link that leads to a page (Rules 1 and 2)."""
    ticket = write_ticket(seed, "click", _subject(at), page)
    return f"{public_url.rstrip('/')}/v1/click/{ticket}?to={quote(page, safe=_READABLE)}"


def open_pixel(public_url: str, seed: str, at: LinkPlace) -> str:
    """Write the address of the pixel."""
    return f"{public_url.rstrip('/')}/v1/open/{write_ticket(seed, 'open', _subject(at))}{SUFFIX}"


def read_click(seed: str, ticket: str, page: str) -> LinkPlace | None:
    """Give which link this is; None: no message of ours leads to that page so."""
    return _place(read_ticket(seed, "click", ticket, page)) if is_trackable(page) else None


def read_open(seed: str, ticket: str) -> LinkPlace | None:
    """Give whose pixel this is; None: nobody's."""
    return _place(read_ticket(seed, "open", ticket))


def location_of(page: str) -> str:
    """Write a page as a header may hold it: what is not ASCII is encoded, all else stays."""
    return quote(page, safe=_IN_LOCATION)


def _subject(at: LinkPlace) -> str:
    return f"{at.message_id}.{at.channel}.{at.number}"


def _place(subject: str) -> LinkPlace | None:
    found = _SUBJECT.fullmatch(subject)
    return LinkPlace(found[1], found[2], int(found[3])) if found else None
