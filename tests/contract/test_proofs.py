"""The chain of consent proofs, in every store."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from contract.store_kit import (
    SECRET,
    address,
    claimed,
    effects,
    message,
    unwritable_upload,
    upload,
)
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import ClaimFacts
from fencepost_gateway.decide.proof import ProofHead, verify
from fencepost_gateway.intake.admission import Admission, AdmitFacts
from fencepost_gateway.intake.admit import admit
from fencepost_gateway.intake.statement import ConsentChange
from fencepost_gateway.ports import AdmitRequest, Store
from gateway.batches import MINUTE_MS, NOW_MS, batch, consent, event, user, visitor
from gateway.policies import make_house


async def test_every_change_has_its_proof_and_they_are_a_chain(store: Store) -> None:
    """Who, what, from which value to which, when: one row a change, each from the one before."""
    await store.admit(upload(consent(1, NOW_MS, marketing="y", collect="y")))
    await store.admit(upload(consent(2, NOW_MS + 9, marketing="n")))

    found = await store.proofs.page(0, 9)
    told = [(p.number, p.purpose, p.old_value, p.new_value, p.at_ms) for p in found]
    assert [t[0] for t in told] == [1, 2, 3]
    assert {t[1:] for t in told[:2]} == {
        ("collect", "u", "y", NOW_MS),
        ("marketing", "u", "y", NOW_MS),
    }
    assert told[2] == (3, "marketing", "y", "n", NOW_MS + 9)
    assert {p.person_id for p in found} == {visitor()}
    assert msgspec.msgpack.decode(found[2].proof)["method"] == "toggle"
    assert msgspec.msgpack.decode(found[2].proof)["device_id"] == "device-1"
    assert verify(found).broken_at is None
    assert await store.proofs.page(1, 1) == found[1:2]


async def test_statement_that_does_not_stand_has_no_proof(store: Store) -> None:
    """No change, no row: what a later statement has overtaken proves nothing."""
    await store.admit(upload(consent(1, NOW_MS, marketing="n")))
    await store.admit(upload(consent(2, NOW_MS - 10 * MINUTE_MS, marketing="y")))

    assert [p.new_value for p in await store.proofs.page(0, 9)] == ["n"]


async def test_proofs_of_a_person_are_those_of_the_visitor_too(store: Store) -> None:
    """A merge leaves the visitor's row as it was and adds the person's."""
    await store.admit(
        upload(consent(1, NOW_MS, marketing="y"), event(2, "identify", user_id="u42"))
    )
    await store.admit(
        upload(consent(1, NOW_MS, marketing="n"), device_id="d-2", anonymous_id="a-2")
    )

    found = await store.proofs.page(0, 9, person_id=user("u42"))
    assert [(p.number, p.person_id) for p in found] == [(1, visitor()), (2, user("u42"))]
    assert msgspec.msgpack.decode(found[1].proof)["method"] == "merge"
    assert verify(await store.proofs.page(0, 9)).count == len(found) + 1


async def test_change_that_fails_leaves_no_proof(store: Store) -> None:
    """The proof is in the commit of the change: the next one takes its number."""
    found = batch(consent(1, NOW_MS, marketing="y"))

    def broken(facts: AdmitFacts) -> Admission:
        admission = admit(found, make_house(), facts, NOW_MS)
        admission.upload = unwritable_upload()
        return admission

    with pytest.raises(TypeError):
        await store.admit(AdmitRequest("device-1", SECRET, "stream-1", broken, NOW_MS))
    assert await store.proofs.page(0, 9) == []

    await store.admit(upload(consent(1, NOW_MS, marketing="y")))

    assert verify(await store.proofs.page(0, 9)).count == 1


async def test_proof_of_a_revoke_lists_the_calls_under_way(store: Store) -> None:
    """What could not be called back any more is named by its delivery; nothing else is."""
    await store.admit(upload(consent(1, NOW_MS, marketing="y")))
    await store.commit(effects(1, message("m-1"), message("m-2"), addresses=[address(visitor())]))
    flying = await claimed(store, "m-1")
    await store.admit(upload(consent(2, NOW_MS + 1, marketing="n")))
    await store.admit(upload(consent(3, NOW_MS + 2, marketing="y")))

    listed = [
        msgspec.msgpack.decode(p.proof).get("in_flight") for p in await store.proofs.page(0, 9)
    ]
    assert listed == [None, [flying.delivery_id], None]


async def test_head_is_signed_once_a_day(store: Store) -> None:
    """Number and hash of the last proof, one head a day, none of an empty chain."""
    asked: list[int] = []

    def sign(day: int) -> Any:
        def it(number: int, digest: bytes) -> ProofHead:
            asked.append(number)
            return ProofHead(day, number, digest, NOW_MS, b"signature")

        return it

    assert not await store.proofs.sign(sign(1), 1)
    await store.admit(upload(consent(1, NOW_MS, marketing="y")))
    assert await store.proofs.sign(sign(2), 2)
    await store.admit(upload(consent(2, NOW_MS + 1, marketing="n")))
    assert not await store.proofs.sign(sign(2), 2)
    assert await store.proofs.sign(sign(3), 3)

    rows, heads = await store.proofs.page(0, 9), await store.proofs.heads()
    assert asked == [1, 2]
    assert heads == [
        ProofHead(day, row.number, row.hash, NOW_MS, b"signature")
        for day, row in enumerate(rows, 2)
    ]


def yes(facts: ClaimFacts) -> list[ConsentChange]:
    """Answer whatever is pending with yes."""
    return [
        ConsentChange(
            facts.message.person_id,
            ConsentEntry(e.purpose, "y", NOW_MS + 9, e.channel, e.address),
            e.value,
            {"method": "double_opt_in"},
        )
        for e in facts.consents
        if e.value == "p"
    ]


async def test_answer_to_a_message_is_a_change_with_its_proof(store: Store) -> None:
    """It is in force at once, at the door too; a second one finds nothing to answer."""
    await store.admit(upload(consent(1, NOW_MS, marketing="p")))
    await store.commit(effects(1, message("m-1")))

    assert await store.answer("m-1", yes, NOW_MS + 9)
    assert await store.answer("m-1", yes, NOW_MS + 10)
    assert not await store.answer("m-2", yes, NOW_MS + 9)

    found = await store.proofs.page(0, 9)
    told = [(p.person_id, p.old_value, p.new_value) for p in found]
    assert told == [(visitor(), "u", "p"), (visitor(), "p", "y")]
    assert msgspec.msgpack.decode(found[1].proof)["method"] == "double_opt_in"
    assert [e.value for e in await store.consents(visitor())] == ["y"]
    assert [s.entry.value for s in await store.people.statements(visitor(), 9)] == ["p", "y"]
    later = await store.admit(upload(consent(2, NOW_MS + 99, marketing="n")))
    assert later is not None
    assert [c.old_value for c in later.consents] == ["y"]


async def test_answer_counts_for_whom_the_visitor_became(store: Store) -> None:
    """The message was for a visitor; the statement is the known person's."""
    await store.admit(upload(consent(1, NOW_MS, marketing="p")))
    await store.commit(effects(1, message("m-1")))
    await store.admit(upload(event(2, "identify", user_id="u42")))
    await store.answer("m-1", yes, NOW_MS + 9)

    assert [e.value for e in await store.consents(user("u42"))] == ["y"]


async def test_answer_that_fails_leaves_nothing(store: Store) -> None:
    """Entry and proof are one commit."""
    await store.admit(upload(consent(1, NOW_MS, marketing="p")))
    await store.commit(effects(1, message("m-1")))

    def broken(facts: ClaimFacts) -> list[ConsentChange]:
        unwritable: Any = {"method": object()}
        return [ConsentChange(c.person_id, c.entry, "p", unwritable) for c in yes(facts)]

    with pytest.raises(TypeError):
        await store.answer("m-1", broken, NOW_MS + 9)

    assert [e.value for e in await store.consents(visitor())] == ["p"]
    assert len(await store.proofs.page(0, 9)) == 1
