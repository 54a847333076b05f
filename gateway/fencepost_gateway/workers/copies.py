"""
Copies: messages that no customer caused: seeds' copies of what was sent, and proofs.

No I/O. The ids are made of their cause, so that a repeat is a no-op.

Rule 1. The first ``sent`` of a campaign's version on a channel and a UTC day makes one copy for
        each seed, on that channel. It needs no counter: a second copy has the id of the first.
Rule 2. A copy is rendered with the seed's own facts. What the customer's event held is somebody
        else's and does not travel; a template that needs it withholds the copy and says so.
Rule 3. Consent, suppression and quiet hours hold for copies; holdouts, goals and caps do not.
Rule 4. Nothing is copied of a test person's message, of a copy, or of a proof.
"""

from __future__ import annotations

from collections.abc import Iterator

from fencepost_gateway.decide.ids import derive, person_id_of_user
from fencepost_gateway.decide.message import Mark, Message, Proof
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.decide.wanted import MAX_AGE_EVENT_MS
from fencepost_gateway.intake.records import Outcome, ProofAsked

DAY_MS = 86_400_000
Made = tuple[int, str, str, int]  # revision, campaign, channel, day
MADE_MAX = 10_000
PROOF_MAX_AGE_MS = 15 * 60_000


def seed_copies(
    plan: Plan, workspace: str, outcome: Outcome, made: set[Made], now_ms: int
) -> Iterator[Message]:
    """
    Give the copies that an outcome makes (Rules 1 and 4).

    ``made`` remembers what was copied of late, which spares a blast the ids of copies that are
    there; it is a memory, not the truth: emptied, the same copies come again and change nothing.
    """
    campaign = plan.part(outcome.campaign_id, outcome.campaign_version, outcome.step_id)
    if outcome.state != "sent" or outcome.mark or campaign is None:
        return
    named = f"{campaign.campaign_id}/{outcome.step_id}" if outcome.step_id else outcome.campaign_id
    key = (plan.revision, named, outcome.channel, now_ms // DAY_MS)
    if key in made:
        return
    if len(made) >= MADE_MAX:
        made.clear()
    made.add(key)
    day = str(now_ms // DAY_MS)
    for user_id in sorted(plan.seeds):
        person_id = person_id_of_user(workspace, user_id)
        about = (named, str(campaign.version), outcome.channel, day)
        yield _message(
            derive("seed", workspace, *about, person_id),
            "seed",
            person_id,
            outcome.channel,
            now_ms,
            campaign_id=campaign.campaign_id,
            campaign_version=campaign.version,
            step_id=outcome.step_id,
            fence_id=outcome.fence_id,
        )


def proof_of(workspace: str, asked: ProofAsked, position: int, now_ms: int) -> Message:
    """Give the message of a proof that stands at ``position`` of the log."""
    message_id = proof_id(workspace, position)
    return _message(
        message_id,
        "proof",
        asked.person_id,
        asked.channel,
        now_ms,
        fence_id=asked.fence_id,
        proof=asked.proof,
    )


def proof_id(workspace: str, position: int) -> str:
    """Name the proof that was asked for at ``position`` of the log."""
    return derive("proof", workspace, str(position))


def _message(  # noqa: PLR0913 - what a copy and a proof have in common
    message_id: str,
    mark: Mark,
    person_id: str,
    channel: str,
    now_ms: int,
    *,
    campaign_id: str = "",
    campaign_version: int = 0,
    step_id: str = "",
    fence_id: str = "",
    proof: Proof | None = None,
) -> Message:
    max_age_ms = PROOF_MAX_AGE_MS if mark == "proof" else MAX_AGE_EVENT_MS
    return Message(
        message_id=message_id,
        group_id=message_id,
        run_id=message_id,
        campaign_id=campaign_id,
        campaign_version=campaign_version,
        step_id=step_id,
        person_id=person_id,
        channels=(channel,),
        cause=Cause(message_id, "event", mark, now_ms, fence_id=fence_id),
        entered_ms=now_ms,
        expires_at_ms=now_ms + max_age_ms,
        mark=mark,
        proof=proof,
    )
