"""
Driver: the contract between the gateway and a channel.

Pure. A driver is data first (``DriverSpec``: name, channel, limits, what an answer means) and then
one coroutine that sends. The gateway finds specs through the entry-point group
``fencepost.channels``; built-ins and third parties come in by the same door.

Rule 1. ``connect(settings, io)`` opens what the driver keeps (a client, a pool) and yields a
        ``Send``; leaving the context closes it. It makes no network call of its own.
Rule 2. ``Send`` returns an ``Outcome`` and does not raise for anything a provider or the network
        can do. What it raises is a bug and is treated as ``Unknown``.
Rule 3. ``parse_address`` refuses what could never be called (``AddressError``), with a code and
        no echo of the address; ``mask`` is the only form of an address that may be shown.
Rule 4. A driver knows no database, no retry, no journey, no consent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from fencepost_channels.callback import ReadCallback, WriteReply
from fencepost_channels.errors import Outcome
from fencepost_channels.message import Channel, Outgoing

if TYPE_CHECKING:
    import aiohttp

Address = Any
"""What ``parse_address`` of the same driver returned; opaque to everybody else."""

Send = Callable[[Outgoing, Address], Awaitable[Outcome]]

ENTRY_POINT_GROUP = "fencepost.channels"


class AddressError(ValueError):
    """An address that can never be called; ``code`` says why, the address is not repeated."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SettingsError(ValueError):
    """A driver's settings are unusable; the text names the setting and how to mend it."""


class DriverIO(Protocol):
    """What the gateway lends a driver: the shared HTTP session, the wall clock, a time limit."""

    @property
    def http(self) -> aiohttp.ClientSession:
        """Shared session: public addresses alone, no proxy from the environment, no cookies."""

    @property
    def timeout_s(self) -> float:
        """Longest time one call may take, connecting included."""

    def now_s(self) -> int:
        """Seconds since the epoch."""


def _any_address(_settings: Any, _address: Address) -> str:
    return ""


def _public_alone(_settings: Any) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class DriverSpec:
    """
    Everything the gateway must know about a driver before it sends anything.

    Attributes:
        name: Unique; the entry point's name.
        channels: Channels it serves (``capture`` serves all, the others one).
        parse_address: Raw members of an ``address`` event to the driver's own address type.
        mask: A form of the raw address that may be shown (``s•••@example.com``).
        parse_settings: Raw settings (strings) to the driver's own settings; raises SettingsError.
        connect: Settings and lent parts to an open sender.
        secrets: Names of settings that must never be shown.
        max_body_bytes: Largest payload the provider takes; None when it has no such bound.
        read_callback: Reads what the provider tells later; None when it tells nothing.
        judge_address: By its settings, why an address is never called (a constant word); empty when
            it may be. Asked when an address is saved and by the driver itself before each call.
        calls_loopback: By its settings, whether it calls a counterpart on 127.0.0.1 (tests, demos).
            Whoever says nothing is lent a session that connects to public addresses alone.
        write_reply: How a person who wrote is answered in the answer to their request; None where
            the provider offers no such way.

    """

    name: str
    channels: frozenset[Channel]
    parse_address: Callable[[Mapping[str, Any]], Address]
    mask: Callable[[Mapping[str, Any]], str]
    parse_settings: Callable[[Mapping[str, str]], Any]
    connect: Callable[[Any, DriverIO], AbstractAsyncContextManager[Send]]
    secrets: frozenset[str] = field(default_factory=frozenset)
    max_body_bytes: int | None = None
    read_callback: ReadCallback | None = None
    judge_address: Callable[[Any, Address], str] = _any_address
    calls_loopback: Callable[[Any], bool] = _public_alone
    write_reply: WriteReply | None = None
