"""
Members: the properties an author may give a fence, read one by one.

Pure. Used by ``geojson``; the words are those of the authoring format.

Rule 1. A duration is a whole number and one of ``s m h d``, like ``30s 10m 2h 7d``.
Rule 2. An unknown member is a fault that names the nearest known one. With ``is_foreign`` (files
        that were not written for us) unknown members are passed over.
Rule 3. ``approach_s`` carries its unit in its name, so it is a number and no duration.
Rule 4. Members that only make sense together are checked together, against the defaults of those
        that are not given.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, get_args

from fencepost_geofence.evidence import ENTER_AT, LEAVE_AT
from fencepost_geofence.fence import Emit
from fencepost_geofence.rings import Fault, is_within

Faults = list[Fault]

MAX_DURATION_S: Final = 366 * 86_400
_ID: Final = re.compile(r"[a-z0-9-]{1,64}")
_DURATION: Final = re.compile(r"([0-9]{1,9})([smhd])")
_UNITS_S: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
MIN_REPEAT_S: Final = 60  # oftener is a heartbeat, not a DWELL
MIN_APPROACH_S: Final = 10
MAX_APPROACH_S: Final = 3_600  # nobody keeps a course for longer
_CHANCES: Final = {"enter_at": (0.5, 0.99), "leave_at": (0.01, 0.5)}
_GEOMETRIC: Final = frozenset({"id", "radius_m", "width_m"})  # read beside the geometry
_TEXT_MAX: Final = 8_192
_TAG_MAX: Final = 64
_QUOTE_MAX: Final = 40


def is_fence_id(value: object) -> bool:
    """Say whether a value can be the id of a fence."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def parse_duration_s(text: object) -> int | None:
    """Read ``30s 10m 2h 7d`` as seconds; anything else, or more than 366 days, is None."""
    found = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if not found:
        return None
    seconds = int(found[1]) * _UNITS_S[found[2]]
    return seconds if seconds <= MAX_DURATION_S else None


def format_duration(seconds: int) -> str:
    """Write seconds in the largest unit that loses nothing."""
    for unit, size in _UNITS_S.items():
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return "0s"


def read_members(
    properties: Mapping[str, Any], faults: Faults, *, is_foreign: bool
) -> dict[str, Any]:
    """
    Read properties into arguments of ``Fence``.

    Args:
        properties: Members of ``properties`` of a feature.
        faults: Takes what is wrong, with paths below ``properties``.
        is_foreign: Pass unknown members over.

    Returns:
        What was given and is right, by field name of ``Fence``.

    """
    fields: dict[str, Any] = {}
    for member, value in properties.items():
        if reader := _READERS.get(member):
            fields.update(reader(member, value, faults))
        elif not is_foreign and member not in _GEOMETRIC:
            faults.append(_unknown(str(member)))
    faults.extend(_misfits(fields))
    return fields


def quoted(value: object) -> str:
    """Show a value from a file, shortened and escaped."""
    if isinstance(value, str):
        return repr(value) if len(value) <= _QUOTE_MAX else f"{value[:_QUOTE_MAX]!r}..."
    if isinstance(value, bool | float | None):
        return repr(value)
    is_short = isinstance(value, int) and abs(value) < 1 << 63
    return repr(value) if is_short else f"this {type(value).__name__}"


def _unknown(member: str) -> Fault:
    path = f"properties.{member[:64]}"
    known = sorted({*_READERS, *_GEOMETRIC})
    near = difflib.get_close_matches(member[:64], known, n=1)
    how = f"did you mean {near[0]}?" if near else f"known members: {', '.join(known)}"
    return Fault(path, f"unknown member {quoted(member)}", how)


def _misfits(fields: Mapping[str, Any]) -> list[Fault]:
    """Find members that are right alone and wrong together (rule 4)."""
    wrong = []
    if fields.get("enter_at", ENTER_AT) <= fields.get("leave_at", LEAVE_AT):
        what = "enter_at must be above leave_at"
        wrong.append(Fault("properties.enter_at", what, "raise it, or lower leave_at"))
    if "dwell_repeat_s" in fields and not fields.get("dwell_after_s"):
        what = "dwell_repeat needs a dwell_after to follow"
        wrong.append(Fault("properties.dwell_repeat", what, 'add "dwell_after": "5m"'))
    return wrong


def _text(member: str, value: object, faults: Faults) -> dict[str, Any]:
    if isinstance(value, str) and len(value) <= _TEXT_MAX and "\0" not in value:
        return {member: value}
    what = f"{member} must be text of at most {_TEXT_MAX:,} characters without NUL"
    faults.append(Fault(f"properties.{member}", what, "put it in quotes, or shorten it"))
    return {}


def _library(member: str, value: object, faults: Faults) -> dict[str, Any]:
    if is_fence_id(value):
        return {member: value}
    how = "use 1 to 64 of a-z, 0-9 and -"
    faults.append(Fault(f"properties.{member}", f"{quoted(value)} is not an id", how))
    return {}


def _tags(member: str, value: object, faults: Faults) -> dict[str, Any]:
    if isinstance(value, list) and all(
        isinstance(tag, str) and 0 < len(tag) <= _TAG_MAX for tag in value
    ):
        return {member: frozenset(value)}
    what = f"{member} must be a list of texts of 1 to {_TAG_MAX} characters"
    faults.append(Fault(f"properties.{member}", what, 'write ["studio", "yoga"]'))
    return {}


def _place(member: str, value: object, faults: Faults) -> dict[str, Any]:
    path = f"properties.{member}"
    if not isinstance(value, dict):
        what = f"{member} must be an object"
        faults.append(Fault(path, what, 'write {"name": ..., "meta": {...}}'))
        return {}
    faults.extend(
        Fault(f"{path}.{key[:64]}", f"unknown member {quoted(key)}", "known members: name, meta")
        for key in value.keys() - {"name", "meta"}
    )
    name = value.get("name", "")
    meta = value.get("meta", {})
    if not isinstance(name, str):
        faults.append(Fault(f"{path}.name", "name must be text", "put it in quotes"))
    if not isinstance(meta, dict):
        faults.append(Fault(f"{path}.meta", "meta must be an object", 'write {"gym": true}'))
    return {"place_name": name, "meta": meta}


def _flag(member: str, value: object, faults: Faults) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"passes" if member == "pass" else member: value}
    faults.append(Fault(f"properties.{member}", f"{member} must be true or false", "write true"))
    return {}


def _duration(member: str, value: object, faults: Faults) -> dict[str, Any]:
    seconds = parse_duration_s(value)
    if seconds is None or (seconds == 0 and member != "cooldown"):
        faults.append(_no_duration(f"properties.{member}", value))
        return {}
    return {f"{member}_s": seconds}


def _durations(member: str, value: object, faults: Faults) -> dict[str, Any]:
    given = value if isinstance(value, list) else [value]
    read = [parse_duration_s(each) for each in given]
    wrong = [
        _no_duration(f"properties.{member}" + (f"[{i}]" if given is value else ""), given[i])
        for i, seconds in enumerate(read)
        if not seconds
    ]
    faults.extend(wrong)
    return {} if wrong else {f"{member}_s": tuple(sorted({each for each in read if each}))}


def _repeat(member: str, value: object, faults: Faults) -> dict[str, Any]:
    read = _duration(member, value, faults)
    if all(seconds >= MIN_REPEAT_S for seconds in read.values()):
        return read
    what = f"{quoted(value)} is too often"
    faults.append(Fault(f"properties.{member}", what, "write 1m or longer"))
    return {}


def _seconds(member: str, value: object, faults: Faults) -> dict[str, Any]:
    if isinstance(value, int) and is_within(value, MIN_APPROACH_S, MAX_APPROACH_S):
        return {member: value}
    what = f"{quoted(value)} is no number of seconds for {member}"
    how = f"give a whole number of seconds, {MIN_APPROACH_S} ... {MAX_APPROACH_S:,}"
    faults.append(Fault(f"properties.{member}", what, how))
    return {}


def _chance(member: str, value: object, faults: Faults) -> dict[str, Any]:
    least, most = _CHANCES[member]
    if is_within(value, least, most):
        return {member: value}
    what = f"{quoted(value)} is no probability for {member}"
    faults.append(Fault(f"properties.{member}", what, f"give a number, {least} ... {most}"))
    return {}


def _emit(member: str, value: object, faults: Faults) -> dict[str, Any]:
    if isinstance(value, str) and value in get_args(Emit):
        return {member: value}
    how = "write live (at once) or settled (10 minutes later, and never corrected)"
    faults.append(Fault(f"properties.{member}", f"{quoted(value)} is no way to emit", how))
    return {}


def _no_duration(path: str, value: object) -> Fault:
    how = "write a whole number and s, m, h or d (30s 10m 2h 7d), up to 366d"
    return Fault(path, f"{quoted(value)} is not a duration", how)


_READERS: Final[Mapping[str, Callable[[str, object, Faults], dict[str, Any]]]] = {
    "name": _text,
    "active": _text,
    "zone": _text,
    "tags": _tags,
    "place": _place,
    "library": _library,
    "dwell_after": _durations,
    "dwell_repeat": _repeat,
    "presence_ttl": _duration,
    "cooldown": _duration,
    "enter_at": _chance,
    "leave_at": _chance,
    "pass": _flag,
    "approach_s": _seconds,
    "emit": _emit,
    "sensitive": _flag,
}
