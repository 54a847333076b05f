"""
Difference: what was changed in a document, as its author would say it.

Pure. Of two bodies (plain JSON) the members that are not alike, each with its spot and both values.

Rule 1. What has an ``id`` in a list (the steps of a journey) is the same thing wherever it stands
        now, so a step put in between is one line, not a new rest of the journey.
Rule 2. Of a text of several lines the first line that is not alike is shown.
Rule 3. Values are shown short, ``CHANGES_MAX`` of them a document; the documents have them all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import islice, zip_longest
from typing import Any, Final

from msgspec import Struct

from fencepost_gateway.documents.document import canonical_json

CHANGES_MAX: Final = 20
VALUE_MAX: Final = 80
ITEMS_MAX: Final = 500  # of a list, such as the corners of a fence; longer ones are not aligned
STEP: Final = "step "
_GONE: Final = object()


class Change(Struct, frozen=True):
    """One member that is not alike; ``was`` or ``now`` is None where it was not there."""

    where: str
    was: str | None
    now: str | None

    def __str__(self) -> str:
        """Write the change on one line."""
        if self.was is None:
            return f"+ {self.where}: {self.now}"
        if self.now is None:
            return f"- {self.where}: {self.was}"
        return f"~ {self.where}: {self.was} -> {self.now}"


def differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Give what is not alike, one more than ``CHANGES_MAX`` at most."""
    return list(islice(_of_mappings(was, now, ""), CHANGES_MAX + 1))


def _compare(was: object, now: object, where: str) -> Iterator[Change]:
    if was is not _GONE and now is not _GONE and canonical_json(was) == canonical_json(now):
        return
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        yield from _of_mappings(was, now, where)
    elif isinstance(was, list) and isinstance(now, list):
        yield from _of_lists(was, now, where)
    elif isinstance(was, str) and isinstance(now, str) and "\n" in was.strip() + now.strip():
        yield _of_texts(was, now, where)
    else:
        yield Change(where, _shown(was), _shown(now))


def _of_mappings(was: Mapping[str, Any], now: Mapping[str, Any], where: str) -> Iterator[Change]:
    for name in dict.fromkeys([*now, *was]):
        below = f"{where}{', ' if where.startswith(STEP) and ',' not in where else '.'}{name}"
        yield from _compare(was.get(name, _GONE), now.get(name, _GONE), below if where else name)


def _of_lists(was: list[Any], now: list[Any], where: str) -> Iterator[Change]:
    if max(len(was), len(now)) > ITEMS_MAX:
        yield Change(where, f"{len(was)} items", f"{len(now)} items, others")
        return
    matcher = SequenceMatcher(None, _names(was), _names(now), autojunk=False)
    for _, i, i_end, j, j_end in matcher.get_opcodes():
        for old, new in zip_longest(range(i, i_end), range(j, j_end)):
            if old is not None and new is not None and _own_id(was[old]) == _own_id(now[new]):
                yield from _compare(was[old], now[new], _item(where, now, new))
                continue
            if old is not None:
                yield from _compare(was[old], _GONE, _item(where, was, old))
            if new is not None:
                yield from _compare(_GONE, now[new], _item(where, now, new))


def _item(where: str, items: Sequence[object], number: int) -> str:
    """Name what is in a list; a step as its author knows it: by id, else by number from 1."""
    if where == "steps":
        return f"{STEP}{_own_id(items[number]) or number + 1}"
    return f"{where}.{number}"


def _names(items: Sequence[object]) -> list[bytes]:
    """Name what is in a list, so that the same thing is found again (Rule 1)."""
    return [canonical_json(_own_id(each) or each) for each in items]


def _own_id(item: object) -> object:
    return item.get("id") if isinstance(item, Mapping) else None


def _of_texts(was: str, now: str, where: str) -> Change:
    lines = list(zip_longest(was.splitlines(), now.splitlines(), fillvalue=""))
    number = next((n for n, (a, b) in enumerate(lines) if a != b), 0)
    old, new = lines[number] if lines else ("", "")
    return Change(f"{where} (line {number + 1})", _shown(old), _shown(new))


def _shown(value: object) -> str | None:
    if value is _GONE:
        return None
    text = value if isinstance(value, str) and value.strip() == value != "" else _json(value)
    return text if len(text) <= VALUE_MAX else f"{text[: VALUE_MAX - 1]}…"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
