"""
Faults: what is wrong with an event whose members are of the right types, but do not go together.

Pure. A fault is the verdict's code and the path of the member.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from fencepost_channels.message import Channel
from fencepost_gateway.decide.event_shape import EventShape
from fencepost_gateway.intake import wire
from fencepost_gateway.intake.addresses import raw_address
from fencepost_gateway.intake.statement import CHANNELS

Fault = tuple[str, str]
MEMBERS: Final[Mapping[str, str]] = {
    Channel.WEB_PUSH: "subscription",
    Channel.PUSH: "registration",
    Channel.WEBHOOK: "target",
}
AddressChecks = Mapping[str, Callable[[Mapping[str, Any]], str]]


def address_fault(event: wire.Address, checks: AddressChecks) -> Fault | None:
    """Say what is wrong with an address; ``checks`` say by channel why one can never be called."""
    if event.channel not in CHANNELS or event.channel == Channel.IN_APP:
        return ("bad_value", "channel")
    member = MEMBERS.get(event.channel, "address")
    if getattr(event, member) is None:
        return ("type", member)
    check = checks.get(event.channel)
    if check is not None and not event.removed and check(raw_address(event)):
        return ("bad_value", member)
    return None


def shape_fault(shape: EventShape, props: Mapping[str, Any]) -> Fault | None:
    """Say what is wrong with the properties of an event that is defined."""
    try:
        shape.check(props)
    except msgspec.ValidationError as error:
        code, path = wire.explain(str(error))
        return (code, f"props.{path}".rstrip("."))
    return None
