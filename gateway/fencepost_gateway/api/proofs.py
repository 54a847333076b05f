"""
Proofs: a template as it would arrive, sent to a test person.

The request only puts the wish into the log; what follows is the way of every message: the real
renderer, the claim, the real driver, a decision record. A proof takes no cap slot and is in no
report, and only a test person of the workspace can get one.
"""

from __future__ import annotations

from aiohttp import web
from msgspec import Struct

from fencepost_gateway.api.body import decode
from fencepost_gateway.api.surface import SURFACE, as_json
from fencepost_gateway.decide.ids import person_id_of_user
from fencepost_gateway.decide.message import Proof
from fencepost_gateway.errors import ApiError
from fencepost_gateway.intake.records import ProofAsked
from fencepost_gateway.workers.copies import proof_id


class ProofRequest(Struct):
    """Which template, to which test person, on which channel; with whose facts, where."""

    template: str
    to: str
    channel: str
    as_user: str = ""
    place: str = ""
    language: str = ""


async def post_proofs(request: web.Request) -> web.Response:
    """Ask for a proof; ``message_id`` names its decision record."""
    surface = request.app[SURFACE]
    wish = await decode(request, ProofRequest)
    plan, workspace = surface.plans.plan, surface.settings.workspace
    template = plan.templates.get(wish.template)
    if template is None:
        raise ApiError("malformed", "no such template is live", "template")
    if wish.channel not in template.sources:
        written = ", ".join(sorted(template.sources))
        detail = f"the template has content for {written}, and for no other channel"
        raise ApiError("malformed", detail, "channel")
    if wish.to not in plan.testers:
        detail = "not a test person: add the user to testers: of the workspace document"
        raise ApiError("malformed", detail, "to")
    if wish.place and wish.place not in plan.fences:
        raise ApiError("malformed", "no such fence is live", "place")
    as_id = person_id_of_user(workspace, wish.as_user) if wish.as_user else ""
    if as_id and not await surface.store.persons([as_id]):
        raise ApiError("malformed", "nobody is known by this user id", "as_user")
    to_id = person_id_of_user(workspace, wish.to)
    if not await surface.store.persons([to_id]):
        detail = "this test person was never heard of: log in once with this user id in an app"
        raise ApiError("malformed", detail, "to")
    asked = ProofAsked(
        person_id=to_id,
        channel=wish.channel,
        proof=Proof(wish.template, as_id, wish.language),
        fence_id=wish.place,
    )
    position = await surface.store.append(asked, surface.clock.now_ms())
    surface.wakes.log.set()
    return as_json({"message_id": proof_id(workspace, position)})
