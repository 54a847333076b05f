from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from channels.test_apns import Moving
from doubles.fcm import Fcm, failure
from doubles.http_server import Reply, Reset, Script, Silence
from fencepost_channels.addresses import parse_registration
from fencepost_channels.conformance import DELIVERY_ID, Lent
from fencepost_channels.driver import Address, Send, SettingsError
from fencepost_channels.drivers.fcm import MAX_PAYLOAD_BYTES, connect, parse_settings
from fencepost_channels.errors import (
    Gone,
    Misconfigured,
    Outcome,
    Rejected,
    Sent,
    Unavailable,
    Unknown,
)
from fencepost_channels.message import Links, Outgoing, Purpose, PushContent

CONTENT = PushContent("Matten rollen ✿", "Yoga um 18:00", "luma://yoga")
MESSAGE = Outgoing(DELIVERY_ID, Purpose.MARKETING, CONTENT, ttl_s=900)


def phone(token: str) -> Address:
    """Give the address of a phone."""
    return parse_registration({"registration": {"service": "fcm", "token": token}})


@pytest.fixture
async def send(fcm: Fcm, lent: Lent) -> AsyncIterator[Send]:
    """The driver, open."""
    async with connect(parse_settings(fcm.settings), lent) as send:
        yield send


async def test_push_reaches_the_phone(send: Send, fcm: Fcm) -> None:
    """FCM finds nothing wrong; the phone shows the words, the app finds the rest as texts."""
    links = Links(report="https://edge.example/v1/reports/t")
    content = replace(
        CONTENT, image="https://luma.example/i.jpg", data={"class": "yoga"}, sound="x"
    )
    token = fcm.register()

    outcome = await send(replace(MESSAGE, content=content, links=links), phone(token))

    assert outcome == Sent("projects/luma-studio/messages/0:1")
    assert fcm.violations == []
    assert fcm.received == [
        {
            "token": token,
            "notification": {
                "title": "Matten rollen ✿",
                "body": "Yoga um 18:00",
                "image": "https://luma.example/i.jpg",
            },
            "data": {
                "class": "yoga",
                "delivery_id": DELIVERY_ID,
                "link": "luma://yoga",
                "image": "https://luma.example/i.jpg",
                "report": "https://edge.example/v1/reports/t",
            },
            "android": {
                "ttl": "900s",
                "priority": "NORMAL",
                "collapse_key": DELIVERY_ID,
                "notification": {"tag": DELIVERY_ID, "sound": "x"},
            },
        }
    ]


async def test_priority_and_life_follow_the_message(send: Send, fcm: Fcm) -> None:
    """Transactional messages are HIGH; a life longer than four weeks is cut to what FCM takes."""
    address = phone(fcm.register())

    await send(replace(MESSAGE, purpose=Purpose.TRANSACTIONAL, ttl_s=9_999_999), address)
    await send(MESSAGE, address)

    android = fcm.received[0]["android"]
    assert (android["priority"], android["ttl"]) == ("HIGH", "2419200s")
    assert (len(fcm.received), len(fcm.showing)) == (2, 1)


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (Reply(200), Sent()),
        (Reply(200, body=b"\xff not json"), Sent()),
        (Reply(200, body=b"x" * 4000, endless=True), Sent()),
        (Reply(302, {"Location": "http://127.0.0.1:1/"}), Rejected("redirect")),
        (failure(400, "INVALID_ARGUMENT"), Rejected("bad_request")),
        (failure(400, "INVALID_ARGUMENT", "message.token"), Gone("bad_token")),
        (failure(400, "INVALID_ARGUMENT", "message.android.ttl"), Rejected("bad_request")),
        (failure(403, "SENDER_ID_MISMATCH"), Misconfigured("not_permitted")),
        (failure(404, "UNREGISTERED"), Gone()),
        (failure(404), Misconfigured("no_project")),
        (Reply(404, body=b'{"error": {"details": ["UNREGISTERED"]}}'), Misconfigured("no_project")),
        (Reply(404, body=b'{"error": "UNREGISTERED"}'), Misconfigured("no_project")),
        (Reply(413), Rejected("too_large")),
        (Reply(418), Unknown("unmapped_status")),
        (Reply(429, {"Retry-After": "120"}), Unavailable("rate_limited", 120.0)),
        (failure(429, "QUOTA_EXCEEDED"), Unavailable("rate_limited")),
        (failure(500, "INTERNAL"), Unavailable("server_error")),
        (Reply(502), Unknown("unmapped_status")),
        (Reply(503, {"Retry-After": "7"}), Unavailable("unavailable", 7.0)),
        (Reply(504), Unknown("unmapped_status")),
        (Silence(), Unknown("no_answer")),
        (Reset(), Unknown("no_answer")),
    ],
    ids=lambda value: repr(value)[:60],
)
async def test_answer_has_its_outcome(
    send: Send, fcm: Fcm, script: Script, outcome: Outcome
) -> None:
    """Each answer of FCM means what delivery.md section 6 says."""
    fcm.server.script.append(script)

    assert await send(MESSAGE, phone(fcm.register())) == outcome


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (Reply(400), Misconfigured("account_refused")),
        (Reply(401), Misconfigured("account_refused")),
        (Reply(403), Misconfigured("account_refused")),
        (Reply(429, {"Retry-After": "30"}), Unavailable("no_token", 30.0)),
        (Reply(500), Unavailable("no_token")),
        (Reply(301, {"Location": "http://127.0.0.1:1/"}), Unavailable("no_token")),
        (Reply(200, body=b"no json"), Unavailable("no_token")),
        (Reply(200, body=b'{"access_token": "a\\r\\nb"}'), Unavailable("no_token")),
        (Silence(), Unavailable("no_token")),
        (Reset(), Unavailable("no_token")),
    ],
    ids=repr,
)
async def test_without_a_token_nothing_was_sent(
    send: Send, fcm: Fcm, script: Script, outcome: Outcome
) -> None:
    """Whatever happens while a token is asked for, no message may have arrived."""
    fcm.tokens.always = script

    assert await send(MESSAGE, phone(fcm.register())) == outcome
    assert fcm.calls == []


async def test_token_is_asked_for_once_and_kept_until_shortly_before_its_end(
    lent: Lent,
) -> None:
    """Twenty at once make one token; five minutes before its end another one is asked for."""
    io = Moving(lent.http, lent.timeout_s, lent.at_s)

    async with Fcm(io.now_s) as fcm, connect(parse_settings(fcm.settings), io) as send:
        address = phone(fcm.register())
        await asyncio.gather(*(send(MESSAGE, address) for _ in range(20)))
        io.at_s += 3599 - 301
        await send(MESSAGE, address)
        kept = len(fcm.given)
        io.at_s += 1
        await send(MESSAGE, address)

    assert (kept, len(fcm.given)) == (1, 2)
    assert len(fcm.received) == 22


async def test_refused_token_is_renewed_once(send: Send, fcm: Fcm) -> None:
    """401 asks for another token and sends again; twice is our fault, and the address stays."""
    address = phone(fcm.register())
    await send(MESSAGE, address)
    fcm.given.clear()  # revoked
    renewed = await send(MESSAGE, address)
    fcm.server.script.extend([Reply(401), Reply(401)])

    refused = await send(MESSAGE, address)

    assert isinstance(renewed, Sent)
    assert refused == Misconfigured("token_refused")


async def test_refused_connection_is_unavailable(
    fcm: Fcm, lent: Lent, unused_tcp_port: int
) -> None:
    """Where nobody listens nothing has been taken."""
    settings = {**fcm.settings, "endpoint": f"http://127.0.0.1:{unused_tcp_port}"}

    async with connect(parse_settings(settings), lent) as send:
        assert await send(MESSAGE, phone(fcm.register())) == Unavailable("no_connection")


async def test_payload_above_4096_bytes_is_not_sent(send: Send, fcm: Fcm) -> None:
    """4,096 bytes of words and data arrive, 4,097 are refused before sending."""
    empty = {"notification": {"title": "é", "body": ""}, "data": {"delivery_id": DELIVERY_ID}}
    size = len(json.dumps(empty, ensure_ascii=False, separators=(",", ":")).encode())
    bodies = ["x" * (MAX_PAYLOAD_BYTES - size + over) for over in (0, 1)]
    address = phone(fcm.register())

    outcomes = [
        await send(replace(MESSAGE, content=PushContent("é", body)), address) for body in bodies
    ]

    assert isinstance(outcomes[0], Sent)
    assert outcomes[1] == Rejected("too_large")
    assert fcm.violations == []


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"service_account": ""}, "service_account"),
        ({"service_account": "hunter2"}, "service_account"),
        ({"service_account": '{"private_key": "hunter2"}'}, "service_account"),
        ({"service_account": "[" * 100_000}, "service_account"),
        ({"endpoint": "https://evil.example"}, "endpoint"),
        ({"endpoint": "http://127.0.0.1.evil.example:80"}, "endpoint"),
        ({"end_point": "x"}, "endpoint"),
    ],
)
def test_unusable_setting_is_named(fcm: Fcm, changed: dict[str, str], names: str) -> None:
    """A setting that cannot be used is named, and a key is not repeated."""
    with pytest.raises(SettingsError, match=f'"{names}"') as caught:
        parse_settings({**fcm.settings, **changed})

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "uri", ["https://evil.example/token", "http://169.254.169.254/", "http://127.0.0.1:1/token", 7]
)
def test_token_address_of_the_file_is_not_believed(fcm: Fcm, uri: object) -> None:
    """Only Google's own is called; the loopback only where FCM itself is a test's."""
    account = json.dumps({**fcm.account, "token_uri": uri})

    with pytest.raises(SettingsError, match="token_uri"):
        parse_settings({"service_account": account})


def test_service_account_may_be_a_file(fcm: Fcm, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The JSON and the path of its file are the same setting."""
    path = tmp_path_factory.mktemp("account") / "account.json"
    path.write_text(json.dumps(fcm.account))

    read = parse_settings({**fcm.settings, "service_account": str(path)})

    assert read.account.project == parse_settings(fcm.settings).account.project == "luma-studio"
