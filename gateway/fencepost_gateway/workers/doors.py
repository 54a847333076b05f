"""
Doors: several drivers of one channel, and the one that an address asks for.

A key of the settings table ``channels`` that is no channel's name is ``<channel>_<name>``: push
goes by ``push_apns`` and ``push_fcm``. What is opened for one channel is joined here into one door,
so that whoever sends sees a channel and its lane, as ever.

Rule 1. An address goes to the first door, in the order of their names, that takes its form. Who is
        made for another service says so (``other_service``); what else is wrong is wrong for good.
Rule 2. An address for which there is no door is none of its channel (``channel_off``): the claim
        passes it by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from msgspec import structs

from fencepost_channels.driver import AddressError, DriverSpec, Send
from fencepost_channels.errors import Outcome
from fencepost_channels.message import Channel, Outgoing

if TYPE_CHECKING:
    from fencepost_gateway.decide.message import ClaimFacts
    from fencepost_gateway.workers.lanes import Lane

OTHER: Final = "other_service"

Taken = tuple[int, Any]
"""Which door takes an address, and what it made of it."""


def channel_of(key: str) -> Channel | None:
    """Give the channel that a key of ``channels`` is about."""
    named = [each for each in Channel if key == each or key.startswith(f"{each}_")]
    return max(named, key=len, default=None)


@dataclass(frozen=True, slots=True)
class Door:
    """An open driver; ``own`` are its settings."""

    spec: DriverSpec
    send: Send
    own: Any = field(default=None, repr=False)


def joined(channel: Channel, doors: Sequence[Door]) -> Door:
    """Make one door of several (Rule 1)."""
    if len(doors) == 1:
        return doors[0]
    specs = [each.spec for each in doors]

    def parse(raw: Mapping[str, Any]) -> Taken:
        for number, spec in enumerate(specs):
            try:
                return number, spec.parse_address(raw)
            except AddressError as error:
                if error.code != OTHER:
                    raise
        raise AddressError(OTHER)

    async def send(message: Outgoing, address: Taken) -> Outcome:
        number, own = address
        return await doors[number].send(message, own)

    def judge(_own: object, address: Taken) -> str:
        number, own = address
        return specs[number].judge_address(doors[number].own, own)

    spec = DriverSpec(
        name=" and ".join(spec.name for spec in specs),
        channels=frozenset({channel}),
        parse_address=parse,
        mask=specs[0].mask,
        parse_settings=specs[0].parse_settings,
        connect=specs[0].connect,
        judge_address=judge,
    )
    return Door(spec, send)


def served(facts: ClaimFacts, lanes: Mapping[str, Lane]) -> ClaimFacts:
    """Mark the addresses for which there is no door (Rule 2); only registrations have a choice."""
    marked = tuple(
        structs.replace(each, served=False)
        if "registration" in each.raw and _is_refused(each.raw, lanes.get(each.channel))
        else each
        for each in facts.addresses
    )
    return facts if marked == facts.addresses else structs.replace(facts, addresses=marked)


def _is_refused(raw: Mapping[str, Any], lane: Lane | None) -> bool:
    return lane is not None and lane.check_address(raw) == OTHER
