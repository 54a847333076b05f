"""``GET /v1/explain`` about journeys, asked of a whole gateway."""

import asyncio
from pathlib import Path
from typing import Any

from fencepost_gateway import remote
from gateway.rig import OPEN_POLICY, Rig, open_rig

HOUR_MS = 3_600_000
TEMPLATES = """
---
kind: template
id: greet
purpose: marketing
in_app: {layout: banner, title: Hello, body: Hello}
"""
JOURNEY = (
    """
kind: journey
id: first-class
goal: {event: bought, within: 14d}
entry: {event: viewed}
steps:
  - id: greet
    message: {template: greet, channels: [in_app]}
  - id: reaction
    wait: {for: {clicked: greet}, timeout: 24h}
    then: {clicked: offer, timeout: offer}
  - id: offer
    branch:
      - {when: {person: points, gte: 400}, to: vip}
      - {otherwise: standard}
  - id: vip
    message: {template: greet, channels: [in_app]}
  - to: end
  - id: standard
    message: {template: greet, channels: [in_app]}
"""
    + TEMPLATES
)
REFUSES = {"collect": "y", "marketing": "n"}


async def why(rig: Rig, **query: str) -> dict[str, Any]:
    """Ask why."""
    asked = {"user": "u1", **query}
    response = await rig.client.get("/v1/explain", params=asked, headers=rig.operator)
    answer: dict[str, Any] = await response.json()
    assert response.status == 200, answer
    return answer


async def lines(rig: Rig, **wish: str) -> list[str]:
    """Give what the command line says."""
    base, key = str(rig.client.make_url("")).rstrip("/"), rig.gateway.credentials.operator_key
    asked = {"user": "u1", "lang": "en", **wish}
    return await asyncio.to_thread(lambda: list(remote.why(base, key, asked)))


async def test_run_on_its_way_says_where_it_is_and_why_nothing_came(tmp_path: Path) -> None:
    """What it waits for, and that its message was withheld for want of consent."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(JOURNEY, OPEN_POLICY)
        await rig.consent(REFUSES)
        await rig.send({"type": "track", "name": "viewed"})
        await rig.settle()
        answer = await why(rig, campaign="first-class")
        said = await lines(rig, campaign="first-class")
        korean = await lines(rig, campaign="first-class", lang="ko")

    (run,) = answer["runs"]
    assert (run["step_id"], run["outcome"]) == ("reaction", "")
    assert said[1] == "Runs of journeys:"
    assert "It waits for a click on greet, until 2026-06-02" in said[3]
    assert any("Withheld (consent" in line and "first-class v1 greet" in line for line in said)
    assert answer["never"] == []
    assert korean[1] == "여정 진행:"
    assert "greet 클릭" in korean[3]


async def test_branch_that_was_taken_says_why(tmp_path: Path) -> None:
    """With the operand that stood against the one before it; and how the run ended."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(JOURNEY, OPEN_POLICY)
        await rig.consent({"collect": "y", "marketing": "y"})
        await rig.send({"type": "track", "name": "viewed"})
        await rig.settle()
        rig.clock.move_to(rig.clock.now_ms() + 25 * HOUR_MS)
        await rig.settle()
        said = await lines(rig, campaign="first-class")

    at = next(n for n, line in enumerate(said) if "step offer, as no branch was true" in line)
    assert "on to standard" in said[at]
    assert "person.points gte 400: found None" in said[at + 1]
    assert any("the run that began" in line and "its steps are done" in line for line in said)


async def test_journey_that_was_never_entered_says_why(tmp_path: Path) -> None:
    """For each way in, also those by which many are told; nothing is called unknown."""
    ways = {
        "event": ("{event: viewed}", "event_never"),
        "transition": ("{transition: enter, fence: {tag: studio}}", "location_denied"),
        "audience": ("{audience: regulars}", "audience_not_in"),
        "external": ("{external: weather, for: {audience: regulars}}", "many_not_in"),
        "schedule": ('{schedule: "0 10 1 * *", zone: UTC, for: {audience: regulars}}', "many_none"),
        "api": ("{api: true}", "no_call"),
    }
    audience = "kind: audience\nid: regulars\nwhen: {person: points, gte: 200}\n---\n"
    texts = [
        JOURNEY.partition("---")[0]
        .replace("id: first-class", f"id: by-{name}")
        .replace("{event: viewed}", entry)
        for name, (entry, _) in ways.items()
    ]
    async with open_rig(tmp_path) as rig:
        await rig.apply(audience + TEMPLATES.lstrip("\n-"), *texts, OPEN_POLICY)
        await rig.consent({"collect": "y"})
        told = {"id": "w1", "name": "weather"}
        await rig.client.post("/v1/external", json=told, headers=rig.operator)
        await rig.settle()
        rig.clock.move_to(rig.clock.now_ms() + 1)
        answer = await why(rig)

    found = {one["campaign_id"]: one["reason"] for one in answer["never"]}
    assert found == {f"by-{name}": reason for name, (_, reason) in ways.items()}


async def test_never_of_somebody_on_the_way_says_so_first(tmp_path: Path) -> None:
    """In a time without steps: they are in it already."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(JOURNEY, OPEN_POLICY)
        await rig.consent(REFUSES)
        await rig.send({"type": "track", "name": "viewed"})
        await rig.settle()
        rig.clock.move_to(rig.clock.now_ms() + 6 * HOUR_MS)
        answer = await why(rig, campaign="first-class", **{"from": "2026-06-01T17:00"})

    (never,) = answer["never"]
    assert never["reason"] == "run_lives"
    assert "stands at reaction" in never["words"][0]
