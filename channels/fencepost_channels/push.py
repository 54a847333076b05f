"""
Push: one encrypted, signed request to a push service (RFC 8030, 8291, 8292).

Does I/O through the lent session. Encryption and signature are pywebpush's. Read, not guessed,
about its ``webpush_async``: it follows redirects, reads whole answers, raises for every status
above 202, writes into the claims it is given, and looks a key given as text up as a file. So it is
given a key object and a fresh dict, and in place of a session ``_OneCall``, which makes one
bounded request (``call``) and keeps the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from py_vapid import Vapid02
from pywebpush import WebPushException, webpush_async

from fencepost_channels.addresses import Subscription
from fencepost_channels.call import Answer, CallFailed, post
from fencepost_channels.driver import DriverIO
from fencepost_channels.errors import Rejected

TOKEN_LIFE_S = 12 * 60 * 60  # half of what RFC 8292 section 2 allows: clocks differ


@dataclass(frozen=True, slots=True)
class Sender:
    """Who we are to a push service: our key, and whom it may write to."""

    key: Vapid02 = field(repr=False)
    subject: str


class _OneCall:
    """Stands where pywebpush wants a session, and is the response it gets from it."""

    def __init__(self, io: DriverIO) -> None:
        self._io = io
        self.answer: Answer | None = None
        self.status = 0
        self.reason = ""  # pywebpush would write it into an exception's text

    async def post(self, url: str, *, data: bytes, headers: dict[str, str], **_: Any) -> _OneCall:
        self.answer = await post(self._io, url, data=data, headers=headers)
        self.status = self.answer.status
        return self

    async def text(self) -> str:
        return ""


async def push(
    io: DriverIO,
    sender: Sender,
    address: Subscription,
    payload: str,
    *,
    ttl_s: int,
    headers: Mapping[str, str],
) -> Answer:
    """
    Encrypt ``payload`` for ``address`` and hand it to its push service.

    Returns:
        The push service's answer, whatever its status.

    Raises:
        CallFailed: There was none.

    """
    call = _OneCall(io)
    # It raises for every status above 202; the answer is kept and its status decides.
    with suppress(WebPushException):
        await webpush_async(
            subscription_info={
                "endpoint": address.endpoint,
                "keys": {"p256dh": address.p256dh, "auth": address.auth},
            },
            data=payload,
            vapid_private_key=sender.key,
            vapid_claims={
                "sub": sender.subject,
                "aud": address.origin,
                "exp": io.now_s() + TOKEN_LIFE_S,
            },
            ttl=ttl_s,
            timeout=io.timeout_s,
            headers=dict(headers),
            aiohttp_session=call,
        )
    if call.answer is None:
        raise CallFailed(Rejected("not_encodable"))
    return call.answer
