"""What every store promises of calls to other systems."""

from typing import Any

import pytest
from msgspec import structs

from contract.store_kit import LATER_MS, effects
from fencepost_gateway.decide.calls import Call, Reply, reply_to
from fencepost_gateway.intake.records import Answered
from fencepost_gateway.ports import RunRow, Store
from gateway.batches import MINUTE_MS, NOW_MS, user, visitor

LEASE_MS = 60_000


def call(call_id: str = "c-1", source_id: str = "tickets", **more: Any) -> Call:
    """Give a look-up that a run waits for."""
    known: dict[str, Any] = {
        "run_id": f"run-{call_id}",
        "person_id": visitor(),
        "campaign_id": "first-class",
        "step_id": "ask",
        "kind": "look_up",
        "asked_ms": NOW_MS,
        "fills": {"event.town": "Ulm"},
    }
    return Call(call_id, source_id=source_id, **known | more)


def webhook(call_id: str = "w-1", **more: Any) -> Call:
    """Give a webhook that nobody waits for."""
    body = {"type": "journey.step", "data": {"values": [1, "a"]}}
    return call(call_id, **{"kind": "webhook", "body": body, "waits": False, **more})


async def asked(store: Store, *calls: Call, at_ms: int = NOW_MS) -> None:
    """Commit what a step asks for."""
    await store.commit(effects(0, now_ms=at_ms, calls=list(calls)))


async def taken(store: Store, now_ms: int = NOW_MS, **room: int) -> list[tuple[str, int]]:
    """Take what is due; gives ids and attempts."""
    found = await store.calls.take(now_ms, room or {"tickets": 10}, LEASE_MS)
    return [(each.call.call_id, each.attempt) for each in found]


def said(one: Call, attempt: int = 1, **more: Any) -> Reply:
    """Give an answer."""
    return reply_to(one, NOW_MS + 5, attempt, **({"value": {"left": 3}} | more))


async def in_log(store: Store) -> list[Answered]:
    """Give the answers in the log."""
    rows = await store.read_log(0, 100)
    return [row.record for row in rows if isinstance(row.record, Answered)]


async def test_call_is_due_from_the_commit_of_its_step(store: Store) -> None:
    """What is asked stands in the store with everything else of the step, and comes back whole."""
    one, other = call(), webhook("c-0", asked_ms=NOW_MS - 1)
    await asked(store, one, other)

    assert await store.calls.sources(NOW_MS - 1) == []
    assert await store.calls.sources(NOW_MS) == ["tickets"]
    assert await store.calls.next_due_ms() == NOW_MS
    found = await store.calls.take(NOW_MS, {"tickets": 10}, LEASE_MS)
    assert [each.call for each in found] == [other, one]
    assert {(each.attempt, each.begun_ms) for each in found} == {(1, NOW_MS)}


async def test_the_same_call_again_is_not_asked_twice(store: Store) -> None:
    """The same effects once more leave a call as it is, leased or not."""
    await asked(store, call())
    await taken(store)
    await asked(store, structs.replace(call(), fills={}), at_ms=LATER_MS)

    assert await taken(store, NOW_MS + LEASE_MS - 1) == []
    (again,) = await store.calls.take(NOW_MS + LEASE_MS, {"tickets": 1}, LEASE_MS)
    assert again.call == call()


async def test_lease_holds_until_it_runs_out(store: Store) -> None:
    """Who holds it is alone; when it runs out the call is due again, under the next attempt."""
    await asked(store, call())
    found = [await taken(store, NOW_MS + after) for after in (0, LEASE_MS - 1, LEASE_MS)]

    assert found == [[("c-1", 1)], [], [("c-1", 2)]]
    assert await store.calls.next_due_ms() == NOW_MS + 2 * LEASE_MS


async def test_room_is_kept_for_each_source(store: Store) -> None:
    """As many of a source as there is room, the oldest first; none of one without."""
    await asked(store, call("c-3"), call("c-2"), at_ms=NOW_MS + 1)
    await asked(store, call("c-4"), call("w", "weather"), call("x", "crm"))

    assert await store.calls.sources(LATER_MS) == ["crm", "tickets", "weather"]
    assert sorted(await taken(store, LATER_MS, tickets=2, weather=5)) == [
        ("c-2", 1), ("c-4", 1), ("w", 1)
    ]  # fmt: skip
    assert await store.calls.sources(LATER_MS) == ["crm", "tickets"]


async def test_answer_ends_the_call_and_stands_in_the_log(store: Store) -> None:
    """Both in one commit, once: whoever comes second has lost the lease."""
    await asked(store, call())
    await taken(store)
    reply = said(call())
    found = [await store.calls.answer(reply, LATER_MS) for _ in range(2)]

    assert found == [True, False]
    assert await in_log(store) == [Answered(visitor(), reply, waits=True)]
    assert await store.calls.next_due_ms() is None
    assert await taken(store, LATER_MS + LEASE_MS) == []


async def test_answer_under_a_lost_lease_is_dropped(store: Store) -> None:
    """An answer counts under the lease it was made under, and no other."""
    await asked(store, call())
    await taken(store)
    await taken(store, NOW_MS + LEASE_MS)
    late = await store.calls.answer(said(call(), 1), LATER_MS)
    put_off = await store.calls.put_off("c-1", 1, "timeout", LATER_MS)

    assert (late, put_off, await in_log(store)) == (False, False, [])
    assert await store.calls.answer(said(call(), 2), LATER_MS)


async def test_put_off_call_is_due_later(store: Store) -> None:
    """It keeps count of its attempts, and of when it was asked for."""
    await asked(store, call())
    await taken(store)
    assert await store.calls.put_off("c-1", 1, "unavailable", LATER_MS)

    assert await taken(store, LATER_MS - 1) == []
    (found,) = await store.calls.take(LATER_MS, {"tickets": 1}, LEASE_MS)
    assert (found.attempt, found.begun_ms) == (2, NOW_MS)


async def test_leases_of_one_who_is_gone_are_given_back(store: Store) -> None:
    """All are due; the time of look-ups begins anew, that of webhooks goes on."""
    await asked(store, call(), call("c-2"), webhook())
    await store.calls.take(NOW_MS, {"tickets": 10}, LEASE_MS)
    await store.calls.put_off("c-2", 1, "unavailable", LATER_MS + 1)
    released = await store.calls.release(LATER_MS)
    found = await store.calls.take(LATER_MS + 1, {"tickets": 10}, LEASE_MS)

    assert released == 2
    assert sorted((t.call.call_id, t.attempt, t.begun_ms) for t in found) == [
        ("c-1", 2, LATER_MS), ("c-2", 2, LATER_MS), ("w-1", 2, NOW_MS)
    ]  # fmt: skip


async def test_webhook_that_failed_is_a_dead_letter(store: Store) -> None:
    """It is shown without what it tells, until it is tried again; nobody makes it by itself."""
    await asked(store, webhook(), webhook("w-2", source_id="crm"))
    await taken(store, NOW_MS, tickets=1, crm=1)
    for one in (webhook(), webhook("w-2", source_id="crm")):
        reply = said(one, value=None, failure="bad_status", status=404)
        assert await store.calls.answer(reply, LATER_MS)
    dead = await store.calls.dead("", 10)

    assert [(d.call_id, d.source_id, d.failure, d.dead_ms) for d in dead] == [
        ("w-1", "tickets", "bad_status", LATER_MS), ("w-2", "crm", "bad_status", LATER_MS)
    ]  # fmt: skip
    assert [each.waits for each in await in_log(store)] == [False, False]
    assert (await store.calls.dead("w-1", 10), await store.calls.dead("", 1)) == (
        dead[1:],
        dead[:1],
    )
    assert (await store.calls.next_due_ms(), await store.calls.release(LATER_MS)) == (None, 0)
    assert await taken(store, LATER_MS + LEASE_MS) == []


@pytest.mark.parametrize(
    ("which", "moved"),
    [({}, {"w-1", "w-2"}), ({"call_id": "w-1"}, {"w-1"}), ({"source_id": "crm"}, {"w-2"})],
)
async def test_dead_letters_are_tried_again(
    store: Store, which: dict[str, str], moved: set[str]
) -> None:
    """One, those of a source, or all; their time begins anew, their id stays."""
    calls = (webhook(), webhook("w-2", source_id="crm"))
    await asked(store, *calls)
    await taken(store, NOW_MS, tickets=1, crm=1)
    for one in calls:
        await store.calls.answer(said(one, failure="bad_status"), NOW_MS)

    assert await store.calls.redrive(LATER_MS, **which) == len(moved)
    found = await store.calls.take(LATER_MS, {"tickets": 5, "crm": 5}, LEASE_MS)
    assert {(t.call.call_id, t.attempt, t.begun_ms) for t in found} == {
        (name, 2, LATER_MS) for name in moved
    }
    assert {d.call_id for d in await store.calls.dead("", 9)} == {"w-1", "w-2"} - moved


async def test_old_dead_letters_are_let_go(store: Store) -> None:
    """Some at a time; what still waits is never let go."""
    calls = [webhook(f"w-{n}") for n in range(3)]
    await asked(store, *calls, call())
    await store.calls.take(NOW_MS, {"tickets": 10}, LEASE_MS)
    for n, one in enumerate(calls):
        await store.calls.answer(said(one, failure="bad_status"), NOW_MS + n)
    gone = [await store.calls.prune(NOW_MS + 2, 1) for _ in range(3)]

    assert gone == [1, 1, 0]
    assert [d.call_id for d in await store.calls.dead("", 9)] == ["w-2"]
    assert await store.calls.next_due_ms() == NOW_MS + LEASE_MS


async def test_look_up_of_a_run_that_ended_is_dropped(store: Store) -> None:
    """Nobody waits for it; what a webhook tells is told all the same."""
    one, hook = call(run_id="run"), webhook(run_id="run")
    await asked(store, one, hook)
    row = RunRow(
        "run", visitor(), "first-class", 1, "ask", NOW_MS, None, NOW_MS, LATER_MS, "exited"
    )
    await store.commit(effects(1, runs={"run": row}))

    assert await taken(store) == [("w-1", 1)]


async def test_call_that_was_answered_elsewhere_is_dropped(store: Store) -> None:
    """As in a backtest, where the answer is on record; a dead letter stays."""
    await asked(store, call(), webhook())
    await store.calls.take(NOW_MS, {"tickets": 10}, LEASE_MS)
    await store.calls.answer(said(webhook(), failure="bad_status"), NOW_MS)
    await store.commit(effects(5, answered=["c-1", "w-1"]))

    assert await store.calls.next_due_ms() is None
    assert [d.call_id for d in await store.calls.dead("", 9)] == ["w-1"]


async def test_calls_go_with_their_person(store: Store) -> None:
    """A visitor who turns out to be somebody else takes along what is asked for them."""
    await asked(store, call(), webhook())
    await store.commit(effects(1, merges=[(visitor(), user("u1"))]))
    found = await store.calls.take(NOW_MS + MINUTE_MS, {"tickets": 10}, LEASE_MS)
    await store.calls.answer(said(call()), NOW_MS + MINUTE_MS)

    assert {each.call.person_id for each in found} == {user("u1")}
    assert [each.person_id for each in await in_log(store)] == [user("u1")]


async def test_calls_survive_a_failed_commit_unchanged(store: Store) -> None:
    """Effects that cannot be written leave no call behind."""
    broken: Any = object()
    with pytest.raises(TypeError):
        await store.commit(effects(0, calls=[call(), structs.replace(call("c-2"), body=broken)]))

    assert await store.calls.next_due_ms() is None
