"""RFM, night by night: the regulars of story 7, through a gateway stepped by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fencepost_gateway.workers.ranker import last_night_ms
from gateway.decide.builders import HOUR_MS, at
from gateway.decide.test_ranking import regulars
from gateway.rig import OPEN_POLICY, Rig, open_rig

DOCUMENTS = """
kind: workspace
id: w
zone: Europe/Monaco
---
kind: trait
id: rfm
rfm: purchase
of: value
---
kind: audience
id: at-risk
when: {all: [{trait: rfm.r, lte: 2}, {trait: rfm.f, gte: 4}]}
---
kind: campaign
id: win-back
entry: {audience: at-risk}
reentry: always
message: {template: hello, channels: [in_app]}
goal: none
---
kind: template
id: hello
purpose: marketing
in_app: {title: Hello, body: Come and see us.}
"""
BEGIN_MS = at("2025-12-20 12:00")


async def buy(rig: Rig, name: str, value: float) -> None:
    """Let somebody buy now."""
    props = {"value": value}
    await rig.send({"type": "track", "name": "purchase", "props": props}, user_id=name)
    await rig.settle()


async def live(rig: Rig) -> None:
    """Let the ten regulars do what they did, up to the end of July."""
    orders = []
    for standing in regulars():
        for n in range(standing.times):
            value = standing.amount if n == 0 else 0
            orders.append((standing.last_ms - (standing.times - 1 - n) * HOUR_MS,
                           standing.person_id, value))  # fmt: skip
    for at_ms, name, value in sorted(orders):
        rig.clock.move_to(at_ms)
        await buy(rig, name, value)


async def changes(rig: Rig) -> list[tuple[str, bool]]:
    """Give join or leave, and whether it was filled, of every change in order."""
    found = [r["body"] for r in await rig.records("audience")]
    return [(b["on"], b.get("filled", False)) for b in found]


async def test_regulars_at_risk_are_found_at_night_and_leave_with_a_purchase(
    tmp_path: Path,
) -> None:
    """Three of ten; the first ranking wakes nobody, later ones and purchases do."""
    async with open_rig(tmp_path, start_ms=BEGIN_MS) as rig:
        await rig.apply(OPEN_POLICY)
        await rig.consent()
        await live(rig)
        rig.clock.move_to(at("2026-08-01 06:00"))
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        first, sizes = await changes(rig), await rig.gateway.store.audiences.sizes()
        rig.clock.move_to(at("2026-08-10 12:00"))
        await buy(rig, "P07", 60)
        bought = (await changes(rig))[len(first) :]
        for name in ("P01", "P03", "P04", "P05", "P06", "P08"):
            await buy(rig, name, 1)
        before = len(await changes(rig))
        rig.clock.move_to(at("2026-08-11 02:00"))  # four o'clock there
        await rig.settle()
        steps = [r["body"]["outcome"] for r in await rig.records("step")]
        ranking = (await rig.gateway.store.audiences.rankings())["rfm"]
        night = (await changes(rig))[before:]

    assert first == [("join", True)] * 3
    assert sizes == {"at-risk": 3}
    assert bought == [("leave", False)]
    assert (ranking.at_ms, ranking.persons) == (at("2026-08-11 02:00"), 10)
    assert night == [("join", False)]  # P02, who came nine times, and everybody else after that
    assert steps == ["entered"]


@pytest.mark.parametrize("is_loaded", [True, False], ids=["loaded", "not yet loaded"])
async def test_night_that_a_restart_cuts_in_two_wakes_whom_it_would_have_woken(
    tmp_path: Path, *, is_loaded: bool
) -> None:
    """Who was judged by the ranking before is compared with it, though nobody has it in mind."""
    async with open_rig(tmp_path, start_ms=BEGIN_MS) as rig:
        await rig.apply(OPEN_POLICY)
        await rig.consent()
        await live(rig)
        rig.clock.move_to(at("2026-08-01 06:00"))
        await rig.apply(DOCUMENTS, OPEN_POLICY)
        rig.clock.move_to(at("2026-08-10 12:00"))
        for name in ("P01", "P03", "P04", "P05", "P06", "P07", "P08"):
            await buy(rig, name, 1)
        before = len(await changes(rig))
        rig.clock.move_to(at("2026-08-11 02:00"))
        await rig.gateway.timers.step()  # the ranking, and its publication in the log
        if is_loaded:
            await rig.gateway.pipeline.step()
    async with open_rig(tmp_path, start_ms=at("2026-08-11 02:01")) as rig:
        await rig.settle()
        night = (await changes(rig))[before:]

    assert night == [("join", False)]


@pytest.mark.parametrize(
    ("zone", "now", "night"),
    [
        ("Europe/Monaco", "2026-08-11 00:59", "2026-08-10 01:00"),
        ("Europe/Monaco", "2026-08-11 01:00", "2026-08-11 01:00"),
        ("Asia/Seoul", "2026-08-11 12:00", "2026-08-10 18:00"),
        ("", "2026-08-11 12:00", "2026-08-11 03:00"),
        ("Europe/Monaco", "2026-03-29 12:00", "2026-03-29 01:00"),  # two o'clock is left out
    ],
)
def test_night_is_at_three_in_the_workspaces_zone(zone: str, now: str, night: str) -> None:
    """The newest three o'clock that is not to come."""
    found = datetime.fromtimestamp(last_night_ms(zone, at(now)) / 1000, UTC)

    assert f"{found:%Y-%m-%d %H:%M}" == night
