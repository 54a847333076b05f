"""
Email: one message to one mailbox, handed to a relay.

Does I/O through ``smtp_pool``; the bytes are made by ``mime`` and signed by ``dkim_signature``,
the settings are in ``email_settings``. Here are the headers of a sending and the order.

Rule 1. What makes no email (an injected header, a lone surrogate, no text) is ``rejected`` before
        a connection is asked for.
Rule 2. Marketing says how to stop it: ``List-Unsubscribe`` with the link and, where one is set, a
        mailbox; ``List-Unsubscribe-Post`` promises that one POST there is enough (RFC 8058). Both
        are signed. Other messages have them only where ``list_unsubscribe`` is ``all``.
Rule 3. Bounces of a message go to a mailbox of its own (``bounce_domain``): its local part is
        ``bounce+`` and the signed token of the delivery, 55 of the 64 characters there are.
Rule 4. What comes back to that mailbox is handed on as it came (``read_callback``), and is read by
        ``returned_mail``. Nobody signs it: the token that it came to is all that is believed.
Rule 5. Every message says that a machine sent it (``Auto-Submitted``, RFC 3834), so that no
        holiday notice answers it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

from fencepost_channels.addresses import Mailbox, mask_mailbox, parse_mailbox
from fencepost_channels.callback import Callback, Reading
from fencepost_channels.dkim_signature import Signer, signer_of
from fencepost_channels.driver import DriverIO, DriverSpec, Send
from fencepost_channels.email_settings import EmailSettings, build_relay, parse_settings
from fencepost_channels.errors import Outcome, Rejected
from fencepost_channels.message import (
    Channel,
    EmailContent,
    Outgoing,
    Purpose,
    is_delivery_id,
)
from fencepost_channels.mime import NotAMessage, write_message
from fencepost_channels.returned_mail import read_returned
from fencepost_channels.smtp_call import Envelope
from fencepost_channels.smtp_pool import Pool

BOUNCE = "bounce+"
ARRIVED_AT = "x-envelope-to"  # header of a callback: the mailbox, where its server says it
_TOKEN = re.compile(r"[a-z2-7]{1,57}")  # with what stands before it 64 characters
_LINK = re.compile(r"https?://[!-;=?-~]+")  # no blank, no "<", no ">"
_FEEDBACK_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class _Sender:
    """An open driver."""

    settings: EmailSettings
    pool: Pool
    sign: Signer | None
    io: DriverIO

    async def send(self, message: Outgoing, address: Mailbox) -> Outcome:
        """Send one message."""
        if not isinstance(message.content, EmailContent):
            return Rejected("wrong_content")
        if not is_delivery_id(message.delivery_id):
            return Rejected("bad_delivery_id")
        settings, now_s = self.settings, self.io.now_s()
        try:
            wire = write_message(
                message.delivery_id,
                message.content,
                settings.sender,
                address.address,
                now_s,
                [*_headers(settings, message)],
            )
        except NotAMessage as reason:
            return Rejected(reason.code)
        if self.sign is not None:
            wire = self.sign(wire, now_s)
        envelope = Envelope(_return_path(settings, message), address.address, wire)
        return await self.pool.hand_over(envelope, self.io.timeout_s)


def _headers(settings: EmailSettings, message: Outgoing) -> Iterator[tuple[str, str]]:
    """Give the headers besides the message's own."""
    if settings.reply_to:
        yield "Reply-To", settings.reply_to
    is_marketing = message.purpose is Purpose.MARKETING
    if is_marketing or settings.list_unsubscribe == "all":
        yield from _unsubscribing(settings, message)
    if settings.feedback_id:
        campaign = message.facts.get("campaign_id", "")
        known = campaign if _FEEDBACK_WORD.fullmatch(campaign) else ""
        yield "Feedback-ID", f"{known}:{message.purpose}:fencepost:{settings.feedback_id}"
    yield "Auto-Submitted", "auto-generated"


def _unsubscribing(settings: EmailSettings, message: Outgoing) -> Iterator[tuple[str, str]]:
    """Give the ways to unsubscribe (Rule 2)."""
    ways = []
    has_link = _LINK.fullmatch(message.links.unsubscribe) is not None
    if has_link:
        ways.append(f"<{message.links.unsubscribe}>")
    if settings.unsubscribe_mailbox:
        subject = quote(f"unsubscribe {message.links.return_token}".strip(), safe="")
        ways.append(f"<mailto:{quote(settings.unsubscribe_mailbox, safe='@')}?subject={subject}>")
    if ways:
        yield "List-Unsubscribe", ",\r\n ".join(ways)
    if has_link and message.links.unsubscribe.startswith("https:"):
        yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"


def _return_path(settings: EmailSettings, message: Outgoing) -> str:
    """Give the sender of the envelope (Rule 3)."""
    token = message.links.return_token
    if settings.bounce_domain and _TOKEN.fullmatch(token):
        return f"{BOUNCE}{token}@{settings.bounce_domain}"
    return settings.sender.mailbox


def read_callback(_settings: EmailSettings, request: Callback, _now_s: int) -> Reading:
    """Read what came back to a return path (Rule 4)."""
    report = read_returned(request.body, request.headers.get(ARRIVED_AT, ""))
    return Reading(() if report is None else (report,))


@asynccontextmanager
async def connect(settings: EmailSettings, io: DriverIO) -> AsyncIterator[Send]:
    """Load the certificates to trust; connections are opened by the first messages."""
    relay = await asyncio.to_thread(build_relay, settings)
    sign = await asyncio.to_thread(signer_of, settings.dkim) if settings.dkim else None
    pool = Pool(relay, connections=settings.connections, messages=settings.messages_per_connection)
    try:
        yield _Sender(settings, pool, sign, io).send
    finally:
        await pool.close()


driver = DriverSpec(
    name="email",
    channels=frozenset({Channel.EMAIL}),
    parse_address=parse_mailbox,
    mask=mask_mailbox,
    parse_settings=parse_settings,
    connect=connect,
    secrets=frozenset({"password", "dkim_private_key"}),
    read_callback=read_callback,
)
