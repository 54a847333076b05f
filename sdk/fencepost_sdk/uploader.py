"""
Uploader: what is sent next, when, and what an answer does to the queue.

Pure: the shell hands in a view of the store, the moment (of a clock that never jumps) and chance;
it performs the ``Upload`` and brings the result back. Answers are classed in ``answer.py``.

Rule 1. One request in flight; events in the order they were stored. Consent changes go ahead, in a
        request of their own.
Rule 2. A batch is cut where stream or envelope (identity, context) changes, so these stand once.
Rule 3. Nothing is deleted but by its own verdict. A seq without a verdict, or ``retry``, stays.
Rule 4. Back-off: full jitter from [0.1 s, min(300 s, 0.5 s x 2^(n-1))]; ``Retry-After`` is a lower
        bound. No number of tries ends an event. A wish (``hurry``: flush, network back) permits one
        early try, at most each 30 s, never against ``Retry-After``.
Rule 5. ``malformed``: the events of that batch are suspects; half of the remaining suspects goes
        next, so one bad event is found in log2(n) requests, and is set aside when it fails alone.
        A second one set aside without a success between waits as after a failure: a gateway that
        understands nothing must not empty the queue.
Rule 6. 413: the bytes of a batch are halved until one passes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fencepost_sdk.answer import (
    FINAL_VERDICTS,
    RETRY_HIGH_S,
    TOO_LARGE,
    Answer,
    Halve,
    Later,
    Reply,
    Settled,
    react,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fencepost_sdk.limits import Limits

LOW_S = 0.1
BASE_S = 0.5
CAP_S = 300.0
HURRY_MS = 30_000
ENVELOPE_BYTES = 8 * 1024  # room that envelope and reports may take in a request
REPORTS_MAX = 64  # of ~120 bytes each: inside the room above


class Item(NamedTuple):
    """One stored event as the uploader sees it; ``key`` is its place in the queue."""

    key: int
    stream: str
    seq: int
    size: int
    envelope: int


class View(NamedTuple):
    """
    What the store holds.

    Attributes:
        urgent: The oldest consent changes, in order.
        ready: The oldest events that may be sent, in order; enough for one batch.
        events: How many may be sent in all.
        bytes: How many bytes they have.
        oldest_age_ms: How long the oldest of them has waited.
        is_wanted: A ``now`` event or a flush waits.

    """

    urgent: Sequence[Item] = ()
    ready: Sequence[Item] = ()
    events: int = 0
    bytes: int = 0
    oldest_age_ms: int = 0
    is_wanted: bool = False


class Upload(NamedTuple):
    """Send these, in one request."""

    items: tuple[Item, ...]
    is_consent: bool

    @property
    def stream(self) -> str:
        """The stream that the verdicts speak of."""
        return self.items[0].stream


class Wait(NamedTuple):
    """Ask again at ``until_ms``, or when the store changes."""

    until_ms: int


class Idle(NamedTuple):
    """Ask again when the store changes."""


class Decided(NamedTuple):
    """An event that the gateway ruled on: it leaves the queue."""

    key: int
    verdict: str
    code: str
    path: str


class Effects(NamedTuple):
    """What an answer does to the queue."""

    decided: tuple[Decided, ...] = ()
    quarantined: tuple[int, ...] = ()
    answer: Answer | None = None


class Uploader:
    """The state between requests; see the rules above."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._room = limits.batch_bytes - ENVELOPE_BYTES
        self._suspects: frozenset[int] = frozenset()
        self._in_flight: Upload | None = None
        self._failures = 0
        self._is_firm = False
        self._hurried_ms = -HURRY_MS
        self.not_before_ms = 0
        self.stopped = ""
        self.last_code = ""

    def next(self, view: View, now_ms: int) -> Upload | Wait | Idle:
        """Say what to do now."""
        if self._in_flight is not None or not (view.urgent or view.ready):
            return Idle()
        if now_ms < self.not_before_ms:
            return Wait(self.not_before_ms)
        if not view.urgent and not self._is_due(view):
            return Wait(now_ms + self._limits.trigger_age_ms - view.oldest_age_ms)
        items = self._cut(view.urgent or view.ready, is_consent=bool(view.urgent))
        self._in_flight = Upload(items, bool(view.urgent))
        return self._in_flight

    def done(self, upload: Upload, reply: Reply | None, chance: float, now_ms: int) -> Effects:
        """Take the result of ``upload`` (None: no answer) and say what it does to the queue."""
        if upload is not self._in_flight:
            raise ValueError("done() takes the upload that is in flight, once")
        self._in_flight = None
        reaction = react(reply, upload.stream)
        self.last_code = "" if isinstance(reaction, Settled) else reaction.code
        if isinstance(reaction, Settled):
            return self._settle(upload, reaction.answer, chance, now_ms)
        if isinstance(reaction, Halve):
            is_size = reply is not None and reply.status == TOO_LARGE
            return self._halve(upload, chance, now_ms, is_size=is_size)
        if isinstance(reaction, Later):
            self.stopped = ""
            self._back_off(reaction.retry_after_s, chance, now_ms)
        else:
            self.stopped = reaction.code
            self._is_firm = False
            self.not_before_ms = now_ms + int(RETRY_HIGH_S * 1_000)
        return Effects()

    def hurry(self, now_ms: int) -> None:
        """Permit one early try (Rule 4)."""
        if not self._is_firm and now_ms - self._hurried_ms >= HURRY_MS:
            self._hurried_ms = now_ms
            self.not_before_ms = min(self.not_before_ms, now_ms)

    def _is_due(self, view: View) -> bool:
        limits = self._limits
        return (
            view.is_wanted
            or view.events >= limits.trigger_events
            or view.bytes >= limits.trigger_bytes
            or view.oldest_age_ms >= limits.trigger_age_ms
        )

    def _cut(self, items: Sequence[Item], *, is_consent: bool) -> tuple[Item, ...]:
        """Take what one request may carry from the head (Rules 2, 5, 6); at least one event."""
        first, count, room = items[0], self._limits.batch_events, self._room
        if is_consent:
            room = min(room, self._limits.consent_bytes - ENVELOPE_BYTES)
        suspects = sum(item.key in self._suspects for item in items)
        is_suspect = first.key in self._suspects
        if is_suspect:
            count = min(count, max(1, suspects // 2))
        taken: list[Item] = []
        for item in items:
            same = (item.stream, item.envelope) == (first.stream, first.envelope)
            room -= item.size + 1
            fits = len(taken) < count and (room >= 0 or not taken)
            if not (same and fits and (item.key in self._suspects) == is_suspect):
                break
            taken.append(item)
        return tuple(taken)

    def _settle(self, upload: Upload, answer: Answer, chance: float, now_ms: int) -> Effects:
        decided: list[Decided] = []
        is_shed = False
        for item in upload.items:
            ruling = answer.of(item.seq)
            if ruling is not None and ruling.verdict in FINAL_VERDICTS:
                decided.append(Decided(item.key, ruling.verdict, ruling.code, ruling.path))
            is_shed = is_shed or (ruling is not None and ruling.verdict == "retry")
        self._suspects -= {each.key for each in decided}
        self.stopped = ""
        if is_shed or not decided or answer.retry_after_s is not None:
            self._back_off(answer.retry_after_s, chance, now_ms)
        if decided:
            self._failures = 0
        return Effects(decided=tuple(decided), answer=answer)

    def _halve(self, upload: Upload, chance: float, now_ms: int, *, is_size: bool) -> Effects:
        keys = tuple(item.key for item in upload.items)
        if len(keys) > 1:
            if is_size:
                self._room = sum(item.size + 1 for item in upload.items) // 2
            else:
                self._suspects = frozenset(keys)
            return Effects()
        self._suspects = frozenset()  # found: the others of that batch are not to blame
        self._room = self._limits.batch_bytes - ENVELOPE_BYTES
        if self._failures:
            self._back_off(None, chance, now_ms)
        else:
            self._failures = 1
        return Effects(quarantined=keys)

    def _back_off(self, retry_after_s: float | None, chance: float, now_ms: int) -> None:
        self._failures += 1
        self._is_firm = retry_after_s is not None
        top_s = min(CAP_S, BASE_S * 2 ** min(self._failures - 1, 30))
        delay_s = max(LOW_S + chance * (top_s - LOW_S), retry_after_s or 0.0)
        self.not_before_ms = now_ms + int(delay_s * 1_000)
