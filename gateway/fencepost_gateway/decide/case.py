"""
Case: one message on the bench, laid out for the gates.

Pure data. The claim lays it out once; every gate looks at it and at nothing else.

Rule 1. A proof belongs to no campaign: it is judged as one that has nothing but its template.
Rule 2. A message of no person's own doing (``mark``) is outside holdouts, caps and experiments. One
        of a trial is judged as if it were live, but a draft's author is in no holdout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from fencepost_gateway.decide import safety
from fencepost_gateway.decide.experiment import arm_of, template_of
from fencepost_gateway.decide.flow import LaneView
from fencepost_gateway.decide.jurisdiction import Jurisdiction, jurisdiction_of
from fencepost_gateway.decide.message import AddressRow, ClaimFacts, OnUnknown
from fencepost_gateway.decide.plan import NEVER_MS, Campaign, MessagePlan, Plan, Template
from fencepost_gateway.decide.rendered import Rendered
from fencepost_gateway.decide.zones import Zones, zones_of

FALLBACK_AFTER_MS: Final = 60_000  # of a transactional message, unless its author says otherwise


class Way(Struct, frozen=True):
    """One channel of the message and the address that is meant on it, if there is any."""

    channel: str
    address: AddressRow | None = None


class Case(Struct, frozen=True):
    """One message: what every gate may look at."""

    plan: Plan
    facts: ClaimFacts
    campaign: Campaign
    template: Template
    rendered: Mapping[str, Rendered]
    zones: Zones
    law: Jurisdiction
    now_ms: int
    lanes: Mapping[str, LaneView] = {}

    @property
    def on_unknown(self) -> OnUnknown:
        """Say what an unknown outcome does: nothing of marketing passes on after it."""
        wish = self.campaign.message.on_unknown
        if self.is_marketing:
            return "retry" if wish == "retry" else "end"
        return "end" if wish == "end" else "next"

    @property
    def fallback_after_ms(self) -> int | None:
        """Say how long a lane may be shut before the next channel is tried; None: for ever."""
        wish = self.campaign.message.fallback_after_ms
        if wish == NEVER_MS or len(self.channels) == 1:
            return None
        return None if wish is None and self.is_marketing else wish or FALLBACK_AFTER_MS

    @property
    def is_marketing(self) -> bool:
        """Say whether marketing's gates are for it."""
        return self.template.purpose == "marketing"

    @property
    def is_counted(self) -> bool:
        """Say whether it takes part in holdouts and caps (Rule 2)."""
        return self.is_marketing and self.facts.message.mark in {"", "draft", "shadow"}

    @property
    def is_guarded(self) -> bool:
        """Say whether the safety cap is for it (``safety``)."""
        return not self.is_marketing and self.facts.message.mark not in safety.EXEMPT

    @property
    def arm(self) -> str:
        """The person's arm, empty where the campaign has no experiment."""
        return arm_of(self.plan, self.campaign, self.facts.person)

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels in the order they are tried: the person's own preference goes first."""
        channels = self.facts.message.channels
        wanted = self.preferred
        return (wanted, *(c for c in channels if c != wanted)) if wanted else channels

    @property
    def preferred(self) -> str:
        """The channel that the person prefers, if the message may go on it."""
        if len(self.facts.message.channels) == 1:
            return ""
        wanted = self.facts.person.attributes.get("preferred_channel")
        return str(wanted) if wanted in self.facts.message.channels else ""


def case_of(
    plan: Plan,
    facts: ClaimFacts,
    rendered: Mapping[str, Rendered],
    now_ms: int,
    lanes: Mapping[str, LaneView],
) -> Case | None:
    """Lay a message out; None when its campaign or template is not live any more."""
    campaign = campaign_of(plan, facts)
    template = template_of(plan, campaign, facts.person) if campaign else None
    if campaign is None or template is None:
        return None
    phone = phone_of(facts)
    zones = zones_of(facts.person, phone, plan.workspace_zone, now_ms)
    law = jurisdiction_of(plan, facts.person, phone, now_ms)
    return Case(plan, facts, campaign, template, rendered, zones, law, now_ms, lanes)


def campaign_of(plan: Plan, facts: ClaimFacts) -> Campaign | None:
    """Give the campaign of a message (Rule 1)."""
    message = facts.message
    if message.proof is None:
        return plan.part(message.campaign_id, message.campaign_version, message.step_id)
    wish = MessagePlan(message.proof.template_id, message.channels)
    return Campaign(campaign_id="", version=0, name="", entries=(), message=wish)


def phone_of(facts: ClaimFacts) -> str:
    """Give the person's newest number, for the country of its prefix alone."""
    rows = (a for a in facts.addresses if a.channel == "sms")
    return next((str(a.raw.get("address", "")) for a in rows), "")
