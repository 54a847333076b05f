"""What every store promises of messages that failed through our side."""

from typing import Any

import pytest
from msgspec import structs

from contract.store_kit import LATER_MS, address, effects, ended, message, sends, withholds
from fencepost_gateway.decide.message import ClaimFacts, Verdict
from fencepost_gateway.ports import Store
from gateway.batches import NOW_MS, visitor

IDS = ("m-1", "m-2")
OURS = ["misconfigured", "rejected"]
NOT_OURS = ["gone", "opted_out", "unknown", "sent"]


async def _failed(store: Store, family: Any, *ids: str) -> None:
    found = [message(message_id) for message_id in ids]
    await store.commit(effects(0, *found, addresses=[address(visitor())]))
    for message_id in ids:
        claimed = await store.claim(message_id, sends(), NOW_MS)
        assert claimed is not None
        await ended(store, claimed, family)


async def _dead(store: Store, now_ms: int = LATER_MS) -> list[str]:
    return [each.message_id for each in await store.letters.dead("", 9, now_ms)]


@pytest.mark.parametrize("family", OURS)
async def test_what_failed_through_our_side_is_a_dead_letter(store: Store, family: Any) -> None:
    """It is listed by id, in pages, with why it failed."""
    await _failed(store, family, *IDS)
    found = await store.letters.dead("", 9, LATER_MS)

    assert [(d.message_id, d.reason.partition(".")[0]) for d in found] == [
        (name, family) for name in IDS
    ]
    assert found[0].failed_ms == NOW_MS
    assert await store.letters.dead("m-1", 9, LATER_MS) == found[1:]
    assert await store.letters.dead("", 1, LATER_MS) == found[:1]


@pytest.mark.parametrize("family", NOT_OURS)
async def test_what_others_refused_is_none(store: Store, family: Any) -> None:
    """Nobody tries again what an address or a person refused, or what may have arrived."""
    await _failed(store, family, *IDS)

    assert await _dead(store) == []
    assert await store.letters.redrive(IDS, LATER_MS) == 0


async def test_message_that_is_too_old_is_none(store: Store) -> None:
    """It would not go."""
    await _failed(store, "misconfigured", "m-1")
    expires_ms = message().expires_at_ms

    assert (await _dead(store, expires_ms - 1), await _dead(store, expires_ms)) == (["m-1"], [])
    assert await store.letters.redrive(["m-1"], expires_ms) == 0


async def test_redriven_message_is_claimed_anew_under_its_delivery(store: Store) -> None:
    """It is due like any other, once, and judged by what holds then."""
    await _failed(store, "misconfigured", *IDS)

    assert await store.letters.redrive(["m-1", "nothing"], LATER_MS) == 1
    assert await store.letters.redrive(["m-1"], LATER_MS) == 0
    assert await _dead(store) == ["m-2"]
    again = await store.claim("m-1", sends(LATER_MS), LATER_MS)
    assert again is not None
    assert (again.attempt, again.lease_token) == (2, 2)
    assert await store.message_of(again.delivery_id) == "m-1"
    await ended(store, again, "sent")
    assert await store.letters.redrive(["m-1"], LATER_MS) == 0


async def test_redriven_message_may_be_withheld(store: Store) -> None:
    """A redrive forces nothing."""
    await _failed(store, "misconfigured", "m-1")
    await store.letters.redrive(["m-1"], LATER_MS)
    await store.claim("m-1", withholds, LATER_MS)

    assert (await store.counts())["withheld"] == 1


async def test_redrive_opens_what_our_side_closed_and_nothing_else(store: Store) -> None:
    """A channel whose address is gone stays shut; one whose content was refused is tried again."""
    wanted = structs.replace(message(), channels=("sms", "email"))
    there = [address(visitor()), structs.replace(address(visitor(), "e-1"), channel="email")]
    await store.commit(effects(0, wanted, addresses=there))
    seen: list[dict[str, str]] = []

    def on(channel: str) -> Any:
        def judge(facts: ClaimFacts) -> Verdict:
            seen.append(facts.refused)
            verdict = sends()(facts)
            to = next(a for a in facts.addresses if a.channel == channel)
            return structs.replace(verdict, channel=channel, address=to)

        return judge

    for channel, family in (("sms", "gone"), ("email", "rejected")):
        claimed = await store.claim("m-1", on(channel), NOW_MS)
        assert claimed is not None
        await ended(store, claimed, family)
    await store.letters.redrive(["m-1"], LATER_MS)
    await store.claim("m-1", on("email"), LATER_MS)

    assert seen == [{}, {"sms": "gone"}, {"sms": "gone"}]
