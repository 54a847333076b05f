"""What every store promises of journeys: switches, acts, held messages, who stands where."""

from typing import Any

from contract.store_kit import defers, effects, message, rooms, sends, with_message
from fencepost_gateway.decide.control import Control, turned
from fencepost_gateway.decide.message import Check, ClaimFacts, Verdict
from fencepost_gateway.intake.records import Controlled
from fencepost_gateway.ports import Act, JourneyCount, JourneyPlace, RunRow, Store, Waiting
from gateway.batches import DAY_MS, MINUTE_MS, NOW_MS

TODAY = NOW_MS // DAY_MS
STEP = JourneyPlace("welcome", 1, step_id="wait")


def act(action: str = "pause", at_ms: int = NOW_MS, campaign_id: str = "welcome") -> Act:
    """Give something that an operator did."""
    return Act(0, at_ms, "operator ann", action, campaign_id, "hold", "too many complaints")


async def paused(store: Store) -> tuple[Control, Control] | None:
    """Pause the campaign of the messages."""
    return await store.journeys.steer(act(), lambda c: turned(c, "pause", "hold", NOW_MS))


def holds(_facts: ClaimFacts) -> Verdict:
    """Judge that a message has to wait for its campaign."""
    check = Check("paused", ok=False, reason="journey_paused")
    return Verdict("deferred", (check,), "journey_paused", holds=True)


def run(run_id: str, **more: Any) -> RunRow:
    """Give a run that waits since now."""
    told: dict[str, Any] = {"person_id": f"p-{run_id}", "campaign_id": "welcome", "version": 1}
    told |= {"step_id": "wait", "since_ms": NOW_MS, "entered_ms": NOW_MS}
    told |= {"due_ms": NOW_MS + MINUTE_MS}
    return RunRow(run_id, **(told | more))


async def test_switch_act_and_record_come_in_one_commit(store: Store) -> None:
    """The claim reads the switch, the pipeline finds it in the log, and who did it is on record."""
    await with_message(store)
    before, after = await paused(store) or (Control(""), Control(""))

    assert (before, after) == (Control("welcome"), Control("welcome", paused="hold"))
    assert await store.journeys.controls() == {"welcome": after}
    facts = await store.peek("m-1")
    assert facts is not None
    assert facts.control == after
    assert [r.record for r in await store.read_log(0, 10)] == [Controlled(after)]
    (found,) = await store.journeys.acts("welcome", 10)
    assert found == Act(1, NOW_MS, "operator ann", "pause", "welcome", "hold",
                        "too many complaints")  # fmt: skip


async def test_switch_that_stands_so_already_leaves_nothing(store: Store) -> None:
    """Turned again, or refused: no record, no act."""
    await paused(store)
    assert await paused(store) is not None
    assert await store.journeys.steer(act("stop"), lambda _: None) is None

    assert len(await store.read_log(0, 10)) == 1
    assert len(await store.journeys.acts("welcome", 10)) == 1


async def test_acts_come_newest_first_by_campaign(store: Store) -> None:
    """What was done to all marketing is apart."""
    for number, name in enumerate(("welcome", "", "welcome", "other")):
        await store.journeys.note(act(f"a{number}", NOW_MS + number, name))

    assert [a.action for a in await store.journeys.acts("welcome", 10)] == ["a2", "a0"]
    assert [a.action for a in await store.journeys.acts("welcome", 1)] == ["a2"]
    assert [a.action for a in await store.journeys.acts("", 10)] == ["a1"]


async def test_held_message_is_not_due_until_it_is_given_back(store: Store) -> None:
    """It stays as due as it was, and is given back first due first, a few at a time."""
    await with_message(store, "m-1", "m-2", "m-3")
    for number, message_id in enumerate(("m-3", "m-1", "m-2")):
        await store.claim(message_id, defers(NOW_MS + number), NOW_MS)
        await store.claim(message_id, holds, NOW_MS + 10)
    later_ms = NOW_MS + DAY_MS // 2

    assert await store.due(later_ms, rooms(10)) == []
    assert await store.next_due_ms() is None
    assert await store.retime(NOW_MS, 1) == 0
    assert await store.journeys.held() == {"welcome": 3}
    assert await store.journeys.release("other", 10) == 0
    assert await store.journeys.release("welcome", 2) == 2
    assert {d.message_id for d in await store.due(later_ms, rooms(10))} == {"m-3", "m-1"}
    assert await store.journeys.release("welcome", 2) == 1
    assert await store.journeys.release("welcome", 2) == 0
    due = {d.message_id: d.due_ms for d in await store.due(later_ms, rooms(10))}
    assert due == {"m-3": NOW_MS, "m-1": NOW_MS + 1, "m-2": NOW_MS + 2}
    assert await store.claim("m-2", sends(later_ms), later_ms) is not None
    assert await store.journeys.held() == {}


async def test_runs_that_a_switch_concerns_are_found(store: Store) -> None:
    """Those entered until then, by entry; those that stand before a step, the longest first."""
    rows = [
        run("a", entered_ms=NOW_MS + 2, since_ms=NOW_MS + 5, is_held=True),
        run("b", entered_ms=NOW_MS + 1, since_ms=NOW_MS + 9, is_held=True, is_test=True),
        run("c", entered_ms=NOW_MS),
        run("d", entered_ms=NOW_MS, ended_ms=NOW_MS, outcome="completed"),
        run("e", campaign_id="other", is_held=True),
    ]
    await store.commit(effects(1, runs={row.run_id: row for row in rows}))
    book = store.journeys

    assert await book.living() == {"welcome", "other"}
    assert await book.ending("welcome", NOW_MS + 1, 10) == ["p-c", "p-b"]
    assert await book.ending("welcome", NOW_MS + 5, 1) == ["p-c"]
    assert await book.halted("welcome", 10) == ["p-a", "p-b"]
    assert (await store.runs.of("p-b"))[0].is_held
    await store.commit(effects(2, runs={"a": run("a", is_held=False)}))
    assert await book.halted("welcome", 10) == ["p-b"]


async def test_who_stands_where_is_counted_without_tests(store: Store) -> None:
    """By step and stage; held and overdue apart, and since when by rank."""
    rows = [
        run("a", since_ms=NOW_MS - 3, stage="begin", due_ms=NOW_MS - 9),
        run("b", since_ms=NOW_MS - 2, stage="begin", due_ms=NOW_MS - 8, is_held=True),
        run("c", since_ms=NOW_MS - 5, stage="adopt", due_ms=None),
        run("d", is_test=True),
        run("e", ended_ms=NOW_MS, outcome="completed"),
        run("f", campaign_id="other", since_ms=NOW_MS - 1),
    ]
    await store.commit(effects(1, runs={row.run_id: row for row in rows}))
    book = store.journeys
    begin, adopt = (JourneyPlace("welcome", 1, "wait", name) for name in ("begin", "adopt"))
    other = Waiting(JourneyPlace("other", 1, "wait"), 1, 0, 0, NOW_MS - 1)

    mine = [Waiting(adopt, 1, 0, 0, NOW_MS - 5), Waiting(begin, 2, 1, 1, NOW_MS - 3)]
    assert await book.waiting(NOW_MS - 8, "welcome") == mine
    assert await book.waiting(NOW_MS - 8) == [other, *mine]
    assert [await book.waiting_since(STEP, rank) for rank in range(4)] == [
        NOW_MS - 5, NOW_MS - 3, NOW_MS - 2, None
    ]  # fmt: skip
    assert [await book.due_since(STEP, rank) for rank in range(3)] == [
        NOW_MS - 9, NOW_MS - 8, None
    ]  # fmt: skip


async def test_counts_are_added_once_a_position(store: Store) -> None:
    """The same effects again count nothing twice; days and places add up."""
    journey = JourneyPlace("welcome", 1)
    days = {
        (TODAY, journey): {"came": 2},
        (TODAY, STEP): {"came": 2, "went:": 1},
        (TODAY - 1, STEP): {"came": 5},
        (TODAY, JourneyPlace("other", 3)): {"came": 1},
    }
    for _ in range(2):
        await store.commit(effects(1, journey_days=days))
    await store.commit(effects(2, journey_days={(TODAY, STEP): {"came": 1}}))
    book = store.journeys

    assert await book.counts(0, "welcome") == [
        JourneyCount(journey, "came", 2),
        JourneyCount(STEP, "came", 8),
        JourneyCount(STEP, "went:", 1),
    ]
    assert await book.counts(TODAY, "welcome") == [
        JourneyCount(journey, "came", 2),
        JourneyCount(STEP, "came", 3),
        JourneyCount(STEP, "went:", 1),
    ]
    assert await book.sums(0) == [
        JourneyCount(JourneyPlace("other", 3), "came", 1),
        JourneyCount(journey, "came", 2),
    ]


async def test_old_runs_and_counts_are_let_go(store: Store) -> None:
    """With history; who is still on a journey stays."""
    rows = [run("a", ended_ms=NOW_MS, outcome="completed"), run("b"),
            run("c", ended_ms=NOW_MS + 2 * DAY_MS, outcome="completed")]  # fmt: skip
    days = {(TODAY, STEP): {"came": 1}, (TODAY + 2, STEP): {"came": 1}}
    await store.commit(effects(1, runs={r.run_id: r for r in rows}, journey_days=days))
    await store.history.prune(NOW_MS + 3 * DAY_MS, NOW_MS + DAY_MS, 100)

    left = [r for name in "abc" for r in await store.runs.of(f"p-{name}")]
    assert [r.run_id for r in left] == ["b", "c"]
    assert await store.journeys.counts(0, "welcome") == [JourneyCount(STEP, "came", 1)]


async def test_message_of_a_stopped_campaign_is_judged_with_its_switch(store: Store) -> None:
    """The claim's own transaction reads the switch: no message slips in between."""
    await with_message(store)
    seen: list[Control | None] = []

    def look(facts: ClaimFacts) -> Verdict:
        seen.append(facts.control)
        return holds(facts)

    stop = await store.journeys.steer(act("stop"), lambda c: turned(c, "stop", "hold", NOW_MS))
    await store.claim(message().message_id, look, NOW_MS)

    assert stop is not None
    assert seen == [stop[1]]
