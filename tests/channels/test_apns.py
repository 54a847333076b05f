from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import aiohttp
import pytest

from doubles.apns import Apns, Goaway, Hangup, Refused, Reply, Script, Silence
from doubles.authority import Authority, issue
from fencepost_channels.addresses import parse_registration
from fencepost_channels.conformance import DELIVERY_ID, Lent
from fencepost_channels.driver import Address, Send, SettingsError
from fencepost_channels.drivers.apns import (
    HOSTS,
    MAX_PAYLOAD_BYTES,
    connect,
    driver,
    parse_settings,
    write_payload,
)
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
SINCE_MS = 1_780_000_000_000


@dataclass(slots=True)
class Moving:
    """A ``DriverIO`` whose clock is set by hand."""

    http: aiohttp.ClientSession
    timeout_s: float
    at_s: int

    def now_s(self) -> int:
        """Give the moment."""
        return self.at_s


def phone(token: str, **members: str) -> Address:
    """Give the address of a phone."""
    return parse_registration({"registration": {"service": "apns", "token": token, **members}})


@pytest.fixture
async def send(apns: Apns, lent: Lent) -> AsyncIterator[Send]:
    """The driver, open."""
    async with connect(parse_settings(apns.settings), lent) as send:
        yield send


async def test_push_reaches_the_phone(send: Send, apns: Apns) -> None:
    """APNs finds nothing wrong; the system gets the words, the app what it needs beside them."""
    links = Links(report="https://edge.example/v1/reports/t")
    content = replace(CONTENT, badge=3, sound="default", data={"class": "yoga"})
    token = apns.register()

    outcome = await send(replace(MESSAGE, content=content, links=links), phone(token))

    assert isinstance(outcome, Sent)
    assert apns.violations == []
    assert apns.received[0].payload == {
        "aps": {
            "alert": {"title": "Matten rollen ✿", "body": "Yoga um 18:00"},
            "mutable-content": 1,
            "sound": "default",
            "badge": 3,
        },
        "class": "yoga",
        "delivery_id": DELIVERY_ID,
        "link": "luma://yoga",
        "report": "https://edge.example/v1/reports/t",
    }


async def test_push_carries_its_headers(send: Send, apns: Apns, lent: Lent) -> None:
    """Topic, priority by purpose, the end of life, collapse id and a stable id go with it."""
    token = apns.register()

    sent = await send(MESSAGE, phone(token))
    await send(replace(MESSAGE, purpose=Purpose.TRANSACTIONAL, ttl_s=7), phone(token))

    first, second = (push.headers for push in apns.received)
    assert first["apns-topic"] == "example.luma.studio"
    assert (first["apns-priority"], second["apns-priority"]) == ("5", "10")
    assert first["apns-expiration"] == str(lent.at_s + 900)
    assert second["apns-expiration"] == str(lent.at_s + 7)
    assert first["apns-collapse-id"] == DELIVERY_ID
    assert first["apns-id"] == second["apns-id"] == str(uuid.UUID(first["apns-id"]))
    assert sent == Sent(first["apns-id"])


async def test_repeated_push_replaces(send: Send, apns: Apns) -> None:
    """The same delivery sent twice shows once, and both go over one connection."""
    address = phone(apns.register())

    outcomes = [await send(MESSAGE, address) for _ in range(2)]

    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert (len(apns.received), len(apns.showing), apns.connections) == (2, 1, 1)


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (Reply(200), Sent()),
        (Reply(200, empty_frames=50, body=b"{}"), Sent()),
        (Reply(200, body=b"x" * 200_000), Sent()),
        (Reply(301), Rejected("redirect")),
        (Reply(400, "BadDeviceToken"), Gone("bad_token")),
        (Reply(400, "DeviceTokenNotForTopic"), Rejected("other_topic")),
        (Reply(400, "TopicDisallowed"), Misconfigured("bad_topic")),
        (Reply(400, "MissingTopic"), Misconfigured("bad_topic")),
        (Reply(400, "BadExpirationDate"), Rejected("bad_request")),
        (Reply(400, body=b"\xff not json"), Rejected("bad_request")),
        (Reply(400, body=b'["BadDeviceToken"]'), Rejected("bad_request")),
        (Reply(403, "InvalidProviderToken"), Misconfigured("token_refused")),
        (Reply(403, "BadDeviceToken"), Misconfigured("token_refused")),
        (Reply(405, "MethodNotAllowed"), Rejected("bad_request")),
        (Reply(410, "Unregistered", SINCE_MS), Gone(since_ms=SINCE_MS)),
        (Reply(410, "ExpiredToken", SINCE_MS), Gone(since_ms=SINCE_MS)),
        (Reply(410, "Unregistered"), Gone()),
        (Reply(410, body=b'{"timestamp": "soon"}'), Gone()),
        (Reply(413, "PayloadTooLarge"), Rejected("too_large")),
        (Reply(418), Unknown("unmapped_status")),
        (
            Reply(429, "TooManyRequests", headers={"retry-after": "120"}),
            Unavailable("rate_limited", 120.0),
        ),
        (Reply(500, "InternalServerError"), Unavailable("server_error")),
        (Reply(502), Unknown("unmapped_status")),
        (
            Reply(503, "ServiceUnavailable", headers={"retry-after": "7"}),
            Unavailable("unavailable", 7.0),
        ),
        (Reply(504), Unknown("unmapped_status")),
        (Silence(), Unknown("no_answer")),
        (Hangup(), Unknown("no_answer")),
        (Hangup(200), Sent()),
        (Refused(), Unavailable("not_processed")),
        (Goaway(taken=False), Unavailable("not_processed")),
    ],
    ids=repr,
)
async def test_answer_has_its_outcome(
    send: Send, apns: Apns, script: Script, outcome: Outcome
) -> None:
    """Each answer of APNs means what delivery.md section 6 says."""
    address = phone(apns.register())
    apns.script.append(script)

    assert await send(MESSAGE, address) == outcome


async def test_goaway_lets_what_was_taken_end(send: Send, apns: Apns) -> None:
    """A stream at or below GOAWAY's last is answered, and the next push has a new connection."""
    address = phone(apns.register())
    apns.script.append(Goaway(taken=True))

    outcomes = [await send(MESSAGE, address) for _ in range(2)]

    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert apns.connections == 2


@pytest.mark.parametrize(("environment", "told"), [("", "production"), ("sandbox", "sandbox")])
def test_host_follows_the_environment(
    authority: Authority, apns: Apns, environment: str, told: str
) -> None:
    """Without a setting Apple's own hosts are called, by the address's environment."""
    settings = parse_settings({**apns.settings, "host": "", "ca_file": str(authority.ca_file)})
    address = phone("ab" * 32, environment=environment)

    assert settings.servers[address.environment].host == HOSTS[told]
    assert settings.servers[address.environment].port == 443


async def test_provider_token_is_kept_and_renewed_in_time(authority: Authority, lent: Lent) -> None:
    """It is used for 40 minutes: not renewed within 20, never older than an hour."""
    io = Moving(lent.http, lent.timeout_s, lent.at_s)

    async with (
        Apns(authority, io.now_s) as apns,
        connect(parse_settings(apns.settings), io) as send,
    ):
        address = phone(apns.register())
        await asyncio.gather(*(send(MESSAGE, address) for _ in range(20)))
        io.at_s += 39 * 60
        await send(MESSAGE, address)
        kept = len(apns.provider_tokens)
        io.at_s += 60
        await send(MESSAGE, address)

    assert (kept, len(apns.provider_tokens)) == (1, 2)
    assert len(apns.received) == 22


@pytest.mark.parametrize(
    ("answers", "outcome", "tokens"),
    [(1, Sent(), 2), (2, Misconfigured("token_refused"), 2)],
)
async def test_token_that_ran_out_is_renewed_once(
    apns: Apns, lent: Lent, answers: int, outcome: Outcome, tokens: int
) -> None:
    """ExpiredProviderToken renews and asks again; twice is our fault, and the address stays."""
    io = Moving(lent.http, lent.timeout_s, lent.at_s)
    address = phone(apns.register())

    async with connect(parse_settings(apns.settings), io) as send:
        await send(MESSAGE, address)
        io.at_s += 1  # another second makes another token
        apns.script.extend([Reply(403, "ExpiredProviderToken")] * answers)
        found = await send(MESSAGE, address)

    assert type(found) is type(outcome)
    assert len(apns.provider_tokens) == tokens


async def test_many_share_a_connection_within_the_servers_limit(
    authority: Authority, lent: Lent
) -> None:
    """300 pushes at once go over one connection, never more than the server allows at a time."""
    async with Apns(authority, streams=7) as apns:
        address = phone(apns.register())
        patient = replace(lent, timeout_s=20.0)
        async with connect(parse_settings(apns.settings), patient) as send:
            outcomes = await asyncio.gather(*(send(MESSAGE, address) for _ in range(300)))

    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert (apns.connections, len(apns.received)) == (1, 300)
    assert apns.most_at_once <= 7


async def test_wait_for_room_that_runs_out_has_sent_nothing(
    authority: Authority, lent: Lent
) -> None:
    """Who never got a stream may be sent again; who got one and no answer may have arrived."""
    async with Apns(authority, streams=1) as apns:
        address = phone(apns.register())
        async with connect(parse_settings(apns.settings), lent) as send:
            await send(MESSAGE, address)  # the server's limit is known from here on
            apns.is_open.clear()
            outcomes = await asyncio.gather(*(send(MESSAGE, address) for _ in range(3)))
            apns.is_open.set()

    assert outcomes.count(Unknown("no_answer")) == 1
    assert [type(outcome) for outcome in outcomes].count(Unavailable) == 2


async def test_silent_connection_is_left(send: Send, apns: Apns) -> None:
    """After a request whose wait ended in silence the next one has a new connection."""
    address = phone(apns.register())
    await send(MESSAGE, address)
    apns.hears.clear()
    silent = await send(MESSAGE, address)
    apns.hears.set()

    after = await send(MESSAGE, address)

    assert (silent, type(after)) == (Unknown("no_answer"), Sent)
    assert apns.connections == 2


async def test_unknown_authority_is_not_believed(
    apns: Apns, lent: Lent, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A server that only another authority vouches for is not talked to; nothing was sent."""
    other = issue(tmp_path_factory.mktemp("other"))
    address = phone(apns.register())

    for ca_file in ("", str(other.ca_file)):
        async with connect(parse_settings({**apns.settings, "ca_file": ca_file}), lent) as send:
            assert await send(MESSAGE, address) == Unavailable("no_connection")
    assert apns.calls == []


async def test_refused_connection_is_unavailable(
    apns: Apns, lent: Lent, unused_tcp_port: int
) -> None:
    """Where nobody listens nothing has been taken."""
    settings = {**apns.settings, "host": f"127.0.0.1:{unused_tcp_port}"}

    async with connect(parse_settings(settings), lent) as send:
        assert await send(MESSAGE, phone("ab" * 32)) == Unavailable("no_connection")


@pytest.mark.parametrize(("over_bytes", "is_sent"), [(0, True), (1, False)])
async def test_payload_above_4096_bytes_is_not_sent(
    send: Send,
    apns: Apns,
    over_bytes: int,
    is_sent: bool,  # noqa: FBT001 - the expected value
) -> None:
    """4,096 bytes arrive, 4,097 are refused before sending."""
    bare = PushContent("é", "x")
    size = len(write_payload(replace(MESSAGE, content=bare), bare))
    body = "x" * (MAX_PAYLOAD_BYTES - size + 1 + over_bytes)

    outcome = await send(replace(MESSAGE, content=PushContent("é", body)), phone(apns.register()))

    assert (outcome == Rejected("too_large")) is not is_sent
    assert len(apns.calls) == int(is_sent)
    assert apns.violations == []


@pytest.mark.parametrize("delivery_id", ["a" * 65, "A" * 32, "a\r\nb", ""])
async def test_delivery_id_that_is_no_header_is_not_sent(
    send: Send, apns: Apns, delivery_id: str
) -> None:
    """Only 32 characters of base32 become a collapse id."""
    outcome = await send(replace(MESSAGE, delivery_id=delivery_id), phone(apns.register()))

    assert (outcome, apns.calls) == (Rejected("bad_delivery_id"), [])


async def test_topic_of_another_app_is_not_called(send: Send, apns: Apns) -> None:
    """A device cannot choose for which app we speak: only ``topic`` of the settings."""
    address = phone(apns.register(), topic="example.other")

    assert await send(MESSAGE, address) == Rejected("topic_not_ours")
    assert apns.calls == []


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"key": ""}, "key"),
        ({"key": "hunter2"}, "key"),
        ({"key_id": "short"}, "key_id"),
        ({"team_id": "TEAM 67890"}, "team_id"),
        ({"topic": " , "}, "topic"),
        ({"topic": "a b"}, "topic"),
        ({"host": "evil.example"}, "host"),
        ({"host": "127.0.0.1:x"}, "host"),
        ({"ca_file": "/no/such/file"}, "ca_file"),
        ({"tema_id": "x"}, "team_id"),
    ],
)
def test_unusable_setting_is_named(apns: Apns, changed: dict[str, str], names: str) -> None:
    """A setting that cannot be used is named, and a key is not repeated."""
    with pytest.raises(SettingsError, match=f'"{names}"') as caught:
        parse_settings({**apns.settings, **changed})

    assert "hunter2" not in str(caught.value)


def test_payload_of_the_driver_is_bounded() -> None:
    """The gateway is told how much fits."""
    written = write_payload(MESSAGE, CONTENT)

    assert driver.max_body_bytes == MAX_PAYLOAD_BYTES
    assert json.loads(written)["aps"]["alert"]["title"] == "Matten rollen ✿"
