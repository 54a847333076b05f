"""What every store promises at its door: marks, secrets, consent, who a device speaks for."""

import pytest

from contract.store_kit import (
    LATER_MS,
    REF,
    SECRET,
    address,
    claimed,
    effects,
    facts_of,
    linked,
    message,
    sends,
    unwritable_upload,
    upload,
    uploads,
    values_of,
    watching,
    with_message,
    withholds,
)
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import ClaimFacts
from fencepost_gateway.intake.admission import Admission, AdmitFacts
from fencepost_gateway.intake.statement import ConsentChange
from fencepost_gateway.ports import (
    AdmitRequest,
    DeviceSeen,
    Store,
)
from gateway.batches import DAY_MS, MINUTE_MS, NOW_MS, consent, event, user, visitor


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


async def test_device_speaks_for_its_newest_person(store: Store) -> None:
    """Only with its own secret; after identify for the known person."""
    await store.admit(upload(event(1)))
    before = await store.person_of_device("device-1", SECRET)
    await linked(store)

    assert before == visitor()
    assert await store.person_of_device("device-1", SECRET) == user("u42")
    assert await store.person_of_device("device-1", b"x" * 32) is None
    assert await store.person_of_device("device-2", SECRET) is None


async def test_devices_of_a_person_are_those_that_speak_for_them_now(store: Store) -> None:
    """With when they were heard of first and last; a visitor's are the person's once linked."""
    await store.admit(upload(event(1)))
    before = await store.people.devices_of(visitor(), 9)
    await linked(store)
    await store.admit(upload(event(3), received_ms=LATER_MS, sent_ms=LATER_MS, user_id="u42"))
    known = await store.people.devices_of(user("u42"), 9)

    assert before == [DeviceSeen("device-1", NOW_MS, NOW_MS)]
    assert known == [DeviceSeen("device-1", NOW_MS, LATER_MS)]
    assert await store.people.devices_of(user("u42"), 0) == []
    assert await store.people.devices_of(user("u43"), 9) == []


async def test_statements_keep_what_stood_before(store: Store) -> None:
    """Every statement that took effect, oldest first, with when it was received."""
    for n, value in enumerate("yn"):
        at_ms = NOW_MS + n * DAY_MS
        said = consent(n + 1, at_ms=at_ms, marketing=value)
        await store.admit(upload(said, received_ms=at_ms, sent_ms=at_ms))
    found = await store.people.statements(visitor(), 9)

    assert [(s.received_ms, s.entry.value) for s in found] == [
        (NOW_MS, "y"),
        (NOW_MS + DAY_MS, "n"),
    ]
    assert await store.people.statements(visitor(), 1) == found[1:]
    assert await store.people.statements(user("u42"), 9) == []
