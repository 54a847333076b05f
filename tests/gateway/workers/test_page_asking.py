"""Pages, asked of a real server: what an answer means, and who is never asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from doubles.http_server import HttpServer, Silence
from doubles.source_stub import Names
from fencepost_gateway.clock import ManualClock
from fencepost_gateway.workers.outbound import open_outbound
from fencepost_gateway.workers.page_asking import HOPS_MAX, PageAnswer, ask_page
from gateway.rig import NOON_MS

HOST = "pages.example"


class Pages:
    """Some pages, and who asked for them."""

    def __init__(self) -> None:
        self.server = HttpServer("/{way:.*}", self._handle)
        self.asked: list[str] = []
        self.came = asyncio.Event()

    @property
    def url(self) -> str:
        """Where they are, by name."""
        return self.server.url.replace("127.0.0.1", HOST)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.rel_url}")
        self.came.set()
        name, _, more = request.path.strip("/").partition("/")
        match name:
            case "slow":
                return await self.server.play(request, Silence())
            case "to":
                return web.Response(status=302, headers={"Location": request.query_string})
            case "hops":
                left = int(more) - 1
                return web.Response(status=307, headers={"Location": f"/hops/{left}"} if left
                                    else {"Location": "/200"})  # fmt: skip
            case "nowhere":
                return web.Response(status=301)
            case "get":
                return web.Response(status=200 if request.method == "GET" else int(more))
            case _:
                return web.Response(status=int(name))


@asynccontextmanager
async def open_session(resolver: object = None) -> AsyncIterator[aiohttp.ClientSession]:
    """Open the way out, with a name server that knows every name."""
    names: aiohttp.abc.AbstractResolver = resolver or Names()  # type: ignore[assignment]
    clock = ManualClock(NOON_MS)
    async with open_outbound(clock, {}, resolver=names, to_loopback=True) as outbound:
        yield outbound.http


@pytest.fixture
async def pages() -> AsyncIterator[Pages]:
    """Run the server."""
    found = Pages()
    await found.server.start()
    try:
        yield found
    finally:
        await found.server.stop()


async def asked(pages: Pages, way: str, timeout_s: float = 5.0) -> PageAnswer:
    """Ask for a page."""
    async with open_session() as http:
        return await ask_page(http, f"{pages.url}/{way}", timeout_s)


@pytest.mark.parametrize(
    ("way", "answer", "is_bad"),
    [
        ("200", PageAnswer(200), False),
        ("404", PageAnswer(404), True),
        ("500", PageAnswer(500), True),
        ("get/405", PageAnswer(200), False),
        ("get/501", PageAnswer(200), False),
        ("get/404", PageAnswer(200), False),  # a server that knows no HEAD may say so by this
        ("to?/200", PageAnswer(200), False),
        ("to?/404", PageAnswer(404), True),
        (f"hops/{HOPS_MAX}", PageAnswer(200), False),
        (f"hops/{HOPS_MAX + 1}", PageAnswer(307, "redirect"), True),
        ("nowhere", PageAnswer(301, "redirect"), True),
        ("304", PageAnswer(304), False),
    ],
)
async def test_answer_of_a_page(pages: Pages, way: str, answer: PageAnswer, is_bad: bool) -> None:  # noqa: FBT001 - a column
    """HEAD, and GET where HEAD is refused; redirects are followed so many times."""
    found = await asked(pages, way)

    assert (found, found.is_bad) == (answer, is_bad)


async def test_page_that_is_fine_is_asked_once_by_head(pages: Pages) -> None:
    """No body is fetched where its head will do, and the query goes along as it was written."""
    await asked(pages, "200?a=1&b=%20x")

    assert pages.asked == ["HEAD /200?a=1&b=%20x"]


async def test_slow_page_is_no_answer(pages: Pages) -> None:
    """The time is for all of it together."""
    assert await asked(pages, "slow", timeout_s=0.05) == PageAnswer(failure="timeout")
    assert PageAnswer(failure="timeout").is_bad


async def test_nobody_listens(pages: Pages) -> None:
    """A port where nobody is."""
    await pages.server.stop()

    assert await asked(pages, "200") == PageAnswer(failure="no_connection")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "a.internal"])
async def test_private_host_is_not_asked(pages: Pages, host: str) -> None:
    """By its name alone; nothing is known of it then, and nothing bad said."""
    async with open_session() as http:
        found = await ask_page(http, f"{pages.url}/200".replace(HOST, host))

    assert (found, found.is_bad, pages.asked) == (PageAnswer(failure="private_host"), False, [])


async def test_name_with_a_private_address_is_not_asked(pages: Pages) -> None:
    """What the name resolves to is judged as well."""
    async with open_session(Names("93.184.216.34", "10.0.0.1")) as http:
        found = await ask_page(http, f"{pages.url}/200")

    assert (found, pages.asked) == (PageAnswer(failure="private_host"), [])


@pytest.mark.parametrize("scheme", ["http", "file", "ftp"])
async def test_redirect_to_somewhere_private_is_not_followed(pages: Pages, scheme: str) -> None:
    """Each hop is judged as the first address was: nobody gets there from outside."""
    private = f"{pages.server.url}/200".replace("http", scheme, 1)
    found = await asked(pages, f"to?{private}")

    assert (found, found.is_bad) == (PageAnswer(failure="redirect"), True)
    assert [each.partition("?")[0] for each in pages.asked] == ["HEAD /to"]


async def test_address_that_cannot_be_read(pages: Pages) -> None:
    """It is an answer, no exception."""
    async with open_session() as http:
        found = await ask_page(http, "http://[oops/")

    assert found == PageAnswer(failure="bad_address")
    assert pages.asked == []


async def test_stopping_is_not_taken_for_an_answer(pages: Pages) -> None:
    """Who is cancelled asks no more, and says nothing of the page."""
    task = asyncio.create_task(asked(pages, "slow"))
    await pages.came.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
