"""What a person keeps of visits, messages, statements and addresses."""

from __future__ import annotations

from fencepost_gateway.decide.consent import ANY, ConsentEntry
from fencepost_gateway.decide.past import MESSAGES_MAX, VISITS_MAX, PastMessage, Visit
from fencepost_gateway.decide.person import (
    CONSENTS_MAX,
    REACH_MAX,
    Person,
    Reached,
    merge,
)
from gateway.decide.builders import NOON_MS


def sent(n: int, at_ms: int = NOON_MS) -> PastMessage:
    """Give a message that was sent."""
    return PastMessage(f"m{n}", "c", "t", (), f"d{n}", {"sent": at_ms})


def told(n: int, what: str, at_ms: int = NOON_MS) -> PastMessage:
    """Give what a device told of a delivery."""
    return PastMessage("", delivery_id=f"d{n}", first_ms={what: at_ms})


def test_visit_too_many_leaves_its_moment() -> None:
    """The oldest falls out, and when it was stays known."""
    person = Person("p")
    for n in range(VISITS_MAX + 2):
        person.visit(Visit("f", NOON_MS + n, f"v{n}"))

    assert [v.entered_ms for v in person.visits] == [NOON_MS + n + 2 for n in range(VISITS_MAX)]
    assert person.visits_lost_ms == NOON_MS + 1


def test_engagement_joins_its_message_whichever_is_told_first() -> None:
    """A device may speak before the call is confirmed; each moment is the first."""
    orders = ([sent(1), told(1, "clicked")], [told(1, "clicked"), sent(1)])
    want = PastMessage("m1", "c", "t", (), "d1", {"sent": NOON_MS, "clicked": NOON_MS})
    for order in orders:
        person = Person("p")
        for each in [*order, told(1, "clicked", NOON_MS + 9)]:
            person.heard_of(each)

        assert person.messages == [want]


def test_delivery_nobody_named_falls_out_before_any_message() -> None:
    """What a device makes up must not push out what was sent."""
    person = Person("p")
    person.heard_of(sent(0))
    for n in range(1, MESSAGES_MAX + 9):
        person.heard_of(told(n, "clicked", NOON_MS + n))

    assert person.messages[-1] == sent(0)
    assert len(person.messages) == MESSAGES_MAX
    assert person.messages_lost_ms == NOON_MS + 9


def test_newest_addresses_of_a_channel_are_kept() -> None:
    """An address that comes again is the newest; one that is gone is no way any more."""
    person = Person("p")
    for n in range(REACH_MAX + 1):
        person.reached_at("sms", Reached(f"r{n}"))
    person.reached_at("sms", Reached("r1"))
    person.reached_at("sms", Reached("r3"), is_gone=True)
    person.reached_at("email", Reached("e1"))
    person.reached_at("email", Reached("e1"), is_gone=True)

    assert person.reach == {"sms": [*(Reached(f"r{n}") for n in (2, 4, 5, 6, 7, 8)), Reached("r1")]}


def test_statement_stands_as_the_door_took_it() -> None:
    """The same again replaces it; those about single addresses are the first to go."""
    person = Person("p")
    person.state([ConsentEntry("marketing", "y", 5), ConsentEntry("collect", "y", 5)])
    person.state([ConsentEntry("marketing", "n", 4)])
    person.state([ConsentEntry("marketing", "y", 6, "sms", f"a{n}") for n in range(CONSENTS_MAX)])

    assert len(person.consents) == CONSENTS_MAX
    assert [(e.purpose, e.value) for e in person.consents if e.address == ANY] == [
        ("collect", "y"),
        ("marketing", "n"),
    ]
    assert person.consents[-1].address == f"a{CONSENTS_MAX - 1}"


def test_merge_brings_everything_but_statements() -> None:
    """The door has merged those already; the known person's arm stays, membership is the older."""
    known = Person("k", audiences={"vips": 9}, arms={"test": "A"})
    visitor = Person("v", audiences={"vips": 5, "new": 6}, arms={"test": "B", "other": "B"})
    visitor.visit(Visit("f", NOON_MS, "v1"))
    visitor.heard_of(sent(1))
    visitor.reached_at("sms", Reached("r1"))
    visitor.state([ConsentEntry("marketing", "y", 5)])

    merge(known, visitor)

    assert (known.visits, known.messages) == (visitor.visits, visitor.messages)
    assert (known.reach, known.consents) == ({"sms": [Reached("r1")]}, [])
    assert known.audiences == {"vips": 5, "new": 6}
    assert known.arms == {"test": "A", "other": "B"}
