"""
Failpoints: places at which a test lets this process die, freeze, fail or be slow.

``FENCEPOST_FAILPOINT=name:action:probability:seed``, several with commas. Off unless it is set; the
start is refused where one is set and ``environment`` is not ``test``.

Rule 1. Actions: ``crash`` (SIGKILL to itself), ``pause`` (SIGSTOP to itself), ``raise`` and
        ``delay`` (a fifth of a second).
Rule 2. A place fires with its probability, drawn by seed and how often it was reached, so a seed
        repeats a plan.
Rule 3. Every name is in ``NAMES``; a name that is not refuses the start.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Final

from fencepost_gateway.decide.ids import chance
from fencepost_gateway.errors import StartError

SEND: Final = (
    "send.after_claim_commit",
    "send.before_connect",
    "send.after_connect",
    "send.mid_body",
    "send.after_accept_before_confirm",
    "send.before_confirm_commit",
    "send.after_confirm",
)
RECONCILE: Final = ("reconcile.before_unknown", "reconcile.after_unknown")
NAMES: Final = (
    "ingest.after_read",
    "ingest.after_dedupe",
    "ingest.before_append",
    "ingest.before_commit",
    "ingest.after_commit_before_reply",
    "pipeline.after_fetch",
    "pipeline.after_fence",
    "pipeline.after_journey",
    "pipeline.before_commit",
    "pipeline.after_commit_before_stream_ack",
    *SEND,
    *RECONCILE,
    "timer.after_append_before_mark",
    "callback.after_append_before_reply",
    "erase.half",
    "erase.before_shred",
    "checkpoint.mid",
)
ACTIONS: Final = ("crash", "pause", "raise", "delay")
DELAY_S: Final = 0.2


class FailpointError(Exception):
    """A test wanted this place to fail."""


@dataclass(frozen=True, slots=True)
class Point:
    """What happens at a place, how likely."""

    action: str
    probability: float
    seed: str


class Failpoints:
    """The places that are armed; none unless a test says so."""

    def __init__(self, points: dict[str, Point] | None = None) -> None:
        self._points = points or {}
        self._reached: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def is_armed(self) -> bool:
        """Say whether there is any."""
        return bool(self._points)

    def reach(self, name: str) -> None:
        """Say that a place was reached."""
        point = self._points.get(name)
        if point is None:
            return
        with self._lock:
            self._reached[name] += 1
            drawn = chance(point.seed, name, str(self._reached[name]))
        if drawn < point.probability:
            _act(name, point.action)


def _act(name: str, action: str) -> None:
    if action == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "pause":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif action == "delay":
        threading.Event().wait(DELAY_S)
    else:
        raise FailpointError(name)


def read_failpoints(text: str, environment: str) -> Failpoints:
    """
    Read the setting.

    Raises:
        StartError: It is set outside ``test``, or names no place or action.

    """
    if not text:
        return Failpoints()
    if environment != "test":
        raise StartError("FENCEPOST_FAILPOINT is for tests: unset it, or set environment to test")
    points = {}
    for each in text.split(","):
        name, _, rest = each.strip().partition(":")
        action, _, drawn = rest.partition(":")
        probability, _, seed = drawn.partition(":")
        try:
            share = float(probability or "1")
        except ValueError:
            share = -1.0
        if name not in NAMES or action not in ACTIONS or not 0 <= share <= 1:
            raise StartError(
                "FENCEPOST_FAILPOINT: write name:action:probability:seed with an action of "
                f"{', '.join(ACTIONS)} and a name of {', '.join(NAMES)}"
            )
        points[name] = Point(action, share, seed)
    return Failpoints(points)
