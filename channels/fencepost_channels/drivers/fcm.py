"""
FCM: notifications to Android, and to whatever else is registered with Firebase, by HTTP v1.

Does I/O through ``call``. Sources: Firebase, "Method: projects.messages.send", "ErrorCode",
"Best practices for FCM registration token management".

Rule 1. Only Google's host is called, or for tests one on the loopback.
Rule 2. The access token is a service account's (``google``); 401 asks for another one, and sends
        again, once: a refused request was not taken.
Rule 3. ``collapse_key`` and the notification's ``tag`` are the delivery id, so that a repeat
        replaces; ``ttl`` is what is left of the message's life; priority HIGH for transactional
        messages, NORMAL for marketing. What FCM would say to APNs or to browsers is left alone.
Rule 4. ``UNREGISTERED``, and ``INVALID_ARGUMENT`` about the token itself, are gone. Any other 404
        is a project that is not there: our settings.
Rule 5. 500 and 503 were not accepted (Firebase asks for a retry); what the map does not name is
        unknown.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from fencepost_channels.addresses import (
    LOOPBACK,
    Registration,
    mask_registration,
    parse_registration,
)
from fencepost_channels.bearer import Bearer, Token
from fencepost_channels.call import Answer, CallFailed, json_of, outcome_of, post
from fencepost_channels.driver import DriverIO, DriverSpec, Send, SettingsError
from fencepost_channels.errors import Gone, Misconfigured, Outcome, Rejected, Sent, Unavailable
from fencepost_channels.google import (
    ServiceAccount,
    ask_token,
    read_account,
)
from fencepost_channels.message import (
    Channel,
    Outgoing,
    Purpose,
    PushContent,
    is_delivery_id,
)
from fencepost_channels.notification import members_of
from fencepost_channels.options import read_options

ENDPOINT: Final = "https://fcm.googleapis.com"
SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
MAX_PAYLOAD_BYTES: Final = 4096
MAX_TTL_S: Final = 4 * 7 * 24 * 60 * 60
OK: Final = 200
UNAUTHORIZED: Final = 401
PRIORITY: Final = {Purpose.MARKETING: "NORMAL", Purpose.TRANSACTIONAL: "HIGH"}

OUTCOMES: Mapping[int, Outcome] = {
    400: Rejected("bad_request"),
    401: Misconfigured("token_refused"),
    403: Misconfigured("not_permitted"),
    404: Misconfigured("no_project"),
    408: Unavailable("timeout"),
    413: Rejected("too_large"),
    429: Unavailable("rate_limited"),
    500: Unavailable("server_error"),
    503: Unavailable(),
}


@dataclass(frozen=True, slots=True)
class FcmSettings:
    """
    How to send to FCM.

    Attributes:
        account: ``service_account``: the JSON that Firebase gives out, or the path of its file.
        endpoint: Where FCM is; another one only on 127.0.0.1, for tests.

    """

    account: ServiceAccount
    endpoint: str


def parse_settings(raw: Mapping[str, str]) -> FcmSettings:
    """Read the settings."""
    values = read_options(raw, required=("service_account",), optional={"endpoint": ENDPOINT})
    endpoint = values["endpoint"].rstrip("/")
    may_be_local = endpoint.startswith(f"http://{LOOPBACK}:")
    if endpoint != ENDPOINT and not may_be_local:
        raise SettingsError(
            f'setting "endpoint" must be {ENDPOINT}, or http://127.0.0.1 with a port'
        )
    account = read_account("service_account", values["service_account"], may_be_local=may_be_local)
    return FcmSettings(account, endpoint)


def is_local(settings: FcmSettings) -> bool:
    """Say whether FCM is a test's."""
    return settings.endpoint != ENDPOINT


def write_message(message: Outgoing, content: PushContent, address: Registration) -> dict[str, Any]:
    """Write a message by Rule 3."""
    shown = {"title": content.title, "body": content.body, "image": content.image}
    notification = {"tag": message.delivery_id}
    if content.sound:
        notification["sound"] = content.sound
    return {
        "token": address.token,
        "notification": {name: text for name, text in shown.items() if text},
        "data": members_of(message, content),
        "android": {
            "ttl": f"{min(message.ttl_s, MAX_TTL_S)}s",
            "priority": PRIORITY[message.purpose],
            "collapse_key": message.delivery_id,
            "notification": notification,
        },
    }


def as_json(members: Mapping[str, Any]) -> bytes:
    """Write compact JSON; a lone surrogate raises ``UnicodeEncodeError``."""
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


def outcome_for(answer: Answer, now_s: int) -> Outcome:
    """Read an answer by the map, and by its error code where that says more (Rule 4)."""
    if answer.status == OK:
        return Sent(str(json_of(answer).get("name", ""))[:256])
    error = json_of(answer).get("error")
    details = error.get("details") if isinstance(error, Mapping) else None
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, Mapping):
            if detail.get("errorCode") == "UNREGISTERED":
                return Gone()
            if answer.status in OUTCOMES and _is_about_token(detail):
                return Gone("bad_token")
    return outcome_of(answer, OUTCOMES, now_s)


def _is_about_token(detail: Mapping[str, Any]) -> bool:
    violations = detail.get("fieldViolations")
    return isinstance(violations, list) and any(
        isinstance(each, Mapping) and each.get("field") == "message.token" for each in violations
    )


class _Fcm:
    """The open driver: our token, and the lent session."""

    def __init__(self, settings: FcmSettings, io: DriverIO) -> None:
        self._settings, self._io = settings, io
        self._bearer = Bearer(partial(ask_token, io, settings.account, SCOPE))
        self._url = f"{settings.endpoint}/v1/projects/{settings.account.project}/messages:send"

    async def send(self, message: Outgoing, address: Registration) -> Outcome:
        """Send one message."""
        if not isinstance(message.content, PushContent):
            return Rejected("wrong_content")
        if not is_delivery_id(message.delivery_id):
            return Rejected("bad_delivery_id")
        try:
            members = write_message(message, message.content, address)
            payload = {name: members[name] for name in ("notification", "data")}
            if len(as_json(payload)) > MAX_PAYLOAD_BYTES:
                return Rejected("too_large")
            answer = await self._post(as_json({"message": members}))
        except UnicodeEncodeError:
            return Rejected("not_encodable")
        except CallFailed as failed:
            return failed.outcome
        return outcome_for(answer, self._io.now_s())

    async def _post(self, body: bytes) -> Answer:
        """Ask, and ask once more by a new token when ours was refused (Rule 2)."""
        token = await self._token(None)
        answer = await self._post_by(token, body)
        if answer.status == UNAUTHORIZED:
            answer = await self._post_by(await self._token(token), body)
        return answer

    async def _post_by(self, token: Token, body: bytes) -> Answer:
        headers = {"Authorization": f"Bearer {token.text}", "Content-Type": "application/json"}
        return await post(self._io, self._url, data=body, headers=headers)

    async def _token(self, refused: Token | None) -> Token:
        """Get a token in half of the call's time; without one nothing has been sent."""
        now_s = self._io.now_s()
        try:
            async with asyncio.timeout(self._io.timeout_s / 2):
                if refused is None:
                    return await self._bearer.token(now_s)
                return await self._bearer.renew(refused, now_s)
        except TimeoutError as late:
            raise CallFailed(Unavailable("no_token")) from late


@asynccontextmanager
async def connect(settings: FcmSettings, io: DriverIO) -> AsyncIterator[Send]:
    """Open nothing of its own: connections live in the lent session."""
    yield _Fcm(settings, io).send


driver = DriverSpec(
    name="fcm",
    channels=frozenset({Channel.PUSH}),
    parse_address=partial(parse_registration, service="fcm"),
    mask=mask_registration,
    parse_settings=parse_settings,
    connect=connect,
    secrets=frozenset({"service_account"}),
    max_body_bytes=MAX_PAYLOAD_BYTES,
    calls_loopback=is_local,
)
