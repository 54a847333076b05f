"""
Outbound: the one way by which documents have the gateway call another system.

Does I/O. Who is called was written by whoever may publish, so it must not be a way into the network
that the gateway stands in.

Rule 1. Only public hosts: the name is judged here, and what it leads to by ``way_out``. No proxy
        is used, no redirect followed, no cookie kept.
Rule 2. Bounded: the whole call by the source's timeout, the answer by ``MAX_ANSWER_BYTES``, which
        is never inflated, and what is in it by ``looked``.
Rule 3. An answer to a look-up is JSON and says so (``application/json``, ``…+json``). Of what a
        webhook is answered only the status counts.
Rule 4. A webhook is signed as Standard Webhooks has it (``standard_webhooks``). The id stays, the
        time is that of the try.
Rule 5. Nothing of address, headers and answer gets into a log or an exception.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver

from fencepost_channels.call import MAX_ANSWER_BYTES, Answer, CallFailed, request, retry_after_s
from fencepost_channels.standard_webhooks import signed_headers
from fencepost_gateway.clock import Clock
from fencepost_gateway.decide.calls import Call, filled
from fencepost_gateway.decide.hosts import private_host
from fencepost_gateway.decide.looked import fault_of
from fencepost_gateway.decide.plan import Source
from fencepost_gateway.decide.retries import Tried
from fencepost_gateway.workers.lanes import LentParts
from fencepost_gateway.workers.page_asking import PageAnswer, ask_page
from fencepost_gateway.workers.way_out import PrivateHostError, open_way_out

RETRIED_STATUS: Final = frozenset({408, 425, 429})


@asynccontextmanager
async def open_outbound(
    clock: Clock,
    secrets: Mapping[str, str],
    *,
    resolver: AbstractResolver | None = None,
    tls: ssl.SSLContext | None = None,
    to_loopback: bool = False,
) -> AsyncIterator[Outbound]:
    """
    Open it.

    Args:
        clock: Where time comes from.
        secrets: Secrets by name, as the operator set them.
        resolver: Whom to ask for the addresses of a name; the machine when left out.
        tls: Whose certificates are trusted; those the machine trusts when left out.
        to_loopback: Whether 127.0.0.1 may be called: tests have their counterparts there.

    """
    async with open_way_out(to_loopback=to_loopback, resolver=resolver, tls=tls) as session:
        yield Outbound(session, clock, secrets)


@dataclass(frozen=True, slots=True)
class Outbound:
    """Calls sources."""

    http: aiohttp.ClientSession
    clock: Clock
    secrets: Mapping[str, str]

    async def make(self, call: Call, source: Source) -> Tried:
        """Make a call once; never raises for anything that the other side does."""
        url = filled(source.url, call.fills)
        if not url:
            return Tried("missing")
        if private_host(urlsplit(url).hostname or ""):
            return Tried("private_host")
        body = b"" if call.kind == "look_up" else msgspec.json.encode(call.body)
        headers = self._headers(call, source, body)
        if headers is None:
            return Tried("no_secret")
        io = LentParts(self.http, source.timeout_ms / 1_000, self.clock)
        method = "GET" if call.kind == "look_up" else "POST"
        try:
            answer = await request(io, method, url, data=body or None, headers=headers)
        except CallFailed as failed:
            return Tried(_why(failed))
        tried = _by_status(answer, self.clock.now_ms() // 1_000)
        return tried if tried.failure or call.kind == "webhook" else _value(answer)

    async def page(self, url: str) -> PageAnswer:
        """Ask whether the page of a link is there; never raises either."""
        return await ask_page(self.http, url)

    def _headers(self, call: Call, source: Source, body: bytes) -> dict[str, str] | None:
        """Write the headers; None: the operator has not set a secret that they need."""
        named = {name for _, name in source.headers}
        named |= {*source.sign} if call.kind == "webhook" else set()
        if any(not self.secrets.get(name) for name in named):
            return None
        headers = {header: self.secrets[name] for header, name in source.headers}
        headers |= {"User-Agent": "fencepost", "Idempotency-Key": call.call_id}
        if call.kind == "look_up":
            return headers | {"Accept": "application/json"}
        at_s = self.clock.now_ms() // 1_000
        secrets = [self.secrets[name] for name in source.sign]
        headers |= signed_headers(secrets, call.call_id, body, at_s)
        return headers | {"Content-Type": "application/json"}


def _why(failed: CallFailed) -> str:
    cause: Any = failed.__cause__
    if isinstance(getattr(cause, "os_error", None), PrivateHostError):
        return "private_host"
    if isinstance(cause, TimeoutError):
        return "timeout"
    return "no_answer" if failed.may_have_arrived else "no_connection"


def _by_status(answer: Answer, now_s: int) -> Tried:
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004 - the class of success
        return Tried(status=status)
    if 300 <= status < 400:  # noqa: PLR2004 - the class of redirection
        return Tried("redirect", status)
    if status >= 500 or status in RETRIED_STATUS:  # noqa: PLR2004 - the class of server errors
        return Tried("unavailable", status, retry_after_s=retry_after_s(answer, now_s))
    return Tried("bad_status", status)


def _value(answer: Answer) -> Tried:
    """Read the value of a look-up (Rules 2 and 3)."""
    status, headers = answer.status, answer.headers
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    is_json = kind == "application/json" or (kind.startswith("application/") and "+json" in kind)
    encoding = headers.get("Content-Encoding", "identity").strip().lower()
    if not answer.body:
        return Tried("empty", status)
    if not is_json or encoding not in {"", "identity"}:
        return Tried("not_json", status)
    if len(answer.body) >= MAX_ANSWER_BYTES:
        return Tried("too_large", status)
    try:
        value = msgspec.json.decode(answer.body)
        fault = fault_of(value)
    except RecursionError:
        return Tried("too_deep", status)
    except (msgspec.MsgspecError, UnicodeDecodeError, OverflowError):
        return Tried("not_json", status)  # or a number that nothing can hold
    if value is None:
        return Tried("empty", status)
    return Tried(fault, status) if fault else Tried(status=status, value=value)
