"""
Experiment: which arm somebody is in, and the template that an arm gets.

Pure. Sticky by a hash first and by memory from then on.

Rule 1. The arm is drawn from a hash of seed, experiment and person: the same on every device, in
        every process, in live traffic and replay. Weights cut the range in order of arms' names.
Rule 2. It is remembered with the person at the first exposure: the entry into a campaign that
        asks for it, whether or not a message comes of it. Other weights move only who comes later.
Rule 3. Merging, the known person's arm stays. An arm that the experiment has no more is drawn anew.
        Of experiments that are published no more nothing is remembered beyond the next exposure.
"""

from __future__ import annotations

from collections.abc import Sequence

from fencepost_gateway.decide.ids import chance
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Campaign, Experiment, Plan, Template


def arm_of(plan: Plan, campaign: Campaign, person: Person) -> str:
    """Give the arm of a person in the campaign's experiment; empty without one."""
    experiment = plan.experiments.get(campaign.message.experiment_id)
    return "" if experiment is None else arm_in(experiment, plan.seed, person)


def arm_in(experiment: Experiment, seed: str, person: Person) -> str:
    """Give the arm of a person in an experiment."""
    known = person.arms.get(experiment.experiment_id, "")
    return known if known in dict(experiment.arms) else draw(experiment, seed, person.person_id)


def expose(plan: Plan, campaign: Campaign, person: Person) -> None:
    """Remember the arm that a person is in by entering ``campaign`` (Rule 2)."""
    arm = arm_of(plan, campaign, person)
    if arm:
        person.arms[campaign.message.experiment_id] = arm
        for gone in person.arms.keys() - plan.experiments.keys():
            del person.arms[gone]


def draw(experiment: Experiment, seed: str, person_id: str) -> str:
    """Draw the arm of somebody who has none yet (Rule 1)."""
    return pick(experiment.arms, chance(seed, "experiment", experiment.experiment_id, person_id))


def pick(weights: Sequence[tuple[str, float]], drawn: float) -> str:
    """Give the arm, or way, in whose share of the range a draw falls; in the order given."""
    left = drawn * sum(weight for _, weight in weights)
    last = ""
    for arm, weight in weights:
        if weight <= 0:
            continue
        last = arm
        if left < weight:
            return arm
        left -= weight
    return last  # what rounding leaves over


def template_of(plan: Plan, campaign: Campaign, person: Person) -> Template | None:
    """Give the template that a person gets of a campaign; None when it is not live."""
    wish = campaign.message
    arm = arm_of(plan, campaign, person) if wish.experiment_id else ""
    return plan.templates.get(wish.by_arm.get(arm, wish.template_id))
