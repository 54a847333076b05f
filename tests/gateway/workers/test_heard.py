"""What rules may ask of a person, kept by the pipeline from the log alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Any, TypeVar

import pytest

from fencepost_gateway.decide.claim import judge
from fencepost_gateway.decide.ids import chance
from fencepost_gateway.decide.message import AddressRow, ClaimFacts, Message
from fencepost_gateway.decide.person import Person, Reached
from fencepost_gateway.decide.rendered import Rendered
from fencepost_gateway.intake import wire
from fencepost_gateway.intake.records import LogRecord, Outcome, PlaceForgotten, Upload
from fencepost_gateway.ports import DocumentRow
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.workers.group import Group
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.states import States
from gateway.batches import DAY_MS, NOW_MS, batch, event
from gateway.rig import DOCUMENTS, OPEN_POLICY, OUTSIDE, Rig, open_rig

T = TypeVar("T")
RACES = 10_000
CAMPAIGN = (
    b'{"kind": "campaign", "id": "moisturiser", "entry": {"event": "opened"}, "goal": "none",'
    b' "reentry": "always", "when": {"not": {"did": "purchase", "within": "14d"}},'
    b' "message": {"template": "words", "channels": ["in_app"],'
    b' "while": {"not": {"did": "purchase", "within": "14d"}}}}'
)
TEMPLATE = (
    b'{"kind": "template", "id": "words", "purpose": "transactional", "in_app": {"body": "hi"}}'
)


async def person_of(rig: Rig) -> Person:
    """Give the one person of a rig as their row holds them."""
    records = await rig.records()
    person_id = records[-1]["person_id"]
    return (await rig.gateway.store.persons([person_id]))[person_id]


async def test_visit_message_and_click_can_be_asked_for(tmp_path: Path) -> None:
    """The whole way: who walked in, got the greeting and clicked it is known to have."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        (shown,) = await rig.inbox()
        await rig.send(
            {"type": "engagement", "delivery_id": shown["delivery_id"], "action": "clicked"}
        )
        await rig.settle()
        person = await person_of(rig)

    (message,) = person.messages
    assert [visit.fence_id for visit in person.visits] == ["studio"]
    assert (message.campaign_id, message.template_id) == ("greeting", "greet")
    assert message.delivery_id == shown["delivery_id"]
    assert set(message.first_ms) == {"sent", "clicked", "opened", "delivered"}


async def test_rule_asks_for_the_message_that_was_just_sent(tmp_path: Path) -> None:
    """Who got it comes in again, and the record says which rule kept them out."""
    once = DOCUMENTS.replace("goal: none", "goal: none\nwhen: {not: {got: greet, within: 1d}}", 1)
    async with open_rig(tmp_path) as rig:
        await rig.apply(once, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        for where in (OUTSIDE,) * 40:
            await rig.fix(where)
        await rig.walk_in()
        steps = [(s["body"]["reason"], s["body"]["inputs"]) for s in await rig.records("step")]

    assert [reason for reason, _ in steps] == ["", "condition_false"]
    (operand,) = steps[1][1]["operands"]
    assert (operand["rule"], operand["value"]) == ("got greet sent within 1d count at least 1", 1)
    assert operand["times_ms"]


async def test_statements_of_a_person_are_those_of_the_claim(tmp_path: Path) -> None:
    """In one batch, before and after the visitor is known: as the claim's rows have them."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.send(
            {"type": "consent", "values": {"marketing": "n", "collect": "y"}}, user_id="u1"
        )
        await rig.send(
            {"type": "consent", "values": {"marketing": "y", "profiling": "y"}},
            {"type": "consent", "values": {"marketing": "y"}, "channel": "sms"},
            {"type": "identify", "user_id": "u1", "traits": {}},
            {"type": "consent", "values": {"personalisation": "n"}},
            {"type": "address", "channel": "sms", "address": "+37799999999"},
            user_id=None,
        )
        await rig.settle()
        ids = [row.record for row in await rig.gateway.store.read_log(0, 100)]
        (person_id,) = {r.person_id for r in ids if isinstance(r, Upload)}
        person = (await rig.gateway.store.persons([person_id]))[person_id]
        rows = await rig.gateway.store.consents(person_id)

    assert {e.key: e.value for e in rows} == {e.key: e.value for e in person.consents}
    assert {e.value for e in person.consents if e.key == ("marketing", "any", "any")} == {"n"}
    assert [*person.reach] == ["sms"]


def _group(states: States, *records: Any) -> Group:
    group = Group(states, Plans("seed"), "demo", 1)
    for n, record in enumerate(records, 1):
        group.take(LogRecord(n, NOW_MS + n, record))
    return group


def test_address_that_is_gone_reaches_nobody() -> None:
    """The provider said so, or the person opted out there: the outcome names the address."""
    states = States()
    states.person("p").reach = {"sms": [Reached("r1"), Reached("r2")]}
    ended = Outcome("m", "r", "c", "p", "failed", "gone", "sms", delivery_id="d", lost_ref="r1")
    group = _group(states, ended)

    assert group.close().persons["p"].reach == {"sms": [Reached("r2")]}
    assert states.person("p").messages[0].first_ms == {"failed": NOW_MS + 1}


def test_withdrawn_place_takes_the_visits_with_it() -> None:
    """Where somebody has been is where they were."""
    states = States()
    states.person("p").visits_lost_ms = 5
    _group(states, PlaceForgotten("p", ["device-1"]))

    assert (states.person("p").visits, states.person("p").visits_lost_ms) == ([], None)


@pytest.mark.feature("S13")
async def test_ten_thousand_races_of_purchase_and_trigger_send_nothing_wrong() -> None:
    """A purchase in the same batch or before the claim stops the message; the record names it."""
    store, plans, states = MemoryStore(), Plans("seed"), States()
    rows = [
        DocumentRow(kind, name, 1, body, NOW_MS, NOW_MS)
        for kind, name, body in (
            ("campaign", "moisturiser", CAMPAIGN),
            ("template", "words", TEMPLATE),
        )
    ]
    await store.publish(rows, NOW_MS)
    await plans.load(store)
    uploads, bought = [], {}
    for n in range(RACES):
        names = _drawn("names", n, [*permutations(["purchase", "opened", "seen"])])
        age_ms = _drawn("age", n, [DAY_MS, 13 * DAY_MS, 15 * DAY_MS])
        cut = _drawn("cut", n, range(4))
        is_first = "purchase" in names[:cut] or "opened" in names[cut:]  # it happened before
        bought[f"p{n}"] = (is_first, age_ms < 14 * DAY_MS)
        uploads += [_upload(n, part, age_ms) for part in (names[:cut], names[cut:]) if part]
    group = Group(states, plans, "demo", 1)
    for n, upload in enumerate(uploads):
        group.take(LogRecord(n + 1, NOW_MS + n, upload))

    effects = group.close()
    kept_out = {row.person_id: row.body for row in effects.records if row.body.get("reason")}
    assert set(kept_out) == {name for name, (first, young) in bought.items() if first and young}
    for body in kept_out.values():
        (operand,) = body["inputs"]["operands"]
        assert operand["rule"] == "did purchase within 14d count at least 1"
        assert len(operand["times_ms"]) == 1
    sent = {m.person_id for m in effects.messages if _is_sent(plans, states, m)}
    assert sent == {name for name, (_, young) in bought.items() if not young}


def _drawn(what: str, n: int, choices: Sequence[T]) -> T:
    """Draw one, the same in every run."""
    return choices[int(chance(what, str(n)) * len(choices))]


def _upload(n: int, names: Sequence[str], age_ms: int) -> Upload:
    """Put events into one upload, in their order; the purchase happened ``age_ms`` ago."""
    told = []
    for seq, name in enumerate(names, 1):
        (raw,) = batch(event(seq, name=name)).events
        told.append(wire.decode_event(raw))
    at_ms = [NOW_MS - age_ms - 1 if name == "purchase" else NOW_MS for name in names]
    events: list[wire.Event] = [each for each in told if isinstance(each, wire.Track)]
    return Upload(f"d{n}", f"p{n}", f"p{n}", "", "s", NOW_MS, events, at_ms)


def _is_sent(plans: Plans, states: States, message: Message) -> bool:
    person = states.person(message.person_id)
    addresses = (AddressRow("in_app", "in_app", {}, 0),)
    facts = ClaimFacts(message, person, (), addresses)
    verdict = judge(plans.plan, facts, {"in_app": Rendered()}, NOW_MS + DAY_MS // 2)
    return verdict.outcome == "send"
