"""
Heard: which fixes may speak, and what came of them.

Pure, standard library only.

Rule 1. A fix that cannot speak is dropped and counted by reason, and leaves no trace: ``mock``,
        ``null_island`` (0, 0), ``bad_position`` (no number in range), ``late`` (older than the
        newest by more than ``HORIZON_MS``, or than what is settled), ``duplicate`` (of a moment
        that is known; of two that differ the more accurate one counts).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from operator import attrgetter
from typing import Literal

from fencepost_geofence import late, verdict
from fencepost_geofence.fix import Fix
from fencepost_geofence.sphere import POLE_DEG, SEAM_DEG
from fencepost_geofence.state import DeviceState, Transition
from fencepost_geofence.trail import HORIZON_MS

DropReason = Literal["mock", "null_island", "bad_position", "late", "duplicate"]


@dataclass(slots=True)
class Followed:
    """
    What a group of fixes led to.

    Attributes:
        transitions: In order.
        dropped: How many fixes, by reason.
        weighed: How many fixes concerned a fence, by fence and reason: those that were weighed for
            it, and as ``decided`` those that lay in it and told nothing new.

    """

    transitions: list[Transition] = field(default_factory=list)
    dropped: dict[DropReason, int] = field(default_factory=dict)
    weighed: dict[tuple[str, verdict.Reason], int] = field(default_factory=dict)

    def drop(self, reason: DropReason) -> None:
        """Count a fix that was dropped."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1


def usable(state: DeviceState, fixes: Iterable[Fix], followed: Followed) -> list[Fix]:
    """Give the fixes that may speak, in order of time, and count those that may not."""
    heard: list[Fix] = []
    last_ms = state.trail.last_ms
    oldest_ms = oldest_ms_of(state)
    for fix in sorted(fixes, key=attrgetter("at_ms")):
        if fix.is_mock:
            followed.drop("mock")
        elif not (-POLE_DEG <= fix.lat <= POLE_DEG and -SEAM_DEG <= fix.lon <= SEAM_DEG):
            followed.drop("bad_position")
        elif fix.lat == 0 and fix.lon == 0:
            followed.drop("null_island")
        elif fix.at_ms < oldest_ms:
            followed.drop("late")
        elif heard and heard[-1].at_ms == fix.at_ms:
            heard[-1] = late.better(heard[-1], fix)
            followed.drop("duplicate")
        else:
            heard.append(fix)
    if heard and last_ms is not None and heard[0].at_ms <= last_ms:
        news = late.unknown(state.trail, heard)
        for _ in range(len(heard) - len(news)):
            followed.drop("duplicate")
        return news
    return heard


def oldest_ms_of(state: DeviceState) -> float:
    """Give the moment before which evidence comes too late."""
    newest_ms = newest_ms_of(state)
    oldest_ms = -inf if newest_ms < 0 else newest_ms - HORIZON_MS
    return oldest_ms if state.settled_ms is None else max(oldest_ms, state.settled_ms + 1)


def newest_ms_of(state: DeviceState) -> int:
    """Give the newest moment of evidence: a fix, or a check-in."""
    last_ms = -1 if state.trail.last_ms is None else state.trail.last_ms
    return max(last_ms, state.check_ins[-1][0]) if state.check_ins else last_ms
