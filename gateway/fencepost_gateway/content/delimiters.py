"""
Delimiters: a look at the braces before the lexer sees them.

Pure. python-liquid's lexer is a regular expression that backtracks: 64 KiB of ``{{`` keep it busy
for minutes, one long run of blanks in a tag for seconds. This scan is linear and lets through only
what the lexer reads in linear time.

Rule 1. Every ``{{`` and ``{%`` is closed before the next one opens, and is not empty.
Rule 2. What is between is at most ``TAG_MAX`` characters, without runs of ``BLANKS_MAX`` blanks.
Rule 3. ``raw`` and ``doc`` blocks are not part of the language here.
"""

from __future__ import annotations

import re
from typing import Final

TAG_MAX: Final = 1_000
BLANKS_MAX: Final = 50
_OPEN = re.compile(r"\{[{%]")
_BLANKS = re.compile(rf"\s{{{BLANKS_MAX}}}")
_CLOSERS = {"{{": "}}", "{%": "%}"}


def fault(source: str) -> tuple[int, str] | None:
    """Give index and sentence of the first thing that is wrong, or None."""
    at = 0
    while opened := _OPEN.search(source, at):
        start, brace = opened.start(), opened[0]
        end = source.find(_CLOSERS[brace], start + 2)
        if end < 0:
            return start, f"{brace} is not closed"
        what = _inner_fault(brace, source[start + 2 : end])
        if what:
            return start, what
        at = end + 2
    return None


def _inner_fault(brace: str, inner: str) -> str:
    words = inner.strip("-").split(None, 1)
    if _OPEN.search(inner):
        return f"{brace} is not closed before the next one"
    if not words:
        return f"{brace} {_CLOSERS[brace]} is empty"
    if len(inner) > TAG_MAX or _BLANKS.search(inner):
        return f"more than {TAG_MAX:,} characters or {BLANKS_MAX} blanks inside {brace}"
    if brace == "{%" and words[0] in {"raw", "doc"}:
        return f"the tag {words[0]} is not known"
    return ""
