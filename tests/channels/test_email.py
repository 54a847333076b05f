from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from doubles.authority import Authority, issue
from doubles.dkim_keys import ed25519_pem, is_signed, rsa_pem, zone_of
from doubles.smtp import DROP, SILENCE, Mta
from fencepost_channels.addresses import Mailbox
from fencepost_channels.conformance import DELIVERY_ID, Lent
from fencepost_channels.driver import Send, SettingsError
from fencepost_channels.drivers.email import connect
from fencepost_channels.email_settings import parse_settings
from fencepost_channels.errors import (
    Gone,
    Misconfigured,
    Outcome,
    Rejected,
    Sent,
    Unavailable,
    Unknown,
)
from fencepost_channels.message import EmailContent, Links, Outgoing, Purpose

if TYPE_CHECKING:
    from doubles.smtp import Mail

TO = Mailbox("sora@example.com")
CONTENT = EmailContent("비 오는 날 요가", "Grüße,\n.\ndas Team", "<p>Grüße</p>")
MESSAGE = Outgoing(DELIVERY_ID, Purpose.MARKETING, CONTENT, ttl_s=900)
TOKEN = DELIVERY_ID + "a" * 16
MARKETING = replace(
    MESSAGE,
    links=Links("https://edge.example/v1/unsubscribe/m.x", return_token=TOKEN),
)
LOGIN = ("shop", "pässword")


@pytest.fixture
async def send(mta: Mta, patient: Lent) -> AsyncIterator[Send]:
    """The driver, open."""
    async with connect(parse_settings(mta.settings), patient) as send:
        yield send


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """A certificate for the relay."""
    return issue(tmp_path)


async def send_with(
    mta: Mta, patient: Lent, message: Outgoing = MESSAGE, **changed: str
) -> Outcome:
    """Send one message with settings that differ from the usual."""
    settings = parse_settings({**mta.settings, **changed})
    async with connect(settings, patient) as send:
        return await send(message, TO)


async def test_email_arrives_as_one_message(send: Send, mta: Mta) -> None:
    """A real server receives one message to one mailbox, and a real parser reads it."""
    outcome = await send(MESSAGE, TO)

    (mail,) = mta.received
    assert outcome == Sent()
    assert (mail.sender, mail.recipients) == ("hello@shop.example", ("sora@example.com",))
    assert mail.message["Subject"] == "비 오는 날 요가"
    assert mail.message["Message-ID"] == f"<{DELIVERY_ID}@shop.example>"
    assert _bodies(mail) == ["Grüße,\n.\ndas Team\n", "<p>Grüße</p>\n"]


async def test_sender_has_its_name(mta: Mta, patient: Lent) -> None:
    """The name of the settings stands beside our mailbox."""
    await send_with(mta, patient, from_name="요가 Studio")

    (sender,) = mta.received[0].message["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("요가 Studio", "hello@shop.example")


@pytest.mark.feature("C06")
async def test_marketing_says_how_to_stop_it(mta: Mta, patient: Lent) -> None:
    """The link of one POST, and a mailbox where one is set (RFC 8058, RFC 2369)."""
    await send_with(mta, patient, MARKETING, unsubscribe_mailbox="stop@shop.example")

    message = mta.received[0].message
    assert message["List-Unsubscribe"] == (
        "<https://edge.example/v1/unsubscribe/m.x>, "
        f"<mailto:stop@shop.example?subject=unsubscribe%20{TOKEN}>"
    )
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


@pytest.mark.feature("C06")
async def test_service_message_offers_no_unsubscription(mta: Mta, patient: Lent) -> None:
    """A transactional message has no such header, unless the settings ask for it."""
    service = replace(MARKETING, purpose=Purpose.TRANSACTIONAL)
    await send_with(mta, patient, service, unsubscribe_mailbox="stop@shop.example")
    await send_with(mta, patient, service, list_unsubscribe="all")

    first, second = (mail.message for mail in mta.received)
    assert "List-Unsubscribe" not in first
    assert "List-Unsubscribe-Post" not in first
    assert second["List-Unsubscribe"] == "<https://edge.example/v1/unsubscribe/m.x>"


@pytest.mark.parametrize(
    "link",
    [
        "",
        "http://edge.example/v1/unsubscribe/m.x",
        "https://edge.example/>,<https://evil.example",
        "https://edge.example/\r\nBcc: x@y.com",
        "javascript:alert(1)",
    ],
)
async def test_one_click_is_promised_over_https_alone(mta: Mta, patient: Lent, link: str) -> None:
    """Without a link over https nobody is told that one POST is enough (RFC 8058 section 3.1)."""
    await send_with(mta, patient, replace(MARKETING, links=Links(unsubscribe=link)))

    message = mta.received[0].message
    assert "List-Unsubscribe-Post" not in message
    assert message["List-Unsubscribe"] == (f"<{link}>" if link.startswith("http:") else None)


async def test_bounces_come_to_a_mailbox_of_their_own(mta: Mta, patient: Lent) -> None:
    """With a bounce domain the envelope names the delivery; the From header does not change."""
    await send_with(mta, patient, MARKETING, bounce_domain="bounce.shop.example")

    (mail,) = mta.received
    assert mail.sender == f"bounce+{TOKEN}@bounce.shop.example"
    assert mail.message["From"] == "hello@shop.example"
    assert len(mail.sender.partition("@")[0]) <= 64


@pytest.mark.parametrize("token", ["", "x\r\nRCPT TO:<a@b.com>", "a" * 58, "A"])
async def test_bounces_without_a_token_come_to_us(mta: Mta, patient: Lent, token: str) -> None:
    """What names no delivery stands in no envelope."""
    message = replace(MARKETING, links=Links(return_token=token))
    await send_with(mta, patient, message, bounce_domain="bounce.shop.example")

    assert mta.received[0].sender == "hello@shop.example"


async def test_headers_that_are_set_are_there(mta: Mta, patient: Lent) -> None:
    """Reply-To and Feedback-ID come from the settings; a machine says that it is one."""
    message = replace(MARKETING, facts={"campaign_id": "rain-yoga"})
    await send_with(mta, patient, message, reply_to="help@shop.example", feedback_id="shop1")
    await send_with(mta, patient, replace(message, facts={"campaign_id": "a:b\r\nBcc: c"}),
                    feedback_id="shop1")  # fmt: skip

    first, second = (mail.message for mail in mta.received)
    assert first["Reply-To"] == "help@shop.example"
    assert first["Feedback-ID"] == "rain-yoga:marketing:fencepost:shop1"
    assert second["Feedback-ID"] == ":marketing:fencepost:shop1"
    assert first["Auto-Submitted"] == "auto-generated"


@pytest.mark.feature("C06")
@pytest.mark.parametrize("pem", [rsa_pem(), ed25519_pem()])
async def test_signature_survives_the_way(mta: Mta, patient: Lent, pem: str) -> None:
    """What the relay received is believed by a receiver who looks the key up."""
    signed = {"dkim_selector": "fp1", "dkim_private_key": pem}
    content = EmailContent("요가", ".\n..a\nGrüße\n", "<p>Grüße</p>")
    await send_with(mta, patient, replace(MARKETING, content=content), **signed)

    key = parse_settings({**mta.settings, **signed}).dkim
    assert key is not None
    assert is_signed(mta.received[0].wire, zone_of(key))


@pytest.mark.bad_input(113)
@pytest.mark.parametrize(
    "text",
    [
        "a\n.\nMAIL FROM:<x@y.com>\nb",
        "a\r.\rb",
        "a\n.\rb",
        ".\n",
        ".a\n..b\n",
        "\r\n.\r\n",
        "a\rb\n\nc",
    ],
)
async def test_body_cannot_end_the_message(send: Send, mta: Mta, text: str) -> None:
    """Dots and odd line ends in a body give exactly one message, with the dots in it."""
    outcome = await send(replace(MESSAGE, content=EmailContent("Hi", text)), TO)

    (mail,) = mta.received
    assert outcome == Sent()
    lines = _bodies(mail)[0].split("\n")
    assert lines == [
        *text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n"),
        "",
    ]


@pytest.mark.bad_input(111)
@pytest.mark.parametrize("subject", ["hi\r\nBcc: x@y.com", "=?utf-8?q?hi=0D=0ABcc:_x@y.com?="])
async def test_injected_header_is_not_sent(send: Send, mta: Mta, subject: str) -> None:
    """A subject that would make a header is refused before a connection is opened."""
    outcome = await send(replace(MESSAGE, content=EmailContent(subject, "Text")), TO)

    assert outcome == Rejected("header_injection")
    assert mta.received == []


@pytest.mark.parametrize(
    ("phase", "reply", "outcome"),
    [
        ("greeting", "421 busy", Unavailable("deferred")),
        ("greeting", "554 go away", Unavailable("relay_refuses")),
        ("greeting", DROP, Unavailable("no_connection")),
        ("greeting", SILENCE, Unavailable("no_connection")),
        ("ehlo", SILENCE, Unavailable("no_connection")),
        ("mail", "451 later", Unavailable("deferred")),
        ("mail", "530 5.7.0 Authentication required", Misconfigured("auth_refused")),
        ("mail", "550 5.7.1 not your domain", Misconfigured("sender_refused")),
        ("mail", DROP, Unavailable("connection_lost")),
        ("rcpt", "450 greylisted", Unavailable("deferred")),
        ("rcpt", "421 shutting down", Unavailable("deferred")),
        ("rcpt", "550 5.1.1 no such user", Gone("hard_bounce")),
        ("rcpt", "521 accepts no mail", Gone("hard_bounce")),
        ("rcpt", "551 moved", Gone("hard_bounce")),
        ("rcpt", "553 bad name", Gone("hard_bounce")),
        ("rcpt", "556 null MX", Gone("hard_bounce")),
        ("rcpt", "554 5.2.1 disabled", Gone("hard_bounce")),
        ("rcpt", "554 5.1.10 null MX", Rejected("recipient_refused")),
        ("rcpt", "552 5.2.2 mailbox full", Rejected("recipient_refused")),
        ("rcpt", "550 5.2.2 mailbox full", Rejected("recipient_refused")),
        ("rcpt", "550 5.7.26 we are not authenticated", Rejected("recipient_refused")),
        ("rcpt", "550 5.7.1 not wanted", Gone("hard_bounce")),
        ("rcpt", "530 log in first", Misconfigured("auth_refused")),
        ("rcpt", SILENCE, Unavailable("connection_lost")),
        ("data", "451 later", Unavailable("deferred")),
        ("data", "554 no", Rejected("message_refused")),
        ("data", DROP, Unavailable("connection_lost")),
        ("data", SILENCE, Unavailable("connection_lost")),
        ("dot", "250 OK", Sent()),
        ("dot", "251 OK", Sent()),
        ("dot", "451 4.7.1 later", Unavailable("deferred")),
        ("dot", "554 5.7.1 spam", Rejected("message_refused")),
        ("dot", "550 5.1.1 said too late to blame the mailbox", Rejected("message_refused")),
        ("dot", "354 what", Unknown("no_answer")),
        ("dot", "what", Unknown("no_answer")),
        ("dot", DROP, Unknown("no_answer")),
        ("dot", SILENCE, Unknown("no_answer")),
    ],
)
async def test_reply_has_its_outcome(
    send: Send, mta: Mta, phase: str, reply: str, outcome: Outcome
) -> None:
    """Each reply and each silence, in each phase, means what delivery.md sections 6 and 11 say."""
    mta.script[phase] = reply

    assert await send(MESSAGE, TO) == outcome


async def test_recipients_are_judged_one_by_one(send: Send, mta: Mta) -> None:
    """One dead mailbox does not touch the next message."""
    mta.recipients["dead@example.com"] = "550 5.1.1 no such user"

    outcomes = [await send(MESSAGE, Mailbox("dead@example.com")), await send(MESSAGE, TO)]

    assert outcomes == [Gone("hard_bounce"), Sent()]


async def test_refused_connection_is_unavailable(
    mta: Mta, patient: Lent, unused_tcp_port: int
) -> None:
    """Where nobody listens nothing has been taken."""
    outcome = await send_with(mta, patient, port=str(unused_tcp_port))

    assert outcome == Unavailable("no_connection")


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_email_goes_over_tls(authority: Authority, patient: Lent, tls: str) -> None:
    """With either kind of TLS the relay gets account and message encrypted."""
    with Mta(tls=authority.server, is_smtps=tls == "tls", login=LOGIN) as mta:
        outcome = await send_with(
            mta,
            patient,
            tls=tls,
            ca_file=str(authority.ca_file),
            username=LOGIN[0],
            password=LOGIN[1],
        )

    assert outcome == Sent()
    assert mta.received[0].was_encrypted


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_relay_nobody_vouches_for_gets_nothing(
    authority: Authority, patient: Lent, tls: str
) -> None:
    """A certificate that is not trusted ends the call before anything is said."""
    with Mta(tls=authority.server, is_smtps=tls == "tls") as mta:
        outcome = await send_with(mta, patient, tls=tls)

    assert outcome == Unavailable("no_connection")
    assert mta.received == []


async def test_relay_without_starttls_gets_nothing(mta: Mta, patient: Lent) -> None:
    """STARTTLS that was asked for is never done without."""
    outcome = await send_with(mta, patient, tls="starttls")

    assert outcome == Misconfigured("relay_lacks_feature")
    assert mta.received == []


@pytest.mark.parametrize(
    ("password", "script", "outcome"),
    [
        ("wrong", {}, Misconfigured("auth_refused")),
        (LOGIN[1], {"auth": "454 4.7.0 later"}, Unavailable("deferred")),
        (LOGIN[1], {}, Sent()),
    ],
)
async def test_login_has_its_outcome(
    patient: Lent, password: str, script: dict[str, str], outcome: Outcome
) -> None:
    """A wrong password is our fault; a relay that cannot check it now is tried again."""
    with Mta(login=LOGIN) as mta:
        mta.script.update(script)
        seen = await send_with(mta, patient, username=LOGIN[0], password=password)

    assert seen == outcome


async def test_relay_without_auth_is_misconfigured(mta: Mta, patient: Lent) -> None:
    """An account at a relay that knows no accounts is our fault."""
    outcome = await send_with(mta, patient, username="shop", password="x")

    assert outcome == Misconfigured("relay_lacks_feature")


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"host": ""}, "host"),
        ({"host": "mail.example.com\r\nX"}, "host"),
        ({"host": f"{'a' * 64}.com"}, "host"),
        ({"port": "0"}, "port"),
        ({"tls": "maybe"}, "tls"),
        ({"from": "a@b.com,c@d.com"}, "from"),
        ({"from_name": "x\r\nBcc: y@z.com"}, "from_name"),
        ({"from_name": "=?utf-8?q?x=0D=0ABcc:y?="}, "from_name"),
        ({"username": "shop"}, "password"),
        ({"username": "shop", "password": "hunter2", "tls": "none"}, "tls"),
        ({"pass_word": "hunter2"}, "password"),
        ({"reply_to": "a@b.com,c@d.com"}, "reply_to"),
        ({"unsubscribe_mailbox": "<a@b.com>"}, "unsubscribe_mailbox"),
        ({"bounce_domain": "bounce@shop.example"}, "bounce_domain"),
        ({"feedback_id": "a:b"}, "feedback_id"),
        ({"list_unsubscribe": "none"}, "list_unsubscribe"),
        ({"connections": "0"}, "connections"),
        ({"messages_per_connection": "0"}, "messages_per_connection"),
        ({"dkim_selector": "fp1"}, "dkim_private_key"),
        ({"dkim_private_key": "hunter2"}, "dkim_selector"),
        ({"dkim_domain": "shop.example"}, "dkim_private_key"),
        ({"dkim_selector": "fp1", "dkim_private_key": "hunter2"}, "dkim_private_key"),
        ({"dkim_selector": "a; d=x", "dkim_private_key": ed25519_pem()}, "dkim_selector"),
    ],
)
def test_unusable_setting_is_named(changed: dict[str, str], names: str) -> None:
    """A setting that cannot be used is named; a password leaves only over TLS."""
    good = {"host": "mail.example.com", "from": "hello@shop.example"}

    with pytest.raises(SettingsError, match=f'"{names}"') as caught:
        parse_settings({**good, **changed})

    assert "hunter2" not in str(caught.value)


async def test_certificates_that_are_none_are_named(
    mta: Mta, patient: Lent, tmp_path: Path
) -> None:
    """A file of certificates that holds none stops the opening."""
    (tmp_path / "ca.pem").write_text("nothing")

    for path in (tmp_path / "ca.pem", tmp_path / "absent.pem"):
        with pytest.raises(SettingsError, match='"ca_file"'):
            await send_with(mta, patient, tls="tls", ca_file=str(path))


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_port_follows_tls(tls: str, port: int) -> None:
    """Without a port the usual one of the kind of TLS is taken."""
    settings = parse_settings({"host": "mail.example.com", "from": "a@b.com", "tls": tls})

    assert settings.port == port


def _bodies(mail: Mail) -> list[str]:
    parts = [part for part in mail.message.walk() if not part.is_multipart()]
    return [str(part.get_content()).replace("\r\n", "\n") for part in parts]
