"""
Golden: what a story leaves on record, as a file that people review.

Two lines a record: when, who and what; below it what was looked at. What is empty is left out, ids
are cut short, moments are written out: that the records are the same to the byte says ``again``.
``pytest --update tests/scenarios`` writes the files anew; the diff says what has changed.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from fencepost_gateway.ports import RecordRow, RunRow
from scenarios.rig import World
from scenarios.ways import text

KINDS = ("transition", "audience", "step", "claim")
SAID = frozenset(
    {"at_ms", "audience_id", "campaign_id", "kind", "on", "outcome", "reason", "step_id", "way"}
)
ID_LENGTH = 32
ID_SHOWN = 6


async def check_golden(world: World, path: Path, *, update: bool) -> None:
    """Compare the records of a world with those in a file, or write the file."""
    _compare(await golden_lines(world), path, update=update)


def _compare(lines: Sequence[str], path: Path, *, update: bool) -> None:
    if update:
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    wanted = path.read_text("utf-8").splitlines() if path.exists() else []
    news = "\n".join(difflib.unified_diff(wanted, lines, "golden", "now", n=0, lineterm=""))

    assert not news, f"{path.name} differs; look at it, then --update:\n{news}"


async def golden_lines(world: World) -> list[str]:
    """Give journey and step records as lines; claims in brief; in the end, where runs stand."""
    names = world.names
    found: list[str] = []
    for row in await world.records():
        if row.kind in KINDS:
            found += _row(world, row)
    for person_id in sorted(names, key=lambda one: names[one]):
        found += [
            _run(names[person_id], run) for run in await world.gateway.store.runs.of(person_id)
        ]
    return found


def _row(world: World, row: RecordRow) -> Iterator[str]:
    (line,) = world.lines([row])
    yield f"{text(row.at_ms)} {line}"
    if row.kind == "claim":
        refused = [c for c in row.body["checks"] if not c["ok"]]
        found: Mapping[str, Any] = {
            f"{c['gate']} {c['channel']}".strip(): {"reason": c["reason"], **_brief(c["inputs"])}
            for c in refused
        }
    else:
        found = _brief({k: v for k, v in row.body.items() if k not in SAID and v is not False})
    if found:
        yield f"    {json.dumps(found, ensure_ascii=False)}"


def _run(name: str, run: RunRow) -> str:
    body = msgspec.to_builtins(run)
    told = {*SAID, "person_id"}
    brief = _brief({k: v for k, v in body.items() if k not in told and v is not False})
    standing = f"{run.outcome or 'lives'} at {run.step_id}" if run.step_id else run.outcome
    return f"{name}: {run.campaign_id} {standing} {json.dumps(brief)}"


def _brief(found: object) -> Any:
    """Leave out what is empty, cut ids short and write moments out."""
    if isinstance(found, dict):
        return {_name(k): _value(k, v) for k, v in found.items() if v not in (None, "", [], {}, ())}
    if isinstance(found, (list, tuple)):
        return [_brief(each) for each in found]
    is_id = isinstance(found, str) and len(found) == ID_LENGTH and found.isalnum()
    return found[:ID_SHOWN] if is_id and isinstance(found, str) else found


def _name(key: str) -> str:
    return key.removesuffix("_ms") if key.endswith("_ms") else key


def _value(key: str, value: object) -> object:
    if key.endswith("_ms") and isinstance(value, int) and value > 10**12:
        return text(value)
    return f"{value} ms" if key.endswith("_ms") and isinstance(value, int) else _brief(value)
