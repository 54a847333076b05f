"""
Expect: what must come of a simulation or a replay, and what differs.

Pure. Every transition, step and decision has one short line, and ``expect.yaml`` lists them in
order: easy to write, and a difference reads like one in a text.

Rule 1. The whole list is compared. What providers and devices tell afterwards is not on it.
Rule 2. A line of ``then`` may begin with how long after the start it happens (``+24h send greet by
        email``); then the moment is compared too, to the second.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field

from fencepost_gateway.decide.spans import parse_duration_ms
from fencepost_gateway.documents.models.base import Authored, as_list

_TIMED: Final = re.compile(r"(\+\d+[smhd])\s+(.*)", re.ASCII)


class Expect(Authored):
    """What must come of it, line by line."""

    hints: ClassVar = {"expect": "write it as then:"}

    kind: Literal["expect"]
    then: Annotated[list[str], BeforeValidator(as_list)] = Field(
        max_length=10_000, description="One line for each transition, step and decision, in order."
    )


def brief(kind: str, body: Mapping[str, Any]) -> str:
    """Give the line of a record; empty for what is not on the list (Rule 1)."""
    if kind == "transition":
        taken_back = " taken back" if body.get("superseded") else ""
        return f"{body['kind']} {body['fence_id']}{taken_back}"
    if kind == "step":
        return _step(body)
    if kind == "claim":
        return _claim(body)
    if kind == "audience":
        return f"{body['on']} {body['audience_id']}"
    return ""


def _step(body: Mapping[str, Any]) -> str:
    campaign_id, outcome = body["campaign_id"], body["outcome"]
    if outcome == "entered":
        return f"entered {campaign_id}"
    if outcome == "not_entered":
        return f"not entered {campaign_id} ({body['reason']})"
    if outcome == "ended":
        return f"ended {campaign_id} ({body['reason']})"
    where = f"{campaign_id}/{body['step_id']}"
    if outcome == "waits":
        return f"{where} waits"
    return f"{where} by {body['way']}" if body.get("way") else f"{where} done"


def _claim(body: Mapping[str, Any]) -> str:
    campaign_id = body["campaign_id"]
    if body["outcome"] == "send":
        return f"send {campaign_id} by {body['channel']}"
    return f"{body['outcome']} {campaign_id} ({body['reason']})"


def differences(expect: Expect, found: Iterable[tuple[int, str]]) -> Iterator[str]:
    """
    Give what differs, as the lines of a diff; nothing if all is as expected.

    Args:
        expect: What must come of it.
        found: What came of it: how long after the start, and the line.

    """
    wanted, came = list(expect.then), [pair for pair in found if pair[1]]
    told = [
        _as_asked(wanted[n] if n < len(wanted) else "", after_ms, line)
        for n, (after_ms, line) in enumerate(came)
    ]
    if told != wanted:
        yield from difflib.unified_diff(wanted, told, "expected", "came", lineterm="", n=2)


def _as_asked(wanted: str, after_ms: int, line: str) -> str:
    """Give a line with its moment if the expected one beside it names one (Rule 2)."""
    timed = _TIMED.fullmatch(wanted)
    if timed is None or timed[2] != line:
        return line
    is_then = (parse_duration_ms(timed[1][1:]) or 0) // 1000 == after_ms // 1000
    return wanted if is_then else f"+{after_ms // 1000}s {line}"


def told_apart(
    expect: Expect,
    records: Iterable[tuple[int, str, Mapping[str, Any]]],
    start_ms: int,
    path: Path | None,
) -> list[str]:
    """Say how records (moment, kind, body) differ from an expectation; nothing if they do not."""
    came = ((at_ms - start_ms, brief(kind, body)) for at_ms, kind, body in records)
    found = list(differences(expect, came))
    return [*found, f"fencepost: it came otherwise than {path} says"] if found else []
