"""
Heard: what log records tell of a person besides where they are and what they did.

No I/O; the person is changed in place. Rules ask for it; the claim reads its own rows of consent
and addresses.

Rule 1. An outcome happened when it was appended, an engagement when the device says, a report when
        its provider does.
Rule 2. Template and tags are those of the campaign as it is published when the outcome is told; of
        the tags the first ``TAGS_MAX``, so that a person stays small.
Rule 3. Statements are taken as the door took them into force, before anything else of the upload.
        A visitor's who is linked by this very upload are merged by it already.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.experiment import template_of
from fencepost_gateway.decide.past import PastMessage
from fencepost_gateway.decide.person import Person, Reached
from fencepost_gateway.decide.plan import Plan
from fencepost_gateway.decide.receipts import Word, first_times
from fencepost_gateway.intake.history import Greeted
from fencepost_gateway.intake.records import Outcome, Reported, Upload

TAGS_MAX = 16
ZONE_FRESH_MS = 86_400_000  # a zone is confirmed once a day, not with every upload


def news_of(person: Person, upload: Upload) -> list[str]:
    """Name what an upload says of a person as such that is new."""
    new = []
    if upload.user_id and upload.user_id != person.user_id:
        new.append("user_id")
    if upload.locale and upload.locale != person.locale:
        new.append("locale")
    stale = upload.received_ms - person.zone_at_ms > ZONE_FRESH_MS
    if upload.zone and (upload.zone != person.zone or stale):
        new.append("zone")
    return new


def hear_upload(person: Person, upload: Upload) -> list[str]:
    """Let a person keep what an upload says of them as such; name what is new."""
    new = news_of(person, upload)
    for name in new:
        setattr(person, name, getattr(upload, name))
    if "zone" in new:
        person.zone_at_ms = upload.received_ms
    return new


def greeted(upload: Upload) -> Greeted:
    """Give what history keeps of how an upload names its person."""
    return Greeted(
        upload.visitor_id,
        upload.user_id,
        upload.zone,
        upload.locale,
        upload.links,
        upload.parts,
        upload.merging,
    )


def statements(
    upload: Upload, person_of: Callable[[str], Person]
) -> Iterator[tuple[Person, list[ConsentEntry]]]:
    """Give who stated what by an upload (Rule 3)."""
    for person_id, entries in upload.consents.items():
        if not (upload.links and person_id == upload.visitor_id):
            yield person_of(person_id), entries


def hear_outcome(person: Person, outcome: Outcome, plan: Plan, now_ms: int) -> None:
    """Let a person keep what became of a message: for its run too, and for its address."""
    person.end_message(outcome.campaign_id, outcome.run_id, outcome.state, now_ms)
    person.heard_of(_past(person, outcome, plan, {outcome.state: now_ms}))
    if outcome.lost_ref:
        person.reached_at(outcome.channel, Reached(outcome.lost_ref), is_gone=True)


def hear_report(person: Person, told: Reported, plan: Plan, now_ms: int) -> None:
    """Let a person keep what was told of a message to them after its call."""
    first_ms = dict.fromkeys(first_times(told.what), told.at_ms)
    if told.settles:
        first_ms.setdefault("sent", min(told.at_ms, now_ms))
    person.heard_of(_past(person, told, plan, first_ms))


def _past(
    person: Person, told: Outcome | Reported, plan: Plan, first_ms: dict[str, int]
) -> PastMessage:
    """Name a message as rules ask for it (Rule 2)."""
    campaign = plan.part(told.campaign_id, told.campaign_version, told.step_id)
    template = template_of(plan, campaign, person) if campaign else None
    return PastMessage(
        told.message_id,
        told.campaign_id,
        template.template_id if template else "",
        tuple(sorted(campaign.tags)[:TAGS_MAX]) if campaign else (),
        told.delivery_id,
        first_ms,
        told.step_id,
        told.campaign_version,
    )


def hear_device(person: Person, delivery_id: str, what: Word, at_ms: int) -> None:
    """Let a person keep what their device tells of a delivery."""
    first_ms = dict.fromkeys(first_times(what), at_ms)
    person.heard_of(PastMessage("", delivery_id=delivery_id, first_ms=first_ms))
