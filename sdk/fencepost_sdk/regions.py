"""
Regions: which fences a device watches when it cannot watch them all.

Pure. Takes signed distances to boundaries, gives ids; who registers them, and where, is the
caller's. Vectors: ``sdk/wire/vectors/regions``.

Rule 1. Kept are the nearest by signed distance to the **boundary**, so that who is inside of a
        fence watches it first. Distances are rounded to 1 m; ties go by id, so that a device that
        stands still does not swap one fence for another.
Rule 2. None is kept beyond 1,000 km.
Rule 3. A fence of which something is held (a visit, a doubt) is kept before all others: who drives
        away from it has to be seen leaving.
Rule 4. Registration is a difference: a fence of the same version is not touched. Others are taken
        away first, so that there is never one too many.
Rule 5. Chosen again when the device has moved as far as the nearest fence left out was, at most
        ``trigger_m``. Before that it cannot be inside of one that is not watched. The operating
        system does not tell movements under 100 m: where more fences than there are slots are
        nearer than that, the nearest count.

Slots: iOS gives an app 20 regions, Android 100; one is the movement trigger, one the host's own.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

IOS_SLOTS = 18
ANDROID_SLOTS = 98
OWN_SLOTS = 200  # where the SDK tests by itself
FARTHEST_M = 1_000_000.0
TRIGGER_M = 1_000.0
LEAST_TRIGGER_M, MOST_TRIGGER_M = 100.0, 5_000.0


class Choice(NamedTuple):
    """
    What is to be watched.

    Attributes:
        fence_ids: Those of which something is held, then the nearest first.
        trigger_m: Choose again when the device has moved this far.

    """

    fence_ids: tuple[str, ...]
    trigger_m: float


class Change(NamedTuple):
    """What to register anew, and what to take away before; each in order of ids."""

    removed: tuple[str, ...]
    added: tuple[str, ...]


def choose(
    distances_m: Mapping[str, float],
    slots: int,
    *,
    held: Collection[str] = (),
    trigger_m: float = TRIGGER_M,
) -> Choice:
    """
    Choose the fences to watch.

    Args:
        distances_m: Signed distance to the boundary, by fence, negative inside.
        slots: How many can be watched.
        held: Fences of which something is held (Rule 3).
        trigger_m: How far to move at most before choosing again; kept within 100 m ... 5 km.

    """

    def rank(fence_id: str) -> tuple[bool, int, str]:
        return fence_id not in held, round(distances_m[fence_id]), fence_id

    near = sorted((key for key, metres in distances_m.items() if metres <= FARTHEST_M), key=rank)
    left_out_m = min((distances_m[key] for key in near[slots:]), default=inf)
    most_m = min(max(trigger_m, LEAST_TRIGGER_M), MOST_TRIGGER_M)
    return Choice(tuple(near[:slots]), min(max(left_out_m, LEAST_TRIGGER_M), most_m))


def change(registered: Mapping[str, int], wanted: Mapping[str, int]) -> Change:
    """Say how to come from one registration to another; versions by fence (Rule 4)."""
    return Change(
        tuple(sorted(key for key in registered if registered[key] != wanted.get(key))),
        tuple(sorted(key for key in wanted if wanted[key] != registered.get(key))),
    )
