"""
Page asking: whether the page of a link is there, asked by the guarded way out (``outbound``).

Does I/O. What a link leads to was written by whoever may publish, so what holds for calls holds
here: public hosts only, every address of a name judged, no proxy, no cookie.

Rule 1. HEAD first; what HEAD is answered with 400 or above is asked again with GET, because many
        servers know no HEAD. A body is not read.
Rule 2. A redirect is followed ``HOPS_MAX`` times, each hop judged as the first address was. One
        that leads somewhere private, nowhere or in circles is a page that nobody gets to.
Rule 3. Neither key nor name goes along, and nothing of the address gets into a log or an exception.
"""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urljoin, urlsplit

import aiohttp
from msgspec import Struct

from fencepost_gateway.decide.hosts import private_host
from fencepost_gateway.workers.way_out import PrivateHostError

TIMEOUT_S: Final = 10.0
HOPS_MAX: Final = 5
REFUSED: Final = 400  # from here on (RFC 9110 section 15)
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
GONE_ASTRAY: Final = "redirect"  # Rule 2
PRIVATE: Final = "private_host"
_HEADERS: Final = {"User-Agent": "fencepost", "Accept": "*/*"}


class PageAnswer(Struct, frozen=True):
    """What a page answered; ``status`` 0: nothing, for the reason ``failure``."""

    status: int = 0
    failure: str = ""

    @property
    def is_bad(self) -> bool:
        """Say whether nobody gets to the page; what was not asked is not known."""
        return self.failure != PRIVATE and (bool(self.failure) or self.status >= REFUSED)


async def ask_page(
    http: aiohttp.ClientSession, url: str, timeout_s: float = TIMEOUT_S
) -> PageAnswer:
    """
    Ask for a page; never raises for anything that the other side does.

    Args:
        http: A session whose resolver refuses what is private.
        url: The address.
        timeout_s: How long it may take, all hops together.

    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _follow(http, url)
    except TimeoutError:
        return PageAnswer(failure="timeout")
    except aiohttp.ClientSSLError:
        return PageAnswer(failure="certificate")
    except aiohttp.ClientConnectorError:
        return PageAnswer(failure="no_connection")
    except (aiohttp.InvalidURL, ValueError):
        return PageAnswer(failure="bad_address")
    except (aiohttp.ClientError, OSError):
        return PageAnswer(failure="no_answer")


async def _follow(http: aiohttp.ClientSession, url: str) -> PageAnswer:
    status = 0
    for hop in range(HOPS_MAX + 1):
        try:
            status, location = await _asked(http, url)
        except _PrivateError:
            return PageAnswer(failure=GONE_ASTRAY if hop else PRIVATE)
        if status not in REDIRECTS:
            return PageAnswer(status)
        if not location:
            break
        url = urljoin(url, location)
    return PageAnswer(status, GONE_ASTRAY)


class _PrivateError(Exception):
    """An address is not asked."""


async def _asked(http: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or private_host(parts.hostname or ""):
        raise _PrivateError
    try:
        found = await _once(http, "HEAD", url)
        return await _once(http, "GET", url) if found[0] >= REFUSED else found
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, PrivateHostError):
            raise _PrivateError from None
        raise


async def _once(http: aiohttp.ClientSession, method: str, url: str) -> tuple[int, str]:
    async with http.request(method, url, headers=_HEADERS, allow_redirects=False) as response:
        found = response.status, response.headers.get("Location", "")
        response.close()  # the body is nobody's business
        return found
