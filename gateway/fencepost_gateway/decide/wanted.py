"""
Wanted: the messages that a campaign, or a message step of a journey, asks for.

Pure. What is wanted here is judged by the claim.

Rule 1. A message's age counts from what made it wanted, by that one's own time: a transition is old
        after a quarter of an hour, everything else after a day, unless the author says otherwise.
Rule 2. With ``each`` there is a message a channel; they are one group, and count once.
Rule 3. Security codes are claimed first, then what is transactional, then marketing that somebody
        has brought about, and last what many are told of.
Rule 4. Ids come from the run, the step and how often the run has come by it.
"""

from __future__ import annotations

from fencepost_gateway.decide.ids import derive
from fencepost_gateway.decide.message import Message, Rank
from fencepost_gateway.decide.plan import Campaign, Plan
from fencepost_gateway.decide.scene import Scene
from fencepost_gateway.decide.stimulus import Cause

MAX_AGE_TRANSITION_MS = 15 * 60_000
MAX_AGE_EVENT_MS = 24 * 3_600_000
TO_MANY = frozenset({"schedule", "external", "api"})


def want(  # noqa: PLR0913 - what an id is made of, and what a message carries
    scene: Scene,
    part: Campaign,
    run_id: str,
    cause: Cause,
    *,
    step_id: str = "",
    time: int = 1,
    began_ms: int | None = None,
) -> tuple[str, ...]:
    """
    Want the messages of a campaign or a step for a person; gives their ids.

    Args:
        scene: Who gets them; they are put among what is wanted.
        part: The campaign; of a journey, that of the step.
        run_id: The run they belong to.
        cause: What made them wanted; they are as old as this.
        step_id: The step of a journey; empty for a campaign.
        time: How often the run has come by this step, this time included.
        began_ms: When the run began; None: with the cause.

    """
    wish, is_test = part.message, scene.person.user_id in scene.plan.testers
    by_default = MAX_AGE_TRANSITION_MS if cause.kind == "transition" else MAX_AGE_EVENT_MS
    max_age_ms = by_default if wish.max_age_ms is None else wish.max_age_ms
    group_id = derive("message", scene.workspace, run_id, step_id or "message", str(time))
    lanes = [(c,) for c in wish.channels] if wish.each else [wish.channels]
    found = [
        Message(
            message_id=derive(group_id, lane[0]) if wish.each else group_id,
            group_id=group_id,
            run_id=run_id,
            campaign_id=part.campaign_id,
            campaign_version=part.version,
            person_id=scene.person.person_id,
            channels=lane,
            cause=cause,
            entered_ms=scene.now_ms,
            expires_at_ms=cause.at_ms + max_age_ms,
            priority=wish.priority,
            mark="test" if is_test else "",
            step_id=step_id,
            began_ms=began_ms,
            rank=rank_of(scene.plan, part, cause),
        )
        for lane in lanes
    ]
    scene.walked.messages += found
    return tuple(message.message_id for message in found)


def rank_of(plan: Plan, part: Campaign, cause: Cause) -> Rank:
    """Give the class in which a message is claimed (Rule 3)."""
    template = plan.templates.get(part.message.template_id)
    if template is not None and template.purpose == "transactional":
        return 0 if template.is_code else 1
    return 3 if cause.broadcast or cause.kind in TO_MANY else 2
