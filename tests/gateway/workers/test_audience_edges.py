"""Audiences where records of other kinds touch them: outcomes, moves, logins, timers, cuts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from contract.store_kit import rooms
from fencepost_gateway.decide.person import Person, Reached
from fencepost_gateway.decide.summary import DAY_MS
from fencepost_gateway.intake.admission import AdmitFacts
from fencepost_gateway.intake.admit import admit
from fencepost_gateway.intake.marks import Marks
from fencepost_gateway.intake.records import (
    DeviceMoved,
    LogRecord,
    Outcome,
    PlaceForgotten,
    Record,
    Stated,
    TimerFired,
    Touched,
)
from fencepost_gateway.ports import DocumentRow
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.workers.group import Group
from fencepost_gateway.workers.plans import Plans
from fencepost_gateway.workers.states import States
from gateway.batches import NOW_MS, batch, consent, event, user, visitor
from gateway.policies import make_house

Documents = Sequence[dict[str, Any]]

BUYERS = {"kind": "audience", "id": "buyers", "when": {"did": "purchase"}}
STRANGERS = {"kind": "audience", "id": "strangers", "when": {"not": {"did": "purchase"}}}
GUESTS = {"kind": "audience", "id": "guests", "when": {"visited": {"tag": "studio"}}}
WORDS = {"kind": "template", "id": "words", "purpose": "transactional", "in_app": {"body": "hi"}}


def audience(audience_id: str, when: Any) -> dict[str, Any]:
    """Write an audience."""
    return {"kind": "audience", "id": audience_id, "when": when}


def welcoming(audience_id: str, on: str = "join") -> dict[str, Any]:
    """Write a campaign that an audience starts."""
    message = {"template": "words", "channels": ["in_app"]}
    return {
        "kind": "campaign",
        "id": f"{on}-{audience_id}",
        "entry": {"audience": audience_id, "on": on},
        "reentry": "always",
        "goal": "none",
        "message": message,
    }


def said(*events: Any, **envelope: Any) -> Record:
    """Give the record of a batch as the door lets it in."""
    facts = AdmitFacts(Marks(), str, lambda _: ())
    upload = admit(batch(*events, **envelope), make_house(), facts, NOW_MS).upload
    assert upload is not None
    return upload


def ended(person_id: str, state: str = "sent") -> Outcome:
    """Give the outcome of a message of some campaign."""
    return Outcome("m-1", "r-1", "greeting", person_id, state, channel="in_app", delivery_id="d-1")


class House:
    """A gateway's fold into a memory store; the log is cut where the test says."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.plans = Plans("seed")
        self.states = States()
        self._position = 0

    async def publish(self, *documents: dict[str, Any]) -> None:
        """Let these be all that is live."""
        store = MemoryStore()
        rows = [
            DocumentRow(each["kind"], each["id"], 1, json.dumps(each).encode(), NOW_MS, NOW_MS)
            for each in documents
        ]
        await store.publish(rows, NOW_MS)
        await self.plans.load(store)

    async def take(self, *records: Record) -> None:
        """Fold records into one commit."""
        group = Group(self.states, self.plans, "demo", self._position + 1)
        for record in records:
            self._position += 1
            group.take(LogRecord(self._position, NOW_MS + self._position, record))
        await self.store.commit(group.close())

    async def rows(self) -> dict[str, Person]:
        """Give the persons' rows."""
        return await self.store.audiences.sample("", 1_000)

    async def changes(self) -> list[tuple[str, str, bool]]:
        """Give audience, join or leave, and whether it was filled, of every change."""
        bodies = [r.body for r in await self.store.records(0, 1_000) if r.kind == "audience"]
        return [(b["audience_id"], b["on"], b.get("filled", False)) for b in bodies]

    async def entered(self) -> list[str]:
        """Give the campaigns that took somebody in."""
        bodies = [r.body for r in await self.store.records(0, 1_000) if r.kind == "step"]
        return [b["campaign_id"] for b in bodies if b["outcome"] == "entered"]

    async def is_conserved(self) -> bool:
        """Say whether what was counted in and out is who the rows say belongs."""
        held: dict[str, int] = {}
        for person in (await self.rows()).values():
            for name in person.audiences:
                held[name] = held.get(name, 0) + 1
        sizes = await self.store.audiences.sizes()
        return held == {name: size for name, size in sizes.items() if size}


# ---- judged before anything ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "record"),
    [
        ({"got": "greeting"}, ended(visitor())),
        ({"consent": "marketing"}, Stated(visitor(), [])),
        ({"not": {"inside": {"tag": "studio"}}}, PlaceForgotten(visitor(), ["device-1"])),
        ({"not": {"inside": {"tag": "studio"}}}, DeviceMoved("device-1", visitor(), visitor())),
    ],
)
async def test_records_of_every_kind_find_persons_judged_by_new_definitions(
    when: Any, record: Record
) -> None:
    """Who belonged when the definition came has not just joined, whatever is told first."""
    house = House()
    await house.publish()
    await house.take(said(consent(1, marketing="y"), event(2)))
    await house.take(ended(visitor()))
    await house.publish(audience("new", when), welcoming("new"), WORDS)
    await house.take(record)

    assert await house.changes() == [("new", "join", True)]
    assert await house.entered() == []


async def test_visitor_of_whom_only_an_address_is_known_is_nobody_new() -> None:
    """The first audience of a workspace is filled with them too."""
    house = House()
    await house.publish()
    await house.take(said(event(1, "address", channel="sms", address="+37799999999")))
    await house.publish(audience("by-sms", {"reachable": "sms"}), welcoming("by-sms"), WORDS)
    await house.take(Touched([visitor()]))

    assert await house.changes() == [("by-sms", "join", True)]
    assert await house.entered() == []


async def test_statement_of_somebody_else_in_the_batch_finds_them_judged() -> None:
    """A batch may state for the visitor and then for the known person."""
    house = House()
    await house.publish()
    await house.take(said(event(1), user_id="u1"))
    await house.publish(audience("known", {"consent": "marketing"}), STRANGERS)
    await house.take(said(consent(2, marketing="y"), user_id="u1"))

    assert ("strangers", "join", True) in await house.changes()
    assert await house.is_conserved()


async def test_timer_of_nobody_makes_nobody() -> None:
    """A timer whose person is gone leaves no row behind."""
    house = House()
    await house.publish(STRANGERS)
    await house.take(TimerFired("t", "", "gone", NOW_MS), Touched(["gone"]))

    assert await house.rows() == {}
    assert await house.is_conserved()


# ---- asked once ------------------------------------------------------------------------------


async def test_two_facts_that_change_at_once_are_looked_at_together() -> None:
    """Nobody passes through an audience because one attribute was looked at before the other."""
    house = House()
    both = {"all": [{"audience": "plus"}, {"not": {"audience": "staff"}}]}
    await house.publish(
        audience("plus", {"person": "tier", "is": "plus"}),
        audience("staff", {"person": "role", "is": "staff"}),
        audience("plus-customers", both),
        welcoming("plus-customers"),
        WORDS,
    )
    await house.take(said(event(1)))
    await house.take(said(event(2, "set", traits={"tier": "plus", "role": "staff"})))

    assert await house.changes() == [("plus", "join", False), ("staff", "join", False)]
    assert await house.entered() == []


async def test_audience_of_a_located_audience_is_located() -> None:
    """Its figures are rounded, and what it starts needs the consent to marketing by location."""
    house = House()
    regulars = audience("regulars", {"all": [{"audience": "guests"}, {"did": "purchase"}]})
    await house.publish(GUESTS, regulars, audience("plain", {"did": "purchase"}))
    found = house.plans.plan.audiences

    assert {n: a.is_located for n, a in found.by_id.items()} == {
        "guests": True,
        "regulars": True,
        "plain": False,
    }


async def test_message_of_an_audience_of_a_located_one_bears_that_a_place_caused_it() -> None:
    """Nesting does not launder where somebody was."""
    house = House()
    not_guests = audience("not-guests", {"not": {"audience": "guests"}})
    await house.publish(GUESTS, not_guests, welcoming("not-guests"), WORDS)
    await house.take(said(event(1)))
    (message,) = await house.store.due(NOW_MS + DAY_MS, rooms(10))
    facts = await house.store.peek(message.message_id)

    assert facts is not None
    assert facts.message.cause.is_by_place


# ---- who is who ------------------------------------------------------------------------------


async def test_device_that_changes_hands_takes_its_subscription_along() -> None:
    """Rules see who is reached by it, as the claim's rows do; places of before stay their own."""
    house = House()
    await house.publish(audience("by-push", {"reachable": "web_push"}))
    old, new = visitor(), visitor("a-2")
    await house.take(said(event(1)), said(event(1), anonymous_id="a-2"))
    person = house.states.person(old)
    person.reach = {"web_push": [Reached("r1", "device-1"), Reached("r2", "device-2")]}
    await house.take(DeviceMoved("device-1", old, new))
    rows = await house.rows()

    assert rows[old].reach == {"web_push": [Reached("r2", "device-2")]}
    assert rows[new].reach == {"web_push": [Reached("r1", "device-1")]}
    assert "by-push" in rows[new].audiences
    assert await house.is_conserved()


async def test_device_that_changes_hands_leaves_visits_with_whom_they_were() -> None:
    """Logging out on one device is no withdrawal: where somebody has been stays known."""
    house = House()
    house.states.person("p").visits_lost_ms = 5
    house.states.person("p").fix_zone = "Europe/Monaco"
    await house.take(DeviceMoved("device-1", "p", "q"))

    assert house.states.person("p").visits_lost_ms == 5
    assert house.states.person("p").fix_zone == "Europe/Monaco"


async def test_visitor_who_logs_in_as_somebody_new_joins_nothing_again() -> None:
    """They are the same one under a name: memberships pass on, and nobody is greeted twice."""
    house = House()
    await house.publish(STRANGERS, welcoming("strangers"), welcoming("strangers", "leave"), WORDS)
    await house.take(said(event(1)))
    await house.take(said(event(2, "identify", user_id="u1")))
    first = await house.entered()
    await house.take(said(event(3, name="purchase"), user_id="u1"))
    await house.take(TimerFired("t", "", visitor(), NOW_MS))

    assert first == ["join-strangers"]
    assert await house.entered() == ["join-strangers", "leave-strangers"]
    assert list(await house.rows()) == [user("u1")]
    assert await house.is_conserved()


async def test_visitor_brings_no_membership_of_an_audience_that_is_gone() -> None:
    """Whoever was judged by older definitions is judged anew before they become somebody else."""
    house = House()
    await house.publish(STRANGERS)
    await house.take(said(event(1)), said(event(2), user_id="u1"))
    await house.publish(BUYERS)
    await house.take(said(event(3), user_id="u1"))
    await house.take(said(event(4, "identify", user_id="u1")))
    (person,) = (await house.rows()).values()

    assert dict(person.audiences) == {}
    assert await house.is_conserved()


# ---- cuts ------------------------------------------------------------------------------------

TESTED = {"kind": "experiment", "id": "e", "arms": {"A": 50, "B": 50}}
EVERYTHING: Documents = (
    STRANGERS,
    {"kind": "workspace", "id": "w", "zone": "Europe/Monaco", "seeds": ["seed-1"]},
    {"kind": "trait", "id": "spent", "sum": "purchase", "of": "value", "within": "2h"},
    audience("spenders", {"trait": "spent", "gte": 10}),
    audience("in-test", {"arm": "e", "is": "A"}),
    audience("other-arm", {"arm": "e", "is": "B"}),
    audience("nested", {"any": [{"audience": "spenders"}, {"audience": "in-test"}]}),
    audience("lapsed", {"last": "purchase", "older_than": "1h"}),
    audience("greeted", {"got": "join-nested"}),
    audience("by-push", {"reachable": "web_push"}),
    welcoming("nested"),
    welcoming("strangers", "leave"),
    TESTED,
    WORDS,
    WORDS | {"id": "other"},
    {
        "kind": "campaign",
        "id": "tested",
        "entry": {"event": "purchase"},
        "reentry": "always",
        "goal": "none",
        "message": {
            "template": {"experiment": "e", "arms": {"A": "words", "B": "other"}},
            "channels": ["in_app"],
        },
    },
)


def _bought(seq: int, **envelope: Any) -> Record:
    return said(event(seq, name="purchase", props={"value": 6}), **envelope)


LOG: tuple[Record, ...] = (
    said(event(1), event(2, "address", channel="sms", address="+37799999999")),
    _bought(3),
    _bought(1, anonymous_id="a-2", device_id="device-2"),
    _bought(4),
    Outcome("m", "r", "join-nested", visitor(), "sent", channel="in_app", delivery_id="d"),
    said(consent(5, marketing="y")),
    TimerFired("t", "", visitor(), NOW_MS),
    said(event(6, "identify", user_id="u1")),
    TimerFired("t", "", visitor(), NOW_MS),
    _bought(2, anonymous_id="a-2", device_id="device-2"),
    Touched([visitor(), visitor("a-2"), "nobody"]),
    said(event(3, "identify", user_id="u1"), anonymous_id="a-2", device_id="device-2"),
    DeviceMoved("device-1", user("u1"), visitor("a-3")),
    said(event(1), anonymous_id="a-3"),
    PlaceForgotten(user("u1"), ["device-2"]),
    Stated(user("u1"), []),
    said(event(7, "set", traits={"tier": "plus"}), user_id="u1"),
)


async def _told(house: House) -> dict[str, Any]:
    """Give everything that was committed, but when messages come due and the order of rows."""
    books = msgspec.structs.asdict(house.store._books)  # noqa: SLF001 - all rows, whatever they are
    kept = ("persons", "audience_days", "person_timers", "timers", "tracks", "addresses")
    messages = {m: (row.person_id, row.state) for m, row in books["messages"].items()}
    rows = await house.store.records(0, 1_000)
    return {name: books[name] for name in kept} | {"messages": messages, "records": rows}


async def test_cut_of_the_log_leaves_no_trace_in_any_row() -> None:
    """Audiences, traits, arms, seeds, merges: whatever stood in one commit, the rows agree."""
    whole = House()
    await whole.publish(*EVERYTHING)
    await whole.take(*LOG)
    wanted = await _told(whole)
    for at in range(1, len(LOG)):
        cut = House()
        await cut.publish(*EVERYTHING)
        await cut.take(*LOG[:at])
        await cut.take(*LOG[at:])

        assert await _told(cut) == wanted, at
    one_by_one = House()
    await one_by_one.publish(*EVERYTHING)
    for record in LOG:
        await one_by_one.take(record)

        assert await one_by_one.is_conserved()

    assert await _told(one_by_one) == wanted
    assert {name for _, name in wanted["audience_days"]} >= {"spenders", "nested", "greeted"}
