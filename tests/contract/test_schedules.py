"""Schedules that come due, as both stores keep them."""

from fencepost_gateway.ports import ScheduleRow, Store
from gateway.batches import NOW_MS


async def test_schedules_due_together_come_in_order_of_their_ids(store: Store) -> None:
    """The earliest first; of one moment by id."""
    rows = [ScheduleRow(i, NOW_MS + (i == "a")) for i in ("c", "a", "b")]
    await store.broadcasts.keep_schedules(rows)

    assert [row.schedule_id for row in await store.broadcasts.schedules()] == ["b", "c", "a"]
