"""
Live: a word of warning where a command names what is not in force.

The commands that make keys and codes work on the data folder and need no gateway, so nobody would
tell of a slip before the key or the sign is of no use. The store is only read.

Rule 1. It is a warning on the error output: the fence or the library may be published later.
Rule 2. Where the store cannot be read, or lies in memory, nothing is known and nothing is said.
"""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterable
from typing import Final, Literal

from fencepost_gateway.settings import Settings

NEAR_MAX: Final = 3


def warn_unless_live(settings: Settings, kind: Literal["fence", "team"], name: str) -> None:
    """Warn on the error output if no fence, or no library of a team, of that name is live."""
    names = _live_names(settings, kind)
    if names is None or name in names:
        return
    near = difflib.get_close_matches(name, names, NEAR_MAX)
    which = "no fence of this id is live" if kind == "fence" else "no live library names this team"
    how = f"did you mean {' or '.join(near)}?" if near else "publish it, or it is of no use"
    print(f"warning: {name}: {which}; {how}", file=sys.stderr)


def _live_names(settings: Settings, kind: str) -> set[str] | None:
    import apsw  # noqa: PLC0415 - as in __main__: a command loads what it needs

    from fencepost_gateway.errors import StartError  # noqa: PLC0415
    from fencepost_gateway.stores.sqlite_reading import read_live  # noqa: PLC0415

    if settings.store == "memory":
        return None
    try:
        rows = read_live(settings.data_dir)
    except (StartError, OSError, apsw.Error):
        return None  # the doctor says what is wrong with it
    if kind == "fence":
        return {row.id for row in rows if row.kind == "fence"}
    return set(_teams(row.body for row in rows if row.kind == "library"))


def _teams(bodies: Iterable[bytes]) -> Iterable[str]:
    for body in bodies:
        team = json.loads(body).get("team")
        if isinstance(team, str):
            yield team
