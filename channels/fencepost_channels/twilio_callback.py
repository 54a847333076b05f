"""
Twilio callback: what Twilio tells later, and what people write back.

Pure. Sources: Twilio's pages "Webhooks security", "Track outbound message status", "Twilio's
request to your incoming message webhook URL", "Advanced Opt-Out", and its error dictionary.

Rule 1. ``X-Twilio-Signature`` is checked by Twilio's own validator over the public URL: with the
        form's fields, or, where the URL has ``bodySHA256``, with the hash of the JSON body. Nothing
        is read before.
Rule 2. A request with ``MessageStatus`` tells what became of a message of ours, which the URL names
        (``delivery``); ``accepted``, ``queued`` and ``sending`` tell nothing new. One status of one
        message is one report, however often and in whatever order it comes.
Rule 3. A failure is judged by its error code: the number does not exist, it could not be reached
        for now, its owner said stop, or the message was at fault.
Rule 4. Any other request with ``From`` and ``Body`` is a message from a person. ``OptOutType`` says
        that Twilio has understood it as STOP, START or HELP and has answered by itself.
Rule 5. A message of theirs is answered in the answer to its request, as TwiML.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, parse_qsl, urlsplit
from xml.sax.saxutils import escape

from multidict import MultiDict

from fencepost_channels.callback import Callback, CallbackRefused, Reading, Report, What
from fencepost_channels.message import is_delivery_id

FIELDS_MAX: Final = 200  # a message with ten media has about sixty
TWIML: Final = "text/xml"
NO_ANSWER: Final = b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
DELIVERY: Final = "delivery"  # of the query of the URL that a message is sent with
_SID_MAX: Final = 64

STATUSES: Final[Mapping[str, What]] = {
    "sent": "sent",
    "delivered": "delivered",
    "read": "displayed",
    "failed": "failed",
    "undelivered": "failed",
    "canceled": "failed",
}
CODES: Final[Mapping[str, What]] = {
    "21211": "bounced_hard",  # invalid number
    "21610": "opted_out",
    "21614": "bounced_hard",  # no mobile number
    "21635": "bounced_hard",  # landline
    "30003": "bounced_soft",  # unreachable handset
    "30004": "failed",  # blocked by the carrier or the handset's owner
    "30005": "bounced_hard",  # unknown handset
    "30006": "bounced_hard",  # landline, or a carrier that cannot be reached
    "30007": "failed",  # filtered by the carrier
    "30008": "bounced_soft",  # unknown
    "63003": "bounced_hard",  # no such recipient on the channel
    "63024": "bounced_hard",  # invalid recipient
}


def read_callback(token: str, callback: Callback) -> Reading:
    """
    Read a request by the rules above.

    Args:
        token: The account's token, by which Twilio signs.
        callback: The request.

    Raises:
        CallbackRefused: It is not Twilio's, or nothing that Twilio sends.

    """
    fields = _fields(token, callback)
    sid = fields.get("MessageSid") or fields.get("SmsSid") or fields.get("SmsMessageSid") or ""
    if not sid or len(sid) > _SID_MAX or not sid.isalnum():
        raise CallbackRefused("malformed")
    if "MessageStatus" in fields:
        return Reading(_told(callback, fields, sid))
    if not fields.get("From"):
        raise CallbackRefused("malformed")
    return Reading((_written(fields, sid),), TWIML, NO_ANSWER)


def write_reply(text: str) -> tuple[str, bytes]:
    """Answer whoever wrote (Rule 5); gives content type and body."""
    kept = "".join(c for c in text if c.isprintable() or c == "\n")  # XML has no other controls
    body = f"<Response><Message>{escape(kept)}</Message></Response>"
    return TWIML, f'<?xml version="1.0" encoding="UTF-8"?>{body}'.encode()


def _fields(token: str, callback: Callback) -> Mapping[str, str]:
    """Give the fields of a request whose signature holds (Rule 1)."""
    from twilio.request_validator import RequestValidator  # noqa: PLC0415 - who sends no SMS has none

    signature = callback.headers.get("x-twilio-signature", "")
    if not signature:
        raise CallbackRefused("not_signed")
    try:
        text = callback.body.decode("utf-8")
        is_json = "bodySHA256" in parse_qs(urlsplit(callback.url).query)
        params: Any = text if is_json else MultiDict(_form(text))
        found = _json(text) if is_json else params
        is_signed = RequestValidator(token).validate(callback.url, params, signature)
    except (ValueError, RecursionError):  # an address with a port that is none, too
        raise CallbackRefused("malformed") from None
    if not is_signed:
        raise CallbackRefused("bad_signature")
    return found


def _form(text: str) -> list[tuple[str, str]]:
    if not text:
        return []
    return parse_qsl(
        text,
        keep_blank_values=True,
        strict_parsing=True,
        errors="strict",
        max_num_fields=FIELDS_MAX,
    )


def _json(text: str) -> dict[str, str]:
    found = json.loads(text)
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _told(callback: Callback, fields: Mapping[str, str], sid: str) -> tuple[Report, ...]:
    """Read what became of a message (Rules 2 and 3)."""
    status = fields["MessageStatus"]
    what = STATUSES.get(status)
    if what is None:
        return ()
    code = fields.get("ErrorCode", "")
    code = code if code.isascii() and code.isdigit() and len(code) <= 6 else ""  # noqa: PLR2004 - as all are
    if what == "failed":
        what = CODES.get(code, "failed")
    named = parse_qs(urlsplit(callback.url).query).get(DELIVERY, [""])[0]
    delivery_id = named if is_delivery_id(named) else ""
    # Whose no it is, and which number does not exist, has to be known where no delivery is.
    concerns = what in {"opted_out", "bounced_hard"} and fields.get("To")
    to = {"address": fields["To"]} if concerns else None
    return (Report(what, f"{sid}:{status}", delivery_id, sid, code=code, address=to),)


def _written(fields: Mapping[str, str], sid: str) -> Report:
    """Read what a person wrote (Rule 4)."""
    kind = fields.get("OptOutType", "").upper()
    code = kind if kind in {"STOP", "START", "HELP"} else ""
    return Report(
        "opted_out" if code == "STOP" else "replied",
        f"{sid}:in",
        code=code,
        address={"address": fields["From"]},
        text=fields.get("Body", ""),
    )
