"""What every store promises of audiences: each sentence of ``ports.AudienceBook`` has its test."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from contract.store_kit import effects, message
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.ranking import Ranking
from fencepost_gateway.intake.records import Published, TimerFired, Touched
from fencepost_gateway.ports import DEFINITIONS_MAX, AudienceDay, DocumentRow, Store, Sweep, Timer
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.stores.sqlite import open_sqlite
from gateway.batches import NOW_MS

RANKING = Ranking("k1", NOW_MS, 5, r=((1.0, "a"), (2.0, "b")), m=((float("inf"), ""),))

Reopen = Callable[[Store], Awaitable[Store]]


@pytest.fixture(params=["memory", "sqlite"])
async def held(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[Store, Reopen]]:
    """Give an empty store, and how its process ends and another goes on (SQLite alone can)."""
    if request.param == "memory":
        model = MemoryStore()

        async def go_on(store: Store) -> Store:
            return store

        yield model, go_on
        await model.close()
        return
    folder, opened = tmp_path / "data", [open_sqlite(tmp_path / "data")]

    async def reopen(store: Store) -> Store:
        await store.close()
        opened.append(open_sqlite(folder))
        return opened[-1]

    yield opened[0], reopen
    await opened[-1].close()


async def with_persons(store: Store, *ids: str) -> None:
    """Commit some persons."""
    position = await store.position() + 1
    await store.commit(effects(position, persons={i: Person(i) for i in ids}))


async def set_timers(store: Store, **due_ms: int | None) -> None:
    """Commit timers of persons."""
    await store.commit(effects(await store.position() + 1, person_timers=dict(due_ms)))


async def touched(store: Store) -> list[list[str]]:
    """Give whom the log asks to judge again, record by record."""
    found = [row.record for row in await store.read_log(0, 100)]
    return [record.person_ids for record in found if isinstance(record, Touched)]


async def fired(store: Store) -> list[tuple[str, str, int]]:
    """Give the timers that the log says have fired: device, person, when they were due."""
    found = [row.record for row in await store.read_log(0, 100)]
    return [(r.device_id, r.person_id, r.due_ms) for r in found if isinstance(r, TimerFired)]


# ---- days and sizes ------------------------------------------------------------------------


async def test_days_add_up_by_day_and_audience(store: Store) -> None:
    """What was counted is given by day, then audience, from a day on, of all or of one."""
    await store.commit(effects(1, audience_days={(2, "b"): {"joined": 2}, (1, "b"): {"left": 1}}))
    await store.commit(
        effects(2, audience_days={(2, "b"): {"joined": 1, "left": 1}, (2, "a"): {"filled": 4}})
    )
    b = AudienceDay(2, "b", joined=3, left=1)

    assert await store.audiences.days(0) == [
        AudienceDay(1, "b", left=1),
        AudienceDay(2, "a", filled=4),
        b,
    ]
    assert await store.audiences.days(2, "b") == [b]
    assert await store.audiences.days(3) == []


async def test_days_count_the_same_effects_once(store: Store) -> None:
    """Effects at a position that was committed before count nothing again."""
    counted = {(1, "a"): {"joined": 1}}
    for position in (3, 3, 2):
        await store.commit(effects(position, audience_days=counted))

    assert await store.audiences.days(0) == [AudienceDay(1, "a", joined=1)]


async def test_days_are_in_the_commit_of_the_position_or_not_at_all(store: Store) -> None:
    """A group that fails has counted nobody, and counts when it comes again."""
    counted = {(1, "a"): {"joined": 1}}
    unwritable = {"p": Person("p", attributes={"x": object()})}
    with pytest.raises(TypeError):
        await store.commit(effects(1, audience_days=counted, persons=unwritable))
    await store.commit(effects(1, audience_days=counted))

    assert await store.audiences.sizes() == {"a": 1}


async def test_sizes_are_the_sum_of_all_days(store: Store) -> None:
    """Joined and filled less left and cleared; an audience that has emptied has size 0."""
    days = {
        (1, "a"): {"joined": 3, "left": 1},
        (9, "a"): {"filled": 5, "cleared": 2},
        (9, "gone"): {"joined": 1, "left": 1},
    }
    empty = await store.audiences.sizes()
    await store.commit(effects(1, audience_days=days))

    assert empty == {}
    assert await store.audiences.sizes() == {"a": 5, "gone": 0}


async def test_days_are_there_after_a_restart(held: tuple[Store, Reopen]) -> None:
    """Days are kept for good."""
    store, reopen = held
    await store.commit(effects(1, audience_days={(1, "a"): {"joined": 1}}))
    store = await reopen(store)

    assert await store.audiences.days(0) == [AudienceDay(1, "a", joined=1)]


# ---- the back-fill -------------------------------------------------------------------------


async def test_sweep_before_any_has_nothing_to_do(store: Store) -> None:
    """Without a back-fill there is none to go on with."""
    await with_persons(store, "a")

    assert await store.audiences.sweep() == Sweep()
    assert await store.audiences.advance_sweep(10, NOW_MS) == 0
    assert await store.read_log(0, 10) == []


async def test_sweep_of_nobody_is_done_at_once(store: Store) -> None:
    """Where there is nobody there is nothing to do."""
    await store.audiences.begin_sweep("k1")

    assert await store.audiences.sweep() == Sweep("k1")
    assert await store.audiences.advance_sweep(10, NOW_MS) == 0


async def test_sweep_touches_everybody_once_in_order_of_id(store: Store) -> None:
    """Page by page, each in one commit with its record, until the last says it is done."""
    await with_persons(store, "c", "a", "b")
    await store.audiences.begin_sweep("k1")
    begun = await store.audiences.sweep()
    positions = [await store.audiences.advance_sweep(2, NOW_MS + 1)]
    midway = await store.audiences.sweep()
    positions += [await store.audiences.advance_sweep(2, NOW_MS + 2) for _ in range(3)]
    log = await store.read_log(0, 10)

    assert begun == Sweep("k1", total=3, done=False)
    assert midway == Sweep("k1", "b", seen=2, total=3, done=False)
    assert await store.audiences.sweep() == Sweep("k1", "c", seen=3, total=3, done=True)
    assert await touched(store) == [["a", "b"], ["c"]]
    assert positions == [log[0].position, log[1].position, 0, 0]
    assert [row.appended_ms for row in log] == [NOW_MS + 1, NOW_MS + 2]


async def test_sweep_reaches_whoever_came_behind_it_meanwhile(store: Store) -> None:
    """A person who appears where the back-fill has not been is touched as well."""
    await with_persons(store, "a", "b")
    await store.audiences.begin_sweep("k1")
    await store.audiences.advance_sweep(1, NOW_MS)
    await with_persons(store, "c")
    while await store.audiences.advance_sweep(1, NOW_MS):
        pass

    assert await touched(store) == [["a"], ["b"], ["c"]]
    assert await store.audiences.sweep() == Sweep("k1", "c", seen=3, total=2, done=True)


async def test_sweep_of_the_same_key_goes_on(store: Store) -> None:
    """Beginning what has begun, or what is done, changes nothing."""
    await with_persons(store, "a", "b")
    await store.audiences.begin_sweep("k1")
    await store.audiences.advance_sweep(1, NOW_MS)
    midway = await store.audiences.sweep()
    await store.audiences.begin_sweep("k1")
    same = await store.audiences.sweep()
    while await store.audiences.advance_sweep(1, NOW_MS):
        pass
    await store.audiences.begin_sweep("k1")

    assert same == midway
    assert (await store.audiences.sweep()).done
    assert await store.audiences.advance_sweep(9, NOW_MS) == 0


async def test_sweep_of_another_key_begins_anew(store: Store) -> None:
    """Other definitions end the one that runs, and everybody is touched from the first on."""
    await with_persons(store, "a", "b")
    await store.audiences.begin_sweep("k1")
    await store.audiences.advance_sweep(1, NOW_MS)
    await store.audiences.begin_sweep("k2")
    begun = await store.audiences.sweep()
    await store.audiences.advance_sweep(9, NOW_MS)

    assert begun == Sweep("k2", total=2, done=False)
    assert await touched(store) == [["a"], ["a", "b"]]


async def test_sweep_goes_on_where_a_process_ended(held: tuple[Store, Reopen]) -> None:
    """After each step the process ends: everybody is touched, nobody twice."""
    store, reopen = held
    await with_persons(store, "a", "b", "c")
    await store.audiences.begin_sweep("k1")
    store = await reopen(store)
    while await store.audiences.advance_sweep(1, NOW_MS):
        store = await reopen(store)
    store = await reopen(store)

    assert await touched(store) == [["a"], ["b"], ["c"]]
    assert await store.audiences.sweep() == Sweep("k1", "c", seen=3, total=3, done=True)


# ---- timers of persons ---------------------------------------------------------------------


async def test_person_timer_fires_once_when_due(store: Store) -> None:
    """Not before its moment, then once, as a record without a device."""
    await set_timers(store, p=NOW_MS + 5)
    before = await store.fire_timers(NOW_MS + 4, 10)
    first = await store.fire_timers(NOW_MS + 5, 10)
    again = await store.fire_timers(NOW_MS + 5, 10)

    assert (before, first, again) == (0, 1, 0)
    assert await fired(store) == [("", "p", NOW_MS + 5)]
    assert await store.next_due_ms() is None


async def test_person_timer_is_moved_and_cleared(store: Store) -> None:
    """A person has one: setting it replaces it, None takes it away."""
    await set_timers(store, moved=NOW_MS, cleared=NOW_MS)
    await set_timers(store, moved=NOW_MS + 9, cleared=None, never=None)

    assert await store.fire_timers(NOW_MS + 8, 10) == 0
    assert await store.fire_timers(NOW_MS + 9, 10) == 1
    assert await fired(store) == [("", "moved", NOW_MS + 9)]


async def test_person_timer_fires_again_when_set_again(store: Store) -> None:
    """What has fired is gone, and may be set anew; each firing has its own name."""
    for due_ms in (NOW_MS, NOW_MS + 1):
        await set_timers(store, p=due_ms)
        await store.fire_timers(NOW_MS + 1, 10)
    found = [row.record for row in await store.read_log(0, 10)]

    assert len({r.timer_id for r in found if isinstance(r, TimerFired)}) == 2


async def test_person_timers_fire_after_those_of_devices_within_the_limit(store: Store) -> None:
    """Devices first, then persons by when they are due and by id; never more than the limit."""
    timers: dict[str, Timer | None] = {"d": Timer("d", "p", NOW_MS + 3)}
    await store.commit(effects(1, timers=timers))
    await set_timers(store, c=NOW_MS, b=NOW_MS + 1, a=NOW_MS + 1)
    counts = [await store.fire_timers(NOW_MS + 3, 2) for _ in range(3)]

    assert counts == [2, 2, 0]
    assert [device or person for device, person, _ in await fired(store)] == ["d", "c", "a", "b"]


async def test_person_timer_goes_with_a_visitor_who_is_merged(store: Store) -> None:
    """The visitor's is dropped; the person's, which the same commit may set, stands."""
    await set_timers(store, visitor=NOW_MS, known=NOW_MS + 1)
    await store.commit(effects(2, merges=[("visitor", "known")], person_timers={"known": NOW_MS}))
    await store.fire_timers(NOW_MS + 9, 10)

    assert await fired(store) == [("", "known", NOW_MS)]


async def test_person_timer_is_part_of_what_is_due_next(store: Store) -> None:
    """Of messages, devices' timers and persons' the earliest counts."""
    await set_timers(store, p=NOW_MS + 2)
    alone = await store.next_due_ms()
    await store.commit(effects(2, message(), timers={"d": Timer("d", "p", NOW_MS + 1)}))
    first = await store.next_due_ms()
    await set_timers(store, p=NOW_MS - 1)

    assert (alone, first) == (NOW_MS + 2, NOW_MS)
    assert await store.next_due_ms() == NOW_MS - 1


async def test_person_timer_is_there_after_a_restart(held: tuple[Store, Reopen]) -> None:
    """Who is to be asked about again is not forgotten, nor asked about twice."""
    store, reopen = held
    await set_timers(store, p=NOW_MS, q=NOW_MS)
    store = await reopen(store)
    counts = [await store.fire_timers(NOW_MS, 1)]
    store = await reopen(store)
    counts += [await store.fire_timers(NOW_MS, 10), await store.fire_timers(NOW_MS, 10)]

    assert counts == [1, 1, 0]
    assert [person for _, person, _ in await fired(store)] == ["p", "q"]


# ---- rankings, samples ---------------------------------------------------------------------


async def test_ranking_is_kept_and_tells_the_log(held: tuple[Store, Reopen]) -> None:
    """The newest of each trait, after a restart too; each is a publication for later records."""
    store, reopen = held
    await store.publish([DocumentRow("campaign", "a", 1, b"{}", NOW_MS, NOW_MS)], NOW_MS)
    older = Ranking("k0", NOW_MS, 0)
    for trait_id, ranking in (("value", older), ("other", older), ("value", RANKING)):
        await store.audiences.put_ranking(trait_id, ranking, NOW_MS + 1)
    store = await reopen(store)
    log = await store.read_log(0, 10)

    assert await store.audiences.rankings() == {"value": RANKING, "other": older}
    assert [row.record for row in log] == [Published(1)] * 4
    assert [row.appended_ms for row in log] == [NOW_MS] + [NOW_MS + 1] * 3


async def test_nobody_shares_rankings_with_the_store(store: Store) -> None:
    """What was given belongs to whoever asked."""
    await store.audiences.put_ranking("value", RANKING, NOW_MS)
    (await store.audiences.rankings()).clear()

    assert await store.audiences.rankings() == {"value": RANKING}


async def test_sample_pages_everybody_once_in_order_of_id(store: Store) -> None:
    """Persons behind an id, so many; page by page that is everybody, as they were committed."""
    await with_persons(store, "c", "a", "d", "b", "e")
    seen: list[list[str]] = []
    after = ""
    while page := await store.audiences.sample(after, 2):
        assert page == {i: Person(i) for i in page}
        seen.append(list(page))
        after = seen[-1][-1]

    assert seen == [["a", "b"], ["c", "d"], ["e"]]


async def test_persons_are_counted_without_merged_visitors(store: Store) -> None:
    """A visitor who became somebody is no person of their own."""
    empty = await store.audiences.persons_count()
    await with_persons(store, "visitor", "known")
    two = await store.audiences.persons_count()
    await store.commit(effects(2, merges=[("visitor", "known")]))

    assert (empty, two, await store.audiences.persons_count()) == (0, 2, 1)
    assert list(await store.audiences.sample("", 9)) == ["known"]


async def test_definitions_are_kept_by_name_also_over_a_restart(
    held: tuple[Store, Reopen],
) -> None:
    """Those in force now are the newest, also where they were in force before."""
    store, reopen = held
    keys = {f"k{n}": {"a": (f"k{n}", "r")} for n in range(DEFINITIONS_MAX + 1)}
    first = await store.audiences.define("k0", keys["k0"])
    for name, each in list(keys.items())[1:-1]:
        await store.audiences.define(name, each)
    store = await reopen(store)
    full = await store.audiences.define("k0", keys["k0"])
    beyond = await store.audiences.define(f"k{DEFINITIONS_MAX}", keys[f"k{DEFINITIONS_MAX}"])

    assert first == {"k0": keys["k0"]}
    assert full == {name: keys[name] for name in list(keys)[:-1]}
    assert beyond == {name: keys[name] for name in keys if name != "k1"}
