"""
Fence: a shape with the rules that turn being inside into transitions.

Pure. A fence is a value; publishing a change makes a new one under the same ``fence_id``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, Literal

from fencepost_geofence.corridor import Corridor
from fencepost_geofence.evidence import ENTER_AT, LEAVE_AT
from fencepost_geofence.shapes import Area, Circle

PRESENCE_TTL_S: Final = 3_600

Emit = Literal["live", "settled"]


@dataclass(frozen=True, slots=True)
class Fence:
    """
    A shape, what it is called, and when being inside counts.

    Attributes:
        fence_id: Unique among all fences, ``[a-z0-9-]{1,64}``.
        shape: Circle, area or corridor.
        name: For people.
        tags: What selectors ask for.
        place_name: Name of the place the fence stands for.
        meta: Metadata of that place, as authored.
        library: Id of the library of places it belongs to, or empty.
        dwell_after_s: Thresholds of DWELL, ascending, each once per visit.
        dwell_repeat_s: After the last threshold a DWELL every so often; None: no more of them.
        presence_ttl_s: For how long the last fix still proves presence.
        cooldown_s: An ENTER this soon after an EXIT belongs to the same visit.
        enter_at: P(inside) at which a device enters, above ``leave_at``.
        leave_at: P(inside) at which a device leaves.
        passes: Whoever crosses it between two fixes passes it.
        approach_s: Whoever will arrive within so many seconds approaches it; None: nobody does.
        emit: Tell transitions at once, or when late fixes cannot change them any more.
        active: Opening hours in the syntax of OpenStreetMap, carried as text: whoever acts on
            transitions says whether they count. Empty: always.
        zone: IANA name of the zone these hours are in, or empty.
        sensitive: Health, worship, shelter, school, politics: marketing is refused.
        since_ms: When the fence was first published; who is inside by then enters ``initial``.

    Raises:
        ValueError: ``dwell_after_s`` is not positive and strictly ascending, ``dwell_repeat_s``
            or ``approach_s`` is not positive, a repeat has nothing to follow, or probabilities are
            none or the wrong way round.

    """

    fence_id: str
    shape: Circle | Area | Corridor
    name: str = ""
    tags: frozenset[str] = frozenset()
    place_name: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict, hash=False)
    library: str = ""
    dwell_after_s: tuple[int, ...] = ()
    dwell_repeat_s: int | None = None
    presence_ttl_s: int = PRESENCE_TTL_S
    cooldown_s: int = 0
    enter_at: float = ENTER_AT
    leave_at: float = LEAVE_AT
    passes: bool = False
    approach_s: int | None = None
    emit: Emit = "live"
    active: str = ""
    zone: str = ""
    sensitive: bool = False
    since_ms: int = 0

    def __post_init__(self) -> None:
        """Refuse thresholds the tracker could not work with."""
        steps = (0, *self.dwell_after_s)
        if any(later <= earlier for earlier, later in pairwise(steps)):
            raise ValueError("dwell_after_s must be positive and strictly ascending")
        if self.dwell_repeat_s is not None and (self.dwell_repeat_s <= 0 or not self.dwell_after_s):
            raise ValueError("dwell_repeat_s must be positive, and follow a dwell_after_s")
        if self.approach_s is not None and self.approach_s <= 0:
            raise ValueError("approach_s must be positive")
        if not 0 < self.leave_at < self.enter_at < 1:
            raise ValueError("leave_at must be below enter_at, both between 0 and 1")

    @property
    def asks(self) -> bool:
        """Whether it is to be told who comes by, and not only who is inside."""
        return self.passes or self.approach_s is not None

    @property
    def size_m(self) -> float:
        """Radius of the circle of the same area, metres; of a corridor half its width."""
        if isinstance(self.shape, Corridor):
            return self.shape.width_m / 2
        return math.sqrt(self.shape.area_m2 / math.pi)
