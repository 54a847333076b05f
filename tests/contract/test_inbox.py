"""What every store promises of the in-app messages that wait for their person."""

from typing import Any

import pytest

from contract.store_kit import (
    claimed,
    effects,
    facts_of,
    lost,
    sends,
    settles,
    shown,
    slot_of,
    with_message,
)
from fencepost_gateway.decide.message import ClaimFacts, Verdict
from fencepost_gateway.decide.person import Person, Presence
from fencepost_gateway.ports import Effects, InboxRow, Store
from gateway.batches import DAY_MS, NOW_MS, user, visitor

CARD = {"layout": "card", "title": "Card"}
AT_STUDIO = {"layout": "card", "title": "Card", "inside": "studio"}
EVER_MS = NOW_MS + 1


def in_app(facts: ClaimFacts) -> Verdict:
    """Judge that a message goes into the app, in a slot."""
    found = next(a for a in facts.addresses if a.channel == "in_app")
    slot = slot_of(facts.message, NOW_MS)
    return Verdict("send", (), channel="in_app", address=found, slot=slot)


async def put(store: Store, content: dict[str, Any], message_id: str = "m-1") -> InboxRow | None:
    """Send a message into the app; gives its row, if there is one."""
    found = await store.claim(message_id, in_app, NOW_MS)
    assert found is not None
    outcome, settlement = settles("sent")
    lease = (found.delivery_id, found.lease_token)
    await store.confirm(*lease, outcome, settlement, NOW_MS, inbox=content)
    rows = await store.inbox(visitor(), 0, NOW_MS)
    return next((row for row in rows if row.delivery_id == found.delivery_id), None)


async def told(store: Store, row: InboxRow, *whats: str, by: str = visitor()) -> list[InboxRow]:
    """Let a device tell of a message; gives what another device hears behind its cursor."""
    for what in whats:
        await store.commit(effects(0, reacted=[(by, row.delivery_id, what)]))
    return await store.inbox(visitor(), row.cursor, NOW_MS)


def inside(*fence_ids: str) -> Effects:
    """Give a commit by which the visitor is in these fences."""
    presences = [Presence(f, NOW_MS, "visit", "device-1") for f in fence_ids]
    return effects(0, persons={visitor(): Person(visitor(), inside=presences)})


async def test_inbox_gives_what_is_behind_the_cursor(store: Store) -> None:
    """A message waits for its person, with its content, until the cursor has passed it."""
    await with_message(store, "m-1", "m-2")
    await shown(store, "m-1")
    await shown(store, "m-2")
    first, second = await store.inbox(visitor(), 0, NOW_MS)

    assert (first.message_id, second.message_id) == ("m-1", "m-2")
    assert first.content == {"title": "m-1", "buttons": [{"id": "open"}]}
    assert (first.priority, first.show_until_ms) == (50, NOW_MS + DAY_MS)
    assert await store.inbox(visitor(), first.cursor, NOW_MS) == [second]
    assert await store.inbox(visitor(), second.cursor, NOW_MS) == []
    assert await store.inbox("somebody else", 0, NOW_MS) == []


async def test_inbox_forgets_what_may_no_longer_be_shown(store: Store) -> None:
    """At the end of its life a message is not shown any more."""
    await with_message(store)
    await shown(store)

    assert len(await store.inbox(visitor(), 0, NOW_MS + DAY_MS - 1)) == 1
    assert await store.inbox(visitor(), 0, NOW_MS + DAY_MS) == []


async def test_inbox_gets_nothing_from_a_refused_call(store: Store) -> None:
    """Only what was sent is put before the person."""
    await with_message(store)
    found = await claimed(store)
    outcome, settlement = settles("rejected")
    await store.confirm(found.delivery_id, 1, outcome, settlement, NOW_MS, inbox={"title": "x"})

    assert await store.inbox(visitor(), 0, NOW_MS) == []


@pytest.mark.feature("C01")
@pytest.mark.parametrize(
    ("content", "whats", "state"),
    [
        ({}, ["displayed"], "gone"),
        ({}, ["clicked"], "gone"),
        ({}, ["dismissed"], "gone"),
        ({}, ["unshown"], "gone"),
        ({"show": {"frequency": "until_clicked"}}, ["displayed"], "read"),
        ({"show": {"frequency": "until_clicked"}}, ["displayed", "clicked"], "gone"),
        ({"show": {"frequency": "always"}}, ["displayed", "clicked"], "read"),
        ({"show": {"frequency": "always"}}, ["displayed", "unshown"], "read"),
        ({"show": {"frequency": "times"}}, ["clicked", "dismissed"], "read"),
        ({"show": {"frequency": "until_clicked"}}, ["dismissed"], "read"),
        (CARD, ["displayed"], "read"),
        (CARD, ["clicked"], "read"),
        (CARD, ["dismissed"], "gone"),
        (CARD, ["dismissed", "displayed"], "gone"),
    ],
)
async def test_what_one_device_tells_the_others_hear(
    store: Store, content: dict[str, Any], whats: list[str], state: str
) -> None:
    """A row that changed stands behind every cursor; of what is gone no content is kept."""
    await with_message(store)
    row = await put(store, content)
    assert row is not None
    (heard,) = await told(store, row, *whats)

    assert (heard.delivery_id, heard.state) == (row.delivery_id, state)
    assert heard.content == ({} if state == "gone" else content)
    assert [r.state for r in await store.inbox(visitor(), 0, NOW_MS)] == (
        [] if state == "gone" else [state]
    )


async def test_what_was_told_before_moves_nothing(store: Store) -> None:
    """``received``, the same again, or a stranger's word: nobody hears anything."""
    await with_message(store)
    row = await put(store, CARD)
    assert row is not None
    (read,) = await told(store, row, "received", "displayed")

    assert await told(store, read, "received", "displayed", "clicked") == []
    assert await told(store, read, "dismissed", by=user("u9")) == []


@pytest.mark.parametrize(
    ("whats", "is_kept"),
    [(["unshown"], False), (["displayed", "unshown"], True), (["unshown", "displayed"], False)],
)
async def test_a_slot_is_given_back_only_by_who_was_first(
    store: Store, whats: list[str], *, is_kept: bool
) -> None:
    """What one device has shown was shown, whatever another could not do."""
    await with_message(store)
    row = await put(store, {})
    assert row is not None
    await told(store, row, *whats)

    assert bool((await facts_of(store)).slots) is is_kept


@pytest.mark.feature("C02")
async def test_a_card_stays_as_long_as_it_says(store: Store) -> None:
    """Counted from when it came; nobody hears of it after that, and then it is forgotten."""
    await with_message(store, "m-1", "m-2")
    row = await put(store, CARD | {"expires_ms": 7 * DAY_MS})
    other = await put(store, {"layout": "modal", "expires_ms": 7 * DAY_MS}, "m-2")
    assert row is not None
    assert other is not None

    assert row.show_until_ms == NOW_MS + 7 * DAY_MS
    assert other.show_until_ms == NOW_MS + DAY_MS
    assert await store.inbox(visitor(), 0, NOW_MS + 7 * DAY_MS) == []
    assert await store.trim_inbox(NOW_MS + DAY_MS + 1, 10) == 1
    assert await store.inbox(visitor(), 0, NOW_MS) == [row]


@pytest.mark.feature("C02")
async def test_what_hangs_on_a_fence_leaves_with_its_person(store: Store) -> None:
    """Inside it is there, whatever else changes; outside it is gone, on every device."""
    await with_message(store)
    await store.commit(inside("studio", "mall"))
    row = await put(store, AT_STUDIO)
    assert row is not None
    await store.commit(inside("studio"))
    still = await store.inbox(visitor(), 0, NOW_MS)
    await store.commit(inside("mall"))
    (heard,) = await store.inbox(visitor(), row.cursor, NOW_MS)

    assert (row.fence_id, still) == ("studio", [row])
    assert (heard.delivery_id, heard.state, heard.content) == (row.delivery_id, "gone", {})


async def test_what_hangs_on_a_fence_never_comes_after_its_person_left(store: Store) -> None:
    """Who leaves between claim and confirm gets nothing: the slot is given back, and it is said."""
    await with_message(store)
    await store.commit(inside("studio"))
    found = await store.claim("m-1", in_app, NOW_MS)
    assert found is not None
    await store.commit(inside())
    outcome, settlement = settles("sent")
    ending = await store.confirm(found.delivery_id, 1, outcome, settlement, NOW_MS, inbox=AT_STUDIO)

    assert ending is not None
    assert (ending.state, ending.slot, ending.reason) == (
        *("failed", "released"),
        "no_longer_relevant",
    )
    assert await store.inbox(visitor(), 0, NOW_MS) == []
    assert (await facts_of(store)).slots == ()


async def test_a_visitor_who_logs_in_brings_what_became_of_their_messages(store: Store) -> None:
    """States move along, behind every cursor of the person's other devices."""
    await with_message(store, "m-1", "m-2")
    card, other = await put(store, CARD), await put(store, {}, "m-2")
    assert card is not None
    assert other is not None
    await told(store, card, "displayed")
    await told(store, other, "dismissed")
    await store.commit(effects(0, merges=[(visitor(), user("u42"))]))
    rows = await store.inbox(user("u42"), other.cursor, NOW_MS)

    assert [(r.delivery_id, r.state) for r in rows] == [
        (card.delivery_id, "read"),
        (other.delivery_id, "gone"),
    ]


@pytest.mark.guarantee("R12")
@pytest.mark.parametrize("all_leases", [True, False])
async def test_an_in_app_message_without_confirm_is_claimed_again(
    store: Store, *, all_leases: bool
) -> None:
    """Nobody has what no confirm put before them: no doubt, so it comes once, in one slot."""
    await with_message(store)
    first = await store.claim("m-1", in_app, NOW_MS)
    assert first is not None
    later_ms = NOW_MS if all_leases else NOW_MS + DAY_MS - 1
    await store.reconcile(later_ms, lost(later_ms), all_leases=all_leases)
    free = (await facts_of(store)).slots
    second = await store.claim("m-1", in_app, later_ms)
    assert second is not None
    outcome, settlement = settles("sent")
    late = await store.confirm(first.delivery_id, 1, outcome, settlement, later_ms, inbox={})
    await store.confirm(second.delivery_id, 2, outcome, settlement, later_ms, inbox={})

    assert (free, late) == ((), None)
    assert len(await store.inbox(visitor(), 0, NOW_MS)) == 1
    assert (await store.counts())["sent"] == 1
    assert len((await facts_of(store)).slots) == 1


async def test_other_channels_stay_in_doubt(store: Store) -> None:
    """A provider may have taken what nobody confirmed."""
    await with_message(store)
    assert await store.claim("m-1", sends(), NOW_MS)
    await store.reconcile(NOW_MS, lost(NOW_MS), all_leases=True)

    assert (await store.counts())["unknown"] == 1
