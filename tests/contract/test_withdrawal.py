"""What withdrawing a consent to location takes back, in every store, in one commit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from contract.store_kit import SECRET, address, claimed, effects, message, rooms, upload
from fencepost_gateway.decide.message import Message
from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.intake.admit import admit
from fencepost_gateway.intake.records import Outcome, PlaceForgotten
from fencepost_gateway.ports import AdmitRequest, Store, Timer
from gateway.batches import MINUTE_MS, NOW_MS, batch, consent, event, user, visitor
from gateway.policies import make_house

LATER_MS = NOW_MS + MINUTE_MS
YES = {"location_collect": "y", "location_marketing": "y", "marketing": "y"}


def geo(message_id: str, campaign_id: str = "welcome", person_id: str = visitor()) -> Message:
    """Give a message that an ENTER caused."""
    cause = Cause(f"cause-{message_id}", "transition", "enter", NOW_MS, fence_id="shop")
    made = message(message_id, person_id)
    return structs.replace(made, cause=cause, campaign_id=campaign_id)


def withdraws(
    seq: int, is_service: Callable[[Message], bool] = lambda _: False, **values: str
) -> AdmitRequest:
    """Ask for admission of a withdrawal, a minute later."""
    found = batch(consent(seq, LATER_MS, **values), sent_ms=LATER_MS)
    house = structs.replace(make_house(), is_service=is_service)
    return AdmitRequest(
        device_id=found.device_id,
        secret_hash=SECRET,
        stream=found.stream,
        admit=lambda facts: admit(found, house, facts, LATER_MS),
        received_ms=LATER_MS,
    )


async def with_place(store: Store, *messages: Message) -> None:
    """Let somebody allow everything, be somewhere with two devices, and have messages pending."""
    await store.admit(upload(consent(1, NOW_MS, **YES)))
    await store.admit(upload(event(1), device_id="device-2"))
    await store.commit(
        effects(
            await store.position(),
            *messages,
            addresses=[address(visitor())],
            tracks={"device-1": b"here", "device-2": b"there", "another": b"elsewhere"},
            timers={"device-2": Timer("device-2", visitor(), LATER_MS + 1)},
        )
    )


async def states(store: Store) -> dict[str, int]:
    """Count messages by state."""
    found = await store.counts()
    return {
        state: n for state, n in found.items() if state not in {"log", "pending", "passed_over"}
    }


async def claims(store: Store) -> list[Any]:
    """Give the records of claims: whose, the outcome, and why."""
    found = [r for r in await store.records(0, 100) if r.kind == "claim"]
    return [(r.subject, r.body["outcome"], r.body["reason"]) for r in found]


async def test_withdrawn_collection_destroys_place_and_pending_geo_messages(store: Store) -> None:
    """Positions of all the person's devices go, and what a transition caused; nothing else."""
    await with_place(store, geo("g-1"), geo("g-2", "service"), message("m-1"))
    taken = await store.admit(
        withdraws(9, lambda m: m.campaign_id == "service", location_collect="n")
    )

    assert taken is not None
    assert taken.recalled == 2
    log = [r.record for r in await store.read_log(0, 100)]
    assert await store.tracks(["device-1", "device-2", "another"]) == {"another": b"elsewhere"}
    assert PlaceForgotten(visitor(), ["device-1", "device-2"]) in log
    assert await store.fire_timers(LATER_MS + 1, 9) == 0
    assert await states(store) == {"withheld": 2, "queued": 1}
    assert await claims(store) == [("g-1", "withheld", "consent"), ("g-2", "withheld", "consent")]
    told = [(o.message_id, o.state, o.reason) for o in log if isinstance(o, Outcome)]
    assert told == [("g-1", "withheld", "consent"), ("g-2", "withheld", "consent")]
    assert [d.message_id for d in await store.due(LATER_MS, rooms(9))] == ["m-1"]


async def test_withdrawn_location_marketing_spares_place_and_service(store: Store) -> None:
    """Marketing that a transition caused is taken back; service messages and the place stay."""
    await with_place(store, geo("g-1"), geo("g-2", "service"), message("m-1"))
    await store.admit(withdraws(9, lambda m: m.campaign_id == "service", location_marketing="n"))

    assert await store.tracks(["device-1"]) == {"device-1": b"here"}
    assert await claims(store) == [("g-1", "withheld", "consent")]
    assert await states(store) == {"withheld": 1, "queued": 2}


@pytest.mark.parametrize("value", ["n", "p", "LI"])
async def test_any_value_that_allows_no_longer_is_a_withdrawal(store: Store, value: str) -> None:
    """What the policy does not accept in place of a yes takes back like a no."""
    await with_place(store, geo("g-1"))
    await store.admit(withdraws(9, location_collect=value))

    assert await states(store) == {"withheld": 1}
    assert await store.tracks(["device-1"]) == {}


async def test_a_no_that_a_later_yes_has_overtaken_takes_nothing_back(store: Store) -> None:
    """A statement that does not stand is no withdrawal, however late it arrives."""
    await with_place(store, geo("g-1"))
    await store.admit(withdraws(9, location_collect="y"))
    await store.admit(upload(consent(10, NOW_MS - MINUTE_MS, location_collect="n")))

    assert await states(store) == {"queued": 1}
    assert await store.tracks(["device-1"]) == {"device-1": b"here"}


async def test_other_purposes_take_nothing_back(store: Store) -> None:
    """A no to marketing is for the claim to read; it is no withdrawal of location."""
    await with_place(store, geo("g-1"))
    await store.admit(withdraws(9, marketing="n", collect="n"))

    assert await states(store) == {"queued": 1}


async def test_withdrawal_reaches_what_the_person_had_pending_as_a_visitor(store: Store) -> None:
    """Who said who they are takes back, too, what the pipeline still keeps under the visitor."""
    await with_place(store, geo("g-1"))
    await store.admit(upload(event(8, "identify", user_id="u42")))
    found = batch(consent(9, LATER_MS, location_collect="n"), user_id="u42", sent_ms=LATER_MS)
    await store.admit(
        AdmitRequest(
            "device-1",
            SECRET,
            "stream-1",
            lambda facts: admit(found, make_house(), facts, LATER_MS),
            LATER_MS,
        )
    )

    assert await states(store) == {"withheld": 1}
    assert [r.person_id for r in await store.records(0, 9) if r.kind == "claim"] == [visitor()]
    assert [e.value for e in await store.consents(user("u42")) if e.at_ms == LATER_MS] == ["n"]


async def test_withdrawal_that_fails_half_way_has_not_happened(store: Store) -> None:
    """Consent, place, messages and records are one commit: a crash between leaves all or none."""
    await with_place(store, geo("g-1"), geo("g-2"))
    before = await store.counts()

    def fails(pending: Message) -> bool:
        asked.append(pending.message_id)
        if len(asked) > 1:
            raise RuntimeError
        return False

    asked: list[str] = []
    with pytest.raises(RuntimeError):
        await store.admit(withdraws(9, fails, location_marketing="n", location_collect="n"))

    assert await store.counts() == before
    assert await claims(store) == []
    assert {e.value for e in await store.consents(visitor())} == {"y"}
    assert await store.tracks(["device-1"]) == {"device-1": b"here"}


async def test_withdrawal_leaves_a_call_under_way_alone(store: Store) -> None:
    """A message that is being sent cannot be called back: its lease and state stay."""
    await with_place(store, geo("g-1"))
    found = await claimed(store, "g-1")
    await store.admit(withdraws(9, location_collect="n"))

    assert found.delivery_id
    assert await states(store) == {"sending": 1}
