"""Outbound calls against a real server: what is sent, what is taken, and who is never called."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from doubles.http_server import Reply, Reset, Silence
from doubles.source_stub import HOST, Names, SourceStub, open_source, says
from fencepost_gateway.clock import ManualClock
from fencepost_gateway.decide.calls import Call, fills_of
from fencepost_gateway.decide.plan import Source
from fencepost_gateway.decide.retries import Tried
from fencepost_gateway.workers.outbound import open_outbound
from fencepost_gateway.workers.way_out import PublicResolver
from gateway.rig import NOON_MS

SECRETS = {"key": "Bearer of-tickets", "old": "an old secret", "new": "whsec_bmV3ZXIga2V5"}
CALL = Call("call-1", "run-1", "p-1", "journey", "step", "tickets", "look_up", NOON_MS)
HOOK = structs.replace(CALL, kind="webhook", body={"type": "journey.step"})


@pytest.fixture
async def stub(tmp_path: Path) -> AsyncIterator[SourceStub]:
    """Somebody's own system."""
    async with open_source(tmp_path) as found:
        yield found


def source(stub: SourceStub, way: str = "/left", **more: Any) -> Source:
    """Give a source that is there."""
    return Source("tickets", 1, stub.url + way, ttl_ms=0, timeout_ms=2_000, **more)


async def made(stub: SourceStub, call: Call = CALL, found: Source | None = None) -> Tried:
    """Make a call."""
    async with stub.opener(ManualClock(NOON_MS), SECRETS) as outbound:
        return await outbound.make(call, found or source(stub))


async def test_value_is_asked_for_with_secret_and_key(stub: SourceStub) -> None:
    """A look-up is a GET with the operator's secret, and the call's id as its key."""
    found = await made(stub, CALL, source(stub, headers=(("Authorization", "key"),)))
    (asked,) = stub.asked

    assert found == Tried(status=200, value={"left": 3})
    assert (asked.method, asked.path, asked.body) == ("GET", "/left", b"")
    assert asked.headers["Authorization"] == "Bearer of-tickets"
    assert asked.headers["Idempotency-Key"] == "call-1"


async def test_webhook_is_signed_by_every_secret(stub: SourceStub) -> None:
    """HMAC-SHA256 over id, time and body; two signatures while the receiver changes over."""
    found = await made(stub, HOOK, source(stub, sign=("new", "old")))
    (asked,) = stub.asked
    stamp = asked.headers["webhook-timestamp"]
    signed = b"call-1." + stamp.encode() + b"." + asked.body
    keys = b"newer key", b"an old secret"
    expected = [base64.b64encode(hmac.digest(k, signed, hashlib.sha256)).decode() for k in keys]

    assert (found, json.loads(asked.body)) == (Tried(status=200), HOOK.body)
    assert asked.headers["webhook-signature"] == " ".join(f"v1,{each}" for each in expected)
    assert (asked.headers["webhook-id"], stamp) == ("call-1", str(NOON_MS // 1_000))


DEEP: Any = 1
for _ in range(9):
    DEEP = [DEEP]
JSON = {"Content-Type": "application/json"}
ANSWERS: dict[str, tuple[Any, str]] = {
    "refused": (says({}, 404), "bad_status"),
    "not allowed": (says({}, 401), "bad_status"),
    "elsewhere": (says({}, 302, Location="/other"), "redirect"),
    "busy": (says({}, 429, Retry_After="7"), "unavailable"),
    "broken": (says({}, 500), "unavailable"),
    "reset": (Reset(), "no_answer"),
    "nothing": (Reply(204), "empty"),
    "null": (says(None), "empty"),
    "a page": (Reply(200, {"Content-Type": "text/html"}, b"<p>3</p>"), "not_json"),
    "no type": (Reply(200, {}, b"3"), "not_json"),
    "half of it": (Reply(200, JSON, b'{"left": '), "not_json"),
    "no text": (Reply(200, JSON, b'"\xff"'), "not_json"),
    "a number beyond all": (Reply(200, JSON, b"1" + b"0" * 30), "not_json"),
    "too large a value": (says("x" * 4_100), "too_large"),
    "too large": (says("x" * 20_000), "too_large"),
    "without end": (Reply(200, JSON, b"[" * 4_096, endless=True), "too_large"),
    "too deep": (says(DEEP), "too_deep"),
    "deep as the sea": (Reply(200, JSON, b"[" * 9_000), "too_deep"),
    "packed": (
        Reply(200, {**JSON, "Content-Encoding": "gzip"}, gzip.compress(b"3")),
        "not_json",
    ),
}


@pytest.mark.parametrize(("script", "failure"), ANSWERS.values(), ids=ANSWERS)
async def test_answer_that_is_no_value_is_a_failure(
    stub: SourceStub, script: Any, failure: str
) -> None:
    """Each has its name; nothing is followed, inflated, or read without end."""
    stub.server.always = script

    assert (await made(stub)).failure == failure
    assert {each.path for each in stub.asked} == {"/left"}


async def test_silence_ends_with_the_timeout(stub: SourceStub) -> None:
    """Nobody waits for longer than the source says."""
    stub.server.script.append(Silence())
    quick = structs.replace(source(stub), timeout_ms=200)

    assert await made(stub, CALL, quick) == Tried("timeout")


async def test_retry_after_is_read(stub: SourceStub) -> None:
    """When to come again is for the one who retries."""
    stub.server.script.append(says({}, 503, Retry_After="7"))

    assert await made(stub) == Tried("unavailable", 503, retry_after_s=7.0)


async def test_what_is_filled_in_stays_in_its_place(stub: SourceStub) -> None:
    """A value cannot become another way, another query, or another host."""
    odd = source(stub, "/a/{event.x}/b?q={event.y}")
    props = {"x": "../c?d=1#e", "y": "1&z=\u00fc %2e@evil.example"}
    fills = fills_of(odd.url, {"event": props})
    assert isinstance(fills, dict)

    await made(stub, structs.replace(CALL, fills=fills), odd)

    assert stub.asked[0].path == ("/a/..%2Fc%3Fd=1%23e/b?q=1%26z%3D%C3%BC%20%252e@evil.example")


async def test_without_its_secret_nobody_is_called(stub: SourceStub) -> None:
    """A call without the key it needs would be refused, or taken for somebody else's."""
    header = source(stub, headers=(("Authorization", "gone"),))
    unsigned = source(stub, sign=("new", "gone"))

    assert await made(stub, CALL, header) == Tried("no_secret")
    assert await made(stub, HOOK, unsigned) == Tried("no_secret")
    assert stub.asked == []


@pytest.mark.parametrize(
    "addresses",
    [
        ("127.0.0.1",), ("10.0.0.8",), ("169.254.169.254",), ("100.64.0.1",), ("224.0.0.1",),
        ("192.168.1.1",), ("::1",), ("fd00::1",), ("fe80::1",), ("fec0::1",), ("::ffff:10.0.0.8",),
        ("64:ff9b::a00:8",), ("2002:a00:8::1",), ("93.184.216.34", "10.0.0.8"),
    ],
    ids=" ".join,
)  # fmt: skip
async def test_name_of_a_private_address_is_not_called(
    stub: SourceStub, addresses: tuple[str, ...]
) -> None:
    """Whatever the name is: one private address, and nobody is connected to."""
    clock, resolver = ManualClock(NOON_MS), Names(*addresses)
    async with open_outbound(clock, {}, resolver=resolver) as outbound:
        found = await outbound.make(CALL, source(stub))

    assert (found, stub.asked) == (Tried("private_host"), [])


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "localhost", "2130706433", "127.1", "a.lan"]
)
async def test_private_host_of_a_source_is_not_called(stub: SourceStub, host: str) -> None:
    """Were it in a document all the same: it is asked again at the call."""
    private = structs.replace(source(stub), url=source(stub).url.replace(HOST, host))

    assert (await made(stub, CALL, private), stub.asked) == (Tried("private_host"), [])


async def test_public_address_is_let_through() -> None:
    """The guard refuses private addresses, and no others."""
    resolver = PublicResolver(Names("93.184.216.34", "2606:2800:220:1::1"))

    assert len(await resolver.resolve("example.com", 443)) == 2
