"""Jurisdiction: which policies hold, and that the stricter one answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fencepost_gateway.decide import consent
from fencepost_gateway.decide.cause import standing_facts
from fencepost_gateway.decide.consent import PURPOSES, VALUES, ConsentEntry
from fencepost_gateway.decide.jurisdiction import jurisdiction_of
from fencepost_gateway.decide.message import AddressRow, Check
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import Plan, Policy, QuietHours
from fencepost_gateway.decide.rules import compile_rule
from fencepost_gateway.decide.words import tell
from gateway.decide.builders import (
    MODEST,
    NOON_MS,
    POLICY,
    YES_TO_ALL,
    at,
    facts,
    judged,
    message,
    plan,
    windows,
)

ALL_DAYS = range(7)
KR = replace(
    POLICY,
    policy_id="kr",
    countries=frozenset({"KR"}),
    quiet_hours=(
        QuietHours(
            frozenset({"marketing"}),
            frozenset({"sms"}),
            windows(ALL_DAYS, (480, 1260)),
            lifted_by="marketing_night",
            and_zone="Asia/Seoul",
        ),
    ),
)
US = replace(POLICY, policy_id="us", countries=frozenset({"US"}), quiet_hours=())
EU = replace(POLICY, policy_id="eu", countries=frozenset({"FR", "DE"}), quiet_hours=())
DEFAULT = replace(POLICY, quiet_hours=())


def world(**changes: Any) -> Plan:
    """Publish a default policy and three of jurisdictions."""
    return plan(policy=DEFAULT, policies=(EU, KR, US), **changes)


def test_rule_asks_every_policy_that_holds() -> None:
    """A value that one country accepts and another does not is no consent to branch on."""
    strict = replace(KR, accepts={"*": frozenset({"y"})})
    loose = replace(US, accepts={"*": frozenset({"y", "LI"})})
    the_plan = plan(policy=loose, policies=(strict,))
    rule = compile_rule({"consent": "marketing"})
    person = Person("p", consents=[ConsentEntry("marketing", "LI", 0)])
    here = [rule.holds(standing_facts(the_plan, person, NOON_MS))]
    person.attributes["country"] = "KR"
    here.append(rule.holds(standing_facts(the_plan, person, NOON_MS)))

    assert here == [True, False]


def held(phone: str = "", **members: Any) -> tuple[list[str], dict[str, tuple[str, ...]]]:
    """Name the policies that hold for a person, and the countries by source."""
    attributes = {"country": members.pop("country")} if "country" in members else {}
    person = Person("p", attributes=attributes, **members)
    found = jurisdiction_of(world(), person, phone, NOON_MS)
    return [p.policy_id for p in found.policies], found.countries


@pytest.mark.parametrize(
    ("known", "policies"),
    [
        ({}, ["default"]),
        ({"country": "KR"}, ["kr"]),
        ({"country": "kr"}, ["kr"]),
        ({"country": "Korea"}, ["default"]),
        ({"country": "JP"}, ["default"]),
        ({"phone": "+82 10"}, ["kr"]),
        ({"phone": "+12025550100"}, ["default", "us"]),
        ({"phone": "+12025550100", "country": "US"}, ["us"]),
        ({"zone": "Asia/Seoul", "zone_at_ms": NOON_MS}, ["kr"]),
        ({"zone": "Asia/Seoul", "zone_at_ms": NOON_MS - 31 * 86_400_000}, ["default"]),
        ({"zone": "UTC", "zone_at_ms": NOON_MS}, ["default"]),
        ({"locale": "ko-KR"}, ["kr"]),
        ({"locale": "ko"}, ["default"]),
        ({"country": "KR", "locale": "fr-FR"}, ["eu", "kr"]),
        ({"country": "KR", "phone": "+4930", "locale": "en-US"}, ["eu", "kr", "us"]),
        ({"country": "DE", "locale": "fr-FR"}, ["eu"]),
        ({"country": "KR", "locale": "ja-JP"}, ["default", "kr"]),
    ],
)
def test_ladder_names_the_policies(known: dict[str, Any], policies: list[str]) -> None:
    """Every rung counts; where they disagree all their policies hold."""
    assert held(**known)[0] == policies


def test_record_says_where_the_country_came_from() -> None:
    """A rung that names what is known already adds nothing."""
    _, countries = held(country="US", phone="+12025550100", locale="ko-KR")

    assert countries == {"stated": ("US",), "locale": ("KR",)}


def test_one_policy_for_everybody_asks_nobody() -> None:
    """Without jurisdictions there is one policy, and nothing to say about it."""
    found = jurisdiction_of(plan(), Person("p", locale="ko-KR"), "", NOON_MS)

    assert (found.policies, found.told()) == ((POLICY,), {})


entries = st.lists(
    st.builds(
        ConsentEntry,
        st.sampled_from(sorted(PURPOSES)),
        st.sampled_from(sorted(VALUES)),
        st.just(0),
        st.sampled_from(["any", "sms"]),
    ),
    max_size=6,
    unique_by=lambda entry: entry.key,
)
policies = st.builds(
    Policy,
    st.sampled_from(["a", "b"]),
    st.just(1),
    st.dictionaries(
        st.sampled_from([*sorted(PURPOSES), "*"]),
        st.frozensets(st.sampled_from(["y", "LI", "CT", "dy"])),
        max_size=4,
    ),
    st.dictionaries(st.sampled_from(sorted(PURPOSES)), st.sampled_from(["CT", "dy", "dn"])),
)


@MODEST
@given(st.lists(policies, min_size=1, max_size=3), entries, st.sampled_from(sorted(PURPOSES)))
def test_allowed_is_what_every_policy_allows(
    held_policies: list[Policy], said: list[ConsentEntry], purpose: str
) -> None:
    """The stricter answer wins, and it is the answer of one of them."""
    answer = consent.allows_under(held_policies, said, purpose, "sms")
    each = [consent.allows(said, policy, purpose, "sms") for policy in held_policies]

    assert answer.allowed is all(one.allowed for one in each)
    assert answer in each


def last(the_plan: Plan, now_ms: int, **known: Any) -> Check:
    """Give the last check of an SMS to somebody."""
    person = Person("person-1", **known)
    wanted = message(channels=("sms",), entered_ms=now_ms, expires_at_ms=now_ms + 86_400_000)
    address = AddressRow("sms", "a-1", {"address": "x"}, 0)
    the_facts = facts(message=wanted, person=person, addresses=(address,), due_ms=now_ms)
    return judged(the_plan, the_facts, now_ms=now_ms).checks[-1]


def test_claim_keeps_the_hours_of_every_policy() -> None:
    """At 14:30 in Monaco it is 21:30 in Seoul, where the law of Korea sleeps."""
    now_ms = at("2026-06-01 12:30")
    here: dict[str, Any] = {"zone": "Europe/Monaco", "zone_at_ms": now_ms}
    open_ = last(world(), now_ms, **here)
    closed = last(world(), now_ms, locale="ko-KR", **here)

    assert open_.gate == "caps"
    assert (closed.gate, closed.reason) == ("quiet_hours", "quiet_hours")
    assert closed.inputs["closed"] == ["policy kr in Asia/Seoul"]
    assert closed.inputs["policies"] == ["default v1", "kr v1"]
    assert closed.inputs["countries"] == {"zone": ["MC"], "locale": ["KR"]}


def test_claim_needs_the_consent_of_every_policy() -> None:
    """What one accepts another may not; the record names the one that did not."""
    lenient = replace(US, accepts={"*": frozenset({"y", "LI"})})
    the_plan = plan(policy=DEFAULT, policies=(KR, lenient))
    said = (ConsentEntry("marketing", "LI", 1), *YES_TO_ALL[1:])

    def judge_of(country: str, locale: str = "") -> Check:
        person = Person("person-1", attributes={"country": country}, locale=locale)
        found = judged(the_plan, facts(person=person, consents=said))
        return next(check for check in found.checks if check.gate == "consent")

    assert judge_of("US").ok
    assert not judge_of("KR").ok
    assert judge_of("US", "ko-KR").inputs["policy"] == "kr v1"


@pytest.mark.parametrize(
    ("default", "kr", "waits"),
    [
        ("hold", "hold", True),
        ("hold", "withhold", False),
        ("withhold", "hold", False),
        (None, "hold", True),
    ],
)
def test_message_waits_for_a_zone_only_if_every_policy_with_hours_lets_it(
    default: str | None, kr: str, *, waits: bool
) -> None:
    """Withholding is the stricter answer; a policy without hours has none to give."""

    def policy(base: Policy, wish: Any) -> Policy:
        hours = replace(KR.quiet_hours[0], on_zone_unknown=wish)
        return replace(base, quiet_hours=() if wish is None else (hours,))

    the_plan = plan(policy=policy(DEFAULT, default), policies=(policy(KR, kr),))
    person = Person("person-1", attributes={"country": "JP"}, locale="ko-KR")

    assert jurisdiction_of(the_plan, person, "", NOON_MS).holds is waits


def test_words_name_policies_and_country() -> None:
    """`fencepost explain` says which policies held, and by what."""
    check = {
        "gate": "consent",
        "ok": True,
        "channel": "sms",
        "inputs": {
            "asked": ["marketing"],
            "purpose": "marketing",
            "value": "y",
            "said_for": "any",
            "policy": "kr v1",
            "policies": ["kr v1"],
            "countries": {"phone prefix": ["KR"]},
        },
    }
    body = {
        "campaign_id": "a",
        "campaign_version": 1,
        "outcome": "send",
        "reason": "",
        "channel": "sms",
        "retry_at_ms": None,
        "checks": [check],
    }

    line = tell("claim", body)[1]
    assert line.endswith("under kr v1; KR by phone prefix")
