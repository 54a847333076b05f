"""
Walk: where a simulated person is, and what her receiver says about it.

Pure: time comes in as seconds that passed, chance is a hash of seed and person.

Rule 1. A person goes from place to place along streets, at her own pace of 1.2 ... 1.6 m/s times
        ``speed`` (time runs faster in the demonstration), and stays a while at each place.
Rule 2. The receiver errs by a first-order Gauss-Markov process of about 6 m; the error stays for
        some fixes instead of jumping, as real receivers do.
Rule 3. ``accuracy_m`` is the 68 % radius the receiver states: 8 ... 14 m.
Rule 4. Around a place between tall houses both are worse, by its ``blur``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fencepost_gateway.demo.chance import gauss, pick, uniform
from fencepost_gateway.demo.town import Metres, Place, Town, edge_crossings, route, to_lat_lon

if TYPE_CHECKING:
    from collections.abc import Sequence

ERROR_M = 6.0
ERROR_KEPT = 0.8  # share of the error that the next fix keeps
AROUND_M = 60.0
STAY_S = (20.0, 45.0)  # wall-clock seconds; long enough for the park's dwell to pass


@dataclass(frozen=True, slots=True)
class Reading:
    """What the receiver says, and which place the person stays at (empty while walking)."""

    lat: float
    lon: float
    accuracy_m: float
    speed_mps: float
    staying_at: str


class Walker:
    """One person on her way; ``advance`` moves her and reads her receiver."""

    def __init__(
        self, town: Town, person: str, *, speed: float, haunts: Sequence[str] = ()
    ) -> None:
        self._town = town
        self._cause = f"{town.seed}/{person}"
        self._pace_mps = (1.2 + 0.4 * uniform(self._cause, "pace")) * speed
        self._haunts = [p for p in town.places if not haunts or p.place_id in haunts]
        self._node = pick(edge_crossings(town), self._cause, "start")
        self._place: Place | None = None
        self._way: list[Metres] = []
        self._point: Metres = town.crossings[self._node]
        self._error: Metres = (0.0, 0.0)
        self._stay_s = 0.0
        self._leg = 0
        self._fix = 0

    def advance(self, elapsed_s: float) -> Reading:
        """Move for ``elapsed_s`` of wall-clock time, then read the receiver."""
        walked_m = 0.0
        if self._stay_s > 0.0:
            self._stay_s -= elapsed_s
        else:
            walked_m = self._walk(self._pace_mps * elapsed_s)
        staying_at = self._place.place_id if self._place and self._stay_s > 0.0 else ""
        self._err()
        blur = self._blur()
        seen = self._point[0] + blur * self._error[0], self._point[1] + blur * self._error[1]
        lat, lon = to_lat_lon(seen)
        accuracy_m = round(blur * (8.0 + 6.0 * uniform(self._cause, "accuracy", self._fix)), 1)
        speed_mps = round(walked_m / elapsed_s, 2) if elapsed_s > 0.0 else 0.0
        return Reading(lat, lon, accuracy_m, speed_mps, staying_at)

    def _blur(self) -> float:
        near = (p.blur for p in self._town.places if math.dist(p.spot, self._point) < AROUND_M)
        return max(near, default=1.0)

    def _walk(self, budget_m: float) -> float:
        """Walk up to ``budget_m`` along the way, and say how far it was."""
        if not self._way:
            self._depart()
        walked_m = 0.0
        while self._way and walked_m < budget_m:
            target = self._way[0]
            gap_m = math.dist(self._point, target)
            if gap_m <= budget_m - walked_m:
                self._point = target
                self._way.pop(0)
                walked_m += gap_m
            else:
                share = (budget_m - walked_m) / gap_m
                self._point = (
                    self._point[0] + (target[0] - self._point[0]) * share,
                    self._point[1] + (target[1] - self._point[1]) * share,
                )
                walked_m = budget_m
        if not self._way:
            least_s, most_s = STAY_S
            self._stay_s = least_s + (most_s - least_s) * uniform(self._cause, "stay", self._leg)
        return walked_m

    def _depart(self) -> None:
        """Choose the next place and the way there."""
        self._leg += 1
        others = [place for place in self._haunts if place != self._place]
        self._place = pick(others, self._cause, "place", self._leg)
        self._way = [*route(self._town, self._node, self._place.node), self._place.spot]
        self._node = self._place.node

    def _err(self) -> None:
        self._fix += 1
        fresh_m = ERROR_M * math.sqrt(1.0 - ERROR_KEPT**2)
        self._error = (
            self._error[0] * ERROR_KEPT + fresh_m * gauss(self._cause, "east", self._fix),
            self._error[1] * ERROR_KEPT + fresh_m * gauss(self._cause, "north", self._fix),
        )
