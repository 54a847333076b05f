"""What is too old goes, a little at a time."""

import pytest

from contract.store_kit import effects, record
from contract.test_calls import asked, said, webhook
from fencepost_gateway.clock import ManualClock
from fencepost_gateway.ports import HistoryRow
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.workers import pruner as room
from fencepost_gateway.workers.pruner import DEAD_DAYS, ROWS_MAX, Pruner
from gateway.batches import DAY_MS, NOW_MS


async def test_pruner_lets_go_of_everything_that_is_too_old_in_small_commits() -> None:
    """As many commits as it takes, none of more than so many rows; the setting says what is old."""
    store, clock = MemoryStore(), ManualClock(NOW_MS)
    old = [HistoryRow(0, NOW_MS, "p", b"old")] * (2 * ROWS_MAX + 1)
    await store.commit(effects(1, history=old, records=[record("old")]))
    young = HistoryRow(0, NOW_MS + DAY_MS, "p", b"young")
    await store.commit(effects(2, history=[young]))
    pruner = Pruner(store, clock, history_days=30)
    clock.move_to(NOW_MS + 30 * DAY_MS)
    before = await pruner.prune()
    clock.move_to(NOW_MS + 30 * DAY_MS + 1)
    first = await pruner.step()
    await pruner.prune()

    assert (before, first) == (0, ROWS_MAX + 1)
    assert [row.body for row in await store.history.page(0, 9)] == [b"young"]
    assert await store.records(0, 9) == []


async def test_pruner_lets_go_of_every_webhook_that_was_given_up_long_ago(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many there are: all of them, a few a commit, and none before its time."""
    monkeypatch.setattr(room, "ROWS_MAX", 1)
    store, clock = MemoryStore(), ManualClock(NOW_MS)
    dead = [webhook(f"w-{n}") for n in range(3)]
    await asked(store, *dead)
    await store.calls.take(NOW_MS, {"tickets": 9}, DAY_MS)
    for one in dead:
        await store.calls.answer(said(one, failure="bad_status"), NOW_MS)
    clock.move_to(NOW_MS + DEAD_DAYS * DAY_MS)
    kept = await Pruner(store, clock, history_days=390).prune()
    clock.move_to(NOW_MS + DEAD_DAYS * DAY_MS + 1)
    gone = await Pruner(store, clock, history_days=390).prune()

    assert (kept, gone) == (0, 3)
    assert await store.calls.dead("", 9) == []
