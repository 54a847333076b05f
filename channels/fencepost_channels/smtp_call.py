"""
SMTP call: one message on an open connection, and what each reply or silence means.

Does I/O, with aiosmtplib, on a connection that ``smtp_pool`` lends. The conversation has phases,
and the same reply or silence means different things in different ones (RFC 5321 section 4.2).

Rule 1. Until the final dot nothing has been accepted: silence, a reset, a failing connection or
        certificate, and any 4xx is ``Unavailable``.
Rule 2. Silence or a reset after the dot is ``Unknown``, and so is a reply that is none. A 4xx there
        is a reply, and says that the message was not taken (RFC 5321 section 4.2.1).
Rule 3. 5xx at RCPT is ``Gone`` for a hard bounce (``bounce_codes``), else ``Rejected``;
        at DATA or the dot ``Rejected``; at MAIL our sender is at fault, hence ``Misconfigured``.
Rule 4. 530, 534, 535, 538 in any phase, and a relay without the TLS or AUTH that was asked for,
        are ``Misconfigured``.
Rule 5. One recipient a message, so that every recipient has an outcome.

aiosmtplib's own ``data`` sends DATA, waits, sends the message and waits again, and raises the same
for silence on either side of the dot. Rule 1 and rule 2 part there, so the two halves are taken
one by one here, with the same public calls.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import aiosmtplib

from fencepost_channels.bounce_codes import enhanced_in, is_hard
from fencepost_channels.errors import (
    Gone,
    Misconfigured,
    Outcome,
    Rejected,
    Sent,
    Unavailable,
    Unknown,
)

AUTH_REPLIES = frozenset({530, 534, 535, 538})
CLOSING = 421

Reply = aiosmtplib.SMTPResponse

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
    greets_as: str = "localhost"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is handed over: both mailboxes and the message, dots not yet stuffed."""

    sender: str = field(repr=False)
    to: str = field(repr=False)
    wire: bytes = field(repr=False)


@dataclass(slots=True)
class Progress:
    """How far one message has come; kept outside of the conversation, which may be cut off."""

    phase: Phase = Phase.CONNECT


async def begin(smtp: aiosmtplib.SMTP, envelope: Envelope, timeout_s: float | None = None) -> Reply:
    """Say MAIL, the first words of a message; raises as ``converse`` does."""
    sender = b"FROM:<" + envelope.sender.encode("ascii") + b">"
    return await smtp.execute_command(b"MAIL", sender, timeout=timeout_s)


async def converse(
    smtp: aiosmtplib.SMTP, begun: Reply, envelope: Envelope, progress: Progress
) -> Outcome:
    """
    Hand over one message that was begun; the caller sets the time limit.

    Raises:
        aiosmtplib.SMTPException, OSError: As the network fails; ``outcome_of`` judges it.

    """
    if not _is_success(begun):
        return refusal(Phase.MAIL, begun)
    progress.phase = Phase.RCPT
    to = b"TO:<" + envelope.to.encode("ascii") + b">"
    reply = await smtp.execute_command(b"RCPT", to, timeout=None)
    if not _is_success(reply):
        return refusal(progress.phase, reply)
    progress.phase = Phase.DATA
    reply = await smtp.execute_command(b"DATA", timeout=None)
    if reply.code != aiosmtplib.SMTPStatus.start_input or smtp.protocol is None:
        return refusal(progress.phase, reply)
    smtp.protocol.write(_LINE_DOT.sub(b"..", envelope.wire) + b".\r\n")
    progress.phase = Phase.DOT  # a closed connection took nothing
    reply = await smtp.protocol.read_response(timeout=None)
    return Sent() if _is_success(reply) else refusal(progress.phase, reply)


def outcome_of(phase: Phase, failure: Exception) -> Outcome:
    """Judge what was raised while a conversation was in a phase."""
    if isinstance(failure, aiosmtplib.SMTPResponseException):
        return refusal(phase, Reply(failure.code, failure.message))
    return _silence(phase, failure)


def refusal(phase: Phase, reply: Reply) -> Outcome:
    """Judge a reply that is no success by rules 1 to 4."""
    if reply.code in AUTH_REPLIES:
        return Misconfigured("auth_refused")
    if 400 <= reply.code < 500:  # noqa: PLR2004 - transient, RFC 5321 section 4.2.1
        return Unavailable("deferred")
    if not 500 <= reply.code < 600:  # noqa: PLR2004 - no reply of this protocol
        return _silence(phase, None)
    if phase is Phase.RCPT and _is_hard_bounce(reply):
        return Gone("hard_bounce")
    return REFUSED[phase]


def _is_success(reply: Reply) -> bool:
    return 200 <= reply.code < 300  # noqa: PLR2004 - 2yz


def _is_hard_bounce(reply: Reply) -> bool:
    """Judge by the code at the head of the text (RFC 2034), where a relay writes one."""
    return is_hard(reply.code, enhanced_in(reply.message.partition(" ")[0]))


def _silence(phase: Phase, failure: Exception | None) -> Outcome:
    """Judge by the side of the dot; before it, a relay that lacks a feature is told apart."""
    if phase is Phase.DOT:
        return Unknown("no_answer")
    is_network = isinstance(failure, OSError | aiosmtplib.SMTPServerDisconnected)
    if failure is not None and not is_network:
        return Misconfigured("relay_lacks_feature")
    return Unavailable("no_connection" if phase is Phase.CONNECT else "connection_lost")
