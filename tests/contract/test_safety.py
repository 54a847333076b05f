"""The cap against loops, through the real judge: races do not get past it, on any store."""

import asyncio

from contract.store_kit import address, effects, ended, message
from fencepost_gateway.decide.claim import judge
from fencepost_gateway.decide.message import ClaimFacts, Verdict
from fencepost_gateway.decide.plan import Campaign, MessagePlan, Plan, Template
from fencepost_gateway.decide.rendered import Rendered
from fencepost_gateway.decide.safety import LIMIT
from fencepost_gateway.ports import Claimed, Store
from gateway.batches import NOW_MS, visitor
from gateway.policies import make_policy

PLAN = Plan(
    revision=1,
    policy=make_policy(),
    campaigns={
        "welcome": Campaign("welcome", 1, "Welcome", (), MessagePlan("hello", ("sms",))),
    },
    templates={"hello": Template("hello", 1, "transactional", {"sms": {"text": "Hello"}})},
)


async def _claim(store: Store, number: int, now_ms: int = NOW_MS) -> Claimed:
    def decide(facts: ClaimFacts) -> Verdict:
        return judge(PLAN, facts, {"sms": Rendered()}, now_ms)

    found = await store.claim(f"m-{number:03}", decide, now_ms)
    assert found is not None
    return found


async def test_thirty_of_forty_racing_claims_go(store: Store) -> None:
    """Each claim sees the slots that the others took; only a definite refusal gives one back."""
    wanted = [message(f"m-{n:03}", visitor()) for n in range(42)]
    await store.commit(effects(0, *wanted, addresses=[address(visitor())]))
    found = await asyncio.gather(*(_claim(store, n) for n in range(40)))
    gone = [each for each in found if each.verdict.outcome == "send"]
    lost = [each.verdict.reason for each in found if each.verdict.outcome != "send"]

    assert (len(gone), lost) == (LIMIT, ["safety_cap"] * (40 - LIMIT))

    await ended(store, gone[0], "rejected")
    await ended(store, gone[1], "unknown")

    assert [(await _claim(store, n)).verdict.reason for n in (40, 41)] == ["", "safety_cap"]
