"""What a message does when a channel will not have it, on the whole way."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fencepost_channels.errors import (
    Gone,
    Misconfigured,
    OptedOut,
    Outcome,
    Rejected,
    Unavailable,
    Unknown,
)
from fencepost_gateway.decide.flow import Flow
from fencepost_gateway.decide.tongue import Tongue
from fencepost_gateway.decide.words import tell
from fencepost_gateway.failpoints import FailpointError, read_failpoints
from gateway.rig import OPEN_POLICY, Rig, open_rig
from gateway.workers.scripted import MAILBOX, PHONE, Script

CAMPAIGN = """
kind: campaign
id: news
entry: {{event: asked}}
reentry: always
message: {{template: t, channels: [{channels}]{more}}}
goal: none
---
kind: template
id: t
purpose: {purpose}
sms: {{text: Hello}}
email: {{subject: Hello, text: Hello}}
web_push: {{title: Hello, body: Hello}}
"""
DEATH = "send.after_claim_commit:raise"
CAPS = "kind: caps\nid: default\nrules: [{limit: 1, per: 1d}]\n"


@asynccontextmanager
async def asked(
    folder: Path,
    script: Script,
    *,
    purpose: str = "marketing",
    channels: str = "sms, email",
    more: str = "",
    caps: str = "",
    **flows: Flow,
) -> AsyncIterator[Rig]:
    """Let somebody with a phone and a mailbox ask for the news, and let it be sent."""
    text = CAMPAIGN.format(purpose=purpose, channels=channels, more=more)
    async with open_rig(folder) as rig:
        script.speak(rig, flows)
        await rig.apply(text, OPEN_POLICY, *([caps] if caps else []))
        await rig.consent()
        await rig.send(PHONE, MAILBOX, {"type": "track", "name": "asked"})
        await rig.settle()
        yield rig


async def pass_time(rig: Rig, seconds: float, step_s: float = 1.0) -> None:
    """Let time go by in small steps, and everything happen at its moment."""
    until_ms = rig.clock.now_ms() + round(seconds * 1_000)
    while rig.clock.now_ms() < until_ms:
        rig.clock.move_to(min(until_ms, rig.clock.now_ms() + round(step_s * 1_000)))
        await rig.settle()


async def ends(rig: Rig) -> list[tuple[str, str]]:
    """Give how the messages ended."""
    return [(m.state, m.reason) for m in await rig.gateway.store.messages("", 10)]


async def slots(rig: Rig) -> list[str]:
    """Give the states of the slots that the person of the first message has."""
    (first, *_) = await rig.gateway.store.messages("", 1)
    found = await rig.gateway.store.peek(first.message_id)
    assert found is not None
    return [slot.state for slot in found.slots]


@pytest.mark.parametrize(
    ("refusal", "purpose"),
    [
        (Gone(), "marketing"),
        (Gone(), "transactional"),
        (Rejected("30007"), "marketing"),
        (Rejected("30007"), "transactional"),
        (OptedOut(), "transactional"),
    ],
)
async def test_refused_message_goes_to_its_next_channel_at_once(
    tmp_path: Path, refusal: Outcome, purpose: str
) -> None:
    """A new claim, on which the channel that refused is passed by; the record says it."""
    script = Script(sms=[refusal])
    async with asked(tmp_path, script, purpose=purpose) as rig:
        claims = [c["body"] for c in await rig.records("claim")]
        outcomes = [c["body"] for c in await rig.records("outcome")]
        state = await ends(rig)

    assert script.channels == ["sms", "email"]
    assert state == [("sent", "")]
    assert [c["outcome"] for c in claims] == ["send", "send"]
    untried = claims[1]["checks"][[c["gate"] for c in claims[1]["checks"]].index("untried")]
    assert (untried["ok"], untried["channel"]) == (False, "sms")
    assert untried["reason"].startswith(outcomes[0]["reason"])
    assert (outcomes[0]["state"], outcomes[0]["moves"]) == ("failed", True)


async def test_who_opted_out_gets_no_marketing_elsewhere(tmp_path: Path) -> None:
    """It is as STOP: what was on its way to the next channel is withheld, its slot given back."""
    script = Script(sms=[OptedOut()])
    async with asked(tmp_path, script, caps=CAPS) as rig:
        state, left = await ends(rig), await slots(rig)

    assert script.channels == ["sms"]
    assert state == [("withheld", "consent")]
    assert left == []


async def test_fallback_is_told_in_words(tmp_path: Path) -> None:
    """In English and Korean, where the call ended and where the next claim passed it by."""
    async with asked(tmp_path, Script(sms=[Rejected("30007")])) as rig:
        (refused, _), (_, again) = await rig.records("outcome"), await rig.records("claim")

    english, korean = (
        tell("outcome", refused["body"]),
        tell("outcome", refused["body"], Tongue("ko")),
    )
    assert english[0].endswith("The next channel is tried.")
    assert korean[0].endswith("다음 채널로 보냅니다.")
    assert "  no  not refused before on sms" in tell("claim", again["body"])
    assert "  불가 거절된 적 없음 (sms)" in tell("claim", again["body"], Tongue("ko"))


async def test_message_that_every_channel_refuses_has_failed(tmp_path: Path) -> None:
    """Each once; the last refusal is the reason."""
    script = Script(sms=[Rejected("30007")], email=[Rejected("552")])
    async with asked(tmp_path, script, caps=CAPS) as rig:
        await pass_time(rig, 600, 60)
        state = await ends(rig)
        left = await slots(rig)

    assert script.channels == ["sms", "email"]
    assert state == [("failed", "rejected.552")]
    assert left == []


async def test_refused_message_without_another_way_has_failed_for_the_refusal(
    tmp_path: Path,
) -> None:
    """Not for want of an address on the other channel: what got furthest is the reason."""
    script = Script(sms=[Rejected("30007")])
    async with asked(tmp_path, script, channels="sms, web_push", caps=CAPS) as rig:
        state, claims = await ends(rig), await rig.claims()
        left = await slots(rig)

    assert state == [("failed", "rejected.30007")]
    assert claims == [("send", ""), ("failed", "rejected.30007")]
    assert left == []  # kept for the next channel, and given back


async def test_slot_moves_with_the_message(tmp_path: Path) -> None:
    """A cap of one: it is the message's on either channel, and nobody else's in between."""
    script = Script(sms=[Rejected("30007")])
    async with asked(tmp_path, script, caps=CAPS) as rig:
        await pass_time(rig, 1)
        await rig.send({"type": "track", "name": "asked"})
        await rig.settle()
        claims = await rig.claims()

    assert script.channels == ["sms", "email"]
    assert claims[-1] == ("withheld", "frequency_cap")


@pytest.mark.guarantee("R12")
async def test_marketing_of_which_nobody_knows_ends_there(tmp_path: Path) -> None:
    """Not sent again, not on another channel; its slot stays used."""
    script = Script(sms=[Unknown("timeout")])
    async with asked(tmp_path, script, caps=CAPS) as rig:
        await pass_time(rig, 3_600, 300)
        state = await ends(rig)
        await rig.send({"type": "track", "name": "asked"})
        await rig.settle()
        claims = await rig.claims()

    assert script.channels == ["sms"]
    assert state == [("unknown", "unknown.timeout")]
    assert claims[-1] == ("withheld", "frequency_cap")


@pytest.mark.guarantee("R12")
async def test_author_may_have_marketing_sent_again(tmp_path: Path) -> None:
    """Three times at most, under one key, on the one channel."""
    script = Script(sms=[Unknown("timeout")] * 9)
    async with asked(tmp_path, script, more=", on_unknown: retry") as rig:
        await pass_time(rig, 60)
        state = await ends(rig)

    assert script.channels == ["sms"] * 3
    assert len(set(script.calls)) == 1
    assert state == [("unknown", "unknown.timeout")]


@pytest.mark.guarantee("R12")
async def test_transactional_message_goes_again_and_then_elsewhere(tmp_path: Path) -> None:
    """Three times under one key; then by the next channel."""
    script = Script(sms=[Unknown("timeout")] * 9)
    async with asked(tmp_path, script, purpose="transactional") as rig:
        await pass_time(rig, 60)
        state = await ends(rig)

    assert script.channels == ["sms", "sms", "sms", "email"]
    assert len({delivery for channel, delivery in script.calls if channel == "sms"}) == 1
    assert state == [("sent", "")]


async def test_wrong_keys_fail_the_message_and_keep_the_others(tmp_path: Path) -> None:
    """An alarm: the lane is shut, the address stays, what comes next waits in the queue."""
    script = Script(sms=[Misconfigured("20003")])
    async with asked(tmp_path, script, channels="sms") as rig:
        await rig.send({"type": "track", "name": "asked"})
        await rig.settle()
        states = sorted(await ends(rig))
        exposed = rig.gateway.surface.metrics.expose().decode()
        await pass_time(rig, 31)
        later = sorted(await ends(rig))

    assert states == [("failed", "misconfigured.20003"), ("queued", "")]
    assert 'fencepost_misconfigured_total{channel="sms"} 1.0' in exposed
    assert later == [("failed", "misconfigured.20003"), ("sent", "")]


@pytest.mark.parametrize(
    ("purpose", "more", "waited_s"),
    [
        ("transactional", "", 60),
        ("transactional", ", fallback_after: 10s", 10),
        ("transactional", ", fallback_after: never", None),
        ("marketing", "", None),
        ("marketing", ", fallback_after: 5m", 300),
    ],
)
async def test_lane_that_is_shut_is_waited_for_and_then_passed_by(
    tmp_path: Path, purpose: str, more: str, waited_s: int | None
) -> None:
    """A minute for what is transactional, for ever for marketing, unless the author says."""
    away = Unavailable("503", retry_after_s=3_600)
    script = Script(sms=[away])
    async with asked(tmp_path, script, purpose=purpose, more=more) as rig:
        began_ms = rig.clock.now_ms()
        await rig.send({"type": "track", "name": "asked"})
        await rig.settle()
        held = list(script.channels)
        while len(script.calls) == 1 and rig.clock.now_ms() < began_ms + 1_000_000:
            await pass_time(rig, 1)
        took_s = (rig.clock.now_ms() - began_ms) / 1_000
        mailed = script.channels.count("email")

    assert held == ["sms"]
    assert mailed == (0 if waited_s is None else 1)
    assert waited_s is None or waited_s <= took_s <= waited_s + 2


async def test_nothing_is_claimed_for_a_lane_that_takes_no_call(tmp_path: Path) -> None:
    """No slot, no lease, no record: the message is in the queue as it was."""
    away = Unavailable("503", retry_after_s=3_600)
    async with asked(tmp_path, Script(sms=[away]), channels="sms") as rig:
        before = await rig.claims()
        await rig.send({"type": "track", "name": "asked"})
        await rig.settle()
        after, states = await rig.claims(), await ends(rig)

    assert len(before) == len(after) == 1
    assert [state for state, _ in states] == ["queued", "queued"]


async def test_lane_that_is_shut_holds_up_no_other(tmp_path: Path) -> None:
    """Hundreds of messages stand before it; a later mail goes at once."""
    away = Unavailable("503", retry_after_s=3_600)
    script = Script(sms=[away])
    mails = CAMPAIGN.format(purpose="marketing", channels="email", more="")
    mails = mails.replace("id: news", "id: mails").replace("asked", "mailed")
    async with asked(tmp_path, script, channels="sms") as rig:
        await rig.send(*[{"type": "track", "name": "asked"}] * 250)
        await rig.settle()
        await rig.apply(mails)
        await rig.send({"type": "track", "name": "mailed"})
        await rig.settle()
        states = Counter(m.state for m in await rig.gateway.store.messages("", 300))

    assert script.channels == ["sms", "email"]
    assert states == {"queued": 251, "sent": 1}


async def test_what_expires_on_a_shut_lane_is_told_so(tmp_path: Path) -> None:
    """It does not stand in the queue until the lane is well again."""
    away: list[Outcome] = [Unavailable("503", retry_after_s=3_600)] * 40
    async with asked(tmp_path, Script(sms=away), channels="sms", more=", max_age: 30m") as rig:
        await rig.send({"type": "track", "name": "asked"})
        await pass_time(rig, 1_801, 60)
        for each in await rig.gateway.store.over(rig.clock.now_ms(), 10):
            await rig.gateway.deliver.deliver(each.message_id)
        states = await ends(rig)

    assert sorted(states) == [("failed", "unavailable.503"), ("withheld", "too_old")]


async def test_lane_sends_no_faster_than_it_may(tmp_path: Path) -> None:
    """Two a second: of five, two at once, the last after a second and a half."""
    script = Script()
    flow = Flow(per_second=2)
    async with asked(tmp_path, script, channels="sms", sms=flow) as rig:
        for _ in range(4):
            await rig.send({"type": "track", "name": "asked"})
        await rig.settle()
        at_once = len(script.calls)
        await pass_time(rig, 1.4, 0.1)
        then = len(script.calls)
        await pass_time(rig, 0.3, 0.1)

    assert (at_once, then, len(script.calls)) == (2, 4, 5)


@pytest.mark.guarantee("R12")
@pytest.mark.parametrize(
    ("purpose", "calls", "ended"),
    [("marketing", 0, ("unknown", "unknown.lease_lost")), ("transactional", 1, ("sent", ""))],
)
async def test_call_whose_process_is_gone_is_as_one_that_nobody_answered(
    tmp_path: Path, purpose: str, calls: int, ended: tuple[str, str]
) -> None:
    """Marketing ends there; what is transactional goes again, under the same key."""
    script = Script()
    async with asked(tmp_path, script, purpose=purpose, channels="sms") as rig:
        script.calls.clear()
        await rig.send({"type": "track", "name": "asked"})
        while await rig.gateway.pipeline.step():
            pass
        (found,) = await rig.gateway.store.due(rig.clock.now_ms(), {"sms": 9})
        dying = script.speak(rig, failpoints=read_failpoints(DEATH, "test"))
        with pytest.raises(FailpointError):
            await dying.deliver(found.message_id)
        deliver = script.speak(rig)
        await deliver.reconcile(all_leases=True)
        await pass_time(rig, 10)
        states = {
            m.message_id: (m.state, m.reason) for m in await rig.gateway.store.messages("", 9)
        }

    assert len(script.calls) == calls
    assert states[found.message_id] == ended
