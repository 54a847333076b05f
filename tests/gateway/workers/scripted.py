"""Lanes whose providers answer by a script: what comes of each outcome, on the whole way."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fencepost_channels.driver import DriverIO, DriverSpec, Send
from fencepost_channels.errors import Outcome, Sent
from fencepost_channels.message import Channel, Outgoing
from fencepost_gateway.decide.flow import Flow
from fencepost_gateway.failpoints import Failpoints
from fencepost_gateway.workers.deliver import Deliver
from fencepost_gateway.workers.lanes import Lane
from gateway.rig import Rig

PHONE = {"type": "address", "channel": "sms", "address": "+15550100100"}
MAILBOX = {"type": "address", "channel": "email", "address": "someone@example.com"}


class Script:
    """What providers answer, by channel; ``Sent`` when nothing is left to say."""

    def __init__(self, **answers: list[Outcome]) -> None:
        self.answers = defaultdict(deque, {c: deque(each) for c, each in answers.items()})
        self.calls: list[tuple[str, str]] = []  # (channel, delivery)
        self.reached = asyncio.Event()
        self.frozen: asyncio.Event | None = None  # calls stand still until it is set

    @property
    def channels(self) -> list[str]:
        """The channels of all calls, in order."""
        return [channel for channel, _ in self.calls]

    def lane(self, channel: Channel, flow: Flow) -> Lane:
        """Open a lane of one channel."""

        async def send(message: Outgoing, _address: object) -> Outcome:
            self.calls.append((channel.value, message.delivery_id))
            self.reached.set()
            if self.frozen is not None:
                await self.frozen.wait()
            waiting = self.answers[channel.value]
            return waiting.popleft() if waiting else Sent()

        @asynccontextmanager
        async def connect(_settings: object, _io: DriverIO) -> AsyncIterator[Send]:
            yield send

        spec = DriverSpec(
            name="scripted",
            channels=frozenset({channel}),
            parse_address=_plain,
            mask=lambda _raw: "•••",
            parse_settings=lambda raw: raw,
            connect=connect,
        )
        return Lane(spec, send, 1.0, flow)

    def speak(
        self,
        rig: Rig,
        flows: Mapping[str, Flow] | None = None,
        failpoints: Failpoints | None = None,
    ) -> Deliver:
        """Stand in the place of a gateway's providers."""
        surface = rig.gateway.surface
        rig.gateway.deliver = Deliver(
            store=rig.gateway.store,
            plans=surface.plans,
            lanes={c: self.lane(c, (flows or {}).get(c.value, Flow())) for c in Channel},
            clock=rig.clock,
            wakes=surface.wakes,
            metrics=surface.metrics,
            public_url=rig.gateway.settings.public_url,
            failpoints=failpoints,
        )
        return rig.gateway.deliver


def _plain(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    return raw
