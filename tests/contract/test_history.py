"""What every store promises of history: whose, in which order, and what is let go of it."""

from typing import Any

from contract.store_kit import effects, merged, record, transition
from fencepost_gateway.intake.records import Published
from fencepost_gateway.ports import KEPT_DAYS, LOG_KEEP_MS, HistoryRow, Store
from gateway.batches import DAY_MS, NOW_MS, user, visitor


def happened(body: bytes, person_id: str = "p", at_ms: int = NOW_MS) -> HistoryRow:
    """Give a row of history."""
    return HistoryRow(0, at_ms, person_id, body)


async def bodies(store: Store, **asked: Any) -> list[bytes]:
    """Read everything there is."""
    return [row.body for row in await store.history.page(0, 100, **asked)]


async def test_history_comes_in_the_order_in_which_it_happened(store: Store) -> None:
    """Everybody's or of one, behind a cursor; or the newest first."""
    rows = [happened(b"1", "p", NOW_MS), happened(b"2", "q", NOW_MS), happened(b"3", "p")]
    await store.commit(effects(1, history=rows))
    await store.commit(effects(2, history=[happened(b"4", "p", NOW_MS + 5)]))
    (first, *_) = await store.history.page(0, 1)

    assert await bodies(store) == [b"1", b"2", b"3", b"4"]
    assert await bodies(store, person_id="p") == [b"1", b"3", b"4"]
    found = await store.history.page(first.cursor, 1, person_id="p")
    assert [(r.body, r.person_id, r.at_ms) for r in found] == [(b"3", "p", NOW_MS)]
    newest = await store.history.newest("p", 2)
    assert [r.body for r in newest] == [b"4", b"3"]
    before = await store.history.newest("p", 2, before=newest[-1].cursor)
    assert before == (await store.history.newest("p", 4))[2:]


async def test_history_of_a_visitor_is_found_under_the_person(store: Store) -> None:
    """A merge moves it, in the place in which it happened."""
    rows = [happened(b"1", visitor()), happened(b"2", user("u42")), happened(b"3", visitor())]
    await store.commit(effects(1, history=rows))
    await merged(store)

    assert await bodies(store, person_id=user("u42")) == [b"1", b"2", b"3"]
    assert await bodies(store, person_id=visitor()) == []


async def test_pruning_takes_the_oldest_a_few_at_a_time(store: Store) -> None:
    """History and records from before a moment, the first rows first; what follows stays."""
    ages = (3, 2, 1, 0)
    rows = [happened(b"%d" % age, at_ms=NOW_MS - age) for age in ages]
    told = [transition(str(age), NOW_MS - age) for age in ages]
    await store.commit(effects(1, history=rows, records=told))
    counts = [await store.history.prune(NOW_MS, NOW_MS - 1, 1) for _ in range(3)]

    assert counts == [2, 2, 0]
    assert await bodies(store) == [b"1", b"0"]
    assert [r.subject for r in await store.records(0, 9)] == ["1", "0"]
    await store.commit(effects(2, history=[happened(b"new")], records=[record("new")]))
    assert [r.cursor for r in await store.history.page(0, 9)] == [3, 4, 5]
    assert [r.cursor for r in await store.records(0, 9)] == [3, 4, 5]


async def test_pruned_log_keeps_its_numbers(store: Store) -> None:
    """What the pipeline has done goes after a day, but for the newest: positions go on from it."""
    for n in range(4):
        await store.append(Published(n), NOW_MS)
    late_ms = NOW_MS + LOG_KEEP_MS + 1
    await store.commit(effects(2))
    assert await store.history.prune(late_ms - 1, 0, 9) == 0
    assert await store.history.prune(late_ms, 0, 9) == 2
    await store.commit(effects(4))
    assert await store.history.prune(late_ms, 0, 9) == 1

    assert [r.position for r in await store.read_log(2, 9)] == [4]
    assert await store.append(Published(9), NOW_MS) == 5
    assert (await store.counts())["log"] == 5
    assert [r.position for r in await store.read_log(4, 9)] == [5]


async def test_counts_of_fences_are_pruned_by_the_day(store: Store) -> None:
    """They are kept for a month."""
    today = NOW_MS // DAY_MS
    days = {(today - ago, "studio"): {"enter": 1} for ago in (KEPT_DAYS, KEPT_DAYS + 1, 300)}
    await store.commit(effects(1, fence_days=days))
    await store.history.prune(NOW_MS, 0, 9)

    assert await store.fences.days(0) == {"studio": {"enter": 1}}
