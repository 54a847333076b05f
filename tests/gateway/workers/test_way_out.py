"""The guarded session: who is connected to, whatever stands in an address."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from doubles.http_server import HttpServer, Reply
from doubles.source_stub import Names
from fencepost_channels.call import CallFailed, post
from fencepost_channels.conformance import Lent
from fencepost_channels.errors import Rejected, Unavailable
from fencepost_gateway.workers.way_out import Guard, PrivateHostError, open_way_out

# What a lenient name server makes of them; those that it is never asked about are not here.
NAMES = {
    "127.1": "127.0.0.1",
    "0x7f.1": "127.0.0.1",
    "2130706433": "127.0.0.1",
    "0177.0.0.1": "127.0.0.1",
    "localhost.": "127.0.0.1",
    "metadata.google.internal": "169.254.169.254",
}


class Home:
    """A server inside; it must see nobody."""

    def __init__(self) -> None:
        self.server = HttpServer("/{way:.*}", self._handle)
        self.asked: list[str] = []

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        script = self.server.next_script()
        return await self.server.play(request, script) if script else web.Response(text="home")

    def at(self, host: str) -> str:
        """Give its address under another host."""
        return self.server.url.replace("127.0.0.1", host)


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    """Run it."""
    found = Home()
    await found.server.start()
    yield found
    await found.server.stop()


async def refused(http: aiohttp.ClientSession, url: str) -> BaseException | None:
    """Call, and give what kept us from it."""
    with pytest.raises(CallFailed) as caught:
        await post(Lent(http, 5.0, 0), url, data=b"x", headers={})
    why = caught.value.__cause__
    if isinstance(why, aiohttp.InvalidURL):  # no plain address, and no name either
        assert caught.value.outcome == Rejected("bad_url")
        return why
    assert caught.value.outcome == Unavailable("no_connection")
    return getattr(why, "os_error", None)


@pytest.mark.bad_input(97)
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0x7f.1", "2130706433", "0177.0.0.1", "①②⑦.0.0.1", "[::1]",
        "[::ffff:10.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1%25eth0]",
        "[fec0::1]", "224.0.0.1", "localhost.", "169.254.169.254", "100.100.100.200",
        "metadata.google.internal",
    ],
)  # fmt: skip
async def test_private_host_is_not_connected_to(home: Home, host: str) -> None:
    """Were it let through everywhere else: the socket is never made."""
    async with open_way_out(resolver=Names(NAMES.get(host, "93.184.216.34"))) as http:
        why = await refused(http, home.at(host))

    assert isinstance(why, (PrivateHostError, aiohttp.InvalidURL))
    assert home.asked == []


@pytest.mark.bad_input(98)
async def test_host_that_became_private_is_not_connected_to(home: Home) -> None:
    """It was public when it was saved; what counts is where it leads now."""
    names = Names("93.184.216.34")
    async with open_way_out(resolver=names) as http:
        names.addresses = ("127.0.0.1",)
        why = await refused(http, home.at("rebound.example"))

    assert isinstance(why, PrivateHostError)
    assert home.asked == []


@pytest.mark.bad_input(98)
async def test_name_is_resolved_once_and_that_address_is_connected_to(home: Home) -> None:
    """A name server that says something else a second time is not asked a second time."""

    class Rebinding(Names):
        asked = 0

        async def resolve(self, *which: object) -> list[aiohttp.abc.ResolveResult]:
            self.asked += 1
            self.addresses = ("127.0.0.1",) if self.asked == 1 else ("10.0.0.1",)
            return await super().resolve(*which)  # type: ignore[arg-type]  # handed on as it came

    names = Rebinding()
    async with open_way_out(resolver=names, to_loopback=True) as http:
        answer = await post(Lent(http, 5.0, 0), home.at("rebound.example"), data=b"", headers={})

    assert (answer.status, names.asked, home.asked) == (200, 1, ["/"])


@pytest.mark.bad_input(99)
@pytest.mark.parametrize("addresses", [("93.184.216.34", "127.0.0.1"), ("::1", "93.184.216.34")])
async def test_one_private_address_is_one_too_many(home: Home, addresses: tuple[str, str]) -> None:
    """Even where a public one stands beside it, before or after."""
    async with open_way_out(resolver=Names(*addresses)) as http:
        why = await refused(http, home.at("both.example"))

    assert isinstance(why, PrivateHostError)
    assert home.asked == []


@pytest.mark.bad_input(100)
async def test_redirect_to_a_private_host_is_not_followed(home: Home) -> None:
    """It is an answer like any other, for whoever calls the loopback too."""
    home.server.script.append(Reply(307, {"Location": "http://169.254.169.254/latest"}))
    async with open_way_out(to_loopback=True) as http:
        answer = await post(Lent(http, 5.0, 0), home.server.url, data=b"", headers={})

    assert (answer.status, home.asked) == (307, ["/"])


@pytest.mark.bad_input(106)
async def test_no_proxy_is_taken_from_the_environment(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy would connect for us, to wherever it can."""
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, home.server.url)
    async with open_way_out() as http:
        await refused(http, "http://127.0.0.1:1/")

    assert home.asked == []


@pytest.mark.parametrize("address", ["10.0.0.1", "169.254.169.254", "127.0.0.2", "::1"])
async def test_the_loopback_is_one_address(address: str) -> None:
    """Who may call a counterpart on 127.0.0.1 may call nothing else that is private."""
    async with open_way_out(to_loopback=True, resolver=Names(address)) as http:
        why = await refused(http, "http://counterpart.example:1/")

    assert isinstance(why, PrivateHostError)


def test_public_address_gets_its_socket() -> None:
    """The guard refuses private addresses, and no others."""
    kind = (2, 1, 6, "", ("93.184.216.34", 443))

    with Guard().new_socket(kind) as made:
        assert made.family == 2
