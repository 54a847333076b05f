"""Trials: what is on trial, and what it would have done, apart from everything else."""

from __future__ import annotations

from msgspec import structs

from contract.store_kit import rooms
from fencepost_gateway.decide.caps import Slot
from fencepost_gateway.decide.message import Message
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.decide.twin import Twin
from fencepost_gateway.intake.records import TrialBegun, TrialTold
from fencepost_gateway.ports import (
    DocumentRow,
    Effects,
    RecordRow,
    Store,
    TrialRow,
    TrialSum,
    TrialVerdict,
)
from gateway.batches import NOW_MS

ROW = DocumentRow("journey", "j", 1, b'{"kind":"journey"}', NOW_MS, NOW_MS)


def message(message_id: str, person_id: str = "p1") -> Message:
    """Make a message on trial."""
    return Message(
        message_id=message_id,
        group_id=message_id,
        run_id="r1",
        campaign_id="j",
        campaign_version=1,
        person_id=person_id,
        channels=("in_app",),
        cause=Cause("s1", "event", "viewed", NOW_MS),
        entered_ms=NOW_MS,
        expires_at_ms=NOW_MS + 1_000,
        mark="shadow",
    )


def record(person_id: str = "p1", **body: str) -> RecordRow:
    """Make a record of a trial."""
    told = {"campaign_id": "j", "outcome": "entered", **body}
    return RecordRow(0, NOW_MS, person_id, "step", "r1", told)


async def wanted(store: Store, *messages: Message) -> None:
    """Let messages be wanted on trial."""
    await store.commit(Effects(1, NOW_MS, trial_messages=list(messages)))


async def test_nothing_is_on_trial_at_first(store: Store) -> None:
    """An empty store has no trial."""
    assert await store.trials.current() == TrialRow()
    assert await store.trials.sums() == []


async def test_trial_is_numbered_and_told_to_the_log(store: Store) -> None:
    """Each has the next number, whatever the row says; the log tells when it begins."""
    wish = TrialRow(7, "draft", 5_000, 0, [ROW])
    assert await store.trials.begin(wish, NOW_MS) == 1
    assert await store.trials.begin(structs.replace(wish, mode="shadow"), NOW_MS + 1) == 2
    found = [each.record for each in await store.read_log(0, 10)]

    assert await store.trials.current() == TrialRow(2, "shadow", 5_000, NOW_MS + 1, [ROW])
    assert found == [TrialBegun(1), TrialBegun(2)]


async def test_due_on_trial_goes_by_priority_then_cause_then_id(store: Store) -> None:
    """As in earnest."""
    y, z = message("y"), structs.replace(message("z"), priority=90)
    y = structs.replace(y, cause=structs.replace(y.cause, at_ms=NOW_MS - 1))
    await wanted(store, message("b"), message("a"), y, z)

    assert await store.trials.due(NOW_MS, 10) == ["z", "y", "a", "b"]


async def test_message_is_due_until_it_is_judged(store: Store) -> None:
    """A deferral is due when it says; an end is written once, and told to the log."""
    await wanted(store, message("m1"), message("m2"))
    assert await store.trials.due(NOW_MS, 10) == ["m1", "m2"]
    assert await store.trials.due(NOW_MS, 1) == ["m1"]
    later = TrialVerdict("m1", "deferred", [record(outcome="deferred")], NOW_MS + 9, 50)
    told = TrialTold(1, NOW_MS, "p1")
    ended = TrialVerdict("m2", "sent", [], content={"text": "x"}, channel="sms", told=told)
    assert await store.trials.judged(later, NOW_MS)
    assert await store.trials.judged(ended, NOW_MS)
    again = await store.trials.judged(ended, NOW_MS)
    facts = await store.trials.peek("m1")
    shown = {m.message.message_id: m for m in await store.trials.messages_of("p1")}

    assert not again
    assert await store.trials.due(NOW_MS + 8, 10) == []
    assert await store.trials.due(NOW_MS + 9, 10) == ["m1"]
    assert facts is not None
    assert facts.ahead_ms == 50
    assert [each.record for each in await store.read_log(0, 10)] == [told]
    assert (shown["m2"].state, shown["m2"].channel) == ("sent", "sms")
    assert shown["m2"].content == {"text": "x"}
    assert shown["m1"].content is None


async def test_wanted_again_is_left_as_it_is(store: Store) -> None:
    """Ids come from the cause: a message that was judged is not due once more."""
    await wanted(store, message("m1"))
    await store.trials.judged(TrialVerdict("m1", "withheld", []), NOW_MS)
    await wanted(store, message("m1"))

    assert await store.trials.due(NOW_MS, 10) == []


async def test_what_claims_sends_and_reports_knows_nothing_of_it(store: Store) -> None:
    """No message, claim, record, slot or count of the live gateway comes of a trial."""
    await wanted(store, message("m1"))
    slot = Slot("m1", "m1", "p1", "in_app", "marketing", "j", (), NOW_MS)
    await store.trials.judged(TrialVerdict("m1", "sent", [record()], slot=slot), NOW_MS)

    def never(_facts: object) -> None:
        raise AssertionError("a trial reaches no claim")

    assert await store.due(NOW_MS + 1_000, rooms(10)) == []
    assert await store.peek("m1") is None
    assert await store.claim("m1", never, NOW_MS) is None  # type: ignore[arg-type] # never called
    assert await store.messages("", 10) == []
    assert await store.records(0, 10) == []
    assert await store.next_due_ms() is None
    assert (await store.people.holdings("p1")).slots == ()


async def test_slots_of_a_trial_are_seen_by_it_alone(store: Store) -> None:
    """Its next message is judged with the slots that it would have taken."""
    slot = Slot("m1", "m1", "p1", "in_app", "marketing", "j", (), NOW_MS)
    await wanted(store, message("m1"), message("m2"), message("m3", "p2"))
    await store.trials.judged(TrialVerdict("m1", "sent", [], slot=slot), NOW_MS)
    mine, other = await store.trials.peek("m2"), await store.trials.peek("m3")

    assert mine is not None
    assert other is not None
    assert mine.facts.slots == (slot,)
    assert other.facts.slots == ()


async def test_sums_count_times_and_persons(store: Store) -> None:
    """By campaign, kind, outcome, reason and channel."""
    records = [record(), record(), record("p2"), record(outcome="not_entered", reason="no")]
    await store.commit(Effects(1, NOW_MS, trial_records=records))

    assert await store.trials.sums() == [
        TrialSum("j", "step", "entered", "", "", 3, 2),
        TrialSum("j", "step", "not_entered", "no", "", 1, 1),
    ]


async def test_records_of_one_are_in_order(store: Store) -> None:
    """The records of a person, oldest first, and of nobody else."""
    found = [record(reason="1"), record("p2"), record(reason="2")]
    await store.commit(Effects(1, NOW_MS, trial_records=found))

    assert [r.body["reason"] for r in await store.trials.records_of("p1")] == ["1", "2"]


async def test_trial_that_begins_finds_nothing(store: Store) -> None:
    """Nothing is left of the trial before: messages, records, counts; live counts stay."""
    counts = {("~j", "total"): 3, ("j", "total"): 4}
    effects = Effects(1, NOW_MS, tallies=counts, trial_records=[record()])
    effects.trial_messages.append(message("m1"))
    await store.commit(effects)
    await store.commit(Effects(2, NOW_MS, trial_begins=True))

    assert await store.trials.due(NOW_MS, 10) == []
    assert await store.trials.sums() == []
    assert await store.broadcasts.tallies() == {("j", "total"): 4}


async def test_visitor_brings_their_trial_along(store: Store) -> None:
    """Messages and records of a visitor are the person's once they are known."""
    twin = Twin(1, changed={"a": 1}, due_ms=NOW_MS)
    effects = Effects(1, NOW_MS, trial_records=[record("v1")])
    effects.persons["v1"] = Person("v1", twin=twin)
    effects.trial_messages.append(message("m1", "v1"))
    await store.commit(effects)
    merged = Effects(2, NOW_MS, merges=[("v1", "p1")])
    merged.persons["p1"] = Person("p1", twin=twin)
    await store.commit(merged)
    facts = await store.trials.peek("m1")

    assert facts is not None
    assert facts.facts.message.person_id == "p1"
    assert facts.facts.person.twin == twin
    assert len(await store.trials.records_of("p1")) == 1


async def test_what_came_of_a_trial_is_let_go_of_as_history_is(store: Store) -> None:
    """Records and ended messages from before the horizon go; what is still open stays."""
    await store.commit(Effects(1, NOW_MS, trial_records=[record()]))
    await wanted(store, message("m1"), message("m2"))
    await store.trials.judged(TrialVerdict("m1", "withheld", [], due_ms=NOW_MS), NOW_MS)
    kept = await store.history.prune(NOW_MS, NOW_MS, 10)
    gone = await store.history.prune(NOW_MS + 1, NOW_MS + 1, 10)

    assert (kept, gone) == (0, 2)
    assert await store.trials.records_of("p1") == []
    assert [m.message.message_id for m in await store.trials.messages_of("p1")] == ["m2"]
