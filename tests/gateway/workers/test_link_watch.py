"""Link watch: when which links are asked, and what is remembered of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fencepost_gateway.clock import ManualClock
from fencepost_gateway.documents.document import canonical_json
from fencepost_gateway.metrics import Metrics
from fencepost_gateway.ports import DocumentRow, LinkRow
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.workers import link_watch
from fencepost_gateway.workers.link_watch import DAY_MS, GIVE_UP, HOUR_MS, LinkWatch
from fencepost_gateway.workers.page_asking import PageAnswer
from fencepost_gateway.workers.plans import Plans
from gateway.documents.test_compile import stored
from gateway.rig import NOON_MS

A, B, SECRET = "https://a.example/", "https://b.example/", "https://a.example/x?token=s3cret"
TEXTS = """
kind: campaign
id: welcome
entry: {{event: seen}}
message: {{template: hello, channels: [email]}}
goal: none
---
kind: template
id: hello
purpose: marketing
email: {{subject: Hi, text: "{links}"}}
"""


class Watched:
    """A watch, its clock, and the pages it asks; ``says`` has what is not fine."""

    def __init__(self) -> None:
        self.store, self.clock, self.metrics = MemoryStore(), ManualClock(NOON_MS), Metrics()
        self.plans = Plans("seed")
        self.asked: list[str] = []
        self.says: dict[str, PageAnswer | Exception] = {}
        self.revision = 0
        self.start()

    def start(self) -> None:
        """Start as after a restart: only the store is as it was."""
        self.watch = LinkWatch(
            store=self.store,
            plans=self.plans,
            ask=self.ask,
            clock=self.clock,
            metrics=self.metrics,
            pause_s=0,
        )

    def publish(self, *links: str) -> None:
        """Let these be the links of what is live."""
        self.revision += 1
        rows = [
            DocumentRow(d.kind, d.id, d.version, canonical_json(d.body), 0, 0)
            for d in stored(TEXTS.format(links=" ".join(links)))
        ]
        self.plans.use(self.revision, rows)

    async def ask(self, url: str) -> PageAnswer:
        """Answer for a page."""
        self.asked.append(url)
        said = self.says.get(url, PageAnswer(200))
        if isinstance(said, Exception):
            raise said
        return said

    async def after(self, ms: int = 0) -> Sequence[str]:
        """Let time pass; give what is asked then."""
        self.clock.move_to(self.clock.now_ms() + ms)
        self.asked.clear()
        await self.watch.step()
        return sorted(self.asked)

    async def rows(self) -> list[LinkRow]:
        """Give what is remembered."""
        return await self.store.links.rows()


@pytest.fixture
def watched() -> Watched:
    """A watch of two links."""
    found = Watched()
    found.publish(A, B)
    return found


async def test_fine_link_is_asked_once_a_day(watched: Watched) -> None:
    """At once, and then not before a day is over."""
    assert await watched.after() == [A, B]
    assert await watched.after(DAY_MS - 1) == []
    assert await watched.after(HOUR_MS) == [A, B]
    assert watched.metrics.links.labels("fine")._value.get() == 4  # noqa: SLF001 - no other way


async def test_publication_asks_what_was_not_asked_within_the_hour(watched: Watched) -> None:
    """A new link at once; one that was asked just now is left alone, publish as one may."""
    await watched.after()
    watched.publish(A, SECRET)
    assert await watched.after(1) == [SECRET]
    watched.publish(A, SECRET)
    assert await watched.after(HOUR_MS) == [A, SECRET]
    assert [row.url for row in await watched.rows()] == [A, SECRET]


async def test_broken_link_is_asked_every_hour_until_it_is_mended(watched: Watched) -> None:
    """Since when it is broken stays over every bad answer, and is forgotten by a good one."""
    watched.says[A] = PageAnswer(404)
    await watched.after()
    watched.says[A] = PageAnswer(failure="timeout")
    assert await watched.after(HOUR_MS) == [A]
    (row, _) = await watched.rows()
    assert row == LinkRow(A, 0, "timeout", NOON_MS + HOUR_MS, NOON_MS)
    del watched.says[A]
    assert await watched.after(HOUR_MS) == [A]
    (row, _) = await watched.rows()
    assert (row.status, row.bad_since_ms) == (200, None)
    assert await watched.after(HOUR_MS) == []


async def test_restart_remembers(watched: Watched) -> None:
    """Who starts again and again does not ask again and again, and knows since when."""
    watched.says[A] = PageAnswer(500)
    await watched.after()
    watched.start()
    assert await watched.after(HOUR_MS - 1) == []
    watched.start()
    assert await watched.after(1) == [A, B]
    assert (await watched.rows())[0].bad_since_ms == NOON_MS


async def test_private_page_is_not_called_broken(watched: Watched) -> None:
    """It was not asked, so nothing is known of it."""
    watched.says[A] = PageAnswer(failure="private_host")
    await watched.after()

    assert (await watched.rows())[0].bad_since_ms is None
    assert watched.metrics.links.labels("not_asked")._value.get() == 1  # noqa: SLF001


async def test_silent_host_is_left_alone(watched: Watched) -> None:
    """After so many without an answer; what is left is asked an hour later, other hosts now."""
    links = [f"{A}{number}" for number in range(GIVE_UP + 2)]
    watched.publish(*links, B)
    watched.says = {url: PageAnswer(failure="timeout") for url in links}

    assert await watched.after() == [*links[:GIVE_UP], B]
    assert await watched.after(HOUR_MS - 1) == []
    assert len(await watched.after(1)) == GIVE_UP


async def test_only_so_many_links_are_asked(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is asked and kept is bounded, whatever is published."""
    monkeypatch.setattr(link_watch, "LINKS_MAX", 3)
    watched.publish(*(f"https://h{number}.example/" for number in range(5)))

    assert len(await watched.after()) == 3
    assert len(await watched.rows()) == 3


async def test_link_is_in_no_log(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither what is asked nor what goes wrong; a bug counts as no answer and ends nothing."""
    watched.publish(SECRET, B)
    watched.says[SECRET] = RuntimeError(SECRET)
    await watched.after()
    printed = "".join(capsys.readouterr())

    assert "links.asked" in printed
    assert "RuntimeError" in printed
    assert "s3cret" not in printed
    assert "example" not in printed
    assert (await watched.rows())[0].failure == "no_answer"
    assert b"s3cret" not in watched.metrics.expose()
