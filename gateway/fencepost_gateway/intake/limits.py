"""
Limits: what one event may hold. The numbers stand here once, each with its reason.

Pure. A value that backends would treat differently (NUL, integers a JavaScript client cannot
hold) is refused at the door, so both deployments behave the same.
"""

from __future__ import annotations

from typing import Any

BODY_MAX_BYTES = 1 << 20  # one request on the wire: a minute of a busy phone is ~20 KiB
INFLATED_MAX_BYTES = 8 << 20  # what one request may cost in memory
RATIO_MAX = 100  # beyond 64 KiB; real JSON stays under 20
RATIO_FREE_BYTES = 64 << 10
EVENTS_MAX = 500
EVENT_MAX_BYTES = 64 << 10
DEPTH_MAX = 20
KEYS_MAX = 256
KEY_MAX_BYTES = 128
STRING_MAX_BYTES = 8 << 10
PLAIN_MAX = STRING_MAX_BYTES // 4  # a character takes at most four bytes
ARRAY_MAX = 1024
INTEGER_MAX = (1 << 53) - 1  # what a double holds exactly
AGE_MAX_MS = 31 * 86_400_000  # SDKs keep events 30 days
FUTURE_MAX_MS = 5 * 60_000
SKEW_FREE_MS = 30_000
YEAR_1_MS, YEAR_10000_MS = -62_135_596_800_000, 253_402_300_800_000  # what a date can hold


def fault(value: Any, depth: int = 1) -> tuple[str, str] | None:
    """
    Find the first thing in a decoded JSON value that is over a limit.

    Returns:
        The verdict code and the path below ``value`` (empty for itself), or None.

    """
    kind = type(value)
    if kind is str:
        return _text_fault(value)
    if kind is int:
        return None if -INTEGER_MAX <= value <= INTEGER_MAX else ("integer_range", "")
    if kind is float:
        return None if value - value == 0 else ("number_range", "")
    if kind is dict:
        return _object_fault(value, depth)
    if kind is list:
        return _array_fault(value, depth)
    return None


def is_plain(text: str) -> bool:
    """Say whether a text is fine at first sight; if not, ``fault`` says more."""
    return "\0" not in text and len(text) <= PLAIN_MAX


def _text_fault(value: str) -> tuple[str, str] | None:
    if "\0" in value:
        return ("nul", "")
    if len(value) > PLAIN_MAX and len(value.encode()) > STRING_MAX_BYTES:
        return ("too_large", "")
    return None


def _object_fault(value: dict[str, Any], depth: int) -> tuple[str, str] | None:
    if depth > DEPTH_MAX:
        return ("depth", "")
    if len(value) > KEYS_MAX:
        return ("keys", "")
    for key, member in value.items():
        if "\0" in key:
            return ("nul", "")
        if len(key.encode()) > KEY_MAX_BYTES:
            return ("keys", "")
        found = fault(member, depth + 1)
        if found is not None:
            return (found[0], f"{key}.{found[1]}".rstrip("."))
    return None


def _array_fault(value: list[Any], depth: int) -> tuple[str, str] | None:
    if depth > DEPTH_MAX:
        return ("depth", "")
    if len(value) > ARRAY_MAX:
        return ("too_large", "")
    for index, member in enumerate(value):
        found = fault(member, depth + 1)
        if found is not None:
            return (found[0], f"{index}.{found[1]}".rstrip("."))
    return None
