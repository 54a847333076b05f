"""
Cells: how a value stands in a CSV, in both directions.

Pure. Reading what was written gives the same value.

Rule 1. A cell is data. What a spreadsheet would take for a formula (``=``, ``+``, ``-``, ``@``, TAB
        or CR at the front) is written with a ``'`` before it, and read without. Numbers that we
        write ourselves are no formulas.
Rule 2. ``true``, ``false``, numbers, and JSON texts, lists and objects in a ``place.meta`` column
        are values; all else is text as it stands (``04109`` stays a text).
Rule 3. ``tags`` are divided by ``|``, ``;`` or ``,``, or written as a JSON list.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from fencepost_gateway.documents.document import parse_json

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[-+]?([0-9]{1,15}(\.[0-9]{0,20})?|\.[0-9]{1,20})([eE][-+]?[0-9]{1,3})?")
_VALUE = re.compile(r'[-0-9"\[{]|true$|false$')


def safe(text: str) -> str:
    """Write text so that no spreadsheet runs it (Rule 1)."""
    return "'" + text if _FORMULA.match(text) else text


def plain(cell: str) -> str:
    """Read text as it was meant (Rule 1)."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def read_number(cell: str) -> float | None:
    """Read a finite number with a decimal point; None when it is none."""
    number = float(cell) if _NUMBER.fullmatch(cell) else math.inf
    return number if math.isfinite(number) else None


def read_value(cell: str) -> Any:
    """Read a value of ``place.meta`` (Rule 2)."""
    if not _VALUE.match(cell):
        return plain(cell)
    try:
        return _plain_json(cell)
    except (ValueError, RecursionError):
        return plain(cell)


def write_value(value: Any) -> str:
    """Write a value of ``place.meta`` (Rule 2)."""
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if _VALUE.match(value) and read_value(value) != value:
        return json.dumps(value, ensure_ascii=False)
    return safe(value)


def read_list(cell: str) -> list[Any]:
    """Read texts divided by ``|``, ``;`` or ``,`` (Rule 3)."""
    if cell.startswith("["):
        found = read_value(cell)
        return found if isinstance(found, list) else [cell]
    return [plain(part.strip()) for part in re.split(r"[|;,]", cell) if part.strip()]


def write_list(texts: list[str]) -> str:
    """Write texts so that they read the same (Rule 3)."""
    joined = "|".join(map(safe, texts))
    return joined if read_list(joined) == texts else json.dumps(texts, ensure_ascii=False)


def _plain_json(cell: str) -> Any:
    json.loads(cell, parse_constant=_refuse)
    return parse_json(cell)


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("no number")
