"""
Callbacks: the thread that calls the host back.

Not pure. A thread of its own, begun with the first callback, so that one that hangs keeps neither
uploads nor messages from their way; it only keeps the callbacks behind it waiting.

Rule 1. In order, one at a time, outside our locks; what one raises is counted.
Rule 2. What was not begun when the client ends is not lost: a message waits for the next run.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from fencepost_sdk.inbox import MESSAGE, Message
from fencepost_sdk.message_table import PENDING
from fencepost_sdk.receiving import answered

if TYPE_CHECKING:
    from collections.abc import Callable

    from fencepost_sdk.core import Core
    from fencepost_sdk.guard import Guard


class Callbacks:
    """The host's callbacks by kind, and what they are to be told."""

    def __init__(self, core: Core, guard: Guard) -> None:
        self._core = core
        self._guard = guard
        self._by_kind: dict[str, list[Callable[..., object]]] = {}
        self._untold: deque[tuple[str, object]] = deque()
        self._is_stopping = False
        self._thread: threading.Thread | None = None

    def listen(self, kind: str, callback: Callable[..., object]) -> Callable[[], None]:
        """Add a callback; give what removes it."""
        with self._core.lock:
            self._by_kind.setdefault(kind, []).append(callback)
            if self._thread is None and not self._is_stopping:
                self._thread = threading.Thread(
                    target=self._run, name="fencepost-callbacks", daemon=True
                )
                self._thread.start()
            self._core.changed.notify_all()

        def unlisten() -> None:
            with self._core.lock:
                if callback in self._by_kind.get(kind, []):
                    self._by_kind[kind].remove(callback)

        return unlisten

    def of(self, kinds: frozenset[str]) -> frozenset[str]:
        """Give those of the kinds that somebody listens to."""
        return frozenset(kind for kind in kinds if self._by_kind.get(kind))

    def tell(self, kind: str, value: object) -> None:
        """Have the callbacks of a kind called with a value."""
        with self._core.lock:
            if self._by_kind.get(kind):
                self._untold.append((kind, value))
                self._core.changed.notify_all()

    def stop(self, timeout_s: float) -> None:
        """End the thread after its current callback; what waits for its turn is put back."""
        with self._core.lock:
            self._is_stopping = True
            waiting = [value for _, value in self._untold if isinstance(value, Message)]
            self._untold.clear()
            if waiting and not self._core.is_closed:
                with self._core.store.transaction():
                    for message in waiting:
                        self._core.store.messages.move(message.delivery_id, PENDING)
            self._core.changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._core.lock:
                while not self._untold and not self._is_stopping:
                    self._core.changed.wait()
                if self._is_stopping:
                    return
                kind, value = self._untold.popleft()
            try:
                self._call(kind, value)
            except Exception as error:  # noqa: BLE001 - a fault of ours costs one callback
                self._guard.fault("callbacks", error)

    def _call(self, kind: str, value: object) -> None:
        began_ms, listening = self._core.clock.steady_ms(), self._by_kind.get(kind, ())[:]
        answers = [self._guard.ask(each, value, on_error="later") for each in listening]
        if kind == MESSAGE and isinstance(value, Message):
            said = next((each for each in ("discard", "later") if each in answers), "show")
            answered(self._core, value, said, self._core.clock.steady_ms() - began_ms)
