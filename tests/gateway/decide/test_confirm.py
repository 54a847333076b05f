"""Confirm: one message asks, one answer counts."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from fencepost_gateway.decide import confirm, consent
from fencepost_gateway.decide.caps import Asked, Slot
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import AddressRow, ClaimFacts, Verdict
from gateway.decide.builders import (
    DAY_MS,
    HOUR_MS,
    NOON_MS,
    POLICY,
    facts,
    judged,
    message,
    plan,
    slot,
    template,
)

ADDRESS = AddressRow("email", "email-1", {"address": "secret"}, 0)
ASKED = Asked("marketing", "email", "email-1", "greet v2", "ab")
PENDING = ConsentEntry("marketing", "p", NOON_MS - HOUR_MS, "email", "email-1")


def asking(*said: ConsentEntry, slots: tuple[Slot, ...] = (), confirms: str = "") -> Verdict:
    """Judge a message that asks to confirm."""
    asks = replace(template("transactional"), confirms=confirms or "marketing")
    the_plan = plan(templates={"greet": asks}, policy=replace(POLICY, quiet_hours=()))
    wanted = message(channels=("email",))
    the_facts = facts(message=wanted, consents=said, addresses=(ADDRESS,), slots=slots)
    return judged(the_plan, the_facts)


def reserved(name: str, at_ms: int, **changes: Any) -> Slot:
    """Give the slot of a message that asked."""
    return slot(name, at_ms, at_ms, purpose="transactional", **({"asks": ASKED} | changes))


def said(value: str, channel: str = "email", address: str = "email-1") -> ConsentEntry:
    """Give a statement about marketing."""
    return ConsentEntry("marketing", value, NOON_MS - HOUR_MS, channel, address)


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([said("p")], ""),
        ([said("p", "email", "any")], ""),
        ([said("p", "any", "any")], ""),
        ([said("y", "any", "any"), said("p")], ""),
        ([], "not_pending"),
        ([said("y")], "not_pending"),
        ([said("p", "any", "any"), said("y")], "not_pending"),
        ([said("p", "sms", "any")], "not_pending"),
        ([said("p", "email", "another")], "not_pending"),
        ([said("n")], "consent"),
        ([said("n", "any", "any"), said("p")], "consent"),
        ([said("p"), said("n", "email", "any")], "consent"),
    ],
)
def test_p_permits_the_message_that_asks_and_nothing_else_does(
    entries: list[ConsentEntry], reason: str
) -> None:
    """It goes where a p decides; where nothing is pending, or a no stands, it does not."""
    verdict = asking(*entries)

    assert verdict.reason == reason
    assert (verdict.outcome == "send") is (not reason)


def test_p_permits_no_other_message() -> None:
    """Marketing is denied while it is pending."""
    found = judged(the_facts=facts(consents=(said("p", "any", "any"),)))

    assert found.reason == "consent"


def test_what_is_needed_first_must_be_allowed() -> None:
    """Nobody is asked about the night who does not want the day."""
    night = ConsentEntry("marketing_night", "p", NOON_MS - HOUR_MS)

    assert asking(night, confirms="marketing_night").reason == "consent"
    assert asking(night, said("y"), confirms="marketing_night").outcome == "send"


def test_one_message_asks() -> None:
    """A second one is withheld, and says when the first one asked; the slot names the words."""
    first = asking(PENDING)
    assert first.slot is not None
    assert first.slot.asks is not None
    assert (first.slot.asks.text, first.slot.asks.channel) == ("greet v2", "email")
    assert len(first.slot.asks.text_sha256) == 64

    second = asking(PENDING, slots=(replace(first.slot, slot_id="message-0"),))

    assert (second.outcome, second.reason) == ("withheld", "confirmation_sent")
    assert second.checks[-1].inputs["asked_ms"] == NOON_MS


def test_message_that_is_tried_again_is_not_in_its_own_way() -> None:
    """A provider that was down gets it again."""
    own = reserved("message-1", NOON_MS)

    assert asking(PENDING, slots=(own,)).outcome == "send"


def test_p_said_again_asks_again_though_not_at_once() -> None:
    """Pressing a button twice is one question; asking for a new link later is another."""
    long_ago = reserved("old", PENDING.at_ms - confirm.AGAIN_MS)
    lately = reserved("old", PENDING.at_ms - confirm.AGAIN_MS + 1)

    assert asking(PENDING, slots=(long_ago,)).outcome == "send"
    assert asking(PENDING, slots=(lately,)).reason == "confirmation_sent"


def question(
    entry: ConsentEntry | None, *, after_ms: int = 0, asks: Asked | None = ASKED
) -> confirm.Question:
    """Ask what became of a question that was asked at noon."""
    the_facts: ClaimFacts = facts(
        message=message(message_id="m-1"),
        slots=(reserved("m-1", NOON_MS, asks=asks),),
        consents=() if entry is None else (entry,),
    )
    return confirm.question_of(the_facts, NOON_MS + after_ms)


@pytest.mark.parametrize(
    ("value", "after_ms", "state"),
    [
        ("p", 0, "open"),
        ("p", 30 * DAY_MS - 1, "open"),
        ("p", 30 * DAY_MS, "expired"),
        ("y", 0, "answered"),
        ("y", 90 * DAY_MS, "answered"),
        ("n", 0, "withdrawn"),
        ("u", 0, "withdrawn"),
    ],
)
def test_question_is_open_for_thirty_days_or_until_it_is_answered(
    value: str, after_ms: int, state: str
) -> None:
    """A no said meanwhile stands; an answer stays an answer."""
    assert question(said(value), after_ms=after_ms).state == state


def test_message_that_asked_nothing_has_no_answer() -> None:
    """A ticket of another message opens nothing."""
    assert question(PENDING, asks=None).state == "unknown"


def test_answer_stands_over_its_question_whatever_the_clocks_say() -> None:
    """Also where the device that asked was ahead of us."""
    ahead = replace(PENDING, at_ms=NOON_MS + 60_000, clock="device-1")
    answer = confirm.answered(ASKED, ahead, NOON_MS)

    assert consent.newer(ahead, answer) is answer
    assert answer.key == PENDING.key
    assert (answer.value, answer.at_ms) == ("y", NOON_MS + 60_001)
