"""
Check brands: whether marketing can say what policies want it to say of who sends it.

Pure. As ``check``, of which it is a part. At the claim the same is asked again of the policies that
hold for the person (``content.labels``); here any policy that is live may hold.

Rule 1. A campaign or journey with marketing on a channel needs a brand, and of it what some live
        policy wants said there.
Rule 2. At most one brand is the default. Where there are several and none is, a campaign without
        ``brand`` speaks for nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from fencepost_gateway.documents.check_parts import is_marketing
from fencepost_gateway.documents.document import Document
from fencepost_gateway.documents.kinds import SENDING, Finding
from fencepost_gateway.documents.models.brand import Brand
from fencepost_gateway.documents.models.policy import Policy
from fencepost_gateway.documents.world import World, messages_of


def check_brand(document: Document, world: World) -> Iterator[Finding]:
    """Find what a campaign or journey cannot say of its sender (Rule 1)."""
    if document.kind not in SENDING:
        return
    marketing = [each for each in messages_of(document) if is_marketing([each], world)]
    channels = set(chain.from_iterable(message.channels for message in marketing))
    named = document.body.get("brand")
    brand = _brand_of(named, world)
    for channel in sorted(channels & {"sms", "email"}):
        for policy in world.policies:
            for member in _lacking(policy, channel, brand):
                what = f"policy {policy.id} wants {_SAID[member]} in every {channel}"
                where = f"brand {brand.id}" if brand else "a brand document"
                how = f"write {member}: in {where}"
                yield Finding(("brand",) if named else (), what, how)


def check_defaults(world: World) -> Iterator[tuple[Document, Finding]]:
    """Find a second brand that is the default (Rule 2)."""
    defaults = [d for d in world.documents if d.kind == "brand" and world.brands[d.id].default]
    for extra in defaults[1:]:
        what = f"a second default brand beside {defaults[0].id}"
        yield extra, Finding(("default",), what, "keep it in one of them")


_SAID = {
    "name": "the sender",
    "contact": "a contact",
    "postal_address": "a postal address",
    "free_number": "a free number to say no at",
}


def _brand_of(named: object, world: World) -> Brand | None:
    """Give who a campaign speaks for, as the plan has it (``Plan.brand_of``)."""
    default = next((each for each in world.brands.values() if each.default), None)
    only = next(iter(world.brands.values())) if len(world.brands) == 1 else None
    return world.brands.get(str(named)) or default or only


def _lacking(policy: Policy, channel: str, brand: Brand | None) -> Iterator[str]:
    wanted = policy.must_contain
    if channel not in wanted.channels:
        return
    words = wanted.opt_out.sms if channel == "sms" else wanted.opt_out.email
    asked = {
        "name": wanted.sender,
        "contact": wanted.contact,
        "postal_address": wanted.postal_address and channel == "email",
        "free_number": "{free_number}" in (words or ""),
    }
    yield from (
        member for member, is_asked in asked.items() if is_asked and _is_empty(brand, member)
    )


def _is_empty(brand: Brand | None, member: str) -> bool:
    return brand is None or not getattr(brand, member)
