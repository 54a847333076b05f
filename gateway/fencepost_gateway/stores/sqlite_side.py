"""
The two sides of the SQLite file: a connection, and the thread that alone may use it.

What is run on the writing side is a unit of its group commit; on the reading side it is a query.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

import apsw
from msgspec import Struct

T = TypeVar("T")


class Run(Protocol):
    """Runs a unit of work on the right thread."""

    def __call__(self, unit: Callable[[], T], /) -> Coroutine[Any, Any, T]:
        """Run it; gives what it gives."""


class Side(Struct, frozen=True):
    """A connection and who may use it; nothing else touches ``db``."""

    db: apsw.Connection
    run: Run
