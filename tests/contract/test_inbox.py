"""What every store promises of the in-app messages that wait for their person."""

from contract.store_kit import (
    claimed,
    settles,
    shown,
    with_message,
)
from fencepost_gateway.ports import (
    Store,
)
from gateway.batches import DAY_MS, NOW_MS, visitor


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
