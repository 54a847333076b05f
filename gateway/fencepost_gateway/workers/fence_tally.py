"""
Fence tally: what a group of log records adds to the counts of fences.

No I/O. Counts only, by fence and the UTC day of the record's append: no person, no position and no
device is in them (``reports.fence_counts`` has the names).

Rule 1. Fixes are counted as the tracker weighed them. Their accuracy is that of the upload's
        positions near the fence, of at most ``SAMPLE`` spread over it.
Rule 2. A flap is an ENTER of a device within ``AGAIN_MS`` of its EXIT, by estimated crossings. So
        the last few EXITs stand with the person, until they are too old or location is withdrawn.
Rule 3. ``initial`` ENTERs are no arrivals, nor are those of a fence that opened, nor corrections.
Rule 4. A delivery counts for the fence whose transition caused it, once it was sent.
Rule 5. An upload that may have latitude and longitude swapped counts for the fence it would be
        near, by the first of ``SAMPLE`` fixes that says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fencepost_gateway.decide.person import LEFT_MAX, Departure, Person
from fencepost_gateway.intake.records import Outcome
from fencepost_gateway.reports.fence_counts import (
    ACCURACY,
    AGAIN_MS,
    DELAY,
    ENTERS,
    FLAPS,
    MIRRORED,
    SENT,
    TAKEN_BACK,
    bucket,
)
from fencepost_geofence.fence import Fence
from fencepost_geofence.fix import Fix
from fencepost_geofence.index import FenceIndex, grown
from fencepost_geofence.sphere import Box
from fencepost_geofence.suspicion import mirrored

DAY_MS: Final = 86_400_000
SAMPLE: Final = 8  # fixes of an upload whose accuracy is looked at
EVERYWHERE: Final[tuple[Box, ...]] = ((-180.0, -90.0, 180.0, 90.0),)  # of a single fix: it did

FenceDays = dict[tuple[int, str], dict[str, int]]


class FenceTally:
    """Counts of one group."""

    def __init__(self) -> None:
        self.days: FenceDays = {}

    def weighed(
        self,
        counts: Mapping[tuple[str, Any], int],
        fixes: Sequence[Fix],
        index: FenceIndex,
        now_ms: int,
    ) -> None:
        """Count how an upload's fixes were weighed (rule 1)."""
        if not counts:
            return
        for (fence_id, reason), count in counts.items():
            self._add(fence_id, reason, now_ms, count)
        said = [
            (fix.lat, fix.lon, bucket(ACCURACY, fix.accuracy_m))
            for fix in fixes[:: -(-len(fixes) // SAMPLE)]
            if fix.accuracy_m and fix.accuracy_m > 0 and not fix.is_mock
        ]
        for fence_id in {fence_id for fence_id, _ in counts}:
            fence = index.get(fence_id)
            around = _around(fence) if fence is not None and len(fixes) > 1 else EVERYWHERE
            for lat, lon, what in said:
                if any(w <= lon <= e and s <= lat <= n for w, s, e, n in around):
                    self._add(fence_id, what, now_ms)

    def swapped(self, fixes: Sequence[Fix], index: FenceIndex, now_ms: int) -> None:
        """Count an upload that seems to have latitude and longitude swapped (rule 5)."""
        for fix in fixes[:: -(-len(fixes) // SAMPLE)]:
            fence = mirrored(fix, index)
            if fence is not None:
                self._add(fence.fence_id, MIRRORED, now_ms)
                return

    def transition(self, person: Person, body: Mapping[str, Any], now_ms: int) -> None:
        """Count a transition, from the body of its record (rules 2 and 3)."""
        key = body["fence_id"], body["device_id"]
        if body["superseded"]:
            self._add(key[0], TAKEN_BACK, now_ms)
        elif body["kind"] == "exit":
            _depart(person, Departure(*key, body["crossed_at_ms"]))
        elif body["kind"] == "enter" and not body["initial"] and not body.get("opened"):
            self._add(key[0], ENTERS, now_ms)
            delay_s = (body["at_ms"] - body["crossed_at_ms"]) / 1000
            self._add(key[0], bucket(DELAY, delay_s), now_ms)
            away_ms = [
                body["crossed_at_ms"] - d.at_ms
                for d in person.left
                if (d.fence_id, d.device_id) == key
            ]
            if any(0 <= ms <= AGAIN_MS for ms in away_ms):
                self._add(key[0], FLAPS, now_ms)

    def outcome(self, outcome: Outcome, now_ms: int) -> None:
        """Count what became of a message (rule 4)."""
        if outcome.fence_id and outcome.state == "sent":
            self._add(outcome.fence_id, SENT, now_ms)

    def _add(self, fence_id: str, what: str, now_ms: int, count: int = 1) -> None:
        counts = self.days.setdefault((now_ms // DAY_MS, fence_id), {})
        counts[what] = counts.get(what, 0) + count


def _depart(person: Person, departure: Departure) -> None:
    """Remember an EXIT for as long as a flap may follow, the newest of each fence and device."""
    same = departure.fence_id, departure.device_id
    kept = [
        d
        for d in person.left
        if departure.at_ms - d.at_ms <= AGAIN_MS and (d.fence_id, d.device_id) != same
    ]
    person.left = [*kept, departure][-LEFT_MAX:]


def _around(fence: Fence) -> list[Box]:
    """Give where fixes are near enough to a fence to show the accuracy usual there."""
    return [wide for box in fence.shape.boxes() for wide in grown(box)]
