"""
Mime: an email as bytes, or the reason why these words make no email.

Pure. Written line by line: the standard library's ``EmailMessage`` parses every header that it is
given and folds it again, which costs 1.3 ms a message and is what a relay waits for. All of it
leaves as ASCII in lines that end in CRLF, so no server needs 8BITMIME and no lone CR or LF reaches
one that would read it as a line's end.

Rule 1. Nothing written by a person may make a header. Headers are checked twice: decoded (what
        looks like an encoded word, ``=?utf-8?q?=0D=0ABcc:...?=``, as a reader would show it too),
        no control character or line separator; serialised, exactly the expected names, once each,
        and no lone CR, LF or NUL anywhere.
Rule 2. What is no short line of plain ASCII is written in encoded words of UTF-8 (RFC 2047), whole
        characters in each, blanks inside them.
Rule 3. ``Message-ID`` is ``<delivery_id@domain of the sender>`` and the same in every attempt.
Rule 4. Plain text always; HTML as the second alternative when there is one. Lines of at most 76
        plain characters stay as they are; else quoted-printable or base64, whichever is shorter.
        The boundary has ``=_`` in it, which neither of the two can write (RFC 2045 section 6.7).
"""

from __future__ import annotations

import re
from binascii import b2a_base64, b2a_qp
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from email.policy import SMTP
from email.utils import formatdate

from fencepost_channels.message import EmailContent

# What may stand in a header as it is, on the header's own line; the rest becomes encoded words.
MAX_PLAIN_CHARS = 60
WORD_BYTES = 39  # in base64 with its frame 64 characters: one line, the header's name included
LINE_CHARS = 76
BOUNDARY_MARK = b"=_"
_BREAK = re.compile(r"\r\n|\r|\n")
_NAME = re.compile(r"(?:[A-Za-z0-9!'*+/_-]+(?: [A-Za-z0-9!'*+/_-]+)*)?")  # atoms
_SUBJECT = re.compile(r"(?!.*=\?)[!-~]+(?: [!-~]+)*")
_SEVEN_BIT = re.compile(rb"(?:[\t -~]{0,%d}\r\n)*" % LINE_CHARS)
# Controls, line and paragraph separators, surrogates: the categories Cc, Zl, Zp, Cs.
_NOT_ONE_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_HEADER_NAME = re.compile(rb"(?m)^([^ \t\r\n][^:\r\n]*)")

Headers = Sequence[tuple[str, str]]


class NotAMessage(ValueError):  # noqa: N818 - says what the words are, not that we failed
    """These words make no email; ``code`` says why, the words are not repeated."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes: our mailbox and the name beside it; ``header`` is their line, written once."""

    mailbox: str
    name: str = ""
    header: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Write the header, or say why there is none."""
        if not _is_harmless(self.name):
            raise NotAMessage("header_injection")
        shown = _encode(self.name, _NAME)
        glue = "\r\n " if shown.startswith("=?") else " "
        line = f"{shown}{glue}<{self.mailbox}>" if shown else self.mailbox
        object.__setattr__(self, "header", line)

    @property
    def domain(self) -> str:
        """The host name of the mailbox."""
        return self.mailbox.rpartition("@")[2]


def write_message(
    delivery_id: str,
    content: EmailContent,
    sender: Sender,
    to: str,
    now_s: int,
    more: Headers = (),
) -> bytes:
    """
    Write a message as it goes over the wire, dots not yet stuffed.

    Args:
        delivery_id: Local part of the ``Message-ID``.
        content: Subject and bodies.
        sender: Whose ``From`` header it has.
        to: One mailbox, parsed before.
        now_s: Moment of the ``Date`` header, seconds since the epoch.
        more: Further headers, in ASCII and folded where they are long.

    Raises:
        NotAMessage: A header would carry more than itself, or something cannot be encoded.

    """
    if not content.text:
        raise NotAMessage("empty")
    try:
        if not _is_harmless(content.subject):
            raise NotAMessage("header_injection")
        own = (
            ("From", sender.header),
            ("Subject", _encode(content.subject, _SUBJECT)),
            ("To", to),
            ("Message-ID", f"<{delivery_id}@{sender.domain}>"),
            ("Date", formatdate(now_s)),
            *more,
            ("MIME-Version", "1.0"),
        )
        body_headers, body = _body(delivery_id, content)
        headers = (*own, *body_headers)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers)
        wire = head.encode("ascii") + b"\r\n" + body
    except UnicodeEncodeError as error:  # a lone surrogate
        raise NotAMessage("not_encodable") from error
    expected = [name.lower().encode() for name, _ in headers]
    if not _has_whole_lines(wire) or header_names(wire) != expected:
        raise NotAMessage("header_injection")
    return wire


def _body(delivery_id: str, content: EmailContent) -> tuple[Headers, bytes]:
    """Give the headers of the body, and the body (Rule 4)."""
    headers, text = _part("plain", content.text)
    if not content.html:
        return headers, text
    boundary = BOUNDARY_MARK + delivery_id.encode("ascii")
    lines = [b"--" + boundary, *_as_part(headers, text)]
    lines += [b"--" + boundary, *_as_part(*_part("html", content.html))]
    lines += [b"--" + boundary + b"--", b""]
    kind = f'multipart/alternative;\r\n boundary="{boundary.decode()}"'
    return (("Content-Type", kind),), b"\r\n".join(lines)


def _as_part(headers: Headers, body: bytes) -> Iterator[bytes]:
    for name, value in headers:
        yield f"{name}: {value}".encode("ascii")
    yield b""
    yield body  # ends in CRLF; the one before the boundary is the boundary's own


def _part(subtype: str, text: str) -> tuple[Headers, bytes]:
    """Encode a text whose last line ends."""
    lines = _BREAK.sub("\r\n", text)
    data = (lines if lines.endswith("\r\n") else lines + "\r\n").encode()
    how, body = "7bit", data
    if not _SEVEN_BIT.fullmatch(data) or BOUNDARY_MARK in data:
        how, body = "quoted-printable", b2a_qp(data)
        if len(body) > len(data) * 4 / 3:
            how, body = "base64", _base64(data)
    kind = f'text/{subtype}; charset="utf-8"'
    return (("Content-Type", kind), ("Content-Transfer-Encoding", how)), body


def _base64(data: bytes) -> bytes:
    step = LINE_CHARS // 4 * 3
    return b"".join(
        b2a_base64(data[at : at + step], newline=False) + b"\r\n"
        for at in range(0, len(data), step)
    )


def _is_harmless(words: str) -> bool:
    """Say whether words are one line as they stand, and to a reader that decodes them."""
    words.encode()  # a lone surrogate is another matter
    if not is_one_line(words):
        return False
    return "=?" not in words or is_one_line(str(SMTP.header_factory("Subject", words)))


def _encode(words: str, plain: re.Pattern[str]) -> str:
    if len(words) <= MAX_PLAIN_CHARS and plain.fullmatch(words):
        return words
    return "\r\n ".join(
        f"=?utf-8?b?{b2a_base64(word, newline=False).decode()}?=" for word in _chunks(words)
    )


def _chunks(words: str) -> Iterator[bytes]:
    """Cut words into pieces that an encoded word can hold, between characters (Rule 2)."""
    data = words.encode()
    begin = 0
    while len(data) - begin > WORD_BYTES:
        end = begin + WORD_BYTES
        while data[end] & 0xC0 == 0x80:  # noqa: PLR2004 - the rest of a character, RFC 3629
            end -= 1
        yield data[begin:end]
        begin = end
    yield data[begin:]


def _has_whole_lines(wire: bytes) -> bool:
    """Say whether every CR and LF is one half of a CRLF, and nothing is NUL."""
    breaks = wire.count(b"\r\n")
    return wire.count(b"\r") == wire.count(b"\n") == breaks and b"\x00" not in wire


def is_one_line(decoded: str) -> bool:
    """Say whether a decoded header value holds nothing that some reader takes for a line's end."""
    return _NOT_ONE_LINE.search(decoded) is None


def header_names(wire: bytes) -> list[bytes]:
    """Give the names of the header lines as they stand in the bytes, in lower case."""
    head = wire.partition(b"\r\n\r\n")[0]
    return [name.lower() for name in _HEADER_NAME.findall(head)]
