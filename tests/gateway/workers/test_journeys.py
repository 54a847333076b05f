"""Journeys through the whole gateway: documents in, records and messages out."""

from pathlib import Path

from gateway.rig import OPEN_POLICY, Rig, open_rig

HOUR_MS = 3_600_000
JOURNEY = """
kind: journey
id: first-class
goal: {event: bought, within: 14d}
entry: {event: viewed}
steps:
  - id: greet
    message: {template: greet, channels: [in_app]}
  - id: reaction
    wait: {for: {clicked: greet}, timeout: 24h}
    then: {clicked: offer, timeout: remind}
  - id: remind
    message: {template: remind, channels: [in_app]}
  - to: end
  - id: offer
    message: {template: offer, channels: [in_app]}
---
kind: template
id: greet
purpose: transactional
in_app: {layout: banner, title: Hello, body: Hello}
---
kind: template
id: remind
purpose: transactional
in_app: {layout: banner, title: Still there?, body: Still there?}
---
kind: template
id: offer
purpose: transactional
in_app: {layout: banner, title: An offer, body: An offer}
"""


async def told(rig: Rig) -> list[str]:
    """Give what the step records say, briefly."""
    found = []
    for row in await rig.records("step"):
        body = row["body"]
        parts = body["step_id"], body["outcome"], body["reason"] or body["way"]
        found.append(" ".join(part for part in parts if part))
    return found


def later(rig: Rig, ms: int) -> None:
    """Let time pass."""
    rig.clock.move_to(rig.clock.now_ms() + ms)


async def begun(rig: Rig) -> None:
    """Publish the journey and let somebody begin it."""
    await rig.apply(JOURNEY, OPEN_POLICY)
    await rig.send({"type": "consent", "values": {"collect": "y"}})
    await rig.send({"type": "track", "name": "viewed"})
    await rig.settle()


async def test_silence_is_followed_by_a_reminder(tmp_path: Path) -> None:
    """The wait is a timer in the store; the reminder goes when it rings, and the run ends."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        assert await told(rig) == ["entered", "greet took", "reaction waits"]
        later(rig, 24 * HOUR_MS)
        await rig.settle()

        assert (await told(rig))[3:] == [
            "reaction took timeout", "remind took", "end ended completed"
        ]  # fmt: skip
        assert await rig.gateway.store.runs.versions() == set()


async def test_click_is_followed_by_the_offer(tmp_path: Path) -> None:
    """What the device tells of the message moves the run."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        (shown,) = await rig.inbox()
        later(rig, HOUR_MS)
        clicked = {"delivery_id": shown["delivery_id"], "action": "clicked"}
        await rig.send({"type": "engagement", **clicked})
        await rig.settle()

        assert (await told(rig))[3:] == [
            "reaction took clicked", "offer took", "end ended completed"
        ]  # fmt: skip


async def test_run_survives_a_restart_and_ends_on_its_version(tmp_path: Path) -> None:
    """What was entered is finished as it was then, though another version is live."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        now_ms = rig.clock.now_ms()
    async with open_rig(tmp_path, now_ms + HOUR_MS) as rig:
        ways = "{clicked: offer, timeout: remind}", "{clicked: remind, timeout: offer}"
        await rig.apply(JOURNEY.replace(*ways))
        assert await rig.gateway.store.runs.versions() == {("first-class", 1)}
        later(rig, 23 * HOUR_MS)
        await rig.settle()

        assert (await told(rig))[3:] == [
            "reaction took timeout", "remind took", "end ended completed"
        ]  # fmt: skip


async def test_message_of_a_run_that_ended_is_withheld(tmp_path: Path) -> None:
    """A purchase before the claim ends the run and stops its message, in the same batch."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(JOURNEY, OPEN_POLICY)
        await rig.send({"type": "consent", "values": {"collect": "y"}})
        await rig.send({"type": "track", "name": "viewed"}, {"type": "track", "name": "bought"})
        await rig.settle()

        assert (await told(rig))[3:] == ["reaction ended goal_reached"]
        assert await rig.claims() == [("withheld", "goal_reached")]


async def test_exit_withholds_what_is_pending(tmp_path: Path) -> None:
    """Who left the journey gets nothing more of it."""
    leaving = JOURNEY.replace("steps:", "exit_on: [{event: left}]\nsteps:")
    async with open_rig(tmp_path) as rig:
        await rig.apply(leaving, OPEN_POLICY)
        await rig.send({"type": "consent", "values": {"collect": "y"}})
        await rig.send({"type": "track", "name": "viewed"}, {"type": "track", "name": "left"})
        await rig.settle()

        assert (await told(rig))[3:] == ["reaction ended exited"]
        assert await rig.claims() == [("withheld", "run_left")]


async def test_visitors_run_becomes_the_persons(tmp_path: Path) -> None:
    """Who logs in on the way goes on; of two runs in one journey the older stays."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(JOURNEY, OPEN_POLICY)
        agreed = {"type": "consent", "values": {"collect": "y"}}
        await rig.send(agreed, {"type": "track", "name": "viewed"}, user_id=None)
        await rig.settle()
        await rig.send({"type": "identify", "user_id": "u1"})
        await rig.settle()
        later(rig, 24 * HOUR_MS)
        await rig.settle()
        person_id = (await rig.records("step"))[-1]["person_id"]
        (row,) = await rig.gateway.store.runs.of(person_id)

    assert row.outcome == "completed"
    assert row.step_id == "end"


WELCOME = """
kind: journey
id: welcome
goal: none
entry: {transition: enter, fence: {tag: studio}}
steps:
  - wait: {for_duration: 1h}
  - id: greet
    message: {template: greet, channels: [in_app]}
"""


async def test_run_forgets_where_it_began_when_location_is_withdrawn(tmp_path: Path) -> None:
    """The run goes on; nothing of it says any more where somebody was."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(JOURNEY, WELCOME, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        person_id = (await rig.records("step"))[-1]["person_id"]
        before = (await rig.gateway.store.persons([person_id]))[person_id].runs["welcome"]
        await rig.consent({"location_collect": "n"})
        await rig.settle()
        after = (await rig.gateway.store.persons([person_id]))[person_id].runs["welcome"]

    assert before.at is not None
    assert before.at.cause.fence_id == "studio"
    assert after.at is not None
    assert (after.at.cause.fence_id, after.at.cause.visit_id) == ("", "")
    assert after.at.cause.is_by_place
