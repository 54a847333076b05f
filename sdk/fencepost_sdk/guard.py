"""
Guard: no fault of ours reaches the host.

Not pure: it counts, logs and calls the host back.

Rule 1. A public call never raises: a fault is counted, given to ``on_error``, and the call gives
        back what stands for "nothing happened". ``strict`` lets wrong arguments raise, for tests.
Rule 2. Wrong arguments are counted apart and logged once by name. A signature that does not fit
        counts as wrong arguments.
Rule 3. After ``shutdown``, and in a forked child, every call is a no-op that says ``closed``.
Rule 4. Callbacks of the host run outside our locks; an exception in one is counted.
"""

from __future__ import annotations

import os
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

from fencepost_sdk.fallback import dropped

if TYPE_CHECKING:
    from collections.abc import Callable

    from fencepost_sdk.results import Tracked

P = ParamSpec("P")
R = TypeVar("R")


class InvalidCallError(ValueError):
    """The host called with wrong arguments; raised only in strict mode."""


class SdkError(Exception):
    """What ``on_error`` is given: a code and a sentence, never contents."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code}: {sentence}")
        self.code = code


class Guard:
    """Counts of one client, and whether it is open."""

    def __init__(
        self, *, strict: bool, debug: bool, on_error: Callable[[Exception], object] | None
    ) -> None:
        self.faults = 0
        self.invalid_calls = 0
        self.is_closed = False
        self._strict = strict
        self._debug = debug
        self._on_error = on_error
        self._pid = os.getpid()
        self._logged: set[str] = set()

    @property
    def is_open(self) -> bool:
        """Whether calls do anything: not shut down, and the process that called ``init``."""
        return not self.is_closed and os.getpid() == self._pid

    @property
    def is_forked(self) -> bool:
        """Whether this is a child of the process that called ``init``."""
        return os.getpid() != self._pid

    def fault(self, where: str, error: Exception) -> None:
        """Count a fault and tell the host (Rule 1)."""
        self.faults += 1
        self._log(f"fault.{where}", type(error).__name__)
        self.tell(error)

    def invalid(self, where: str, error: Exception) -> None:
        """Count a wrong call; raise it in strict mode (Rule 2)."""
        self.invalid_calls += 1
        self._log(f"invalid_call.{where}", str(error))
        if self._strict:
            if isinstance(error, InvalidCallError):
                raise error
            raise InvalidCallError(str(error)) from error

    def tell(self, error: Exception) -> None:
        """Give an error to ``on_error``."""
        if self._on_error is not None:
            try:
                self._on_error(error)
            except Exception:  # noqa: BLE001 - the host's handler may raise anything
                self.faults += 1

    def ask(self, callback: Callable[..., object], value: object, *, on_error: str) -> object:
        """Call the host back and give its answer, ``on_error`` if it raised (Rule 4)."""
        try:
            return callback(value)
        except Exception as error:  # noqa: BLE001 - the host's callback may raise anything
            self.fault("callback", error)
            return on_error

    def _log(self, name: str, detail: str) -> None:
        if name in self._logged and not self._debug:
            return
        self._logged.add(name)
        import logging  # noqa: PLC0415 - a third of our import time, needed only when all is not well

        logging.getLogger("fencepost_sdk").warning("%s: %s", name, detail)


class Guarded(Protocol):
    """An object whose public calls are guarded."""

    @property
    def guard(self) -> Guard:
        """The client's guard."""


S = TypeVar("S", bound=Guarded)


def guarded(
    fallback: Callable[[str], R],
) -> Callable[[Callable[Concatenate[S, P], R]], Callable[Concatenate[S, P], R]]:
    """Keep a public call from raising; ``fallback`` makes the result from the reason."""

    def wrap(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
        @wraps(method)
        def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            guard = self.guard
            if not guard.is_open:
                return fallback("closed")
            try:
                return method(self, *args, **kwargs)
            except InvalidCallError as error:
                guard.invalid(method.__name__, error)
                return fallback("invalid")
            except Exception as error:  # noqa: BLE001 - Rule 1
                at = error.__traceback__
                if isinstance(error, TypeError) and at is not None and at.tb_next is None:
                    guard.invalid(method.__name__, error)  # the signature did not fit
                    return fallback("invalid")
                guard.fault(method.__name__, error)
                return fallback("fault")

        return call

    return wrap


class MissingPart:
    """Stands where a part was not given: every call is a no-op, counted."""

    def __init__(self, guard: Guard, name: str) -> None:
        self.guard = guard
        self._name = name

    def __getattr__(self, call: str) -> Callable[..., Tracked]:
        """Give a call that does nothing."""
        if call.startswith("_"):
            raise AttributeError(call)

        def nothing(*_: object, **__: object) -> Tracked:
            part = self._name.title()
            hint = f"{self._name} is not linked: init(..., {self._name}={part}())"
            self.guard.invalid(f"{self._name}.{call}", InvalidCallError(hint))
            return dropped("invalid")

        return nothing
