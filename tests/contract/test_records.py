"""What every store promises of decision records: whose, about what, in which order."""

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from contract.store_kit import (
    effects,
    record,
    transition,
)
from fencepost_gateway.ports import (
    Store,
)
from gateway.batches import NOW_MS, visitor


async def test_records_are_found_by_subject_and_person(store: Store) -> None:
    """Records come oldest first behind a cursor; the two questions narrow each other."""
    await store.commit(
        effects(0, records=[record("a", "p"), record("b", "q"), record("a", "q"), record("a", "p")])
    )
    every = await store.records(0, 10)

    def found(rows: Sequence[Any]) -> list[int]:
        return [every.index(r) for r in rows]

    assert [r.cursor for r in every] == sorted({r.cursor for r in every})
    assert found(await store.records(0, 10, subject="a")) == [0, 2, 3]
    assert found(await store.records(0, 10, person_id="q")) == [1, 2]
    assert found(await store.records(0, 10, subject="a", person_id="p")) == [0, 3]
    assert found(await store.records(every[0].cursor, 2)) == [1, 2]
    assert found(await store.records(every[0].cursor, 9, subject="a")) == [2, 3]


async def test_transitions_come_in_order_of_time(store: Store) -> None:
    """Records of transitions alone, from a moment on, page by page; of a merge the person's."""
    told = [transition("late", NOW_MS + 2), transition("a", NOW_MS), transition("b", NOW_MS)]
    old = transition("old", NOW_MS - 1)
    await store.commit(effects(0, records=[record("x"), *told, old, record("y")]))
    await store.commit(effects(1, merges=[(visitor(), "known")]))
    pages = [await store.fences.transitions((NOW_MS, 0), 2)]
    pages.append(await store.fences.transitions((NOW_MS, pages[0][-1].cursor), 2))

    assert [[r.subject for r in page] for page in pages] == [["a", "b"], ["late"]]
    assert {r.person_id for page in pages for r in page} == {"known"}
    assert pages[0][0].body == {"kind": "enter"}


async def test_story_is_in_order_of_time_and_ends_before_its_end(store: Store) -> None:
    """One person's records by (time, cursor), behind the last one seen."""
    times = (NOW_MS + 2, NOW_MS, NOW_MS + 1, NOW_MS)
    rows = [structs.replace(record(str(n), "p"), at_ms=t) for n, t in enumerate(times)]
    await store.commit(effects(0, records=[*rows, record("4", "q")]))

    async def told(after: tuple[int, int], until_ms: int, limit: int = 9) -> str:
        found = await store.people.story("p", after, until_ms, limit)
        return "".join(r.subject for r in found)

    first = (await store.people.story("p", (NOW_MS, 0), NOW_MS + 9, 1))[0]
    assert await told((NOW_MS, 0), NOW_MS + 3) == "1320"
    assert await told((NOW_MS, 0), NOW_MS + 2) == "132"
    assert await told((first.at_ms, first.cursor), NOW_MS + 9, 2) == "32"
    assert await told((NOW_MS + 1, 0), NOW_MS + 9) == "20"
