"""Traits that are newer than what they are made of: filled out of history."""

from __future__ import annotations

from pathlib import Path

import pytest

from fencepost_gateway.decide.person import RECENT_MAX, Person
from fencepost_gateway.decide.traits import value_of
from fencepost_gateway.documents.compile import compile_plan
from fencepost_gateway.documents.document import SourceFile, StoredDocument
from fencepost_gateway.documents.loader import load
from gateway.rig import GRANTS, OPEN_POLICY, Rig, open_rig

DAY_MS = 86_400_000
MANY = 160  # more than a person remembers
REGULARS = """
kind: trait
id: yoga
count: purchase
where: {category: yoga}
within: 90d
---
kind: trait
id: spent
sum: purchase
of: value
---
kind: audience
id: regulars
when: {all: [{trait: yoga, gte: 80}, {trait: spent, gte: 1600}]}
"""
DOCUMENTS = load([SourceFile("d.yaml", REGULARS + "---" + OPEN_POLICY)]).documents
TRAITS = compile_plan([StoredDocument(d.kind, d.id, 1, d.body) for d in DOCUMENTS], 1, "s").traits


async def buy(rig: Rig, count: int, user_id: str | None = "u1") -> None:
    """Buy yoga and other things in turn, for ten each."""
    for first in range(0, count, 40):
        events = [
            {"type": "track", "name": "purchase",
             "props": {"value": 10, "category": ("yoga", "mats")[number % 2]}}
            for number in range(first, min(count, first + 40))
        ]  # fmt: skip
        await rig.send(*events, user_id=user_id)
        await rig.settle()
        rig.clock.move_to(rig.clock.now_ms() + 60_000)


async def only_person(rig: Rig) -> Person:
    """Give the one person who is known by name."""
    everybody = await rig.gateway.store.audiences.sample("", 10)
    (found,) = [each for each in everybody.values() if each.user_id]
    return found


def trait(name: str, person: Person, now_ms: int) -> tuple[object, bool]:
    """Give a trait's value as rules read it, and whether it is whole."""
    found = value_of(TRAITS[name], person, now_ms)
    return found.value, found.whole


async def came(rig: Rig) -> None:
    """Let somebody come who allows everything."""
    await rig.send({"type": "consent", "values": dict(GRANTS)})
    await rig.settle()


@pytest.mark.feature("I04")
async def test_trait_declared_later_counts_what_nobody_remembers_any_more(tmp_path: Path) -> None:
    """With the audience that reads it, as soon as the back-fill comes by; and it counts on."""
    async with open_rig(tmp_path) as rig:
        await came(rig)
        await buy(rig, MANY)
        before = await only_person(rig)
        await rig.apply(REGULARS)
        await rig.settle()
        filled = await only_person(rig)
        await buy(rig, 1)
        after = await only_person(rig)
        now_ms = rig.clock.now_ms()

    assert len(before.recent) == RECENT_MAX
    assert filled.audiences.keys() == {"regulars"}
    assert trait("yoga", filled, now_ms) == (MANY // 2, True)
    assert trait("spent", filled, now_ms) == (10 * MANY, True)
    assert trait("spent", after, now_ms) == (10 * MANY + 10, True)


async def test_event_before_the_back_fill_comes_by_is_counted_once(tmp_path: Path) -> None:
    """The first event after the publication finds the trait filled, and goes in beside."""
    async with open_rig(tmp_path) as rig:
        await came(rig)
        await buy(rig, MANY)
        await rig.apply(REGULARS.replace("gte: 1600", "gte: 1610"))
        await rig.send({"type": "track", "name": "purchase", "props": {"value": 10}})
        await rig.settle()
        person = await only_person(rig)
        now_ms = rig.clock.now_ms()

    assert trait("spent", person, now_ms) == (10 * MANY + 10, True)
    assert person.audiences.keys() == {"regulars"}


async def test_visitor_who_logs_in_brings_all_of_it_along(tmp_path: Path) -> None:
    """History is theirs under the new name, so a trait declared later counts it too."""
    async with open_rig(tmp_path) as rig:
        await rig.send({"type": "consent", "values": dict(GRANTS)}, user_id=None)
        await buy(rig, MANY, user_id=None)
        await rig.send({"type": "identify", "user_id": "u1"})
        await buy(rig, 2)
        await rig.apply(REGULARS)
        await rig.settle()
        person = await only_person(rig)
        now_ms = rig.clock.now_ms()

    assert person.user_id == "u1"
    assert trait("spent", person, now_ms) == (10 * MANY + 20, True)


async def test_trait_says_that_history_begins_too_late(tmp_path: Path) -> None:
    """Where the first events were let go, the value is what is left, and is not whole."""
    async with open_rig(tmp_path) as rig:
        await came(rig)
        await buy(rig, 40)
        cut_ms = rig.clock.now_ms()
        await buy(rig, MANY - 40)
        await rig.gateway.store.history.prune(cut_ms, cut_ms, 1000)
        await rig.apply(REGULARS)
        await rig.settle()
        person = await only_person(rig)
        now_ms = rig.clock.now_ms()

    assert trait("spent", person, now_ms) == (10 * (MANY - 40), False)
