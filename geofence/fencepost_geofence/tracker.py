"""
Tracker: a device's fixes against all fences.

Pure; updates the device's state in place. ``membership`` decides about one fence, the tracker about
which fences a fix has to be weighed for; ``late`` goes back in time.

Rule 1. A fix is weighed for those fences only on whose other side it lies than the device is held
        to be, and for those in doubt. A fix on the side that is held tells nothing new. What was
        not weighed is caught up on when it is needed, so nobody can tell (``trail``).
Rule 2. A fix that cannot speak is dropped and counted by reason, and leaves no trace (``heard``).
Rule 3. Before each fix time passes until then, so that what timers tell does not depend on when
        they ran.
Rule 4. Of one fix, fences are told in order of their ids, first who is inside, then who comes by
        (``passing``); of time, in order of the moments.
Rule 5. A fence that is gone from the index, or came anew, ends silently: nobody left it, so there
        is no EXIT. A fence whose shape changed is judged by the next fix.
Rule 6. Positions do not outlive ``KEEP_MS``: when no fix comes, ``tick`` empties the trail. By then
        the filter would start afresh anyway.
Rule 7. A fence that emits ``settled`` is told of when no late fix can change it any more; all
        others at once. Who passes or approaches is told at once or not at all: a late fix neither
        tells it nor takes it back.
Rule 8. A check-in is evidence of its moment like a fix, with the same horizon (``arrive``).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from math import inf
from operator import attrgetter, itemgetter
from typing import Any, Final, Literal

from fencepost_geofence import arrive, late
from fencepost_geofence.calm import Calm, Inside
from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import COARSE_M, Fix
from fencepost_geofence.heard import Followed, newest_ms_of, oldest_ms_of, usable
from fencepost_geofence.index import FenceIndex
from fencepost_geofence.membership import Sight, next_moment_ms, step, tell_due
from fencepost_geofence.passing import MAX_GAP_MS, arrivals, passed
from fencepost_geofence.state import DeviceState, FenceState, Transition
from fencepost_geofence.trail import HORIZON_MS
from fencepost_geofence.verdict import is_coarse
from fencepost_geofence.watch import Watch

KEEP_MS: Final = 22 * 3_600_000  # and at most an hour more: raw positions may be kept for 24 h
COURSE_MS: Final = 2 * MAX_GAP_MS
COMING_BY: Final = frozenset({"pass", "approach"})
KEEP_STEP_MS: Final = 3_600_000  # so that the moment does not move with every fix


class Tracker:
    """Follows devices over the fences of one index; holds no state of its own."""

    def __init__(self, index: FenceIndex) -> None:
        self.index = index

    def follow(self, state: DeviceState, fixes: Iterable[Fix]) -> Followed:
        """
        Let a device move.

        Args:
            state: The device's state; updated in place.
            fixes: Fixes of the device, best in order of time.

        Returns:
            The transitions, what was dropped, and how fixes were weighed.

        """
        followed = Followed()
        heard = usable(state, fixes, followed)
        if not heard:
            return followed
        if heard[0].at_ms <= _known_until_ms(state):
            watch = self._revise(state, heard, followed, heard[0].at_ms)
        else:
            watch = self._watch(state)
            take = self._take if self.index.asking else self._advance
            for fix in heard:
                take(state, watch, fix, followed)
        watch.count(followed)
        self._settle(state, followed)
        return followed

    def check_in(self, state: DeviceState, fence_id: str, at_ms: int) -> Followed:
        """
        Let a device be in a fence, because somebody proved it (rule 8).

        Args:
            state: The device's state; updated in place.
            fence_id: A fence of the index; of any other nothing is learned.
            at_ms: When.

        """
        followed = Followed()
        if at_ms < oldest_ms_of(state):
            followed.drop("late")
        elif self.index.get(fence_id) is None:
            return followed
        elif not arrive.remember(state, at_ms, fence_id):
            followed.drop("duplicate")
        elif at_ms <= _known_until_ms(state):
            self._revise(state, (), followed, at_ms)
        else:
            self._arrive(state, self._watch(state), (at_ms, fence_id), followed)
        self._settle(state, followed)
        return followed

    def tick(self, state: DeviceState, now_ms: int) -> list[Transition]:
        """
        Let time pass without a fix.

        Tells what fell due by ``now_ms``, in order of the moments, and lets old positions go
        (rule 6).
        """
        keep_until_ms = _keep_until_ms(state)
        if keep_until_ms is not None and keep_until_ms <= now_ms:
            state.trail.forget()
        followed = Followed()
        self._pass(state, self._watch(state), now_ms, followed)
        self._tell_settled(state, now_ms - HORIZON_MS, followed)
        return followed.transitions

    def next_tick_ms(self, state: DeviceState) -> int | None:
        """Give the moment from which ``tick`` has something to do if no fix comes before."""
        moments = [next_moment_ms(state, fence) for fence in self._held(state)]
        moments.append(_keep_until_ms(state))
        moments += [one.at_ms + HORIZON_MS for one in state.waiting]
        return min((moment for moment in moments if moment is not None), default=None)

    # ---- one fix --------------------------------------------------------------------------

    def _take(self, state: DeviceState, watch: Watch, fix: Fix, followed: Followed) -> None:
        """Take a fix that was not known before, and look who comes by."""
        inside = _inside(state)
        self._advance(state, watch, fix, followed)
        self._come_by(state, inside | _inside(state), followed)

    def _advance(self, state: DeviceState, watch: Watch, fix: Fix, followed: Followed) -> None:
        """Let membership move on to a fix that is newer than all others."""
        trail = state.trail
        if watch.due_ms <= fix.at_ms:
            self._pass(state, watch, fix.at_ms, followed)
        before_ms = trail.last_ms
        lat, lon, accuracy_m = trail.add(fix)
        inside = watch.calm.at(lat, lon) if watch.calm else None
        if inside is None:
            watch.calm = Calm(self.index, lat, lon)
            inside = watch.calm.inside
        if accuracy_m is not None and accuracy_m > COARSE_M:
            self._see(state, inside, fix.at_ms, accuracy_m)
        if inside is not watch.quiet:
            odd = _odd(state, inside)
            watch.count(followed)
            watch.quiet = None if odd else inside
            if odd:
                sight = Sight(fix.at_ms, accuracy_m, before_ms, trail.weigh())
                self._judge(state, watch, odd, sight, followed)
                return
        watch.quiet_fixes += 1

    def _arrive(
        self, state: DeviceState, watch: Watch, check_in: tuple[int, str], followed: Followed
    ) -> None:
        """Take a check-in that is not older than anything known."""
        at_ms, fence_id = check_in
        if watch.due_ms <= at_ms:
            self._pass(state, watch, at_ms, followed)
        fence = self.index.get(fence_id)
        if fence is None:
            return
        watch.count(followed)
        watch.quiet = None
        held, told = arrive.arrive(state.fences.get(fence_id), fence, at_ms)
        state.hold(fence_id, held, at_ms)
        watch.due_ms = min(watch.due_ms, next_moment_ms(state, fence) or inf)
        if told is not None:
            _tell(state, fence, told, followed)

    def _judge(
        self,
        state: DeviceState,
        watch: Watch,
        fence_ids: Iterable[str],
        sight: Sight,
        followed: Followed,
    ) -> None:
        """Weigh a fix for the fences it may tell something new of."""
        for fence_id in sorted(fence_ids):
            fence = self.index.get(fence_id)
            if fence is None:
                state.hold(fence_id, None, sight.at_ms)
                continue
            before = state.fences.get(fence_id)
            held, told, reason = step(before, fence, sight, fence.shape.signed_distance_m)
            if held is not before:
                state.hold(fence_id, held, sight.at_ms)
                if held is not None:
                    watch.due_ms = min(watch.due_ms, next_moment_ms(state, fence) or inf)
            if told is not None:
                _tell(state, fence, told, followed)
            said = fence_id, reason
            followed.weighed[said] = followed.weighed.get(said, 0) + 1

    def _see(self, state: DeviceState, inside: Inside, at_ms: int, accuracy_m: float) -> None:
        """Take a coarse fix as evidence of presence in fences it can tell something of."""
        for fence_id in inside & state.fences.keys():
            fence = self.index.get(fence_id)
            held = state.fences[fence_id]
            if fence and held.is_inside and not is_coarse(accuracy_m, fence.size_m):
                state.hold(fence_id, held._replace(seen_ms=at_ms), at_ms)

    def _come_by(self, state: DeviceState, inside: set[str], followed: Followed) -> None:
        """Tell who passes, and who approaches."""
        asking = self.index.asking
        if not asking:
            return
        fixes = state.trail.since((state.trail.last_ms or 0) - COURSE_MS)
        fix = fixes[-1]
        inside = {fence_id for fence_id in inside if asking.get(fence_id)}
        if len(fixes) > 1:
            for fence in passed(state.passed, fixes[-2], fix, asking, inside):
                middle_ms = (fixes[-2].at_ms + fix.at_ms) // 2
                told = _seen("pass", fence, fix, crossed_at_ms=middle_ms)
                followed.transitions.append(told)
        for one in arrivals(state.approached, fixes, asking, asking.longest_approach_s, inside):
            told = _seen(
                "approach",
                one.fence,
                fix,
                crossed_at_ms=fix.at_ms + one.arrives_in_s * 1000,
                distance_m=one.distance_m,
                arrives_in_s=one.arrives_in_s,
            )
            followed.transitions.append(told)

    # ---- time -----------------------------------------------------------------------------

    def _pass(self, state: DeviceState, watch: Watch, until_ms: int, followed: Followed) -> None:
        """Tell what falls due, in order of the moments."""
        held = self._held(state)
        while True:
            due = [
                (moment_ms, fence.fence_id, fence)
                for fence in held
                if fence.fence_id in state.fences
                and (moment_ms := next_moment_ms(state, fence)) is not None
            ]
            if not due:
                watch.due_ms = inf
                return
            moment_ms, _, fence = min(due)[:3]
            if moment_ms > until_ms:
                watch.due_ms = moment_ms
                return
            watch.count(followed)
            watch.quiet = None
            _tell(state, fence, tell_due(state, fence), followed)

    def _held(self, state: DeviceState) -> list[Fence]:
        """Give the fences of which something is held (rule 5)."""
        found = (self.index.get(fence_id) for fence_id in sorted(state.fences))
        return [fence for fence in found if fence is not None]

    # ---- late fixes, and settled transitions ----------------------------------------------

    def _revise(
        self, state: DeviceState, fixes: Sequence[Fix], followed: Followed, begin_ms: int
    ) -> Watch:
        """Go back to before late evidence, and come forth again with it."""
        known_ms = _known_until_ms(state)
        begun = bisect_left(state.told, begin_ms, key=attrgetter("at_ms"))
        before = [one for one in state.told[begun:] if self.index.get(one.fence_id)]
        del state.told[begun:]
        state.waiting = [one for one in state.waiting if one.at_ms < begin_ms]
        fixes = late.merged(state.trail.cut(begin_ms), fixes)
        state.rewind(begin_ms)
        state.watch = None
        watch = self._watch(state)
        taken = {(one.fence_id, one.visit_ms) for one in state.told}
        taken |= {(fence_id, held.named_ms) for fence_id, held in state.fences.items()}
        again = Followed()
        check_ins = arrive.since(state, begin_ms)
        for fix in fixes:
            while check_ins and check_ins[0][0] < fix.at_ms:
                self._arrive(state, watch, check_ins.pop(0), again)
            take = self._take if fix.at_ms > known_ms else self._advance
            take(state, watch, fix, again)
        for check_in in check_ins:
            self._arrive(state, watch, check_in, again)
        self._pass(state, watch, known_ms, again)
        watch.quiet_fixes = 0  # they were counted the first time
        after = [one for one in again.transitions if one.kind not in COMING_BY]
        change = late.compare(before, after, known_ms, taken)
        state.told[begun:] = change.told
        change.rename(state)
        followed.transitions += change.news
        followed.transitions += [one for one in again.transitions if one.kind in COMING_BY]
        return watch

    def _settle(self, state: DeviceState, followed: Followed) -> None:
        """Let go of what no late fix can change any more; tell what waited for that."""
        until_ms = newest_ms_of(state) - HORIZON_MS
        arrive.let_go(state, until_ms)
        if state.past and state.past[0][0] < until_ms:
            first = bisect_left(state.past, until_ms, key=itemgetter(0))
            del state.past[:first]
        if state.told and state.told[0].at_ms < until_ms:
            del state.told[: bisect_left(state.told, until_ms, key=attrgetter("at_ms"))]
        self._tell_settled(state, until_ms - 1, followed)

    def _tell_settled(self, state: DeviceState, until_ms: int, followed: Followed) -> None:
        """Tell the transitions up to a moment that waited for it (rule 7)."""
        if state.waiting and state.waiting[0].at_ms <= until_ms:
            first = bisect_right(state.waiting, until_ms, key=attrgetter("at_ms"))
            settled = state.waiting[:first]
            followed.transitions += [one for one in settled if self.index.get(one.fence_id)]
            state.settled_ms = max(
                state.waiting[first - 1].at_ms, state.settled_ms or state.waiting[0].at_ms
            )
            del state.waiting[:first]

    def _is_gone(self, fence_id: str, held: FenceState) -> bool:
        fence = self.index.get(fence_id)
        return fence is None or (bool(held.named_ms) and held.since_ms != fence.since_ms)

    def _watch(self, state: DeviceState) -> Watch:
        """Give what is at hand of a device, anew when the fences have changed."""
        watch = state.watch
        index = self.index
        if watch.__class__ is Watch and watch.index is index and watch.changes == index.changes:
            return watch
        for fence_id in [one for one, held in state.fences.items() if self._is_gone(one, held)]:
            state.hold(fence_id, None, _known_until_ms(state))
        state.watch = watch = Watch(index, index.changes)
        return watch


def _odd(state: DeviceState, inside: Inside) -> set[str]:
    """Give the fences a fix may tell something new of (rule 1)."""
    odd = set(inside.difference(state.fences))
    for fence_id, held in state.fences.items():
        is_odd = (fence_id in inside) is not held.is_inside
        if is_odd or held.doubt or held.is_unsure or held.is_expired:
            odd.add(fence_id)
    return odd


def _inside(state: DeviceState) -> set[str]:
    return {fence_id for fence_id, held in state.fences.items() if held.is_inside}


def _seen(kind: Literal["pass", "approach"], fence: Fence, fix: Fix, **more: Any) -> Transition:
    """Tell what the fixes alone show."""
    return Transition(
        kind=kind,
        fence_id=fence.fence_id,
        at_ms=fix.at_ms,
        visit_ms=fix.at_ms,
        visit_began_ms=fix.at_ms,
        accuracy_m=fix.accuracy_m,
        reason="decided",
        **more,
    )


def _tell(state: DeviceState, fence: Fence, told: Transition, followed: Followed) -> None:
    if fence.emit == "live":
        state.told.append(late.remembered(told))
        followed.transitions.append(told)
    else:
        state.waiting.append(told)


def _known_until_ms(state: DeviceState) -> int:
    """Give the newest moment anything is known of: a fix, or what time brought."""
    last_ms = -1 if state.trail.last_ms is None else state.trail.last_ms
    return max(last_ms, state.past[-1][0]) if state.past else last_ms


def _keep_until_ms(state: DeviceState) -> int | None:
    """Say when the device's positions have to go; None when it has none."""
    last_ms = state.trail.last_ms
    if last_ms is None or not state.trail.fixes:
        return None
    return ((last_ms + KEEP_MS) // KEEP_STEP_MS + 1) * KEEP_STEP_MS
