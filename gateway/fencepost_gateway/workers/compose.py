"""
Compose: what a message would say on each of its channels, before it is claimed.

Reads the store, writes nothing. The claim gets to know how the content came about (``Rendered``),
and asks again what that relied on.

Rule 1. Whoever denies ``personalisation`` gets marketing that is generic: no ``person``, no
        ``event``, no ``nearest``. Service messages are made of a person's data by contract.
Rule 2. ``nearest`` looks from the newest fix of the person's devices, at most ``FIX_MAX_MS`` old,
        where ``location_collect`` (in marketing ``location_marketing`` too) holds; else from the
        home that the person stated, known to 0.01 degrees; else from nowhere. A home is never
        guessed, and no position is kept: the record says which it was, and how old.
Rule 3. Tracks are read only for a template that names ``nearest``.
Rule 4. Links and pixel that tell of the reader (``tracking``) come in last of all but labels, and
        not for whoever denies ``personalisation``, nor into a proof.
Rule 5. What the law wants said is put in last (``content.labels``), and the claim asks whether it
        is still that law.
Rule 5. Without ``public_url`` nobody could answer: what asks for a confirmation has no content, and
        neither has marketing by email, which must say how to unsubscribe (RFC 8058, CAN-SPAM).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
import structlog
from msgspec import Struct, structs

from fencepost_channels.message import Content, InAppContent, SmsContent
from fencepost_gateway.content.labels import Duties, finish
from fencepost_gateway.content.nearest import CELL_M, ROOTS, Nearby, NearestScope, Position
from fencepost_gateway.content.proof import as_proof
from fencepost_gateway.content.renderer import Outline, Renderer, RenderProblem
from fencepost_gateway.content.scope import ANSWERS, CONFIRM, PERSONAL, scope_for
from fencepost_gateway.content.segments import segments
from fencepost_gateway.content.tracking import Tracking
from fencepost_gateway.decide import consent
from fencepost_gateway.decide.case import campaign_of, phone_of
from fencepost_gateway.decide.cause import place_of
from fencepost_gateway.decide.experiment import arm_of, template_of
from fencepost_gateway.decide.jurisdiction import jurisdiction_of
from fencepost_gateway.decide.looked import values_of
from fencepost_gateway.decide.rendered import LOCATION_NEEDS, Rendered, obeyed
from fencepost_gateway.intake.answer_links import answer_link
from fencepost_gateway.intake.history import HOME
from fencepost_gateway.intake.tickets import Door
from fencepost_geofence.fix import claimed_m
from fencepost_geofence.sphere import POLE_DEG, SEAM_DEG
from fencepost_geofence.state import DeviceState

if TYPE_CHECKING:
    from collections.abc import Collection

    from fencepost_gateway.decide.message import ClaimFacts
    from fencepost_gateway.decide.person import Person
    from fencepost_gateway.decide.place import FenceView
    from fencepost_gateway.decide.plan import Brand, Plan, Policy, Template
    from fencepost_gateway.ports import Store
    from fencepost_geofence.fix import Fix

FIX_MAX_MS: Final = 24 * 3_600_000
DEVICES_MAX: Final = 8

log = structlog.get_logger()
_device: msgspec.msgpack.Decoder[DeviceState] = msgspec.msgpack.Decoder(DeviceState)


class Composed(Struct, frozen=True):
    """The content of one channel, or why there is none, and what the claim is told of it."""

    content: Content | RenderProblem
    rendered: Rendered


class Composition(Struct, frozen=True):
    """What was composed, by channel, and for which arm of the campaign's experiment."""

    arm: str = ""
    by_channel: dict[str, Composed] = {}


class _Case(Struct, frozen=True):
    """One message, whom it is made of, and what may be known of its person."""

    facts: ClaimFacts
    shown: Person
    template: Template
    policies: tuple[Policy, ...]
    brand: Brand | None
    now_ms: int
    is_generic: bool
    tracks_on: frozenset[str]
    denied: str

    @property
    def is_marketing(self) -> bool:
        return self.template.purpose == "marketing"


class InForce(Protocol):
    """The plan by which messages are composed, and the places around."""

    @property
    def plan(self) -> Plan:
        """The documents."""

    @property
    def nearby(self) -> Nearby:
        """The places."""


class Composer:
    """Composes messages, and keeps what it has parsed."""

    def __init__(self, store: Store, plans: InForce, public_url: str = "") -> None:
        self._store = store
        self._plans = plans
        self._public_url = public_url
        self._renderer = Renderer()
        self._tracking = Tracking(public_url)

    async def compose(
        self, facts: ClaimFacts, channels: Collection[str], now_ms: int
    ) -> Composition:
        """Compose a message on those of its channels that somebody serves."""
        plan = self._plans.plan
        campaign = campaign_of(plan, facts)
        template = template_of(plan, campaign, facts.person) if campaign else None
        if template is None:
            return Composition()
        served = [channel for channel in facts.message.channels if channel in channels]
        shown = await self._shown_as(facts)
        case = self._case(facts, shown, template, plan.brand_of(campaign), now_ms)
        outlines = {
            channel: self._renderer.outline(template, channel, plan.fragments, shown.locale)
            for channel in served
        }
        asks = any(
            not o.roots.isdisjoint(ROOTS) for o in outlines.values() if isinstance(o, Outline)
        )
        position = await self._position(case) if asks else None
        if position is not None and not self._plans.nearby.is_ready:
            await asyncio.to_thread(self._plans.nearby.prepare)
        made = {
            channel: _without(outline, case, channel)
            if isinstance(outline, RenderProblem)
            else self._composed(case, channel, outline, position)
            for channel, outline in self._answerable(template, outlines).items()
        }
        return Composition(arm_now(plan, facts), made)

    def _answerable(
        self, template: Template, outlines: dict[str, Outline | RenderProblem]
    ) -> dict[str, Outline | RenderProblem]:
        """Withhold what has a link to answer by, as long as nobody could reach us (Rule 5)."""
        if self._public_url:
            return outlines
        found = {}
        for channel, outline in outlines.items():
            wanted = _answer_in(template, channel, outline)
            problem = RenderProblem("no_public_url", f"{wanted}.link")
            found[channel] = problem if wanted else outline
        return found

    async def _shown_as(self, facts: ClaimFacts) -> Person:
        """Give whose facts a message is made of: its person's, unless a proof asks others'."""
        proof = facts.message.proof
        if proof is None:
            return facts.person
        person_id = proof.as_person_id
        found = await self._store.persons([person_id]) if person_id else {}
        person = found.get(person_id, facts.person)
        return structs.replace(person, locale=proof.language or person.locale)

    def _case(
        self,
        facts: ClaimFacts,
        shown: Person,
        template: Template,
        brand: Brand | None,
        now_ms: int,
    ) -> _Case:
        law = jurisdiction_of(self._plans.plan, facts.person, phone_of(facts), now_ms)
        is_marketing = template.purpose == "marketing"
        answer = consent.allows_under(law.policies, facts.consents, "personalisation")
        is_generic = is_marketing and not answer.allowed
        channels = facts.message.channels

        def may(purpose: str) -> bool:
            asked = (law.policies, facts.consents, purpose)
            return any(consent.allows_under(*asked, channel).allowed for channel in channels)

        denied = next((p for p in LOCATION_NEEDS[template.purpose] if not may(p)), "")
        asked = (law.policies, facts.consents, "personalisation")
        is_proof = facts.message.proof is not None
        tracks_on = frozenset(
            each for each in channels if not is_proof and consent.allows_under(*asked, each).allowed
        )
        return _Case(
            facts,
            shown,
            template,
            law.policies,
            brand,
            now_ms,
            is_generic,
            tracks_on,
            denied,
        )

    def _composed(
        self, case: _Case, channel: str, outline: Outline, position: Position | None
    ) -> Composed:
        plan, facts = self._plans.plan, case.facts
        nearest = self._plans.nearby.scope(position, case.now_ms, is_marketing=case.is_marketing)
        scope = scope_for(
            case.shown,
            place_of(plan, case.shown, facts.message.cause),
            facts.message.cause.props,
            case.now_ms,
            workspace_zone=plan.workspace_zone,
            is_generic=case.is_generic,
            nearest=nearest.roots(),
            values=values_of(facts.person, facts.message.run_id),
            answer_links=self._links(case, outline.roots),
        )
        content = self._renderer.render(
            case.template, channel, scope, plan.fragments, case.shown.locale
        )
        if isinstance(content, InAppContent) and content.while_inside:
            content = _hung(content, place_of(plan, facts.person, facts.message.cause))
        plain = content
        if channel in case.tracks_on and not isinstance(content, RenderProblem):
            message_id = facts.message.message_id
            content = self._tracking.track(content, plan, case.template, message_id, channel)
        is_tracked = content != plain
        obeys = obeyed(case.policies, case.template.purpose, channel)
        if obeys and not isinstance(content, RenderProblem):
            content = finish(content, channel, self._duties(case))
        if facts.message.proof is not None:
            content = as_proof(content)
        problem = content if isinstance(content, RenderProblem) else None
        rendered = Rendered(
            problem.code if problem else "",
            _member(problem) if problem else "",
            location=not outline.roots.isdisjoint({"place", *ROOTS}),
            place="place" in outline.roots,
            relied_on=_relied_on(case, outline, nearest, position, is_tracked=is_tracked),
            hangs_on=content.inside if isinstance(content, InAppContent) else "",
            told=_told(case, outline, position) | _counted(content),
            obeys=obeys,
            segments=segments(content.text).count if isinstance(content, SmsContent) else 0,
        )
        return Composed(content, rendered)

    def _links(self, case: _Case, roots: Collection[str]) -> dict[str, str]:
        """Give the links by which a message can be answered that its template names."""
        seed, message_id = self._plans.plan.seed, case.facts.message.message_id
        doors: tuple[Door, ...] = ("unsubscribe", "preferences")
        if case.template.confirms:
            doors = (*doors, CONFIRM)
        return {
            door: answer_link(self._public_url, seed, door, message_id)
            for door in doors
            if door in roots
        }

    def _duties(self, case: _Case) -> Duties:
        message_id, seed = case.facts.message.message_id, self._plans.plan.seed
        link = answer_link(self._public_url, seed, "unsubscribe", message_id)
        return Duties(case.policies, case.brand, link)

    async def _position(self, case: _Case) -> Position | None:
        """Find where ``nearest`` looks from (Rule 2)."""
        if case.is_generic:
            return None
        fix = None if case.denied else await self._newest_fix(case)
        if fix is not None:
            age_ms = max(0, case.now_ms - fix.at_ms)
            return Position(fix.lat, fix.lon, claimed_m(fix.accuracy_m), "fix", age_ms)
        return stated_home(case.shown.attributes)

    async def _newest_fix(self, case: _Case) -> Fix | None:
        seen = await self._store.people.devices_of(case.facts.message.person_id, DEVICES_MAX)
        tracks = await self._store.tracks([each.device_id for each in seen])
        fixes = [fix for fix in map(_newest, tracks.values()) if fix is not None]
        fresh = [fix for fix in fixes if case.now_ms - fix.at_ms <= FIX_MAX_MS]
        return max(fresh, key=lambda fix: fix.at_ms, default=None)


def _answer_in(template: Template, channel: str, outline: Outline | RenderProblem) -> str:
    """Name the link to answer by that a message has; empty: it needs none."""
    if template.confirms:
        return "confirm"
    if channel == "email" and template.purpose == "marketing":
        return "unsubscribe"
    roots = outline.roots if isinstance(outline, Outline) else ()
    return next((name for name in ANSWERS if name in roots), "")


def arm_now(plan: Plan, facts: ClaimFacts) -> str:
    """Give the arm that the person of a message is in by these facts."""
    campaign = campaign_of(plan, facts)
    return arm_of(plan, campaign, facts.person) if campaign else ""


def stated_home(attributes: dict[str, Any]) -> Position | None:
    """Give the home that somebody stated, to 0.01 degrees; None when that is no position."""
    values = [attributes.get(name) for name in HOME]
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if len(numbers) != len(HOME):
        return None
    lat, lon = numbers
    if not (abs(lat) <= POLE_DEG and abs(lon) <= SEAM_DEG):
        return None
    return Position(round(lat, 2), round(lon, 2), CELL_M, "home")


def _newest(track: bytes) -> Fix | None:
    try:
        return _device.decode(track).trail.newest()
    except msgspec.DecodeError:
        log.warning("compose.track_unreadable")
        return None


def _relied_on(
    case: _Case,
    outline: Outline,
    nearest: NearestScope,
    position: Position | None,
    *,
    is_tracked: bool,
) -> tuple[str, ...]:
    relied = []
    is_personal = not case.is_generic and not outline.roots.isdisjoint(PERSONAL)
    if is_tracked or (case.is_marketing and is_personal):
        relied.append("personalisation")
    if nearest.is_used and position is not None and position.source == "fix":
        relied += LOCATION_NEEDS[case.template.purpose]
    return tuple(relied)


def _hung(content: InAppContent, place: FenceView | None) -> InAppContent | RenderProblem:
    """Hang a message on the place it is about."""
    if place is None:
        return RenderProblem("render_failed", "in_app.while_inside", "no_place")
    return replace(content, inside=place.fence_id)


def _told(case: _Case, outline: Outline, position: Position | None) -> dict[str, Any]:
    """Say for the record how the content came about."""
    told: dict[str, Any] = {}
    if outline.language:
        told["language"] = outline.language
    if outline.fragments:
        told["fragments"] = list(outline.fragments)
    if case.is_generic and not outline.roots.isdisjoint(PERSONAL):
        told["content"] = "generic"
    if not outline.roots.isdisjoint(ROOTS):
        told["nearest"] = {"source": position.source if position else "none"}
        if position is not None and position.age_ms is not None:
            told["nearest"]["age_s"] = position.age_ms // 1000
    return told


def _counted(content: Content | RenderProblem) -> dict[str, Any]:
    """Say for the record how many short messages a text takes, and in which alphabet."""
    if not isinstance(content, SmsContent):
        return {}
    found = segments(content.text)
    return {"segments": found.count, "encoding": found.encoding}


def _without(problem: RenderProblem, case: _Case, channel: str) -> Composed:
    obeys = obeyed(case.policies, case.template.purpose, channel)
    return Composed(problem, Rendered(problem.code, _member(problem), obeys=obeys))


def _member(problem: RenderProblem) -> str:
    return f"{problem.member} ({problem.detail})" if problem.detail else problem.member
