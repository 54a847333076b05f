"""
Compose: what a message would say on each of its channels, before it is claimed.

Reads the store, writes nothing. The claim gets to know how the content came about (``Rendered``),
and asks again what that relied on.

Rule 1. Whoever denies ``personalisation`` gets marketing that is generic: no ``person``, no
        ``event``, no ``nearest``. Service messages are made of a person's data by contract.
Rule 2. ``nearest`` looks from a device (``whereabouts``) where ``location_collect`` (in marketing
        ``location_marketing`` too) holds; the record says which source it was, and how old.
Rule 3. Tracks are read only for a template that names ``nearest``.
Rule 4. What no template writes (links to answer by, tracking, labels) comes in by ``additions``.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from msgspec import structs

from fencepost_channels.message import InAppContent
from fencepost_gateway.content.nearest import ROOTS, Nearby, Position
from fencepost_gateway.content.renderer import Outline, Renderer, RenderProblem
from fencepost_gateway.content.scope import scope_for
from fencepost_gateway.decide import consent
from fencepost_gateway.decide.case import campaign_of, phone_of
from fencepost_gateway.decide.cause import place_of
from fencepost_gateway.decide.experiment import arm_of, template_of
from fencepost_gateway.decide.jurisdiction import jurisdiction_of
from fencepost_gateway.decide.looked import values_of
from fencepost_gateway.decide.rendered import LOCATION_NEEDS
from fencepost_gateway.workers.additions import Additions
from fencepost_gateway.workers.composed import Case, Composed, Composition, composed, without
from fencepost_gateway.workers.whereabouts import whereabouts

if TYPE_CHECKING:
    from collections.abc import Collection

    from fencepost_gateway.decide.message import ClaimFacts
    from fencepost_gateway.decide.person import Person
    from fencepost_gateway.decide.place import FenceView
    from fencepost_gateway.decide.plan import Brand, Plan, Template
    from fencepost_gateway.ports import Store


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
        self._renderer = Renderer()
        self._additions = Additions(public_url)

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
        position = None
        if asks and not case.is_generic:
            position = await whereabouts(
                self._store, facts.message.person_id, shown, now_ms, may_locate=not case.denied
            )
        if position is not None and not self._plans.nearby.is_ready:
            await asyncio.to_thread(self._plans.nearby.prepare)
        made = {
            channel: without(outline, case, channel)
            if isinstance(outline, RenderProblem)
            else self._composed(case, channel, outline, position)
            for channel, outline in self._additions.answerable(template, outlines).items()
        }
        return Composition(arm_now(plan, facts), made)

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
    ) -> Case:
        law = jurisdiction_of(self._plans.plan, facts.person, phone_of(facts), now_ms)
        channels = facts.message.channels

        def may(purpose: str, channel: str = consent.ANY) -> bool:
            return consent.allows_under(law.policies, facts.consents, purpose, channel).allowed

        needs = LOCATION_NEEDS[template.purpose]
        is_proof = facts.message.proof is not None
        return Case(
            facts,
            shown,
            template,
            law.policies,
            brand,
            now_ms,
            is_generic=template.purpose == "marketing" and not may("personalisation"),
            tracks_on=frozenset(c for c in channels if not is_proof and may("personalisation", c)),
            denied=next((n for n in needs if not any(may(n, c) for c in channels)), ""),
        )

    def _composed(
        self, case: Case, channel: str, outline: Outline, position: Position | None
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
            answer_links=self._additions.links(plan, case, outline.roots),
        )
        content = self._renderer.render(
            case.template, channel, scope, plan.fragments, case.shown.locale
        )
        if isinstance(content, InAppContent) and content.while_inside:
            content = _hung(content, place_of(plan, facts.person, facts.message.cause))
        added = self._additions.put_in(plan, case, channel, content)
        return composed(case, outline, nearest, position, added)


def arm_now(plan: Plan, facts: ClaimFacts) -> str:
    """Give the arm that the person of a message is in by these facts."""
    campaign = campaign_of(plan, facts)
    return arm_of(plan, campaign, facts.person) if campaign else ""


def _hung(content: InAppContent, place: FenceView | None) -> InAppContent | RenderProblem:
    """Hang a message on the place it is about."""
    if place is None:
        return RenderProblem("render_failed", "in_app.while_inside", "no_place")
    return replace(content, inside=place.fence_id)
