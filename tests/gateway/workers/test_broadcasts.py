"""What concerns many: whom it reaches, once, through a gateway stepped by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway.decide.ids import person_id_of_user, person_id_of_visitor
from fencepost_gateway.intake.records import Stretch
from fencepost_gateway.workers import teller
from gateway.rig import GRANTS, NOON_MS, OPEN_POLICY, Rig, open_rig

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
ICED = """
kind: audience
id: regulars
when: {person: points, gte: 200}
---
kind: campaign
id: iced
entry: {external: weather.forecast, where: {region: monaco}, for: {audience: regulars}}
reentry: always
message: {template: hello, channels: [in_app]}
goal: none
---
kind: template
id: hello
purpose: marketing
in_app: {title: Hello, body: "{{ event.max_c | default: 'warm' }} degrees"}
"""
HELLO = ICED.rpartition("---")[2]
MONTHLY = (
    """
kind: audience
id: regulars
when: {person: points, gte: 200}
---
kind: campaign
id: monthly
entry: {schedule: "0 10 1 * *", zone: Europe/Monaco, for: {audience: regulars}}
reentry: always
message: {template: hello, channels: [in_app]}
goal: none
---
"""
    + HELLO
)
SAID = {"type": "consent", "values": GRANTS}
LOGS_IN = {"type": "identify", "user_id": "ana"}
FORECAST = {"id": "w1", "name": "weather.forecast", "props": {"region": "monaco", "max_c": 33}}


async def person(rig: Rig, user_id: str, points: int = 300) -> None:
    """Let somebody come, on a device of their own, with so many points."""
    said = {"type": "consent", "values": GRANTS}
    traits = {"type": "identify", "user_id": user_id, "traits": {"points": points}}
    body = rig.batch(said, traits, user_id=user_id)
    body |= {
        "device_id": f"d-{user_id}",
        "who": {"anonymous_id": f"v-{user_id}", "user_id": user_id},
    }
    headers = rig.device_headers(f"d-{user_id}")
    response = await rig.client.post("/v1/batch", json=body, headers=headers)
    assert response.status == 200, await response.text()


async def people(rig: Rig, **points: int) -> None:
    """Let several come."""
    for user_id, each in points.items():
        await person(rig, user_id, each)
    await rig.settle()


async def tell(rig: Rig, status: int = 200, **changes: Any) -> dict[str, Any]:
    """Tell the gateway of a forecast."""
    body = FORECAST | changes
    response = await rig.client.post("/v1/external", json=body, headers=rig.operator)
    answer: dict[str, Any] = await response.json()
    assert response.status == status, answer
    await rig.settle()
    return answer


async def told(rig: Rig) -> list[dict[str, Any]]:
    """Give the broadcasts, the newest first."""
    response = await rig.client.get("/v1/broadcasts", headers=rig.operator)
    found: list[dict[str, Any]] = (await response.json())["broadcasts"]
    return found


async def steps(rig: Rig, outcome: str = "entered") -> list[tuple[str, str]]:
    """Give person and campaign of every step with this outcome."""
    found = await rig.gateway.store.records(0, 10_000)
    return [
        (r.person_id, r.body["campaign_id"])
        for r in found
        if r.kind == "step" and r.body["outcome"] == outcome
    ]


def who(*user_ids: str) -> Counter[str]:
    """Count persons by their ids."""
    return Counter(person_id_of_user("default", user_id) for user_id in user_ids)


async def entered(rig: Rig) -> Counter[str]:
    """Count entries by person."""
    return Counter(person_id for person_id, _ in await steps(rig))


# ---- an event from outside -----------------------------------------------------------------


async def test_external_event_starts_a_run_for_every_member_and_again_for_nobody(
    tmp_path: Path,
) -> None:
    """Members once each; who does not belong has no record; the same id is a duplicate."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(ICED, OPEN_POLICY)
        await people(rig, ana=300, ben=200, gus=150)
        first = await tell(rig)
        again = await tell(rig, props={"region": "monaco", "max_c": 40})
        found = await told(rig)
        reached = await entered(rig)
        refused = await steps(rig, "not_entered")

    assert (first["status"], again["status"]) == ("accepted", "duplicate")
    assert again["broadcast"] == first["broadcast"]
    assert reached == who("ana", "ben")
    assert refused == []
    assert [(b["state"], b["seen"], b["total"], b["reached"]) for b in found] == [("done", 3, 3, 2)]


async def test_external_event_that_nobody_waits_for_tells_nobody(tmp_path: Path) -> None:
    """Another name, or another region: done at once, and no person is looked at."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(ICED, OPEN_POLICY)
        await people(rig, ana=300)
        await tell(rig, id="w2", name="match.result")
        await tell(rig, id="w3", props={"region": "nice"})
        found = await told(rig)
        reached = await entered(rig)

    assert [(b["state"], b["seen"]) for b in found] == [("done", 0), ("done", 0)]
    assert not reached


async def test_external_event_and_app_event_of_one_name_are_two_things(tmp_path: Path) -> None:
    """Each wakes only the entry that is meant; they may stand beside each other."""
    both = ICED.replace("entry: {external", "entry:\n  - {event: weather.looked_up}\n  - {external")
    async with open_rig(tmp_path) as rig:
        await rig.apply(both, OPEN_POLICY)
        await people(rig, ana=300)
        await rig.send(SAID, {"type": "track", "name": "weather.forecast"}, user_id="ana")
        await rig.settle()
        before = await entered(rig)
        await rig.send({"type": "track", "name": "weather.looked_up"}, user_id="ana")
        await tell(rig)
        after = await entered(rig)

    assert not before
    assert after == who("ana", "ana")


async def test_condition_reads_the_event_from_outside(tmp_path: Path) -> None:
    """`event:` means its properties, and a false condition leaves a record for whom it concerns."""
    hot = ICED.replace("reentry: always", "when: {event: max_c, gte: 30}\nreentry: always")
    async with open_rig(tmp_path) as rig:
        await rig.apply(hot, OPEN_POLICY)
        await rig.consent(GRANTS | {"personalisation": "y"})
        await rig.send({"type": "identify", "user_id": "u1", "traits": {"points": 300}})
        await rig.settle()
        await tell(rig, props={"region": "monaco", "max_c": 24})
        await tell(rig, id="w2")
        (cold, warm) = await rig.records("step")
        shown = await rig.inbox()

    assert (cold["body"]["outcome"], cold["body"]["reason"]) == ("not_entered", "condition_false")
    assert (warm["body"]["outcome"], warm["body"]["by"]) == ("entered", "external")
    assert [m["content"]["body"] for m in shown] == ["33 degrees"]


async def test_event_from_outside_that_does_not_fit_its_definition_is_refused(
    tmp_path: Path,
) -> None:
    """It is named, and nobody is told."""
    properties = "{max_c: integer, region: text}"
    definition = f"kind: event\nid: f\nevent: {FORECAST['name']}\nproperties: {properties}\n"
    async with open_rig(tmp_path) as rig:
        await rig.apply(ICED, OPEN_POLICY, definition)
        body = FORECAST | {"props": {"max_c": "33"}}
        response = await rig.client.post("/v1/external", json=body, headers=rig.operator)
        answer = await response.json()
        waiting = await rig.gateway.store.broadcasts.waiting()

    assert (response.status, answer["path"], waiting) == (400, "props.max_c", 0)
    assert answer["detail"] == f"it does not fit the event {FORECAST['name']}: type"


async def test_several_broadcasts_take_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that came later does not wait until the first is through, nor does it hold it up."""
    monkeypatch.setattr(teller, "STRETCH_MAX", 2)
    async with open_rig(tmp_path) as rig:
        await rig.apply(ICED, OPEN_POLICY)
        await people(rig, **{f"u{n}": 300 for n in range(9)})
        for name in ("w1", "w2"):
            body = FORECAST | {"id": name}
            await rig.client.post("/v1/external", json=body, headers=rig.operator)
        await rig.settle()
        log = await rig.gateway.store.read_log(0, 1000)
        reached = await entered(rig)

    order = [r.record.number for r in log if isinstance(r.record, Stretch)]
    first, second = sorted(set(order))
    assert order == [first, second] * 5
    assert set(reached.values()) == {2}
    assert len(reached) == 9


# ---- visitors who merge meanwhile ----------------------------------------------------------


@pytest.mark.parametrize("stretches", range(6))
async def test_visitor_who_logs_in_meanwhile_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stretches: int
) -> None:
    """Wherever the cursor stands: who turns out to be one person is told, and not told again."""
    ana, visitor = person_id_of_user("default", "ana"), person_id_of_visitor("default", "a1")
    monkeypatch.setattr(teller, "STRETCH_MAX", 1)
    everybody = ICED.replace(", for: {audience: regulars}", "")
    async with open_rig(tmp_path) as rig:
        await rig.apply(everybody, OPEN_POLICY)
        await people(rig, ana=300, ben=300)
        await rig.send(SAID, {"type": "track", "name": "looked"}, user_id=None)  # visitor a1
        await rig.settle()
        await rig.client.post("/v1/external", json=FORECAST, headers=rig.operator)
        await rig.gateway.pipeline.step()
        for _ in range(stretches):
            await rig.gateway.timers.step()
            while await rig.gateway.pipeline.step():
                pass
        before = await entered(rig)
        await rig.send(LOGS_IN, user_id="ana")
        await rig.settle()
        reached = await entered(rig)
        (found,) = await told(rig)

    both = before[visitor] + before[ana]  # who was told as two persons before had two runs
    assert reached == who("ben") + Counter({ana: max(both, 1)})
    assert found["state"] == "done"


@pytest.mark.parametrize("stretches", range(6))
async def test_member_who_logs_in_as_somebody_who_was_none_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stretches: int
) -> None:
    """The visitor belonged, the known person did not and may have been passed: still once."""
    monkeypatch.setattr(teller, "STRETCH_MAX", 1)
    visits = ICED.replace("{person: points, gte: 200}", "{did: looked}")
    async with open_rig(tmp_path) as rig:
        await rig.apply(visits, OPEN_POLICY)
        await people(rig, ana=300, ben=300)
        await rig.send(SAID, {"type": "track", "name": "looked"}, user_id=None)
        await rig.settle()
        await rig.client.post("/v1/external", json=FORECAST, headers=rig.operator)
        await rig.gateway.pipeline.step()
        for _ in range(stretches):
            await rig.gateway.timers.step()
            while await rig.gateway.pipeline.step():
                pass
        await rig.send(LOGS_IN, user_id="ana")
        await rig.settle()
        reached = await entered(rig)

    assert reached == who("ana")


# ---- a schedule ----------------------------------------------------------------------------


async def pass_to(rig: Rig, at_ms: int) -> None:
    """Let time pass, and happen what comes due on the way."""
    while (due_ms := await rig.gateway.store.next_due_ms()) is not None and due_ms <= at_ms:
        rig.clock.move_to(due_ms)
        await rig.settle()
    rig.clock.move_to(at_ms)
    await rig.settle()


async def test_schedule_starts_a_run_for_every_member_each_time(tmp_path: Path) -> None:
    """On the first of the month at ten in Monaco, whoever belongs then."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(MONTHLY, OPEN_POLICY)
        await people(rig, ana=300, gus=150)
        await pass_to(rig, NOON_MS + 29 * DAY_MS)
        none = await entered(rig)
        await pass_to(rig, NOON_MS + 31 * DAY_MS)
        once = await entered(rig)
        await person(rig, "gus", 200)
        await pass_to(rig, NOON_MS + 62 * DAY_MS)
        twice = await entered(rig)
        found = await told(rig)

    assert not none
    assert once == who("ana")
    assert twice == who("ana", "ana", "gus")
    assert [b["at"] for b in found] == ["2026-08-01T08:00:00.000Z", "2026-07-01T08:00:00.000Z"]
    assert [b["missed"] for b in found] == [0, 0]


async def test_schedule_takes_only_those_who_joined_since(tmp_path: Path) -> None:
    """Everybody once for each time they join, also who leaves and joins again."""
    new = MONTHLY.replace("for: {audience: regulars}", "for: {audience: regulars}, only_new: true")
    async with open_rig(tmp_path) as rig:
        await rig.apply(new, OPEN_POLICY)
        await people(rig, ana=300, ben=300)
        await pass_to(rig, NOON_MS + 31 * DAY_MS)
        first = await entered(rig)
        await people(rig, chloe=300, ben=0)
        rig.clock.move_to(rig.clock.now_ms() + HOUR_MS)
        await people(rig, ben=300)
        await pass_to(rig, NOON_MS + 62 * DAY_MS)
        second = await entered(rig)
        await pass_to(rig, NOON_MS + 93 * DAY_MS)
        third = await entered(rig)

    assert first == who("ana", "ben")
    assert second == who("ana", "ben", "ben", "chloe")
    assert third == second


async def test_missed_times_of_a_schedule_happen_once_and_say_so(tmp_path: Path) -> None:
    """Down for four days: the newest one runs, three before it were missed."""
    daily = MONTHLY.replace("0 10 1 * *", "0 10 * * *")
    async with open_rig(tmp_path) as rig:
        await rig.apply(daily, OPEN_POLICY)
        await people(rig, ana=300)
    async with open_rig(tmp_path, NOON_MS + 4 * DAY_MS) as rig:
        await rig.settle()
        (found,) = await told(rig)
        (step,) = await rig.records("step")
        said = await rig.client.get(f"/v1/decisions/{step['body']['run_id']}", headers=rig.operator)
        words = (await said.json())["words"]

    assert (found["at"], found["missed"]) == ("2026-06-05T08:00:00.000Z", 3)
    assert step["body"]["inputs"]["missed"] == 3
    assert any("3 earlier times were missed" in line for line in words)


async def test_schedule_that_is_archived_comes_due_no_more(tmp_path: Path) -> None:
    """And one that comes back is due from then on."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(MONTHLY, OPEN_POLICY)
        await people(rig, ana=300)
        await rig.client.delete("/v1/documents/campaign/monthly", headers=rig.operator)
        await rig.settle()
        await pass_to(rig, NOON_MS + 40 * DAY_MS)
        gone = await entered(rig)
        await rig.apply(MONTHLY, OPEN_POLICY)
        await rig.settle()
        back = await entered(rig)
        await pass_to(rig, NOON_MS + 62 * DAY_MS)
        later = await entered(rig)

    assert not gone
    assert not back
    assert later == who("ana")


# ---- members who are taken in --------------------------------------------------------------

EXISTING = """
kind: campaign
id: greet-all
entry: {audience: regulars, include_existing: true}
reentry: always
message: {template: hello, channels: [in_app]}
goal: none
"""
AUDIENCE = ICED.partition("---")[0]


@pytest.mark.parametrize("at_once", [True, False], ids=["with the audience", "after it"])
async def test_members_at_publication_come_in_once(tmp_path: Path, *, at_once: bool) -> None:
    """Whether the audience is as new or not; a new version of the campaign takes nobody again."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPEN_POLICY, *([] if at_once else [AUDIENCE]))
        await people(rig, ana=300, gus=150)
        await rig.apply(AUDIENCE, EXISTING, HELLO, OPEN_POLICY)
        first = await entered(rig)
        await rig.apply(AUDIENCE, EXISTING + "name: Another\n", HELLO, OPEN_POLICY)
        await people(rig, ben=300)
        after = await entered(rig)
        (found,) = await told(rig)

    assert first == who("ana")
    assert after == who("ana", "ben")
    assert (found["kind"], found["name"], found["reached"]) == ("members", "regulars", 1)


async def test_without_it_members_at_publication_stay_out(tmp_path: Path) -> None:
    """Who belongs has not joined."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPEN_POLICY)
        await people(rig, ana=300)
        await rig.apply(
            AUDIENCE, EXISTING.replace(", include_existing: true", ""), HELLO, OPEN_POLICY
        )
        found = await told(rig)
        reached = await entered(rig)

    assert found == []
    assert not reached


async def test_who_joins_while_members_are_taken_in_comes_in_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By joining, wherever the cursor stands; not by both."""
    monkeypatch.setattr(teller, "STRETCH_MAX", 1)
    async with open_rig(tmp_path) as rig:
        await rig.apply(AUDIENCE, OPEN_POLICY)
        await people(rig, ana=0, ben=0, chloe=0, dario=300)
        files = [{"path": f"{n}.yaml", "text": text} for n, text in enumerate((EXISTING, HELLO))]
        await rig.client.post("/v1/documents", json={"files": files}, headers=rig.operator)
        await rig.gateway.pipeline.step()
        for user_id in ("ana", "ben", "chloe"):
            await person(rig, user_id, 300)
            await rig.gateway.timers.step()
            await rig.gateway.pipeline.step()
        await rig.settle()
        reached = await entered(rig)

    assert reached == who("ana", "ben", "chloe", "dario")


# ---- a call --------------------------------------------------------------------------------

CALLED = (
    """
kind: campaign
id: welcome
entry: {api: true}
reentry: always
message: {template: hello, channels: [in_app]}
goal: none
---
"""
    + HELLO
)


async def call(rig: Rig, name: str = "welcome", **body: Any) -> tuple[int, dict[str, Any]]:
    """Start a journey for somebody."""
    wish = {"user_id": "ana", "key": "k1"} | body
    path = f"/v1/journeys/{name}/start"
    response = await rig.client.post(path, json=wish, headers=rig.operator)
    answer: dict[str, Any] = await response.json()
    await rig.settle()
    return response.status, answer


async def test_call_starts_a_run_once_by_its_key(tmp_path: Path) -> None:
    """The same key again is a duplicate with the same run; another key another run."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(CALLED, OPEN_POLICY)
        await people(rig, ana=1)
        first = await call(rig, props={"max_c": 7})
        again = await call(rig)
        other = await call(rig, key="k2")
        found = await rig.records("step")

    assert (first[1]["status"], again[1]["status"]) == ("accepted", "duplicate")
    assert first[1]["run_id"] == again[1]["run_id"] != other[1]["run_id"]
    assert [r["body"]["run_id"] for r in found] == [first[1]["run_id"], other[1]["run_id"]]
    assert [r["body"]["by"] for r in found] == ["api", "api"]


async def test_call_for_what_is_not_there_is_refused(tmp_path: Path) -> None:
    """Nobody of this id, no journey (with near names), none that starts by a call, a used key."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(CALLED, ICED.rpartition("---")[0], OPEN_POLICY)
        await people(rig, ana=1, ben=1)
        await call(rig)
        stranger = await call(rig, user_id="anna", key="k2")
        typo = await call(rig, "welcom")
        other = await call(rig, "iced")
        used = await call(rig, user_id="ben")
        found = await rig.records("step")

    assert (stranger[0], stranger[1]["code"], stranger[1]["path"]) == (404, "not_found", "user_id")
    assert (typo[0], typo[1]["code"]) == (404, "not_found")
    assert "did you mean welcome?" in typo[1]["detail"]
    assert (other[0], other[1]["code"]) == (409, "not_startable")
    assert (used[0], used[1]["code"]) == (409, "key_reused")
    assert len(found) == 1


async def test_call_for_somebody_who_has_just_come_is_taken(tmp_path: Path) -> None:
    """Whoever was acknowledged is known, though the pipeline has not come to them."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(CALLED, OPEN_POLICY)
        await person(rig, "ana")
        status, _ = await call(rig)
        reached = await entered(rig)

    assert status == 200
    assert reached == who("ana")
