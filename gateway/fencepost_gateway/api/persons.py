"""
``GET /v1/persons``: everything that is known of somebody, for whoever has to answer them.

Reads rows and records; decides nothing.

Rule 1. Somebody is found by user id (compared as ``decide.ids`` says), by person id, or by an
        email address or number as the app told it; an address may be several people's.
Rule 2. No address is ever in the answer: a channel is shown with the keyed name of the address.
Rule 3. A visitor who turned out to be somebody known is shown as who they are.
Rule 4. What is allowed is asked of the policies that hold for the person, channel by channel.
Rule 5. Bounded: at most ``PERSONS_MAX`` people, ``TIMELINE_MAX`` newest decisions each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from aiohttp import web

from fencepost_gateway.api.decisions import clock_of, query_language, shown
from fencepost_gateway.api.surface import SURFACE, Surface, as_json
from fencepost_gateway.decide import caps, consent
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.ids import person_id_of_user
from fencepost_gateway.decide.jurisdiction import Jurisdiction, jurisdiction_of
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.rule_facts import MISSING
from fencepost_gateway.decide.rule_standing import CHANNELS
from fencepost_gateway.decide.tongue import Language, Tongue
from fencepost_gateway.decide.zones import zones_of
from fencepost_gateway.errors import ApiError
from fencepost_gateway.intake.addresses import address_ref, raw_of
from fencepost_gateway.ports import Holdings
from fencepost_gateway.reports.person_words import tell_person

PERSONS_MAX: Final = 5
TIMELINE_MAX: Final = 50
DEVICES_MAX: Final = 100
UNKNOWN: Final = (
    "nobody is known by this: user ids are compared letter by letter, email addresses in any case, "
    "and a visitor has none; `person` takes a person id"
)


async def get_person(request: web.Request) -> web.Response:
    """Give everything that is known of one user."""
    surface = request.app[SURFACE]
    user_id = request.match_info["user_id"]
    person_id = person_id_of_user(surface.settings.workspace, user_id)
    language = query_language(request)
    view = await _view(surface, person_id, language)
    if view is None:
        raise ApiError("not_found", UNKNOWN, "user_id")
    return as_json(view)


async def find_persons(request: web.Request) -> web.Response:
    """Give everything that is known of a user, or of whoever has an address or a person id."""
    surface = request.app[SURFACE]
    names = ("user", "email", "phone", "person")
    asked = [(name, request.query[name]) for name in names if request.query.get(name)]
    if len(asked) != 1:
        raise ApiError("malformed", "ask for one of user, email, phone and person", "user")
    name, value = asked[0]
    language = query_language(request)
    views = [await _view(surface, each, language) for each in await _ids(surface, name, value)]
    found = [view for view in views if view is not None]
    if not found:
        raise ApiError("not_found", UNKNOWN, name)
    return as_json({"persons": found})


async def _ids(surface: Surface, name: str, value: str) -> list[str]:
    if name == "user":
        return [person_id_of_user(surface.settings.workspace, value)]
    if name == "person":
        return list((await surface.store.resolve([value])).values()) or [value]
    channel = "sms" if name == "phone" else name
    ref = address_ref(surface.credentials.seed, channel, raw_of(channel, value))
    return await surface.store.people.persons_at(channel, ref, PERSONS_MAX)


async def _view(surface: Surface, person_id: str, language: Language) -> dict[str, Any] | None:
    store = surface.store
    known = (await store.persons([person_id])).get(person_id)
    devices = await store.people.devices_of(person_id, DEVICES_MAX)
    stated = await store.consents(person_id)
    if known is None and not devices and not stated:
        return None
    person = known or Person(person_id)
    held = await store.people.holdings(person_id)
    rows = await store.people.newest_story(person_id, TIMELINE_MAX)
    tongue = Tongue(language, clock_of(surface, person))
    law = jurisdiction_of(surface.plans.plan, person, held.phone, surface.clock.now_ms())
    allowed = _allowed(stated, law)
    view = {
        **_row(surface, person),
        "zone": tongue.zone,
        "language": language,
        "visitors": list(held.visitors),
        "devices": [msgspec.to_builtins(one) for one in devices],
        "consent": [msgspec.to_builtins(one) for one in stated],
        "allowed": list(allowed),
        "allowed_on": {p: on for p, on in allowed.items() if on not in ([], list(CHANNELS))},
        "law": law.told(),
        "channels": [msgspec.to_builtins(one) for one in held.addresses],
        "caps": _caps(surface, person, held),
        "timeline": [shown(row, tongue) for row in rows],
    }
    return view | {"words": list(tell_person(view, tongue))}


def _row(surface: Surface, person: Person) -> dict[str, Any]:
    """Give what stands in the person's own row."""
    fences = surface.plans.plan.fences
    inside = [p for p in person.inside if p.fence_id in fences]  # of the others: ``leave_gone``
    summaries = sorted(person.summaries.items(), key=lambda one: (-one[1].last_ms, one[0]))
    return {
        "person_id": person.person_id,
        "user_id": person.user_id,
        "attributes": person.attributes,
        "events": [{"name": name, **msgspec.to_builtins(one)} for name, one in summaries],
        "inside": [
            {"fence_id": p.fence_id, "name": fences[p.fence_id].name or p.fence_id,
             "since_ms": p.since_ms, "device_id": p.device_id}
            for p in inside
        ],
        "runs": [
            {"campaign_id": name, **msgspec.to_builtins(mark)}
            for name, mark in sorted(person.runs.items())
        ],
        "audiences": _audiences(surface, person),
        "traits": _traits(surface, person),
        "arms": dict(sorted(person.arms.items())),
    }  # fmt: skip


def _allowed(stated: Sequence[ConsentEntry], law: Jurisdiction) -> dict[str, list[str]]:
    """Give the purposes that may be used, with the channels of those that go by channel."""
    found: dict[str, list[str]] = {}
    for purpose in consent.NEEDS:
        by_channel = not consent.BY_CHANNEL.isdisjoint((purpose, *consent.NEEDS[purpose]))
        channels = [
            each
            for each in (CHANNELS if by_channel else (consent.ANY,))
            if consent.allows_under(law.policies, stated, purpose, each).allowed
        ]
        if channels:
            found[purpose] = channels if by_channel else []
    return found


def _audiences(surface: Surface, person: Person) -> list[dict[str, Any]]:
    """Give the audiences somebody belongs to that are live."""
    live = surface.plans.plan.audiences.by_id
    return [
        {"audience_id": name, "since_ms": since_ms}
        for name, since_ms in sorted(person.audiences.items())
        if name in live
    ]


def _traits(surface: Surface, person: Person) -> dict[str, Any]:
    """Give what rules read of somebody's traits, by the names that rules use."""
    now_ms = surface.clock.now_ms()
    readers = sorted(surface.plans.plan.trait_readers.items())
    found = ((name, reader(person, now_ms)[0]) for name, reader in readers)
    return {name: value for name, value in found if value is not MISSING}


def _caps(surface: Surface, person: Person, held: Holdings) -> list[dict[str, Any]]:
    plan, now_ms = surface.plans.plan, surface.clock.now_ms()
    zones = zones_of(person, held.phone, plan.workspace_zone, now_ms)
    zone = zones.names[0] if len(zones.names) == 1 or zones.is_known else ""
    return [
        {"rule": one.rule_id, "used": one.used, "limit": one.limit, "window": one.window}
        for one in caps.standing(plan.caps, held.slots, zone, now_ms)
    ]
