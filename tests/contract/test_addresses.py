"""The life of an address, in every store: told, told again, moved, removed, gone, suppressed."""

from __future__ import annotations

import pytest

from contract.store_kit import (
    REF,
    address,
    claimed,
    effects,
    ended,
    facts_of,
    message,
    record,
    settles,
    upload,
)
from fencepost_gateway.intake.records import DeviceMoved
from fencepost_gateway.ports import ADDRESSES_MAX, AddressChange, AddressMove, AddressSeen, Store
from gateway.batches import NOW_MS, consent, event, user, visitor

LATER_MS = NOW_MS + 60_000


def browser(person_id: str, at_ms: int = NOW_MS, ref: str = "sub-1") -> AddressChange:
    """Give the web push subscription of device-1."""
    raw = {"subscription": {"endpoint": f"https://push.example/{ref}"}}
    return AddressChange(person_id, "web_push", ref, raw, "device-1", at_ms)


def phone(person_id: str, at_ms: int = NOW_MS, ref: str = "tok-1") -> AddressChange:
    """Give the push token of device-1."""
    raw = {"registration": {"service": "apns", "token": ref}}
    return AddressChange(person_id, "push", ref, raw, "device-1", at_ms)


async def told(store: Store, *changes: AddressChange | AddressMove) -> None:
    """Commit changes of addresses."""
    await store.commit(effects(await store.position() + 1, addresses=list(changes)))


async def seen(store: Store, person_id: str = "p") -> tuple[AddressSeen, ...]:
    """Give the addresses of somebody."""
    return (await store.people.holdings(person_id)).addresses


async def test_address_told_again_keeps_its_beginning(store: Store) -> None:
    """It is known since the first time, and told last the last time, in whatever order."""
    await told(store, address("p", at_ms=NOW_MS), address("p", at_ms=LATER_MS))
    await told(store, address("p", at_ms=NOW_MS + 1))

    assert await seen(store) == (AddressSeen("sms", REF, NOW_MS, LATER_MS, ""),)


async def test_address_told_last_is_called_first(store: Store) -> None:
    """An old number that is told again is the one in use."""
    await told(store, address("p", "old", NOW_MS), address("p", "new", NOW_MS + 1))
    await told(store, address("p", "old", LATER_MS))
    await store.commit(effects(9, message("m-1", "p")))
    refs = [a.ref for a in (await facts_of(store)).addresses if a.channel == "sms"]

    assert refs == ["old", "new"]


async def test_newest_number_is_held_for_its_prefix(store: Store) -> None:
    """The country of a number counts wherever policies are asked for; an email is no number."""
    nobody = await store.people.holdings("p")
    for ref, at_ms in (("old", NOW_MS), ("new", LATER_MS)):
        raw = {"address": f"+49 {ref}"}
        await told(store, AddressChange("p", "sms", ref, raw, "device-1", at_ms), browser("p"))
    held = await store.people.holdings("p")

    assert (nobody.phone, held.phone) == ("", "+49 new")


async def test_subscription_belongs_to_whoever_told_it_last(store: Store) -> None:
    """A browser is one person's: the one who logged in after; an older word changes nothing."""
    await told(store, browser("p", NOW_MS), browser("q", LATER_MS), browser("p", NOW_MS + 1))

    assert await seen(store, "p") == ()
    assert [a.ref for a in await seen(store, "q")] == ["sub-1"]


async def test_token_belongs_to_whoever_told_it_last(store: Store) -> None:
    """A phone is one person's too, and goes with its device; a browser's reference is another's."""
    await told(store, phone("p", NOW_MS), phone("q", LATER_MS), phone("p", NOW_MS + 1))
    await told(store, browser("p", LATER_MS, "tok-1"))
    both = [a.channel for a in await seen(store, "p")], [a.channel for a in await seen(store, "q")]
    await told(store, AddressMove("device-1", "r"))

    assert both == (["web_push"], ["push"])
    assert [a.channel for a in await seen(store, "r")] == ["push", "web_push"]


async def test_number_or_mailbox_may_be_two_peoples(store: Store) -> None:
    """A couple shares a mailbox: both are found by it, and one who leaves leaves the other's."""
    await told(store, address("q"), address("p"))
    both = await store.people.persons_at("sms", REF, 9)
    await told(store, AddressChange("p", "sms", REF, None, "device-1", LATER_MS))

    assert both == ["p", "q"]
    assert await store.people.persons_at("sms", REF, 9) == ["q"]
    assert await store.people.persons_at("sms", REF, 0) == []


async def test_moved_device_takes_its_subscription_and_nothing_else(store: Store) -> None:
    """After a log-out the browser is the next person's, the phone number stays."""
    await told(store, browser("p"), address("p"))
    await told(store, AddressMove("device-1", "q"), AddressMove("device-2", "r"))

    assert [a.channel for a in await seen(store, "p")] == ["sms"]
    assert [a.channel for a in await seen(store, "q")] == ["web_push"]
    assert await seen(store, "r") == ()


async def test_addresses_of_a_channel_are_bounded_and_the_unused_go(store: Store) -> None:
    """Of each channel stay those told last, also when a merge brings two lists together."""
    many = [address("p", f"ref-{n:02}", NOW_MS + n) for n in range(ADDRESSES_MAX + 3)]
    await told(store, *many, browser("p", NOW_MS - 9))
    kept = await seen(store)
    more = [address(visitor(), f"more-{n}", LATER_MS + n) for n in range(3)]
    await told(store, *more)
    await store.commit(effects(9, merges=[(visitor(), "p")]))
    merged = await seen(store)

    assert [a.ref for a in kept if a.channel == "sms"][-1] == "ref-03"
    assert len(kept) == len(merged) == ADDRESSES_MAX + 1
    assert [a.ref for a in merged][:4] == ["more-2", "more-1", "more-0", "ref-12"]


async def test_address_a_provider_calls_gone_is_gone(store: Store) -> None:
    """What the provider says leads nowhere is not called again; suppressed stays, and is named."""
    await told(store, address("p", "a"), address("p", "b", LATER_MS))
    await store.commit(effects(9, message("m-1", "p"), message("m-2", "p")))
    await ended(store, await claimed(store, "m-1"), "gone")
    left = await seen(store)
    await ended(store, await claimed(store, "m-2"), "opted_out")

    assert [a.ref for a in left] == ["a"]
    assert await seen(store) == (AddressSeen("sms", "a", NOW_MS, NOW_MS, "stop"),)


@pytest.mark.guarantee("R17")
@pytest.mark.parametrize(("gone_after_ms", "stays"), [(-1, True), (0, False), (1, False)])
async def test_address_told_after_it_was_seen_dead_stays(
    store: Store,
    gone_after_ms: int,
    stays: bool,  # noqa: FBT001 - the expected value of a table
) -> None:
    """It counts when it was told last, by the time of the confirm: it may just have come back."""
    await told(store, address("p", at_ms=NOW_MS))
    await store.commit(effects(9, message("m-1", "p")))
    found = await claimed(store, "m-1")
    await told(store, address("p", at_ms=LATER_MS))
    await ended(store, found, "gone", gone_ms=LATER_MS + gone_after_ms)

    assert [a.ref for a in await seen(store)] == ([REF] if stays else [])


# ---- whom a device speaks for ------------------------------------------------------------------


async def test_device_that_changes_hands_says_so_in_the_log(store: Store) -> None:
    """Ahead of the first upload of the next person stands who had the device before."""
    await store.admit(upload(event(1, "identify", user_id="u1")))
    await store.admit(upload(event(2), anonymous_id="a-2"))
    await store.admit(upload(event(3, "identify", user_id="u2"), anonymous_id="a-2"))
    found = [r.record for r in await store.read_log(0, 9)]
    moved = [r for r in found if isinstance(r, DeviceMoved)]

    assert moved == [DeviceMoved("device-1", user("u1"), visitor("a-2"))]
    assert found.index(moved[0]) == 1
    assert await store.person_of_device("device-1", b"s" * 32) == user("u2")


async def test_consent_ahead_of_identify_is_no_change_of_hands(store: Store) -> None:
    """The SDK sends consent first, under the new user's name; the visitor is joined right after."""
    await store.admit(upload(event(1)))
    await store.admit(upload(consent(2, NOW_MS, marketing="y"), user_id="u1"))
    await store.admit(upload(event(3, "identify", user_id="u1"), user_id="u1"))

    assert not [r for r in await store.read_log(0, 9) if isinstance(r.record, DeviceMoved)]


async def test_second_device_of_a_visitor_speaks_for_who_the_visitor_became(store: Store) -> None:
    """It has not been heard of since, and reads the messages of the known person."""
    await store.admit(upload(event(1), device_id="device-2"))
    await store.admit(upload(event(1, "identify", user_id="u1")))

    assert await store.person_of_device("device-2", b"s" * 32) == user("u1")
    assert not [r for r in await store.read_log(0, 9) if isinstance(r.record, DeviceMoved)]


# ---- the inbox -----------------------------------------------------------------------------


async def delivered(store: Store, message_id: str, person_id: str) -> None:
    """Put a message into somebody's inbox."""
    await store.commit(effects(await store.position() + 1, message(message_id, person_id)))
    found = await claimed(store, message_id)
    outcome, settlement = settles("sent")
    token = (found.delivery_id, found.lease_token, outcome, settlement, NOW_MS)
    await store.confirm(*token, inbox={"title": message_id})


async def test_merge_hides_no_message_behind_a_cursor(store: Store) -> None:
    """A device that has read further than the visitor's message still gets it, once merged."""
    await delivered(store, "m-1", visitor())
    await delivered(store, "m-2", "p")
    (read,) = await store.inbox("p", 0, NOW_MS)
    await store.commit(effects(9, merges=[(visitor(), "p")]))
    behind = await store.inbox("p", read.cursor, NOW_MS)
    await delivered(store, "m-3", "p")
    after = await store.inbox("p", behind[0].cursor, NOW_MS)

    assert [row.message_id for row in behind] == ["m-1"]
    assert [row.message_id for row in after] == ["m-3"]
    assert await store.inbox(visitor(), 0, NOW_MS) == []
    assert [r.message_id for r in await store.inbox("p", 0, NOW_MS)] == ["m-2", "m-1", "m-3"]


async def test_newest_story_begins_with_the_newest(store: Store) -> None:
    """A timeline reads from now backwards, of one person."""
    rows = [record(f"s-{n}", person_id) for n, person_id in enumerate("pqpp")]
    await store.commit(effects(1, records=rows))

    assert [r.subject for r in await store.people.newest_story("p", 2)] == ["s-3", "s-2"]
