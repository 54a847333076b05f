"""Everything that is known of a person, for whoever has to answer them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway.commands.person import person as command
from fencepost_gateway.decide.tongue import Tongue
from fencepost_gateway.reports.person_words import LINES, tell_person
from gateway.rig import DEVICE, DOCUMENTS, OPEN_POLICY, Rig, open_rig

EMAIL = "Anna@Example.com"
PHONE = "+4915112345678"
CAPS = """
kind: caps
id: weekly
rules: [{id: week, limit: 3, per: 7d}]
"""


async def lived(rig: Rig) -> None:
    """Let Anna browse, log in, be reachable, walk in and get a message."""
    await rig.apply(DOCUMENTS, OPEN_POLICY, CAPS)
    await rig.consent()
    await rig.send({"type": "track", "name": "viewed", "props": {"value": 3}}, user_id=None)
    await rig.send(
        {"type": "identify", "user_id": EMAIL, "traits": {"tier": "plus"}},
        {"type": "track", "name": "viewed", "props": {"value": 4.5}},
        {"type": "address", "channel": "email", "address": EMAIL},
        {"type": "address", "channel": "sms", "address": PHONE},
        user_id=EMAIL,
    )
    rig_user = {"user_id": EMAIL}
    await rig.send({"type": "consent", "values": {"marketing": "y", "location_collect": "y",
        "location_precise": "y", "location_marketing": "y"}}, **rig_user)  # fmt: skip
    for where in ((43.74, 7.42),) * 3 + ((43.73, 7.42),) * 3:
        rig.clock.move_to(rig.clock.now_ms() + 15_000)
        fix = {"type": "fix", "lat": where[0], "lon": where[1], "accuracy_m": 5}
        await rig.send(fix, **rig_user)
    await rig.settle()


async def ask(rig: Rig, path: str, **query: str) -> tuple[int, Any]:
    """Ask as an operator."""
    response = await rig.client.get(path, params=query, headers=rig.operator)
    return response.status, await response.json()


async def test_person_is_shown_with_everything_but_addresses(tmp_path: Path) -> None:
    """One answer has all that is known; an address stands nowhere in it, however it is asked."""
    async with open_rig(tmp_path) as rig:
        await lived(rig)
        status, view = await ask(rig, f"/v1/persons/{EMAIL.lower()}")

    assert status == 200
    assert view["attributes"] == {"tier": "plus"}
    assert [d["device_id"] for d in view["devices"]] == [DEVICE]
    (viewed,) = view["events"]
    assert (viewed["name"], viewed["count"], viewed["value"]) == ("viewed", 2, 7.5)
    assert [(p["fence_id"], p["name"]) for p in view["inside"]] == [("studio", "Studio")]
    assert [r["campaign_id"] for r in view["runs"]] == ["greeting"]
    assert "marketing" in view["allowed"]
    assert {c["channel"] for c in view["channels"]} == {"email", "sms"}
    assert [(c["rule"], c["used"], c["limit"]) for c in view["caps"]] == [("weekly.week", 1, 3)]
    kinds = [r["kind"] for r in view["timeline"]]
    assert kinds == ["outcome", "claim", "step", "transition", "merge"]
    shown = json.dumps({k: v for k, v in view.items() if k != "user_id"}).lower()
    assert PHONE[1:] not in shown
    assert "43.7" not in shown


async def test_person_is_found_by_address_and_by_person_id(tmp_path: Path) -> None:
    """A call centre has what the caller says: an address, in any case; a record has the id."""
    async with open_rig(tmp_path) as rig:
        await lived(rig)
        _, view = await ask(rig, f"/v1/persons/{EMAIL}")
        found = [
            await ask(rig, "/v1/persons", email=EMAIL.upper()),
            await ask(rig, "/v1/persons", phone=PHONE),
            await ask(rig, "/v1/persons", user=EMAIL.upper()),
            await ask(rig, "/v1/persons", person=view["person_id"]),
            await ask(rig, "/v1/persons", person=view["visitors"][0]),
        ]

    for status, answer in found:
        assert (status, [p["person_id"] for p in answer["persons"]]) == (200, [view["person_id"]])


@pytest.mark.parametrize(
    ("path", "query", "status", "says"),
    [
        ("/v1/persons/nobody", {}, 404, "letter by letter"),
        ("/v1/persons", {"email": "a@b.c"}, 404, "nobody is known"),
        ("/v1/persons", {"person": "x"}, 404, "nobody is known"),
        ("/v1/persons", {}, 400, "one of user, email, phone and person"),
        (
            "/v1/persons",
            {"email": "a@b.c", "phone": "1"},
            400,
            "one of user, email, phone and person",
        ),
        ("/v1/persons/u1", {"lang": "xx"}, 400, "lang must be one of"),
    ],
)
async def test_unknown_person_is_answered_with_how_they_are_compared(
    tmp_path: Path, path: str, query: dict[str, str], status: int, says: str
) -> None:
    """A 404 that helps, and never echoes what was asked."""
    async with open_rig(tmp_path) as rig:
        given, problem = await ask(rig, path, **query)

    assert given == status
    assert says in problem["detail"]
    assert "a@b.c" not in json.dumps(problem)


async def test_only_an_operator_may_look_people_up(tmp_path: Path) -> None:
    """The write key of an app opens nobody's file."""
    async with open_rig(tmp_path) as rig:
        await lived(rig)
        response = await rig.client.get(f"/v1/persons/{EMAIL}", headers=rig.device_headers())

    assert response.status == 403


async def test_person_is_told_in_both_languages(tmp_path: Path) -> None:
    """Words come with the answer, for terminal and page alike."""
    async with open_rig(tmp_path) as rig:
        await lived(rig)
        _, english = await ask(rig, f"/v1/persons/{EMAIL}", lang="en")
        _, korean = await ask(rig, f"/v1/persons/{EMAIL}", lang="ko")
    told, kr = "\n".join(english["words"]), "\n".join(korean["words"])

    assert "viewed: 2 times, first " in told
    assert "worth 7.5 together" in told
    assert "Studio since " in told
    assert "Logged in: the visitor " in told
    assert "weekly.week: 1 of 3 used" in told
    assert "현재 위치한 펜스" in kr
    assert "로그인했습니다" in kr


async def test_person_who_never_merged_says_that_the_visitor_stays_apart(tmp_path: Path) -> None:
    """Under ``never`` the known person has nothing of the visitor's, and a record says so, once."""
    workspace = "kind: workspace\nid: luma\nmerge: never\n"
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, workspace)
        await rig.send(
            {"type": "consent", "values": {"marketing": "n"}},
            {"type": "set", "traits": {"seen": "before"}},
            {"type": "track", "name": "viewed"},
            {"type": "identify", "user_id": "u1", "traits": {"tier": "plus"}},
            {"type": "track", "name": "bought"},
            user_id=None,
        )
        await rig.send({"type": "identify", "user_id": "u1"}, user_id="u1")
        await rig.settle()
        _, view = await ask(rig, "/v1/persons/u1")
        _, visitor = await ask(rig, "/v1/persons", person=view["timeline"][0]["subject"])

    assert view["attributes"] == {"tier": "plus"}
    assert [e["name"] for e in view["events"]] == ["bought"]
    assert view["consent"] == []
    assert [r["body"]["outcome"] for r in view["timeline"]] == ["kept_apart"]
    assert any("stays apart and is not used" in line for line in view["words"])
    (stranger,) = visitor["persons"]
    assert stranger["attributes"] == {"seen": "before"}
    assert [e["name"] for e in stranger["events"]] == ["viewed"]
    assert stranger["user_id"] == ""
    assert stranger["devices"] == []


KEPT = """
kind: trait
id: seen
count: viewed
---
kind: trait
id: worth
rfm: viewed
of: value
---
kind: audience
id: viewers
when: {trait: seen, gte: 1}
"""
ASKING = """
kind: policy
id: kr
jurisdiction: [KR, MC]
accepts: {"*": [y, dy, CT]}
defaults: {marketing: dy, transactional: CT}
quiet_hours: none
"""


async def test_traits_and_audiences_are_told_as_rules_read_them(tmp_path: Path) -> None:
    """A marketer sees the value that a rule would see, and nothing of how it is kept."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, OPEN_POLICY, KEPT)
        agreed = {"type": "consent", "values": {"collect": "y"}}
        await rig.send(agreed, user_id="u1")
        await rig.send({"type": "track", "name": "viewed", "props": {"value": 3}}, user_id="u1")
        await rig.settle()
        _, view = await ask(rig, "/v1/persons/u1")

    assert view["traits"]["seen"] == 1
    assert view["traits"]["worth.r"] == 1
    assert [one["audience_id"] for one in view["audiences"]] == ["viewers"]
    assert "  seen: 1" in view["words"]
    assert any(line.startswith("  viewers since ") for line in view["words"])
    assert "cells" not in json.dumps(view)


async def test_allowed_is_asked_of_the_persons_policies_and_by_channel(tmp_path: Path) -> None:
    """The number's country decides, as it does at the claim; a channel that was denied is out."""
    told = {"type": "address", "channel": "sms", "address": "+821055501234"}
    async with open_rig(tmp_path) as rig:
        await rig.apply(DOCUMENTS, ASKING)
        await rig.send({"type": "consent", "values": {"collect": "y"}}, user_id="u1")
        await rig.send(told, user_id="u1")
        refusal = {"type": "consent", "values": {"marketing": "n"}, "channel": "email"}
        await rig.send(refusal, user_id="u1")
        await rig.settle()
        _, view = await ask(rig, "/v1/persons/u1")

    assert "marketing" in view["allowed"]
    assert "email" not in view["allowed_on"]["marketing"]
    assert {"in_app", "sms"} <= set(view["allowed_on"]["marketing"])
    assert "kr v1" in "\n".join(view["words"])
    assert "55501234" not in json.dumps(view)


def test_empty_person_is_told_without_gaps() -> None:
    """Each section says that there is nothing; a visitor has no name."""
    lists = ("visitors", "devices", "events", "inside", "runs", "consent", "allowed", "channels")
    nothing: dict[str, Any] = dict.fromkeys((*lists, "caps", "timeline"), ())
    nothing |= {name: {} for name in ("attributes", "traits", "arms", "allowed_on", "law")}
    nothing |= {"audiences": (), "user_id": "", "person_id": "p"}
    lines = list(tell_person(nothing, Tongue()))

    assert lines[0] == "a visitor nobody knows (person p)"
    assert lines.count("  none") == 9
    assert all(said.en and said.ko for said in LINES.values())


def test_command_wants_one_question(capsys: pytest.CaptureFixture[str]) -> None:
    """Two ways to name a person, or none, is a mistake that is said."""
    for user, email in (("", ""), ("u1", "a@b.c")):
        with pytest.raises(SystemExit):
            command(user, email=email)

    assert capsys.readouterr().err.count("person takes a user id, or one of") == 2
