"""
Tracker: a device's fixes against all fences.

Pure; updates the device's state in place. ``membership`` decides about one fence, the tracker about
which fences a fix concerns.

Rule 1. A fix concerns the fences it lies within ``index.REACH_M`` of (by their boxes) and the
        fences the device is inside of; all others neither cost nor change anything. An estimate
        somewhere else than its fix never puts anybody into a fence the fix is not near.
Rule 2. A fix that cannot speak is dropped and counted by reason, and leaves no trace: ``mock``,
        ``null_island`` (0, 0), ``bad_position`` (no number in range), ``late`` (not newer than the
        last one; so a duplicate too).
Rule 3. Of one fix, fences held are told first, then new ones, each in order of their ids.
Rule 4. A fence that is gone from the index ends silently: nobody left it, so there is no EXIT.
        A fence whose shape changed is judged by the next fix.
Rule 5. Every fix is remembered, few are weighed: the filter is folded, and distances are measured,
        only for fixes that concern a fence. What was not weighed then is caught up on later, so
        nobody can tell (``trail``).
Rule 6. Positions do not outlive ``KEEP_MS``: when no fix comes, ``tick`` empties the trail. By then
        the filter would start afresh anyway.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from fencepost_geofence import verdict
from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import Fix
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.membership import (
    DeviceState,
    Transition,
    due_dwells,
    next_dwell_ms,
    step,
)
from fencepost_geofence.sphere import POLE_DEG, SEAM_DEG

KEEP_MS: Final = 22 * 3_600_000  # and at most an hour more: raw positions may be kept for 24 h
KEEP_STEP_MS: Final = 3_600_000  # so that the moment does not move with every fix

DropReason = Literal["mock", "null_island", "bad_position", "late"]


@dataclass(slots=True)
class Followed:
    """
    What a group of fixes led to.

    Attributes:
        transitions: In order.
        dropped: How many fixes, by reason.
        weighed: How many times a fix was weighed for a fence, by fence and reason.

    """

    transitions: list[Transition] = field(default_factory=list)
    dropped: dict[DropReason, int] = field(default_factory=dict)
    weighed: dict[tuple[str, verdict.Reason], int] = field(default_factory=dict)


class Tracker:
    """Follows devices over the fences of one index; holds no state of its own."""

    def __init__(self, index: FenceIndex) -> None:
        self.index = index

    def follow(self, state: DeviceState, fixes: Iterable[Fix]) -> Followed:
        """
        Let a device move.

        Args:
            state: The device's state; updated in place.
            fixes: Its fixes in order of time.

        Returns:
            The transitions, what was dropped, and how fixes were weighed.

        """
        followed = Followed()
        usable = _usable(state.last_at_ms, fixes, followed.dropped)
        lats = [fix.lat for fix in usable]
        near = self.index.near(lats, [fix.lon for fix in usable])
        for fix, fences in zip(usable, near, strict=True):
            state.trail.add(fix, state.last_at_ms)
            if fences or state.fences:
                self._judge(state, fix, fences, followed)
            state.last_at_ms = fix.at_ms
        return followed

    def tick(self, state: DeviceState, now_ms: int) -> list[Transition]:
        """
        Let time pass without a fix.

        Tells the DWELLs that fell due by ``now_ms``, in order of their moments, and lets old
        positions go (rule 6).
        """
        keep_until_ms = _keep_until_ms(state)
        if keep_until_ms is not None and keep_until_ms <= now_ms:
            state.trail.forget()
        told: list[Transition] = []
        for fence in self._held(state):
            told += due_dwells(state, fence, now_ms)
        return sorted(told, key=lambda one: (one.at_ms, one.fence_id))

    def next_tick_ms(self, state: DeviceState) -> int | None:
        """Give the moment from which ``tick`` has something to do if no fix comes before."""
        moments = [next_dwell_ms(state, fence) for fence in self._held(state)]
        moments.append(_keep_until_ms(state))
        return min((moment for moment in moments if moment is not None), default=None)

    def _judge(
        self, state: DeviceState, fix: Fix, near: Sequence[Fence], followed: Followed
    ) -> None:
        """Weigh one fix against the fences it concerns (rules 1 and 3)."""
        concerned = []
        near_ids = {fence.fence_id for fence in near}
        for fence in self._held(state):
            if fence.fence_id in near_ids or state.fences[fence.fence_id].side.is_inside:
                concerned.append(fence)
            else:
                del state.fences[fence.fence_id]
        concerned += [fence for fence in near if fence.fence_id not in state.fences]
        if not concerned:
            return
        weighed = state.trail.weigh()
        for fence in concerned:
            told, reason = step(state, fence, fix, weighed, fence.shape.signed_distance_m)
            followed.transitions += told
            said = fence.fence_id, reason
            followed.weighed[said] = followed.weighed.get(said, 0) + 1

    def _held(self, state: DeviceState) -> list[Fence]:
        """Give the fences held, in order of their ids; forget those that are gone (rule 4)."""
        held = []
        for fence_id in sorted(state.fences):
            if fence := self.index.get(fence_id):
                held.append(fence)
            else:
                del state.fences[fence_id]
        return held


def _keep_until_ms(state: DeviceState) -> int | None:
    """Say when the device's positions have to go; None when it has none."""
    if state.last_at_ms is None or not state.trail.fixes:
        return None
    return ((state.last_at_ms + KEEP_MS) // KEEP_STEP_MS + 1) * KEEP_STEP_MS


def _usable(
    last_at_ms: int | None, fixes: Iterable[Fix], dropped: dict[DropReason, int]
) -> list[Fix]:
    usable = []
    for fix in fixes:
        reason: DropReason
        if fix.is_mock:
            reason = "mock"
        elif not (-POLE_DEG <= fix.lat <= POLE_DEG and -SEAM_DEG <= fix.lon <= SEAM_DEG):
            reason = "bad_position"
        elif fix.lat == 0 and fix.lon == 0:
            reason = "null_island"
        elif last_at_ms is not None and fix.at_ms <= last_at_ms:
            reason = "late"
        else:
            last_at_ms = fix.at_ms
            usable.append(fix)
            continue
        dropped[reason] = dropped.get(reason, 0) + 1
    return usable
