"""
Way out: the HTTP sessions by which the gateway calls others, guarded where a connection is made.

Does I/O. Who is called stands in documents that people write and in addresses that devices send, so
none of it may be a way into the network that the gateway stands in.

Rule 1. A name is resolved once, every address it has is judged, and it is these addresses that are
        connected to; one private address among them and nobody is called.
Rule 2. Each socket is judged again just before it connects. A host that is written as an address is
        never resolved, so this is the only place that sees every call.
Rule 3. ``to_loopback`` lets 127.0.0.1 through, and nothing else: for a driver whose settings say
        that it calls a counterpart there (tests, demos).
Rule 4. No proxy of the environment, no cookie.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from fencepost_gateway.decide.hosts import is_public

LOOPBACK: Final = "127.0.0.1"
KEPT_NAMES_S: Final = 10

Judge = Callable[[str], bool]


class PrivateHostError(OSError):
    """A host has an address that is not on the public internet."""


def is_public_or_loopback(address: str) -> bool:
    """Judge an address for those who may call the loopback (Rule 3)."""
    return address == LOOPBACK or is_public(address)


@dataclass(frozen=True, slots=True)
class Guard:
    """Judges addresses, at names (Rule 1) and at sockets (Rule 2)."""

    may_call: Judge = is_public

    def names(self, inner: AbstractResolver | None = None) -> PublicResolver:
        """Give a resolver that refuses."""
        return PublicResolver(inner or aiohttp.ThreadedResolver(), self.may_call)

    def new_socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Make the socket of one connection, or refuse."""
        family, kind, protocol, _, address = info
        if not self.may_call(address[0]):
            raise PrivateHostError("an address of this host is not public")
        return socket.socket(family, kind, protocol)


class PublicResolver(AbstractResolver):
    """Resolves names, and refuses those that lead somewhere private (Rule 1)."""

    def __init__(self, inner: AbstractResolver, may_call: Judge = is_public) -> None:
        self._inner = inner
        self._may_call = may_call

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Give the addresses of a name."""
        found = await self._inner.resolve(host, port, family)
        if not all(self._may_call(each["host"]) for each in found):
            raise PrivateHostError("an address of this host is not public")
        return found

    async def close(self) -> None:
        """Close what it asks."""
        await self._inner.close()


def open_way_out(
    *,
    to_loopback: bool = False,
    resolver: AbstractResolver | None = None,
    tls: ssl.SSLContext | None = None,
    traces: Sequence[aiohttp.TraceConfig] = (),
) -> aiohttp.ClientSession:
    """
    Open a guarded session.

    Args:
        to_loopback: Whether 127.0.0.1 may be called (Rule 3).
        resolver: Whom to ask for the addresses of a name; the machine when left out.
        tls: Whose certificates are trusted; those the machine trusts when left out.
        traces: Who is told of each request's steps.

    """
    guard = Guard(is_public_or_loopback if to_loopback else is_public)
    connector = aiohttp.TCPConnector(
        resolver=guard.names(resolver),
        socket_factory=guard.new_socket,
        ttl_dns_cache=KEPT_NAMES_S,
        limit=0,  # who calls says how many at once
        ssl=tls if tls is not None else True,
    )
    return aiohttp.ClientSession(
        connector=connector,
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trace_configs=list(traces),
    )
