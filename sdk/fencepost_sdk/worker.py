"""
Worker: the one thread that asks the gateway, and gathers what the host is to be told.

Not pure. It decides nothing: the uploader and the poll say what and when, this performs it.

Rule 1. The network is used outside the lock. The host is called back by another thread.
Rule 2. A fault costs one turn and a pause, never the thread.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from fencepost_sdk.callbacks import Callbacks
from fencepost_sdk.core import Parcel
from fencepost_sdk.guard import SdkError
from fencepost_sdk.receiving import due_ms, hand_out, take_in
from fencepost_sdk.stream import StreamReader
from fencepost_sdk.uploader import Idle, Wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from fencepost_sdk.answer import Reply
    from fencepost_sdk.core import Core
    from fencepost_sdk.guard import Guard
    from fencepost_sdk.parts import Errand
    from fencepost_sdk.transport import Transport
    from fencepost_sdk.uploader import Effects

FAULT_PAUSE_S = 5.0
MESSAGE_KINDS = frozenset({"message", "card"})


class Question(NamedTuple):
    """A GET that a caller waits for; ``answers`` gets one reply, or None."""

    path: str
    answers: deque[Reply | None]


class Worker:
    """The thread, and what it was asked."""

    def __init__(
        self,
        core: Core,
        guard: Guard,
        transport: Transport | None,
        second: Transport | None = None,
    ) -> None:
        self._core = core
        self._reader = StreamReader(core, guard, second) if second and core.streams else None
        self._guard = guard
        self._transport = transport
        self._questions: deque[Question] = deque()
        self._callbacks = Callbacks(core, guard)
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="fencepost", daemon=True)
        self._thread.start()

    @property
    def is_current(self) -> bool:
        """Whether the caller is this thread: ``on_error``, which must not wait for it."""
        return threading.current_thread() is self._thread

    def listen(self, kind: str, callback: Callable[..., object]) -> Callable[[], None]:
        """Add a callback; give what removes it."""
        return self._callbacks.listen(kind, callback)

    def ask(self, path: str, timeout_s: float) -> Reply | None:
        """Have the worker GET ``path``; None when there was no answer in time."""
        question = Question(path, deque(maxlen=1))
        with self._core.lock:
            self._questions.append(question)
            self._core.changed.notify_all()
            self._core.changed.wait_for(lambda: bool(question.answers), timeout_s)
            return question.answers[0] if question.answers else None

    def stop(self, timeout_s: float) -> None:
        """End the thread after its current exchange; do not wait longer than ``timeout_s``."""
        with self._core.lock:
            self._is_stopping = True
            self._core.changed.notify_all()
        if self._reader is not None:
            self._reader.stop(timeout_s)
        end_ms = self._core.clock.steady_ms() + int(timeout_s * 1_000)
        if not self.is_current:
            self._thread.join(timeout_s)
        self._callbacks.stop(max(0.0, (end_ms - self._core.clock.steady_ms()) / 1_000))

    def _run(self) -> None:
        while not self._is_stopping:
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 - Rule 2
                self._guard.fault("worker", error)
                with self._core.lock:
                    if not self._is_stopping:
                        self._core.changed.wait(FAULT_PAUSE_S)
        if self._transport is not None:
            self._transport.close()

    def _turn(self) -> None:
        """Do the one thing that is due, or wait."""
        core = self._core
        self._gather()
        if self._reader is not None and core.wants_messages:
            self._reader.begin()
        if self._questions:
            self._answer(self._questions.popleft())
            return
        poll_ms = core.poll_due_ms if self._transport is not None else None
        if poll_ms is not None and poll_ms <= core.clock.steady_ms():
            whose = core.identity.anonymous_id
            take_in(core, self._get(self._messages_path(), core.poll.etag), whose)
            return
        errand = self._due_errand()
        if errand is not None:
            self._run_errand(errand)
            return
        with core.lock:
            if self._is_stopping:
                return
            step = core.next_parcel() if self._transport is not None else Idle()
            if not isinstance(step, Parcel):
                self._sleep(step)
                return
        self._send(step)

    def _sleep(self, step: Wait | Idle) -> None:
        """Wait for the moment or for a change; the lock is held and let go meanwhile."""
        core = self._core
        told = [teller.due_ms for teller in core.tellers]
        told.append(due_ms(core, self._callbacks.of(MESSAGE_KINDS)))
        if self._questions or _is_due(told, core.clock.steady_ms()):
            return
        core.is_worker_asleep = isinstance(step, Idle)
        moments = told
        if self._transport is not None:
            moments += [core.poll_due_ms, *(errand.due_ms for errand in core.errands)]
        moments.append(step.until_ms if isinstance(step, Wait) else None)
        known = [moment for moment in moments if moment is not None]
        timeout_s = None
        if known:
            timeout_s = max(0.001, (min(known) - core.clock.steady_ms()) / 1_000)
        core.changed.wait(timeout_s)
        core.is_worker_asleep = False

    def _send(self, parcel: Parcel) -> None:
        if self._transport is None:
            return
        headers = {"Content-Type": "application/json", **self._core.headers()}
        if parcel.upload.is_consent:
            headers["Fencepost-Class"] = "consent"
        reply = None
        try:
            reply = self._transport.exchange(
                "POST", "/v1/batch", parcel.body, headers, self._core.clock
            )
        finally:
            effects = self._core.finish(parcel, reply)
        if effects is not None:
            self._tell_refused(effects)

    def _tell_refused(self, effects: Effects) -> None:
        """Tell the developer what the gateway will never take."""
        refused = {(each.code, each.path) for each in effects.decided if each.verdict == "rejected"}
        for code, path in sorted(refused):
            self._tell(SdkError(f"rejected:{code}", f"the gateway refuses such an event at {path}"))
        if effects.quarantined:
            self._tell(SdkError("quarantined", "an event was set aside: no request is understood"))

    def _tell(self, error: SdkError) -> None:
        self._guard.tell(error)
        self._callbacks.tell("error", error)

    def _answer(self, question: Question) -> None:
        reply = None
        try:
            reply = self._get(question.path, "")
        finally:
            with self._core.lock:
                question.answers.append(reply)
                self._core.changed.notify_all()

    def _due_errand(self) -> Errand | None:
        if self._transport is None:
            return None
        now_ms = self._core.clock.steady_ms()
        for errand in self._core.errands:
            due_ms = errand.due_ms
            if due_ms is not None and due_ms <= now_ms:
                return errand
        return None

    def _run_errand(self, errand: Errand) -> None:
        reply = None
        try:
            reply = self._get(errand.path(), "")
        finally:
            errand.take(reply)

    def _get(self, path: str, etag: str) -> Reply | None:
        if self._transport is None:
            return None
        headers = self._core.headers()
        if etag:
            headers["If-None-Match"] = etag
        return self._transport.exchange("GET", path, b"", headers, self._core.clock)

    def _messages_path(self) -> str:
        with self._core.lock:
            known = {} if self._core.is_closed else self._core.store.meta()
        after = known.get("messages_after", "")
        return f"/v1/messages?after={quote(after, safe='')}"

    def _gather(self) -> None:
        """Hand what the host is to be told to the thread that calls it back."""
        for message in hand_out(self._core, self._guard, self._callbacks.of(MESSAGE_KINDS)):
            self._callbacks.tell(message.kind, message)
        for teller in self._core.tellers:
            for kind, value in teller.hand_out():
                self._callbacks.tell(kind, value)


def _is_due(moments: list[int | None], now_ms: int) -> bool:
    return any(moment is not None and moment <= now_ms for moment in moments)
