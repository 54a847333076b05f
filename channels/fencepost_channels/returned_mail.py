"""
Returned mail: what a message that comes back to our return path says about a delivery.

Pure. Reads delivery status notifications (RFC 3464), complaints (ARF, RFC 5965) and, where a server
writes neither, the words it uses instead. Whether the return token is ours the gateway judges: it
has the key. Nothing here believes who a message says it is from.

Rule 1. A report needs a return token. It is taken from where the message arrived (``to``), else
        from the return path of the original inside it; from nowhere else, so that our own words,
        quoted, are no report.
Rule 2. A notification speaks by its fields: ``failed`` with ``Status`` and ``Diagnostic-Code`` is a
        bounce, hard or soft by ``bounce_codes``; ``delivered`` is a delivery; ``delayed``,
        ``relayed`` and ``expanded`` are nothing yet. Of several recipients the failed one counts:
        the others are copies that somebody else had made.
Rule 3. A complaint counts for ``abuse``, ``fraud`` and ``virus``; ``not-spam`` and ``opt-out``
        are what they say, and other words are nothing.
Rule 4. What is no report, but was written by a machine in return of ours, counts by the code that
        is in it; without a code, or where a person or a holiday notice answers, it is nothing.
Rule 5. Mail whose subject is ``unsubscribe`` and a token says no to what that token names: so
        ``List-Unsubscribe`` has it written (RFC 2369).
Rule 6. A truncated report counts as far as it goes; what cannot be read is nothing. At most
        ``READ_BYTES`` are looked at, ``PARTS_MAX`` parts and groups of fields, ``DEPTH_MAX`` deep.
        A message that says of more than ``PARTS_MAX`` parts that they contain others is nothing:
        what it takes to read grows with the square of their depth.
"""

from __future__ import annotations

import base64
import email
import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.policy import compat32
from itertools import islice
from typing import Final

from fencepost_channels.bounce_codes import basic_in, enhanced_in, is_hard
from fencepost_channels.callback import Report, What

READ_BYTES: Final = 64 * 1024
PARTS_MAX: Final = 50
DEPTH_MAX: Final = 8

_TOKEN = re.compile(r"(?<![a-z2-7])([a-z2-7]{48})(?=@)", re.IGNORECASE)
_UNSUBSCRIBE = re.compile(r"unsubscribe ([a-z2-7]{48})", re.IGNORECASE)
_CONTAINER = re.compile(rb"^content-type:\s*(?:multipart|message)/", re.IGNORECASE | re.MULTILINE)
_ARRIVED = ("X-Original-To", "Delivered-To", "X-Envelope-To", "Envelope-To", "X-RCPT-TO", "To")
_COMPLAINTS: Final[dict[str, What]] = {
    "abuse": "complained",
    "fraud": "complained",
    "virus": "complained",
    "opt-out": "opted_out",
    "opt-out-list": "opted_out",
}
_MACHINE = re.compile(
    r"mailer-daemon|mail delivery|delivery (status|failure|has failed|report)|undeliver"
    r"|returned mail|failure notice|non remis|unzustellbar|반송|수신실패|전송 실패",
    re.IGNORECASE,
)
_QUOTES: Final = ("original", "copy of", "below this line", "원본")


def read_returned(wire: bytes, to: str = "") -> Report | None:
    """
    Read a message that came back.

    Args:
        wire: The message as it arrived; more than ``READ_BYTES`` of it is not looked at.
        to: The mailbox at which it arrived, as the envelope said; empty: its headers know.

    Returns:
        What it reports; None when it reports nothing of ours.

    """
    wire = wire[:READ_BYTES]
    if sum(1 for _ in islice(_CONTAINER.finditer(wire), PARTS_MAX + 1)) > PARTS_MAX:
        return None
    message = email.message_from_bytes(wire, policy=compat32)
    parts = list(_parts(message))
    report_id = hashlib.sha256(wire).hexdigest()[:32]  # another mail is another word
    asked = _UNSUBSCRIBE.fullmatch(_header(message, "Subject"))
    if asked:
        word = asked[1].lower()
        return Report("opted_out", report_id, code="mailto", return_token=word)
    token = _token(message, parts, to)
    if not token:
        return None
    found = _feedback(parts) or _status(parts) or _words(message, parts)
    if found is None:
        return None
    what, code = found
    return Report(what, report_id, code=code, return_token=token)


def _parts(message: Message, depth: int = 0) -> Iterator[Message]:
    """Give every part, the outer first; what is inside the original mail comes last."""
    yield message
    payload = message.get_payload() if message.is_multipart() else None
    if depth < DEPTH_MAX and isinstance(payload, list):
        for part in payload[:PARTS_MAX]:
            if isinstance(part, Message):
                yield from _parts(part, depth + 1)


def _token(message: Message, parts: list[Message], to: str) -> str:
    """Find the return token (Rule 1)."""
    arrived = [to, *(_header(message, name) for name in _ARRIVED)]
    inside: list[str] = []
    for part in parts[1:]:
        inside += (_header(part, "Original-Mail-From"), _header(part, "Return-Path"))
        if part.get_content_type() == "text/rfc822-headers":
            original = email.message_from_string(_text(part), policy=compat32)
            inside.append(_header(original, "Return-Path"))
    for value in (*arrived, *inside):
        found = _TOKEN.search(value)
        if found:
            return found[1].lower()
    return ""


def _feedback(parts: list[Message]) -> tuple[What, str] | None:
    """Read a complaint (Rule 3)."""
    for fields in _fields_of(parts, "message/feedback-report"):
        kind = _header(fields, "Feedback-Type").lower()
        what = _COMPLAINTS.get(kind)
        if what is not None:
            return what, kind.replace("-", "_")
    return None


def _status(parts: list[Message]) -> tuple[What, str] | None:
    """Read a delivery status notification (Rule 2)."""
    delivered = None
    for kind in ("message/delivery-status", "message/global-delivery-status"):
        for fields in _fields_of(parts, kind):
            action = _header(fields, "Action").lower()
            status, said = _header(fields, "Status"), _header(fields, "Diagnostic-Code")
            if action == "failed":
                # What the server said is finer than the status, where it says something.
                return _bounce(basic_in(said), enhanced_in(said) or enhanced_in(status))
            if action == "delivered":
                delivered = "delivered"
    return ("delivered", "") if delivered else None


def _words(message: Message, parts: list[Message]) -> tuple[What, str] | None:
    """Read what a machine says in words (Rule 4)."""
    is_answer = _header(message, "Auto-Submitted").lower().startswith("auto-replied")
    said = f"{_header(message, 'From')} {_header(message, 'Subject')}"
    if is_answer or not _MACHINE.search(said) or any(_is_report(part) for part in parts):
        return None
    for part in parts:
        if part.get_content_type() == "text/plain" and not part.is_multipart():
            text = _before_original(_text(part))
            code, enhanced = basic_in(text), enhanced_in(text)
            if enhanced.startswith(("4.", "5.")) or (code is not None and code >= 400):  # noqa: PLR2004 - refusals
                return _bounce(code, enhanced)
    return None


def _bounce(code: int | None, enhanced: str) -> tuple[What, str]:
    what: What = "bounced_hard" if is_hard(code, enhanced) else "bounced_soft"
    return what, enhanced or (str(code) if code else "")


def _is_report(part: Message) -> bool:
    return part.get_content_type() in {
        "message/delivery-status",
        "message/global-delivery-status",
        "message/feedback-report",
    }


def _fields_of(parts: list[Message], kind: str) -> Iterator[Message]:
    """Give the groups of fields of every part of a kind."""
    for part in parts:
        if part.get_content_type() != kind:
            continue
        for block in re.split(r"\r?\n\r?\n", _text_of_fields(part), maxsplit=PARTS_MAX)[:PARTS_MAX]:
            if block.strip():
                yield email.message_from_string(block.strip(), policy=compat32)


def _text_of_fields(part: Message) -> str:
    """Give the text of a report's part, which the parser takes apart as if it were mail."""
    payload = part.get_payload() if part.is_multipart() else None
    if not isinstance(payload, list):
        return _text(part)
    inside = "\n".join(
        each.as_string() for each in payload[:PARTS_MAX] if isinstance(each, Message)
    )
    if _header(part, "Content-Transfer-Encoding").lower() != "base64":
        return inside
    try:
        return base64.b64decode(inside).decode("utf-8", "replace")
    except ValueError:  # nothing of base64, or more than ASCII
        return ""


def _header(message: Message, name: str) -> str:
    """Give a header as one line of text; empty: it is not there."""
    raw = next((str(v) for each, v in message.raw_items() if each.lower() == name.lower()), "")
    words = raw.encode("utf-8", "surrogateescape").decode("utf-8", "replace")  # as it came
    with suppress(
        ValueError, LookupError, MessageError
    ):  # no encoded words after all, or in odd characters
        words = str(make_header(decode_header(words)))
    return " ".join(words.split())


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _before_original(text: str) -> str:
    """Cut off what is quoted of our own message."""
    kept = []
    for line in text.splitlines():
        if line.startswith("--") and any(word in line.lower() for word in _QUOTES):
            break
        kept.append(line)
    return "\n".join(kept)
