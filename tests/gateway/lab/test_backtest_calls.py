"""Look-ups and webhooks in a backtest: what was answered then, and nobody is called."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from doubles.source_stub import SourceStub, open_source, says
from fencepost_gateway.decide.words import tell
from fencepost_gateway.lab.rerun import Life
from gateway.lab.lived import DAY_MS, lives, pass_time, records_of, source_of, written
from gateway.rig import NOON_MS, Rig
from gateway.workers.test_calls import JOURNEY, VIEWED, WAITS, playing
from gateway.workers.test_journeys import later


@pytest.fixture
async def stub(tmp_path: Path) -> AsyncIterator[SourceStub]:
    """Somebody's own system."""
    async with open_source(tmp_path) as found:
        yield found


async def view(rig: Rig, answer_ms: int = 700, match: str = "m 1") -> None:
    """Let somebody look at a match; the box office takes its time."""
    await rig.send(VIEWED | {"props": {"match": match}})
    await rig.gateway.pipeline.step()
    later(rig, answer_ms)
    await rig.settle()


def took(life: Life, step_id: str) -> list[dict[str, Any]]:
    """Give what the records of a step looked at."""
    rows = [r.body for r in life.rows if r.kind == "step"]
    return [b["inputs"] for b in rows if (b["step_id"], b["outcome"]) == (step_id, "took")]


@pytest.mark.parametrize("journey", [JOURNEY, WAITS], ids=["goes on", "waits"])
async def test_recorded_answers_come_at_their_moments(
    tmp_path: Path, stub: SourceStub, journey: str
) -> None:
    """Byte for byte as it was live, failures too; nobody is asked again."""
    async with playing(tmp_path, stub, journey) as rig:
        await view(rig)
        stub.server.script.append(says({}, 404))
        await view(rig, match="m 2")
        await pass_time(rig, rig.clock.now_ms() + 60_000)
        live, asked = await records_of(rig), len(stub.asked)
        with source_of(tmp_path) as source:
            (life,) = await lives(source)

    assert written(life.rows) == written(live)
    assert [each.get("failure", "") for each in took(life, "ask")] == ["", "bad_status"]
    assert len(stub.asked) == asked


async def test_changed_journey_gets_what_the_person_got_who_asked_the_same(
    tmp_path: Path, stub: SourceStub
) -> None:
    """At once, the nearest in time, and its record says when that was; no call is made."""
    async with playing(tmp_path, stub) as rig:
        stub.server.script.extend([says({"left": 3}), says({}), says({"left": 0})])
        await view(rig)
        later(rig, 3_600_000)
        await view(rig)
        asked = len(stub.asked)
        with source_of(tmp_path) as source:
            changed = JOURNEY.replace("URL", stub.url).replace("id: match", "id: other")
            lived = await lives(source, NOON_MS, NOON_MS + DAY_MS, changed)
    others = [r for r in lived[0].rows if r.body.get("campaign_id") == "other"]
    found = took(Life("", others, {}), "ask")

    assert [(each["value"]["left"], each["recorded_ms"]) for each in found] == [
        (3, NOON_MS + 700), (0, NOON_MS + 3_600_000 + 1_400)
    ]  # fmt: skip
    assert len(stub.asked) == asked
    lines = [tell(row.kind, row.body)[0] for row in others]
    assert sum("as another call was answered" in line for line in lines) == 2


async def test_what_is_not_on_record_is_a_failure(tmp_path: Path, stub: SourceStub) -> None:
    """A question that nobody asked then has no answer now; the record says why."""
    asks = JOURNEY.replace("url: URL/left?match={event.match}", "url: URL/left/{event.match}/now")
    async with playing(tmp_path, stub, asks.replace("event: viewed", "event: never")) as rig:
        await view(rig)
        with source_of(tmp_path) as source:
            lived = await lives(source, NOON_MS, NOON_MS + DAY_MS, asks.replace("URL", stub.url))

    assert [each["failure"] for each in took(lived[0], "ask")] == ["not_recorded"]
    assert stub.asked == []


async def test_moved_step_is_answered_at_once(tmp_path: Path, stub: SourceStub) -> None:
    """A look-up that comes later than it did does not wait for what is past."""
    async with playing(tmp_path, stub) as rig:
        await view(rig)
        await pass_time(rig, rig.clock.now_ms() + 3_600_000)
        waits = JOURNEY.replace("URL", stub.url).replace(
            "steps:\n", "steps:\n  - wait: {for_duration: 10m}\n"
        )
        with source_of(tmp_path) as source:
            (life,) = await lives(source, NOON_MS, NOON_MS + DAY_MS, waits)

    (found,) = took(life, "ask")
    assert (found["recorded_ms"], found["age_s"]) == (NOON_MS + 700, 0)
    assert [r.body["outcome"] for r in life.rows if r.kind == "claim"] == ["send"]
