"""One device, one gateway, everything in between: what follows from what."""

import copy
from pathlib import Path

import apsw
import pytest

from fencepost_gateway.doctor import examine
from gateway.rig import (
    DOCUMENTS,
    FENCES,
    INSIDE,
    NOON_MS,
    OPEN_POLICY,
    OUTSIDE,
    captured,
    make_settings,
    open_rig,
)


async def test_walk_into_a_fence_puts_a_message_before_the_person(tmp_path: Path) -> None:
    """A fix at the door, a message in the hand, with the reasons on record."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        inbox = await rig.inbox()
        kinds = [r["kind"] for r in await rig.records()]

    assert [m["content"]["body"] for m in inbox] == ["Yoga Loft has a class at 10:00."]
    assert kinds == ["transition", "step", "claim", "outcome"]


async def test_same_upload_again_has_no_second_effect(tmp_path: Path) -> None:
    """Ingest is at least once, the effect is once."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.fix(OUTSIDE)
        rig.clock.move_to(rig.clock.now_ms() + 15_000)
        body = rig.batch({"type": "fix", "lat": INSIDE[0], "lon": INSIDE[1], "accuracy_m": 5})
        first = await (await rig.post(body)).json()
        again = await (await rig.post(body)).json()
        await rig.settle()
        inbox = await rig.inbox()

    assert first["verdicts"]["accepted"] == [[3, 3]]
    assert [o["verdict"] for o in again["verdicts"]["others"]] == ["duplicate"]
    assert len(inbox) == 1


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"marketing": "n"}, "consent"),
        ({"location_marketing": "n"}, "consent"),
    ],
    ids=["no-marketing", "no-location-marketing"],
)
async def test_withheld_consent_withholds_the_message(
    tmp_path: Path, said: dict[str, str], reason: str
) -> None:
    """What a person refused is not sent, and the record says why."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.consent(said)
        await rig.walk_in()

        assert await rig.claims() == [("withheld", reason)]
        assert await rig.inbox() == []


async def test_positions_without_consent_go_no_further(tmp_path: Path) -> None:
    """Without location_collect a fix is refused at the door and nothing is followed."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        answer = await rig.fix(INSIDE)
        await rig.settle()
        records = await rig.records()

    assert answer["verdicts"]["others"] == [{"verdict": "rejected", "seq": 1, "code": "consent"}]
    assert records == []


async def test_withdrawn_location_forgets_where_the_person_was(tmp_path: Path) -> None:
    """After a withdrawal nobody is inside anything, and coming back is a new visit."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        await rig.consent({"location_collect": "n"})
        await rig.consent({"location_collect": "y"})
        await rig.fix(INSIDE, after_s=400)
        await rig.settle()
        told = [r["body"]["kind"] for r in await rig.records("transition")]

    assert told == ["enter", "enter"]


@pytest.mark.guarantee("R29")
@pytest.mark.parametrize("store", ["memory", "sqlite"])
async def test_message_taken_back_by_a_withdrawal_is_counted(store: str, tmp_path: Path) -> None:
    """What the door keeps back stands in the counter of decisions as what a claim keeps back."""
    async with open_rig(tmp_path, store=store) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        for where in (OUTSIDE,) * 3 + (INSIDE,) * 3:
            await rig.fix(where)
        while await rig.gateway.pipeline.step():
            pass
        await rig.consent({"location_marketing": "n"})
        await rig.settle()
        text = await (await rig.client.get("/metrics")).text()
        claims = await rig.claims()

    assert claims == [("withheld", "consent")]
    assert 'fencepost_decisions_total{outcome="withheld",reason="consent"} 1.0\n' in text


@pytest.mark.parametrize(
    ("hours", "reason"), [("Mo 13:00-15:00", ""), ("Mo 15:00-17:00", "fence_inactive")]
)
async def test_visit_outside_opening_hours_is_tracked_and_wakes_nobody(
    tmp_path: Path, hours: str, reason: str
) -> None:
    """Noon in UTC is two in Monaco: open, a message comes; closed, the record says so."""
    fences = copy.deepcopy(FENCES)
    fences["features"][0]["properties"] |= {"active": hours, "zone": "Europe/Monaco"}
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, fences=fences)
        await rig.consent()
        await rig.walk_in()
        (entered,) = await rig.records("transition")
        (step,) = await rig.records("step")
        inbox = await rig.inbox()

    assert entered["body"]["kind"] == "enter"
    assert entered["body"].get("active", True) == (not reason)
    assert (step["body"]["reason"], len(inbox)) == (reason, 0 if reason else 1)


LIBRARIES = """
kind: library
id: malls
rank: 20
team: Centres
---
kind: library
id: gyms
rank: 10
team: Studios
---
kind: campaign
id: hello
entry: {event: hello}
message: {template: hello, channels: [in_app]}
goal: none
---
kind: template
id: hello
purpose: marketing
in_app: {title: Hello, body: "You are at {{ place.name }}."}
"""


@pytest.mark.feature("P02")
async def test_fix_inside_three_fences_gives_three_visits_and_one_current_place(
    tmp_path: Path,
) -> None:
    """All are entered; an event has the place of the best library, however large it is."""
    fences = copy.deepcopy(FENCES)
    for name, library, radius_m in (("mall", "malls", 50), ("gym", "gyms", 70), ("spot", "", 20)):
        fence = copy.deepcopy(FENCES["features"][0])
        own = {"name": name, "place": {"name": name}, "radius_m": radius_m, "tags": []}
        fence |= {"id": name, "properties": own | ({"library": library} if library else {})}
        fences["features"].append(fence)
    fences["features"].pop(0)
    async with open_rig(tmp_path) as rig:
        await rig.apply(LIBRARIES, OPEN_POLICY, fences=fences)
        await rig.consent()
        await rig.walk_in()
        entered = [r["body"]["fence_id"] for r in await rig.records("transition")]
        await rig.send({"type": "track", "name": "hello", "props": {}})
        await rig.settle()
        inbox = await rig.inbox()

    assert entered == ["gym", "mall", "spot"]
    assert [m["content"]["body"] for m in inbox] == ["You are at gym."]


async def test_dwell_comes_by_timer_when_no_fix_comes(tmp_path: Path) -> None:
    """Who stands still sends nothing; the timer says that they stayed."""
    dwell = DOCUMENTS.replace(
        "{transition: enter, fence: {tag: studio}}",
        "{transition: dwell, fence: {tag: studio}, after: 5m}",
    )
    async with open_rig(tmp_path) as rig:
        await rig.apply(dwell, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        before = await rig.inbox()
        rig.clock.move_to(rig.clock.now_ms() + 5 * 60_000)
        await rig.settle()
        after = await rig.inbox()

    assert (len(before), len(after)) == (0, 1)


async def test_frequency_cap_withholds_the_message_over_it(tmp_path: Path) -> None:
    """The cap counts in-app too, and the record names count and limit."""
    caps = "kind: caps\nid: default\nrules: [{limit: 1, per: 1h, scope: {purpose: marketing}}]"
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, caps)
        await rig.consent()
        await rig.walk_in()
        await rig.walk_in()
        claims = await rig.records("claim")

    assert [c["body"]["reason"] for c in claims] == ["", "frequency_cap"]
    rule = claims[1]["body"]["checks"][-1]["inputs"]["rules"][0]
    assert (rule["used"], rule["limit"]) == (1, 1)


async def test_message_that_was_never_shown_gives_its_slot_back(tmp_path: Path) -> None:
    """A device that could not show a message says so, and the next one may come."""
    caps = "kind: caps\nid: default\nrules: [{limit: 1, per: 1h, scope: {purpose: marketing}}]"
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, caps)
        await rig.consent()
        await rig.walk_in()
        delivery_id = (await rig.inbox())[0]["delivery_id"]
        await rig.send({"type": "receipt", "delivery_id": delivery_id, "status": "unshown"})
        await rig.walk_in()

        assert await rig.claims() == [("send", ""), ("send", "")]


async def test_quiet_hours_defer_and_the_message_goes_when_they_end(tmp_path: Path) -> None:
    """A message at night waits for the morning, and is judged anew then."""
    event = """
kind: campaign
id: news
entry: {event: asked}
message: {template: greet, channels: [sms]}
goal: none
"""
    night = 1_780_263_000_000  # 2026-05-31T21:30Z: 23:30 in Monaco
    texts = (DOCUMENTS.split("---", maxsplit=1)[1].replace("{{ place.name }}", "Loft"), event)
    async with open_rig(tmp_path, start_ms=night) as rig:
        await rig.apply(*texts)
        await rig.consent()
        await rig.send(
            {"type": "address", "channel": "sms", "address": "+15550100100"},
            {"type": "track", "name": "asked"},
        )
        await rig.settle()
        at_night = captured(tmp_path)
        rig.clock.move_to(night + 9 * 3_600_000 + 5 * 60_000)  # 08:35 in Monaco
        await rig.settle()
        claims = await rig.claims()

    assert at_night == []
    assert len(captured(tmp_path)) == 1
    assert claims == [("deferred", "quiet_hours"), ("send", "")]


async def test_address_comes_and_goes(tmp_path: Path) -> None:
    """An address is used until it is removed."""
    event = """
kind: campaign
id: news
entry: {event: asked}
reentry: always
message: {template: greet, channels: [email]}
goal: none
"""
    texts = (
        DOCUMENTS.replace("{{ place.name }}", "L").replace("{{ place.meta.next_class }}", "9"),
    )
    address = {"type": "address", "channel": "email", "address": "someone@example.com"}
    async with open_rig(tmp_path) as rig:
        await rig.apply(*texts, event, OPEN_POLICY)
        await rig.consent()
        await rig.send(address, {"type": "track", "name": "asked"})
        await rig.settle()
        await rig.send({**address, "removed": True}, {"type": "track", "name": "asked"})
        await rig.settle()
        claims = await rig.claims()

    assert claims == [("send", ""), ("withheld", "no_address")]


async def test_visitor_becomes_the_person_with_history_and_caps(tmp_path: Path) -> None:
    """What the visitor did, refused and received counts for the person they turn out to be."""
    caps = "kind: caps\nid: default\nrules: [{limit: 1, per: 1h, scope: {purpose: marketing}}]"
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, caps)
        await rig.send({"type": "consent", "values": {
            "marketing": "y", "location_collect": "y", "location_precise": "y",
            "location_marketing": "y",
        }}, user_id=None)  # fmt: skip
        await rig.fix(OUTSIDE)
        await rig.settle()
        visitor_before = await rig.inbox()
        await rig.send({"type": "identify", "user_id": "u1", "traits": {"tier": "plus"}})
        await rig.walk_in()
        await rig.walk_in()
        claims = await rig.claims()

    assert visitor_before == []
    assert claims == [("send", ""), ("withheld", "frequency_cap")]


async def test_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    """After a restart nothing is lost, nothing is repeated, and the visit goes on."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.fix(OUTSIDE)
        await rig.fix(INSIDE)  # accepted, but nothing was processed yet
        seq, now_ms = rig.seq, rig.clock.now_ms()
    async with open_rig(tmp_path, start_ms=now_ms) as rig:
        rig.seq = seq
        await rig.settle()
        await rig.fix(INSIDE)
        await rig.fix(OUTSIDE)
        await rig.settle()
        told = [r["body"]["kind"] for r in await rig.records("transition")]
        inbox = await rig.inbox()

    assert told == ["enter", "exit"]
    assert len(inbox) == 1


async def test_live_change_takes_effect_on_the_next_event(tmp_path: Path) -> None:
    """A campaign is archived, and the next walk wakes nothing."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        url = "/v1/documents/campaign/greeting"
        gone = await rig.client.delete(url, headers=rig.operator)
        await rig.settle()
        await rig.walk_in()
        inbox = await rig.inbox()

    assert gone.status == 200
    assert len(inbox) == 1


async def test_emergency_stop_holds_back_marketing(tmp_path: Path) -> None:
    """From the next claim on nothing of marketing goes."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        stop = await rig.client.post("/v1/emergency-stop", json={"on": True}, headers=rig.operator)
        await rig.walk_in()

        assert stop.status == 200
        assert await rig.claims() == [("withheld", "emergency_stop")]


async def test_suppressed_address_is_not_used(tmp_path: Path) -> None:
    """An operator's entry on the suppression list rules the next claim."""
    event = """
kind: campaign
id: news
entry: {event: asked}
message: {template: greet, channels: [email]}
goal: none
"""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, event, OPEN_POLICY)
        await rig.consent()
        body = {"channel": "email", "address": "Someone@example.com"}
        listed = await rig.client.post("/v1/suppressions", json=body, headers=rig.operator)
        await rig.send(
            {"type": "address", "channel": "email", "address": "someone@example.com"},
            {"type": "track", "name": "asked"},
        )
        await rig.settle()

        assert listed.status == 200
        assert await rig.claims() == [("withheld", "suppressed")]


async def test_record_that_cannot_be_folded_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A poison record is counted and skipped; the records around it are processed."""
    from fencepost_gateway.workers.person_stage import PersonStage  # noqa: PLC0415 - patched below

    take_event = PersonStage.event

    def poisoned(self: PersonStage, event: object, *rest: object) -> None:
        if getattr(event, "name", "") == "poison":
            raise RuntimeError("a bug")
        take_event(self, event, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(PersonStage, "event", poisoned)
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.fix(OUTSIDE)
        await rig.send({"type": "track", "name": "poison"})
        await rig.fix(INSIDE)
        await rig.settle()
        inbox = await rig.inbox()
        metrics = await (await rig.client.get("/metrics")).text()
    async with open_rig(tmp_path) as rig:
        ready = await (await rig.client.get("/readyz")).json()

    assert len(inbox) == 1
    assert "fencepost_pipeline_poison_total 1.0" in metrics
    assert (ready["status"], ready["pending"], ready["passed_over"]) == ("ready", 0, 1)


async def test_person_who_cannot_be_read_is_said_to_be_passed_over(tmp_path: Path) -> None:
    """What their devices send is acknowledged and has no effect: whoever looks is told so."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        await rig.consent()
        await rig.settle()
    db = apsw.Connection(str(tmp_path / "fencepost.db"))
    db.execute("UPDATE person SET body = x'c0'")
    db.close()
    async with open_rig(tmp_path) as rig:
        rig.seq = 100  # the first ones are used
        await rig.send({"type": "track", "name": "hi"})
        await rig.settle()
        ready = await (await rig.client.get("/readyz")).json()
    passed = [f for f in examine(make_settings(tmp_path), NOON_MS) if f.check in {"rows", "log"}]

    assert ready["passed_over"] == 1
    assert [(f.check, f.state) for f in passed] == [
        ("rows", "error"), ("rows", "fine"), ("log", "error")
    ]  # fmt: skip
    assert "ValidationError" in passed[-1].says
