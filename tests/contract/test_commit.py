"""What every store promises of the pipeline's commit: all of a group, once, or nothing."""

from typing import Any

import pytest

from contract.store_kit import (
    LATER_MS,
    address,
    claimed,
    effects,
    ended,
    facts_of,
    message,
    record,
    rooms,
    with_message,
)
from fencepost_gateway.decide.person import Person
from fencepost_gateway.ports import (
    Store,
    Timer,
)
from gateway.batches import NOW_MS, visitor


def gone_address(change: Any) -> Any:
    """Give the disappearance of an address."""
    return type(change)(
        change.person_id, change.channel, change.ref, None, change.device_id, LATER_MS
    )


async def test_position_moves_with_the_effects(store: Store) -> None:
    """A new store stands at 0; a commit moves the position."""
    before = await store.position()
    await store.commit(effects(7))

    assert (before, await store.position()) == (0, 7)


async def test_commit_that_cannot_be_written_leaves_nothing(store: Store) -> None:
    """Effects and position are one commit: one bad row, and none of them is there."""
    broken = record("run-1")
    broken.body["oops"] = object()
    bad = effects(
        9,
        message(),
        persons={"p": Person("p")},
        tracks={"d": b"1"},
        addresses=[address(visitor())],
        timers={"d": Timer("d", "p", NOW_MS)},
        records=[record("run-0"), broken],
    )

    with pytest.raises(TypeError):
        await store.commit(bad)
    assert await store.position() == 0
    assert await store.persons(["p"]) == {}
    assert await store.tracks(["d"]) == {}
    assert await store.due(NOW_MS, rooms(10)) == []
    assert await store.fire_timers(NOW_MS, 10) == 0
    assert await store.records(0, 10) == []


async def test_fence_days_add_up_by_fence(store: Store) -> None:
    """Counts are added to those of the day, and given from a day on, of all fences or of some."""
    await store.commit(effects(1, fence_days={(7, "a"): {"enter": 1}, (8, "b"): {"exit": 2}}))
    more = {(7, "a"): {"flap": 1}, (8, "a"): {"enter": 2, "decided": 9}, (8, "b"): {"exit": 3}}
    await store.commit(effects(2, fence_days=more))

    assert await store.fences.days(7) == {
        "a": {"enter": 3, "flap": 1, "decided": 9},
        "b": {"exit": 5},
    }
    assert await store.fences.days(8, {"a", "c"}) == {"a": {"enter": 2, "decided": 9}}
    assert await store.fences.days(0, []) == {}
    assert await store.fences.days(9) == {}


async def test_fence_days_are_counted_once_for_a_position(store: Store) -> None:
    """Effects that come again, after a crash between commit and answer, count nothing twice."""
    once = effects(3, fence_days={(7, "a"): {"enter": 1}})
    await store.commit(once)
    await store.commit(once)

    assert await store.fences.days(0) == {"a": {"enter": 1}}


async def test_fence_days_are_in_the_commit_of_the_position_or_not_at_all(store: Store) -> None:
    """What could not be committed has counted nothing, and counts when it comes again."""
    broken = record("run-1")
    broken.body["oops"] = object()
    counted: dict[tuple[int, str], dict[str, int]] = {(7, "a"): {"enter": 1}}
    with pytest.raises(TypeError):
        await store.commit(effects(3, fence_days=counted, records=[broken]))
    before = await store.fences.days(0)
    await store.commit(effects(3, fence_days=counted))

    assert before == {}
    assert await store.fences.days(0) == {"a": {"enter": 1}}


async def test_persons_and_tracks_come_back_as_they_were_committed(store: Store) -> None:
    """Of the ids asked for those that exist are given, in their newest form."""
    person = Person("p", user_id="u", attributes={"tier": "plus"})
    person.remember("opened", NOW_MS, {"n": [1]})
    await store.commit(effects(1, persons={"p": Person("p")}, tracks={"d": b"1"}))
    await store.commit(effects(2, persons={"p": person}, tracks={"d": b"2", "e": b"3"}))

    assert await store.persons(["p", "q"]) == {"p": person}
    assert await store.tracks(["d", "x"]) == {"d": b"2"}


async def test_nobody_shares_state_with_the_store(store: Store) -> None:
    """Changing what was handed in or given out changes nothing in the store."""
    person = Person("p", attributes={"tags": ["a"]})
    await store.commit(effects(1, persons={"p": person}))
    person.attributes["tags"].append("b")
    given = (await store.persons(["p"]))["p"]
    given.attributes["tags"].append("c")

    assert (await store.persons(["p"]))["p"].attributes == {"tags": ["a"]}


async def test_commit_leaves_a_message_that_exists_as_it_is(store: Store) -> None:
    """Ids come from the cause, so a repeated message is the same message: no second send."""
    await with_message(store)
    found = await claimed(store)
    await ended(store, found, "sent")
    await with_message(store)

    assert await store.due(LATER_MS, rooms(10)) == []
    assert (await store.counts())["sent"] == 1


async def test_address_appears_changes_and_goes(store: Store) -> None:
    """The claim sees the addresses that are there, newest first, and the person's own SDK."""
    both = [address(visitor(), "old"), address(visitor(), "new", LATER_MS)]
    await store.commit(effects(0, message(), addresses=both))
    with_both = [a.ref for a in (await facts_of(store)).addresses]
    gone = [gone_address(both[1])]
    await store.commit(effects(0, addresses=gone))

    assert with_both == ["new", "old", "in_app"]
    assert [a.ref for a in (await facts_of(store)).addresses] == ["old", "in_app"]
