"""A real mail server: what it takes from the driver, and what it says later."""

from __future__ import annotations

import asyncio
import email
import email.policy
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import aiohttp
import pytest

from doubles.clock import now_s
from doubles.dkim_keys import ed25519_pem, is_signed, rsa_pem, zone_of
from fencepost_channels.addresses import Mailbox
from fencepost_channels.conformance import DELIVERY_ID, Lent
from fencepost_channels.driver import Send
from fencepost_channels.drivers.email import connect
from fencepost_channels.email_settings import parse_settings
from fencepost_channels.errors import Gone, Sent
from fencepost_channels.message import EmailContent, Links, Outgoing, Purpose
from fencepost_channels.returned_mail import read_returned
from fencepost_gateway.intake.tickets import read_return_token, write_return_token
from mail.postfix import Postfix, why_not

pytestmark = [
    pytest.mark.long,
    pytest.mark.feature("C06"),
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "it runs"),
]

TO = Mailbox("sora@example.com")
TOKEN = write_return_token("seed", DELIVERY_ID)
MESSAGE = Outgoing(
    DELIVERY_ID,
    Purpose.MARKETING,
    EmailContent("비 오는 날 요가", "Grüße,\n.\n..das Team  \n", "<p>Grüße</p>"),
    ttl_s=900,
    links=Links("https://edge.example/v1/unsubscribe/m.x", return_token=TOKEN),
)
PAYLOAD = "MAIL FROM:<hello@shop.example>@RCPT TO:<sora@example.com>@DATA@Subject: smuggled@@x@.@"
ENDS = ("\r\n", "\n", "\r", "\r\r\n", "\n\r", "\r\n\x00", "\x85", "\u2028", "\x0b", "\x0c")


@pytest.fixture(scope="module")
def mail() -> Iterator[Postfix]:
    """Postfix, in a folder that its own user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="fencepost-mail-"))
    folder.chmod(0o755)
    with Postfix(folder) as server:
        yield server
    shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def opened(mail: Postfix, **changed: str) -> AsyncIterator[Send]:
    """Open the driver with its way to the server, over STARTTLS."""
    await mail.ready()
    settings = parse_settings(settings_of(mail) | changed)
    async with aiohttp.ClientSession() as session, connect(settings, lent(session)) as send:
        yield send


def settings_of(mail: Postfix) -> dict[str, str]:
    """Give the settings that lead to the server."""
    return {
        "host": mail.host,
        "port": str(mail.port),
        "ca_file": str(mail.ca_file),
        "from": "hello@shop.example",
        "bounce_domain": "bounce.shop.example",
    }


def lent(session: aiohttp.ClientSession) -> Lent:
    """Give what a gateway lends, with a time limit like its own."""
    return Lent(session, 20.0, now_s())


def read(wire: bytes) -> EmailMessage:
    """Read a message as a mail reader does."""
    return email.message_from_bytes(wire, policy=email.policy.default)


@pytest.mark.parametrize("pem", [rsa_pem(), ed25519_pem()])
async def test_signature_survives_a_mail_server(mail: Postfix, pem: str) -> None:
    """What was delivered is believed by a receiver who looks the key up."""
    signed = {"dkim_selector": "fp1", "dkim_private_key": pem}
    async with opened(mail, **signed) as send:
        outcome = await send(MESSAGE, TO)
    [wire] = await mail.delivered(TO.address)

    key = parse_settings(settings_of(mail) | signed).dkim
    assert key is not None
    assert outcome == Sent()
    assert b"ESMTPS" in wire
    crlf = wire.replace(b"\n", b"\r\n")
    assert is_signed(crlf, zone_of(key))
    assert not is_signed(crlf.replace(b"One-Click", b"No-Click"), zone_of(key))
    message = read(wire)
    assert message["Return-Path"] == f"<bounce+{TOKEN}@bounce.shop.example>"
    assert message["Subject"] == "비 오는 날 요가"


@pytest.mark.bad_input(113)
async def test_no_body_makes_a_second_message(mail: Postfix) -> None:
    """Whatever ends the lines of a body that speaks SMTP, exactly one message arrives for it."""
    texts = [
        f"a{first}.{second}{PAYLOAD.replace('@', third)}"
        for first in ENDS for second in ENDS for third in ("\r\n", "\n", "\r")
    ]  # fmt: skip
    texts += [".", "..", ".\n", "\n.", "\r\n.\r\n", ".a\n..b\n...c", "a" * 5000 + "\n.\n"]
    subject = "비 오는 날 요가"
    async with opened(mail, connections="3") as send:
        for text in texts:
            message = replace(MESSAGE, content=EmailContent(subject, text))
            assert await send(message, TO) == Sent()
    await mail.settled()
    wires = await mail.delivered(TO.address, len(texts))

    assert len(wires) == len(texts)
    assert {str(read(wire)["Subject"]) for wire in wires} == {subject}


async def test_many_messages_arrive_once_each(mail: Postfix) -> None:
    """Over a few connections, with a limit of messages on each, nothing is lost or doubled."""
    ids = [f"{DELIVERY_ID[:-2]}{a}{b}" for a in "abcdefgh" for b in "234567"]
    async with opened(mail, connections="3", messages_per_connection="7") as send:
        calls = (send(replace(MESSAGE, delivery_id=each), TO) for each in ids)
        outcomes = await asyncio.gather(*calls)
    wires = await mail.delivered(TO.address, len(ids))

    assert outcomes == [Sent()] * len(ids)
    seen = sorted(str(read(wire)["Message-ID"]) for wire in wires)
    assert seen == sorted(f"<{each}@shop.example>" for each in ids)


async def test_unknown_mailbox_is_gone(mail: Postfix) -> None:
    """A server that knows its mailboxes says so at once; the next message goes."""
    async with opened(mail) as send:
        outcomes = [await send(MESSAGE, Mailbox("nobody@example.com")), await send(MESSAGE, TO)]
    await mail.delivered(TO.address)

    assert outcomes == [Gone("hard_bounce"), Sent()]


async def test_bounce_comes_back_to_the_deliverys_own_mailbox(mail: Postfix) -> None:
    """A server that says it later sends a report (RFC 3464) to the address with our token."""
    async with opened(mail, port=str(mail.lenient_port)) as send:
        outcome = await send(MESSAGE, Mailbox("nobody@example.com"))
    [wire] = await mail.delivered("bounce@bounce.shop.example")

    report = read_returned(wire)
    assert outcome == Sent()
    assert report is not None
    assert (report.what, report.code) == ("bounced_hard", "5.1.1")
    assert read_return_token("seed", report.return_token) == DELIVERY_ID
