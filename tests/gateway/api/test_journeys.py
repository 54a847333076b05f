"""Where people are in journeys, and one person live, as the surface tells it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.rig import INSIDE, OPEN_POLICY, Rig, open_rig
from gateway.workers.test_journeys import HOUR_MS, JOURNEY, begun, later

STAGED = JOURNEY.replace("  - id: greet\n", "  - stage: onboard\n  - id: greet\n")


async def ask(rig: Rig, path: str) -> dict[str, Any]:
    """Ask as the operator."""
    response = await rig.client.get(path, headers=rig.operator)
    answer: dict[str, Any] = await response.json()
    assert response.status == 200, answer
    return answer


async def viewed(rig: Rig, *users: str) -> None:
    """Let these begin the journey."""
    for user in users:
        await rig.send({"type": "consent", "values": {"collect": "y"}}, user_id=user)
        await rig.send({"type": "track", "name": "viewed"}, user_id=user)
    await rig.settle()


async def test_journey_shows_where_people_are(tmp_path: Path) -> None:
    """By step and stage: came, waits, left by which way, ended how; steps in their order."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(STAGED, OPEN_POLICY)
        await viewed(rig, "u1", "u2")
        later(rig, HOUR_MS)
        await viewed(rig, "u3")
        later(rig, 23 * HOUR_MS)
        await rig.settle()
        found = await ask(rig, "/v1/journeys/first-class")
        listed = await ask(rig, "/v1/journeys")

    steps = {row["step"]: row for row in found["steps"]}
    assert [*steps][1:] == ["greet", "reaction", "remind", "offer", "end"]
    assert {n: steps["reaction"][n] for n in ("came", "went", "waiting", "overdue")} == {
        "came": 3, "went": {"timeout": 2}, "waiting": 1, "overdue": 0
    }  # fmt: skip
    assert steps["reaction"]["waits_p95_ms"] == 23 * HOUR_MS
    assert steps["end"]["ended"] == {"completed": 2}
    assert (found["came"], found["waiting"], found["ended"]) == (3, 1, {"completed": 2})
    (stage,) = found["stages"]
    assert stage == {"version": 1, "stage": "onboard", "came": 3, "went": 0, "waiting": 1,
                     "ended": {"completed": 2}}  # fmt: skip
    (row,) = listed["journeys"]
    assert (row["id"], row["state"], row["waiting"]) == ("first-class", "live", 1)


@pytest.mark.feature("S16")
async def test_goal_is_measured_though_the_run_is_over_and_the_version_too(tmp_path: Path) -> None:
    """Over a restart, behind the end of the run; a new goal is another result, and goes first."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        later(rig, 24 * HOUR_MS)
        await rig.settle()
        now_ms = rig.clock.now_ms()
        seq = rig.seq
    async with open_rig(tmp_path, now_ms + HOUR_MS) as rig:
        rig.seq = seq
        await rig.apply(JOURNEY.replace("event: bought", "event: booked"))
        await rig.send({"type": "track", "name": "bought", "props": {"value": 12.5}})
        await rig.settle()
        found = await ask(rig, "/v1/journeys/first-class")
        recent = await ask(rig, "/v1/journeys/first-class?days=1")

    assert found["ended"] == {"completed": 1}
    now, before = found["goals"]
    assert (now["event"], now["live"], now["verdict"]) == ("booked", True, "nobody")
    assert (before["event"], before["live"], before["verdict"]) == ("bought", False, "no_holdout")
    assert before["treated"] == {
        "entered": 1, "converted": 1, "share": 1.0, "interval": [0.2065, 1.0], "worth": 12.5
    }  # fmt: skip
    assert len(recent["goals"]) == 1  # they entered yesterday


async def test_stuck_is_who_time_should_have_moved(tmp_path: Path) -> None:
    """Nobody rings the timers: the run is overdue, and it is told by how much."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        later(rig, 25 * HOUR_MS)
        found = await ask(rig, "/v1/journeys/first-class")
        await rig.settle()
        after = await ask(rig, "/v1/journeys/first-class")

    (row,) = (row for row in found["steps"] if row["step"] == "reaction")
    assert (row["overdue"], row["overdue_p95_ms"]) == (1, HOUR_MS)
    assert [row["overdue"] for row in after["steps"]] == [0] * 5


async def test_test_persons_are_in_no_count(tmp_path: Path) -> None:
    """They are on the journey, and in no figure of it; a stop ends their runs as well."""
    testers = "\n---\nkind: workspace\nid: default\ntesters: [u1]\n"
    async with open_rig(tmp_path) as rig:
        await rig.apply(JOURNEY + testers, OPEN_POLICY)
        await viewed(rig, "u1")
        found = await ask(rig, "/v1/journeys/first-class")
        wish = {"action": "stop"}
        path = "/v1/journeys/first-class/control"
        await rig.client.post(path, json=wish, headers=rig.operator)
        await rig.settle()
        used = await rig.gateway.store.runs.versions()

    assert (found["came"], found["waiting"]) == (0, 0)
    assert [goal["verdict"] for goal in found["goals"]] == ["nobody"]
    assert used == set()


async def test_days_narrow_the_counts_and_not_who_waits(tmp_path: Path) -> None:
    """What happened on other days is left aside; who is there is there."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        later(rig, 23 * HOUR_MS)
        found = await ask(rig, "/v1/journeys/first-class?days=1")

    assert (found["came"], found["waiting"]) == (0, 1)


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("first-klass", {"action": "pause"}, 404),
        ("first-class", {"action": "halt"}, 400),
        ("first-class", {"action": "pause", "note": "x" * 201}, 400),
        ("first-class", {"action": "pause", "who": "a\nb"}, 400),
        ("first-class", {"action": "rollback"}, 404),
    ],
)
async def test_control_refuses_what_it_cannot_do(
    tmp_path: Path, name: str, body: dict[str, Any], status: int
) -> None:
    """Unknown journey, action, a note that is none, no version before: nothing is on record."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(JOURNEY, OPEN_POLICY)
        path = f"/v1/journeys/{name}/control"
        response = await rig.client.post(path, json=body, headers=rig.operator)
        acts = await rig.gateway.store.journeys.acts("first-class", 5)

    assert response.status == status
    assert acts == []


async def test_control_is_the_operators_alone(tmp_path: Path) -> None:
    """A device's key steers nothing and watches nobody."""
    async with open_rig(tmp_path) as rig:
        headers = rig.device_headers()
        path = "/v1/journeys/x/control"
        answers = [
            await rig.client.post(path, json={"action": "stop"}, headers=headers),
            await rig.client.get("/v1/journeys", headers=headers),
            await rig.client.get("/v1/tail?user=u1", headers=headers),
        ]

    assert [response.status for response in answers] == [403] * 3


async def test_tail_tells_events_and_decisions_in_order(tmp_path: Path) -> None:
    """What was told before what was decided of it; behind the cursor only what is new."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        first = await ask(rig, "/v1/tail?user=u1&last=100")
        later(rig, 1000)
        await rig.send({"type": "track", "name": "bought", "props": {"to": "9 Rue X"}})
        await rig.settle()
        found = await ask(rig, f"/v1/tail?user=u1&after={first['cursor']}")
        again = await ask(rig, f"/v1/tail?user=u1&after={found['cursor']}")

    kinds = [each["kind"] for each in first["happened"]]
    assert kinds[:3] == ["consent", "event", "step"]
    assert [(e["kind"], e["words"][0]) for e in found["happened"]][:2] == [
        ("event", "event bought with to"),
        ("step", "first-class v1: the run ended at reaction: the goal was reached (bought)"),
    ]
    assert again["happened"] == []
    assert again["cursor"] == found["cursor"]


async def test_tail_never_tells_where_or_what_address(tmp_path: Path) -> None:
    """Walking in, an address, a property with an address: names alone, no value, no position."""
    secrets = ("9 Rue X", "+15550100100", str(INSIDE[0]), str(INSIDE[1]), "43.7", "7.42")
    async with open_rig(tmp_path) as rig:
        await rig.apply(JOURNEY, OPEN_POLICY)
        await rig.consent()
        await rig.send(
            {"type": "address", "channel": "sms", "address": "+15550100100"},
            {"type": "set", "traits": {"home": "9 Rue X"}},
            {"type": "track", "name": "viewed", "props": {"lat": INSIDE[0], "to": "9 Rue X"}},
        )
        await rig.walk_in()
        found = await ask(rig, "/v1/tail?user=u1&last=100")

    text = json.dumps(found["happened"])
    assert {"event", "transition", "attributes"} <= {each["kind"] for each in found["happened"]}
    assert [secret for secret in secrets if secret in text] == []


async def test_tail_waits_until_something_happens(tmp_path: Path) -> None:
    """One request is open meanwhile; it is answered once something is committed."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        start = await ask(rig, "/v1/tail?user=u1")
        path = f"/v1/tail?user=u1&wait=20&after={start['cursor']}"
        watching = asyncio.create_task(ask(rig, path))
        await rig.send({"type": "track", "name": "bought"})
        await rig.settle()
        found = await asyncio.wait_for(watching, 10)

    assert start["happened"] == []
    assert found["happened"][0]["words"] == ["event bought"]


async def test_tail_of_a_device_tells_what_it_told(tmp_path: Path) -> None:
    """Another device of theirs is left out."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        mine = await ask(rig, "/v1/tail?user=u1&device=dev-1&last=100")
        other = await ask(rig, "/v1/tail?user=u1&device=dev-2&last=100")

    assert {each["kind"] for each in mine["happened"]} == {"consent", "event"}
    assert other["happened"] == []


@pytest.mark.parametrize(
    "query", ["", "user=u1&person=p", "user=u1&after=7", "user=u1&after=7-x", "user=u1&wait=99"]
)
async def test_tail_refuses_what_it_cannot_read(tmp_path: Path, query: str) -> None:
    """Nobody, two of them, a cursor that is none, too long a wait."""
    async with open_rig(tmp_path) as rig:
        response = await rig.client.get(f"/v1/tail?{query}", headers=rig.operator)

    assert response.status == 400


MAILED = """
kind: journey
id: tour
goal: {event: bought, within: 14d}
entry: {event: viewed}
steps:
  - id: mail
    message: {template: mail, channels: [in_app]}
  - id: reaction
    wait: {for: {clicked: mail}, timeout: 24h}
    then: {clicked: began, timeout: end}
  - id: began
    wait: {for: {event: tour_begun}, timeout: 24h}
    then: {timeout: end}
  - id: more
    wait: {for: {event: more}, timeout: 24h}
---
kind: template
id: mail
purpose: transactional
in_app: {layout: banner, title: Tour, body: "https://luma.example/gone"}
"""


async def mail_of(rig: Rig) -> list[int]:
    """Say of the mail how many were sent, clicked, and went on after it."""
    (found,) = (await ask(rig, "/v1/journeys/tour"))["stuck"]["messages"]
    return [found["sent"], found["clicked"], found["went_on"]]


async def click(rig: Rig, user: str = "u1", number: int = 0) -> None:
    """Let somebody click their message."""
    claims = [r["body"] for r in await rig.records("claim")]
    delivery_id = [body["delivery_id"] for body in claims][number]
    event = {"type": "engagement", "delivery_id": delivery_id, "action": "clicked"}
    await rig.send(event, user_id=user)
    await rig.settle()


async def did(rig: Rig, name: str) -> None:
    """Let the person do something."""
    await rig.send({"type": "track", "name": name})
    await rig.settle()


@pytest.mark.feature("S12")
@pytest.mark.parametrize("went_on_by", ["tour_begun", "bought"])
async def test_message_tells_who_went_on_after_a_click(tmp_path: Path, went_on_by: str) -> None:
    """A click counts once, and so does going on: by what is waited for, or by the goal."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(MAILED, OPEN_POLICY)
        await viewed(rig, "u1")
        assert await mail_of(rig) == [1, 0, 0]
        await click(rig)
        await click(rig)
        assert await mail_of(rig) == [1, 1, 0]
        await did(rig, went_on_by)
        assert await mail_of(rig) == [1, 1, 1]
        await did(rig, "more")
        assert await mail_of(rig) == [1, 1, 1]


@pytest.mark.feature("S12")
async def test_time_and_a_late_click_are_no_going_on(tmp_path: Path) -> None:
    """Who is moved by time has done nothing; a click after the run is counted, and no more."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(MAILED, OPEN_POLICY)
        await viewed(rig, "u1")
        later(rig, 24 * HOUR_MS)
        await rig.settle()
        await click(rig)
        await did(rig, "bought")

        assert await mail_of(rig) == [1, 1, 0]


@pytest.mark.feature("S12")
async def test_tester_clicks_and_is_in_no_figure(tmp_path: Path) -> None:
    """Neither what they were sent, nor what they clicked, nor that they went on."""
    testers = "\n---\nkind: workspace\nid: default\ntesters: [u1]\n"
    async with open_rig(tmp_path) as rig:
        await rig.apply(MAILED + testers, OPEN_POLICY)
        await viewed(rig, "u1")
        await click(rig)
        await did(rig, "tour_begun")

        assert await mail_of(rig) == [0, 0, 0]


@pytest.mark.feature("S12")
async def test_stuck_names_where_people_leave(tmp_path: Path) -> None:
    """Five of five ran out of time: the step is named; the link was not asked, and it says so."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(MAILED, OPEN_POLICY)
        await viewed(rig, *(f"u{number}" for number in range(5)))
        later(rig, 24 * HOUR_MS)
        await rig.settle()
        found = (await ask(rig, "/v1/journeys/tour"))["stuck"]

    (step,) = found["steps"]
    assert (step["step"], step["why"], step["left"]) == ("reaction", ["left"], 5)
    (message,) = found["messages"]
    assert (message["links"], message["links_asked"]) == (1, 0)
    assert found["links_asked"] is False
