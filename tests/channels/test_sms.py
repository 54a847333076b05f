from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from doubles.http_server import Reply, Reset, Script, Silence
from doubles.twilio_stub import ACCOUNT_SID, TwilioStub, error
from fencepost_channels.addresses import Phone
from fencepost_channels.conformance import DELIVERY_ID, Lent
from fencepost_channels.driver import Send, SettingsError
from fencepost_channels.drivers.sms import connect, may_call_back, parse_settings
from fencepost_channels.errors import (
    Gone,
    Misconfigured,
    OptedOut,
    Outcome,
    Rejected,
    Sent,
    Unavailable,
    Unknown,
)
from fencepost_channels.message import Links, Outgoing, Purpose, SmsContent

TO = Phone("+821012345678")
MESSAGE = Outgoing(
    DELIVERY_ID, Purpose.MARKETING, SmsContent("(광고) 요가 18:00 ✿ & =+"), ttl_s=900
)


@pytest.fixture
async def send(twilio: TwilioStub, lent: Lent) -> AsyncIterator[Send]:
    """The driver, open."""
    async with connect(parse_settings(twilio.settings), lent) as send:
        yield send


async def test_sms_arrives_at_twilio(send: Send, twilio: TwilioStub) -> None:
    """Twilio gets recipient, sender, text and what life is left; its SID is the provider's id."""
    outcome = await send(MESSAGE, TO)

    sms = twilio.received[0]
    assert outcome == Sent(sms.sid)
    assert sms.form == {
        "To": "+821012345678",
        "From": "+15005550006",
        "Body": "(광고) 요가 18:00 ✿ & =+",
        "ValidityPeriod": "900",
    }


async def test_validity_is_at_most_ten_hours(send: Send, twilio: TwilioStub) -> None:
    """Twilio takes no longer validity than 36,000 seconds."""
    await send(replace(MESSAGE, ttl_s=10**6), TO)

    assert twilio.received[0].form["ValidityPeriod"] == "36000"


SERVICE = "MG" + "0" * 32


async def test_message_names_where_its_fate_is_told(send: Send, twilio: TwilioStub) -> None:
    """The address has our own id in it; without a public address there is none."""
    links = Links(callback="https://edge.example/v1/callbacks/sms")
    await send(replace(MESSAGE, links=links), TO)
    await send(MESSAGE, TO)

    told_at = f"https://edge.example/v1/callbacks/sms?delivery={DELIVERY_ID}"
    assert [sms.form.get("StatusCallback") for sms in twilio.received] == [told_at, None]


def test_twilio_is_not_told_an_address_that_it_would_refuse() -> None:
    """With one that it cannot reach it takes no message at all (21609)."""
    real = parse_settings({"account_sid": ACCOUNT_SID, "auth_token": "t", "from": "Studio"})

    assert not may_call_back(real, "http://127.0.0.1:8080/v1/callbacks/sms")
    assert not may_call_back(real, "")
    assert may_call_back(real, "https://edge.example/v1/callbacks/sms")


async def test_messaging_service_takes_the_place_of_the_sender(
    twilio: TwilioStub, lent: Lent
) -> None:
    """It chooses the number; Twilio gets no other."""
    named = {**twilio.settings, "from": "", "messaging_service_sid": SERVICE}
    async with connect(parse_settings(named), lent) as send:
        outcome = await send(MESSAGE, TO)

    assert isinstance(outcome, Sent)
    assert twilio.received[0].form["MessagingServiceSid"] == SERVICE
    assert "From" not in twilio.received[0].form


async def test_pictures_make_it_an_mms(send: Send, twilio: TwilioStub) -> None:
    """Their links go along; one that Twilio could not fetch is refused before."""
    media = ("https://cdn.example/a.jpg", "https://cdn.example/b.png?x=1")
    sent = await send(replace(MESSAGE, content=SmsContent("Hi", media)), TO)
    bad = [
        await send(replace(MESSAGE, content=SmsContent("Hi", links)), TO)
        for links in (("http://cdn.example/a.jpg",), ("https://cdn.example/a b",), media * 6)
    ]

    assert isinstance(sent, Sent)
    assert twilio.received[0].media == list(media)
    assert bad == [Rejected("bad_media")] * 3
    assert len(twilio.received) == 1


@pytest.mark.bad_input(114)
async def test_only_countries_on_the_list_are_called(twilio: TwilioStub, lent: Lent) -> None:
    """A list of countries keeps a message from any other before it leaves."""
    listed = {**twilio.settings, "countries": "KR,GB"}
    async with connect(parse_settings(listed), lent) as send:
        korea = await send(MESSAGE, TO)
        france = await send(MESSAGE, Phone("+33612345678"))

    assert (type(korea), france) == (Sent, Rejected("country_not_allowed"))
    assert [sms.to for sms in twilio.received] == [TO.e164]


@pytest.mark.bad_input(114)
@pytest.mark.parametrize("name", ["POLICE", "police", "Poli ce", "911", "HMRC", "Polizei"])
def test_sender_that_passes_for_an_authority_is_refused(name: str) -> None:
    """Nobody may be told to obey by a name that is not ours."""
    with pytest.raises(SettingsError, match="authority"):
        parse_settings({"account_sid": ACCOUNT_SID, "auth_token": "t", "from": name})


PROBLEM = {"type": "x", "title": "Gone", "status": 400, "code": 21614}
AFTER = {"Retry_After": "30"}


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (error(21211, 400), Gone("invalid_number")),
        (error(21614, 400), Gone("not_mobile")),
        (Reply(400, body=json.dumps(PROBLEM).encode()), Gone("not_mobile")),
        (error(21610, 400), OptedOut()),
        (error(20003, 401), Misconfigured("credentials_refused")),
        (error(20003, 403), Misconfigured("credentials_refused")),
        (Reply(401), Misconfigured("credentials_refused")),
        (error(20429, 429, **AFTER), Unavailable("rate_limited", 30.0)),
        (Reply(429, {"Retry-After": "30"}), Unavailable("rate_limited", 30.0)),
        (error(20503, 503, **AFTER), Unavailable("unavailable", 30.0)),
        (Reply(503), Unavailable()),
        (error(21606, 400), Misconfigured("sender_refused")),
        (error(21408, 403), Rejected("region_not_enabled")),
        (error(21635, 400), Gone("landline")),
        (error(63018, 429), Unavailable("rate_limited")),
        (error(21609, 400), Rejected("refused")),
        (error(20404, 404), Rejected("refused")),
        (Reply(400, body=b"<html>"), Rejected("refused")),
        (Reply(400, body=b'{"code": [1]}'), Rejected("refused")),
        (Reply(400, body=b"[" * 9000), Rejected("refused")),
        (Reply(307, {"Location": "http://127.0.0.1:1/"}), Rejected("redirect")),
        (error(20500, 500), Unknown("unmapped_status")),
        (Reply(502, body=b"<html>"), Unknown("unmapped_status")),
        (Reply(504), Unknown("unmapped_status")),
        (Reply(201), Unknown("unreadable_answer")),
        (Reply(200, body=b"<html>"), Unknown("unreadable_answer")),
        (Reply(201, body=b"[]"), Unknown("unreadable_answer")),
        (Reply(201, body=b'{"sid": 7}'), Unknown("unreadable_answer")),
        (Reply(201, body=b'{"sid": "+821012345678"}'), Unknown("unreadable_answer")),
        (Reply(201, body=b"\xff"), Unknown("unreadable_answer")),
        (Reply(201, body=b"[" * 9000), Unknown("unreadable_answer")),
        (Reply(201, body=b'{"sid":', endless=True), Unknown("unreadable_answer")),
        (Silence(), Unknown("no_answer")),
        (Reset(), Unknown("no_answer")),
    ],
    ids=lambda value: repr(value)[:60],
)
async def test_answer_has_its_outcome(
    send: Send, twilio: TwilioStub, script: Script, outcome: Outcome
) -> None:
    """Each answer of Twilio means what delivery.md section 6 says."""
    twilio.server.script.append(script)

    assert await send(MESSAGE, TO) == outcome


async def test_wrong_token_is_misconfigured(twilio: TwilioStub, lent: Lent) -> None:
    """A token that Twilio refuses is our fault."""
    settings = parse_settings({**twilio.settings, "auth_token": "other"})

    async with connect(settings, lent) as send:
        outcome = await send(MESSAGE, TO)

    assert outcome == Misconfigured("credentials_refused")


async def test_refused_connection_is_unavailable(
    twilio: TwilioStub, lent: Lent, unused_tcp_port: int
) -> None:
    """Where nobody listens nothing has been taken."""
    base_url = f"http://127.0.0.1:{unused_tcp_port}"

    async with connect(parse_settings({**twilio.settings, "base_url": base_url}), lent) as send:
        outcome = await send(MESSAGE, TO)

    assert outcome == Unavailable("no_connection")


@pytest.mark.bad_input(114)
@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("✿" * 5000, Rejected("too_large")),
        ("x" * 1601, Rejected("too_large")),
        ("", Rejected("empty")),
        ("\ud800", Rejected("not_encodable")),
    ],
    ids=["emoji", "long", "empty", "surrogate"],
)
async def test_text_that_is_no_sms_is_not_sent(
    send: Send, twilio: TwilioStub, text: str, outcome: Outcome
) -> None:
    """What Twilio could not take is refused before sending."""
    assert await send(replace(MESSAGE, content=SmsContent(text)), TO) == outcome
    assert twilio.received == []


async def test_region_of_the_environment_is_ignored(
    twilio: TwilioStub, lent: Lent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twilio's own environment variables change neither host nor account."""
    for name in ("TWILIO_EDGE", "TWILIO_REGION", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"):
        monkeypatch.setenv(name, "elsewhere")

    async with connect(parse_settings(twilio.settings), lent) as send:
        outcome = await send(MESSAGE, TO)

    assert isinstance(outcome, Sent)


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"account_sid": "AC1"}, "account_sid"),
        ({"account_sid": f"../{ACCOUNT_SID}"}, "account_sid"),
        ({"auth_token": "hunter2 "}, "auth_token"),
        ({"from": "+0"}, "from"),
        ({"from": "Studio Yoga Seoul"}, "from"),
        ({"base_url": "http://api.twilio.com"}, "base_url"),
        ({"base_url": "https://api.twilio.com.evil.com"}, "base_url"),
        ({"base_url": "https://api.twilio.com/x"}, "base_url"),
        ({"base_url": "http://127.0.0.1.evil.com:80"}, "base_url"),
        ({"base_url": "http://10.0.0.1:80"}, "base_url"),
        ({"froom": "x"}, "from"),
        ({"messaging_service_sid": "MG1"}, "messaging_service_sid"),
        ({"messaging_service_sid": SERVICE}, "messaging_service_sid"),
        ({"from": ""}, "messaging_service_sid"),
        ({"countries": "Korea"}, "countries"),
    ],
)
def test_unusable_setting_is_named(changed: dict[str, str], names: str) -> None:
    """A setting that cannot be used is named, and the token goes nowhere but to Twilio."""
    good = {"account_sid": ACCOUNT_SID, "auth_token": "t", "from": "Studio"}

    with pytest.raises(SettingsError, match=f'"{names}"') as caught:
        parse_settings({**good, **changed})

    assert "hunter2" not in str(caught.value)
