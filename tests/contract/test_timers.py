"""What every store promises of devices' timers and of what is due next."""

from msgspec import structs

from contract.store_kit import (
    LATER_MS,
    claimed,
    effects,
    message,
    rooms,
)
from fencepost_gateway.intake.records import TimerFired
from fencepost_gateway.ports import (
    Store,
    Timer,
)
from gateway.batches import NOW_MS


async def test_timer_fires_once_when_due(store: Store) -> None:
    """A due timer is appended and marked in one commit."""
    await store.commit(effects(0, timers={"d": Timer("d", "p", LATER_MS)}))
    fired = [await store.fire_timers(t, 10) for t in (LATER_MS - 1, LATER_MS, LATER_MS + 1)]

    assert fired == [0, 1, 0]
    (row,) = await store.read_log(0, 10)
    assert row.record == TimerFired(f"d@{LATER_MS}", "d", "p", LATER_MS)


async def test_timer_is_replaced_and_cleared(store: Store) -> None:
    """A device has one timer: setting it replaces, None clears; a fired one can be set again."""
    await store.commit(effects(0, timers={"d": Timer("d", "p", NOW_MS)}))
    await store.commit(effects(0, timers={"d": Timer("d", "p", LATER_MS)}))
    replaced = await store.fire_timers(NOW_MS, 10)
    await store.commit(effects(0, timers={"d": None}))
    cleared = await store.fire_timers(LATER_MS, 10)
    await store.commit(effects(0, timers={"d": Timer("d", "p", LATER_MS)}))
    await store.fire_timers(LATER_MS, 10)
    await store.commit(effects(0, timers={"d": Timer("d", "p", LATER_MS)}))

    assert (replaced, cleared) == (0, 0)
    assert await store.fire_timers(LATER_MS, 10) == 1


async def test_timers_fire_oldest_first_up_to_the_limit(store: Store) -> None:
    """The limit leaves the youngest for the next call."""
    due = {d: Timer(d, "p", NOW_MS + n) for n, d in enumerate(["c", "a", "b"])}
    await store.commit(effects(0, timers=due))
    fired = [await store.fire_timers(LATER_MS, 2) for _ in range(3)]

    assert fired == [2, 1, 0]
    found = [r.record for r in await store.read_log(0, 10)]
    assert [t.device_id for t in found if isinstance(t, TimerFired)] == ["c", "a", "b"]


async def test_due_goes_by_priority_then_cause_then_id(store: Store) -> None:
    """The more important is first; of equals that of the earlier cause; of those the smaller id."""
    await store.commit(effects(0, message("b"), message("0", cause_ms=NOW_MS + 1), now_ms=NOW_MS))
    await store.commit(effects(0, message("a"), message("z", priority=90), now_ms=NOW_MS))
    await store.commit(effects(0, message("y", cause_ms=NOW_MS - 1), now_ms=NOW_MS + 1))

    assert [d.message_id for d in await store.due(LATER_MS, rooms(10))] == ["z", "y", "a", "b", "0"]
    assert [d.message_id for d in await store.due(NOW_MS, rooms(2))] == ["z", "a"]
    first = (await store.due(LATER_MS, rooms(1)))[0]
    assert (first.priority, first.due_ms, first.cause_ms) == (90, NOW_MS, NOW_MS)


async def test_due_goes_by_class_before_priority(store: Store) -> None:
    """A code of the lowest priority is claimed before a sale of the highest."""
    sale, code = message("sale", priority=100), message("code", priority=1)
    await store.commit(effects(0, structs.replace(sale, rank=3), structs.replace(code, rank=0)))

    assert [d.message_id for d in await store.due(LATER_MS, rooms(10))] == ["code", "sale"]


async def test_lane_without_room_holds_up_no_other(store: Store) -> None:
    """Of each lane as many as it has room for, however many stand before."""
    many = [message(f"sms-{n}", priority=90) for n in range(5)]
    mail = structs.replace(message("mail"), channels=("email",))
    await store.commit(effects(0, *many, mail))
    some = await store.due(LATER_MS, {"sms": 2, "email": 2})

    assert [d.message_id for d in some] == ["sms-0", "sms-1", "mail"]
    assert [d.message_id for d in await store.due(LATER_MS, {"email": 1})] == ["mail"]


async def test_timers_of_one_millisecond_fire_by_id(store: Store) -> None:
    """Those of devices, then those of persons."""
    due = {d: Timer(d, "p", NOW_MS) for d in ("c", "a", "b")}
    moments: dict[str, int | None] = dict.fromkeys(("q", "p"), NOW_MS)
    await store.commit(effects(0, timers=due, person_timers=moments))
    await store.fire_timers(LATER_MS, 10)

    found = [r.record for r in await store.read_log(0, 10)]
    fired = [t.device_id or t.person_id for t in found if isinstance(t, TimerFired)]
    assert fired == ["a", "b", "c", "p", "q"]


async def test_next_due_is_the_earliest_message_or_timer(store: Store) -> None:
    """Closed messages and fired timers do not count."""
    empty = await store.next_due_ms()
    timers = {"d": Timer("d", "p", NOW_MS - 5)}
    await store.commit(effects(0, message(), timers=timers))
    both = await store.next_due_ms()
    await store.fire_timers(NOW_MS, 10)
    only_message = await store.next_due_ms()
    await claimed(store)

    assert (empty, both, only_message) == (None, NOW_MS - 5, NOW_MS)
    assert await store.next_due_ms() is None
