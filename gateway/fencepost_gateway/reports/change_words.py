"""
Change words: what publishing a folder would change, and whose work it replaces.

Pure. The answer of ``POST /v1/documents`` for a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

from fencepost_gateway.documents.difference import CHANGES_MAX, Change
from fencepost_gateway.reports.lines import counted

SHOWN_MAX: Final = 50  # of one kind and change; a library of fences may be thousands
_ORDER: Final = ("created", "changed", "restored", "archived")
_WORDS: Final[Mapping[str, str]] = {
    "created": "create ",
    "changed": "change ",
    "restored": "restore",
    "archived": "archive",
}


def tell_changes(answer: Mapping[str, Any]) -> Iterator[str]:
    """Say what changes, what is left over, and what else is live."""
    rows = sorted(
        answer["changed"], key=lambda row: (_ORDER.index(row["change"]), row["kind"], row["id"])
    )
    for _, group in groupby(rows, key=lambda row: (row["change"], row["kind"])):
        several = list(group)
        for row in several[:SHOWN_MAX]:
            yield from _row(row)
        if len(several) > SHOWN_MAX:
            row = several[0]
            yield f"{_WORDS[row['change']]} … and {len(several) - SHOWN_MAX:,} more {row['kind']}"
    yield from _beside(answer)
    yield f"{len(rows)} changed, {answer['unchanged']} unchanged"


def drifted(answer: Mapping[str, Any]) -> list[str]:
    """Name what somebody else has published of this folder's, or what the folder has lost."""
    return [
        *(f"{row['kind']} {row['id']}" for row in answer["changed"] if "drift" in row),
        *(f"{row['kind']} {row['id']}" for row in answer["left"]),
    ]


def _row(row: Mapping[str, Any]) -> Iterator[str]:
    yield f"{_WORDS[row['change']]} {row['kind']} {row['id']} v{row['version']}"
    for each in row.get("differences", ()):
        yield f"    {Change(**each)}"
    if row.get("has_more"):
        yield f"    … more than {CHANGES_MAX} places"
    if "drift" in row:
        yield f"    drift: this replaces {_version(row['drift'])}"


def _version(row: Mapping[str, Any]) -> str:
    at = datetime.fromtimestamp(row["applied_ms"] // 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    did = "archived" if row["state"] == "archived" else "published"
    return f"v{row['version']}, {did} by {row['publisher']} on {at}"


def _beside(answer: Mapping[str, Any]) -> Iterator[str]:
    left: Sequence[Mapping[str, Any]] = answer["left"]
    for row in left[:SHOWN_MAX]:
        yield f"left    {row['kind']} {row['id']} v{row['version']}: live, and not in this folder"
    if len(left) > SHOWN_MAX:
        yield f"left    … and {len(left) - SHOWN_MAX:,} more"
    if left:
        yield "        drift: --prune archives what was published from this folder and left it"
    also = [
        f"{counted(count, 'document')} of {f'folder {name}' if name else 'no folder'}"
        for name, count in sorted(answer["elsewhere"].items())
    ]
    if also:
        yield f"also live: {', '.join(also)}"
