"""
SMTP call: one conversation with a relay, and what each reply or silence means.

Does I/O, with aiosmtplib; one connection a message in this form. The conversation has phases, and
the same reply or silence means different things in different ones (RFC 5321 section 4.2).

Rule 1. Until the final dot nothing has been accepted: silence, a reset, a failing connection or
        certificate, and any 4xx is ``Unavailable``.
Rule 2. Silence or a reset after the dot is ``Unknown``, and so is a reply that is none. A 4xx there
        is a reply, and says that the message was not taken (RFC 5321 section 4.2.1).
Rule 3. 5xx at RCPT is ``Gone`` for the hard bounces of delivery.md section 11, else ``Rejected``;
        at DATA or the dot ``Rejected``; at MAIL our sender is at fault, hence ``Misconfigured``.
Rule 4. 530, 534, 535, 538 in any phase, and a relay without the TLS or AUTH that was asked for,
        are ``Misconfigured``.

aiosmtplib's own ``data`` sends DATA, waits, sends the message and waits again, and raises the same
for silence on either side of the dot. Rule 1 and rule 2 part there, so the two halves are taken
one by one here, with the same public calls.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

import aiosmtplib

from fencepost_channels.errors import (
    Gone,
    Misconfigured,
    Outcome,
    Rejected,
    Sent,
    Unavailable,
    Unknown,
)

CONNECT_S = 5.0
QUIT_S = 1.0

HARD_BOUNCES = frozenset({521, 550, 551, 553, 556})
HARD_BOUNCES_ENHANCED = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.2.1", "5.7.1"})
AUTH_REPLIES = frozenset({530, 534, 535, 538})

_ENHANCED = re.compile(r"(5\.[0-9]{1,3}\.[0-9]{1,3})")
_LINE_DOT = re.compile(rb"(?m)^\.")


class Phase(StrEnum):
    """How far a conversation has come; each begins with what its name says being sent."""

    CONNECT = "connect"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"


REFUSED: Mapping[Phase, Outcome] = {
    Phase.CONNECT: Unavailable("relay_refuses"),
    Phase.MAIL: Misconfigured("sender_refused"),
    Phase.RCPT: Rejected("recipient_refused"),
    Phase.DATA: Rejected("message_refused"),
    Phase.DOT: Rejected("message_refused"),
}


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail is handed over; ``tls`` is ``none``, ``starttls`` or ``tls``."""

    host: str
    port: int
    tls: str
    trust: ssl.SSLContext | None = field(repr=False)
    username: str | None = field(repr=False)
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is handed over: both mailboxes and the message, dots not yet stuffed."""

    sender: str
    to: str = field(repr=False)
    wire: bytes = field(repr=False)


async def hand_over(relay: Relay, envelope: Envelope, timeout_s: float) -> Outcome:
    """Hold one conversation; never raises for anything a relay or the network does."""
    smtp = aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port,
        use_tls=relay.tls == "tls",
        start_tls=relay.tls == "starttls",
        tls_context=relay.trust,
        username=relay.username,
        password=relay.password,
        local_hostname=envelope.sender.rpartition("@")[2],
        timeout=min(CONNECT_S, timeout_s),
    )
    phase = Phase.CONNECT
    try:
        async with asyncio.timeout(timeout_s):
            await smtp.connect()
            smtp.timeout = timeout_s
            phase = Phase.MAIL
            await smtp.mail(envelope.sender)
            phase = Phase.RCPT
            await smtp.rcpt(envelope.to)
            phase = Phase.DATA
            begun = await smtp.execute_command(b"DATA")
            if begun.code != aiosmtplib.SMTPStatus.start_input or smtp.protocol is None:
                return _refusal(phase, begun.code, begun.message)
            phase = Phase.DOT
            smtp.protocol.write(_LINE_DOT.sub(b"..", envelope.wire) + b".\r\n")
            taken = await smtp.protocol.read_response(timeout=timeout_s)
        with suppress(aiosmtplib.SMTPException, OSError):  # the message is decided already
            await smtp.quit(timeout=QUIT_S)
        return _reply(phase, taken.code, taken.message)
    except aiosmtplib.SMTPResponseException as reply:
        return _refusal(phase, reply.code, reply.message)
    except (aiosmtplib.SMTPException, OSError) as failure:  # TimeoutError is an OSError
        return _silence(phase, failure)
    finally:
        smtp.close()


def _reply(phase: Phase, code: int, text: str) -> Outcome:
    return Sent() if 200 <= code < 300 else _refusal(phase, code, text)  # noqa: PLR2004 - 2yz


def _refusal(phase: Phase, code: int, text: str) -> Outcome:
    """Judge a reply that is no success by rules 1 to 4."""
    if code in AUTH_REPLIES:
        return Misconfigured("auth_refused")
    if 400 <= code < 500:  # noqa: PLR2004 - transient, RFC 5321 section 4.2.1
        return Unavailable("deferred")
    if not 500 <= code < 600:  # noqa: PLR2004 - no reply of this protocol
        return _silence(phase, None)
    if phase is Phase.RCPT and _is_hard_bounce(code, text):
        return Gone("hard_bounce")
    return REFUSED[phase]


def _is_hard_bounce(code: int, text: str) -> bool:
    enhanced = _ENHANCED.match(text)
    return code in HARD_BOUNCES or (enhanced is not None and enhanced[1] in HARD_BOUNCES_ENHANCED)


def _silence(phase: Phase, failure: Exception | None) -> Outcome:
    """Judge by the side of the dot; before it, a relay that lacks a feature is told apart."""
    if phase is Phase.DOT:
        return Unknown("no_answer")
    is_network = isinstance(failure, OSError | aiosmtplib.SMTPServerDisconnected)
    if failure is not None and not is_network:
        return Misconfigured("relay_lacks_feature")
    return Unavailable("no_connection" if phase is Phase.CONNECT else "connection_lost")
