"""
Visits: to the fences around this device, told to the host by the device itself.

Not pure: store, clock and callbacks, through the core; ``monitor`` decides.

Rule 1. The first wish to hear of them begins it; until then the filter is not even loaded.
Rule 2. What is held is stored with each position and survives the app. It goes with the fences when
        consent to location does, and what was not told yet with it.
Rule 3. For what the app shows: the gateway follows the same positions by the same rules, and what
        it tells counts. Neither knows of the other's words.
Rule 4. A fault here switches visits off, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fencepost_sdk.core import VISITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from fencepost_geofence.state import Transition
    from fencepost_sdk.core import Core
    from fencepost_sdk.guard import Guard
    from fencepost_sdk.monitor import Monitor
    from fencepost_sdk.nearby import FenceSet


class Visit(NamedTuple):
    """
    Something that happened between this device and a fence.

    Attributes:
        kind: ``enter``, ``exit``, ``dwell``, or ``expire``: ended because nothing was heard.
        fence_id: Which fence.
        at_ms: When it was decided, epoch milliseconds.
        crossed_at_ms: When the boundary was probably crossed.
        began_ms: When the visit began.
        duration_s: How long it was, of an ``exit`` or ``expire``.
        after_s: Which threshold was reached, of a ``dwell``.
        initial: Nobody saw the boundary crossed: the device was there when tracking began.
        confidence: Probability of what is claimed; None when time decided.

    """

    kind: str
    fence_id: str
    at_ms: int
    crossed_at_ms: int
    began_ms: int
    duration_s: int | None
    after_s: int | None
    initial: bool
    confidence: float | None


class Visits:
    """The visits of this device; but for ``know`` the caller has the core's lock."""

    def __init__(self, core: Core, guard: Guard) -> None:
        self._core = core
        self._guard = guard
        self._monitor: Monitor | None = None
        self._is_begun = False
        self._untold: list[Visit] = []

    def begin(self, held: FenceSet | None, slots: int) -> None:
        """Go on with what the last run held (Rules 1 and 2)."""
        if self._is_begun:
            return
        self._is_begun = True
        from fencepost_sdk.monitor import Monitor  # noqa: PLC0415 - Rule 1

        self._monitor = monitor = Monitor(slots)
        monitor.restore(self._core.store.meta().get(VISITS, ""))
        self.know(held)
        self._core.changed.notify_all()

    def know(self, held: FenceSet | None) -> None:
        """Take the fences around; many edges take long to read, so nobody waits for that."""
        monitor = self._monitor
        if monitor is not None and held is not None:
            self._safely(lambda: self._learn(monitor, held))

    def _learn(self, monitor: Monitor, held: FenceSet) -> None:
        fences = monitor.read(held)
        with self._core.lock:
            if self._monitor is monitor:  # or it was forgotten meanwhile
                monitor.know(held, fences)
                self._core.changed.notify_all()

    def moved(self, fields: Mapping[str, Any], at_ms: int | None) -> None:
        """Take a position, as it goes into the queue."""
        monitor = self._monitor
        if monitor is not None:
            now_ms = self._core.clock.wall_ms() if at_ms is None else at_ms
            self._safely(lambda: self._take(monitor, fields, now_ms))

    def forget(self) -> None:
        """Forget it all; the core forgets what is stored."""
        self._untold.clear()
        if self._monitor is not None:
            self._monitor = self._monitor.anew()

    @property
    def due_ms(self) -> int | None:
        """When there is something to tell, by the clock that never jumps."""
        now_ms = self._core.clock.steady_ms()
        if self._untold:
            return now_ms
        tick_ms = None if self._monitor is None else self._monitor.next_tick_ms
        return None if tick_ms is None else now_ms + tick_ms - self._core.clock.wall_ms()

    def hand_out(self) -> list[tuple[str, object]]:
        """Give what is to be told."""
        core = self._core
        with core.lock:
            monitor, due_ms = self._monitor, self.due_ms
            if due_ms is None or core.is_closed:
                return []
            if monitor is not None and due_ms <= core.clock.steady_ms():
                self._safely(lambda: self._pass(monitor))
            told, self._untold = self._untold, []
            return [(one.kind, one) for one in told]

    def _take(self, monitor: Monitor, fields: Mapping[str, Any], at_ms: int) -> None:
        from fencepost_geofence.fix import Fix  # noqa: PLC0415 - Rule 1; the monitor has it loaded

        fix = Fix(at_ms, fields["lat"], fields["lon"], fields["accuracy_m"])
        fix.is_mock = "is_mock" in fields
        self._keep(monitor, monitor.take(fix))

    def _pass(self, monitor: Monitor) -> None:
        told = monitor.tick(self._core.clock.wall_ms())
        if told:
            self._keep(monitor, told)

    def _keep(self, monitor: Monitor, told: Iterable[Transition]) -> None:
        """Store what is held, and remember what is to be told."""
        with self._core.store.transaction():
            self._core.store.set_meta(VISITS, monitor.packed())
        self._untold += map(_visit, told)
        if self._untold:
            self._core.changed.notify_all()

    def _safely(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - Rule 4
            self._monitor = None
            self._guard.fault("visits", error)


def _visit(one: Transition) -> Visit:
    return Visit(
        one.kind,
        one.fence_id,
        one.at_ms,
        one.crossed_at_ms,
        one.visit_began_ms,
        one.duration_s,
        one.after_s,
        one.initial,
        one.confidence,
    )
