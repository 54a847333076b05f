"""
Lines: how reports write numbers and paragraphs for a terminal of 100 columns.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any, Final

WIDTH: Final = 100
NO_FENCE: Final = (
    "No fence is live. Publish some: `fencepost apply FOLDER`, `fencepost import FILE`."
)


def paragraph(text: str, indent: str = "") -> Iterator[str]:
    """Break a text into lines."""
    yield from wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def titled(row: Mapping[str, Any]) -> str:
    """Name a fence: its id, and what it is called if that is something else."""
    named = row["name"] and row["name"] != row["fence_id"]
    return f"{row['fence_id']}  {row['name']}" if named else f"{row['fence_id']}"


def percent(share: float) -> str:
    """Write a share."""
    return f"{100 * share:.0f} %"


def counted(count: int, one: str, many: str = "") -> str:
    """Write how many; ``many`` where an s will not do."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def length(seconds: int) -> str:
    """Write a duration in the unit people would use."""
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return f"{seconds} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"  # noqa: PLR2004 - two hours
