"""
``POST /v1/batch``: the door for events.

Read within bounds, decode the envelope, admit event by event inside the store's commit, answer
with a verdict for each and the ack level that holds. Nothing is answered before it is durable.

``hints.fences`` is the ETag that ``/v1/fences/nearby`` gives now: who knows it need not ask. It is
a word that lies ready, no look-up. Who does not allow ``location_collect`` is given none.
"""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from fencepost_gateway.api.body import read_body
from fencepost_gateway.api.surface import SURFACE, Surface, caller_of, device_of, moment
from fencepost_gateway.errors import ApiError
from fencepost_gateway.intake import limits, wire
from fencepost_gateway.intake.admission import Admission, AdmitFacts, House
from fencepost_gateway.intake.admit import admit
from fencepost_gateway.intake.statement import Caller
from fencepost_gateway.intake.wire import Batch
from fencepost_gateway.ports import AdmitRequest
from fencepost_gateway.workers.lanes import address_checks

WIRE_VERSION = 1

_encode = msgspec.json.Encoder().encode


async def post_batch(request: web.Request) -> web.Response:
    """Take a batch; answers 200 with one verdict per event."""
    surface = request.app[SURFACE]
    received_ms = surface.clock.now_ms()
    device = device_of(request)
    batch = decode(await read_body(request))
    if batch.device_id != device.device_id:
        raise ApiError("device_secret", "the body speaks of another device than the header")
    house = house_of(surface, caller_of(request))

    def admit_it(facts: AdmitFacts) -> Admission:
        return admit(batch, house, facts, received_ms)

    admission = await surface.store.admit(
        AdmitRequest(device.device_id, device.secret_hash, batch.stream, admit_it, received_ms)
    )
    if admission is None:
        raise ApiError("device_secret")
    surface.wakes.log.set()
    count(surface, admission)
    body = answer(batch.stream, admission, surface.store.ack_level, received_ms)
    if admission.locates:
        body["hints"] = {"fences": surface.plans.editions.name}
    return web.Response(body=_encode(body), content_type="application/json")


def decode(body: bytes) -> Batch:
    """
    Decode the envelope.

    Raises:
        ApiError: It is not JSON, not a batch, of another version, or holds too many events.

    """
    try:
        batch = wire.decode_batch(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        path = wire.path_of(error)
        raise ApiError("malformed", "the body is not a batch of protocol v1", path) from None
    if batch.v != WIRE_VERSION:
        raise ApiError("unsupported_version", path="v")
    if len(batch.events) > limits.EVENTS_MAX:
        raise ApiError("too_large", f"a batch may hold {limits.EVENTS_MAX} events", "events")
    return batch


def house_of(surface: Surface, caller: Caller) -> House:
    """Give what admission needs to know of the gateway."""
    plan = surface.plans.plan
    return House(
        workspace=surface.settings.workspace,
        policies=plan.every_policy,
        seed=plan.seed,
        address_fault=address_checks(surface.lanes),
        is_service=plan.is_service,
        merging=plan.merging,
        caller=caller,
        shapes=plan.event_shapes,
    )


def answer(stream: str, admission: Admission, ack_level: str, received_ms: int) -> dict[str, Any]:
    """Write the answer of protocol v1."""
    return {
        "v": WIRE_VERSION,
        "ack": ack_level,
        "received_at": moment(received_ms),
        "retry_after_s": None,
        "verdicts": {
            "stream": stream,
            "accepted": admission.accepted,
            "others": admission.others,
        },
    }


def count(surface: Surface, admission: Admission) -> None:
    """Count verdicts, and the messages that a withdrawal took back before their claim."""
    events = surface.metrics.events
    accepted = sum(high - low + 1 for low, high in admission.accepted)
    if accepted:
        events.labels("accepted").inc(accepted)
    for other in admission.others:
        events.labels(other.verdict).inc()
    if admission.recalled:
        surface.metrics.decisions.labels("withheld", "consent").inc(admission.recalled)
