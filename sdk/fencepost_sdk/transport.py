"""
Transport: one HTTP exchange.

Not pure. ``http.client`` and ``ssl`` come on first use, in the worker: they cost tens of
milliseconds that no host should pay at import.

Rule 1. HTTPS; plain HTTP only to a loopback host. Redirects are never followed, proxies of the
        environment are not asked.
Rule 2. One connection, kept alive. When a kept one turns out to be closed before an answer began,
        the request goes once more on a fresh one: requests are idempotent by (stream, seq).
Rule 3. gzip from 1 KiB up. Connect 5 s, whole exchange 30 s, at most 1 MiB of an answer.
Rule 4. Whatever goes wrong on the way is "no answer"; what exactly is told by a code.
"""

from __future__ import annotations

import zlib
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from fencepost_sdk.answer import OK, Reply, retry_after_s

if TYPE_CHECKING:
    from collections.abc import Mapping
    from http.client import HTTPConnection, HTTPResponse

    from fencepost_sdk.clock import Clock
    from fencepost_sdk.limits import Limits

EVENTS = "text/event-stream"
GZIP_FROM_BYTES = 1_024
ANSWER_BYTES = 1_048_576
READ_BYTES = 16_384
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Host(NamedTuple):
    """Where the gateway is."""

    is_tls: bool
    name: str
    port: int
    path: str


def parse_host(url: str) -> Host:
    """
    Read the gateway's address.

    Raises:
        ValueError: It is none, or it would send events in the clear.

    """
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("host must be an address like https://edge.example.com")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("host must be https://; plain http:// is for 127.0.0.1 only")
    is_tls = parts.scheme == "https"
    port = parts.port or (443 if is_tls else 80)
    return Host(is_tls, parts.hostname, port, parts.path.rstrip("/"))


class Opened(NamedTuple):
    """A stream that is open, or None and when to ask again."""

    response: HTTPResponse | None
    retry_after_s: float | None = None


class Transport:
    """Exchanges with one gateway, one after the other."""

    def __init__(self, host: Host, headers: Mapping[str, str], limits: Limits) -> None:
        self._host = host
        self._headers = dict(headers)
        self._limits = limits
        self._kept: HTTPConnection | None = None

    def exchange(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], clock: Clock
    ) -> Reply | None:
        """Send one request and give its answer; None when there is none (Rule 4)."""
        import http.client  # noqa: PLC0415 - see the module's first lines

        sent = {**self._headers, **headers}
        if len(body) >= GZIP_FROM_BYTES:
            body, sent["Content-Encoding"] = gzipped(body), "gzip"
        was_kept = self._kept is not None
        try:
            return self._once(method, path, body, sent, clock)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self.close()
            if not was_kept:
                return None
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            return None
        try:
            return self._once(method, path, body, sent, clock)
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            return None

    def open_stream(
        self, path: str, headers: Mapping[str, str], silence_s: float, clock: Clock
    ) -> Opened:
        """Open a stream of server-sent events; ``close`` ends it."""
        import http.client  # noqa: PLC0415 - see the module's first lines

        self.close()
        try:
            self._kept = connection = self._connected()
            connection.sock.settimeout(silence_s)
            sent = {**self._headers, **headers, "Accept": EVENTS}
            connection.request("GET", self._host.path + path, None, sent)
            answer = connection.getresponse()
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            return Opened(None)
        is_stream = answer.getheader("Content-Type", "").partition(";")[0].strip() == EVENTS
        if answer.status == OK and is_stream:
            return Opened(answer)
        self.close()
        return Opened(None, retry_after_s(answer.getheader("Retry-After", ""), clock.wall_ms()))

    def interrupt(self) -> None:
        """Wake whoever reads from the connection, from another thread."""
        kept = self._kept
        if kept is not None and kept.sock is not None:
            with suppress(OSError):
                kept.sock.shutdown(2)

    def close(self) -> None:
        """Let the connection go."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def _once(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str], clock: Clock
    ) -> Reply:
        end_ms = clock.steady_ms() + int(self._limits.request_s * 1_000)
        if self._kept is None:
            self._kept = self._connected()
        connection = self._kept
        connection.request(method, self._host.path + path, body or None, dict(headers))
        answer = connection.getresponse()
        told = self._read(connection, answer, end_ms, clock)
        wish = answer.getheader("Retry-After", "")
        if answer.will_close:
            self.close()
        wait_s = retry_after_s(wish, clock.wall_ms())
        return Reply(answer.status, told, wait_s, answer.getheader("ETag", ""))

    def _connected(self) -> HTTPConnection:
        import http.client  # noqa: PLC0415 - see the module's first lines

        patience_s = self._limits.connect_s
        if self._host.is_tls:
            import ssl  # noqa: PLC0415 - see the module's first lines

            connection: HTTPConnection = http.client.HTTPSConnection(
                self._host.name,
                self._host.port,
                timeout=patience_s,
                context=ssl.create_default_context(),
            )
        else:
            connection = http.client.HTTPConnection(
                self._host.name, self._host.port, timeout=patience_s
            )
        connection.connect()
        connection.sock.settimeout(self._limits.request_s)
        return connection

    def _read(
        self, connection: HTTPConnection, answer: HTTPResponse, end_ms: int, clock: Clock
    ) -> bytes:
        """Read the body within bytes and time (Rule 3)."""
        told = bytearray()
        while chunk := answer.read(READ_BYTES):
            told += chunk
            left_ms = end_ms - clock.steady_ms()
            if len(told) > ANSWER_BYTES or left_ms <= 0:
                raise ValueError("an answer that is too long or too slow is none")
            if connection.sock is not None:
                connection.sock.settimeout(left_ms / 1_000)
        if connection.sock is not None:
            connection.sock.settimeout(self._limits.request_s)
        return bytes(told)


def gzipped(body: bytes) -> bytes:
    """Compress as one gzip member."""
    packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return packer.compress(body) + packer.flush()
