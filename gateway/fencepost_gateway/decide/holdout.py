"""
Holdout: who is kept without marketing, to measure what it does.

Pure. Drawn from a hash of seed and person, for the workspace and for each campaign: the same on
every device, in every process, in live traffic and replay. A larger share holds more people, and
lets none go whom a smaller one held.
"""

from __future__ import annotations

from typing import Literal

from fencepost_gateway.decide.ids import chance
from fencepost_gateway.decide.plan import Campaign, Plan

HeldBy = Literal["workspace", "campaign"]


def held_by(plan: Plan, campaign: Campaign, person_id: str) -> list[HeldBy]:
    """Say which holdouts somebody is in; a share of nothing needs no draw."""
    found: list[HeldBy] = []
    if plan.workspace_holdout and chance(plan.seed, "holdout", person_id) < plan.workspace_holdout:
        found.append("workspace")
    share = campaign.holdout
    if share and chance(plan.seed, "holdout", campaign.campaign_id, person_id) < share:
        found.append("campaign")
    return found
