"""
Mime: an email as bytes, or the reason why these words make no email.

Pure. Built with the standard library's ``email`` and its SMTP policy; all of it leaves as ASCII in
lines that end in CRLF, so no server needs 8BITMIME and no lone CR or LF reaches one that would
read it as a line's end.

Rule 1. Nothing written by a person may make a header. CPython's writer puts CR and LF that hide
        in an encoded word (``=?utf-8?q?=0D=0ABcc:...?=``) out as they are, so headers are checked
        twice: decoded, no control character or line separator; serialised, exactly the expected
        names, once each, and no lone CR, LF or NUL anywhere.
        The same writer loses blanks between encoded words when it folds, so the two headers that
        hold words, ``Subject`` and ``From``, are encoded by ``email.header`` and put before.
Rule 2. ``Message-ID`` is ``<delivery_id@domain of the sender>`` and the same in every attempt.
Rule 3. Plain text always; HTML as the second alternative when there is one.
"""

from __future__ import annotations

import re
import unicodedata
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from fencepost_channels.message import EmailContent

_POLICY = SMTP.clone(cte_type="7bit")
_LONE_BREAK_OR_NUL = re.compile(rb"\r(?!\n)|(?<!\r)\n|\x00")
# What may stand in a header as it is, on the header's own line; the rest becomes encoded words.
MAX_PLAIN_CHARS = 60
_PLAIN = {
    "From": re.compile(r"(?:[A-Za-z0-9!'*+/_-]+(?: [A-Za-z0-9!'*+/_-]+)*)?"),  # atoms
    "Subject": re.compile(r"(?!.*=\?)[!-~]+(?: [!-~]+)*"),
}
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
        if not all(_is_harmless(words) for words in (content.subject, sender.display_name)):
            raise NotAMessage("header_injection")
        message["To"] = Address(addr_spec=to)
        message["Message-ID"] = f"<{delivery_id}@{sender.domain}>"
        message["Date"] = formatdate(now_s, localtime=False)
        message.set_content(content.text)
        if content.html:
            message.add_alternative(content.html, subtype="html")
        wire = _word_headers(content.subject, sender) + message.as_bytes()
    except UnicodeEncodeError as error:  # a lone surrogate
        raise NotAMessage("not_encodable") from error
    names = _NAMES if content.html else {*_NAMES, _PLAIN_ONLY}
    if _LONE_BREAK_OR_NUL.search(wire) or sorted(header_names(wire)) != sorted(names):
        raise NotAMessage("header_injection")
    return wire


def _is_harmless(words: str) -> bool:
    """Say whether words are one line as they stand, and to a reader that decodes them."""
    words.encode()  # a lone surrogate is another matter
    return is_one_line(words) and is_one_line(str(_POLICY.header_factory("Subject", words)))


def _word_headers(subject: str, sender: Address) -> bytes:
    name = _encode("From", sender.display_name)
    who = f"{name} <{sender.addr_spec}>" if name else sender.addr_spec
    return f"From: {who}\r\nSubject: {_encode('Subject', subject)}\r\n".encode("ascii")


def _encode(name: str, words: str) -> str:
    if len(words) <= MAX_PLAIN_CHARS and _PLAIN[name].fullmatch(words):
        return words
    return Header(words, "utf-8", header_name=name).encode(linesep="\r\n")


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
