"""Steering what is live, through the whole gateway: at the decision and at the claim, for good."""

from pathlib import Path
from typing import Any

from gateway.rig import OPEN_POLICY, Rig, open_rig
from gateway.workers.test_journeys import HOUR_MS, JOURNEY, begun, later, told

CAMPAIGN = """
kind: campaign
id: hello
goal: none
reentry: always
entry: {event: opened}
message: {template: greet, channels: [in_app]}
---
kind: template
id: greet
purpose: transactional
in_app: {layout: banner, title: Hello, body: Hello}
"""


async def steer(rig: Rig, action: str, name: str = "first-class", **more: Any) -> dict[str, Any]:
    """Turn a switch; nothing has worked since."""
    response = await rig.client.post(
        f"/v1/journeys/{name}/control", json={"action": action, **more}, headers=rig.operator
    )
    answer: dict[str, Any] = await response.json()
    return answer | {"status": response.status}


async def shown(rig: Rig, name: str = "first-class") -> dict[str, Any]:
    """Ask where people are."""
    response = await rig.client.get(f"/v1/journeys/{name}", headers=rig.operator)
    answer: dict[str, Any] = await response.json()
    return answer


async def test_pause_holds_a_message_that_waits_for_its_claim(tmp_path: Path) -> None:
    """The very next claim obeys, before the pipeline has heard; resumed, it goes once."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(CAMPAIGN, OPEN_POLICY)
        await rig.send({"type": "consent", "values": {"collect": "y"}})
        await rig.send({"type": "track", "name": "opened"})
        while await rig.gateway.pipeline.step():
            pass
        assert (await steer(rig, "pause", "hello"))["changed"]
        await rig.gateway.deliver.step()
        await rig.settle()
        assert await rig.claims() == [("deferred", "journey_paused")]
        assert (await shown(rig, "hello"))["messages_held"] == 1
        await rig.send({"type": "track", "name": "opened"})
        await rig.settle()
        await steer(rig, "resume", "hello")
        await rig.settle()
        entered = [r["body"]["reason"] for r in await rig.records("step")]

        assert await rig.claims() == [("deferred", "journey_paused"), ("send", "")]
        assert entered == ["", "journey_paused"]
        assert len(await rig.inbox()) == 1


async def test_pause_survives_a_restart_and_is_resumed_once(tmp_path: Path) -> None:
    """The wait ends meanwhile; after the restart nothing has moved, after the resume it goes on."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        await steer(rig, "pause", who="ann", note="wrong picture")
        await rig.settle()
        now_ms = rig.clock.now_ms()
    async with open_rig(tmp_path, now_ms + 25 * HOUR_MS) as rig:
        await rig.settle()
        assert (await told(rig))[3:] == ["reaction took timeout"]
        there = await shown(rig)
        assert (there["state"], there["mode"], there["held"]) == ("paused", "hold", 1)
        assert [s["held"] for s in there["steps"] if s["step"] == "remind"] == [1]
        (act,) = there["acts"]
        assert (act["by"], act["action"], act["note"]) == ("operator ann", "pause", "wrong picture")
        await steer(rig, "resume")
        await rig.settle()
        await rig.settle()

        assert (await told(rig))[4:] == ["remind took", "end ended completed"]
        assert [a["action"] for a in (await shown(rig))["acts"]] == ["resume", "pause"]


async def test_old_message_is_withheld_after_a_pause(tmp_path: Path) -> None:
    """Held messages are judged anew: what has become too old does not go."""
    aged = CAMPAIGN.replace("channels: [in_app]}", "channels: [in_app], max_age: 2h}")
    async with open_rig(tmp_path) as rig:
        await rig.apply(aged, OPEN_POLICY)
        await rig.send({"type": "consent", "values": {"collect": "y"}})
        await steer(rig, "close", "hello")
        await steer(rig, "open", "hello")
        await rig.send({"type": "track", "name": "opened"})
        while await rig.gateway.pipeline.step():
            pass
        await steer(rig, "pause", "hello")
        await rig.settle()
        later(rig, 3 * HOUR_MS)
        await rig.settle()
        await steer(rig, "resume", "hello")
        await rig.settle()

        assert await rig.claims() == [("deferred", "journey_paused"), ("withheld", "too_old")]


async def test_stop_ends_everybody_and_withdraws_what_is_pending(tmp_path: Path) -> None:
    """Nothing has to touch the person, and a restart in between changes nothing."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(JOURNEY, OPEN_POLICY)
        for user in ("u1", "u2", "u3"):
            await rig.send({"type": "consent", "values": {"collect": "y"}}, user_id=user)
            await rig.send({"type": "track", "name": "viewed"}, user_id=user)
        while await rig.gateway.pipeline.step():
            pass
        assert (await steer(rig, "stop"))["state"] == "stopped"
        await rig.gateway.deliver.step()  # before the pipeline hears of it
        assert await rig.claims() == [("withheld", "journey_stopped")] * 3
        now_ms = rig.clock.now_ms()
    async with open_rig(tmp_path, now_ms + 1) as rig:
        await rig.settle()
        there = await shown(rig)
        rig.seq = 100  # the device's numbers go on
        await rig.send({"type": "track", "name": "viewed"}, user_id="u3")
        await rig.settle()

        assert (there["state"], there["waiting"], there["ended"]) == ("stopped", 0, {"stopped": 3})
        assert (await told(rig))[-1] == "not_entered journey_stopped"
        assert await rig.gateway.store.runs.versions() == set()


async def test_stopped_journey_is_opened_before_it_is_resumed(tmp_path: Path) -> None:
    """Whoever was in it stays out."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        await steer(rig, "stop")
        refused = await steer(rig, "resume")
        again = await steer(rig, "stop")
        opened = await steer(rig, "open")
        await rig.settle()
        there = await shown(rig)

    assert (refused["status"], refused["code"]) == (409, "journey_is_stopped")
    assert (again["status"], again["changed"]) == (200, False)
    assert (opened["state"], opened["was"]) == ("live", "stopped")
    assert (there["waiting"], there["ended"]) == (0, {"stopped": 1})


async def test_archive_ends_runs_as_stopped(tmp_path: Path) -> None:
    """Archiving a journey is a stop for who is in, without anything else happening to them."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        gone = await rig.client.delete("/v1/documents/journey/first-class", headers=rig.operator)
        assert gone.status == 200
        await rig.settle()

        assert (await told(rig))[3:] == ["reaction ended stopped"]
        assert (await shown(rig))["state"] == "archived"
        assert await rig.gateway.store.runs.versions() == set()


async def test_rollback_publishes_the_version_before_and_runs_keep_theirs(tmp_path: Path) -> None:
    """v1 again as v3; who entered by v2 goes on by v2."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        await rig.apply(JOURNEY.replace("timeout: 24h", "timeout: 48h"))
        await rig.send({"type": "consent", "values": {"collect": "y"}}, user_id="u2")
        await rig.send({"type": "track", "name": "viewed"}, user_id="u2")
        await rig.settle()
        back = await steer(rig, "rollback", who="ann")
        await rig.settle()
        again = await steer(rig, "rollback", to=1)
        live = rig.gateway.surface.plans.plan
        used = await rig.gateway.store.runs.versions()
        (act,) = (await shown(rig))["acts"]
        later(rig, 47 * HOUR_MS)
        await rig.settle()
        ways = {(s["version"], s["step"]): s["went"] for s in (await shown(rig))["steps"]}
        missing = await steer(rig, "rollback", to=9)

    assert (back["version"], back["text_of"], back["changed"]) == (3, 1, True)
    assert (again["changed"], again["version"]) == (False, 3)
    assert live.campaigns["first-class"].version == 3
    assert used == {("first-class", 1), ("first-class", 2)}
    assert (act["action"], act["detail"]) == ("rollback", "v1 again as v3")
    assert ways[1, "reaction"] == {"timeout": 1}
    assert ways[2, "reaction"] == {}
    assert missing["detail"] == "there is no version 9; the newest are 1, 2, 3"


async def test_emergency_stop_says_who(tmp_path: Path) -> None:
    """Who stopped all marketing, and let it go on, is on record."""
    async with open_rig(tmp_path) as rig:
        for on in (True, False):
            wish = {"on": on, "who": "ann", "note": "fire"}
            await rig.client.post("/v1/emergency-stop", json=wish, headers=rig.operator)
        acts = await rig.gateway.store.journeys.acts("", 5)

    assert [(a.by, a.action, a.note) for a in acts] == [
        ("operator ann", "emergency_stop_off", "fire"), ("operator ann", "emergency_stop", "fire")
    ]  # fmt: skip


async def test_many_are_roused_a_stretch_at_a_time(tmp_path: Path) -> None:
    """More persons than a record of the log holds; each ends once."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(JOURNEY, OPEN_POLICY)
        for number in range(230):
            user = f"u{number}"
            await rig.send(
                {"type": "consent", "values": {"collect": "y"}},
                {"type": "track", "name": "viewed"},
                user_id=user,
            )
        await rig.settle()
        await steer(rig, "stop")
        await rig.settle()
        there = await shown(rig)

    assert (there["came"], there["waiting"], there["ended"]) == (230, 0, {"stopped": 230})
