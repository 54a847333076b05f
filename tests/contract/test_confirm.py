"""What every store promises of a call's end, and of calls that nobody ends."""

import pytest

from contract.store_kit import (
    LATER_MS,
    address,
    claimed,
    effects,
    ended,
    facts_of,
    lost,
    message,
    settles,
    with_message,
)
from fencepost_gateway.decide.settle import Attempt, Settlement
from fencepost_gateway.intake.records import Outcome
from fencepost_gateway.ports import (
    LEASE_MS,
    Store,
)
from gateway.batches import DAY_MS, NOW_MS, visitor


async def test_confirm_sent_keeps_the_slot_from_the_end_of_the_call(store: Store) -> None:
    """The slot counts from the end of the call; the outcome is a record and re-enters the log."""
    await with_message(store)
    found = await claimed(store)
    settlement = await ended(store, found, "sent", LATER_MS)

    (slot,) = (await facts_of(store)).slots
    assert settlement is not None
    assert (settlement.state, slot.state, slot.used_at_ms) == ("sent", "confirmed", LATER_MS)
    sent = Outcome("m-1", "run-m-1", "welcome", visitor(), "sent", "", "sms")
    sent.delivery_id, sent.campaign_version = found.delivery_id, 1
    assert [r.record for r in await store.read_log(0, 10)] == [sent]
    rows = await store.records(0, 10, subject="m-1")
    assert [(r.kind, r.at_ms) for r in rows] == [("claim", NOW_MS), ("outcome", LATER_MS)]
    assert (rows[1].body["state"], rows[1].body["slot"]) == ("sent", "confirmed")


@pytest.mark.parametrize("family", ["rejected", "misconfigured", "gone", "opted_out"])
async def test_confirm_refused_gives_the_slot_back(store: Store, family: str) -> None:
    """A definite refusal was no message: the cap does not count it."""
    await with_message(store)
    settlement = await ended(store, await claimed(store), family)

    assert settlement is not None
    assert settlement.state == "failed"
    assert (await facts_of(store)).slots == ()


async def test_confirm_unknown_keeps_the_slot_to_the_end_of_the_lease(store: Store) -> None:
    """What may have arrived counts, as if it had been sent at the lease's end."""
    await with_message(store)
    await ended(store, await claimed(store), "unknown", NOW_MS + 5)

    (slot,) = (await facts_of(store)).slots
    assert (slot.state, slot.used_at_ms) == ("kept_unknown", NOW_MS + LEASE_MS)
    assert (await store.counts())["unknown"] == 1


async def test_unshown_gives_the_slot_of_an_in_app_message_back(store: Store) -> None:
    """Only for the person's own message, and only in-app: an email was sent, whoever says what."""
    await with_message(store)
    found = await claimed(store)
    await ended(store, found, "sent")
    channel = found.verdict.channel
    await store.commit(effects(0, reacted=[("somebody else", found.delivery_id, "unshown")]))
    kept = (await facts_of(store)).slots
    await store.commit(effects(0, reacted=[(visitor(), found.delivery_id, "unshown")]))
    left = (await facts_of(store)).slots

    assert len(kept) == 1
    assert len(left) == (0 if channel == "in_app" else 1)


@pytest.mark.parametrize(
    ("family", "is_lost"),
    [("sent", False), ("rejected", False), ("gone", True), ("opted_out", True)],
)
async def test_confirm_says_in_the_log_which_address_is_of_no_use(
    store: Store,
    family: str,
    is_lost: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """The pipeline learns from the log alone whom a channel reaches no longer."""
    await with_message(store)
    found = await claimed(store)
    await ended(store, found, family)

    row = (await store.read_log(0, 10))[0]  # who opted out has said no as well
    assert isinstance(row.record, Outcome)
    assert found.verdict.address is not None
    assert row.record.delivery_id == found.delivery_id
    assert row.record.lost_ref == (found.verdict.address.ref if is_lost else "")


async def test_confirm_gone_removes_the_address(store: Store) -> None:
    """An address that no longer exists is gone in the confirm's commit, and only that one."""
    await with_message(store)
    await store.commit(effects(0, addresses=[address(visitor(), "older", NOW_MS - 1)]))
    await ended(store, await claimed(store), "gone")

    assert [a.ref for a in (await facts_of(store)).addresses] == ["older", "in_app"]


async def test_confirm_opted_out_suppresses_the_address(store: Store) -> None:
    """A provider's opt-out is a STOP, for whoever has that address."""
    await with_message(store)
    await ended(store, await claimed(store), "opted_out")
    await store.commit(effects(0, message("m-2", "p-2"), addresses=[address("p-2")]))

    (there, _) = (await facts_of(store, "m-2")).addresses
    assert there.suppressed == "stop"


async def test_confirm_unavailable_goes_back_into_the_queue(store: Store) -> None:
    """A retry is due at its time, its slot is free until then, its lease is a new one."""
    await with_message(store)
    first = await claimed(store)
    settlement = await ended(store, first, "unavailable")
    assert settlement is not None
    assert settlement.retry_at_ms is not None
    again = await claimed(store, now_ms=settlement.retry_at_ms)

    assert await store.read_log(0, 10) == []
    assert (again.delivery_id, again.lease_token, again.attempt) == (first.delivery_id, 2, 2)
    assert await ended(store, first, "sent") is None
    assert [s.state for s in (await facts_of(store)).slots] == ["open"]


async def test_confirm_tells_settle_of_the_call(store: Store) -> None:
    """The first attempt is number 1, and the message's end is its own."""
    await with_message(store)
    found = await claimed(store)
    outcome, settlement = settles("sent")
    asked: list[Attempt] = []

    def asking(attempt: Attempt) -> Settlement:
        asked.append(attempt)
        return settlement(attempt)

    await store.confirm(found.delivery_id, found.lease_token, outcome, asking, NOW_MS)

    assert asked[0] == Attempt(found.delivery_id, 1, NOW_MS + DAY_MS, channel="sms")


async def test_confirm_after_the_lease_was_lost_changes_nothing(store: Store) -> None:
    """Wrong token, unknown delivery, reconciled, confirmed twice: None, and nothing moves."""
    await with_message(store)
    found = await claimed(store)
    outcome, settlement = settles("sent")
    wrong_token = await store.confirm(found.delivery_id, 7, outcome, settlement, NOW_MS)
    nothing = await store.confirm("nothing", 1, outcome, settlement, NOW_MS)
    await store.reconcile(NOW_MS + LEASE_MS, lost(NOW_MS + LEASE_MS))
    before = await store.counts(), await store.records(0, 100), await facts_of(store)
    late = await ended(store, found, "rejected")

    assert (wrong_token, nothing, late) == (None, None, None)
    assert (await store.counts(), await store.records(0, 100), await facts_of(store)) == before


async def test_confirm_that_raises_leaves_the_lease(store: Store) -> None:
    """A confirm that fails can be made again."""
    await with_message(store)
    found = await claimed(store)
    outcome, settlement = settles("sent")
    unwritable = {"title": object()}

    with pytest.raises(TypeError):
        await store.confirm(found.delivery_id, 1, outcome, settlement, NOW_MS, inbox=unwritable)
    assert (await store.counts())["sending"] == 1
    assert await ended(store, found, "sent") is not None


async def test_reconcile_ends_leases_that_ran_out_as_unknown(store: Store) -> None:
    """Nobody knows whether such a message arrived: it is never sent again, its slot stays."""
    await with_message(store, "m-1", "m-2")
    await claimed(store, "m-1")
    await claimed(store, "m-2", NOW_MS + 1)
    none_yet = await store.reconcile(NOW_MS + LEASE_MS - 1, lost(NOW_MS + LEASE_MS - 1))
    first = await store.reconcile(NOW_MS + LEASE_MS, lost(NOW_MS + LEASE_MS))

    assert (none_yet, first) == (0, 1)
    (slot, _) = (await facts_of(store)).slots
    assert (slot.slot_id, slot.state, slot.used_at_ms) == (
        "m-1",
        "kept_unknown",
        NOW_MS + LEASE_MS,
    )
    (row,) = await store.read_log(0, 10)
    assert isinstance(row.record, Outcome)
    assert (row.record.state, row.record.reason) == ("unknown", "unknown.lease_lost")


async def test_reconcile_all_ends_every_lease_at_once(store: Store) -> None:
    """At start nobody is left to confirm: all are unknown now, used at their lease's end."""
    await with_message(store)
    await claimed(store)
    count = await store.reconcile(LATER_MS - 1, lost(LATER_MS - 1), all_leases=True)

    (slot,) = (await facts_of(store)).slots
    assert (count, slot.used_at_ms) == (1, NOW_MS + LEASE_MS)
    assert [r.appended_ms for r in await store.read_log(0, 10)] == [LATER_MS - 1]
    assert await store.reconcile(LATER_MS, lost(LATER_MS), all_leases=True) == 0
