"""
Golden: what a story leaves on record, as a file that people review.

``pytest --update tests/scenarios`` writes the files anew; the diff says what has changed.
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import msgspec

from fencepost_gateway.ports import RecordRow, RunRow
from scenarios.rig import World, text

KINDS = ("transition", "step", "claim")


async def check_golden(world: World, path: Path, *, update: bool) -> None:
    """Compare the records of a world with those in a file, or write the file."""
    lines = await golden_lines(world)
    if update:
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    wanted = path.read_text("utf-8").splitlines()
    news = "\n".join(difflib.unified_diff(wanted, lines, "golden", "now", n=0, lineterm=""))

    assert not news, f"{path.name} differs; look at it, then --update:\n{news}"


async def golden_lines(world: World) -> list[str]:
    """Give journey and step records as lines, one record each; claims in brief."""
    names = world.names
    found = [_row(world, row) for row in await world.records() if row.kind in KINDS]
    for person_id in sorted(names, key=lambda one: names[one]):
        runs = await world.gateway.store.runs.of(person_id)
        found += [_run(names[person_id], run) for run in runs]
    return [json.dumps(row, ensure_ascii=False) for row in found]


def _row(world: World, row: RecordRow) -> dict[str, Any]:
    (line,) = world.lines([row])
    told: dict[str, Any] = {"at": text(row.at_ms), "told": line}
    if row.kind == "claim":
        checks = row.body["checks"]
        return told | {
            "refused": [f"{c['channel']} {c['reason']}".strip() for c in checks if not c["ok"]]
        }
    return told | {"record": row.body}


def _run(name: str, run: RunRow) -> dict[str, Any]:
    body = msgspec.to_builtins(run)
    told = f"{name} {run.campaign_id} {run.outcome or 'lives'} at {run.step_id}"
    return {"at": text(run.entered_ms), "told": told, "journey": body}
