"""The chain of consent proofs, in every store."""

from __future__ import annotations

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
from fencepost_gateway.decide.proof import verify
from fencepost_gateway.intake.admit import Admission, AdmitFacts, admit
from fencepost_gateway.ports import AdmitRequest, Store
from gateway.batches import MINUTE_MS, NOW_MS, batch, consent, event, user, visitor
from gateway.policies import make_house


async def test_every_change_has_its_proof_and_they_are_a_chain(store: Store) -> None:
    """Who, what, from which value to which, when: one row a change, each from the one before."""
    await store.admit(upload(consent(1, NOW_MS, marketing="y", collect="y")))
    await store.admit(upload(consent(2, NOW_MS + 9, marketing="n")))

    found = await store.proofs(0, 9)
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
    assert await store.proofs(1, 1) == found[1:2]


async def test_statement_that_does_not_stand_has_no_proof(store: Store) -> None:
    """No change, no row: what a later statement has overtaken proves nothing."""
    await store.admit(upload(consent(1, NOW_MS, marketing="n")))
    await store.admit(upload(consent(2, NOW_MS - 10 * MINUTE_MS, marketing="y")))

    assert [p.new_value for p in await store.proofs(0, 9)] == ["n"]


async def test_proofs_of_a_person_are_those_of_the_visitor_too(store: Store) -> None:
    """A merge leaves the visitor's row as it was and adds the person's."""
    await store.admit(
        upload(consent(1, NOW_MS, marketing="y"), event(2, "identify", user_id="u42"))
    )
    await store.admit(
        upload(consent(1, NOW_MS, marketing="n"), device_id="d-2", anonymous_id="a-2")
    )

    found = await store.proofs(0, 9, person_id=user("u42"))
    assert [(p.number, p.person_id) for p in found] == [(1, visitor()), (2, user("u42"))]
    assert msgspec.msgpack.decode(found[1].proof)["method"] == "merge"
    assert verify(await store.proofs(0, 9)).count == len(found) + 1


async def test_change_that_fails_leaves_no_proof(store: Store) -> None:
    """The proof is in the commit of the change: the next one takes its number."""
    found = batch(consent(1, NOW_MS, marketing="y"))

    def broken(facts: AdmitFacts) -> Admission:
        admission = admit(found, make_house(), facts, NOW_MS)
        admission.upload = unwritable_upload()
        return admission

    with pytest.raises(TypeError):
        await store.admit(AdmitRequest("device-1", SECRET, "stream-1", broken, NOW_MS))
    assert await store.proofs(0, 9) == []

    await store.admit(upload(consent(1, NOW_MS, marketing="y")))

    assert verify(await store.proofs(0, 9)).count == 1


async def test_proof_of_a_revoke_lists_the_calls_under_way(store: Store) -> None:
    """What could not be called back any more is named by its delivery; nothing else is."""
    await store.admit(upload(consent(1, NOW_MS, marketing="y")))
    await store.commit(effects(1, message("m-1"), message("m-2"), addresses=[address(visitor())]))
    flying = await claimed(store, "m-1")
    await store.admit(upload(consent(2, NOW_MS + 1, marketing="n")))
    await store.admit(upload(consent(3, NOW_MS + 2, marketing="y")))

    listed = [msgspec.msgpack.decode(p.proof).get("in_flight") for p in await store.proofs(0, 9)]
    assert listed == [None, [flying.delivery_id], None]
