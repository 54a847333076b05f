"""
Twilio client: Twilio's own client on our lent session, within our limits.

Does I/O through ``call``. Twilio's package is imported when a client is built, in a thread: it
takes a third of a second, and who sends no SMS shall not wait for it. Read about that client: its
own HTTP transport opens a session of its own and has no limits, and without an environment it
looks for a region in the process's. So it gets ``_Transport`` and an environment that says nothing.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp

from fencepost_channels.call import Answer, CallFailed, post
from fencepost_channels.driver import DriverIO
from fencepost_channels.errors import Outcome, Unknown

if TYPE_CHECKING:
    from twilio.http.response import Response

Refusal = Callable[[Answer, int], Outcome]
"""What an answer that is no success means, at a moment in seconds."""

Create = Callable[..., Awaitable[str]]
"""Takes the members of a new message (``to``, ``from_``, ``body`` ...), gives its SID."""

_SID = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class Account:
    """Whose account it is, and where Twilio is."""

    sid: str
    token: str = field(repr=False)
    base_url: str


class _Transport:
    """Stands where the client wants its HTTP transport; a refusal leaves it as ``CallFailed``."""

    is_async = True

    def __init__(self, io: DriverIO, refusal: Refusal) -> None:
        self._io = io
        self._refusal = refusal

    async def request(self, _method: str, url: str, **call: Any) -> Response:
        from twilio.http.response import Response  # noqa: PLC0415 - loaded with the client

        headers = {**call["headers"], "Authorization": aiohttp.encode_basic_auth(*call["auth"])}
        answer = await post(self._io, url, data=call["data"], headers=headers)
        if not 200 <= answer.status < 300:  # noqa: PLR2004 - the class of success
            raise CallFailed(self._refusal(answer, self._io.now_s()))
        return Response(answer.status, answer.body.decode("utf-8"), answer.headers)


async def open_messages(account: Account, io: DriverIO, refusal: Refusal) -> Create:
    """
    Build a client and give its way to create a message.

    Args:
        account: Whose message it is.
        io: What the gateway lends.
        refusal: The judge of answers that are no success.

    Returns:
        A coroutine function that gives the new message's SID, or raises ``CallFailed`` with the
        outcome; what cannot be encoded raises ``UnicodeEncodeError`` before anything leaves.

    """
    messages = await asyncio.to_thread(_load, account, _Transport(io, refusal))

    async def create(**members: Any) -> str:
        try:
            sid = (await messages.create_async(**members)).sid
        except UnicodeEncodeError:
            raise
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as odd:
            raise CallFailed(Unknown("unreadable_answer")) from odd
        if isinstance(sid, str) and _SID.fullmatch(sid):
            return sid
        raise CallFailed(Unknown("unreadable_answer"))

    return create


def _load(account: Account, transport: _Transport) -> Any:
    from twilio.rest import Client  # noqa: PLC0415 - lazy, see above

    client = Client(
        account.sid,
        account.token,
        http_client=transport,
        environment={"TWILIO_REGION": ""},  # an empty one would mean the process's
    )
    client.api.base_url = account.base_url
    return client.messages
