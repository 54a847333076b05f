"""
Mime: an email as bytes, or the reason why these words make no email.

Pure. Built with the standard library's ``email`` and its SMTP policy; all of it leaves as ASCII in
lines that end in CRLF, so no server needs 8BITMIME and no lone CR or LF reaches one that would
read it as a line's end.

Rule 1. Nothing written by a person may make a header. CPython's writer puts CR and LF that hide
        in an encoded word (``=?utf-8?q?=0D=0ABcc:...?=``) out as they are, so headers are checked
        twice: decoded, no control character or line separator; serialised, exactly the expected
        names, once each, and no lone CR, LF or NUL anywhere.
Rule 2. ``Message-ID`` is ``<delivery_id@domain of the sender>`` and the same in every attempt.
Rule 3. Plain text always; HTML as the second alternative when there is one.
"""

from __future__ import annotations

import re
import unicodedata
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from fencepost_channels.message import EmailContent

_POLICY = SMTP.clone(cte_type="7bit")
_LONE_BREAK_OR_NUL = re.compile(rb"\r(?!\n)|(?<!\r)\n|\x00")
_BAD_CATEGORIES = {"Cc", "Zl", "Zp", "Cs"}  # controls, line and paragraph separators, surrogates

_NAMES = {
    b"from", b"to", b"subject", b"message-id", b"date", b"mime-version", b"content-type",
}  # fmt: skip
_PLAIN_ONLY = b"content-transfer-encoding"  # of a message that is one part


class NotAMessage(ValueError):  # noqa: N818 - says what the words are, not that we failed
    """These words make no email; ``code`` says why, the words are not repeated."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def write_message(
    delivery_id: str, content: EmailContent, sender: Address, to: str, now_s: int
) -> bytes:
    """
    Write a message as it goes over the wire, dots not yet stuffed.

    Args:
        delivery_id: Local part of the ``Message-ID``.
        content: Subject and bodies.
        sender: Name and mailbox of the ``From`` header.
        to: One mailbox, parsed before.
        now_s: Moment of the ``Date`` header, seconds since the epoch.

    Raises:
        NotAMessage: A header would carry more than itself, or something cannot be encoded.

    """
    if not content.text:
        raise NotAMessage("empty")
    message = EmailMessage(policy=_POLICY)
    try:
        message["From"] = sender
        message["To"] = Address(addr_spec=to)
        message["Subject"] = content.subject
        message["Message-ID"] = f"<{delivery_id}@{sender.domain}>"
        message["Date"] = formatdate(now_s, localtime=False)
        message.set_content(content.text)
        if content.html:
            message.add_alternative(content.html, subtype="html")
        wire = message.as_bytes()
    except UnicodeEncodeError as error:  # a lone surrogate
        raise NotAMessage("not_encodable") from error
    except ValueError as error:  # a bare CR or LF
        raise NotAMessage("header_injection") from error
    names = _NAMES if content.html else {*_NAMES, _PLAIN_ONLY}
    if not (is_one_line(str(message["Subject"])) and is_one_line(str(message["From"]))):
        raise NotAMessage("header_injection")
    if _LONE_BREAK_OR_NUL.search(wire) or sorted(header_names(wire)) != sorted(names):
        raise NotAMessage("header_injection")
    return wire


def is_one_line(decoded: str) -> bool:
    """Say whether a decoded header value holds nothing that some reader takes for a line's end."""
    return not any(unicodedata.category(char) in _BAD_CATEGORIES for char in decoded)


def header_names(wire: bytes) -> list[bytes]:
    """Give the names of the header lines as they stand in the bytes, in lower case."""
    head = wire.partition(b"\r\n\r\n")[0]
    return [
        line.partition(b":")[0].lower()
        for line in head.split(b"\r\n")
        if not line.startswith((b" ", b"\t"))
    ]
