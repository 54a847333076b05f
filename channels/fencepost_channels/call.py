"""
Call: one HTTP request on the lent session, and what an answer's status means.

Does I/O; reads no clock. Drivers that speak HTTP go through ``post``, so the limits and the line
between "nothing was accepted" and "it may have been" are drawn once.

Rule 1. Connecting (name, TCP, TLS) has its own limit inside the whole call's. A failure there is
        ``Unavailable``: no byte of the request has left. What cannot be read as a URL is called
        by nobody: ``rejected(bad_url)``.
Rule 2. Any failure after that and before a status line is ``Unknown``: it may have been taken.
Rule 3. Redirects are not followed; at most 16 KiB of an answer are read, never inflated, and a
        body that breaks off is given as far as it came: the status line has spoken already.
Rule 4. ``Retry-After`` is seconds or an HTTP date (RFC 9110 section 10.2.3); the one who retries
        clamps it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp

from fencepost_channels.driver import DriverIO
from fencepost_channels.errors import Outcome, Rejected, Sent, Unavailable, Unknown

CONNECT_S = 5.0
MAX_ANSWER_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider said: its status, its headers, the beginning of its body."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class CallFailed(Exception):  # noqa: N818 - it carries an outcome and is no programming error
    """No answer came, or none that may be read on; ``outcome`` says what that means."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(type(outcome).__name__)
        self.outcome = outcome

    @property
    def may_have_arrived(self) -> bool:
        """Say whether the request may have been taken (Rule 2)."""
        return isinstance(self.outcome, Unknown)


async def post(io: DriverIO, url: str, *, data: Any, headers: Mapping[str, str]) -> Answer:
    """Send one POST; as ``request``."""
    return await request(io, "POST", url, data=data, headers=headers)


async def request(
    io: DriverIO, method: str, url: str, *, data: Any, headers: Mapping[str, str]
) -> Answer:
    """
    Send one request and read its answer within the limits.

    Args:
        io: What the gateway lends.
        method: GET or POST.
        url: Where to; already judged by the driver.
        data: Bytes, or form fields.
        headers: Headers of the request.

    Returns:
        The answer, whatever its status.

    Raises:
        CallFailed: There was none (rules 1 and 2).

    """
    # Half of a short limit: connecting must run out first, or rule 1 could not be told from 2.
    limit = aiohttp.ClientTimeout(
        total=io.timeout_s, connect=min(CONNECT_S, io.timeout_s / 2), sock_read=None
    )
    try:
        async with io.http.request(
            method,
            url,
            data=data,
            headers={**headers, "Accept-Encoding": "identity"},
            timeout=limit,
            allow_redirects=False,
            auto_decompress=False,
        ) as response:
            return Answer(response.status, response.headers, await _read(response))
    except aiohttp.InvalidURL as failure:
        raise CallFailed(Rejected("bad_url")) from failure
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as failure:
        raise CallFailed(Unavailable("no_connection")) from failure
    except (aiohttp.ClientError, OSError) as failure:  # TimeoutError is an OSError
        raise CallFailed(Unknown("no_answer")) from failure


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Read the body as far as it comes and as far as we want it."""
    body = bytearray()
    with suppress(aiohttp.ClientError, OSError):
        while missing := MAX_ANSWER_BYTES - len(body):
            chunk = await response.content.read(missing)
            if not chunk:
                break
            body += chunk
    return bytes(body)


def outcome_of(answer: Answer, outcomes: Mapping[int, Outcome], now_s: int) -> Outcome:
    """Look an answer's status up in a driver's map; what the map does not name is unknown."""
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the class of success
        return Sent()
    if 300 <= answer.status < 400:  # noqa: PLR2004 - the class of redirection
        return Rejected("redirect")
    outcome = outcomes.get(answer.status, Unknown("unmapped_status"))
    if isinstance(outcome, Unavailable):
        return replace(outcome, retry_after_s=retry_after_s(answer, now_s))
    return outcome


def retry_after_s(answer: Answer, now_s: int) -> float | None:
    """Read ``Retry-After``; None when it is absent or unreadable."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])  # nine digits are thirty years: enough for every clamp
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - now_s)


def json_of(answer: Answer) -> Mapping[str, Any]:
    """Read the body of an answer as an object; empty when it is none."""
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
