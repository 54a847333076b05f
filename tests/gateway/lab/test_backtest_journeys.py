"""Journeys in a backtest: the same engine, the same records, whatever brings people in."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fencepost_gateway.lab.backtest import Desk, job_of
from fencepost_gateway.lab.backtest_words import figures
from fencepost_gateway.lab.job import Window
from gateway.lab.lived import (
    CHANGED,
    DAY_MS,
    HOUR_MS,
    JOURNEY,
    cart,
    edition_of,
    found_by,
    lived,
    lives,
    pass_time,
    records_of,
    source_of,
    sums,
    written,
)
from gateway.rig import GRANTS, NOON_MS, Rig

LIMITED = """
kind: journey
id: few
entry: {event: purchase}
goal: none
steps:
  - id: gate
    limit: {to: 7}
    then: {full: end}
  - message: {template: cart, channels: [email]}
"""


async def click(rig: Rig) -> None:
    """Click the newest message in the inbox."""
    await pass_time(rig, rig.clock.now_ms() + 60_000)
    shown = (await rig.inbox())[-1]
    await rig.send({"type": "engagement", "delivery_id": shown["delivery_id"], "action": "clicked"})
    await rig.settle()


@pytest.mark.feature("N13")
@pytest.mark.parametrize("clicks", [True, False], ids=["clicked", "timeout"])
async def test_journey_goes_the_live_way(tmp_path: Path, *, clicks: bool) -> None:
    """Waits on the virtual clock, recorded reactions, the goal: byte for byte as it was live."""
    async with lived(tmp_path, JOURNEY) as rig:
        await cart(rig)
        if clicks:
            await click(rig)
        await pass_time(rig, rig.clock.now_ms() + 3 * HOUR_MS)
        await cart(rig)
        await rig.send({"type": "track", "name": "purchase"})
        await rig.settle()
        live = await records_of(rig)
        with source_of(tmp_path) as source:
            (life,) = await lives(source)

    assert written(life.rows) == written(live)
    ways = [r.body.get("way") for r in live if r.body.get("step_id") == "reaction"]
    assert ("clicked" if clicks else "timeout") in ways
    assert live[-1].body["reason"] == "goal_reached"


@pytest.mark.feature("N04")
async def test_side_by_side_comes_to_the_same_as_one_by_one(many: Path) -> None:
    """Where nothing counts for everybody, it does not matter who goes first."""
    with source_of(many) as source:
        job = job_of(source, [edition_of(source, CHANGED)], Window(NOON_MS, NOON_MS + 40 * DAY_MS))
        people = list(source.dossiers(job.window.end_ms, job.positions_ms))[:20]
        alone, together = (Desk(job)._reruns[0] for _ in range(2))  # noqa: SLF001 - as above
        one_by_one = [await alone.live(dossier) for dossier in people]
        side_by_side = await together.live_together(people)

    assert [written(life.rows) for life in side_by_side] == [
        written(life.rows) for life in one_by_one
    ]


async def test_what_counts_for_everybody_is_counted_in_order(many: Path) -> None:
    """Exactly as many get through a limit as may, the first to come; any number of processes."""
    with source_of(many) as source:
        found = [await found_by(source, LIMITED, workers=n) for n in (1, 2)]
        job = job_of(source, [edition_of(source, LIMITED)], Window(NOON_MS, NOON_MS + 40 * DAY_MS))
        people = list(source.dossiers(job.window.end_ms, job.positions_ms))
        rerun = Desk(job)._reruns[0]  # noqa: SLF001 - as above
        everybody = await rerun.live_together(people)
    steps = sorted(
        (row.at_ms, life.person_id, row.body["way"])
        for life in everybody
        for row in life.rows
        if row.body.get("step_id") == "gate"
    )

    assert sums(found[0]) == sums(found[1])
    first = list(dict.fromkeys(person_id for _, person_id, _ in steps))
    assert {person_id for _, person_id, way in steps if way != "full"} == set(first[:7])
    assert len(first) > 50


FOR_ALL = """
kind: audience
id: gold
when: {person: tier, is: gold}
---
kind: campaign
id: storm
entry: {external: weather, where: {region: monaco}, for: {audience: gold}}
reentry: always
message: {template: cart, channels: [in_app]}
goal: none
---
kind: campaign
id: monthly
entry: {schedule: "0 15 * * *", zone: Europe/Monaco, for: {audience: gold}}
reentry: always
message: {template: cart, channels: [in_app]}
goal: none
---
kind: journey
id: asked
entry: {api: true}
goal: none
steps:
  - id: weather
    wait: {for: {external: weather}, timeout: 3d}
    then: {timeout: end}
  - message: {template: cart, channels: [email]}
---
kind: campaign
id: regulars
entry: {audience: gold, include_existing: true}
reentry: always
message: {template: cart, channels: [in_app]}
goal: none
---
kind: template
id: cart
purpose: marketing
in_app: {body: Your cart waits.}
email: {subject: Cart, text: Your cart waits.}
"""


@pytest.mark.feature("N13")
async def test_what_concerns_many_comes_in_as_it_did(tmp_path: Path) -> None:
    """Events from outside, schedules, members at publication and calls: recorded or computed."""
    async with lived(tmp_path) as rig:
        for user, tier in (("ana", "gold"), ("ben", "plus"), ("u1", "gold")):
            body = rig.batch({"type": "consent", "values": dict(GRANTS)},
                             {"type": "set", "traits": {"tier": tier}}, user_id=user)  # fmt: skip
            who = {"anonymous_id": f"v-{user}", "user_id": user}
            await rig.post(body | {"device_id": user, "who": who}, **rig.device_headers(user))
        await rig.settle()
        await pass_time(rig, rig.clock.now_ms() + 60_000)
        begin_ms = rig.clock.now_ms()
        await rig.apply(FOR_ALL)
        await rig.settle()
        await call(rig, "/v1/journeys/asked/start", {"user_id": "ben", "key": "k1"})
        await pass_time(rig, rig.clock.now_ms() + 60_000)
        for number, region in enumerate(("monaco", "nice")):
            told = {"id": f"w{number}", "name": "weather", "props": {"region": region}}
            await call(rig, "/v1/external", told)
        await pass_time(rig, rig.clock.now_ms() + 5 * HOUR_MS)
        await cart(rig)  # so that something is recorded behind all that
        live = [row for row in await records_of(rig) if row.at_ms >= begin_ms]
        with source_of(tmp_path) as source:
            found = [row for life in await lives(source, begin_ms) for row in life.rows]

    entered = Counter(r.body["campaign_id"] for r in live if r.body["outcome"] == "entered")
    assert entered == {"storm": 2, "monthly": 2, "asked": 1, "regulars": 2}
    assert sorted(written(found)) == sorted(written(live))


async def call(rig: Rig, path: str, body: dict[str, Any]) -> None:
    """Ask the gateway for something, and let it happen."""
    response = await rig.client.post(path, json=body, headers=rig.operator)
    assert response.status == 200, await response.text()
    await rig.settle()


async def test_new_campaign_takes_members_in_as_the_window_begins(tmp_path: Path) -> None:
    """As it would as it is published; what was live before has taken in its members then."""
    async with lived(tmp_path) as rig:
        await rig.send({"type": "set", "traits": {"tier": "gold"}})
        await cart(rig)
        begin_ms = rig.clock.now_ms() + 1
        await cart(rig)
        with source_of(tmp_path) as source:
            (life,) = await lives(source, begin_ms, begin_ms + DAY_MS, FOR_ALL)

    found = [(r.body["campaign_id"], r.at_ms) for r in life.rows if r.kind == "step"]
    at_three_ms = (NOON_MS // DAY_MS * 24 + 13) * HOUR_MS  # summer time
    assert found == [("regulars", begin_ms), ("monthly", at_three_ms)]


async def test_runs_that_the_window_cuts_off_are_told(tmp_path: Path) -> None:
    """Where a run stands when time ends is no end; messages are told by step."""
    async with lived(tmp_path, JOURNEY) as rig:
        await cart(rig)
        with source_of(tmp_path) as source:
            job = job_of(source, [edition_of(source)], Window(NOON_MS, NOON_MS + HOUR_MS))
            found = await Desk(job).work(source.dossiers(job.window.end_ms, job.positions_ms))
    (forecast,) = found.forecasts
    plain = figures(forecast)

    assert plain["under_way"] == {"rescue": 1}
    assert plain["by_step"] == {"rescue": {"first": 1}}
    assert plain["waiting"] == {}
