"""Whose message it is: preferences, test persons, seeds, proofs, and whom alone one may send to."""

from typing import Any

import pytest
from msgspec.structs import replace

from fencepost_gateway.decide.message import Proof
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import CapRule, Goal, MessagePlan
from fencepost_gateway.decide.rules import compile_rule
from fencepost_gateway.decide.timing import same_hours
from gateway.decide.builders import (
    CHANNELS,
    DAY_MS,
    HOUR_MS,
    NOON_MS,
    addresses,
    campaign,
    facts,
    judged,
    message,
    plan,
    slot,
)

CAP = CapRule("caps.1", 1, rolling_ms=DAY_MS)
USED = (slot("used", NOON_MS - HOUR_MS, NOON_MS - HOUR_MS),)
NIGHT_MS = NOON_MS - 11 * HOUR_MS
NOWHERE = compile_rule({"inside": {"tag": "studio"}})


def _likes(channel: Any) -> Person:
    return Person("person-1", attributes={"preferred_channel": channel})


# ---- preferred channel -----------------------------------------------------------------------


def test_preferred_channel_goes_first() -> None:
    """The person's own preference stands before the order of the message."""
    verdict = judged(the_facts=facts(person=_likes("sms")))

    assert verdict.channel == "sms"
    assert verdict.checks[7].inputs == {"preferred": True}


@pytest.mark.parametrize("odd", ["fax", "", None, 3, ["sms"], {"sms": 1}], ids=repr)
def test_preference_that_is_no_channel_of_the_message_changes_nothing(odd: Any) -> None:
    """The order of the message stands."""
    assert judged(the_facts=facts(person=_likes(odd))).channel == "in_app"


def test_preferred_channel_that_may_not_go_is_listed_with_its_reason() -> None:
    """The next channels are tried in the message's order; who was passed over says why."""
    found = tuple(a for a in addresses(*CHANNELS) if a.channel not in {"email", "in_app"})
    verdict = judged(the_facts=facts(person=_likes("email"), addresses=found))
    passed_over = [(c.channel, c.reason) for c in verdict.checks if not c.ok]

    assert verdict.channel == "web_push"
    assert passed_over == [("email", "no_address"), ("in_app", "no_address")]


# ---- suppression and allow list --------------------------------------------------------------


def test_allow_list_lets_listed_users_and_addresses_go_and_nobody_else() -> None:
    """Where it is on, only they get messages, transactional ones too."""
    strict = plan(allow_only=frozenset({"ada"}), purpose="transactional")
    stranger = facts(person=Person("person-1", user_id="bob"))
    listed = tuple(replace(a, allowed=a.channel == "sms") for a in addresses(*CHANNELS))

    refused = judged(strict, stranger)

    assert refused.reason == "not_allow_listed"
    assert refused.checks[-1].inputs == {"allow_only": True}
    assert judged(strict, replace(stranger, addresses=listed)).channel == "sms"
    assert judged(strict, facts(person=Person("person-1", user_id="ada"))).channel == "in_app"
    assert judged(plan(allow_only=frozenset()), stranger).reason == "not_allow_listed"


def test_suppression_stands_before_the_allow_list() -> None:
    """A listed user with a suppressed address gets nothing there."""
    strict = plan(allow_only=frozenset({"ada"}))
    bad = tuple(replace(a, suppressed="stop", allowed=True) for a in addresses("sms"))
    given = facts(
        person=Person("person-1", user_id="ada"),
        addresses=bad,
        message=message(channels=("sms",)),
    )

    assert judged(strict, given).reason == "suppressed"


# ---- test persons, seeds, proofs -------------------------------------------------------------

MARKS = ("test", "seed", "proof")


def _marked(mark: Any, **changes: Any) -> Any:
    proof = Proof("greet") if mark == "proof" else None
    return message(mark=mark, proof=proof, channels=("sms",), **changes)


@pytest.mark.parametrize("mark", MARKS)
def test_marked_message_takes_no_slot_and_is_held_by_no_cap_or_holdout(mark: str) -> None:
    """Test persons, seeds and proofs are outside of what is counted."""
    strict = plan(campaign(holdout=1.0), workspace_holdout=1.0, caps=(CAP,))
    verdict = judged(strict, facts(message=_marked(mark), slots=USED))

    assert (verdict.outcome, verdict.slot) == ("send", None)
    assert judged(strict, facts(slots=USED)).outcome == "withheld"


@pytest.mark.parametrize("mark", MARKS)
def test_marked_message_needs_consent_like_any(mark: str) -> None:
    """Nobody is written to against their will for the sake of a test."""
    verdict = judged(the_facts=facts(message=_marked(mark), consents=()))

    assert verdict.reason == "consent"


@pytest.mark.parametrize("mark", MARKS)
def test_marked_message_keeps_off_suppressed_addresses_and_stops(mark: str) -> None:
    """The suppression list and the emergency stop hold for every message."""
    listed = tuple(replace(a, suppressed="manual") for a in addresses(*CHANNELS))
    given = facts(message=_marked(mark))

    assert judged(the_facts=replace(given, addresses=listed)).reason == "suppressed"
    assert judged(the_facts=replace(given, emergency_stop=True)).reason == "emergency_stop"


def test_only_a_proof_goes_at_night() -> None:
    """It was asked for at this moment; copies and test persons sleep."""
    span = {"entered_ms": NIGHT_MS, "expires_at_ms": NIGHT_MS + DAY_MS}
    outcomes = {
        mark: judged(the_facts=facts(message=_marked(mark, **span)), now_ms=NIGHT_MS).outcome
        for mark in MARKS
    }

    assert outcomes == {"test": "deferred", "seed": "deferred", "proof": "send"}


def test_copies_are_not_asked_what_their_receiver_did() -> None:
    """A seed is in no studio and buys nothing; a test person is judged as anybody."""
    wish = MessagePlan("greet", CHANNELS, while_=NOWHERE)
    strict = plan(campaign(message=wish, goal=Goal("bought", DAY_MS)))

    assert judged(strict, facts(message=_marked("seed"))).outcome == "send"
    assert judged(strict, facts(message=_marked("test"))).reason == "no_longer_relevant"


def test_proof_needs_its_template_and_no_campaign() -> None:
    """It is judged without one; a template that is gone withholds it."""
    nowhere = plan(templates={})
    asked = message(mark="proof", proof=Proof("greet"), campaign_id="", channels=("email",))

    assert judged(the_facts=facts(message=asked)).outcome == "send"
    assert judged(nowhere, facts(message=asked)).reason == "campaign_ended"


# ---- what a publication changes --------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "is_same"),
    [
        ({}, True),
        ({"revision": 9}, True),
        ({"templates": {}}, True),
        ({"workspace_zone": "Asia/Seoul"}, False),
        ({"caps": (CAP,)}, False),
        ({"policy": replace(plan().policy, quiet_hours=())}, False),
        ({"campaigns": {"greeting": campaign(message=MessagePlan("greet", ("sms",)))}}, True),
        (
            {
                "campaigns": {
                    "greeting": campaign(
                        message=MessagePlan("greet", caps="defer", channels=CHANNELS)
                    )
                }
            },
            False,
        ),
    ],
    ids=["none", "revision", "words", "zone", "caps", "quiet-hours", "channels", "waits"],
)
def test_plans_defer_alike_unless_hours_caps_or_zones_changed(
    changes: dict[str, Any],
    is_same: bool,  # noqa: FBT001 - a column of the table
) -> None:
    """Only then are waiting messages brought forward."""
    assert same_hours(plan(), plan(**changes)) is is_same
