"""
Twilio stub: the one resource of Twilio's API that we use, as its documentation describes it.

``POST /2010-04-01/Accounts/{AccountSid}/Messages.json`` with basic authentication and the form
fields ``To``, ``From``, ``Body``. 201 with the message as JSON (numbers as text, moments in RFC
2822), or an error object ``{code, message, more_info, status}``: 20003 without the right
credentials, 21211 for a number that is none, 21602 without a body, 21617 for one above 1,600
characters, 21609 for a status callback that is no URL. A form field that the resource does not
have is refused (``CreateMessageRequest`` of Twilio's published OpenAPI, ``twilio_api_v2010``, which
names the fields of ``FIELDS``). Anything else by script.

What it tells later (``told``, ``written``) are requests as Twilio sends them, signed as its page
"Webhooks security" says: HMAC-SHA1, by the account's token, over the URL and the sorted form.
Sources: the pages "Messages resource", "Twilio API responses", "Error and Warning Dictionary",
"Track outbound message status" and "incoming message webhook" of Twilio's documentation.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Self
from urllib.parse import urlencode

from aiohttp import web

from doubles.clock import now_s
from doubles.http_server import HttpServer, Reply

ACCOUNT_SID = "AC" + "0123456789abcdef" * 2
AUTH_TOKEN = "token-4c1d9f0e7a"
API = "/2010-04-01/Accounts"
FIELDS = frozenset({
    "To", "StatusCallback", "ApplicationSid", "MaxPrice", "ProvideFeedback", "Attempt",
    "ValidityPeriod", "ForceDelivery", "ContentRetention", "AddressRetention", "SmartEncoded",
    "PersistentAction", "TrafficType", "ShortenUrls", "ScheduleType", "SendAt", "SendAsMms",
    "ContentVariables", "MessageIntent", "RiskCheck", "From", "FallbackFrom",
    "MessagingServiceSid", "Body", "MediaUrl", "ContentSid",
})  # fmt: skip
_NUMBER = re.compile(r"\+[1-9][0-9]{1,14}")


@dataclass(frozen=True, slots=True)
class Sms:
    """A message that was taken."""

    sid: str
    to: str
    from_: str
    body: str
    form: dict[str, str]
    media: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A request that Twilio sends: where to, its headers and its body."""

    url: str
    headers: dict[str, str]
    body: bytes


def signature(url: str, form: dict[str, str], token: str = AUTH_TOKEN) -> str:
    """Sign a request to ``url``."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    digest = hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def webhook(url: str, form: dict[str, str], token: str = AUTH_TOKEN) -> Webhook:
    """Give a request with a form."""
    headers = {
        "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
        "x-twilio-signature": signature(url, form, token),
        "user-agent": "TwilioProxy/1.1",
    }
    return Webhook(url, headers, urlencode(form).encode())


def told(sms: Sms, status: str, code: str = "", token: str = AUTH_TOKEN) -> Webhook:
    """Tell what became of a message, where it asked for that."""
    form = {
        "AccountSid": ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
        "From": sms.from_,
        "MessageSid": sms.sid,
        "MessageStatus": status,
        "SmsSid": sms.sid,
        "SmsStatus": status,
        "To": sms.to,
        **({"ErrorCode": code} if code else {}),
    }
    return webhook(sms.form["StatusCallback"], form, token)


def written(url: str, text: str, number: str, sid: str = "SM" + "f" * 32, **more: str) -> Webhook:
    """Give what Twilio sends when somebody writes; the text in as few as its own fields."""
    form = {
        "AccountSid": ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
        "Body": text,
        "From": number,
        "FromCountry": "US",
        "MessageSid": sid,
        "NumMedia": "0",
        "NumSegments": "1",
        "SmsMessageSid": sid,
        "SmsSid": sid,
        "SmsStatus": "received",
        "To": "+15005550006",
        **more,
    }
    return webhook(url, form)


def error(code: int, status: int, message: str = "refused", **headers: str) -> Reply:
    """Give the answer by which Twilio refuses."""
    link = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": message, "more_info": link, "status": status}
    json_type = {"Content-Type": "application/json"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {**json_type, **named}, json.dumps(body).encode())


class TwilioStub:
    """See the module's text."""

    def __init__(self) -> None:
        self.server = HttpServer(API + "/{sid}/Messages.json", self._handle)
        self.received: list[Sms] = []

    async def __aenter__(self) -> Self:
        """Start to listen."""
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening."""
        await self.server.stop()

    @property
    def settings(self) -> dict[str, str]:
        """The driver's settings that lead here."""
        return {
            "account_sid": ACCOUNT_SID,
            "auth_token": AUTH_TOKEN,
            "from": "+15005550006",
            "base_url": self.server.url,
        }

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        script = self.server.next_script()
        form = {name: str(value) for name, value in (await request.post()).items()}
        refusal = _judge(request, form)
        if refusal or script:
            return await self.server.play(request, refusal or script or Reply(500))
        sid = f"SM{len(self.received) + 1:032x}"
        sender = form.get("From") or "+15005550006"  # of a messaging service: one of its pool
        media = [str(each) for each in (await request.post()).getall("MediaUrl", [])]
        self.received.append(Sms(sid, form["To"], sender, form["Body"], form, media))
        return web.json_response(_describe(sid, form), status=201)


def _judge(request: web.Request, form: dict[str, str]) -> Reply | None:
    wanted = base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
    is_ours = request.match_info["sid"] == ACCOUNT_SID
    if request.headers.get("Authorization") != f"Basic {wanted}" or not is_ours:
        return error(20003, 401, "Authenticate")
    if request.method != "POST":
        return error(20004, 405, "Method not allowed")
    if not _NUMBER.fullmatch(form.get("To", "")):
        return error(21211, 400, "The 'To' number is not a valid phone number.")
    if not form.keys() <= FIELDS:
        return error(20001, 400, "Invalid parameter")
    if not re.fullmatch(r"(https?://[^_/]+/.*)?", form.get("StatusCallback", "")):
        return error(21609, 400, "The 'StatusCallback' URL is not a valid URL.")
    if not (form.get("From") or form.get("MessagingServiceSid")):
        return error(21603, 400, "A 'From' phone number is required.")
    if not form.get("Body"):
        return error(21602, 400, "Message body is required.")
    if len(form["Body"]) > 1600:
        return error(21617, 400, "The concatenated message body exceeds 1600 characters.")
    return None


def _describe(sid: str, form: dict[str, str]) -> dict[str, object]:
    uri = f"{API}/{ACCOUNT_SID}/Messages/{sid}"
    moment = formatdate(now_s())
    return {
        "account_sid": ACCOUNT_SID,
        "api_version": "2010-04-01",
        "body": form["Body"],
        "date_created": moment,
        "date_sent": None,
        "date_updated": moment,
        "direction": "outbound-api",
        "error_code": None,
        "error_message": None,
        "from": form.get("From"),
        "messaging_service_sid": form.get("MessagingServiceSid"),
        "num_media": "1" if "MediaUrl" in form else "0",
        "num_segments": "1",
        "price": None,
        "price_unit": "USD",
        "sid": sid,
        "status": "queued",
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": form["To"],
        "uri": f"{uri}.json",
    }
