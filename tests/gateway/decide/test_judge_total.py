"""The claim answers every question: under any facts one verdict, in order, with one reason."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fencepost_gateway.decide import channel_gates, message_gates
from fencepost_gateway.decide.claim import judge
from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import ClaimFacts, Mark, Message, Proof, Verdict
from fencepost_gateway.decide.opening import opening_of
from fencepost_gateway.decide.person import Person
from fencepost_gateway.decide.plan import (
    CapRule,
    CapScope,
    Experiment,
    Goal,
    MessagePlan,
    Plan,
    Policy,
    PurposeName,
    QuietHours,
)
from fencepost_gateway.decide.reasons import REASONS
from fencepost_gateway.decide.rendered import Rendered
from fencepost_gateway.decide.rules import compile_rule
from fencepost_gateway.decide.timing import same_hours
from gateway.decide.builders import (
    CHANNELS,
    DAY_MS,
    DAYTIME,
    ENTER,
    EVENT,
    HOUR_MS,
    MODEST,
    NOON_MS,
    POLICY,
    STUDIO,
    YES_TO_ALL,
    addresses,
    campaign,
    facts,
    message,
    plan,
    slot,
    template,
)

MARKETING, KOREA = "marketing", frozenset({"KR"})
NIGHTS = QuietHours(
    frozenset({MARKETING}), frozenset(CHANNELS), DAYTIME, and_zone="Asia/Seoul", zones="first"
)
STRICT = Policy("kr", 1, {"*": frozenset({"y"})}, {}, (NIGHTS,), countries=KOREA)
OPEN = opening_of("Mo-Fr 09:00-18:00", "Europe/Monaco", 43.7, 7.4)
RULE = compile_rule({"any": [{"inside": {"tag": "studio"}}, {"person": "tier", "is": "plus"}]})
PURPOSES: st.SearchStrategy[PurposeName] = st.sampled_from(get_args(PurposeName))
VALUES = st.sampled_from(["y", "n", "p", "CT", "u"])


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Publish one campaign, with anything that a workspace may have around it."""
    asks = draw(st.sampled_from(["", "", "marketing", "profiling"]))
    purpose: PurposeName = "transactional" if asks else draw(PURPOSES)
    arms = draw(st.booleans())
    wish = MessagePlan(
        "greet",
        CHANNELS,
        while_=draw(st.sampled_from([None, RULE])),
        quiet_hours=draw(st.sampled_from(["defer", "drop"])),
        caps=draw(st.sampled_from(["defer", "drop"])),
        hours=draw(st.sampled_from([None, (), DAYTIME])),
        only_open=draw(st.booleans()),
        experiment_id="test" if arms else "",
        by_arm={"A": "greet", "B": "other"} if arms else {},
    )
    live = campaign(
        message=wish,
        holdout=draw(st.sampled_from([0.0, 0.5, 1.0])),
        goal=draw(st.sampled_from([None, Goal("class_booked", DAY_MS)])),
        run_until_ms=draw(st.sampled_from([None, NOON_MS + HOUR_MS])),
    )
    words = replace(template(purpose), confirms=asks)
    templates = {"greet": words, "other": replace(words, template_id="other")}
    gone = draw(st.sampled_from(["", "", "", "greet", "other"]))
    caps = [
        CapRule("c.1", 1, scope=CapScope(draw(PURPOSES)), calendar="day"),
        CapRule("c.2", 2, rolling_ms=DAY_MS),
    ]
    return plan(
        live,
        policy=draw(st.sampled_from([POLICY, replace(POLICY, location_fields=frozenset())])),
        policies=draw(st.sampled_from([(), (STRICT,)])),
        templates={name: each for name, each in templates.items() if name != gone},
        caps=tuple(caps[: draw(st.integers(0, 2))]),
        fences={"studio": replace(STUDIO, opening=draw(st.sampled_from([None, OPEN])))},
        experiments={"test": Experiment("test", 1, (("A", 1), ("B", 1)))} if arms else {},
        allow_only=draw(st.sampled_from([None, frozenset[str](), frozenset({"u1"})])),
        workspace_zone=draw(st.sampled_from(["", "Europe/Monaco"])),
        workspace_holdout=draw(st.sampled_from([0.0, 0.0, 1.0])),
    )


@st.composite
def messages(draw: st.DrawFn) -> Message:
    """Give a message of anybody's, of any cause."""
    mark: Mark = draw(st.sampled_from(["", *get_args(Mark)]))
    asked = draw(st.sampled_from(["greet", "gone"]))
    located = replace(EVENT, kind="audience", name="join", audience_id="a", is_located=True)
    order = draw(st.permutations(CHANNELS))
    return message(
        mark=mark,
        proof=Proof(asked) if mark == "proof" else None,
        campaign_id=draw(st.sampled_from(["greeting", "greeting", "gone"])),
        channels=tuple(order[: draw(st.integers(1, 4))]),
        cause=draw(st.sampled_from([EVENT, ENTER, located])),
        expires_at_ms=NOON_MS + draw(st.sampled_from([HOUR_MS, DAY_MS, 9 * DAY_MS])),
    )


@st.composite
def people(draw: st.DrawFn) -> Person:
    """Give somebody of whom anything may be known."""
    odd: Any = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.just(["sms"]))
    known = st.one_of(odd, st.sampled_from(["KR", "de", "Europe/Monaco", "sms", "22:00-08:00"]))
    names = ("country", "zone", "preferred_channel", "quiet_hours", "tier")
    person = Person("person-1", draw(st.sampled_from(["", "u1"])))
    person.attributes = {name: draw(known) for name in names if draw(st.booleans())}
    person.zone = draw(st.sampled_from(["", "Nowhere/Else", "Asia/Seoul"]))
    person.zone_at_ms = NOON_MS - draw(st.sampled_from([0, 400 * DAY_MS]))
    person.locale = draw(st.sampled_from(["", "ko-KR", "?", "de"]))
    person.fix_zone = draw(st.sampled_from(["", "Europe/Berlin"]))
    person.fix_zone_at_ms = NOON_MS
    person.dropped = draw(st.sampled_from([[], ["run-1"]]))
    person.arms = draw(st.sampled_from([{}, {"test": "B"}, {"test": "gone"}]))
    return person


@st.composite
def all_facts(draw: st.DrawFn) -> ClaimFacts:
    """Give anything that a store may hold of message and person."""
    rows = [
        replace(
            each,
            ref=f"{each.ref}-{n}",
            raw={"address": draw(st.sampled_from(["+82101", "a@b", ""]))},
            suppressed=draw(st.sampled_from(["", "", "stop"])),
            allowed=draw(st.booleans()),
        )
        for n in range(draw(st.integers(0, 2)))
        for each in addresses(*CHANNELS)
    ]
    said = [
        ConsentEntry(purpose, draw(VALUES), 5, draw(st.sampled_from(["any", *CHANNELS])))
        for purpose in draw(st.lists(st.sampled_from(["marketing", "profiling", "collect"])))
    ]
    used = [
        slot(f"s{n}", NOON_MS - n, draw(st.sampled_from([None, NOON_MS])))
        for n in range(draw(st.integers(0, 2)))
    ]
    return facts(
        message=draw(messages()),
        person=draw(people()),
        consents=(*YES_TO_ALL, *{entry.key: entry for entry in said}.values()),
        addresses=tuple(rows),
        slots=tuple(used),
        emergency_stop=draw(st.sampled_from([False, False, True])),
        campaign_archived=draw(st.sampled_from([False, False, True])),
    )


RENDERINGS = st.dictionaries(
    st.sampled_from(CHANNELS),
    st.sampled_from(
        [
            Rendered(),
            Rendered(location=True, place=True),
            Rendered(location=True, relied_on=("location_collect",)),
            Rendered("render_missing", "title"),
            Rendered(relied_on=("personalisation",)),
        ]
    ),
)
ORDER = [
    *(gate.__name__.rstrip("_") for gate in message_gates.ORDER),
    *channel_gates.ORDER,
]


def _is_in_order(verdict: Verdict) -> bool:
    """Say whether the gates were asked in their one order, a channel after the other."""
    at = [(check.channel, ORDER.index(check.gate)) for check in verdict.checks]
    runs: dict[str, list[int]] = {}
    for channel, gate in at:
        runs.setdefault(channel, []).append(gate)
    together = [channel for channel, _ in at] == [c for c, gates in runs.items() for _ in gates]
    return together and all(gates == sorted(set(gates)) for gates in runs.values())


@pytest.mark.feature("G08")
@MODEST
@given(plans(), all_facts(), RENDERINGS, st.integers(0, 30))
def test_claim_is_total(
    the_plan: Plan, the_facts: ClaimFacts, rendered: dict[str, Rendered], hours: int
) -> None:
    """It never raises; one reason where it does not go; a slot exactly where one is due."""
    now_ms = NOON_MS + hours * HOUR_MS
    verdict = judge(the_plan, the_facts, rendered, now_ms)
    refused = [check for check in verdict.checks if not check.ok]

    assert verdict == judge(the_plan, the_facts, rendered, now_ms)
    assert msgspec.json.encode(verdict.checks)
    assert _is_in_order(verdict)
    assert all(check.reason in REASONS for check in refused)
    assert not [check.reason for check in verdict.checks if check.ok and check.reason]
    if verdict.outcome != "send":
        assert verdict.reason in REASONS
        assert refused
        assert verdict.slot is None
        assert (verdict.retry_at_ms is not None) == (verdict.outcome == "deferred")
        assert verdict.retry_at_ms is None or verdict.retry_at_ms > now_ms
        return
    asked = next(iter(the_plan.templates.values())).confirms
    is_counted = verdict.purpose == MARKETING and not the_facts.message.mark
    assert (verdict.slot is not None) == (is_counted or bool(asked))
    assert verdict.slot is None or verdict.slot.purpose == verdict.purpose
    assert (verdict.reason, verdict.channel in the_facts.message.channels) == ("", True)
    assert {check.channel for check in refused} <= {*the_facts.message.channels} - {verdict.channel}


def test_hours_of_a_country_that_change_time_what_waits_anew() -> None:
    """Policies of jurisdictions have hours too: another one, or another country, is a change."""
    old = plan(policies=(STRICT,))

    assert same_hours(old, replace(old, revision=8))
    assert not same_hours(old, plan(policies=()))
    assert not same_hours(old, plan(policies=(replace(STRICT, quiet_hours=()),)))
    assert not same_hours(old, plan(policies=(replace(STRICT, countries=frozenset({"DE"})),)))
