"""
The cut law: how the log is cut into commits leaves no trace, nor does a death between them.

A log is made by a gateway that takes one record at a time. Told again to another store, in groups
of any size, with the process dying before and behind commits, it comes to the same persons, runs,
records, messages, timers and counts.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.intake.records import LogRecord, Outcome, TimerFired
from gateway.batches import DAY_MS, MINUTE_MS, event, user, visitor
from gateway.workers.run_house import EDITIONS, JOURNEY, RunHouse

HOUR_MS = 60 * MINUTE_MS
VISITORS, USERS = ("a-1", "a-2"), ("u-1", "u-2")
EVERYBODY = (*map(visitor, VISITORS), *map(user, USERS))
NAMES = ("begin", "begin", "agrees", "declines", "left", "bought")
DEEDS = st.one_of(
    st.tuples(
        st.sampled_from(NAMES), st.sampled_from([0, 1]), st.sampled_from([0, HOUR_MS, DAY_MS])
    ),
    st.tuples(st.just("log in"), st.sampled_from([0, 1]), st.just(0)),
    st.tuples(
        st.just("time"), st.just(0), st.sampled_from([HOUR_MS, 2 * HOUR_MS, DAY_MS, -HOUR_MS])
    ),
    st.tuples(st.just("deliver"), st.just(0), st.just(0)),
)
CUTS = st.lists(st.tuples(st.sampled_from([1, 2, 3, 64]), st.sampled_from(["", "before", "after"])))


def made(edition: dict[str, Any], deeds: list[tuple[str, int, int]]) -> tuple[RunHouse, list[Any]]:
    """Let a gateway that takes one record at a time write a log; gives what it came to as well."""
    house = RunHouse("memory", edition)
    for name, number, by_ms in [*deeds, ("time", 0, 40 * DAY_MS), ("deliver", 0, 0)]:
        if name == "time":
            house.move(by_ms)
        elif name == "deliver":
            house.deliver()
        elif name == "log in":
            told = event(1, "identify", house.now_ms, user_id=USERS[number])
            house.send(f"d-{number}", (VISITORS[number], None), told)
        else:
            told = event(1, at_ms=house.now_ms - by_ms, name=name)
            house.send(f"d-{number}", (VISITORS[number], None), told)
        house.frail.bite = 1
        while house.process() or house.ring():
            pass
    return house, left_behind(house)


def left_behind(house: RunHouse) -> list[Any]:
    """Give all that the pipeline writes, as it stands."""
    store, do = house.store, house.do
    persons = do(store.persons(EVERYBODY))
    records = do(store.records(0, 10_000))
    steps = [(r.at_ms, r.person_id, r.subject, r.body) for r in records if r.kind == "step"]
    wanted = [
        m for r in records if r.kind in {"step", "merge"} for m in r.body.get("message_ids", ())
    ]
    facts = [do(store.peek(message_id)) for message_id in wanted]
    return [
        {i: msgspec.msgpack.encode(p) for i, p in sorted(persons.items())},
        steps,
        [msgspec.msgpack.encode(f.message) for f in facts],
        {i: do(store.runs.of(i)) for i in EVERYBODY},
        do(store.broadcasts.tallies()),
        [each for each in do(store.journeys.counts(0, JOURNEY)) if each.count],
        do(store.next_due_ms()) if not wanted else None,
    ]


def told_again(
    edition: dict[str, Any],
    log: list[LogRecord],
    kind: str,
    cuts: list[tuple[int, Any]],
    *,
    dies: bool = True,
) -> list[Any]:
    """Tell a log to another store, cut, the process dying or not; gives what it comes to."""
    house = RunHouse(kind, edition)
    try:
        house.frail.log = log
        while house.do(house.store.position()) < log[-1].position:
            house.frail.bite, house.frail.fall = cuts.pop(0) if cuts else (64, "")
            try:
                house.process()
            except StoreUnavailableError:
                if dies:
                    house.restart()
        return left_behind(house)
    finally:
        house.close()


@pytest.mark.guarantee("R10")
@pytest.mark.timeout(120)
@settings(max_examples=40, deadline=None)
@given(
    edition=st.sampled_from(EDITIONS),
    deeds=st.lists(DEEDS, min_size=4, max_size=20),
    kind=st.sampled_from(["memory", "sqlite"]),
    cuts=CUTS,
    dies=st.booleans(),
)
def test_log_cut_anywhere_comes_to_the_same(
    edition: dict[str, Any],
    deeds: list[tuple[str, int, int]],
    kind: str,
    cuts: list[Any],
    *,
    dies: bool,
) -> None:
    """Groups of any size, deaths before and behind commits: same runs, records and messages."""
    house, expected = made(edition, deeds)
    house.close()

    assert told_again(edition, house.log, kind, cuts, dies=dies) == expected


@pytest.mark.guarantee("R10")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("fall", ["before", "after"])
@pytest.mark.parametrize("dies", [True, False])
def test_death_at_every_single_commit_changes_nothing(fall: str, *, dies: bool) -> None:
    """A commit fails, each in turn and all of them; the process dies of it, or goes on."""
    deeds = [
        *(("begin", 0, 0), ("begin", 1, HOUR_MS), ("time", 0, 2 * HOUR_MS), ("deliver", 0, 0)),
        *(("agrees", 0, 0), ("agrees", 1, 0), ("deliver", 0, 0), ("log in", 0, 0)),
        *(("log in", 1, 0), ("time", 0, DAY_MS), ("begin", 0, 0), ("bought", 0, 0)),
    ]
    house, expected = made(EDITIONS[0], deeds)
    house.close()
    kinds = {type(record.record) for record in house.log}
    assert {TimerFired, Outcome} <= kinds, "too little happened"

    for number in range(len(house.log)):
        once = [(1, ""), *((1, fall if n == number else "") for n in range(len(house.log)))]
        assert told_again(EDITIONS[0], house.log, "memory", once, dies=dies) == expected, number
    every = [each for _ in house.log for each in ((1, fall), (1, ""))]
    assert told_again(EDITIONS[0], house.log, "sqlite", every, dies=dies) == expected


@pytest.mark.guarantee("R10")
def test_publication_whose_commit_was_not_answered_is_not_taken_twice() -> None:
    """What was entered between two publications is on the version that was in force then."""
    house = RunHouse("memory", EDITIONS[0])
    try:
        told = event(1, at_ms=house.now_ms, name="begin")
        house.send("d-0", (VISITORS[0], USERS[0]), told)
        house.frail.fall = "after"
        with pytest.raises(StoreUnavailableError):
            house.process()
        house.publish(EDITIONS[1])
        while house.process():
            pass
        (person,) = house.do(house.store.persons(EVERYBODY)).values()
    finally:
        house.close()

    assert {run.version for run in person.runs.values()} == {1}
