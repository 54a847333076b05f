"""Play: ``fencepost replay`` on the terminal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from fencepost_gateway.decide.spans import zone_named
from fencepost_gateway.decide.words import moment, tell
from fencepost_gateway.errors import StartError
from fencepost_gateway.lab.authored import read_authored
from fencepost_gateway.lab.device import GRANTED
from fencepost_gateway.lab.expect import Expect, told_apart
from fencepost_gateway.lab.rehearse import say_apart
from fencepost_gateway.lab.replay import Played, Replay
from fencepost_gateway.lab.sources import read_documents
from fencepost_gateway.lab.tracks import TrackError, TrackPoint, read_track
from fencepost_gateway.reports.lines import counted

# What a step record counts as; on the way of a journey there are many.
_STEPS: Final = {"entered": "entered", "took": "steps taken", "waits": "waits", "ended": "ended"}


async def play(
    fences: Sequence[Path],
    tracks: Sequence[Path],
    folder: Path | None,
    zone: str,
    *,
    as_json: bool,
    expected: Path | None = None,
) -> int:
    """
    Replay ``tracks`` along ``fences`` and print what happens; gives the exit code.

    With ``expected`` it is compared with what that file says.

    Raises:
        StartError: A file cannot be used; says which, where and how to mend it.

    """
    if zone_named(zone) is None:
        raise StartError(f"--zone {zone}: no such time zone; write it like Europe/Berlin")
    expect = read_authored(expected, Expect)[0] if expected else None
    documents = read_documents(fences, [folder] if folder else [])
    points = _read(tracks)
    start_ms = min(p.at_ms for trace in points.values() for p in trace)
    replay = Replay(documents, zone, start_ms)
    counts: dict[str, int] = {}
    records: list[tuple[int, str, dict[str, Any]]] = []
    if not as_json:
        print(f"granted for this replay: {', '.join(GRANTED)}; everybody is in {zone}")
    async for played in replay.play(points):
        _count(counts, played)
        records.append((played.row.at_ms, played.row.kind, played.row.body))
        print(json.dumps(_plain(played)) if as_json else _line(played))
    if not as_json:
        fixes = sum(map(len, points.values()))
        told = ", ".join(f"{n} {what}" for what, n in sorted(counts.items())) or "nothing happened"
        of_what = counted(len(documents), "document")
        print(f"{counted(fixes, 'fix', 'fixes')} over {of_what}: {told}")
    if expect is None:
        return 0
    return say_apart(told_apart(expect, records, start_ms, expected))


def _read(tracks: Sequence[Path]) -> dict[str, list[TrackPoint]]:
    found: dict[str, list[TrackPoint]] = {}
    for path in tracks:
        name = path.stem if path.stem not in found else str(path)
        try:
            found[name] = read_track(path)
        except TrackError as error:
            raise StartError(str(error)) from None
    return found


def _count(counts: dict[str, int], played: Played) -> None:
    body = played.row.body
    what = {
        "transition": str(body.get("kind")).upper(),
        "step": _STEPS.get(str(body.get("outcome")), "not entered"),
        "claim": "may go" if body.get("outcome") == "send" else str(body.get("outcome")),
        "outcome": str(body.get("state")),
        "call": "webhooks",
    }[played.row.kind]
    counts[what] = counts.get(what, 0) + 1


def _line(played: Played) -> str:
    lines = tell(played.row.kind, played.row.body)
    return f"{moment(played.row.at_ms)}  {played.track}  " + "\n    ".join(lines)


def _plain(played: Played) -> dict[str, Any]:
    row = played.row
    return {
        "at_ms": row.at_ms,
        "track": played.track,
        "kind": row.kind,
        "subject": row.subject,
        "body": row.body,
    }
