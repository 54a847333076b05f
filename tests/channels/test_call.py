from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from doubles.http_server import HttpServer, Reply, Reset, Script, Silence
from fencepost_channels.call import MAX_ANSWER_BYTES, Answer, CallFailed, post, retry_after_s
from fencepost_channels.errors import Outcome, Unavailable, Unknown

if TYPE_CHECKING:
    from fencepost_channels.conformance import Lent


@pytest.fixture
async def server() -> AsyncIterator[HttpServer]:
    """A server that does what its script says, and answers 200 with the path otherwise."""

    async def handle(request: web.Request) -> web.StreamResponse:
        script = scripted.next_script()
        if script is None:
            return web.Response(text=request.path)
        return await scripted.play(request, script)

    scripted = HttpServer("/{path:.*}", handle)
    await scripted.start()
    yield scripted
    await scripted.stop()


async def outcome(lent: Lent, url: str) -> Outcome:
    """Give what a call that fails means."""
    with pytest.raises(CallFailed) as caught:
        await post(lent, url, data=b"x", headers={})
    return caught.value.outcome


@pytest.mark.bad_input(100)
async def test_redirect_is_not_followed(lent: Lent, server: HttpServer) -> None:
    """A redirect is an answer like any other."""
    server.script.append(Reply(307, {"Location": f"{server.url}/elsewhere"}))

    answer = await post(lent, server.url + "/here", data=b"x", headers={})

    assert (answer.status, answer.body) == (307, b"")


@pytest.mark.bad_input(102)
async def test_endless_answer_is_cut(lent: Lent, server: HttpServer) -> None:
    """At most 16 KiB of an answer are read, and its status counts."""
    server.script.append(Reply(201, body=b"x" * 5000, endless=True))

    answer = await post(lent, server.url + "/", data=b"x", headers={})

    assert (answer.status, len(answer.body)) == (201, MAX_ANSWER_BYTES)


@pytest.mark.bad_input(102)
async def test_answer_that_stalls_ends_with_the_call(lent: Lent, server: HttpServer) -> None:
    """A body that never comes is waited for as long as a call may take, and its status counts."""
    server.script.append(Reply(201, endless=True))

    answer = await post(lent, server.url + "/", data=b"x", headers={})

    assert (answer.status, answer.body) == (201, b"")


@pytest.mark.bad_input(102)
async def test_gzip_bomb_is_not_inflated(lent: Lent, server: HttpServer) -> None:
    """A compressed body is given as it came."""
    bomb = gzip.compress(bytes(5_000_000))
    server.script.append(Reply(200, {"Content-Encoding": "gzip"}, bomb))

    answer = await post(lent, server.url + "/", data=b"x", headers={})

    assert answer.body == bomb[:MAX_ANSWER_BYTES]


@pytest.mark.bad_input(102)
async def test_giant_header_is_an_unreadable_answer(lent: Lent, server: HttpServer) -> None:
    """Headers without bound end the call; it may have been taken."""
    server.script.append(Reply(201, {"X-Giant": "x" * 1_000_000}))

    assert await outcome(lent, server.url + "/") == Unknown("no_answer")


@pytest.mark.parametrize("script", [Silence(), Reset()], ids=["silence", "reset"])
async def test_failure_after_the_request_is_unknown(
    lent: Lent, server: HttpServer, script: Script
) -> None:
    """Once a byte has left, no answer means that it may have been taken."""
    server.script.append(script)

    assert await outcome(lent, server.url + "/") == Unknown("no_answer")


async def test_refused_connection_is_unavailable(lent: Lent, unused_tcp_port: int) -> None:
    """Where nobody listens nothing has been taken."""
    url = f"http://127.0.0.1:{unused_tcp_port}/"

    assert await outcome(lent, url) == Unavailable("no_connection")


async def test_failing_handshake_is_unavailable(lent: Lent, server: HttpServer) -> None:
    """A server that speaks no TLS has seen no byte of the request."""
    url = server.url.replace("http:", "https:") + "/"

    assert await outcome(lent, url) == Unavailable("no_connection")


@pytest.mark.bad_input(106)
async def test_proxy_of_the_environment_is_ignored(
    lent: Lent, server: HttpServer, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    """HTTP_PROXY changes nothing."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_tcp_port}")

    answer = await post(lent, server.url + "/direct", data=b"x", headers={})

    assert answer.body == b"/direct"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("9" * 400, 999_999_999.0),
        ("Mon, 04 May 2026 09:13:40 GMT", 60.0),
        ("Mon, 04 May 2026 09:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("１２", None),  # noqa: RUF001 - full-width digits are the point
        ("nan", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    """Retry-After is read in both forms; what is neither counts as absent."""
    answer = Answer(429, {"Retry-After": text} if text else {}, b"")

    assert retry_after_s(answer, now_s=1_777_885_960) == seconds
