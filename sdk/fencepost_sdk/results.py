"""
Results: what the public calls give back.

Pure. Every record prints safely: ids, counts and codes, no coordinates, no addresses, no secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Tracked(NamedTuple):
    """
    What became of a call that makes an event.

    Attributes:
        event_id: The event's id; empty when it never became one.
        level: ``os`` (survives the app), ``fsync`` (survives the power), ``memory`` (no store could
            be opened), ``held`` (kept until consent is answered), ``dropped``.
        reason: Why it was dropped; empty otherwise.

    """

    event_id: str
    level: str
    reason: str = ""


class FlushResult(NamedTuple):
    """How many events a flush sent, how many are left, and why (empty: nothing is left)."""

    sent: int
    left: int
    why: str


class ConsentEntry(NamedTuple):
    """
    What holds for a purpose now.

    Attributes:
        value: What was said for every channel, ``u`` when nothing was.
        allowed: Whether the purpose is allowed, dependencies included.
        decided_by: The purpose whose statement decided that.
        said_for: ``any``, a channel, or ``policy`` when nothing was said.
        channels: What was said for single channels.

    """

    value: str
    allowed: bool
    decided_by: str
    said_for: str
    channels: Mapping[str, str]


class Status(NamedTuple):
    """
    How the client is.

    Attributes:
        state: ``ok``, ``waiting``, ``held``, ``stopped`` or ``closed``.
        sentence: The same in words.
        last_code: Code of the last failed request; empty after a success.
        next_attempt_s: Seconds to the next try; None when nothing waits for one.

    """

    state: str
    sentence: str
    last_code: str
    next_attempt_s: float | None


class Stats(NamedTuple):
    """
    Counts since the store began, unless said otherwise.

    Attributes:
        queued: Events that may be sent, by class.
        queued_bytes: Their bytes.
        held: Events that wait for consent.
        quarantined: Events set aside because no request with them was understood.
        oldest_age_s: Age of the oldest event that may be sent.
        acknowledged: Events the gateway accepted, or knew already.
        losses: Events that will never arrive, by reason.
        refused: Calls of this run that made no event, by reason.
        faults: Errors inside the SDK or in the host's callbacks, in this run.
        invalid_calls: Calls with wrong arguments, in this run.
        uploads: Requests of this run that were answered by the gateway.
        ack_level: What the gateway's last answer promises.
        clock_shift_ms: Gateway's clock less ours at the last answer; None before it.
        consent_synced: Whether the gateway has answered every consent change.
        level: What ``Tracked.level`` a stored event has.

    """

    queued: Mapping[str, int]
    queued_bytes: int
    held: int
    quarantined: int
    oldest_age_s: float
    acknowledged: int
    losses: Mapping[str, int]
    refused: Mapping[str, int]
    faults: int
    invalid_calls: int
    uploads: int
    ack_level: str
    clock_shift_ms: int | None
    consent_synced: bool
    level: str


class Check(NamedTuple):
    """One check of an explanation: its name, whether it passed (None: still open), the facts."""

    name: str
    passed: bool | None
    detail: str


class Explanation(NamedTuple):
    """Ordered checks about one subject, and the gateway's own record when it was asked."""

    subject: str
    checks: tuple[Check, ...]
    remote: Mapping[str, object] | None = None
