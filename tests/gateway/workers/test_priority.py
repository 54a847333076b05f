"""Two campaigns, one slot: who gets it, on the whole way."""

from pathlib import Path

import pytest

from fencepost_gateway.decide.stimulus import Cause
from fencepost_gateway.decide.wanted import rank_of
from gateway.decide.builders import campaign, plan
from gateway.rig import OPEN_POLICY, captured, open_rig

TEMPLATE = "kind: template\nid: t\npurpose: marketing\nsms: {text: Hello}\n"
CAPS = "kind: caps\nid: default\nrules: [{limit: 1, per: 2d}]\n"
ADDRESS = {"type": "address", "channel": "sms", "address": "+15550100100"}
NIGHT_MS = 1_780_263_000_000  # 2026-05-31T21:30Z: 23:30 in Monaco
HOURS = 'quiet_hours: {allowed: {every_day: "08:00-21:00"}}'


def _campaign(name: str, event: str, priority: int) -> str:
    return f"""
kind: campaign
id: {name}
entry: {{event: {event}}}
message: {{template: t, channels: [sms], priority: {priority}}}
goal: none
"""


TICKETS, KIT = ("tickets", 50), ("kit", 60)


@pytest.mark.parametrize("first", ["asked-tickets", "asked-kit"])
async def test_of_two_that_are_due_the_higher_priority_gets_the_slot(
    tmp_path: Path, first: str
) -> None:
    """In whichever order they came, and the loser names the winner."""
    other = "asked-kit" if first == "asked-tickets" else "asked-tickets"
    campaigns = (_campaign(name, f"asked-{name}", priority) for name, priority in (TICKETS, KIT))
    async with open_rig(tmp_path) as rig:
        await rig.apply(TEMPLATE, *campaigns, CAPS, OPEN_POLICY)
        await rig.consent()
        await rig.send(ADDRESS, {"type": "track", "name": first}, {"type": "track", "name": other})
        await rig.settle()
        claims = {c["body"]["campaign_id"]: c["body"] for c in await rig.records("claim")}

    assert (claims["kit"]["outcome"], claims["tickets"]["outcome"]) == ("send", "withheld")
    assert claims["tickets"]["reason"] == "lower_priority"
    taken_by = claims["tickets"]["checks"][-1]["inputs"]["rules"][0]["taken_by"]
    assert (taken_by["campaign"], taken_by["priority"]) == ("kit", 60)


async def test_slot_that_was_taken_before_is_gone_for_a_higher_priority_too(
    tmp_path: Path,
) -> None:
    """A message claimed earlier keeps its slot; the later one is withheld, and names it."""
    campaigns = (_campaign(name, f"asked-{name}", priority) for name, priority in (TICKETS, KIT))
    async with open_rig(tmp_path) as rig:
        await rig.apply(TEMPLATE, *campaigns, CAPS, OPEN_POLICY)
        await rig.consent()
        await rig.send(ADDRESS, {"type": "track", "name": "asked-tickets"})
        await rig.settle()
        rig.clock.move_to(rig.clock.now_ms() + 1_000)
        await rig.send({"type": "track", "name": "asked-kit"})
        await rig.settle()
        claims = {c["body"]["campaign_id"]: c["body"] for c in await rig.records("claim")}

    assert claims["kit"]["reason"] == "frequency_cap"
    taken_by = claims["kit"]["checks"][-1]["inputs"]["rules"][0]["taken_by"]
    assert taken_by["campaign"] == "tickets"


async def test_priority_decides_in_the_morning_too(tmp_path: Path) -> None:
    """What waited for the end of the night comes due together."""
    policy = OPEN_POLICY.replace("quiet_hours: none", HOURS)
    campaigns = (_campaign(name, "asked", priority) for name, priority in (TICKETS, KIT))
    async with open_rig(tmp_path, start_ms=NIGHT_MS) as rig:
        await rig.apply(TEMPLATE, *campaigns, CAPS, policy)
        await rig.consent()
        await rig.send(ADDRESS, {"type": "track", "name": "asked"})
        await rig.settle()
        at_night = captured(tmp_path)
        rig.clock.move_to(NIGHT_MS + 9 * 3_600_000 + 5 * 60_000)  # 08:35 in Monaco
        await rig.settle()
        claims = [c["body"] for c in await rig.records("claim")]

    assert at_night == []
    told = {c["campaign_id"]: (c["outcome"], c["reason"]) for c in claims[2:]}
    assert told == {"kit": ("send", ""), "tickets": ("withheld", "lower_priority")}


@pytest.mark.parametrize("first", ["tickets", "kit"])
async def test_of_equal_priority_the_earlier_cause_gets_the_slot(
    tmp_path: Path, first: str
) -> None:
    """Though all that waited for the end of the night comes due at one moment."""
    policy = OPEN_POLICY.replace("quiet_hours: none", HOURS)
    other = "kit" if first == "tickets" else "tickets"
    campaigns = (_campaign(name, f"asked-{name}", 50) for name in (first, other))
    async with open_rig(tmp_path, start_ms=NIGHT_MS) as rig:
        await rig.apply(TEMPLATE, *campaigns, CAPS, policy)
        await rig.consent()
        for name in (first, other):
            await rig.send(ADDRESS, {"type": "track", "name": f"asked-{name}"})
            await rig.settle()
            rig.clock.move_to(rig.clock.now_ms() + 60_000)
        rig.clock.move_to(NIGHT_MS + 9 * 3_600_000 + 5 * 60_000)  # 08:35 in Monaco
        await rig.settle()
        claims = [c["body"] for c in await rig.records("claim")]

    told = {c["campaign_id"]: (c["outcome"], c["reason"]) for c in claims[2:]}
    assert told == {first: ("send", ""), other: ("withheld", "lower_priority")}


async def test_codes_go_before_service_messages_and_these_before_marketing(tmp_path: Path) -> None:
    """Whatever priority their authors give: nobody waits for a code behind a sale."""
    service = TEMPLATE.replace("marketing", "transactional")
    templates = (
        TEMPLATE.replace("id: t", "id: sale"),
        service.replace("id: t", "id: receipt"),
        service.replace("id: t", "id: code") + "security_code: true\n",
    )
    campaigns = (
        _campaign(name, "asked", priority).replace("template: t", f"template: {name}")
        for name, priority in (("sale", 100), ("receipt", 50), ("code", 1))
    )
    async with open_rig(tmp_path) as rig:
        await rig.apply(*templates, *campaigns, OPEN_POLICY)
        await rig.consent()
        await rig.send(ADDRESS, {"type": "track", "name": "asked"})
        await rig.settle()
        claimed = [c["body"]["campaign_id"] for c in await rig.records("claim")]

    assert claimed == ["code", "receipt", "sale"]


def test_what_many_are_told_of_goes_behind_what_somebody_brought_about() -> None:
    """A broadcast to a million holds up nobody who has just walked in."""
    own, many = Cause("c", "event", "asked", 0), Cause("c", "event", "asked", 0, broadcast=7)
    due = Cause("c", "schedule", "", 0)
    told = [rank_of(plan(), campaign(), each) for each in (own, many, due)]

    assert told[0] < told[1] == told[2]
    assert rank_of(plan(purpose="transactional"), campaign(), due) < told[0]
