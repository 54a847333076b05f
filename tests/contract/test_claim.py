"""What every store promises of a claim: judged once, on facts that nothing can change."""

import asyncio

import pytest

from contract.store_kit import (
    LATER_MS,
    REF,
    claimed,
    defers,
    effects,
    ended,
    facts_of,
    rooms,
    sends,
    slot_of,
    upload,
    watching,
    with_message,
    withholds,
)
from fencepost_gateway.decide.message import ClaimFacts, Verdict
from fencepost_gateway.decide.person import Person
from fencepost_gateway.intake.records import Outcome
from fencepost_gateway.ports import (
    Store,
)
from gateway.batches import NOW_MS, consent, visitor


async def test_peek_reads_what_a_claim_reads(store: Store) -> None:
    """Rendering sees the same facts as judging."""
    await with_message(store, "m-0", "m-1")
    await store.admit(upload(consent(1, marketing="y")))
    await store.commit(effects(0, persons={visitor(): Person(visitor(), user_id="u")}))
    await claimed(store, "m-0")
    await store.suppress("sms", REF, "stop", NOW_MS)
    peeked = await store.peek("m-1")
    seen: list[ClaimFacts] = []
    await store.claim("m-1", watching(withholds, seen), NOW_MS)

    assert seen == [peeked]
    assert await store.peek("nothing") is None


async def test_claim_to_send_reserves_and_leases(store: Store) -> None:
    """The message is in ``sending`` with its slot reserved when the claim returns."""
    await with_message(store)
    found = await claimed(store)

    facts = await facts_of(store)
    assert (found.lease_token, found.attempt, found.message.message_id) == (1, 1, "m-1")
    assert facts.slots == (slot_of(found.message, NOW_MS),)
    assert facts.attempt == 1
    assert (await store.counts())["sending"] == 1


async def test_message_of_a_delivery_is_told(store: Store) -> None:
    """A delivery leads to its message; anything else leads nowhere."""
    await with_message(store)
    found = await claimed(store)

    assert await store.message_of(found.delivery_id) == "m-1"
    assert await store.message_of("nothing") is None


async def test_claim_needs_an_open_due_message(store: Store) -> None:
    """Unknown, not due, under way, ended: the judge is not even asked."""
    seen: list[ClaimFacts] = []
    judge = watching(sends(), seen)
    await with_message(store, "m-1", "m-2")
    answers = [await store.claim("nothing", judge, NOW_MS)]
    answers.append(await store.claim("m-1", judge, NOW_MS - 1))
    found = await claimed(store)
    answers.append(await store.claim("m-1", judge, NOW_MS))
    await ended(store, found, "sent")
    answers.append(await store.claim("m-1", judge, NOW_MS))
    await store.claim("m-2", withholds, NOW_MS)
    answers.append(await store.claim("m-2", judge, LATER_MS))

    assert answers == [None] * 5
    assert seen == []


async def test_claim_withheld_re_enters_the_log(store: Store) -> None:
    """The pipeline learns from the log that nothing will be sent."""
    await with_message(store)
    found = await store.claim("m-1", withholds, LATER_MS)

    assert found is not None
    assert (found.verdict.reason, found.delivery_id) == ("consent", "")
    (row,) = await store.read_log(0, 10)
    assert row.record == Outcome(
        "m-1", "run-m-1", "welcome", visitor(), "withheld", "consent", campaign_version=1
    )
    assert row.appended_ms == LATER_MS
    assert (await store.counts())["withheld"] == 1


async def test_claim_deferred_is_due_later(store: Store) -> None:
    """A deferred message is open again when its time comes, and judged anew."""
    await with_message(store)
    await store.claim("m-1", defers(LATER_MS), NOW_MS)
    too_early = await store.claim("m-1", sends(), LATER_MS - 1)

    assert too_early is None
    assert await store.next_due_ms() == LATER_MS
    assert await store.read_log(0, 10) == []
    assert await store.claim("m-1", sends(), LATER_MS) is not None


async def test_claim_leaves_its_checks_as_a_record(store: Store) -> None:
    """Every claim, whatever its outcome, is a row of the message's decision record."""
    await with_message(store)
    await store.claim("m-1", defers(LATER_MS), NOW_MS)
    await store.claim("m-1", sends(LATER_MS), LATER_MS)

    rows = await store.records(0, 10, subject="m-1")
    assert [(r.kind, r.body["outcome"], r.at_ms) for r in rows] == [
        ("claim", "deferred", NOW_MS),
        ("claim", "send", LATER_MS),
    ]
    checks = [
        {"gate": "live", "ok": True, "channel": "", "reason": "", "inputs": {"until_ms": None}}
    ]
    assert rows[0].body["checks"] == checks


async def test_claim_that_raises_leaves_the_message_open(store: Store) -> None:
    """A judge that fails has judged nothing."""
    await with_message(store)

    def fails(_facts: ClaimFacts) -> Verdict:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await store.claim("m-1", fails, NOW_MS)
    assert await store.records(0, 10) == []
    assert [d.message_id for d in await store.due(NOW_MS, rooms(10))] == ["m-1"]


async def test_claim_sees_the_emergency_stop(store: Store) -> None:
    """Stop and resume count from the next claim on."""
    await with_message(store)
    seen = []
    for on in (True, False):
        await store.set_emergency_stop(on=on)
        seen.append((await facts_of(store)).emergency_stop)

    assert seen == [True, False]


async def test_claims_at_once_are_judged_one_after_the_other(store: Store) -> None:
    """Each claim sees the slots of those before it: a cap of 3 lets 3 of 40 through."""
    names = [f"m-{n:02}" for n in range(40)]
    await with_message(store, *names)

    def capped(facts: ClaimFacts) -> Verdict:
        return withholds(facts) if len(facts.slots) >= 3 else sends()(facts)

    found = await asyncio.gather(*(store.claim(n, capped, NOW_MS) for n in names))

    assert sum(c.verdict.outcome == "send" for c in found if c) == 3


async def test_suppressed_address_is_marked_for_every_claim(store: Store) -> None:
    """The list belongs to the address on its channel; the first reason stays."""
    await with_message(store)
    await store.suppress("email", REF, "bounce", NOW_MS)
    other_channel = (await facts_of(store)).addresses[0].suppressed
    await store.suppress("sms", REF, "stop", NOW_MS)
    await store.suppress("sms", REF, "bounce", LATER_MS)

    assert other_channel == ""
    assert (await facts_of(store)).addresses[0].suppressed == "stop"
