"""``/v1/audiences`` and ``fencepost audiences``, over a gateway with some people."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway.commands.audiences import audiences
from gateway.rig import NOON_MS, OPEN_POLICY, Rig, open_rig

DAY_MS = 86_400_000
BUYERS = """
kind: audience
id: buyers
name: Whoever bought
when: {did: purchase}
---
kind: audience
id: guests
when: {visited: {tag: studio}}
"""
PURCHASE = {"type": "track", "name": "purchase"}


async def _ask(rig: Rig, path: str, body: Any = None) -> tuple[int, Any]:
    method = "GET" if body is None else "POST"
    response = await rig.client.request(method, path, json=body, headers=rig.operator)
    return response.status, await response.json()


async def _people(rig: Rig, count: int, *events: Any) -> None:
    for n in range(count):
        await rig.send(*events, user_id=f"u{n}")
    await rig.settle()


async def test_audiences_are_told_with_their_sizes_and_weeks(tmp_path: Path) -> None:
    """Who joined this week, how many there are, and how it was before."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(BUYERS, OPEN_POLICY)
        await rig.consent()
        await _people(rig, 3, PURCHASE)
        rig.clock.move_to(NOON_MS + 8 * DAY_MS)
        await rig.send(PURCHASE, user_id="late")
        await rig.settle()
        _, every = await _ask(rig, "/v1/audiences")
        _, one = await _ask(rig, "/v1/audiences/buyers?weeks=3")

    found = {row["id"]: (row["size"], row["joined"], row["left"]) for row in every["audiences"]}
    assert found == {"buyers": (4, 1, 0), "guests": (0, 0, 0)}
    assert every["back_fill"]["done"]
    assert [(w["from"], w["size"], w["joined"]) for w in one["weeks"]] == [
        ("2026-05-25", 0, 0),
        ("2026-06-01", 3, 3),
        ("2026-06-08", 4, 1),
    ]


async def test_figures_of_an_audience_by_place_are_rounded_down(tmp_path: Path) -> None:
    """One visitor more or less cannot be told from two answers."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(BUYERS, OPEN_POLICY)
        await rig.consent()
        await rig.walk_in()
        sizes = await rig.gateway.store.audiences.sizes()
        _, one = await _ask(rig, "/v1/audiences/guests")

    assert sizes["guests"] == 1
    assert (one["size"], one["rounded_to"]) == (0, 10)
    assert all(week["joined"] == 0 for week in one["weeks"])


async def test_goal_of_an_audience_is_counted_by_week(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """How often members did it and what that was worth; who leaves by it did belong."""
    lapsed = "kind: audience\nid: new\nwhen: {did: purchase, count: {max: 1}}\ngoal: purchase\n"
    bought = {"type": "track", "name": "purchase", "props": {"value": 12.5}}
    async with open_rig(tmp_path / "data") as rig:
        door: dict[str, Any] = {
            "url": str(rig.client.make_url("")).rstrip("/"),
            "key": rig.gateway.credentials.operator_key,
        }
        await rig.apply(lapsed, OPEN_POLICY)
        await rig.consent()
        await _people(rig, 2, {"type": "track", "name": "opened"})
        await _people(rig, 2, bought, bought, bought)  # out with the second
        _, one = await _ask(rig, "/v1/audiences/new?weeks=1")
        await asyncio.to_thread(audiences, "new", weeks=1, **door)
        said = capsys.readouterr().out

    (week,) = one["weeks"]
    assert (week["reached"], week["worth"]) == (4, 50)
    assert "purchase 4 times, worth 50.00" in said


async def test_size_is_asked_before_anything_is_published(tmp_path: Path) -> None:
    """A rule by itself: how many of everybody it holds for; nothing is kept."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(OPEN_POLICY)
        await rig.consent()
        await _people(rig, 4, PURCHASE)
        await rig.send(PURCHASE, user_id="u1")
        await rig.settle()
        rule = {"did": "purchase", "count": {"min": 2}}
        status, answer = await _ask(rig, "/v1/audiences/size", {"when": rule})

    assert status == 200
    assert (answer["size"], answer["low"], answer["high"]) == (1, 1, 1)
    assert answer["persons"] == answer["sampled"] == 4


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/v1/audiences/nobody", None, 404, "no audience nobody is live"),
        ("/v1/audiences/buyers?weeks=x", None, 400, "weeks must be a whole number"),
        ("/v1/audiences/size", {"when": {"dad": "x"}}, 400, "did you mean did"),
        ("/v1/audiences/size", {"rule": 1}, 400, "send {when: RULE}"),
    ],
)
async def test_faulty_question_says_what_is_wrong(
    tmp_path: Path, path: str, body: Any, status: int, said: str
) -> None:
    """Each error names the fault and the remedy."""
    async with open_rig(tmp_path) as rig:
        await rig.apply(BUYERS, OPEN_POLICY)
        found, answer = await _ask(rig, path, body)

    assert found == status
    assert said in answer["detail"]


async def test_command_line_tells_audiences_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them, one over the weeks, and what a file would come to."""
    draft = tmp_path / "draft.yaml"
    draft.write_text("kind: audience\nid: twice\nwhen: {did: purchase, count: {min: 2}}\n", "utf-8")
    async with open_rig(tmp_path / "data") as rig:
        url = str(rig.client.make_url("")).rstrip("/")
        door: dict[str, Any] = {"url": url, "key": rig.gateway.credentials.operator_key}
        await asyncio.to_thread(audiences, **door)
        empty = capsys.readouterr().out
        await rig.apply(BUYERS, OPEN_POLICY)
        await rig.consent()
        await _people(rig, 2, PURCHASE)
        await asyncio.to_thread(audiences, **door)
        every = capsys.readouterr().out
        await asyncio.to_thread(audiences, "buyers", weeks=2, **door)
        one = capsys.readouterr().out
        await asyncio.to_thread(audiences, size=draft, **door)
        size = capsys.readouterr().out

    assert empty.startswith("No audience is live. Publish one")
    assert every == (
        "buyers  2 persons, 7 days: +2 -0  Whoever bought\nguests  about 0 persons, 7 days: +0 -0\n"
    )
    assert one.splitlines() == [
        "buyers v1: 2 persons",
        "  2026-05-25  0  +0 -0",
        f"  2026-06-01  2  +2 -0  {'▇' * 40}",
    ]
    assert size == "twice: 0 of 2 persons.\n"
