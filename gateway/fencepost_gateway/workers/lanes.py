"""
Lanes: one open driver per channel.

Opens the drivers that the settings name, keeps them until the end, and turns whatever they report
into plain data for the core.

Rule 1. in_app and web_push work from the first start; another channel is off until it is set.
Rule 2. A driver that raises has a bug: its call counts as ``unknown``, because it may have left.
        Only the exception's type is logged; its text could hold an address.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import aiohttp
import structlog

from fencepost_channels.addresses import parse_mailbox, parse_phone
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
from fencepost_gateway.decide.settle import CallOutcome, Family
from fencepost_gateway.errors import StartError
from fencepost_gateway.settings import ChannelSettings, Settings

log = structlog.get_logger()

CAPTURE: Final = "capture"

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

    def now_s(self) -> int:
        """Seconds since the epoch."""
        return self.clock.now_ms() // 1000


def _fault(parse: Callable[[Mapping[str, Any]], object], raw: Mapping[str, Any]) -> str:
    try:
        parse(raw)
    except AddressError as error:
        return error.code
    return ""


@dataclass(frozen=True, slots=True)
class Lane:
    """A channel's open driver."""

    spec: DriverSpec
    send: Send
    timeout_s: float
    own: Any = field(default=None, repr=False)  # the driver's settings

    def check_address(self, raw: Mapping[str, Any]) -> str:
        """Say why ``raw`` can never be called, empty when it can."""
        return _fault(self.spec.parse_address, raw)

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
    "sms": partial(_fault, parse_phone),
    "email": partial(_fault, parse_mailbox),
}


def address_checks(lanes: Mapping[str, Lane]) -> AddressChecks:
    """Give by channel what says why an address can never be called."""
    own = {
        channel: lane.check_address
        for channel, lane in lanes.items()
        if channel not in _PLAIN or lane.spec.name != CAPTURE
    }
    return {**_PLAIN, **own}


def as_data(outcome: Outcome) -> CallOutcome:
    """Turn a driver's outcome into the core's."""
    family = FAMILIES[type(outcome)]
    code = getattr(outcome, "code", "")
    return CallOutcome(
        family,
        "" if code == family else code,
        provider_id=outcome.provider_id if isinstance(outcome, Sent) else "",
        retry_after_s=outcome.retry_after_s if isinstance(outcome, Unavailable) else None,
    )


def wanted(settings: Settings, credentials: Credentials) -> dict[str, ChannelSettings]:
    """Give driver and settings by channel (Rule 1)."""
    unknown = sorted(set(settings.channels) - set(Channel))
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
    settings: Settings, credentials: Credentials, clock: Clock
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
        session = aiohttp.ClientSession(trust_env=False, cookie_jar=aiohttp.DummyCookieJar())
        http = await stack.enter_async_context(session)
        parts = LentParts(http, settings.provider_timeout_s, clock)
        lanes = {}
        for channel, chosen in wanted(settings, credentials).items():
            spec = _spec(specs, channel, chosen.driver)
            try:
                own = spec.parse_settings(chosen.settings)
            except SettingsError as error:
                raise StartError(f"channels.{channel}.settings: {error}") from None
            send = await stack.enter_async_context(spec.connect(own, parts))
            lanes[channel] = Lane(spec, send, settings.provider_timeout_s, own=own)
        yield lanes


def _spec(specs: Mapping[str, DriverSpec], channel: str, name: str) -> DriverSpec:
    spec = specs.get(name)
    if spec is None:
        raise StartError(
            f"channels.{channel}.driver: no driver {name!r} is installed; "
            f"there are {', '.join(specs)}"
        )
    if Channel(channel) not in spec.channels:
        raise StartError(f"channels.{channel}.driver: {name!r} does not serve this channel")
    return spec
