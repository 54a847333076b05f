"""
Reception: takes what comes back after a send, from providers and from our own links.

Rule 1. A provider's request is read by its channel's driver, which believes nothing unsigned; what
        it read is in the store before anybody is answered.
Rule 2. A no that somebody says by it (``heed``) is in force before the report counts, so that a
        failure in between makes the provider tell both again: each counts once.
Rule 3. A driver that raises anything but ``CallbackRefused`` has a bug. Only its exception's type
        is logged: its text could hold an address.
Rule 4. Nothing that was told is logged or counted but what became of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import structlog

from fencepost_channels.callback import Callback, CallbackRefused, Reading, Report
from fencepost_gateway.clock import Clock
from fencepost_gateway.decide.receipts import Word
from fencepost_gateway.errors import ApiError
from fencepost_gateway.failpoints import Failpoints
from fencepost_gateway.intake.reports import (
    LaneReport,
    believed,
    lane_report,
    link_report,
    worker_report,
)
from fencepost_gateway.intake.tracked_links import LinkPlace
from fencepost_gateway.metrics import Metrics
from fencepost_gateway.ports import Store
from fencepost_gateway.workers.lanes import Lane
from fencepost_gateway.workers.wakes import Wakes

log = structlog.get_logger()

Heed = Callable[[str, Report, int], Awaitable[str]]
"""Channel, report, now: takes a no, or a yes again, that a report tells of (Rule 2); gives what
whoever wrote it is told, empty: nothing."""


async def _heed_nothing(channel: str, told: Report, now_ms: int) -> str:  # noqa: ARG001 - as ``Heed``
    """Take no no: there is nobody who reads words."""
    return ""


class Reception:
    """Where reports of one gateway come in."""

    def __init__(  # noqa: PLR0913 - wired once, in app.py
        self,
        *,
        store: Store,
        lanes: Mapping[str, Lane],
        seed: str,
        clock: Clock,
        wakes: Wakes,
        metrics: Metrics,
        heed: Heed = _heed_nothing,
        failpoints: Failpoints | None = None,
    ) -> None:
        self._store = store
        self._lanes = lanes
        self._seed = seed
        self._clock = clock
        self._wakes = wakes
        self._metrics = metrics
        self._heed = heed
        self._failpoints = failpoints or Failpoints()

    async def callback(self, channel: str, request: Callback) -> Reading:
        """
        Take a provider's request; gives what it is answered.

        Raises:
            ApiError: ``not_found``: nobody reads requests there. ``callback_refused``: it is not
                the provider's; nothing was changed.

        """
        now_ms = self._clock.now_ms()
        reading = self._read(channel, request, now_ms)
        reports = [*self._believed(channel, reading.reports)]
        said = [await self._heed(channel, told, now_ms) for told in reports]
        found = [lane_report(channel, channel, r, self._seed, now_ms) for r in reports]
        await self._take(found, now_ms)
        self._failpoints.reach("callback.after_append_before_reply")
        return self._answered(channel, reading, next(filter(None, said), ""))

    def _believed(self, channel: str, reports: Iterable[Report]) -> Iterator[Report]:
        """Give those of deliveries of ours; what is forged is counted, and changes nothing."""
        for told in reports:
            mine = believed(told, self._seed)
            if mine is None:
                self._metrics.reports.labels(channel, "forged").inc()
            else:
                yield mine

    def _answered(self, channel: str, reading: Reading, text: str) -> Reading:
        """Put a text for whoever wrote into the answer, where the provider takes one."""
        write = self._lanes[channel].spec.write_reply
        if not text or write is None:
            return reading
        content_type, body = write(text)
        return replace(reading, content_type=content_type, body=body)

    async def worker(self, delivery_id: str, what: Word, code: str) -> None:
        """Take what the machine of a receiver tells of a delivery."""
        now_ms = self._clock.now_ms()
        await self._take([worker_report(delivery_id, what, code, now_ms)], now_ms)

    async def link(self, at: LinkPlace, what: Word) -> None:
        """Take it that a link of a message was followed, or its pixel fetched."""
        now_ms = self._clock.now_ms()
        await self._take([link_report(at, what, now_ms)], now_ms)

    def _read(self, channel: str, request: Callback, now_ms: int) -> Reading:
        lane = self._lanes.get(channel)
        if lane is None or lane.spec.read_callback is None:
            raise ApiError("not_found", "no driver of this channel takes callbacks")
        try:
            return lane.spec.read_callback(lane.own, request, now_ms // 1000)
        except CallbackRefused as error:
            self._metrics.reports.labels(channel, "refused").inc()
            log.warning("callback.refused", channel=channel, code=error.code)
            raise ApiError("callback_refused") from None
        except Exception as error:  # noqa: BLE001 - Rule 3
            name = type(error).__name__
            log.error("driver.bug", driver=lane.spec.name, error=name)  # noqa: TRY400 - Rule 3
            raise ApiError("internal") from None

    async def _take(self, found: list[LaneReport], now_ms: int) -> None:
        if not found:
            return
        taken = await self._store.reports.take(found, now_ms)
        for report, each in zip(found, taken, strict=True):
            lane = "link" if report.message_id or not report.channel else report.channel
            self._metrics.reports.labels(lane, each.what).inc()
        self._wakes.log.set()
