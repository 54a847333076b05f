from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from doubles.http_server import Reply, Reset, Script, Silence
from doubles.push_service import PushService
from fencepost_channels.addresses import parse_subscription
from fencepost_channels.conformance import DELIVERY_ID, Lent
from fencepost_channels.driver import Send, SettingsError
from fencepost_channels.drivers.web_push import (
    connect,
    may_call,
    parse_settings,
    write_payload,
)
from fencepost_channels.encryption import MAX_PLAIN_BYTES
from fencepost_channels.errors import (
    Gone,
    Misconfigured,
    Outcome,
    Rejected,
    Sent,
    Unavailable,
    Unknown,
)
from fencepost_channels.message import Outgoing, Purpose, WebPushContent
from fencepost_channels.vapid import application_server_key, read_private_key

CONTENT = WebPushContent(
    title="Matten rollen ✿", body="Yoga um 18:00", link="https://shop.example/y"
)
MESSAGE = Outgoing(DELIVERY_ID, Purpose.MARKETING, CONTENT, ttl_s=900)
ELSEWHERE = "https://updates.push.services.mozilla.com/wpush/v2/abc"


@pytest.fixture
def raw_settings(vapid_pem: str) -> dict[str, str]:
    """Settings that allow the double."""
    return {
        "vapid_private_key": vapid_pem,
        "vapid_subject": "mailto:ops@shop.example",
        "allow_hosts": "127.0.0.1",
        "allow_http": "true",
    }


@pytest.fixture
async def send(raw_settings: dict[str, str], lent: Lent) -> AsyncIterator[Send]:
    """The driver, open."""
    async with connect(parse_settings(raw_settings), lent) as send:
        yield send


async def test_push_reaches_the_browser(
    send: Send, push_service: PushService, raw_settings: dict[str, str]
) -> None:
    """The push service finds nothing wrong, and the browser decrypts what was written."""
    key = application_server_key(read_private_key("k", raw_settings["vapid_private_key"]))
    subscription = push_service.subscribe(server_key=key)

    outcome = await send(MESSAGE, parse_subscription({"subscription": subscription}))

    assert outcome == Sent()
    assert push_service.violations == []
    assert push_service.received[0].payload == {
        "delivery_id": DELIVERY_ID,
        "title": "Matten rollen ✿",
        "body": "Yoga um 18:00",
        "link": "https://shop.example/y",
    }


async def test_push_carries_ttl_topic_urgency_and_claims(
    send: Send, push_service: PushService, lent: Lent
) -> None:
    """TTL is the life that is left, the topic is the delivery id, the token lives 12 hours."""
    address = parse_subscription({"subscription": push_service.subscribe()})

    await send(MESSAGE, address)
    await send(replace(MESSAGE, purpose=Purpose.TRANSACTIONAL, ttl_s=7), address)

    first, second = push_service.received
    assert (first.ttl_s, first.topic, first.urgency) == (900, DELIVERY_ID, "normal")
    assert (second.ttl_s, second.urgency) == (7, "high")
    assert first.claims == {
        "aud": push_service.server.url,
        "exp": lent.at_s + 12 * 60 * 60,
        "sub": "mailto:ops@shop.example",
    }


async def test_repeated_push_replaces(send: Send, push_service: PushService) -> None:
    """The same delivery sent twice shows once."""
    address = parse_subscription({"subscription": push_service.subscribe()})

    outcomes = [await send(MESSAGE, address) for _ in range(2)]

    assert outcomes == [Sent(), Sent()]
    assert len(push_service.showing) == 1


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (Reply(200), Sent()),
        (Reply(202), Sent()),
        (Reply(204), Sent()),
        (Reply(301, {"Location": "http://127.0.0.1:1/"}), Rejected("redirect")),
        (Reply(308, {"Location": "http://127.0.0.1:1/"}), Rejected("redirect")),
        (Reply(400), Rejected("bad_request")),
        (Reply(401), Misconfigured("vapid_refused")),
        (Reply(403), Misconfigured("vapid_refused")),
        (Reply(404), Gone()),
        (Reply(408), Unavailable("timeout")),
        (Reply(410), Gone()),
        (Reply(413), Rejected("too_large")),
        (Reply(418), Unknown("unmapped_status")),
        (Reply(429, {"Retry-After": "120"}), Unavailable("rate_limited", 120.0)),
        (Reply(429), Unavailable("rate_limited")),
        (Reply(500), Unknown("unmapped_status")),
        (Reply(502), Unknown("unmapped_status")),
        (Reply(503, {"Retry-After": "7"}), Unavailable("unavailable", 7.0)),
        (Reply(504), Unknown("unmapped_status")),
        (Reply(410, body=b"\xff\xfe not text"), Gone()),
        (Reply(201, body=b"x" * 4000, endless=True), Sent()),
        (Silence(), Unknown("no_answer")),
        (Reset(), Unknown("no_answer")),
    ],
    ids=repr,
)
async def test_answer_has_its_outcome(
    send: Send, push_service: PushService, script: Script, outcome: Outcome
) -> None:
    """Each answer of a push service means what delivery.md section 6 says."""
    address = parse_subscription({"subscription": push_service.subscribe()})
    push_service.server.script.append(script)

    assert await send(MESSAGE, address) == outcome


async def test_ended_subscription_is_gone(send: Send, push_service: PushService) -> None:
    """A subscription the browser ended is gone."""
    subscription = push_service.subscribe()
    push_service.unsubscribe(subscription)

    assert await send(MESSAGE, parse_subscription({"subscription": subscription})) == Gone()


async def test_push_for_another_key_is_misconfigured(send: Send, push_service: PushService) -> None:
    """A subscription made for another server key is our fault, and the address stays."""
    subscription = push_service.subscribe(server_key="BOther")

    outcome = await send(MESSAGE, parse_subscription({"subscription": subscription}))

    assert outcome == Misconfigured("vapid_refused")


@pytest.mark.bad_input(104)
@pytest.mark.parametrize(("over_bytes", "outcome"), [(0, Sent()), (1, Rejected("too_large"))])
async def test_payload_above_3993_bytes_is_not_sent(
    send: Send, push_service: PushService, over_bytes: int, outcome: Outcome
) -> None:
    """3,993 bytes arrive in one record, 3,994 are refused before sending."""
    bare_bytes = len(write_payload(MESSAGE, WebPushContent("é", "x"))) - 1
    body = "x" * (MAX_PLAIN_BYTES - bare_bytes + over_bytes)
    address = parse_subscription({"subscription": push_service.subscribe()})

    sent = await send(replace(MESSAGE, content=WebPushContent("é", body)), address)

    assert sent == outcome
    assert push_service.violations == []
    assert [len(push.payload["body"]) for push in push_service.received] == [len(body)][over_bytes:]


@pytest.mark.bad_input(105)
@pytest.mark.parametrize(
    "delivery_id", ["a" * 33, "a" * 31, "A" * 32, "+" * 32, "", "a" * 31 + "\n"]
)
async def test_delivery_id_that_is_no_topic_is_not_sent(
    send: Send, push_service: PushService, delivery_id: str
) -> None:
    """Only 32 characters of base32 become a Topic."""
    address = parse_subscription({"subscription": push_service.subscribe()})

    outcome = await send(replace(MESSAGE, delivery_id=delivery_id), address)

    assert outcome == Rejected("bad_delivery_id")
    assert push_service.received == []
    assert push_service.violations == []


@pytest.mark.parametrize(
    ("endpoint", "allow_hosts", "is_allowed"),
    [
        (ELSEWHERE, "", True),
        ("https://fcm.googleapis.com/fcm/send/x", "", True),
        ("https://web.push.apple.com/x", "", True),
        ("https://wns2-par02p.notify.windows.com/w/?token=x", "", True),
        (ELSEWHERE, "mozilla.com", True),
        (ELSEWHERE, " Services.Mozilla.com. ,x.example", True),
        (ELSEWHERE, "fcm.googleapis.com", False),
        ("https://evilfcm.googleapis.com/x", "", False),
        ("https://fcm.googleapis.com.evil.com/x", "", False),
        ("https://xn--fcm-googleapis-x.com/x", "", False),
        ("https://metadata.google.internal/x", "", False),
        ("https://127.0.0.1/x", "", False),
        ("http://127.0.0.1:8080/x", "", False),
        ("http://127.0.0.1:8080/x", "127.0.0.1", True),
    ],
)
@pytest.mark.bad_input(97)
@pytest.mark.bad_input(101)
def test_host_is_allowed_by_suffix(
    raw_settings: dict[str, str],
    push_service: PushService,
    endpoint: str,
    allow_hosts: str,
    is_allowed: bool,  # noqa: FBT001 - the expected value of a table
) -> None:
    """A host is called when it ends in an allowed suffix at a label boundary."""
    subscription = {**push_service.subscribe(), "endpoint": endpoint}
    settings = parse_settings({**raw_settings, "allow_hosts": allow_hosts})

    assert may_call(parse_subscription({"subscription": subscription}), settings) is is_allowed


@pytest.mark.parametrize("changed", [{"allow_hosts": ""}, {"allow_http": "false"}])
async def test_host_that_is_not_allowed_is_not_called(
    raw_settings: dict[str, str], lent: Lent, push_service: PushService, changed: dict[str, str]
) -> None:
    """By default neither the loopback nor plain HTTP is called, whatever was stored."""
    address = parse_subscription({"subscription": push_service.subscribe()})

    async with connect(parse_settings({**raw_settings, **changed}), lent) as send:
        outcome = await send(MESSAGE, address)

    assert outcome == Rejected("host_not_allowed")
    assert push_service.received == []


async def test_refused_connection_is_unavailable(
    send: Send, push_service: PushService, unused_tcp_port: int
) -> None:
    """Where nobody listens nothing has been taken."""
    endpoint = f"http://127.0.0.1:{unused_tcp_port}/push/x"
    address = parse_subscription(
        {"subscription": {**push_service.subscribe(), "endpoint": endpoint}}
    )

    assert await send(MESSAGE, address) == Unavailable("no_connection")


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"vapid_private_key": ""}, "vapid_private_key"),
        ({"vapid_private_key": "hunter2"}, "vapid_private_key"),
        ({"vapid_private_key": "A" * 42}, "vapid_private_key"),
        ({"vapid_private_key": "A" * 43}, "vapid_private_key"),
        ({"vapid_private_key": "-----BEGIN PRIVATE KEY-----\nx"}, "vapid_private_key"),
        ({"vapid_subject": "ops@shop.example"}, "vapid_subject"),
        ({"vapid_subject": "mailto:"}, "vapid_subject"),
        ({"allow_http": "perhaps"}, "allow_http"),
        ({"allow_host": "x"}, "allow_hosts"),
    ],
)
def test_unusable_setting_is_named(
    raw_settings: dict[str, str], changed: dict[str, str], names: str
) -> None:
    """A setting that cannot be used is named, and a key is not repeated."""
    with pytest.raises(SettingsError, match=f'"{names}"') as caught:
        parse_settings({**raw_settings, **changed})

    assert "hunter2" not in str(caught.value)


def test_key_is_read_in_three_forms(raw_settings: dict[str, str]) -> None:
    """PEM, PEM on one line and 32 bytes of base64url are the same key."""
    import base64  # noqa: PLC0415 - only here

    pem = raw_settings["vapid_private_key"]
    key: Any = load_pem_private_key(pem.encode(), None)
    raw = base64.urlsafe_b64encode(key.private_numbers().private_value.to_bytes(32, "big")).decode()

    forms = [pem, pem.replace("\n", "\\n"), raw, raw.rstrip("=")]
    public = {application_server_key(read_private_key("k", form)) for form in forms}

    assert len(public) == 1
