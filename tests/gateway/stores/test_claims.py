"""The hard promises of the claim, through the real judge on the real store."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs

from contract.store_kit import address, effects, ended, facts_of, message, upload
from fencepost_gateway.decide.claim import judge
from fencepost_gateway.decide.message import ClaimFacts, Message, Verdict
from fencepost_gateway.decide.plan import Campaign, CapRule, MessagePlan, Plan, Template
from fencepost_gateway.decide.rendered import Rendered
from fencepost_gateway.ports import Claimed, Store
from fencepost_gateway.stores.sqlite import open_sqlite
from gateway.batches import MINUTE_MS, NOW_MS, consent, event, user, visitor
from gateway.policies import make_policy

CAP = 3
PLAN = Plan(
    revision=1,
    policy=make_policy(),
    campaigns={
        "welcome": Campaign("welcome", 1, "Welcome", (), MessagePlan("hello", ("in_app",))),
    },
    templates={"hello": Template("hello", 1, "marketing", {"in_app": {"title": "Hello"}})},
    caps=(CapRule("three-a-day", CAP, rolling_ms=24 * 60 * MINUTE_MS),),
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """Give a store whose visitor has agreed to marketing."""
    made = open_sqlite(tmp_path / "data")
    await made.admit(upload(consent(1, marketing="y")))
    yield made
    await made.close()


def in_app(number: int, person_id: str = visitor()) -> Message:
    """Give one of many messages."""
    return structs.replace(message(f"m-{number:03}", person_id), channels=("in_app",))


async def claim(store: Store, message_id: str, now_ms: int = NOW_MS) -> Claimed:
    """Render, then claim, as the deliver worker does."""
    await facts_of(store, message_id)

    def decide(facts: ClaimFacts) -> Verdict:
        return judge(PLAN, facts, dict.fromkeys(("in_app", "sms"), Rendered()), now_ms)

    found = await store.claim(message_id, decide, now_ms)
    assert found is not None
    return found


async def test_cap_of_three_lets_three_of_two_hundred_racing_claims_send(store: Store) -> None:
    """A cap is never exceeded: each claim sees the slots that the others reserved."""
    wanted = [in_app(n) for n in range(200)]
    await store.commit(effects(0, *wanted))
    found = await asyncio.gather(*(claim(store, m.message_id) for m in wanted))

    outcomes = [(c.verdict.outcome, c.verdict.reason) for c in found]
    assert outcomes.count(("send", "")) == CAP
    lost = {reason for outcome, reason in outcomes if outcome == "withheld"}
    assert lost <= {"frequency_cap", "lower_priority"}  # all were due: some gave way to the winners
    assert [outcome for outcome, _ in outcomes].count("withheld") == 200 - CAP


async def test_cap_refused_slot_comes_back(store: Store) -> None:
    """Of racing claims whose calls are refused the next ones may go, never more than the cap."""
    wanted = [structs.replace(in_app(n), channels=("sms",)) for n in range(20)]
    await store.commit(effects(0, *wanted, addresses=[address(visitor())]))
    first = [await claim(store, m.message_id) for m in wanted[:CAP]]
    await ended(store, first[0], "rejected")
    await ended(store, first[1], "unknown")
    rest = await asyncio.gather(*(claim(store, m.message_id) for m in wanted[CAP:]))

    assert [c.verdict.outcome for c in first] == ["send"] * CAP
    assert sum(c.verdict.outcome == "send" for c in rest) == 1


async def test_cap_counts_both_halves_of_a_person_while_the_merge_is_under_way(
    store: Store,
) -> None:
    """Between the door's link and the pipeline's merge the halves already share the cap."""
    theirs = [in_app(n) for n in range(2)]
    ours = [in_app(n, user("u42")) for n in range(2, 6)]
    await store.commit(effects(0, *theirs, *ours))
    await store.admit(
        upload(consent(1, marketing="y"), anonymous_id="a-2", user_id="u42", device_id="device-2")
    )
    before = [await claim(store, m.message_id) for m in theirs]
    await store.admit(upload(event(2, "identify", user_id="u42")))
    after = await asyncio.gather(*(claim(store, m.message_id) for m in ours))

    assert [c.verdict.outcome for c in before] == ["send", "send"]
    assert sorted(c.verdict.outcome for c in after) == ["send", "withheld", "withheld", "withheld"]


async def test_revoke_answered_before_the_claim_stops_the_send(store: Store) -> None:
    """Rendered while consent stood, revoked, then claimed: nothing goes, the record says why."""
    await store.commit(effects(0, in_app(1)))
    peeked = await facts_of(store, "m-001")
    await store.admit(upload(consent(2, NOW_MS + 6 * MINUTE_MS, marketing="n")))
    found = await claim(store, "m-001")

    assert [e.value for e in peeked.consents] == ["y"]
    assert (found.verdict.outcome, found.verdict.reason) == ("withheld", "consent")
    (row,) = await store.records(0, 10, subject="m-001")
    assert row.body["checks"][-1]["inputs"]["value"] == "n"


async def test_revoke_racing_with_claims_splits_them_cleanly(store: Store) -> None:
    """In one group commit: claims queued before the revoke may send, those behind it may not."""
    await store.commit(effects(0, in_app(10), in_app(11)))
    revoke = upload(consent(2, NOW_MS + 6 * MINUTE_MS, marketing="n"))

    def decide(facts: ClaimFacts) -> Verdict:
        return judge(PLAN, facts, dict.fromkeys(("in_app", "sms"), Rendered()), NOW_MS)

    before, _, after = await asyncio.gather(
        store.claim("m-010", decide, NOW_MS),
        store.admit(revoke),
        store.claim("m-011", decide, NOW_MS),
    )

    assert before is not None
    assert after is not None
    assert (before.verdict.outcome, after.verdict.outcome) == ("send", "withheld")
