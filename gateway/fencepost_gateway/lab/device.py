"""
Device: a phone of the lab, which tells the virtual gateway what a real one would upload.

What it tells goes the way of every upload: through the door, with verdicts and consent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct

from fencepost_gateway.intake.admission import Admission, AdmitFacts, House
from fencepost_gateway.intake.admit import admit
from fencepost_gateway.intake.wire import Batch, Context, Who
from fencepost_gateway.lab.virtual import VirtualGateway
from fencepost_gateway.ports import AdmitRequest

GRANTED = (
    "collect",
    "profiling",
    "personalisation",
    "marketing",
    "location_collect",
    "location_precise",
    "location_marketing",
)


class Named(Struct, frozen=True):
    """By which ids the gateway knows a device and whose it is; all ids follow from them."""

    workspace: str
    device_id: str
    stream: str
    anonymous_id: str
    user_id: str | None = None


class Device:
    """One device and whoever carries it."""

    def __init__(self, gateway: VirtualGateway, named: Named, context: Context) -> None:
        self._gateway = gateway
        self._named = named
        self._context = context
        self._seq = 0

    async def tell(
        self, events: Sequence[dict[str, Any]], at_ms: int | None = None
    ) -> Admission | None:
        """Upload events now that happened at ``at_ms``; gives what the door made of them."""
        gateway, named = self._gateway, self._named
        now_ms = gateway.clock.now_ms()
        at = _moment(now_ms if at_ms is None else at_ms)
        raws = []
        for event in events:
            self._seq += 1
            body = {"seq": self._seq, "event_id": f"{named.device_id}-{self._seq}", "at": at}
            raws.append(Raw(msgspec.json.encode(body | event)))
        who = Who(named.anonymous_id, named.user_id)
        batch = Batch(
            1, named.device_id, named.stream, _moment(now_ms), who, raws, context=self._context
        )
        plan = gateway.plans.plan
        house = House(named.workspace, plan.every_policy, is_service=plan.is_service)

        def admit_it(facts: AdmitFacts) -> Admission:
            return admit(batch, house, facts, now_ms)

        secret = named.device_id.encode()
        return await gateway.store.admit(
            AdmitRequest(named.device_id, secret, named.stream, admit_it, now_ms)
        )


def _moment(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, UTC)
