"""Code blocks of README and docs, with the page they stand on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)#]+)[^)]*\)")


class Block(NamedTuple):
    """One fenced block: the page, its language, its text."""

    page: Path
    language: str
    text: str


def blocks(*languages: str) -> Iterator[Block]:
    """Give the blocks written in ``languages``, in order."""
    for page in PAGES:
        for language, text in _BLOCK.findall(page.read_text("utf-8")):
            if language in languages:
                yield Block(page, language, text)


def links(page: Path) -> Iterator[str]:
    """Give the targets of a page's links that are no addresses."""
    for target in _LINK.findall(page.read_text("utf-8")):
        if "://" not in target:
            yield target
