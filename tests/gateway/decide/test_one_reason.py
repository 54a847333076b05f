"""Each message that does not go has one primary reason: the refusal that got furthest."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fencepost_gateway.decide.consent import ConsentEntry
from fencepost_gateway.decide.message import Check, Verdict
from fencepost_gateway.decide.plan import CapRule, MessagePlan
from fencepost_gateway.decide.reasons import REASONS
from fencepost_gateway.decide.rendered import Rendered
from gateway.decide.builders import (
    CHANNELS,
    DAY_MS,
    HOUR_MS,
    MODEST,
    NOON_MS,
    YES_TO_ALL,
    addresses,
    campaign,
    facts,
    judged,
    message,
    plan,
    slot,
)

CHANNEL_GATES = ("reachable", "suppression", "consent", "quiet_hours", "label", "render", "caps")
CAP = CapRule("caps.1", 1, rolling_ms=DAY_MS)
some_channels = st.sets(st.sampled_from(CHANNELS))


@st.composite
def verdicts(draw: st.DrawFn, channels: Any) -> Verdict:
    """Judge a message under circumstances where any of the gates may refuse."""
    used = [slot("used", NOON_MS - HOUR_MS, NOON_MS - HOUR_MS)] if draw(st.booleans()) else []
    listed = draw(some_channels)
    found = [
        replace(each, suppressed="stop" if each.channel in listed else "")
        for each in addresses(*sorted(draw(some_channels) | {"in_app"}))
    ]
    said = [ConsentEntry("marketing", "n", 1, each) for each in sorted(draw(some_channels))]
    fails = {each: Rendered("render_missing", "text") for each in draw(some_channels)}
    wish = MessagePlan(
        "greet",
        CHANNELS,
        quiet_hours=draw(st.sampled_from(["defer", "drop"])),
    )
    the_plan = plan(
        campaign(message=wish, holdout=draw(st.sampled_from([0.0, 0.0, 0.0, 1.0]))),
        caps=(CAP,),
        purpose=draw(st.sampled_from(["marketing", "marketing", "transactional"])),
    )
    the_facts = facts(
        message=message(channels=draw(channels)),
        addresses=tuple(found),
        consents=(*YES_TO_ALL, *said),
        slots=tuple(used),
        emergency_stop=draw(st.sampled_from([False, False, False, True])),
    )
    off = draw(st.sampled_from(("", *CHANNELS)))
    place = Rendered(location=True, place=True) if draw(st.booleans()) else Rendered()
    rendered = {each: fails.get(each, place) for each in CHANNELS if each != off}
    hours = draw(st.integers(0, 26))
    return judged(the_plan, the_facts, rendered, NOON_MS + hours * HOUR_MS)


def refusals(verdict: Verdict) -> list[Check]:
    """Give the checks that refused."""
    return [check for check in verdict.checks if not check.ok]


def primary(check: Check) -> set[str]:
    """Give what a refusal may be called as the primary reason."""
    also = {"expires_in_quiet_hours"} if check.reason == "quiet_hours" else set()
    return {check.reason} | also


@MODEST
@given(verdicts(st.sampled_from(CHANNELS).map(lambda channel: (channel,))))
def test_first_refusing_gate_is_the_one_reason(verdict: Verdict) -> None:
    """On one channel nothing is asked after a refusal, and it alone is the reason."""
    found = refusals(verdict)

    if verdict.outcome == "send":
        assert (found, verdict.reason) == ([], "")
    else:
        assert found == [verdict.checks[-1]]
        assert verdict.reason in primary(found[0])


@MODEST
@given(verdicts(st.permutations(CHANNELS).map(tuple)))
def test_reason_of_several_channels_is_one_of_their_first_refusals(verdict: Verdict) -> None:
    """Each channel stops at its first refusal; the others stay listed beside the primary one."""
    found = refusals(verdict)

    assert all(check.reason in REASONS for check in found)
    assert len({check.channel for check in found}) == len(found)
    if verdict.outcome == "send":
        assert verdict.reason == ""
        return
    assert verdict.reason in REASONS
    furthest = max(found, key=lambda c: CHANNEL_GATES.index(c.gate) if c.channel else -1)
    if verdict.outcome == "deferred" or verdict.checks[-1].gate == "quiet_hours":
        furthest = verdict.checks[-1]  # quiet hours do not pass on to the next channel
    assert verdict.reason in primary(furthest)
