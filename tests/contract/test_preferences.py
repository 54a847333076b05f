"""What every store promises of choices and requests on our own page: one commit, or nothing."""

from __future__ import annotations

import pytest
from msgspec import structs

from contract.store_kit import (
    address,
    claimed,
    effects,
    ended,
    message,
    rooms,
    upload,
    with_message,
)
from fencepost_gateway.decide.consent import LOCATION_ACTIVE, ConsentEntry
from fencepost_gateway.decide.message import Message
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.intake.admission import Withdrawal, spares_none
from fencepost_gateway.intake.records import PlaceForgotten, Started, Stated
from fencepost_gateway.intake.statement import ConsentChange
from fencepost_gateway.ports import Chosen, Preferences, Store
from gateway.batches import MINUTE_MS, NOW_MS, consent, event, user, visitor

LATER_MS = NOW_MS + MINUTE_MS
NO = ConsentEntry("marketing", "n", LATER_MS, "sms")


def change(entry: ConsentEntry = NO, person_id: str = visitor()) -> ConsentChange:
    """Give a statement made on the page."""
    return ConsentChange(person_id, entry, "u", {"method": "form"})


def geo(message_id: str) -> Message:
    """Give a message that an ENTER caused."""
    cause = Cause(f"cause-{message_id}", "transition", "enter", NOW_MS, fence_id="shop")
    return structs.replace(message(message_id), cause=cause)


async def test_choice_is_in_force_with_its_proof_when_the_call_returns(store: Store) -> None:
    """The consent, the chained proof, and the record by which the pipeline learns of it."""
    await with_message(store)
    started = Started("ask", visitor(), "key", LATER_MS)
    taken = await store.preferences.take(
        "m-1", lambda _: Chosen([change()], starts=[started]), LATER_MS
    )

    (proof,) = await store.proofs.page(0, 9)
    assert taken
    assert await store.consents(visitor()) == [NO]
    assert (proof.new_value, proof.channel, proof.received_ms) == ("n", "sms", LATER_MS)
    assert [r.record for r in await store.read_log(0, 9)] == [Stated(visitor(), [NO]), started]


async def test_choice_sees_what_a_claim_would_see_and_what_was_asked(store: Store) -> None:
    """Of the person by now: statements, addresses, requests."""
    await store.admit(upload(consent(1, NOW_MS, marketing="y")))
    await with_message(store)
    await store.preferences.take("m-1", lambda _: Chosen(requests={"export": LATER_MS}), NOW_MS)
    seen: list[Preferences] = []

    def look(found: Preferences) -> Chosen:
        seen.append(found)
        return Chosen()

    await store.preferences.take("m-1", look, LATER_MS)
    read = await store.preferences.read("m-1")

    assert seen == [read]
    assert [(e.purpose, e.value) for e in seen[0].facts.consents] == [("marketing", "y")]
    assert [a.channel for a in seen[0].facts.addresses] == ["sms", "in_app"]
    assert [r.kind for r in seen[0].requests] == ["export"]


async def test_message_that_is_not_there_takes_nothing(store: Store) -> None:
    """Nobody is asked, nothing is written."""
    taken = await store.preferences.take("gone", lambda _: Chosen([change()]), NOW_MS)

    assert not taken
    assert await store.preferences.read("gone") is None
    assert await store.preferences.reached("gone") is None
    assert await store.proofs.page(0, 9) == []


async def test_choice_that_fails_leaves_nothing(store: Store) -> None:
    """All of a form is in force, or none of it."""
    await with_message(store)

    def fails(_: Preferences) -> Chosen:
        raise RuntimeError("on purpose")

    broken = Chosen([change()], requests={"export": LATER_MS}, starts=[object()])  # type: ignore[list-item]  # cannot be written
    with pytest.raises(RuntimeError):
        await store.preferences.take("m-1", fails, NOW_MS)
    with pytest.raises((TypeError, AttributeError)):
        await store.preferences.take("m-1", lambda _: broken, NOW_MS)

    assert await store.consents(visitor()) == []
    assert await store.proofs.page(0, 9) == []
    assert await store.preferences.requests(0, 9) == []


async def test_request_is_kept_once_and_follows_its_person(store: Store) -> None:
    """Asked as a visitor, listed as whoever they turned out to be; the first moment stays."""
    await with_message(store)
    once, again = Chosen(requests={"erasure": NOW_MS + 5}), Chosen(requests={"erasure": LATER_MS})
    await store.preferences.take("m-1", lambda _: once, NOW_MS)
    await store.preferences.take("m-1", lambda _: again, LATER_MS)
    await store.admit(upload(event(1, "identify", user_id="minji")))
    listed = await store.preferences.requests(0, 9)
    (number,) = [row.number for row in listed]

    assert [(r.person_id, r.kind, r.asked_ms, r.due_ms) for r in listed] == [
        (user("minji"), "erasure", NOW_MS, NOW_MS + 5)
    ]
    assert await store.preferences.requests(number, 9) == []
    read = await store.preferences.read("m-1")
    assert read is not None
    assert (read.facts.message.person_id, len(read.requests)) == (user("minji"), 1)


async def test_pause_takes_back_what_a_place_caused_and_keeps_visits(store: Store) -> None:
    """Tracks go, so that nobody is held to be anywhere; the record says that visits stay."""
    await store.admit(upload(consent(1, NOW_MS, location_collect="y", marketing="y")))
    await store.commit(
        effects(
            await store.position(),
            geo("g-1"),
            message("m-1"),
            addresses=[address(visitor())],
            tracks={"device-1": b"here"},
        )
    )
    paused = ConsentEntry(LOCATION_ACTIVE, "n", LATER_MS)
    pause = Withdrawal(visitor(), LOCATION_ACTIVE, "n", "p v1", spares_none)
    await store.preferences.take(
        "m-1", lambda _: Chosen([change(paused)], [pause], locates=False), LATER_MS
    )

    log = [r.record for r in await store.read_log(0, 99)]
    assert PlaceForgotten(visitor(), ["device-1"], visits=False) in log
    assert await store.tracks(["device-1"]) == {}
    assert [d.message_id for d in await store.due(LATER_MS, rooms(9))] == ["m-1"]


async def test_reached_names_channel_and_address_of_the_last_call(store: Store) -> None:
    """A message that was never called reached nobody."""
    await with_message(store)
    before = await store.preferences.reached("m-1")
    found = await claimed(store)
    await ended(store, found, "sent")

    assert found.verdict.address is not None
    assert before is None
    assert await store.preferences.reached("m-1") == ("sms", found.verdict.address.ref)
