"""What the tests of a store put into it."""

from collections.abc import Sequence
from typing import Any

from fencepost_channels.message import Channel
from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import Check, ClaimFacts, Message, Verdict
from fencepost_gateway.decide.settle import LOST, Attempt, CallOutcome, Settlement, settle
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.intake.admission import Admission, AdmitFacts
from fencepost_gateway.intake.admit import admit
from fencepost_gateway.intake.records import Upload
from fencepost_gateway.ports import (
    AddressChange,
    AdmitRequest,
    Claimed,
    Effects,
    Judge,
    RecordRow,
    Settle,
    Store,
)
from gateway.batches import DAY_MS, MINUTE_MS, NOW_MS, batch, event, user, visitor
from gateway.policies import make_house

SECRET = b"s" * 32
REF = "ref-1"
LATER_MS = NOW_MS + MINUTE_MS
CHECK = Check("live", ok=True, inputs={"until_ms": None})


def upload(
    *events: Any, secret: bytes = SECRET, received_ms: int = NOW_MS, **envelope: Any
) -> AdmitRequest:
    """Ask for admission of a batch, judged by the real door."""
    found = batch(*events, **envelope)
    return AdmitRequest(
        device_id=found.device_id,
        secret_hash=secret,
        stream=found.stream,
        admit=lambda facts: admit(found, make_house(), facts, received_ms),
        received_ms=received_ms,
    )


def unwritable_upload() -> Upload:
    """Give an upload that no log can take."""
    broken: Any = object()
    return Upload("device-1", visitor(), visitor(), "", "stream-1", NOW_MS, [broken], [NOW_MS])


def message(
    message_id: str = "m-1",
    person_id: str = visitor(),
    priority: int = 50,
    cause_ms: int = NOW_MS,
) -> Message:
    """Give a message that wants to go by SMS within a day."""
    return Message(
        message_id=message_id,
        group_id=message_id,
        run_id=f"run-{message_id}",
        campaign_id="welcome",
        campaign_version=1,
        person_id=person_id,
        channels=("sms",),
        cause=Cause(f"cause-{message_id}", "event", "opened", cause_ms, props={"sku": [1, "a"]}),
        entered_ms=NOW_MS,
        expires_at_ms=NOW_MS + DAY_MS,
        priority=priority,
    )


def effects(position: int, *messages: Message, now_ms: int = NOW_MS, **members: Any) -> Effects:
    """Give what a group of records came to."""
    return Effects(position, now_ms, messages=list(messages), **members)


def address(person_id: str, ref: str = REF, at_ms: int = NOW_MS) -> AddressChange:
    """Give the appearance of a phone number."""
    return AddressChange(person_id, "sms", ref, {"to": f"+49 {ref}"}, "device-1", at_ms)


def record(subject: str, person_id: str = visitor()) -> RecordRow:
    """Give a decision record about ``subject``."""
    return RecordRow(0, NOW_MS, person_id, "step", subject, {"outcome": "entered"})


def transition(subject: str, at_ms: int = NOW_MS, person_id: str = visitor()) -> RecordRow:
    """Give the record of an ENTER that began the visit ``subject``."""
    return RecordRow(0, at_ms, person_id, "transition", subject, {"kind": "enter"})


def slot_of(found: Message, at_ms: int) -> Slot:
    """Give the cap slot that a message takes."""
    tags = ("spring",)
    return Slot(
        slot_id=found.message_id,
        group_id=found.group_id,
        person_id=found.person_id,
        channel="sms",
        purpose="marketing",
        campaign_id=found.campaign_id,
        tags=tags,
        reserved_at_ms=at_ms,
    )


def sends(now_ms: int = NOW_MS) -> Judge:
    """Judge that a message goes to the person's first phone number, in a slot."""

    def judge(facts: ClaimFacts) -> Verdict:
        found = next((a for a in facts.addresses if a.channel == "sms"), None)
        slot = slot_of(facts.message, now_ms)
        return Verdict("send", (CHECK,), channel="sms", address=found, slot=slot)

    return judge


def withholds(_facts: ClaimFacts) -> Verdict:
    """Judge that a message must not go."""
    return Verdict("withheld", (CHECK,), "consent")


def defers(until_ms: int) -> Judge:
    """Judge that a message has to wait."""
    return lambda _: Verdict("deferred", (CHECK,), "quiet_hours", retry_at_ms=until_ms)


def watching(judge: Judge, seen: list[ClaimFacts]) -> Judge:
    """Let ``judge`` decide and keep what it saw."""

    def watched(facts: ClaimFacts) -> Verdict:
        seen.append(facts)
        return judge(facts)

    return watched


def settles(family: Any, now_ms: int = NOW_MS, **members: Any) -> tuple[CallOutcome, Settle]:
    """Give an outcome and the real rule for what follows from it."""
    outcome = CallOutcome(family, **members)

    def settlement(attempt: Attempt) -> Settlement:
        return settle(outcome, attempt, now_ms)

    return outcome, settlement


def lost(now_ms: int) -> Settle:
    """Give the real rule for a call whose lease ran out."""
    return lambda attempt: settle(LOST, attempt, now_ms)


def rooms(most: int = 10) -> dict[str, int]:
    """Give room for as many on every lane."""
    return dict.fromkeys(("", *Channel), most)


async def claimed(store: Store, message_id: str = "m-1", now_ms: int = NOW_MS) -> Claimed:
    """Claim a message to send it."""
    found = await store.claim(message_id, sends(now_ms), now_ms)
    assert found is not None
    return found


async def ended(
    store: Store, found: Claimed, family: Any, now_ms: int = NOW_MS, **members: Any
) -> Settlement | None:
    """Confirm a claimed message's call."""
    outcome, settlement = settles(family, now_ms, **members)
    return await store.confirm(
        found.delivery_id, found.lease_token, outcome, settlement, now_ms, inbox=None
    )


async def facts_of(store: Store, message_id: str = "m-1") -> ClaimFacts:
    """Give what a claim would read now."""
    found = await store.peek(message_id)
    assert found is not None
    return found


async def values_of(store: Store, person_id: str) -> dict[str, str]:
    """Give a person's statements as the door reads them."""
    seen: list[Sequence[ConsentEntry]] = []

    def look(facts: AdmitFacts) -> Admission:
        seen.append(list(facts.consents(facts.resolve(person_id))))
        return Admission(None, facts.marks, [], [], [])

    await store.admit(AdmitRequest("onlooker", SECRET, "s", look, NOW_MS))
    return {e.purpose: e.value for e in seen[0]}


async def uploads(store: Store) -> list[list[int]]:
    """Give the seqs of every upload in the log."""
    found = [r.record for r in await store.read_log(0, 1000)]
    return [[e.seq for e in u.events] for u in found if isinstance(u, Upload)]


async def with_message(store: Store, *ids: str) -> None:
    """Put messages of the visitor into the store, with a phone number."""
    wanted = [message(i) for i in ids or ("m-1",)]
    await store.commit(effects(0, *wanted, addresses=[address(visitor())]))


async def linked(store: Store) -> None:
    """Let the visitor become u42 at the door; the pipeline has not seen it yet."""
    await store.admit(upload(event(90, "identify", user_id="u42")))


async def merged(store: Store) -> None:
    """Let the visitor become u42, all the way."""
    await linked(store)
    await store.commit(effects(await store.position(), merges=[(visitor(), user("u42"))]))


async def shown(store: Store, message_id: str = "m-1") -> None:
    """Put a message before its person."""
    found = await claimed(store, message_id)
    outcome, settlement = settles("sent")
    content = {"title": message_id, "buttons": [{"id": "open"}]}
    await store.confirm(found.delivery_id, 1, outcome, settlement, NOW_MS, inbox=content)
