"""Both stores: what SMS cost is taken with the claim, and given back by a definite refusal."""

from __future__ import annotations

import pytest
from msgspec import structs

from contract.store_kit import ended, facts_of, sends, with_message
from fencepost_gateway.decide.message import ClaimFacts, Verdict
from fencepost_gateway.decide.settle import CallOutcome, Settlement
from fencepost_gateway.decide.spend import day_of
from fencepost_gateway.ports import Claimed, Store
from gateway.batches import DAY_MS, NOW_MS

TODAY = day_of(NOW_MS)


async def bought(store: Store, message_id: str, cost: int, now_ms: int = NOW_MS) -> Claimed:
    """Claim a message that costs something."""

    def judge(facts: ClaimFacts) -> Verdict:
        return structs.replace(sends(now_ms)(facts), cost=cost)

    found = await store.claim(message_id, judge, now_ms)
    assert found is not None
    return found


@pytest.mark.bad_input(114)
async def test_next_claim_sees_what_was_spent(store: Store) -> None:
    """By day, in the claim's own commit."""
    await with_message(store, "m-1", "m-2", "m-3")
    before = (await facts_of(store)).spent
    await bought(store, "m-1", 7)
    await bought(store, "m-2", 5)

    assert before == {}
    assert (await facts_of(store, "m-3")).spent == {TODAY: 12}


@pytest.mark.parametrize(
    ("family", "spent"),
    [("sent", 7), ("unknown", 7), ("rejected", 0), ("gone", 0), ("opted_out", 0),
     ("misconfigured", 0), ("unavailable", 0)],
)  # fmt: skip
async def test_only_a_definite_refusal_gives_it_back(store: Store, family: str, spent: int) -> None:
    """What was perhaps taken was perhaps paid for."""
    await with_message(store, "m-1", "m-2")
    await ended(store, await bought(store, "m-1", 7), family)

    assert (await facts_of(store, "m-2")).spent == {TODAY: spent}


async def test_second_try_is_paid_for_when_it_is_made(store: Store) -> None:
    """What was given back is taken anew, on its own day."""
    await with_message(store, "m-1", "m-2")
    await ended(store, await bought(store, "m-1", 7), "unavailable", retry_after_s=1)
    late_ms = NOW_MS + DAY_MS
    await bought(store, "m-1", 9, late_ms)
    found = (await facts_of(store, "m-2")).spent

    assert {day: n for day, n in found.items() if n} == {day_of(late_ms): 9}


async def test_refusal_after_an_unknown_call_gives_back_its_own_cost_alone(store: Store) -> None:
    """The call of yesterday, of which nobody knows, stays paid for on its day."""
    await with_message(store, "m-1", "m-2")
    late_ms = NOW_MS + DAY_MS
    first = await bought(store, "m-1", 7)
    again = Settlement("unknown", "kept_unknown", "unknown", retry_at_ms=late_ms)
    outcome = CallOutcome("unknown")
    await store.confirm(first.delivery_id, first.lease_token, outcome, lambda _: again, NOW_MS)
    await ended(store, await bought(store, "m-1", 9, late_ms), "rejected", late_ms)

    assert (await facts_of(store, "m-2")).spent == {TODAY: 7, TODAY + 1: 0}
