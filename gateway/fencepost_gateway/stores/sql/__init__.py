"""
SQL: queries under names, migrations under numbers.

``queries.sql`` holds blocks that begin with ``-- name: <name>``; ``migrations/NNNN_*.sql`` only go
forward and are applied in order, each in one transaction with its number.
"""

from __future__ import annotations

import re
from importlib.resources import files
from types import SimpleNamespace

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def load_queries() -> SimpleNamespace:
    """Read ``queries.sql``; each query is an attribute."""
    text = files(__name__).joinpath("queries.sql").read_text("utf-8")
    parts = _NAME.split(text)[1:]
    return SimpleNamespace(**dict(zip(parts[::2], (p.strip() for p in parts[1::2]), strict=True)))


def load_migrations() -> list[tuple[int, str]]:
    """Read the migrations as (number, script), in order."""
    folder = files(__name__).joinpath("migrations")
    found = [
        (int(f.name[:4]), f.read_text("utf-8")) for f in folder.iterdir() if f.name[0].isdigit()
    ]
    return sorted(found)
