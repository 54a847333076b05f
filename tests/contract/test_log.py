"""What every store promises of the log, of what waits in it, and of its end."""

import pytest

from contract.store_kit import (
    claimed,
    effects,
    message,
)
from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.intake.records import Outcome, Published, Record, TimerFired
from fencepost_gateway.ports import (
    Effects,
    Store,
)
from gateway.batches import NOW_MS


async def test_append_gives_rising_positions(store: Store) -> None:
    """Records get positions without gaps, in the order of the calls."""
    positions = [await store.append(Published(n), NOW_MS + n) for n in range(3)]

    assert positions == [1, 2, 3]
    assert [r.appended_ms - NOW_MS for r in await store.read_log(0, 10)] == [0, 1, 2]


async def test_read_log_gives_what_is_behind_a_position(store: Store) -> None:
    """Reading starts behind ``after``, oldest first, and stops at ``limit``."""
    for n in range(5):
        await store.append(Published(n), NOW_MS)

    assert [r.position for r in await store.read_log(1, 3)] == [2, 3, 4]
    assert await store.read_log(5, 3) == []


async def test_read_log_gives_every_kind_of_record_back(store: Store) -> None:
    """What was appended is what is read."""
    said: list[Record] = [
        TimerFired("t", "d", "p", 5),
        Outcome("m", "r", "c", "p", "sent", "", "sms"),
    ]
    for each in said:
        await store.append(each, NOW_MS)

    assert [r.record for r in await store.read_log(0, 10)] == said


async def test_counts_say_what_is_there_and_what_waits(store: Store) -> None:
    """Log records, those the pipeline has not committed, messages by state."""
    for n in range(3):
        await store.append(Published(n), NOW_MS)
    await store.commit(effects(2, message("m-1"), message("m-2")))
    await claimed(store)

    assert await store.counts() == {
        "log": 3, "pending": 1, "passed_over": 0, "queued": 1, "sending": 1
    }  # fmt: skip


async def test_a_closed_store_refuses_to_write(store: Store) -> None:
    """A write that comes too late raises instead of hanging."""
    await store.close()

    with pytest.raises(StoreUnavailableError):
        await store.commit(Effects(1, NOW_MS))


async def test_record_that_was_passed_over_is_kept_by_position(store: Store) -> None:
    """In the commit that passes it over; the same commit again adds none."""
    await store.append(Published(1), NOW_MS)
    for _ in range(2):
        await store.commit(effects(1, passed_over={1: "KeyError"}))

    assert (await store.counts())["passed_over"] == 1
