"""
Callback: what a provider, or a person, tells us later about what we sent.

Pure. A driver that can be told something reads the request (``DriverSpec.read_callback``); the
gateway gives it the bytes as they came, takes what it reads into the log, and answers only then.

Rule 1. A request is believed only when it is signed as the provider signs, over the public address
        that it was sent to. One that is not raises ``CallbackRefused``, and nothing is changed.
Rule 2. What it tells is a list of ``Report``, from a closed list of words. One report has one id,
        so that the same report again counts once.
Rule 3. A report names the delivery by our id where the provider repeats it, else by the provider's;
        what a person wrote comes with the address that they wrote from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

What = Literal[
    "sent",
    "delivered",
    "failed",
    "bounced_hard",
    "bounced_soft",
    "complained",
    "opted_out",
    "replied",
    "displayed",
    "opened",
    "clicked",
    "dismissed",
]


@dataclass(frozen=True, slots=True)
class Callback:
    """
    A request of a provider.

    Attributes:
        url: The address it was sent to as the provider knows it: the public one, with its query.
        headers: Its headers; names in lower case.
        body: Its bytes, at most ``MAX_CALLBACK_BYTES``, not inflated.

    """

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Report:
    """
    One thing that is told.

    Attributes:
        what: What happened.
        report_id: The same for the same report sent again; unique within the driver.
        delivery_id: Which delivery, by our id; empty when only the provider's is known.
        provider_id: The provider's name for it.
        return_token: The token of the return path that it came back to; the gateway judges whether
            it is one of ours.
        at_s: When it happened, seconds since the epoch; None: when it was received.
        code: The provider's finer word, a constant one (``30003``, ``5.1.1``).
        address: Raw members of the address it is about, where no delivery is known.
        text: What a person wrote.

    """

    what: What
    report_id: str
    delivery_id: str = ""
    provider_id: str = ""
    return_token: str = field(default="", repr=False)
    at_s: int | None = None
    code: str = ""
    address: Mapping[str, Any] | None = field(default=None, repr=False)
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a request tells, and what is answered once it is in the log."""

    reports: tuple[Report, ...] = ()
    content_type: str = "text/plain"
    body: bytes = b""


class CallbackRefused(Exception):  # noqa: N818 - it says what the request is, not that we failed
    """The request is not the provider's, or nothing that it sends; ``code`` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


MAX_CALLBACK_BYTES = 64 * 1024

WriteReply = Callable[[str], tuple[str, bytes]]
"""Puts a text for whoever wrote into the answer to their request: content type and body."""

ReadCallback = Callable[[Any, Callback, int], Reading]
"""The driver's own settings, the request, now in seconds; raises ``CallbackRefused``."""
