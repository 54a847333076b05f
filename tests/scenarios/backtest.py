"""
Backtest: a story's recorded history lived once more, under the documents it had in the end.

Rule 1. Claims are modelled: they are told as predictions, and providers accept. What was sent and
        what was withheld, when and why, is what was live; so is every step. What a story says of
        it that a backtest cannot know is named by the story (``but``), with its reason.
Rule 2. Twice is the same twice.
Rule 3. Nobody is called: the lab's own drivers hold what would have been sent.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection

from fencepost_gateway.lab.backtest import job_of
from fencepost_gateway.lab.dossiers import open_folder
from fencepost_gateway.lab.job import Edition, Window
from fencepost_gateway.lab.rerun import Rerun, shown
from fencepost_gateway.ports import RecordRow
from fencepost_gateway.workers.plans import Plans
from scenarios.evidence import plain
from scenarios.rig import World
from scenarios.ways import ms, text


async def check_backtest(world: World, since: str, but: Collection[str] = ()) -> None:
    """
    Assert that a backtest from ``since`` on predicts what was live.

    Args:
        world: The story, told.
        since: When its documents were published.
        but: Lines, live or predicted, that a backtest cannot have in common with the gateway.

    """
    calls = world.evidence.calls
    live = [row for row in await world.records() if row.at_ms >= ms(since)]
    predicted = await _predicted(world, since)
    again = await _predicted(world, since)

    assert [plain(row) for row in predicted] == [plain(row) for row in again]
    assert {shown(row)["body"].get("predicted") for row in predicted if row.kind == "claim"} <= {
        True
    }
    wanted, found = _story(world, live, but), _story(world, predicted, but)
    news = "\n".join(difflib.unified_diff(wanted, found, "live", "predicted", n=0, lineterm=""))
    assert not news, f"predicted otherwise than it was:\n{news}"
    assert world.evidence.calls == calls


def _story(world: World, rows: Collection[RecordRow], but: Collection[str]) -> list[str]:
    """Give what was decided of everybody in lines, person by person."""
    kept = [row for row in rows if row.kind in ("claim", "step")]
    lines = [
        f"{line} ({text(row.at_ms)})" for row, line in zip(kept, world.lines(kept), strict=True)
    ]
    return sorted(line for line in lines if not any(each in line for each in but))


async def _predicted(world: World, since: str) -> list[RecordRow]:
    window = Window(ms(since), world.clock.now_ms() + 1)
    with open_folder(world.folder, world.gateway.settings.workspace) as source:
        job = job_of(source, [Edition("live", source.head.documents)], window)
        plans = Plans(job.seed)
        plans.use(1, source.head.documents, job.rankings)
        lives = await Rerun(plans, job).live_together(list(source.dossiers(window.end_ms)))
    return [row for life in lives for row in life.rows]
