"""
Summed: many verdicts of one kind as one line.

Pure. ``stores.csv:3 and 41 others: radius_m: …``: the first row of a kind stands for all, in whose
words it is said. Of a kind are verdicts on one field of one file whose sentences differ in quoted
values and numbers only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec.structs import replace

from fencepost_gateway.documents.imports.rows import Verdict

_OWN = re.compile(r"'[^']*'|\"[^\"]*\"|\d[\d.,]*")


def summed(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Give one verdict of each kind, in order, that counts the others."""
    kinds: dict[tuple[str, ...], list[Verdict]] = {}
    for one in verdicts:
        sentences = (_OWN.sub("…", text) for text in (one.what, one.how))
        kinds.setdefault((one.file, one.field, *sentences), []).append(one)
    return [replace(alike[0], others=len(alike) - 1) for alike in kinds.values()]
