"""Batches as they come over the wire, and what the gateway calls whom they are about."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from fencepost_gateway.decide.ids import person_id_of_user, person_id_of_visitor
from fencepost_gateway.intake import wire
from fencepost_gateway.intake.wire import Batch
from gateway.policies import WORKSPACE

NOW_MS = 1_777_885_200_000  # 2026-05-04T09:00:00Z
MINUTE_MS = 60_000
DAY_MS = 86_400_000


def moment(at_ms: int) -> str:
    """Write a moment as it stands on the wire."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")


def event(seq: int, kind: str = "track", at_ms: int = NOW_MS, **members: Any) -> dict[str, Any]:
    """Give an event; an app event has a name unless it is told another."""
    named = {"name": "opened"} if kind in {"track", "screen"} else {}
    head = {"seq": seq, "event_id": f"e-{seq}", "type": kind, "at": moment(at_ms)}
    return {**head, **named, **members}


def consent(seq: int, at_ms: int = NOW_MS, **values: str) -> dict[str, Any]:
    """Give a statement about purposes, for every channel."""
    return event(seq, "consent", at_ms, values=values, method="toggle")


def fix(seq: int, at_ms: int = NOW_MS, **members: Any) -> dict[str, Any]:
    """Give a position reading in Leipzig."""
    place = {"lat": 51.339812, "lon": 12.373456, "accuracy_m": 12.0}
    return event(seq, "fix", at_ms, **(place | members))


def batch(
    *events: Any,
    anonymous_id: str = "a-1",
    user_id: str | None = None,
    sent_ms: int = NOW_MS,
    device_id: str = "device-1",
    stream: str = "stream-1",
    oldest_seq: int = 1,
) -> Batch:
    """Give a decoded envelope; an event given as bytes goes in as it is."""
    raw = [e if isinstance(e, bytes) else msgspec.json.encode(e) for e in events]
    envelope = {
        "v": 1,
        "device_id": device_id,
        "stream": stream,
        "oldest_seq": oldest_seq,
        "sent_at": moment(sent_ms),
        "who": {"anonymous_id": anonymous_id, "user_id": user_id},
        "events": [msgspec.Raw(body) for body in raw],
    }
    return wire.decode_batch(msgspec.json.encode(envelope))


def visitor(anonymous_id: str = "a-1") -> str:
    """Give the person id of somebody unknown."""
    return person_id_of_visitor(WORKSPACE, anonymous_id)


def user(user_id: str) -> str:
    """Give the person id of somebody known."""
    return person_id_of_user(WORKSPACE, user_id)
