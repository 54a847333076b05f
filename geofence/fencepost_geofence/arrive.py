"""
Arrive: a check-in as evidence that the device is in a fence.

Pure, standard library only.

Who reads the code of a place stands there: that decides alone, and is sure. After it the fixes say
what they say, so the visit ends by EXIT as any other does, or by EXPIRE ``presence_ttl_s`` after
the last evidence, which the check-in is.

Rule 1. Outside: ENTER, never ``initial``, with confidence 1. The visit begins with the check-in.
Rule 2. Inside already, or left for less than ``cooldown_s``: one visit, and nothing is told.
Rule 3. A doubt from before is gone: what raised it was weaker.
Rule 4. Check-ins are kept as long as a fix may still come before them, so that going back in time
        comes forth over both (``late``). Of one moment the fix comes first.
"""

from bisect import bisect_left, insort

from fencepost_geofence.membership import Terms
from fencepost_geofence.state import OUTSIDE, DeviceState, FenceState, Transition


def arrive(
    held: FenceState | None, terms: Terms, at_ms: int
) -> tuple[FenceState, Transition | None]:
    """Let a device be in a fence; give what is held now, and ENTER if it came to that."""
    if held is not None and (held.is_inside or held.left):
        return held._replace(
            is_inside=True, left=None, doubt=None, is_unsure=False, seen_ms=at_ms
        ), None
    told = Transition(
        kind="enter",
        fence_id=terms.fence_id,
        at_ms=at_ms,
        crossed_at_ms=at_ms,
        visit_ms=at_ms,
        visit_began_ms=at_ms,
        confidence=1.0,
        reason="decided",
    )
    visit = OUTSIDE._replace(is_inside=True, began_ms=at_ms, named_ms=at_ms, seen_ms=at_ms)
    return visit._replace(since_ms=terms.since_ms), told


def remember(state: DeviceState, at_ms: int, fence_id: str) -> bool:
    """Keep a check-in (rule 4); False: it is known."""
    if (at_ms, fence_id) in state.check_ins:
        return False
    insort(state.check_ins, (at_ms, fence_id))
    return True


def since(state: DeviceState, at_ms: int) -> list[tuple[int, str]]:
    """Give the check-ins at and after a moment."""
    return state.check_ins[bisect_left(state.check_ins, (at_ms, "")) :]


def let_go(state: DeviceState, until_ms: int) -> None:
    """Let go of the check-ins before a moment."""
    if state.check_ins and state.check_ins[0][0] < until_ms:
        del state.check_ins[: bisect_left(state.check_ins, (until_ms, ""))]
