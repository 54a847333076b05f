"""
Rows: what the stores write for a claim and its end, the same in every store.

Pure. A store decides how to keep rows; what they say is decided here, once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import structs

from fencepost_gateway.decide import consent, inbox
from fencepost_gateway.decide.calls import Call, Reply
from fencepost_gateway.decide.consent import LOCATION_ACTIVE
from fencepost_gateway.decide.ids import derive
from fencepost_gateway.decide.message import AddressRow, Check, Mark, Message, Verdict
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.proof import ProofRow
from fencepost_gateway.decide.receipts import Word, reason_of, state_after
from fencepost_gateway.decide.settle import Settlement
from fencepost_gateway.intake.admission import Admission, Withdrawal
from fencepost_gateway.intake.records import (
    Answered,
    DeviceMoved,
    Outcome,
    PlaceForgotten,
    Record,
    Reported,
    Stated,
)
from fencepost_gateway.intake.refusals import Refusal
from fencepost_gateway.intake.reports import LaneReport
from fencepost_gateway.intake.statement import ConsentChange
from fencepost_gateway.ports import (
    Chosen,
    DeadCall,
    DeadMessage,
    DueMessage,
    InboxRow,
    Preferences,
    RecordRow,
    RequestRow,
)

INBOX_MAX = 100  # messages of one answer
LEFT = Settlement("failed", "released", "no_longer_relevant")  # nobody was there to show it to
IN_APP_REF = "in_app"  # every person comes through an SDK, which can show messages


def log_records(
    admission: Admission, device_id: str, spoke_for: str, resolve: Callable[[str], str]
) -> list[Record]:
    """
    Give what an admission puts into the log, in order.

    Args:
        admission: Of one batch.
        device_id: Whose.
        spoke_for: Whom the device spoke for until now; empty: it is new.
        resolve: Person id of a visitor, the admission's own link being made already.

    """
    uploads = [each for each in (admission.before, admission.upload) if each is not None]
    if not uploads and not admission.others:
        return []
    found: list[Record] = []
    owner = resolve(spoke_for) if spoke_for else ""
    for upload in uploads or (None,):
        person_id = admission.person_id if upload is None else upload.person_id
        # Consent goes ahead of the ``identify`` that will join this visitor: no change of hands.
        is_same = upload is not None and upload.merging == "on_login" and owner == upload.visitor_id
        if owner not in {"", person_id} and not is_same:
            found.append(DeviceMoved(device_id, owner, person_id))
        owner = person_id
        if upload is not None:
            found.append(upload)
    return found


def inbox_row(
    message: Message,
    delivery_id: str,
    content: dict[str, Any],
    person: Person | None,
    now_ms: int,
) -> InboxRow | None:
    """Give what is put before the person; None: they have left the fence it hangs on."""
    fence_id = inbox.fence_of(content)
    if inbox.is_left(fence_id, person):
        return None
    return InboxRow(
        cursor=0,
        delivery_id=delivery_id,
        message_id=message.message_id,
        content=content,
        priority=message.priority,
        show_until_ms=inbox.until_ms(message, content, now_ms),
        fence_id=fence_id,
    )


def in_rooms(due: Sequence[DueMessage], rooms: Mapping[str, int]) -> list[DueMessage]:
    """Give what is due in the order of its claims, of each lane no more than there is room for."""
    left, found = Counter(rooms), []
    for each in sorted(due, key=lambda d: (d.rank, -d.priority, d.cause_ms, d.message_id)):
        if left[each.lane] > 0:
            left[each.lane] -= 1
            found.append(each)
    return found


def lane_of(message: Message, refused: Container[str] = ()) -> str:
    """Give the lane that a message waits on; empty while it may go on several."""
    open_to = [channel for channel in message.channels if channel not in refused]
    return open_to[0] if len(open_to) == 1 else ""


def answered(call: Call, reply: Reply) -> Answered:
    """Give what an answered call puts into the log."""
    return Answered(call.person_id, reply, waits=call.waits)


def is_dead(reply: Reply) -> bool:
    """Say whether a call is kept as a dead letter: nobody heard what it was to tell."""
    return reply.kind == "webhook" and bool(reply.failure)


def dead_call(call: Call, dead_ms: int, attempt: int, failure: str) -> DeadCall:
    """Give a dead letter as it is shown."""
    return DeadCall(
        call_id=call.call_id,
        person_id=call.person_id,
        campaign_id=call.campaign_id,
        step_id=call.step_id,
        run_id=call.run_id,
        source_id=call.source_id,
        asked_ms=call.asked_ms,
        dead_ms=dead_ms,
        attempt=attempt,
        failure=failure,
    )


def dead_message(message: Message, failed_ms: int, attempt: int, reason: str) -> DeadMessage:
    """Give a dead letter of a message as it is shown."""
    return DeadMessage(
        message_id=message.message_id,
        person_id=message.person_id,
        campaign_id=message.campaign_id,
        step_id=message.step_id,
        channels=message.channels,
        failed_ms=failed_ms,
        expires_at_ms=message.expires_at_ms,
        attempt=attempt,
        reason=reason,
    )


def delivery_id_of(message_id: str, channel: str, address_ref: str) -> str:
    """Name the delivery of a message on one channel to one address."""
    return derive("delivery", message_id, channel, address_ref)


def in_app_address(person_id: str) -> AddressRow:
    """Give the address of the person's own SDK."""
    return AddressRow("in_app", IN_APP_REF, {"person_id": person_id}, 0)


def claim_record(message: Message, verdict: Verdict, delivery_id: str, now_ms: int) -> RecordRow:
    """Write down a claim: its ordered checks and what came out."""
    body = {
        "campaign_id": message.campaign_id,
        "campaign_version": message.campaign_version,
        "run_id": message.run_id,
        "cause": message.cause.name,
        "fence_id": message.cause.fence_id,
        "cause_at_ms": message.cause.at_ms,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "channel": verdict.channel,
        "retry_at_ms": verdict.retry_at_ms,
        "delivery_id": delivery_id,
        "checks": msgspec.to_builtins(verdict.checks),
        **marked(message.mark),
    }
    if message.step_id:
        body["step_id"] = message.step_id
    if message.proof is not None:
        body["template"] = message.proof.template_id
    if verdict.arm:
        body |= {"experiment": verdict.experiment, "arm": verdict.arm}
    return RecordRow(0, now_ms, message.person_id, "claim", message.message_id, body)


def marked(mark: Mark) -> dict[str, bool]:
    """Say in a record that it is no customer's: reports and experiments leave it out."""
    if not mark:
        return {}
    return {"test": True} if mark == "test" else {"test": True, mark: True}


def is_recalled(message: Message, withdrawal: Withdrawal) -> bool:
    """Say whether a pending message goes with a withdrawn consent to marketing or to location."""
    if withdrawal.purpose == "marketing":
        reached = withdrawal.channel == consent.ANY or set(message.channels) <= {withdrawal.channel}
        return reached and not withdrawal.spares(message)
    return message.cause.is_by_place and not withdrawal.spares(message)


def recall(withdrawal: Withdrawal) -> Verdict:
    """Give the verdict on a message that a withdrawal takes back."""
    inputs = {
        "asked": [withdrawal.purpose],
        "purpose": withdrawal.purpose,
        "value": withdrawal.value,
        "said_for": withdrawal.channel,
        "policy": withdrawal.policy,
        "withdrawn": True,
    }
    check = Check("consent", ok=False, reason="consent", inputs=inputs)
    return Verdict("withheld", (check,), "consent")


def forgets_place(withdrawal: Withdrawal, *, locates: bool) -> bool:
    """Say whether somebody's devices forget where they are; ``locates``: positions are allowed."""
    if withdrawal.purpose == LOCATION_ACTIVE:
        return True
    return withdrawal.purpose == "location_collect" and not locates


def forgotten(withdrawal: Withdrawal, device_ids: list[str]) -> PlaceForgotten:
    """Give the log record of devices that forget where they are; a pause leaves the visits."""
    visits = withdrawal.purpose != LOCATION_ACTIVE
    return PlaceForgotten(withdrawal.person_id, device_ids, visits=visits)


def new_requests(found: Preferences, chosen: Chosen, now_ms: int) -> list[RequestRow]:
    """Give what somebody asks and has not asked before; the store numbers it."""
    known = {row.kind for row in found.requests}
    person_id = found.facts.message.person_id
    return [
        RequestRow(0, person_id, kind, now_ms, due_ms)
        for kind, due_ms in chosen.requests.items()
        if kind not in known
    ]


def proof_row(change: ConsentChange, in_flight: Sequence[str], now_ms: int) -> ProofRow:
    """Give a change's proof, not chained yet; a revoke lists the calls it came too late for."""
    e = change.entry
    proof = change.proof | ({"in_flight": list(in_flight)} if in_flight else {})
    return ProofRow(
        number=0,
        person_id=change.person_id,
        purpose=e.purpose,
        channel=e.channel,
        address=e.address,
        old_value=change.old_value,
        new_value=e.value,
        at_ms=e.at_ms,
        received_ms=now_ms,
        proof=msgspec.msgpack.encode(proof),
    )


def opted_out(
    message: Message, channel: str, ref: str, settlement: Settlement, now_ms: int
) -> Refusal:
    """Give the refusal of whom the provider knows to have opted out: as STOP."""
    return Refusal(
        refusal_id=f"opted_out:{delivery_id_of(message.message_id, channel, ref)}",
        method="provider_code",
        said_ms=now_ms,
        spares=settlement.spares or (lambda _: True),  # the claim will say no to what is left
        person_id=message.person_id,
        channel=channel,
        ref=ref,
        reason="stop",
        proof={"message_id": message.message_id},
    )


def stated(changes: Sequence[ConsentChange]) -> list[Stated]:
    """Give the log records by which the pipeline learns of statements that no upload brings."""
    people = dict.fromkeys(change.person_id for change in changes)
    return [Stated(i, [c.entry for c in changes if c.person_id == i]) for i in people]


def outcome_record(
    message: Message, channel: str, delivery_id: str, settlement: Settlement, now_ms: int
) -> RecordRow:
    """Write down how a call ended."""
    body = {
        "campaign_id": message.campaign_id,
        "run_id": message.run_id,
        "channel": channel,
        "delivery_id": delivery_id,
        "state": settlement.state,
        "reason": settlement.reason,
        "slot": settlement.slot,
        "retry_at_ms": settlement.retry_at_ms,
        "moves": settlement.moves,
        **marked(message.mark),
    }
    return RecordRow(0, now_ms, message.person_id, "outcome", message.message_id, body)


def ended(message: Message, verdict: Verdict) -> Outcome:
    """Give the log record of a message that its claim has ended: it may not go, or nowhere else."""
    return _outcome(message, verdict.outcome, verdict.reason)


def moved(
    channel: str, before: str, what: Word, code: str, *, is_open: bool
) -> tuple[str, str, bool]:
    """
    Say where a receipt moves a delivery: its state, its reason, and whether it settles it.

    ``is_open``: the message still waits for what its call comes to, which this tells then.
    """
    state = state_after(channel, before, what)
    return state, reason_of(state, what, code), before == "unknown" and not is_open


def reported(
    message: Message, delivery_id: str, channel: str, told: LaneReport, state: str, *, settles: bool
) -> Reported:
    """Give the log record of what was told of a delivery."""
    return Reported(
        person_id=message.person_id,
        message_id=message.message_id,
        campaign_id=message.campaign_id,
        delivery_id=delivery_id,
        channel=channel,
        what=told.what,
        at_ms=told.at_ms,
        state=state,
        code=told.code,
        settles=settles,
        mark=message.mark,
        campaign_version=message.campaign_version,
        step_id=message.step_id,
    )


def report_record(message: Message, delivery_id: str, told: LaneReport, now_ms: int) -> RecordRow:
    """Write down what was told of a delivery."""
    body = {
        "campaign_id": message.campaign_id,
        "run_id": message.run_id,
        "delivery_id": delivery_id,
        "state": told.what,
        "code": told.code,
        "told_ms": told.at_ms,
        **marked(message.mark),
    }
    return RecordRow(0, now_ms, message.person_id, "outcome", message.message_id, body)


def settled(
    message: Message, settlement: Settlement, channel: str, delivery_id: str, ref: str
) -> Outcome:
    """Give the log record of a call that came to its end; ``ref`` is the address it was made to."""
    is_lost = settlement.address != "keep"
    told = _outcome(message, settlement.state, settlement.reason)
    return structs.replace(
        told,
        channel=channel,
        delivery_id=delivery_id,
        lost_ref=ref if is_lost else "",
        goes_on=settlement.retry_at_ms is not None,
    )


def is_told(settlement: Settlement) -> bool:
    """Say whether the pipeline hears of a settled call: of an end, and of a lost address."""
    return settlement.retry_at_ms is None or settlement.address != "keep"


def _outcome(message: Message, state: str, reason: str) -> Outcome:
    return Outcome(
        message_id=message.message_id,
        run_id=message.run_id,
        campaign_id=message.campaign_id,
        person_id=message.person_id,
        state=state,
        reason=reason,
        fence_id=message.cause.fence_id,
        mark=message.mark,
        campaign_version=message.campaign_version,
        step_id=message.step_id,
    )
