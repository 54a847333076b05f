"""
Anew: a person's recorded life with the transitions taken out where their positions are still known.

Pure. For fences that are not as they were: what the tracker comes to takes the place of what it
told then. Everything else stays what was recorded.

Rule 1. An upload whose positions are still known is taken as it came, by the code that took it
        live, in the place of what history kept of it. That is so for every fence, changed or not:
        noise, doubt and late fixes are then the same for all of them.
Rule 2. A device's recorded transitions count up to the first upload with a position of it; from
        then on its tracker's. In between nothing could have been judged otherwise.
Rule 3. There the tracker begins with the visits that recorded transitions leave open, of fences
        that are still there, and without a trail: as a gateway does that is given changed fences.
        Who is inside of a fence that moved leaves it with the next position that says so; a fence
        that is new has nobody in it, and whoever is found there enters ``initial``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct, structs

from fencepost_gateway.intake import wire
from fencepost_gateway.intake.history import Crossed, Forgot, Told
from fencepost_gateway.intake.records import Upload
from fencepost_geofence.state import OUTSIDE, DeviceState, FenceState, unseen

SEES: Final = wire.Fix | wire.CheckIn

_pack = msgspec.msgpack.Encoder().encode


class Held(Struct, frozen=True):
    """What the tracker holds of a device from here on (Rule 3), packed."""

    device_id: str
    packed: bytes


Life = list[tuple[int, Told | Upload | Held]]
Recorded = Sequence[tuple[int, Told]]


def judged_anew(
    told: Recorded,
    uploads: Iterable[tuple[int, Upload]],
    fences: Mapping[str, int],
    first: int = 0,
) -> Life:
    """
    Put uploads in the place of what they told.

    Args:
        told: What history has of the person, in order.
        uploads: Their uploads that are still known, in order.
        fences: The fences there are, and since when each is published.
        first: With which row of ``told`` it begins; those before say only who was inside.

    Returns:
        What to let happen, and when, in order.

    """
    known = list(uploads)
    begins: dict[str, tuple[int, int]] = {}
    for at_ms, one in known:
        pairs = zip(one.at_ms, one.events, strict=True)
        seen = [seen_ms for seen_ms, event in pairs if isinstance(event, SEES)]
        if seen and one.device_id not in begins:
            begins[one.device_id] = at_ms, min(seen)
    came = {(at_ms, one.device_id, one.stream) for at_ms, one in known}
    life: Life = [
        (at_ms, _but_transitions(one, at_ms, begins))
        for at_ms, one in told[first:]
        if (at_ms, one.device_id, one.stream) not in came
    ]
    for device_id, (at_ms, seen_ms) in begins.items():
        earlier = [each for each in told if each[0] < at_ms]
        state = _state(device_id, earlier, seen_ms, fences)
        if state is not None:
            life.append((at_ms, Held(device_id, _pack(state))))
    return sorted([*life, *known], key=lambda one: one[0])


def _but_transitions(one: Told, at_ms: int, begins: Mapping[str, tuple[int, int]]) -> Told:
    if one.device_id not in begins or at_ms < begins[one.device_id][0]:
        return one
    rest = [each for each in one.happened if not isinstance(each, Crossed)]
    return structs.replace(one, happened=rest)


def _state(
    device_id: str, told: Recorded, seen_ms: int, fences: Mapping[str, int]
) -> DeviceState | None:
    """Give what to hold of a device just before it is seen; None: it was never heard of."""
    held: dict[str, FenceState] = {}
    is_known = False
    for _, one in told:
        is_known = is_known or one.device_id == device_id
        for each in one.happened:
            if isinstance(each, Forgot) and device_id in each.device_ids:
                held, is_known = {}, False
            elif isinstance(each, Crossed) and one.device_id == device_id:
                _cross(held, each)
    if not is_known:
        return None
    state = unseen()
    state.fences = {
        fence_id: one._replace(since_ms=fences[fence_id])
        for fence_id, one in held.items()
        if fence_id in fences
    }
    # It was heard until now, or the record would say that visits expired. Where is not known.
    state.trail.last_ms = state.trail.fine_ms = seen_ms - 1
    state.trail.forget()
    return state


def _cross(held: dict[str, FenceState], one: Crossed) -> None:
    """Take a recorded transition; one that was taken back leaves what was before."""
    visit = OUTSIDE._replace(is_inside=True, began_ms=one.visit_began_ms, named_ms=one.visit_ms)
    if one.kind == "dwell" and not one.superseded:
        held[one.fence_id] = visit._replace(dwelled_s=one.after_s or 0)
    elif one.kind in ("enter", "exit", "expire"):
        if (one.kind == "enter") is not one.superseded:
            held[one.fence_id] = visit
        elif one.kind == "expire":
            held[one.fence_id] = OUTSIDE._replace(is_expired=True)
        else:
            held.pop(one.fence_id, None)
