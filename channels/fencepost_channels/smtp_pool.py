"""
SMTP pool: a few connections to one relay, kept open between messages.

Does I/O, with aiosmtplib; opening the pool makes no call. TLS and AUTH cost more than a message,
so a connection serves one message after the other, and messages wait for their turn.

Rule 1. At most ``connections`` are open. Who has waited half of the time limit for one is not sent:
        a conversation begun with too little time left would end as unknown.
Rule 2. A connection that was kept and does not take MAIL any more (it is closed, silent, or says
        421) is replaced by a fresh one, once: nothing of the message had left. Later failures
        are judged as on a fresh one (``smtp_call``).
Rule 3. Kept are connections whose last reply was understood. After a refusal RSET comes before the
        next message; after a message that was taken there is nothing to reset (RFC 5321
        section 4.1.1.4).
Rule 4. A connection ends with QUIT after ``messages`` messages, after ``IDLE_S`` without one, and
        when the pool closes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import aiosmtplib

from fencepost_channels.errors import Gone, Outcome, Rejected, Sent, Unavailable
from fencepost_channels.smtp_call import (
    CLOSING,
    Envelope,
    Phase,
    Progress,
    Relay,
    Reply,
    begin,
    converse,
    outcome_of,
)

CONNECT_S = 5.0
QUIT_S = 1.0
PROBE_S = 5.0
IDLE_S = 30.0  # relays hang up after one minute to five

_FAILURES = (aiosmtplib.SMTPException, OSError)  # TimeoutError is an OSError


@dataclass(slots=True, eq=False)
class _Line:
    """A connection, and what has become of it."""

    smtp: aiosmtplib.SMTP
    taken: int = 0
    needs_reset: bool = False
    timer: asyncio.TimerHandle | None = None


class Pool:
    """See the module's text."""

    def __init__(self, relay: Relay, *, connections: int, messages: int) -> None:
        self._relay = relay
        self._messages = messages
        self._room = asyncio.Semaphore(connections)
        self._idle: list[_Line] = []
        self._is_open = True

    async def hand_over(self, envelope: Envelope, timeout_s: float) -> Outcome:
        """Send one message; never raises for anything a relay or the network does."""
        progress = Progress()
        try:
            async with asyncio.timeout(timeout_s), self._turn(timeout_s / 2):
                return await self._send(envelope, progress, timeout_s)
        except _FAILURES as failure:
            return outcome_of(progress.phase, failure)

    @asynccontextmanager
    async def _turn(self, wait_s: float) -> AsyncIterator[None]:
        """Wait until a connection may be used."""
        async with asyncio.timeout(wait_s):
            await self._room.acquire()
        try:
            yield
        finally:
            self._room.release()

    async def close(self) -> None:
        """Take leave on every idle connection; one in use ends with its message."""
        self._is_open = False
        idle, self._idle = self._idle, []
        await asyncio.gather(*map(_quit, idle))

    async def _send(self, envelope: Envelope, progress: Progress, timeout_s: float) -> Outcome:
        line = self._kept()
        begun = await _try_begin(line, envelope, timeout_s) if line else None
        if line is None or begun is None:  # Rule 2
            line = await self._open(timeout_s)
        try:
            progress.phase = Phase.MAIL
            begun = begun or await begin(line.smtp, envelope)
            outcome = await converse(line.smtp, begun, envelope, progress)
        except BaseException:
            line.smtp.close()  # what it would say next is about this message
            raise
        self._keep(line, outcome)
        return outcome

    async def _open(self, timeout_s: float) -> _Line:
        relay = self._relay
        smtp = aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            use_tls=relay.tls == "tls",
            start_tls=relay.tls == "starttls",
            tls_context=relay.trust,
            username=relay.username,
            password=relay.password,
            local_hostname=relay.greets_as,
            timeout=min(CONNECT_S, timeout_s),
        )
        try:
            await smtp.connect()
            if smtp.is_ehlo_or_helo_needed:
                await _greet(smtp)
        except BaseException:
            smtp.close()
            raise
        return _Line(smtp)

    def _kept(self) -> _Line | None:
        """Take the connection that was used last; the others may grow old."""
        while self._idle:
            line = self._idle.pop()
            _stop_timer(line)
            if line.smtp.is_connected:
                return line
            line.smtp.close()
        return None

    def _keep(self, line: _Line, outcome: Outcome) -> None:
        """Keep a connection for the next message, or leave it (rules 3 and 4)."""
        line.taken += 1
        line.needs_reset = not isinstance(outcome, Sent)
        is_understood = isinstance(outcome, Sent | Gone | Rejected) or (
            outcome == Unavailable("deferred")
        )
        if not (self._is_open and is_understood and line.taken < self._messages):
            _leave(line)
        elif line.smtp.is_connected:
            line.timer = asyncio.get_running_loop().call_later(IDLE_S, self._retire, line)
            self._idle.append(line)

    def _retire(self, line: _Line) -> None:
        self._idle.remove(line)
        _leave(line)


async def _greet(smtp: aiosmtplib.SMTP) -> None:
    try:
        await smtp.ehlo()
    except aiosmtplib.SMTPHeloError as refused:
        if refused.code == CLOSING:
            raise
        await smtp.helo()  # a relay from before RFC 1869


async def _try_begin(line: _Line, envelope: Envelope, timeout_s: float) -> Reply | None:
    """Begin a message on a connection that was kept; None: it is dead, and closed."""
    probe_s = min(PROBE_S, timeout_s / 2)
    try:
        if line.needs_reset:
            await line.smtp.rset(timeout=probe_s)
        begun = await begin(line.smtp, envelope, probe_s)
    except BaseException as failure:
        line.smtp.close()
        if isinstance(failure, _FAILURES):
            return None
        raise
    if begun.code == CLOSING:
        line.smtp.close()
        return None
    return begun


def _leave(line: _Line) -> None:
    """Say QUIT and hang up, without waiting for the answer."""
    if line.smtp.is_connected and line.smtp.protocol is not None:
        line.smtp.protocol.write(b"QUIT\r\n")
    line.smtp.close()


async def _quit(line: _Line) -> None:
    _stop_timer(line)
    with suppress(*_FAILURES):
        await line.smtp.quit(timeout=QUIT_S)
    line.smtp.close()


def _stop_timer(line: _Line) -> None:
    if line.timer is not None:
        line.timer.cancel()
        line.timer = None
