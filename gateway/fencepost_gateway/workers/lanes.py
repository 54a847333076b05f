"""
Lanes: one open driver per channel.

Opens the drivers that the settings name, keeps them until the end, and turns whatever they report
into plain data for the core.

Rule 1. in_app and web_push work from the first start; another channel is off until it is set.
Rule 2. A driver that raises has a bug: its call counts as ``unknown``, because it may have left.
        Only the exception's type is logged; its text could hold an address.
Rule 3. A driver calls by a guarded session (``way_out``): public addresses, checked where they are
        connected to. Only who says that its settings name a counterpart on the loopback gets there.
Rule 4. A channel may have several drivers, each under a key of its own (``doors``).
Rule 5. Each lane has a ``flow``: how many calls it may make now, and whether it is shut. Several
        drivers of a channel share it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import aiohttp
import structlog

from fencepost_channels.addresses import (
    parse_mailbox,
    parse_phone,
    parse_registration,
    parse_target,
)
from fencepost_channels.driver import AddressError, DriverSpec, Send, SettingsError
from fencepost_channels.errors import (
    Gone,
    Misconfigured,
    OptedOut,
    Outcome,
    Rejected,
    Sent,
    Unavailable,
    Unknown,
)
from fencepost_channels.message import Channel, Outgoing
from fencepost_channels.registry import DriverLoadError, load_drivers
from fencepost_gateway.clock import Clock
from fencepost_gateway.credentials import Credentials
from fencepost_gateway.decide.flow import Flow
from fencepost_gateway.decide.settle import CallOutcome, Family
from fencepost_gateway.errors import StartError
from fencepost_gateway.failpoints import Failpoints
from fencepost_gateway.settings import ChannelSettings, Settings
from fencepost_gateway.workers.doors import OTHER, Door, channel_of, joined
from fencepost_gateway.workers.way_out import open_way_out

log = structlog.get_logger()

CAPTURE: Final = "capture"
# Calls a second that a provider's smallest account bears, until somebody says otherwise.
PER_SECOND: Final[Mapping[str, float]] = {
    "sms": 10.0,
    "email": 20.0,
    "push": 200.0,
    "web_push": 200.0,
}

FAMILIES: dict[type[Any], Family] = {
    Sent: "sent",
    Gone: "gone",
    OptedOut: "opted_out",
    Rejected: "rejected",
    Misconfigured: "misconfigured",
    Unavailable: "unavailable",
    Unknown: "unknown",
}


@dataclass(frozen=True, slots=True)
class LentParts:
    """What a driver is lent (``DriverIO``)."""

    http: aiohttp.ClientSession
    timeout_s: float
    clock: Clock
    failpoints: Failpoints = field(default_factory=Failpoints)

    def now_s(self) -> int:
        """Seconds since the epoch."""
        return self.clock.now_ms() // 1000


def _form(parse: Callable[[Mapping[str, Any]], object], raw: Mapping[str, Any]) -> str:
    try:
        parse(raw)
    except AddressError as error:
        return error.code
    return ""


@dataclass(frozen=True, slots=True)
class Lane:
    """A channel's open driver; ``own`` are its settings."""

    spec: DriverSpec
    send: Send
    timeout_s: float
    flow: Flow = field(default_factory=Flow)
    own: Any = field(default=None, repr=False)  # the driver's settings

    def check_address(self, raw: Mapping[str, Any]) -> str:
        """Say why ``raw`` can never be called, empty when it can."""
        try:
            address = self.spec.parse_address(raw)
        except AddressError as error:
            return error.code
        return self.spec.judge_address(self.own, address)

    async def call(self, message: Outgoing, raw: Mapping[str, Any]) -> CallOutcome:
        """Send one message; never raises for anything a driver does."""
        try:
            address = self.spec.parse_address(raw)
        except AddressError as error:
            return CallOutcome("rejected", error.code)
        try:
            async with asyncio.timeout(self.timeout_s + 1):
                outcome = await self.send(message, address)
        except TimeoutError:
            return CallOutcome("unknown", "timeout")
        except Exception as error:  # noqa: BLE001 - Rule 2
            log.error("driver.bug", driver=self.spec.name, error=type(error).__name__)  # noqa: TRY400
            return CallOutcome("unknown", "driver_bug")
        return as_data(outcome)


AddressChecks = Mapping[str, Callable[[Mapping[str, Any]], str]]

# What no driver of a channel could call. Asked where none is set up, or what it would send is
# captured, so that a slip shows on the first day and not in production.
_PLAIN: Final[AddressChecks] = {
    "push": partial(_form, parse_registration),
    "sms": partial(_form, parse_phone),
    "email": partial(_form, parse_mailbox),
    "webhook": partial(_form, parse_target),
}


def address_checks(lanes: Mapping[str, Lane]) -> AddressChecks:
    """Give by channel what says why an address can never be called."""
    own = {
        channel: partial(_fault, _PLAIN.get(channel), lane)
        for channel, lane in lanes.items()
        if channel not in _PLAIN or lane.spec.name != CAPTURE
    }
    return {**_PLAIN, **own}


def _fault(
    plain: Callable[[Mapping[str, Any]], str] | None, lane: Lane, raw: Mapping[str, Any]
) -> str:
    """Judge the form, then as the driver does; a service may be set up later than its phones."""
    code = (plain(raw) if plain else "") or lane.check_address(raw)
    return "" if code == OTHER else code


def as_data(outcome: Outcome) -> CallOutcome:
    """Turn a driver's outcome into the core's."""
    family = FAMILIES[type(outcome)]
    code = getattr(outcome, "code", "")
    return CallOutcome(
        family,
        "" if code == family else code,
        provider_id=outcome.provider_id if isinstance(outcome, Sent) else "",
        retry_after_s=outcome.retry_after_s if isinstance(outcome, Unavailable) else None,
        gone_ms=outcome.since_ms if isinstance(outcome, Gone) else None,
    )


def wanted(settings: Settings, credentials: Credentials) -> dict[str, ChannelSettings]:
    """Give driver and settings by channel, or by channel and a name (rules 1 and 4)."""
    unknown = sorted(key for key in settings.channels if channel_of(key) is None)
    if unknown:
        raise StartError(f"channels.{unknown[0]}: no such channel; there are {', '.join(Channel)}")
    found = {
        "in_app": ChannelSettings(driver="in_app"),
        "web_push": ChannelSettings(driver="web_push"),
    } | settings.channels
    push = found["web_push"]
    if push.driver == "web_push":
        defaults = {
            "vapid_private_key": credentials.vapid_private_pem,
            "vapid_subject": "mailto:operator@example.com",
        }
        found["web_push"] = ChannelSettings(driver="web_push", settings=defaults | push.settings)
    return found


@asynccontextmanager
async def open_lanes(
    settings: Settings, credentials: Credentials, clock: Clock, failpoints: Failpoints
) -> AsyncIterator[dict[str, Lane]]:
    """
    Open a lane for every channel that has a driver.

    Raises:
        StartError: A driver is missing or its settings are unusable; says which and how to mend.

    """
    try:
        specs = load_drivers()
    except DriverLoadError as error:
        raise StartError(str(error)) from error
    async with AsyncExitStack() as stack:
        traces = [_traced(failpoints)] if failpoints.is_armed else []
        public = await stack.enter_async_context(open_way_out(traces=traces))
        loopback = await stack.enter_async_context(open_way_out(to_loopback=True, traces=traces))
        doors: dict[Channel, list[Door]] = {}
        flows: dict[Channel, list[ChannelSettings]] = {}
        for key, chosen in sorted(wanted(settings, credentials).items()):
            channel, spec = _spec(specs, key, chosen.driver)
            try:
                own = spec.parse_settings(chosen.settings)
            except SettingsError as error:
                raise StartError(f"channels.{key}.settings: {error}") from None
            http = loopback if spec.calls_loopback(own) else public
            parts = LentParts(http, settings.provider_timeout_s, clock, failpoints)
            send = await stack.enter_async_context(spec.connect(own, parts))
            doors.setdefault(channel, []).append(Door(spec, send, own))
            flows.setdefault(channel, []).append(chosen)
        lanes = {}
        for channel, several in doors.items():
            door, flow = joined(channel, several), flow_of(channel, flows[channel])
            limit_s = settings.provider_timeout_s
            lanes[str(channel)] = Lane(door.spec, door.send, limit_s, flow, door.own)
        yield lanes


def flow_of(channel: str, chosen: Sequence[ChannelSettings]) -> Flow:
    """Give a lane's places: what the operator says, else what is usual for the channel."""
    rates = [
        each.per_second or (None if each.driver == CAPTURE else PER_SECOND.get(channel))
        for each in chosen
    ]
    known = [each for each in rates if each is not None]
    per_second = sum(known) if len(known) == len(rates) else None
    return Flow(per_second, sum(each.in_flight for each in chosen))


def _spec(specs: Mapping[str, DriverSpec], key: str, name: str) -> tuple[Channel, DriverSpec]:
    """Give the channel that a key of the settings is about, and its driver."""
    spec = specs.get(name)
    if spec is None:
        raise StartError(
            f"channels.{key}.driver: no driver {name!r} is installed; there are {', '.join(specs)}"
        )
    channel = channel_of(key)
    if channel is None or channel not in spec.channels:
        raise StartError(f"channels.{key}.driver: {name!r} does not serve this channel")
    return channel, spec


def _traced(failpoints: Failpoints) -> aiohttp.TraceConfig:
    """Reach the places around the socket, of every driver that is lent the session."""
    trace = aiohttp.TraceConfig()
    for signal, name in (
        (trace.on_request_start, "send.before_connect"),
        (trace.on_request_headers_sent, "send.after_connect"),
        (trace.on_request_chunk_sent, "send.mid_body"),
    ):
        signal.append(_reaching(failpoints, name))
    return trace


def _reaching(failpoints: Failpoints, name: str) -> Callable[..., Awaitable[None]]:
    async def reach(*_: object) -> None:
        failpoints.reach(name)

    return reach
