"""
Link watch: asks whether the pages are there that live messages lead to, and remembers it.

Does I/O. What it finds stands in ``LinkBook``; ``reports.stuck`` tells it beside the steps.

Rule 1. A link is asked once a day. After a publication, and after a start, every link is asked that
        was not within the hour; one that is broken is asked every hour, so that a page which is
        back does not stand accused for a day.
Rule 2. Only links that are the same for everybody, of messages that live campaigns and journeys
        send, and of those the first ``LINKS_MAX``. What nobody sends any more is forgotten.
Rule 3. ``AT_ONCE`` hosts at a time, each asked for one page after the other, ``PAUSE_S`` apart. A
        host that does not answer ``GIVE_UP`` times running is left alone until the next time.
Rule 4. Neither logs nor metrics have a link; they count.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

import structlog

from fencepost_gateway.clock import Clock
from fencepost_gateway.content.page_links import messages_in, page_links
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.metrics import Metrics
from fencepost_gateway.ports import LinkRow, Store
from fencepost_gateway.workers.page_asking import PRIVATE, PageAnswer
from fencepost_gateway.workers.plans import Plans

LINKS_MAX: Final = 1_000
AT_ONCE: Final = 4
GIVE_UP: Final = 3
PAUSE_S: Final = 1.0
LOOK_S: Final = 30.0
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000

log = structlog.get_logger()

Ask = Callable[[str], Awaitable[PageAnswer]]


class LinkWatch:
    """Asks the links of one gateway."""

    def __init__(
        self,
        *,
        store: Store,
        plans: Plans,
        ask: Ask,
        clock: Clock,
        metrics: Metrics,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._store = store
        self._plans = plans
        self._ask = ask
        self._clock = clock
        self._metrics = metrics
        self._pause_s = pause_s
        self._revision = -1
        self._next_ms = 0

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                await self.step()
            except* StoreUnavailableError:
                log.warning("links.store_unavailable")
            await asyncio.sleep(LOOK_S)

    async def step(self) -> int:
        """Ask every link that is to be asked now; gives how many were."""
        plan, now_ms = self._plans.plan, self._clock.now_ms()
        is_new = plan.revision != self._revision
        if not is_new and now_ms < self._next_ms:
            return 0
        urls = await asyncio.to_thread(_links_of, plan)  # a large workspace takes seconds
        if len(urls) > LINKS_MAX:
            log.warning("links.too_many", links=len(urls), asked=LINKS_MAX)
        await self._store.links.keep(set(urls[:LINKS_MAX]))
        known = {row.url: row for row in await self._store.links.rows()}
        due = [u for u in urls[:LINKS_MAX] if _is_due(known.get(u), now_ms, is_new=is_new)]
        asked = await self._ask_all(due, known)
        self._revision, self._next_ms = plan.revision, now_ms + HOUR_MS
        return asked

    async def _ask_all(self, due: Sequence[str], known: Mapping[str, LinkRow]) -> int:
        by_host, turns = defaultdict[str, list[str]](list), asyncio.Semaphore(AT_ONCE)
        for url in due:
            by_host[urlsplit(url).netloc].append(url)

        async def one(urls: Sequence[str]) -> int:
            async with turns:
                return await self._ask_host(urls, known)

        async with asyncio.TaskGroup() as group:
            hosts = [group.create_task(one(urls)) for urls in by_host.values()]
        asked = sum(host.result() for host in hosts)
        if asked:
            log.info("links.asked", links=asked, hosts=len(hosts))
        return asked

    async def _ask_host(self, urls: Sequence[str], known: Mapping[str, LinkRow]) -> int:
        """Ask the links of one host (Rule 3)."""
        silent = 0
        for number, url in enumerate(urls):
            if number:
                await asyncio.sleep(self._pause_s)
            answer = await self._answer(url)
            await self._store.links.put(_row(url, answer, known.get(url), self._clock.now_ms()))
            self._metrics.links.labels(_outcome(answer)).inc()
            silent = 0 if answer.status else silent + 1
            if silent == GIVE_UP:
                return number + 1
        return len(urls)

    async def _answer(self, url: str) -> PageAnswer:
        try:
            return await self._ask(url)
        except Exception as error:  # noqa: BLE001 - its text could hold the link
            log.error("links.bug", error=type(error).__name__)  # noqa: TRY400
            return PageAnswer(failure="no_answer")


def _links_of(plan: Plan) -> list[str]:
    """Give every static link of what is sent, each once."""
    return list(
        dict.fromkeys(u for part, _ in messages_in(plan) for u in page_links(plan, part).urls)
    )


def _is_due(row: LinkRow | None, now_ms: int, *, is_new: bool) -> bool:
    if row is None:
        return True
    often = is_new or row.bad_since_ms is not None
    return now_ms - row.asked_ms >= (HOUR_MS if often else DAY_MS)


def _row(url: str, answer: PageAnswer, before: LinkRow | None, now_ms: int) -> LinkRow:
    since_ms = before.bad_since_ms if before else None
    bad_ms = (now_ms if since_ms is None else since_ms) if answer.is_bad else None
    return LinkRow(url, answer.status, answer.failure, now_ms, bad_ms)


def _outcome(answer: PageAnswer) -> str:
    if answer.failure == PRIVATE:
        return "not_asked"
    if answer.is_bad:
        return "broken" if answer.status else "unreachable"
    return "fine"
