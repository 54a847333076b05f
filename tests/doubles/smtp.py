"""
SMTP: a relay that does what its script says, in a thread of its own.

aiosmtpd speaks the protocol and the standard library parses what arrives. ``script`` maps a phase
(``greeting ehlo auth mail rcpt data dot``) to a reply line, to ``SILENCE`` or to ``DROP``; what it
does not name goes well. ``recipients`` does the same for single mailboxes at RCPT, ``scripts`` for
the connection of that number, the first being 1. ``messages_max`` is how many messages a connection
may bring before MAIL is answered with 421; ``hang_up`` ends the connections that are open, as an
idle limit would. ``said`` is what was asked for, as (number of the connection, command).

    with Mta() as mta:
        mta.script["dot"] = SILENCE
        ...
        mta.received[0].message["Subject"]

Port 0 of 127.0.0.1. With ``tls`` (a server-side context) it offers STARTTLS, or, with ``is_smtps``,
expects TLS from the first byte. With ``login`` it asks for that user name and password.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import threading
from dataclasses import dataclass
from email.message import EmailMessage
from typing import TYPE_CHECKING, Any, AnyStr, Self, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session, syntax

if TYPE_CHECKING:
    import ssl

SILENCE = "silence"
DROP = "drop"


@dataclass(frozen=True, slots=True)
class Mail:
    """A message that was taken: its envelope, its bytes, and what a mail reader sees."""

    sender: str
    recipients: tuple[str, ...]
    wire: bytes
    message: EmailMessage
    was_encrypted: bool


class Mta:
    """See the module's text."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        is_smtps: bool = False,
        login: tuple[str, str] | None = None,
    ) -> None:
        self.script: dict[str, str] = {}
        self.recipients: dict[str, str] = {}
        self.scripts: dict[int, dict[str, str]] = {}
        self.messages_max: int | None = None
        self.connections = 0
        self.said: list[tuple[int, str]] = []
        self.received: list[Mail] = []
        self.host = "127.0.0.1"
        self.port = 0
        self.open_transports: set[asyncio.Transport] = set()
        self._tls, self._is_smtps, self._login = tls, is_smtps, login
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mta", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread and listen."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(timeout=10)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening, cut the conversations, end the thread."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    @property
    def settings(self) -> dict[str, str]:
        """The driver's settings that lead here, without TLS."""
        return {
            "host": self.host,
            "port": str(self.port),
            "tls": "none",
            "from": "hello@shop.example",
        }

    def hang_up(self) -> None:
        """End every connection that is open, and wait until that is done."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(timeout=10)

    async def _hang_up(self) -> None:
        for transport in [*self.open_transports]:
            transport.abort()
        while self.open_transports:  # noqa: ASYNC110 - gone after this loop's next turns
            await asyncio.sleep(0)

    async def _listen(self) -> None:
        tls = self._tls if self._is_smtps else None
        self._server = await self._loop.create_server(self._conversation, self.host, 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        self._server.close()
        await self._hang_up()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _conversation(self) -> SMTP:
        return _Conversation(
            self,
            _Hooks(self, is_smtps=self._is_smtps),
            hostname="mta.example",
            loop=self._loop,
            tls_context=None if self._is_smtps else self._tls,
            # "Required" is said at MAIL: aiosmtpd warns of it without TLS. Without TLS and a login
            # it does not offer AUTH at all.
            auth_require_tls=self._login is None or (self._tls is not None and not self._is_smtps),
            authenticator=self._authenticate,
        )

    def _authenticate(self, *arguments: Any) -> AuthResult:
        given = cast("LoginPassword", arguments[-1])
        user, password = self._login or ("", "")
        is_right = (given.login, given.password) == (user.encode(), password.encode())
        if "auth" in self.script:
            return AuthResult(success=False, handled=False, message=self.script["auth"])
        return AuthResult(success=is_right, handled=False)

    def wants_login(self, session: Session) -> bool:
        """Say whether the client must log in first."""
        return self._login is not None and not session.authenticated

    async def say(self, phase: str, server: SMTP, usual: str) -> str:
        """Give the reply of a phase, or leave the client without one."""
        number = cast("_Conversation", server).number
        if phase == "mail" and self._is_worn(number):
            usual = "421 4.7.0 too many messages in this session"
        self.said.append((number, phase))
        script = {**self.script, **self.scripts.get(number, {})}
        return await self._perform(script.get(phase, usual), server)

    def _is_worn(self, number: int) -> bool:
        return self.messages_max is not None and (
            self.said.count((number, "dot")) >= self.messages_max
        )

    async def _perform(self, reply: str, server: SMTP) -> str:
        if reply == SILENCE:
            await asyncio.Event().wait()
        if reply == DROP:
            cast("asyncio.Transport", server.transport).abort()
        return reply

    async def say_to_recipient(self, address: str, server: SMTP) -> str:
        """Give the reply at RCPT."""
        reply = await self._perform(self.recipients.get(address, "250 OK"), server)
        return await self.say("rcpt", server, reply)

    def take(self, envelope: Envelope, *, was_encrypted: bool) -> None:
        """Keep a message that was accepted."""
        wire = cast("bytes", envelope.original_content)
        recipients = tuple(str(to) for to in envelope.rcpt_tos)
        message = email.message_from_bytes(wire, policy=email.policy.default)
        self.received.append(
            Mail(str(envelope.mail_from), recipients, wire, message, was_encrypted)
        )


class _Hooks:
    """What aiosmtpd calls, under its names."""

    def __init__(self, mta: Mta, *, is_smtps: bool) -> None:
        self._mta = mta
        self._is_smtps = is_smtps

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, _envelope: Envelope, hostname: str, replies: list[str]
    ) -> list[str]:
        session.host_name = hostname
        reply = await self._mta.say("ehlo", server, "")
        return [reply] if reply else replies

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        usual = "530 5.7.0 log in first" if self._mta.wants_login(session) else "250 OK"
        reply = await self._mta.say("mail", server, usual)
        if reply.startswith("2"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return reply

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        reply = await self._mta.say_to_recipient(address, server)
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_RSET(  # noqa: N802
        self, server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        return await self._mta.say("rset", server, "250 OK")

    async def handle_QUIT(  # noqa: N802
        self, server: SMTP, _session: Session, _envelope: Envelope
    ) -> str:
        return await self._mta.say("quit", server, "221 Bye")

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        reply = await self._mta.say("dot", server, "250 2.0.0 OK: queued")
        if reply.startswith("2"):
            self._mta.take(envelope, was_encrypted=session.ssl is not None or self._is_smtps)
        return reply


class _Conversation(SMTP):  # aiosmtpd offers no hook for these two
    """aiosmtpd's own, with a say before its greeting and before its 354."""

    def __init__(self, mta: Mta, hooks: _Hooks, **options: Any) -> None:
        super().__init__(hooks, **options)
        self._mta = mta
        self._first: asyncio.Transport | None = None
        self.number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._first is None:  # STARTTLS comes by a second time
            self._mta.connections += 1
            self.number = self._mta.connections
            self._first = cast("asyncio.Transport", transport)
            self._mta.open_transports.add(self._first)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._mta.open_transports.discard(cast("asyncio.Transport", self._first))

    async def push(self, status: AnyStr) -> None:
        if str(status).startswith("220 mta.example"):
            await super().push(await self._mta.say("greeting", self, str(status)))
        else:
            await super().push(status)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        reply = await self._mta.say("data", self, "")
        if reply:
            await self.push(reply)
        else:
            await super().smtp_DATA(arg)
