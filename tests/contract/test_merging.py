"""What every store promises when a visitor turns out to be somebody."""

from contract.store_kit import (
    REF,
    address,
    claimed,
    effects,
    ended,
    facts_of,
    linked,
    merged,
    message,
    record,
    shown,
    with_message,
)
from fencepost_gateway.decide.person import Person
from fencepost_gateway.intake.records import TimerFired
from fencepost_gateway.ports import (
    Store,
    Timer,
)
from gateway.batches import NOW_MS, user, visitor


async def test_resolve_knows_a_visitor_once_the_pipeline_has_merged(store: Store) -> None:
    """Linked at the door is not merged yet: the pipeline moves the rows."""
    await linked(store)
    before = await store.resolve([visitor()])
    await merged(store)

    assert before == {}
    assert await store.resolve([visitor(), "nobody"]) == {visitor(): user("u42")}


async def test_merge_moves_person_addresses_and_messages(store: Store) -> None:
    """Rows of the visitor become the known person's."""
    await with_message(store)
    await store.commit(effects(0, persons={visitor(): Person(visitor())}))
    await merged(store)

    facts = await facts_of(store)
    assert await store.persons([visitor()]) == {}
    assert facts.message.person_id == user("u42")
    assert facts.person.person_id == user("u42")
    assert [a.ref for a in facts.addresses] == [REF, "in_app"]


async def test_merge_makes_one_of_an_address_that_both_have(store: Store) -> None:
    """The same number known twice is one number afterwards, known since the earlier moment."""
    both = [address(visitor()), address(user("u42"), at_ms=NOW_MS - 5)]
    await store.commit(effects(0, message(), addresses=both))
    await merged(store)

    there, _ = (await facts_of(store)).addresses
    assert (there.ref, there.since_ms) == (REF, NOW_MS - 5)


async def test_merge_adds_cap_counters(store: Store) -> None:
    """Slots move with the visitor, so two halves of a person share one cap."""
    await store.commit(effects(0, message("m-1"), message("m-2", user("u42"))))
    await claimed(store, "m-1")
    await claimed(store, "m-2")
    await merged(store)
    await store.commit(effects(0, message("m-3", user("u42"))))

    facts = await facts_of(store, "m-3")
    assert [s.slot_id for s in facts.slots] == ["m-1", "m-2"]
    assert {s.person_id for s in facts.slots} == {user("u42")}


async def test_merge_moves_inbox_records_and_timers(store: Store) -> None:
    """What waits for the visitor waits for the known person."""
    timer = Timer("device-1", visitor(), NOW_MS)
    rows = [record("run-1")]
    await store.commit(effects(0, message(), records=rows, timers={"device-1": timer}))
    await shown(store)
    await merged(store)
    await store.fire_timers(NOW_MS, 10)

    known = user("u42")
    assert [r.message_id for r in await store.inbox(known, 0, NOW_MS)] == ["m-1"]
    assert await store.inbox(visitor(), 0, NOW_MS) == []
    assert await store.records(0, 10, person_id=visitor()) == []
    assert {r.person_id for r in await store.records(0, 10, subject="run-1")} == {known}
    last = (await store.read_log(0, 100))[-1].record
    assert isinstance(last, TimerFired)
    assert last.person_id == known


async def test_a_call_that_ends_after_the_merge_ends_for_the_known_person(store: Store) -> None:
    """A message on its way when its visitor is merged is settled where it belongs now."""
    await with_message(store)
    found = await claimed(store)
    await merged(store)
    await ended(store, found, "gone")
    await store.commit(effects(0, message("m-2", user("u42"))))

    facts = await facts_of(store, "m-2")
    assert facts.slots == ()
    assert [a.ref for a in facts.addresses] == ["in_app"]
