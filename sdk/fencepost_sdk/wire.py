"""
Wire: values and events as bytes of protocol v1.

Pure. What the gateway would refuse is refused here, at the call, where the developer sees it.

Rule 1. An event is serialised once, with ``seq`` and ``event_id`` in it and nothing of the
        transport; a batch is spliced from those bytes, so a repeat is the same to the byte.
Rule 2. Moments travel as RFC 3339, UTC, ``Z``, milliseconds; inside they are epoch milliseconds.
Rule 3. ``check`` names the first offence by a code of sdk.md section 4.1 and its path, never by
        the value: values may be personal.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from fencepost_sdk.limits import Limits

VERSION = 1
SDK = {"name": "python", "version": "0.1.0"}
INTEGER_MAX = 2**53 - 1
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WireError(NamedTuple):
    """Why a value cannot travel: a verdict code and the path to the offence."""

    code: str
    path: str


class Loss(NamedTuple):
    """Events of one stream that will not come: ``lo`` to ``hi``, both included."""

    loss_id: int
    reason: str
    klass: str
    stream: str
    lo: int
    hi: int


def check(value: object, limits: Limits, path: str, depth: int = 1) -> WireError | None:
    """Name the first thing in ``value`` that the wire cannot carry, or None."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return _check_text(value, limits.string_bytes, path)
    if isinstance(value, int):
        return None if -INTEGER_MAX <= value <= INTEGER_MAX else WireError("integer_range", path)
    if isinstance(value, float):
        return None if math.isfinite(value) else WireError("number_range", path)
    if depth > limits.depth:
        return WireError("depth", path)
    if isinstance(value, Mapping):
        return _check_object(value, limits, path, depth)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return _check_array(value, limits, path, depth)
    return WireError("type", path)


def _check_text(text: str, limit_bytes: int, path: str) -> WireError | None:
    if "\0" in text:
        return WireError("nul", path)
    if not text.isascii():
        try:
            size = len(text.encode())
        except UnicodeEncodeError:  # a lone surrogate is no character
            return WireError("bad_value", path)
    else:
        size = len(text)
    return None if size <= limit_bytes else WireError("too_large", path)


def _check_object(
    value: Mapping[Any, object], limits: Limits, path: str, depth: int
) -> WireError | None:
    if len(value) > limits.keys:
        return WireError("keys", path)
    for key, member in value.items():
        if not isinstance(key, str):
            return WireError("type", path)
        found = _check_text(key, limits.key_bytes, path) or check(
            member, limits, f"{path}.{key}", depth + 1
        )
        if found is not None:
            return found
    return None


def _check_array(
    value: Sequence[object], limits: Limits, path: str, depth: int
) -> WireError | None:
    if len(value) > limits.array:
        return WireError("too_large", path)
    for index, member in enumerate(value):
        found = check(member, limits, f"{path}.{index}", depth + 1)
        if found is not None:
            return found
    return None


def encode(value: object) -> bytes:
    """Serialise a checked value: UTF-8, no spaces."""
    text = json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain
    )
    return text.encode()


def _plain(value: object) -> object:
    """Turn any mapping or sequence into what JSON knows."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"a {type(value).__name__} cannot travel: give text, number, list or mapping")


def encode_event(
    seq: int, event_id: str, kind: str, at_ms: int, fields: Mapping[str, object]
) -> bytes:
    """Serialise one event; these bytes are stored and sent as they are (Rule 1)."""
    head = {"seq": seq, "event_id": event_id, "type": kind, "at": moment_text(at_ms)}
    return encode({**head, **fields})


def batch_body(envelope: Mapping[str, object], events: Sequence[bytes]) -> bytes:
    """Splice a batch request from what stands once and the stored bytes of its events."""
    return encode(envelope)[:-1] + b',"events":[' + b",".join(events) + b"]}"


def reports(losses: Sequence[Loss]) -> list[dict[str, object]]:
    """Say what will not come; a loss without a stream has no seqs to name."""
    told: list[dict[str, object]] = []
    for loss in losses:
        report: dict[str, object] = {
            "reason": loss.reason,
            "class": loss.klass,
            "count": loss.hi - loss.lo + 1,
        }
        if loss.stream:
            report |= {"stream": loss.stream, "seqs": [[loss.lo, loss.hi]]}
        told.append(report)
    return told


def moment_text(at_ms: int) -> str:
    """Write epoch milliseconds as RFC 3339 (Rule 2)."""
    at = EPOCH + timedelta(milliseconds=at_ms)
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def moment_ms(text: object) -> int | None:
    """Read RFC 3339 as epoch milliseconds; None when it is no moment with an offset."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if at.tzinfo is None else datetime_ms(at)


def datetime_ms(at: datetime) -> int:
    """Turn an aware moment into epoch milliseconds."""
    return (at - EPOCH) // timedelta(milliseconds=1)
