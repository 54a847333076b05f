"""
Surface: what every handler works with, and the route table's own types.

Rule 1. A route that is not in the table does not exist; a route without a role cannot be written.
Rule 2. Roles: ``open`` (no key), ``device`` (write key and device secret), ``team`` (the key of a
        team, for what is its own; the operator key, for all), ``operator`` (operator key). Keys are
        compared in constant time.
Rule 3. A question that a route with a key cannot read is refused, not answered as another one: a
        query parameter nobody knows is named, with the nearest known. Open routes are links and
        probes, to which others append what they like.
"""

from __future__ import annotations

import difflib
import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from aiohttp import web

from fencepost_gateway.clock import Clock
from fencepost_gateway.credentials import Credentials
from fencepost_gateway.errors import ApiError
from fencepost_gateway.intake.statement import Caller, truncated_ip
from fencepost_gateway.metrics import Metrics
from fencepost_gateway.ports import Store
from fencepost_gateway.settings import Settings
from fencepost_gateway.workers.lanes import Lane
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.reception import Reception
from fencepost_gateway.workers.wakes import Wakes

Role = Literal["open", "device", "team", "operator"]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One row of the route table."""

    method: str
    path: str
    handler: Handler
    role: Role
    summary: str
    answer: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    errors: tuple[str, ...] = ()


@dataclass(slots=True)
class Surface:
    """The gateway's parts, for handlers."""

    settings: Settings
    credentials: Credentials
    store: Store
    plans: Plans
    lanes: Mapping[str, Lane]
    wakes: Wakes
    metrics: Metrics
    clock: Clock
    reception: Reception
    is_stopping: bool = False


ID_MAX = 256
DIGITS_MAX = 19
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")

SURFACE = web.AppKey("surface", Surface)


@dataclass(frozen=True, slots=True)
class Device:
    """Who is calling: the device id and the hash of its secret."""

    device_id: str
    secret_hash: bytes


def bearer(request: web.Request) -> str:
    """Give the key a request carries, empty if none."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def require(request: web.Request, role: Role) -> None:
    """
    Check the key of a request.

    Raises:
        ApiError: No or a wrong key, or a key that may not do this.

    """
    if role == "open":
        return
    credentials = request.app[SURFACE].credentials
    key = bearer(request).encode()
    is_write = hmac.compare_digest(key, credentials.write_key.encode())
    is_operator = hmac.compare_digest(key, credentials.operator_key.encode())
    is_team = bool(team_name(request))
    if not is_write and not is_operator and not is_team:
        raise ApiError("key_unknown")
    also = is_write if role == "device" else role == "team" and is_team
    if not is_operator and not also:
        raise ApiError("key_scope")


def require_known(request: web.Request, known: Iterable[str]) -> None:
    """
    Check that every query parameter is one the route knows (Rule 3).

    Raises:
        ApiError: One is not.

    """
    names = sorted(known)
    for name in request.query:
        if name in names:
            continue
        if not _PARAMETER.fullmatch(name):  # may be anything: an address, a position
            raise ApiError("malformed", "a query parameter has no name that any route knows")
        near = difflib.get_close_matches(name.lower(), names, 1)
        takes = f"this route takes {', '.join(names)}" if names else "this route takes none"
        how = f"did you mean {near[0]}?" if near else takes
        raise ApiError("malformed", f"no query parameter is called {name}; {how}", name)


def team_name(request: web.Request) -> str:
    """Give the team whose key a request carries; empty: it is no team's."""
    key, found = bearer(request).encode(), ""
    for name, own in request.app[SURFACE].credentials.team_keys.items():
        if hmac.compare_digest(key, own.encode()):
            found = name
    return found


def device_of(request: web.Request) -> Device:
    """
    Read the device header.

    Raises:
        ApiError: It is missing or malformed.

    """
    device_id, dot, secret = request.headers.get("Fencepost-Device", "").partition(".")
    if not dot or not device_id or not secret or max(len(device_id), len(secret)) > ID_MAX:
        raise ApiError("device_secret", "the header Fencepost-Device is missing or malformed")
    return Device(device_id, hashlib.sha256(secret.encode()).digest())


def caller_of(request: web.Request) -> Caller:
    """Say where a request comes from: behind a proxy of ours, by what it adds."""
    ip = request.remote or ""
    if request.app[SURFACE].settings.behind_proxy:
        ip = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() or ip
    request_id = request.headers.get("X-Request-Id", "")
    named = request_id if _REQUEST_ID.fullmatch(request_id) else ""
    return Caller(truncated_ip(ip), named)


def query_int(request: web.Request, name: str, default: int, top: int) -> int:
    """
    Read a whole number from the query.

    Raises:
        ApiError: It is not one, or not in 0 ... ``top``.

    """
    text = request.query.get(name)
    if not text:  # absent, or empty: an SDK that has no cursor yet
        return default
    return read_int(name, text, top)


def read_int(name: str, text: str, top: int) -> int:
    """
    Read a whole number.

    Raises:
        ApiError: It is not one, or not in 0 ... ``top``.

    """
    if not (text.isascii() and text.isdigit() and len(text) <= DIGITS_MAX) or int(text) > top:
        raise ApiError("malformed", f"{name} must be a whole number up to {top}", name)
    return int(text)


def moment(at_ms: int) -> str:
    """Write a moment as the wire protocol does, to the millisecond."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC).replace(tzinfo=None)
    return at.isoformat(timespec="milliseconds") + "Z"


def as_json(body: Any, status: int = 200) -> web.Response:
    """Answer with JSON."""
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )
