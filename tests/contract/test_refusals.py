"""Both stores: saying no in another way than through an app, and yes again; one commit each."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from contract.store_kit import (
    REF,
    address,
    claimed,
    effects,
    ended,
    facts_of,
    message,
    slot_of,
    upload,
    with_message,
)
from fencepost_gateway.decide.caps import Asked
from fencepost_gateway.decide.message import ClaimFacts, ListedAddress, Message, Verdict
from fencepost_gateway.intake.records import Outcome, Stated
from fencepost_gateway.intake.refusals import Assent, Refusal
from fencepost_gateway.ports import Store
from gateway.batches import MINUTE_MS, NOW_MS, consent, event, user, visitor

LATER_MS = NOW_MS + MINUTE_MS
AGAIN_MS = NOW_MS + 2 * MINUTE_MS
OTHER = user("other")


def service(found: Message) -> bool:
    """Say that the campaign ``service`` is no marketing."""
    return found.campaign_id == "service"


def stop(refusal_id: str = "r-1", **members: Any) -> Refusal:
    """Give a STOP from the visitor's number."""
    given = {"channel": "sms", "ref": REF, "reason": "stop", **members}
    return Refusal(refusal_id, "stop_reply", LATER_MS, service, **given)


def start(assent_id: str = "a-1", **members: Any) -> Assent:
    """Give a START from the visitor's number."""
    return Assent(assent_id, "start_reply", AGAIN_MS, "sms", REF, **members)


def on_channel(seq: int, channel: str, value: str, at_ms: int) -> Any:
    """Give a statement about marketing on one channel."""
    values = {"marketing": value}
    return event(seq, "consent", at_ms, values=values, channel=channel, method="toggle")


async def said(store: Store, person_id: str = visitor()) -> dict[str, str]:
    """Give what a person has stated of marketing, by channel."""
    found = await store.consents(person_id)
    return {e.channel: e.value for e in found if e.purpose == "marketing"}


async def listed(store: Store) -> dict[tuple[str, str], str]:
    """Give the suppression list."""
    return {
        (e.channel, e.ref): e.reason for e in await store.lists.page("suppression", ("", ""), 9)
    }


async def with_two(store: Store) -> None:
    """Let two people share a number and allow marketing, the first with messages pending."""
    await store.admit(upload(consent(1, NOW_MS, marketing="y")))
    await store.admit(upload(consent(1, NOW_MS, marketing="y"), device_id="d-2", user_id="other"))
    messages = [message("m-1"), structs.replace(message("m-2"), campaign_id="service")]
    people = [address(visitor()), address(OTHER)]
    await store.commit(effects(await store.position(), *messages, addresses=people))


@pytest.mark.guarantee("R14")
@pytest.mark.feature("C05")
async def test_stop_is_a_no_of_everybody_who_has_the_number(store: Store) -> None:
    """Consent, proof, list and what was pending: all there when ``take`` returns."""
    await with_two(store)
    taken = await store.refusals.take(stop(proof={"text_sha256": "ab"}), LATER_MS)

    assert taken.is_new
    assert (set(taken.persons), taken.withheld) == ({visitor(), OTHER}, 1)
    assert await said(store) == await said(store, OTHER) == {"any": "n"}
    assert await listed(store) == {("sms", REF): "stop"}
    ends = {m.message_id: (m.state, m.reason) for m in await store.messages("", 9)}
    assert ends == {"m-1": ("withheld", "consent"), "m-2": ("queued", "")}
    log = [r.record for r in await store.read_log(0, 99)]
    stated = {r.person_id: [e.value for e in r.entries] for r in log if isinstance(r, Stated)}
    assert stated == {visitor(): ["n"], OTHER: ["n"]}
    assert [r.message_id for r in log if isinstance(r, Outcome)] == ["m-1"]
    proofs = [p for p in await store.proofs.page(0, 99) if p.new_value == "n"]
    assert {p.old_value for p in proofs} == {"y"}
    assert all(b"stop_reply" in p.proof and b"text_sha256" in p.proof for p in proofs)


async def test_same_refusal_again_changes_nothing(store: Store) -> None:
    """A provider tells twice; a START between the two stays in force."""
    await with_two(store)
    await store.refusals.take(stop(), LATER_MS)
    await store.refusals.lift(start(), AGAIN_MS)
    before = await store.counts()
    again = await store.refusals.take(stop(), AGAIN_MS + 1)

    assert not again.is_new
    assert await store.counts() == before
    assert (await said(store), await listed(store)) == ({"any": "y"}, {})


async def test_start_takes_back_what_stop_changed_and_no_more(store: Store) -> None:
    """Who had not agreed before STOP has not agreed after START."""
    await store.admit(upload(on_channel(1, "email", "n", NOW_MS)))
    await store.commit(effects(await store.position(), addresses=[address(visitor())]))
    for refusal_id in ("r-1", "r-2"):
        await store.refusals.take(stop(refusal_id), LATER_MS)
    stopped = await said(store)
    lifted = await store.refusals.lift(start(), AGAIN_MS)
    again = await store.refusals.lift(start(), AGAIN_MS + 1)

    assert stopped == {"any": "n", "email": "n"}
    assert (lifted.ended, again.is_new) == (2, False)
    assert await said(store) == {"any": "u", "email": "n"}
    assert await listed(store) == {}


async def test_what_the_person_said_takes_the_place_of_what_we_found(store: Store) -> None:
    """A listed reason comes back with START; an erased address stays erased."""
    rows = [
        ListedAddress("sms", ref, why, NOW_MS) for ref, why in ((REF, "manual"), ("e", "erased"))
    ]
    await store.lists.put("suppression", rows)
    await store.refusals.take(stop(), LATER_MS)
    await store.refusals.take(stop("r-2", ref="e"), LATER_MS)
    await store.refusals.take(stop("r-3", reason="hard_bounce", scope="none"), LATER_MS)
    stopped = await listed(store)
    await store.refusals.lift(start(), AGAIN_MS)

    assert stopped == {("sms", REF): "stop", ("sms", "e"): "erased"}
    assert await listed(store) == {("sms", REF): "manual", ("sms", "e"): "erased"}


async def test_hard_bounce_lists_the_address_and_changes_no_consent(store: Store) -> None:
    """An address that cannot be reached says nothing about what its person wants."""
    await with_two(store)
    bounce = stop(reason="hard_bounce", scope="none")
    taken = await store.refusals.take(bounce, LATER_MS)

    assert taken.withheld == 0
    assert await said(store) == {"any": "y"}
    assert await listed(store) == {("sms", REF): "hard_bounce"}


async def test_refusal_of_one_channel_leaves_the_others(store: Store) -> None:
    """A complaint is a no to marketing by email; a message by SMS stays pending."""
    await with_two(store)
    refusal = stop(person_id=visitor(), ref="", channel="email", scope="channel", reason="")
    await store.refusals.take(refusal, LATER_MS)

    assert await said(store) == {"any": "y", "email": "n"}
    assert await said(store, OTHER) == {"any": "y"}
    assert {m.state for m in await store.messages("", 9)} == {"queued"}


async def test_named_person_is_who_they_are_by_now(store: Store) -> None:
    """A link in a message to a visitor speaks for the person they turned out to be."""
    await with_message(store)
    await store.admit(upload(event(90, "identify", user_id="u42")))
    await store.refusals.take(stop(person_id=visitor(), ref="", reason=""), LATER_MS)

    assert await said(store, user("u42")) == {"any": "n"}


async def test_new_consent_in_the_app_ends_a_stop_and_an_old_one_does_not(store: Store) -> None:
    """Given after the STOP it counts, whatever channel; uploaded after it is not enough."""
    await with_two(store)
    await store.refusals.take(stop(), LATER_MS)
    await store.admit(upload(on_channel(2, "sms", "y", NOW_MS - 1)))
    old = (await said(store))["any"], await listed(store)
    await store.admit(
        upload(
            on_channel(3, "sms", "y", AGAIN_MS),
            sent_ms=AGAIN_MS,
            received_ms=AGAIN_MS,
        )
    )

    assert old == ("n", {("sms", REF): "stop"})
    assert await said(store) == {"any": "y", "sms": "y"}
    assert await listed(store) == {}


async def test_word_on_an_unknown_number_is_kept_for_who_comes_later(store: Store) -> None:
    """Nobody has it yet: it is suppressed all the same."""
    taken = await store.refusals.take(stop(), LATER_MS)
    await with_message(store)

    assert taken.persons == ()
    assert (await facts_of(store)).addresses[0].suppressed == "stop"


@pytest.mark.feature("C07")
async def test_opt_out_at_the_provider_is_a_stop(store: Store) -> None:
    """The confirm of such a call says no for everybody at the address, in its own commit."""
    await with_two(store)
    await ended(store, await claimed(store), "opted_out", LATER_MS)

    assert await said(store) == await said(store, OTHER) == {"any": "n"}
    assert await listed(store) == {("sms", REF): "stop"}
    assert (await store.refusals.lift(start(), AGAIN_MS)).ended == 1
    assert await said(store) == {"any": "y"}


def asks(facts: ClaimFacts) -> Verdict:
    """Judge that a message goes and asks for consent to marketing by SMS."""
    found = next(a for a in facts.addresses if a.channel == "sms")
    asked = Asked("marketing", "sms", "any", "ask v1", "ab")
    slot = structs.replace(slot_of(facts.message, NOW_MS), asks=asked)
    return Verdict("send", (), channel="sms", address=found, slot=slot)


async def test_yes_answers_a_question_and_says_nothing_without_one(store: Store) -> None:
    """YES counts while somebody was asked; START answers as well."""
    await store.admit(upload(on_channel(1, "sms", "p", NOW_MS)))
    await with_message(store)
    unasked = await store.refusals.lift(start(starts=False), AGAIN_MS)
    await store.claim("m-1", asks, NOW_MS)
    asked = await store.refusals.lift(start("a-2", starts=False), AGAIN_MS)

    assert (unasked.answered, asked.answered) == (0, 1)
    assert await said(store) == {"sms": "y"}
    assert b"double_opt_in" in (await store.proofs.page(0, 9))[-1].proof


async def test_what_a_person_should_look_at_is_open_until_they_have(store: Store) -> None:
    """The oldest first; its text goes with the look; what is over is pruned."""
    await store.refusals.take(stop("r-2", asks=True, text="leave me alone"), LATER_MS + 1)
    await store.refusals.take(stop("r-1", asks=True, text="stop texting me"), LATER_MS)
    await store.refusals.take(stop("r-3", text="STOP"), LATER_MS)
    found = [(row.refusal_id, row.text) for row in await store.refusals.open(9)]
    looked = [await store.refusals.looked_at(name) for name in ("r-1", "r-1", "r-3", "none")]

    assert found == [("r-1", "stop texting me"), ("r-2", "leave me alone")]
    assert looked == [True, False, False, False]
    assert [row.refusal_id for row in await store.refusals.open(9)] == ["r-2"]


async def test_pruning_leaves_what_stands(store: Store) -> None:
    """A START may come years later; a bounce that was told is known for a while only."""
    await store.refusals.take(stop(), NOW_MS)
    await store.refusals.take(stop("r-2", reason="hard_bounce", scope="none"), NOW_MS)
    await store.refusals.lift(start("a-0", starts=False), NOW_MS)

    assert await store.refusals.prune(NOW_MS, 9) == 0
    assert await store.refusals.prune(NOW_MS + 1, 1) == 1
    assert await store.refusals.prune(NOW_MS + 1, 9) == 1
    assert (await store.refusals.lift(start(), AGAIN_MS)).ended == 1
