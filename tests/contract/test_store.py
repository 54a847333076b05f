"""What every store promises: each sentence of ``ports.Store`` has its test."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import structs

from contract.store_kit import (
    REF,
    SECRET,
    address,
    claimed,
    defers,
    effects,
    ended,
    facts_of,
    message,
    record,
    sends,
    settles,
    slot_of,
    transition,
    unwritable_upload,
    upload,
    watching,
    withholds,
)
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import ClaimFacts, Verdict
from fencepost_gateway.decide.person import Person
from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.intake.admit import Admission, AdmitFacts
from fencepost_gateway.intake.records import Outcome, Published, Record, TimerFired, Upload
from fencepost_gateway.intake.statement import ConsentChange
from fencepost_gateway.ports import (
    LEASE_MS,
    AdmitRequest,
    DeviceSeen,
    DocumentRow,
    Effects,
    Store,
    Timer,
)
from gateway.batches import DAY_MS, MINUTE_MS, NOW_MS, consent, event, user, visitor

LATER_MS = NOW_MS + MINUTE_MS


async def values_of(store: Store, person_id: str) -> dict[str, str]:
    """Give a person's statements as the door reads them."""
    seen: list[Sequence[ConsentEntry]] = []

    def look(facts: AdmitFacts) -> Admission:
        seen.append(list(facts.consents(facts.resolve(person_id))))
        return Admission(None, facts.marks, [], [], [])

    await store.admit(AdmitRequest("onlooker", SECRET, "s", look, NOW_MS))
    return {e.purpose: e.value for e in seen[0]}


async def uploads(store: Store) -> list[list[int]]:
    """Give the seqs of every upload in the log."""
    found = [r.record for r in await store.read_log(0, 1000)]
    return [[e.seq for e in u.events] for u in found if isinstance(u, Upload)]


async def with_message(store: Store, *ids: str) -> None:
    """Put messages of the visitor into the store, with a phone number."""
    wanted = [message(i) for i in ids or ("m-1",)]
    await store.commit(effects(0, *wanted, addresses=[address(visitor())]))


async def linked(store: Store) -> None:
    """Let the visitor become u42 at the door; the pipeline has not seen it yet."""
    await store.admit(upload(event(90, "identify", user_id="u42")))


async def merged(store: Store) -> None:
    """Let the visitor become u42, all the way."""
    await linked(store)
    await store.commit(effects(await store.position(), merges=[(visitor(), user("u42"))]))


# ---- admit ---------------------------------------------------------------------------------


async def test_admit_appends_what_was_accepted(store: Store) -> None:
    """An accepted event stands in the log when the call returns, as it was sent."""
    admission = await store.admit(upload(event(1, props={"value": [1.5, {"a": None}]}), event(3)))

    assert admission is not None
    assert admission.accepted == [[1, 1], [3, 3]]
    (row,) = await store.read_log(0, 10)
    assert (row.position, row.appended_ms) == (1, NOW_MS)
    assert row.record == admission.upload


async def test_admit_refuses_another_secret(store: Store) -> None:
    """A device that is known with another secret gets None, and nothing of the batch is there."""
    await store.admit(upload(event(1)))

    assert await store.admit(upload(event(2), secret=b"x" * 32)) is None
    assert await uploads(store) == [[1]]


async def test_admit_keeps_the_first_secret_of_a_batch_without_a_good_event(store: Store) -> None:
    """A device is known from its first batch on, even if nothing in it could be taken."""
    await store.admit(upload(event(1, "nonsense")))

    assert await store.admit(upload(event(2), secret=b"x" * 32)) is None
    assert await store.person_of_device("device-1", SECRET) == visitor()


async def test_admit_knows_duplicates_across_calls(store: Store) -> None:
    """A seq that was decided before is a duplicate; the same seq of another stream is not."""
    await store.admit(upload(event(1), event(2)))
    again = await store.admit(upload(event(2), event(3)))
    other = await store.admit(upload(event(2), stream="stream-2"))

    assert again is not None
    assert other is not None
    assert [(o.seq, o.verdict) for o in again.others] == [(2, "duplicate")]
    assert other.others == []
    assert await uploads(store) == [[1, 2], [3], [2]]


async def test_streams_of_one_device_are_marked_apart(store: Store) -> None:
    """An installation that begins a new stream numbers from one again; nothing of it is lost."""
    first = await store.admit(upload(event(1), event(2), stream="before"))
    second = await store.admit(upload(event(1), stream="after"))

    assert first is not None
    assert second is not None
    assert (first.accepted, second.accepted) == ([[1, 2]], [[1, 1]])


async def test_a_gap_stays_open_whatever_the_device_says_of_itself(store: Store) -> None:
    """What a device says is its oldest event decides nothing: a batch that was held back counts."""
    await store.admit(upload(event(3), oldest_seq=3))
    held_back = await store.admit(upload(event(1), event(2), oldest_seq=1))

    assert held_back is not None
    assert held_back.accepted == [[1, 2]]


async def test_admit_remembers_marks_of_rejected_events(store: Store) -> None:
    """The mark covers what was rejected too: it is written with the batch."""
    await store.admit(upload(event(1, "nonsense")))
    again = await store.admit(upload(event(1)))

    assert again is not None
    assert [(o.seq, o.verdict) for o in again.others] == [(1, "duplicate")]


async def test_admit_that_raises_leaves_nothing(store: Store) -> None:
    """A batch whose judgement fails leaves no mark, no device and no record."""

    def fails(facts: AdmitFacts) -> Admission:
        facts.marks.add(1)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await store.admit(AdmitRequest("device-1", b"x" * 32, "stream-1", fails, NOW_MS))
    admission = await store.admit(upload(event(1)))

    assert admission is not None
    assert admission.accepted == [[1, 1]]


async def test_admit_that_cannot_be_written_leaves_nothing(store: Store) -> None:
    """Consent rows, link and marks are in the commit of the log record, or not at all."""

    def unwritable(facts: AdmitFacts) -> Admission:
        facts.marks.add(1)
        entry = ConsentEntry("marketing", "y", NOW_MS)
        change = ConsentChange(visitor(), entry, "u", {"method": "toggle"})
        broken = unwritable_upload()
        return Admission(broken, facts.marks, [[1, 1]], [], [change], (visitor(), user("u42")))

    with pytest.raises(TypeError):
        await store.admit(AdmitRequest("device-1", SECRET, "stream-1", unwritable, NOW_MS))
    admission = await store.admit(upload(event(1)))

    assert admission is not None
    assert admission.accepted == [[1, 1]]
    assert admission.person_id == visitor()
    assert await values_of(store, visitor()) == {}
    assert [r.position for r in await store.read_log(0, 10)] == [1]


async def test_admit_of_an_empty_batch_leaves_no_trace(store: Store) -> None:
    """A batch without events writes nothing."""
    await store.admit(upload())

    assert await store.read_log(0, 10) == []
    assert await store.person_of_device("device-1", SECRET) is None


async def test_consent_rules_the_next_claim_when_admit_returns(store: Store) -> None:
    """A statement is where the claim reads it before the upload is answered."""
    await with_message(store)
    await store.admit(upload(consent(1, marketing="y")))
    await store.admit(upload(consent(2, LATER_MS + 10 * MINUTE_MS, marketing="n")))

    seen: list[ClaimFacts] = []
    await store.claim("m-1", watching(sends(), seen), NOW_MS)
    assert [(e.purpose, e.value) for e in seen[0].consents] == [("marketing", "n")]


async def test_consent_keeps_whose_clock_it_was(store: Store) -> None:
    """Who said it is kept with the statement: one device's second word is later than its first."""
    await with_message(store)
    await store.admit(upload(consent(1, marketing="n")))
    await store.admit(upload(consent(2, NOW_MS + 1, marketing="y")))
    from_one = [e.value for e in (await facts_of(store)).consents]
    await store.admit(upload(consent(1, NOW_MS + 2, marketing="n"), device_id="device-2"))
    await store.admit(upload(consent(3, NOW_MS + 3, marketing="y")))

    assert from_one == ["y"]
    assert [e.value for e in (await facts_of(store)).consents] == ["n"]


async def test_consent_of_a_linked_visitor_is_the_strictest(store: Store) -> None:
    """When a visitor becomes somebody known, the stricter statement of the two stands."""
    await store.admit(
        upload(consent(1, marketing="y", profiling="y"), anonymous_id="a-2", user_id="u42")
    )
    await store.admit(upload(consent(2, marketing="n", share="y")))
    await linked(store)

    assert await values_of(store, visitor()) == {
        "marketing": "n",
        "profiling": "y",
        "share": "y",
    }


async def test_messages_of_a_linked_visitor_are_judged_with_both_halves(store: Store) -> None:
    """Before the pipeline merges, a claim already sees consents, addresses and slots of both."""
    await with_message(store)
    await claimed(store)
    there = message("m-2", user("u42"))
    await store.commit(effects(0, there, addresses=[address(user("u42"), "ref-2", LATER_MS)]))
    await store.admit(upload(consent(1, marketing="n"), anonymous_id="a-2", user_id="u42"))
    await linked(store)

    facts = await facts_of(store, "m-2")
    assert [a.ref for a in facts.addresses if a.channel == "sms"] == ["ref-2", REF]
    assert [s.slot_id for s in facts.slots] == ["m-1"]
    assert [e.value for e in facts.consents] == ["n"]
    await store.commit(effects(0, message("m-3")))
    seen: list[ClaimFacts] = []
    await store.claim("m-3", watching(withholds, seen), NOW_MS)
    assert seen[0].consents == facts.consents


# ---- the log -------------------------------------------------------------------------------


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


# ---- the pipeline's commit -----------------------------------------------------------------


async def test_position_moves_with_the_effects(store: Store) -> None:
    """A new store stands at 0; a commit moves the position."""
    before = await store.position()
    await store.commit(effects(7))

    assert (before, await store.position()) == (0, 7)


async def test_commit_that_cannot_be_written_leaves_nothing(store: Store) -> None:
    """Effects and position are one commit: one bad row, and none of them is there."""
    broken = record("run-1")
    broken.body["oops"] = object()
    bad = effects(
        9,
        message(),
        persons={"p": Person("p")},
        tracks={"d": b"1"},
        addresses=[address(visitor())],
        timers={"d": Timer("d", "p", NOW_MS)},
        records=[record("run-0"), broken],
    )

    with pytest.raises(TypeError):
        await store.commit(bad)
    assert await store.position() == 0
    assert await store.persons(["p"]) == {}
    assert await store.tracks(["d"]) == {}
    assert await store.due(NOW_MS, 10) == []
    assert await store.fire_timers(NOW_MS, 10) == 0
    assert await store.records(0, 10) == []


async def test_fence_days_add_up_by_fence(store: Store) -> None:
    """Counts are added to those of the day, and given from a day on, of all fences or of some."""
    await store.commit(effects(1, fence_days={(7, "a"): {"enter": 1}, (8, "b"): {"exit": 2}}))
    more = {(7, "a"): {"flap": 1}, (8, "a"): {"enter": 2, "decided": 9}, (8, "b"): {"exit": 3}}
    await store.commit(effects(2, fence_days=more))

    assert await store.fence_days(7) == {
        "a": {"enter": 3, "flap": 1, "decided": 9},
        "b": {"exit": 5},
    }
    assert await store.fence_days(8, {"a", "c"}) == {"a": {"enter": 2, "decided": 9}}
    assert await store.fence_days(0, []) == {}
    assert await store.fence_days(9) == {}


async def test_fence_days_are_counted_once_for_a_position(store: Store) -> None:
    """Effects that come again, after a crash between commit and answer, count nothing twice."""
    once = effects(3, fence_days={(7, "a"): {"enter": 1}})
    await store.commit(once)
    await store.commit(once)

    assert await store.fence_days(0) == {"a": {"enter": 1}}


async def test_fence_days_are_in_the_commit_of_the_position_or_not_at_all(store: Store) -> None:
    """What could not be committed has counted nothing, and counts when it comes again."""
    broken = record("run-1")
    broken.body["oops"] = object()
    counted: dict[tuple[int, str], dict[str, int]] = {(7, "a"): {"enter": 1}}
    with pytest.raises(TypeError):
        await store.commit(effects(3, fence_days=counted, records=[broken]))
    before = await store.fence_days(0)
    await store.commit(effects(3, fence_days=counted))

    assert before == {}
    assert await store.fence_days(0) == {"a": {"enter": 1}}


async def test_persons_and_tracks_come_back_as_they_were_committed(store: Store) -> None:
    """Of the ids asked for those that exist are given, in their newest form."""
    person = Person("p", user_id="u", attributes={"tier": "plus"})
    person.remember("opened", NOW_MS, {"n": [1]})
    await store.commit(effects(1, persons={"p": Person("p")}, tracks={"d": b"1"}))
    await store.commit(effects(2, persons={"p": person}, tracks={"d": b"2", "e": b"3"}))

    assert await store.persons(["p", "q"]) == {"p": person}
    assert await store.tracks(["d", "x"]) == {"d": b"2"}


async def test_nobody_shares_state_with_the_store(store: Store) -> None:
    """Changing what was handed in or given out changes nothing in the store."""
    person = Person("p", attributes={"tags": ["a"]})
    await store.commit(effects(1, persons={"p": person}))
    person.attributes["tags"].append("b")
    given = (await store.persons(["p"]))["p"]
    given.attributes["tags"].append("c")

    assert (await store.persons(["p"]))["p"].attributes == {"tags": ["a"]}


async def test_commit_leaves_a_message_that_exists_as_it_is(store: Store) -> None:
    """Ids come from the cause, so a repeated message is the same message: no second send."""
    await with_message(store)
    found = await claimed(store)
    await ended(store, found, "sent")
    await with_message(store)

    assert await store.due(LATER_MS, 10) == []
    assert (await store.counts())["sent"] == 1


async def test_address_appears_changes_and_goes(store: Store) -> None:
    """The claim sees the addresses that are there, newest first, and the person's own SDK."""
    both = [address(visitor(), "old"), address(visitor(), "new", LATER_MS)]
    await store.commit(effects(0, message(), addresses=both))
    with_both = [a.ref for a in (await facts_of(store)).addresses]
    gone = [gone_address(both[1])]
    await store.commit(effects(0, addresses=gone))

    assert with_both == ["new", "old", "in_app"]
    assert [a.ref for a in (await facts_of(store)).addresses] == ["old", "in_app"]


def gone_address(change: Any) -> Any:
    """Give the disappearance of an address."""
    return type(change)(
        change.person_id, change.channel, change.ref, None, change.device_id, LATER_MS
    )


# ---- merging -------------------------------------------------------------------------------


async def test_resolve_knows_a_visitor_once_the_pipeline_has_merged(store: Store) -> None:
    """Linked at the door is not merged yet: the pipeline moves the rows."""
    await linked(store)
    before = await store.resolve([visitor()])
    await merged(store)

    assert before == {}
    assert await store.resolve([visitor(), "nobody"]) == {visitor(): user("u42")}


async def test_merge_moves_person_addresses_and_messages(store: Store) -> None:
    """Rows of the visitor become the known person's."""
    await with_message(store)
    await store.commit(effects(0, persons={visitor(): Person(visitor())}))
    await merged(store)

    facts = await facts_of(store)
    assert await store.persons([visitor()]) == {}
    assert facts.message.person_id == user("u42")
    assert facts.person.person_id == user("u42")
    assert [a.ref for a in facts.addresses] == [REF, "in_app"]


async def test_merge_makes_one_of_an_address_that_both_have(store: Store) -> None:
    """The same number known twice is one number afterwards, known since the earlier moment."""
    both = [address(visitor()), address(user("u42"), at_ms=NOW_MS - 5)]
    await store.commit(effects(0, message(), addresses=both))
    await merged(store)

    there, _ = (await facts_of(store)).addresses
    assert (there.ref, there.since_ms) == (REF, NOW_MS - 5)


async def test_merge_adds_cap_counters(store: Store) -> None:
    """Slots move with the visitor, so two halves of a person share one cap."""
    await store.commit(effects(0, message("m-1"), message("m-2", user("u42"))))
    await claimed(store, "m-1")
    await claimed(store, "m-2")
    await merged(store)
    await store.commit(effects(0, message("m-3", user("u42"))))

    facts = await facts_of(store, "m-3")
    assert [s.slot_id for s in facts.slots] == ["m-1", "m-2"]
    assert {s.person_id for s in facts.slots} == {user("u42")}


async def test_merge_moves_inbox_records_and_timers(store: Store) -> None:
    """What waits for the visitor waits for the known person."""
    timer = Timer("device-1", visitor(), NOW_MS)
    rows = [record("run-1")]
    await store.commit(effects(0, message(), records=rows, timers={"device-1": timer}))
    await shown(store)
    await merged(store)
    await store.fire_timers(NOW_MS, 10)

    known = user("u42")
    assert [r.message_id for r in await store.inbox(known, 0, NOW_MS)] == ["m-1"]
    assert await store.inbox(visitor(), 0, NOW_MS) == []
    assert await store.records(0, 10, person_id=visitor()) == []
    assert {r.person_id for r in await store.records(0, 10, subject="run-1")} == {known}
    last = (await store.read_log(0, 100))[-1].record
    assert isinstance(last, TimerFired)
    assert last.person_id == known


async def test_a_call_that_ends_after_the_merge_ends_for_the_known_person(store: Store) -> None:
    """A message on its way when its visitor is merged is settled where it belongs now."""
    await with_message(store)
    found = await claimed(store)
    await merged(store)
    await ended(store, found, "gone")
    await store.commit(effects(0, message("m-2", user("u42"))))

    facts = await facts_of(store, "m-2")
    assert facts.slots == ()
    assert [a.ref for a in facts.addresses] == ["in_app"]


# ---- timers --------------------------------------------------------------------------------


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


# ---- what is due ---------------------------------------------------------------------------


async def test_due_goes_by_priority_then_time_then_id(store: Store) -> None:
    """The more important message is first; of equals the older; of those the smaller id."""
    await store.commit(effects(0, message("b"), message("a"), message("z", priority=90)))
    await store.commit(effects(0, message("0"), now_ms=NOW_MS + 1))

    assert [d.message_id for d in await store.due(LATER_MS, 10)] == ["z", "a", "b", "0"]
    assert [d.message_id for d in await store.due(NOW_MS, 2)] == ["z", "a"]
    assert (await store.due(LATER_MS, 1))[0].priority == 90


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


# ---- claim ---------------------------------------------------------------------------------


async def test_peek_reads_what_a_claim_reads(store: Store) -> None:
    """Rendering sees the same facts as judging."""
    await with_message(store, "m-0", "m-1")
    await store.admit(upload(consent(1, marketing="y")))
    await store.commit(effects(0, persons={visitor(): Person(visitor(), user_id="u")}))
    await claimed(store, "m-0")
    await store.suppress("sms", REF, "stop", NOW_MS)
    peeked = await store.peek("m-1")
    seen: list[ClaimFacts] = []
    await store.claim("m-1", watching(withholds, seen), NOW_MS)

    assert seen == [peeked]
    assert await store.peek("nothing") is None


async def test_claim_to_send_reserves_and_leases(store: Store) -> None:
    """The message is in ``sending`` with its slot reserved when the claim returns."""
    await with_message(store)
    found = await claimed(store)

    facts = await facts_of(store)
    assert (found.lease_token, found.attempt, found.message.message_id) == (1, 1, "m-1")
    assert facts.slots == (slot_of(found.message, NOW_MS),)
    assert facts.attempt == 1
    assert (await store.counts())["sending"] == 1


async def test_message_of_a_delivery_is_told(store: Store) -> None:
    """A delivery leads to its message; anything else leads nowhere."""
    await with_message(store)
    found = await claimed(store)

    assert await store.message_of(found.delivery_id) == "m-1"
    assert await store.message_of("nothing") is None


async def test_claim_needs_an_open_due_message(store: Store) -> None:
    """Unknown, not due, under way, ended: the judge is not even asked."""
    seen: list[ClaimFacts] = []
    judge = watching(sends(), seen)
    await with_message(store, "m-1", "m-2")
    answers = [await store.claim("nothing", judge, NOW_MS)]
    answers.append(await store.claim("m-1", judge, NOW_MS - 1))
    found = await claimed(store)
    answers.append(await store.claim("m-1", judge, NOW_MS))
    await ended(store, found, "sent")
    answers.append(await store.claim("m-1", judge, NOW_MS))
    await store.claim("m-2", withholds, NOW_MS)
    answers.append(await store.claim("m-2", judge, LATER_MS))

    assert answers == [None] * 5
    assert seen == []


async def test_claim_withheld_re_enters_the_log(store: Store) -> None:
    """The pipeline learns from the log that nothing will be sent."""
    await with_message(store)
    found = await store.claim("m-1", withholds, LATER_MS)

    assert found is not None
    assert (found.verdict.reason, found.delivery_id) == ("consent", "")
    (row,) = await store.read_log(0, 10)
    assert row.record == Outcome(
        "m-1", "run-m-1", "welcome", visitor(), "withheld", "consent", channel=""
    )
    assert row.appended_ms == LATER_MS
    assert (await store.counts())["withheld"] == 1


async def test_claim_deferred_is_due_later(store: Store) -> None:
    """A deferred message is open again when its time comes, and judged anew."""
    await with_message(store)
    await store.claim("m-1", defers(LATER_MS), NOW_MS)
    too_early = await store.claim("m-1", sends(), LATER_MS - 1)

    assert too_early is None
    assert await store.next_due_ms() == LATER_MS
    assert await store.read_log(0, 10) == []
    assert await store.claim("m-1", sends(), LATER_MS) is not None


async def test_claim_leaves_its_checks_as_a_record(store: Store) -> None:
    """Every claim, whatever its outcome, is a row of the message's decision record."""
    await with_message(store)
    await store.claim("m-1", defers(LATER_MS), NOW_MS)
    await store.claim("m-1", sends(LATER_MS), LATER_MS)

    rows = await store.records(0, 10, subject="m-1")
    assert [(r.kind, r.body["outcome"], r.at_ms) for r in rows] == [
        ("claim", "deferred", NOW_MS),
        ("claim", "send", LATER_MS),
    ]
    checks = [
        {"gate": "live", "ok": True, "channel": "", "reason": "", "inputs": {"until_ms": None}}
    ]
    assert rows[0].body["checks"] == checks


async def test_claim_that_raises_leaves_the_message_open(store: Store) -> None:
    """A judge that fails has judged nothing."""
    await with_message(store)

    def fails(_facts: ClaimFacts) -> Verdict:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await store.claim("m-1", fails, NOW_MS)
    assert await store.records(0, 10) == []
    assert [d.message_id for d in await store.due(NOW_MS, 10)] == ["m-1"]


async def test_claim_sees_the_emergency_stop(store: Store) -> None:
    """Stop and resume count from the next claim on."""
    await with_message(store)
    seen = []
    for on in (True, False):
        await store.set_emergency_stop(on=on)
        seen.append((await facts_of(store)).emergency_stop)

    assert seen == [True, False]


async def test_claims_at_once_are_judged_one_after_the_other(store: Store) -> None:
    """Each claim sees the slots of those before it: a cap of 3 lets 3 of 40 through."""
    names = [f"m-{n:02}" for n in range(40)]
    await with_message(store, *names)

    def capped(facts: ClaimFacts) -> Verdict:
        return withholds(facts) if len(facts.slots) >= 3 else sends()(facts)

    found = await asyncio.gather(*(store.claim(n, capped, NOW_MS) for n in names))

    assert sum(c.verdict.outcome == "send" for c in found if c) == 3


# ---- confirm -------------------------------------------------------------------------------


async def test_confirm_sent_keeps_the_slot_from_the_end_of_the_call(store: Store) -> None:
    """The slot counts from the end of the call; the outcome is a record and re-enters the log."""
    await with_message(store)
    found = await claimed(store)
    settlement = await ended(store, found, "sent", LATER_MS)

    (slot,) = (await facts_of(store)).slots
    assert settlement is not None
    assert (settlement.state, slot.state, slot.used_at_ms) == ("sent", "confirmed", LATER_MS)
    sent = Outcome("m-1", "run-m-1", "welcome", visitor(), "sent", "", "sms")
    sent.delivery_id = found.delivery_id
    assert [r.record for r in await store.read_log(0, 10)] == [sent]
    rows = await store.records(0, 10, subject="m-1")
    assert [(r.kind, r.at_ms) for r in rows] == [("claim", NOW_MS), ("outcome", LATER_MS)]
    assert (rows[1].body["state"], rows[1].body["slot"]) == ("sent", "confirmed")


@pytest.mark.parametrize("family", ["rejected", "misconfigured", "gone", "opted_out"])
async def test_confirm_refused_gives_the_slot_back(store: Store, family: str) -> None:
    """A definite refusal was no message: the cap does not count it."""
    await with_message(store)
    settlement = await ended(store, await claimed(store), family)

    assert settlement is not None
    assert settlement.state == "failed"
    assert (await facts_of(store)).slots == ()


async def test_confirm_unknown_keeps_the_slot_to_the_end_of_the_lease(store: Store) -> None:
    """What may have arrived counts, as if it had been sent at the lease's end."""
    await with_message(store)
    await ended(store, await claimed(store), "unknown", NOW_MS + 5)

    (slot,) = (await facts_of(store)).slots
    assert (slot.state, slot.used_at_ms) == ("kept_unknown", NOW_MS + LEASE_MS)
    assert (await store.counts())["unknown"] == 1


async def test_unshown_gives_the_slot_of_an_in_app_message_back(store: Store) -> None:
    """Only for the person's own message, and only in-app: an email was sent, whoever says what."""
    await with_message(store)
    found = await claimed(store)
    await ended(store, found, "sent")
    channel = found.verdict.channel
    await store.commit(effects(0, unshown=[("somebody else", found.delivery_id)]))
    kept = (await facts_of(store)).slots
    await store.commit(effects(0, unshown=[(visitor(), found.delivery_id)]))
    left = (await facts_of(store)).slots

    assert len(kept) == 1
    assert len(left) == (0 if channel == "in_app" else 1)


@pytest.mark.parametrize(
    ("family", "is_lost"),
    [("sent", False), ("rejected", False), ("gone", True), ("opted_out", True)],
)
async def test_confirm_says_in_the_log_which_address_is_of_no_use(
    store: Store,
    family: str,
    is_lost: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """The pipeline learns from the log alone whom a channel reaches no longer."""
    await with_message(store)
    found = await claimed(store)
    await ended(store, found, family)

    (row,) = await store.read_log(0, 10)
    assert isinstance(row.record, Outcome)
    assert found.verdict.address is not None
    assert row.record.delivery_id == found.delivery_id
    assert row.record.lost_ref == (found.verdict.address.ref if is_lost else "")


async def test_confirm_gone_removes_the_address(store: Store) -> None:
    """An address that no longer exists is gone in the confirm's commit, and only that one."""
    await with_message(store)
    await store.commit(effects(0, addresses=[address(visitor(), "older", NOW_MS - 1)]))
    await ended(store, await claimed(store), "gone")

    assert [a.ref for a in (await facts_of(store)).addresses] == ["older", "in_app"]


async def test_confirm_opted_out_suppresses_the_address(store: Store) -> None:
    """A provider's opt-out is a STOP, for whoever has that address."""
    await with_message(store)
    await ended(store, await claimed(store), "opted_out")
    await store.commit(effects(0, message("m-2", "p-2"), addresses=[address("p-2")]))

    (there, _) = (await facts_of(store, "m-2")).addresses
    assert there.suppressed == "stop"


async def test_confirm_unavailable_goes_back_into_the_queue(store: Store) -> None:
    """A retry is due at its time, its slot is free until then, its lease is a new one."""
    await with_message(store)
    first = await claimed(store)
    settlement = await ended(store, first, "unavailable")
    assert settlement is not None
    assert settlement.retry_at_ms is not None
    again = await claimed(store, now_ms=settlement.retry_at_ms)

    assert await store.read_log(0, 10) == []
    assert (again.delivery_id, again.lease_token, again.attempt) == (first.delivery_id, 2, 2)
    assert await ended(store, first, "sent") is None
    assert [s.state for s in (await facts_of(store)).slots] == ["open"]


async def test_confirm_tells_settle_the_number_of_the_attempt(store: Store) -> None:
    """The first attempt is number 1."""
    await with_message(store)
    found = await claimed(store)
    outcome, settlement = settles("sent")
    asked = []

    def asking(attempt: int) -> Any:
        asked.append(attempt)
        return settlement(attempt)

    await store.confirm(found.delivery_id, found.lease_token, outcome, asking, NOW_MS)

    assert asked[0] == 1


async def test_confirm_after_the_lease_was_lost_changes_nothing(store: Store) -> None:
    """Wrong token, unknown delivery, reconciled, confirmed twice: None, and nothing moves."""
    await with_message(store)
    found = await claimed(store)
    outcome, settlement = settles("sent")
    wrong_token = await store.confirm(found.delivery_id, 7, outcome, settlement, NOW_MS)
    nothing = await store.confirm("nothing", 1, outcome, settlement, NOW_MS)
    await store.reconcile(NOW_MS + LEASE_MS)
    before = await store.counts(), await store.records(0, 100), await facts_of(store)
    late = await ended(store, found, "rejected")

    assert (wrong_token, nothing, late) == (None, None, None)
    assert (await store.counts(), await store.records(0, 100), await facts_of(store)) == before


async def test_confirm_that_raises_leaves_the_lease(store: Store) -> None:
    """A confirm that fails can be made again."""
    await with_message(store)
    found = await claimed(store)
    outcome, settlement = settles("sent")
    unwritable = {"title": object()}

    with pytest.raises(TypeError):
        await store.confirm(found.delivery_id, 1, outcome, settlement, NOW_MS, inbox=unwritable)
    assert (await store.counts())["sending"] == 1
    assert await ended(store, found, "sent") is not None


# ---- reconcile -----------------------------------------------------------------------------


async def test_reconcile_ends_leases_that_ran_out_as_unknown(store: Store) -> None:
    """Nobody knows whether such a message arrived: it is never sent again, its slot stays."""
    await with_message(store, "m-1", "m-2")
    await claimed(store, "m-1")
    await claimed(store, "m-2", NOW_MS + 1)
    none_yet = await store.reconcile(NOW_MS + LEASE_MS - 1)
    first = await store.reconcile(NOW_MS + LEASE_MS)

    assert (none_yet, first) == (0, 1)
    (slot, _) = (await facts_of(store)).slots
    assert (slot.slot_id, slot.state, slot.used_at_ms) == (
        "m-1",
        "kept_unknown",
        NOW_MS + LEASE_MS,
    )
    (row,) = await store.read_log(0, 10)
    assert isinstance(row.record, Outcome)
    assert (row.record.state, row.record.reason) == ("unknown", "unknown.lease_lost")


async def test_reconcile_all_ends_every_lease_at_once(store: Store) -> None:
    """At start nobody is left to confirm: all are unknown now, used at their lease's end."""
    await with_message(store)
    await claimed(store)
    count = await store.reconcile(LATER_MS - 1, all_leases=True)

    (slot,) = (await facts_of(store)).slots
    assert (count, slot.used_at_ms) == (1, NOW_MS + LEASE_MS)
    assert [r.appended_ms for r in await store.read_log(0, 10)] == [LATER_MS - 1]
    assert await store.reconcile(LATER_MS, all_leases=True) == 0


# ---- inbox ---------------------------------------------------------------------------------


async def shown(store: Store, message_id: str = "m-1") -> None:
    """Put a message before its person."""
    found = await claimed(store, message_id)
    outcome, settlement = settles("sent")
    content = {"title": message_id, "buttons": [{"id": "open"}]}
    await store.confirm(found.delivery_id, 1, outcome, settlement, NOW_MS, inbox=content)


async def test_inbox_gives_what_is_behind_the_cursor(store: Store) -> None:
    """A message waits for its person, with its content, until the cursor has passed it."""
    await with_message(store, "m-1", "m-2")
    await shown(store, "m-1")
    await shown(store, "m-2")
    first, second = await store.inbox(visitor(), 0, NOW_MS)

    assert (first.message_id, second.message_id) == ("m-1", "m-2")
    assert first.content == {"title": "m-1", "buttons": [{"id": "open"}]}
    assert (first.priority, first.show_until_ms) == (50, NOW_MS + DAY_MS)
    assert await store.inbox(visitor(), first.cursor, NOW_MS) == [second]
    assert await store.inbox(visitor(), second.cursor, NOW_MS) == []
    assert await store.inbox("somebody else", 0, NOW_MS) == []


async def test_inbox_forgets_what_may_no_longer_be_shown(store: Store) -> None:
    """At the end of its life a message is not shown any more."""
    await with_message(store)
    await shown(store)

    assert len(await store.inbox(visitor(), 0, NOW_MS + DAY_MS - 1)) == 1
    assert await store.inbox(visitor(), 0, NOW_MS + DAY_MS) == []


async def test_inbox_gets_nothing_from_a_refused_call(store: Store) -> None:
    """Only what was sent is put before the person."""
    await with_message(store)
    found = await claimed(store)
    outcome, settlement = settles("rejected")
    await store.confirm(found.delivery_id, 1, outcome, settlement, NOW_MS, inbox={"title": "x"})

    assert await store.inbox(visitor(), 0, NOW_MS) == []


async def test_device_speaks_for_its_newest_person(store: Store) -> None:
    """Only with its own secret; after identify for the known person."""
    await store.admit(upload(event(1)))
    before = await store.person_of_device("device-1", SECRET)
    await linked(store)

    assert before == visitor()
    assert await store.person_of_device("device-1", SECRET) == user("u42")
    assert await store.person_of_device("device-1", b"x" * 32) is None
    assert await store.person_of_device("device-2", SECRET) is None


# ---- suppression, documents, records, counts -----------------------------------------------


async def test_suppressed_address_is_marked_for_every_claim(store: Store) -> None:
    """The list belongs to the address on its channel; the first reason stays."""
    await with_message(store)
    await store.suppress("email", REF, "bounce", NOW_MS)
    other_channel = (await facts_of(store)).addresses[0].suppressed
    await store.suppress("sms", REF, "stop", NOW_MS)
    await store.suppress("sms", REF, "bounce", LATER_MS)

    assert other_channel == ""
    assert (await facts_of(store)).addresses[0].suppressed == "stop"


def document(name: str, version: int, state: Any = "live") -> DocumentRow:
    """Give a version of a campaign."""
    return DocumentRow("campaign", name, version, b"{}", NOW_MS, NOW_MS, state)


async def test_publish_counts_revisions_and_tells_the_log(store: Store) -> None:
    """A publication is a record: later records see the new documents."""
    revisions = [await store.publish([document("a", n)], NOW_MS) for n in (1, 2)]

    assert revisions == [1, 2]
    assert [r.record for r in await store.read_log(0, 10)] == [Published(1), Published(2)]


async def test_documents_gives_the_newest_version_of_what_is_live(store: Store) -> None:
    """Older versions are kept and not given; an archived document is gone."""
    empty = await store.documents()
    await store.publish([document("b", 1), document("a", 1), document("c", 1)], NOW_MS)
    await store.publish([document("a", 2), document("c", 2, "archived")], NOW_MS)

    assert empty == (0, [])
    assert await store.documents() == (2, [document("a", 2), document("b", 1)])


async def test_documents_gives_archived_ones_to_whoever_asks(store: Store) -> None:
    """The newest version of an id that is gone is known, so that the next can follow it."""
    await store.publish([document("b", 1), document("a", 1)], NOW_MS)
    await store.publish([document("a", 2, "archived")], NOW_MS)
    archived = await store.documents(archived=True)
    await store.publish([document("a", 3)], NOW_MS, after=2)

    assert archived == (2, [document("a", 2, "archived"), document("b", 1)])
    assert await store.documents() == (3, [document("a", 3), document("b", 1)])
    assert await store.documents(archived=True) == await store.documents()


async def test_publish_after_a_revision_that_has_moved_on_stores_nothing(store: Store) -> None:
    """Of two that were made from the same revision one goes in, and the other is told."""
    await store.publish([document("a", 1)], NOW_MS, after=0)
    late = await store.publish([document("b", 1)], NOW_MS, after=0)
    ahead = await store.publish([document("b", 1)], NOW_MS, after=2)
    again = await store.publish([document("b", 1)], NOW_MS, after=1)

    assert (late, ahead, again) == (None, None, 2)
    assert await store.documents() == (2, [document("a", 1), document("b", 1)])
    assert len(await store.read_log(0, 10)) == 2


async def test_a_version_is_never_overwritten(store: Store) -> None:
    """Of two publications of one version the second fails whole."""
    await store.publish([document("a", 1)], NOW_MS)

    with pytest.raises(StoreUnavailableError):
        await store.publish([document("b", 1), document("a", 1, "archived")], NOW_MS)
    assert await store.documents() == (1, [document("a", 1)])
    assert len(await store.read_log(0, 10)) == 1


async def test_records_are_found_by_subject_and_person(store: Store) -> None:
    """Records come oldest first behind a cursor; the two questions narrow each other."""
    await store.commit(
        effects(0, records=[record("a", "p"), record("b", "q"), record("a", "q"), record("a", "p")])
    )
    every = await store.records(0, 10)

    def found(rows: Sequence[Any]) -> list[int]:
        return [every.index(r) for r in rows]

    assert [r.cursor for r in every] == sorted({r.cursor for r in every})
    assert found(await store.records(0, 10, subject="a")) == [0, 2, 3]
    assert found(await store.records(0, 10, person_id="q")) == [1, 2]
    assert found(await store.records(0, 10, subject="a", person_id="p")) == [0, 3]
    assert found(await store.records(every[0].cursor, 2)) == [1, 2]
    assert found(await store.records(every[0].cursor, 9, subject="a")) == [2, 3]


async def test_transitions_come_in_order_of_time(store: Store) -> None:
    """Records of transitions alone, from a moment on, page by page; of a merge the person's."""
    told = [transition("late", NOW_MS + 2), transition("a", NOW_MS), transition("b", NOW_MS)]
    old = transition("old", NOW_MS - 1)
    await store.commit(effects(0, records=[record("x"), *told, old, record("y")]))
    await store.commit(effects(1, merges=[(visitor(), "known")]))
    pages = [await store.transitions((NOW_MS, 0), 2)]
    pages.append(await store.transitions((NOW_MS, pages[0][-1].cursor), 2))

    assert [[r.subject for r in page] for page in pages] == [["a", "b"], ["late"]]
    assert {r.person_id for page in pages for r in page} == {"known"}
    assert pages[0][0].body == {"kind": "enter"}


async def test_story_is_in_order_of_time_and_ends_before_its_end(store: Store) -> None:
    """One person's records by (time, cursor), behind the last one seen."""
    times = (NOW_MS + 2, NOW_MS, NOW_MS + 1, NOW_MS)
    rows = [structs.replace(record(str(n), "p"), at_ms=t) for n, t in enumerate(times)]
    await store.commit(effects(0, records=[*rows, record("4", "q")]))

    async def told(after: tuple[int, int], until_ms: int, limit: int = 9) -> str:
        found = await store.story("p", after, until_ms, limit)
        return "".join(r.subject for r in found)

    first = (await store.story("p", (NOW_MS, 0), NOW_MS + 9, 1))[0]
    assert await told((NOW_MS, 0), NOW_MS + 3) == "1320"
    assert await told((NOW_MS, 0), NOW_MS + 2) == "132"
    assert await told((first.at_ms, first.cursor), NOW_MS + 9, 2) == "32"
    assert await told((NOW_MS + 1, 0), NOW_MS + 9) == "20"


async def test_devices_of_a_person_are_those_that_speak_for_them_now(store: Store) -> None:
    """With when they were heard of first and last; a visitor's are the person's once linked."""
    await store.admit(upload(event(1)))
    before = await store.devices_of(visitor(), 9)
    await linked(store)
    await store.admit(upload(event(3), received_ms=LATER_MS, sent_ms=LATER_MS, user_id="u42"))
    known = await store.devices_of(user("u42"), 9)

    assert before == [DeviceSeen("device-1", NOW_MS, NOW_MS)]
    assert known == [DeviceSeen("device-1", NOW_MS, LATER_MS)]
    assert await store.devices_of(user("u42"), 0) == []
    assert await store.devices_of(user("u43"), 9) == []


async def test_statements_keep_what_stood_before(store: Store) -> None:
    """Every statement that took effect, oldest first, with when it was received."""
    for n, value in enumerate("yn"):
        at_ms = NOW_MS + n * DAY_MS
        said = consent(n + 1, at_ms=at_ms, marketing=value)
        await store.admit(upload(said, received_ms=at_ms, sent_ms=at_ms))
    found = await store.statements(visitor(), 9)

    assert [(s.received_ms, s.entry.value) for s in found] == [
        (NOW_MS, "y"),
        (NOW_MS + DAY_MS, "n"),
    ]
    assert await store.statements(visitor(), 1) == found[1:]
    assert await store.statements(user("u42"), 9) == []


async def test_versions_are_kept_of_every_document(store: Store) -> None:
    """Each version of those that were asked for, archived or not."""
    rows = [document("a", 1), document("a", 2, "archived"), document("b", 1), document("c", 1)]
    await store.publish(rows, NOW_MS)

    assert await store.versions("campaign", ["c", "a"]) == [*rows[:2], rows[3]]
    assert await store.versions("template", ["a"]) == []


async def test_counts_say_what_is_there_and_what_waits(store: Store) -> None:
    """Log records, those the pipeline has not committed, messages by state."""
    for n in range(3):
        await store.append(Published(n), NOW_MS)
    await store.commit(effects(2, message("m-1"), message("m-2")))
    await claimed(store)

    assert await store.counts() == {"log": 3, "pending": 1, "queued": 1, "sending": 1}


async def test_a_closed_store_refuses_to_write(store: Store) -> None:
    """A write that comes too late raises instead of hanging."""
    await store.close()

    with pytest.raises(StoreUnavailableError):
        await store.commit(Effects(1, NOW_MS))
