"""What is on trial: it runs beside what is live, and touches nothing of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fencepost_gateway.decide.ids import person_id_of_user
from fencepost_gateway.decide.person import Person
from gateway.rig import FENCES, OPEN_POLICY, Rig, captured, open_rig

HOUR_MS = 3_600_000
WORKSPACE = "kind: workspace\nid: w\ntesters: [ada]\n"
JOURNEY = """
kind: journey
id: first-class
goal: {event: bought, within: 14d}
entry: {event: viewed}
reentry: always
steps:
  - id: greet
    message: {template: greet, channels: [sms, in_app]}
  - id: mark
    update: {set: {greeted: true}}
  - id: reaction
    wait: {for: {clicked: greet}, timeout: 24h}
    then: {clicked: offer, timeout: remind}
  - id: remind
    message: {template: remind, channels: [in_app]}
  - to: end
  - id: offer
    branch: [{when: {person: greeted, is: true}, to: sorry}, {otherwise: end}]
  - id: sorry
    message: {template: remind, channels: [in_app]}
---
kind: template
id: greet
purpose: marketing
in_app: {layout: banner, title: Hello, body: "Hello {{ person.name | default: 'you' }}"}
sms: {text: Hello}
---
kind: template
id: remind
purpose: transactional
in_app: {layout: banner, title: Still there?, body: Still there?}
"""


async def begun(rig: Rig, mode: str = "draft", text: str = JOURNEY, **more: Any) -> dict[str, Any]:
    """Publish who tests, and put a journey on trial."""
    await rig.apply(OPEN_POLICY, WORKSPACE)
    return await tried(rig, mode, text, **more)


async def tried(rig: Rig, mode: str = "draft", text: str = JOURNEY, **more: Any) -> dict[str, Any]:
    """Put a journey on trial."""
    wish = {"files": [{"path": "j.yaml", "text": text}], "mode": mode, **more}
    response = await rig.client.post("/v1/trial", json=wish, headers=rig.operator)
    answer: dict[str, Any] = await response.json()
    assert response.status == 200, answer
    await rig.settle()
    return answer


async def heard(rig: Rig, user_id: str, *names: str) -> None:
    """Let somebody grant everything, have a number and do things."""
    grants = {"type": "consent", "values": {"collect": "y", "marketing": "y"}}
    number = {"type": "address", "channel": "sms", "address": "+33612345678"}
    did = [{"type": "track", "name": name} for name in names]
    await rig.send(grants, number, *did, user_id=user_id)
    await rig.settle()


async def told(rig: Rig, user_id: str) -> list[str]:
    """Give what the records of a trial say of somebody, briefly."""
    rows = await rig.gateway.store.trials.records_of(person_id(rig, user_id))
    return [brief(row.kind, row.body) for row in rows]


def brief(kind: str, body: dict[str, Any]) -> str:
    """Say a record in a few words."""
    parts = {
        "step": (body.get("step_id"), body.get("outcome"), body.get("reason") or body.get("way")),
        "claim": (body.get("outcome"), body.get("channel"), body.get("reason")),
        "outcome": (body.get("state"), body.get("channel")),
    }
    return " ".join(part for part in parts[kind] if part)


def person_id(rig: Rig, user_id: str) -> str:
    """Give the id of a user."""
    return person_id_of_user(rig.gateway.settings.workspace, user_id)


async def person_of(rig: Rig, user_id: str) -> Person:
    """Give a user as they are in the store."""
    found = await rig.gateway.store.persons([person_id(rig, user_id)])
    return found[person_id(rig, user_id)]


async def untouched(rig: Rig, folder: Path, user_id: str) -> bool:
    """Say whether the live gateway knows nothing of a journey: whatever a person would notice."""
    person, store = await person_of(rig, user_id), rig.gateway.store
    facts = await store.peek("nothing")
    return (
        captured(folder) == []
        and facts is None
        and await rig.inbox() == []
        and await store.messages("", 10) == []
        and await rig.records("step") == []
        and await rig.records("claim") == []
        and await store.runs.of(person.person_id) == []
        and not person.runs
        and not person.messages
        and not person.attributes
        and not [key for key in await store.broadcasts.tallies() if not key[0].startswith("~")]
        and (await store.people.holdings(person.person_id)).slots == ()
    )


@pytest.mark.feature("T01")
async def test_draft_runs_for_a_test_person_and_sends_nothing(tmp_path: Path) -> None:
    """The test person goes the way, and is shown what it says; nothing leaves the house."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        await heard(rig, "ada", "viewed")
        (shown,) = await rig.gateway.store.trials.messages_of(person_id(rig, "ada"))

        assert await told(rig, "ada") == [
            "entered", "greet took", "mark took", "reaction waits", "send sms", "sent sms"
        ]  # fmt: skip
        assert shown.content == {"text": "Hello", "media": []}
        assert await untouched(rig, tmp_path, "ada")


@pytest.mark.feature("T01")
async def test_draft_is_for_nobody_else(tmp_path: Path) -> None:
    """A draft never runs for a real person."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        await heard(rig, "u1", "viewed")

        assert await told(rig, "u1") == []
        assert (await person_of(rig, "u1")).twin is None
        assert await untouched(rig, tmp_path, "u1")


@pytest.mark.feature("T02")
async def test_shadow_decides_for_everybody_and_touches_nothing(tmp_path: Path) -> None:
    """A shadow records what it would have done; no claim, slot, attribute, text, or figure."""
    async with open_rig(tmp_path) as rig:
        await begun(rig, "shadow")
        await heard(rig, "u1", "viewed")
        (shown,) = await rig.gateway.store.trials.messages_of(person_id(rig, "u1"))

        assert await told(rig, "u1") == [
            "entered", "greet took", "mark took", "reaction waits", "send sms", "sent sms"
        ]  # fmt: skip
        assert shown.content is None
        assert await untouched(rig, tmp_path, "u1")


async def test_shadow_leaves_test_persons_out(tmp_path: Path) -> None:
    """Test persons are in no figure of a shadow."""
    async with open_rig(tmp_path) as rig:
        await begun(rig, "shadow")
        await heard(rig, "ada", "viewed")

        assert await told(rig, "ada") == []


@pytest.mark.feature("T02")
async def test_shadow_has_the_records_of_a_live_journey(tmp_path: Path) -> None:
    """What a shadow decides is what the same journey decides once it is live."""
    kept = ("outcome", "reason", "step_id", "way", "due_ms", "inputs", "channel", "checks")

    def plain(rows: list[Any]) -> list[tuple[Any, ...]]:
        told = [(r["kind"], r["at_ms"], r["body"]) for r in rows]
        return [
            (k, at, *(json.dumps(b.get(n)) for n in kept)) for k, at, b in told if k != "outcome"
        ]

    async with open_rig(tmp_path / "live") as rig:
        await rig.apply(OPEN_POLICY, WORKSPACE, JOURNEY)
        await heard(rig, "u1", "viewed")
        rig.clock.move_to(rig.clock.now_ms() + 24 * HOUR_MS)
        await rig.settle()
        live = plain(await rig.records())
    async with open_rig(tmp_path / "shadow") as rig:
        await begun(rig, "shadow")
        await heard(rig, "u1", "viewed")
        rig.clock.move_to(rig.clock.now_ms() + 24 * HOUR_MS)
        await rig.settle()
        rows = await rig.gateway.store.trials.records_of(person_id(rig, "u1"))
        shadow = plain([msgspec.to_builtins(row) for row in rows])

    assert [row for row in live if row[0] != "transition"] == shadow
    assert len(shadow) == 9


@pytest.mark.feature("T01")
async def test_shortened_waits_leap(tmp_path: Path) -> None:
    """With shortened waits a day takes ten seconds, and the records tell the trial's own clock."""
    async with open_rig(tmp_path) as rig:
        await begun(rig, shorten_s=10)
        await heard(rig, "ada", "viewed")
        before_ms = rig.clock.now_ms()
        rig.clock.move_to(before_ms + 9_000)
        await rig.settle()
        assert "reaction took timeout" not in await told(rig, "ada")
        rig.clock.move_to(before_ms + 10_000)
        await rig.settle()
        rows = await rig.gateway.store.trials.records_of(person_id(rig, "ada"))

        assert (await told(rig, "ada"))[6:] == [
            "reaction took timeout", "remind took", "send in_app", "sent in_app",
            "end ended completed",
        ]  # fmt: skip
        assert rows[6].at_ms == before_ms + 24 * HOUR_MS


@pytest.mark.feature("T01")
async def test_test_person_may_react(tmp_path: Path) -> None:
    """A click on what was shown takes its way; what a step set is read by the next one."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        await heard(rig, "ada", "viewed")
        (shown,) = await rig.gateway.store.trials.messages_of(person_id(rig, "ada"))
        wish = {"user_id": "ada", "message_id": shown.message.message_id, "what": "clicked"}
        done = await rig.client.post("/v1/trial/reactions", json=wish, headers=rig.operator)
        await rig.settle()

        assert done.status == 200
        assert (await told(rig, "ada"))[6:] == [
            "clicked", "reaction took clicked", "offer took 1", "sorry took",
            "send in_app", "sent in_app", "end ended completed",
        ]  # fmt: skip
        assert await untouched(rig, tmp_path, "ada")


async def test_caps_hold_within_a_trial(tmp_path: Path) -> None:
    """What a trial would have sent counts under its caps; the person's own slots are left."""
    caps = "---\nkind: caps\nid: c\nrules: [{limit: 1, per: 7d}]\n"
    async with open_rig(tmp_path) as rig:
        await begun(rig, "shadow", JOURNEY + caps)
        await heard(rig, "u1", "viewed")
        rig.clock.move_to(rig.clock.now_ms() + 60_000)
        await heard(rig, "u1", "viewed")
        claims = [each for each in await told(rig, "u1") if each.startswith(("send", "withheld"))]

        assert claims == ["send sms", "withheld frequency_cap"]
        assert await untouched(rig, tmp_path, "u1")


async def test_limits_are_counted_apart(tmp_path: Path) -> None:
    """A limit of entries is counted by the shadow alone."""
    text = JOURNEY.replace("reentry: always", "reentry: always\nlimits: {entries: 1}")
    async with open_rig(tmp_path) as rig:
        await begun(rig, "shadow", text)
        await heard(rig, "u1", "viewed")
        rig.gateway.pipeline.forget()  # as after a restart
        await heard(rig, "u2", "viewed")

        assert await told(rig, "u2") == ["not_entered entry_cap"]
        assert await untouched(rig, tmp_path, "u2")


async def test_what_is_live_goes_on_beside_a_trial(tmp_path: Path) -> None:
    """The same journey, live and changed on trial: the person has both ways, apart."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPEN_POLICY, WORKSPACE, JOURNEY)
        await tried(rig, "shadow", JOURNEY.replace("timeout: 24h", "timeout: 1h"))
        await heard(rig, "u1", "viewed")
        rig.clock.move_to(rig.clock.now_ms() + HOUR_MS)
        await rig.settle()
        live = [brief(row["kind"], row["body"]) for row in await rig.records("step")]

        assert live == ["entered", "greet took", "mark took", "reaction waits"]
        assert "reaction took timeout" in await told(rig, "u1")
        assert len(captured(tmp_path)) == 1


async def test_another_trial_begins_anew(tmp_path: Path) -> None:
    """Nothing is left of the trial before; its runs do not move any more."""
    async with open_rig(tmp_path) as rig:
        await begun(rig, "shadow")
        await heard(rig, "u1", "viewed")
        await tried(rig, "shadow")
        assert await told(rig, "u1") == []
        rig.clock.move_to(rig.clock.now_ms() + 24 * HOUR_MS)
        await rig.settle()

        assert await told(rig, "u1") == []
        assert (await person_of(rig, "u1")).twin is None


async def test_trial_that_ended_leaves_nothing(tmp_path: Path) -> None:
    """After the end nothing is on trial, and nothing wakes."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        await heard(rig, "ada", "viewed")
        done = await rig.client.delete("/v1/trial", headers=rig.operator)
        await rig.settle()
        await heard(rig, "ada", "viewed")

        assert done.status == 200
        assert await told(rig, "ada") == []
        assert await rig.gateway.store.trials.due(1 << 60, 10) == []


async def test_trial_survives_a_restart(tmp_path: Path) -> None:
    """What is on trial, and where somebody stands in it, is in the store."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        await heard(rig, "ada", "viewed")
        now_ms = rig.clock.now_ms()
    async with open_rig(tmp_path, now_ms + 24 * HOUR_MS) as rig:
        await rig.settle()

        assert "remind took" in await told(rig, "ada")


async def test_visitor_who_logs_in_brings_their_trial_along(tmp_path: Path) -> None:
    """Runs and records of a visitor on trial are the person's once they are known."""
    async with open_rig(tmp_path) as rig:
        await begun(rig, "shadow")
        grants = {"type": "consent", "values": {"collect": "y", "marketing": "y"}}
        await rig.send(grants, {"type": "track", "name": "viewed"}, user_id=None)
        await rig.settle()
        await rig.send({"type": "identify", "user_id": "u1"}, user_id="u1")
        rig.clock.move_to(rig.clock.now_ms() + 24 * HOUR_MS)
        await rig.settle()

        assert (await told(rig, "u1"))[0] == "entered"
        assert "remind took" in await told(rig, "u1")


async def test_report_says_what_would_have_been_sent(tmp_path: Path) -> None:
    """The sums of a shadow, in numbers and in words of both languages."""
    async with open_rig(tmp_path) as rig:
        await begun(rig, "shadow")
        for user_id in ("u1", "u2"):
            await heard(rig, user_id, "viewed")
        await heard(rig, "u1", "viewed")
        said = {}
        for lang in ("en", "ko"):
            answer = await rig.client.get("/v1/trial", params={"lang": lang}, headers=rig.operator)
            said[lang] = (await answer.json())["words"]

        assert said["en"][1:] == [
            "journey first-class v1",
            "  entered 3 times, 2 persons",
            "  would be sent 3 times by sms, to 2 persons",
        ]
        assert said["ko"][2:] == ["  참여 3회, 2명", "  sms 발송 예상 3회, 2명"]


async def test_test_person_sees_their_way(tmp_path: Path) -> None:
    """Step by step, with what they were shown; nobody else may be looked at."""
    async with open_rig(tmp_path) as rig:
        await begun(rig)
        await heard(rig, "ada", "viewed")
        mine = await rig.client.get("/v1/trial/persons/ada", headers=rig.operator)
        other = await rig.client.get("/v1/trial/persons/u1", headers=rig.operator)
        words = (await mine.json())["words"]

        assert "    | Hello" in words
        assert other.status == 404


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"text": "kind: policy\nid: p\n" + OPEN_POLICY.partition("default\n")[2]}, "policy p"),
        ({"text": OPEN_POLICY}, "nothing to try"),
        ({"mode": "shadow", "shorten_s": 5}, "as long as everybody would"),
        ({"text": JOURNEY.replace("remind, ch", "remund, ch")}, ""),
    ],
    ids=["policy", "nothing", "shortened", "wrong"],
)
async def test_what_cannot_be_tried_is_refused(
    tmp_path: Path, more: dict[str, Any], says: str
) -> None:
    """A trial that would say nothing, or change who people are, is refused with what to do."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPEN_POLICY, WORKSPACE)
        files = [{"path": "j.yaml", "text": more.pop("text", JOURNEY)}]
        wish = {"files": files, "mode": "draft", **more}
        response = await rig.client.post("/v1/trial", json=wish, headers=rig.operator)

        assert response.status in {400, 422}
        assert says in json.dumps(await response.json())


async def test_without_test_persons_there_is_no_draft(tmp_path: Path) -> None:
    """A draft for nobody is refused: say who tests first."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPEN_POLICY, fences=FENCES)
        wish = {"files": [{"path": "j.yaml", "text": JOURNEY}]}
        response = await rig.client.post("/v1/trial", json=wish, headers=rig.operator)

        assert response.status == 400
        assert "testers:" in json.dumps(await response.json())


async def test_live_runs_outlive_a_log_in_under_a_trial(tmp_path: Path) -> None:
    """Joining a visitor who is on trial too ends none of their live runs."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPEN_POLICY, WORKSPACE, JOURNEY)
        await tried(rig, "shadow", JOURNEY.replace("timeout: 24h", "timeout: 2h"))
        grants = {"type": "consent", "values": {"collect": "y", "marketing": "y"}}
        await rig.send(grants, {"type": "track", "name": "viewed"}, user_id=None)
        await rig.settle()
        await rig.send({"type": "identify", "user_id": "u1"}, user_id="u1")
        await rig.settle()
        live = (await person_of(rig, "u1")).runs["first-class"]

        assert live.ended_ms is None
        assert live.at is not None


async def test_no_other_system_is_asked_or_told(tmp_path: Path) -> None:
    """A webhook counts as told, a look-up takes the way of its error; no call is begun."""
    text = """
kind: source
id: weather
url: https://example.com/w
sign: [hook]
---
kind: journey
id: asks
goal: none
entry: {event: viewed}
steps:
  - {id: tell, webhook: {source: weather}}
  - {id: ask, look_up: {source: weather, as: w}, then: {error: end}}
  - {id: never, update: {set: {asked: true}}}
"""
    async with open_rig(tmp_path) as rig:
        await begun(rig, "shadow", text)
        await heard(rig, "u1", "viewed")

        assert (await told(rig, "u1"))[1:] == [
            "tell took", "ask waits", "ask took error", "end ended completed"
        ]  # fmt: skip
        assert await rig.gateway.store.calls.sources(1 << 60) == []
