"""
Places: which lanes take a call now, and the place that one message has on one of them.

Rule 1. A place is taken before the claim, so that nothing is claimed that could not be called.
Rule 2. Who may go on several channels is looked at ahead only where there may be too little room.
        The claim may come to another channel than was foreseen: facts have changed meanwhile. Then
        the call is made there, even if it is one more than the lane takes at once.
Rule 3. Lanes tell time by a clock that never runs backwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fencepost_gateway.clock import Clock
from fencepost_gateway.decide.flow import LaneView
from fencepost_gateway.decide.settle import CallOutcome
from fencepost_gateway.workers.lanes import Lane


class Places:
    """The places of all lanes."""

    def __init__(self, lanes: Mapping[str, Lane], clock: Clock) -> None:
        self._lanes = lanes
        self._clock = clock

    @property
    def steady_ms(self) -> int:
        """The moment, by which lanes go."""
        return round(self._clock.monotonic_s() * 1_000)

    def room(self, channel: str) -> int | None:
        """Say how many calls a channel's lane takes; None: nobody serves the channel."""
        lane = self._lanes.get(channel)
        return None if lane is None else lane.flow.room(self.steady_ms)

    def is_tight(self, channels: Iterable[str], claims: int) -> bool:
        """Say whether so many claims could be too many for one of these channels."""
        return any((self.room(channel) or 0) <= claims for channel in channels)

    def wait_s(self, most_s: float) -> float:
        """Say in how long a lane takes a call again that takes none, at most ``most_s``."""
        now_ms = self.steady_ms
        waits = [lane.flow.wait_ms(now_ms) for lane in self._lanes.values()]
        return min([most_s, *(wait / 1_000 for wait in waits if wait is not None)])

    def shut(self, place: Place) -> dict[str, LaneView]:
        """Say how the lanes stand that take no call, but for that on which there is a place."""
        now_ms = self.steady_ms
        views = {c: lane.flow.view(now_ms) for c, lane in self._lanes.items() if c != place.channel}
        return {channel: view for channel, view in views.items() if view is not None}


class Place:
    """The place of one message, on no lane yet."""

    def __init__(self, places: Places, lanes: Mapping[str, Lane]) -> None:
        self._places = places
        self._lanes = lanes
        self.channel = ""

    def take(self, channel: str) -> bool:
        """Take a place, unless the lane has none."""
        if not self._lanes[channel].flow.take(self._places.steady_ms):
            return False
        self.channel = channel
        return True

    def move(self, channel: str) -> None:
        """Have the place on another lane, come what may (Rule 2)."""
        if channel != self.channel:
            self.leave()
            self._lanes[channel].flow.squeeze(self._places.steady_ms)
            self.channel = channel

    def leave(self) -> None:
        """Give the place back: there is no call."""
        if self.channel:
            self._lanes[self.channel].flow.give_back()
            self.channel = ""

    def ended(self, outcome: CallOutcome) -> None:
        """Take how the call went."""
        self._lanes[self.channel].flow.ended(outcome, self._places.steady_ms)
        self.channel = ""
