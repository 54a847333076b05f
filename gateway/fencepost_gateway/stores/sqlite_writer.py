"""
Writer: the one thread that owns the only write connection.

Rule 1. Group commit: whatever waited while the last commit was on its way goes into the next one,
        at most ``GROUP_MAX`` units; one transaction, one fsync, then the callers are told.
Rule 2. A unit of work is all or nothing. When one fails, the group is rolled back and its units
        run again one by one, so that a bad unit harms only itself. Units must bear that.
Rule 3. Checkpoints happen between transactions, here and nowhere else.
Rule 4. A group that could not be committed raises ``StoreUnavailableError`` for each of its
        units: nothing of it is there.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import apsw

from fencepost_gateway.errors import StoreUnavailableError
from fencepost_gateway.stores.sqlite_file import PAGE_BYTES

GROUP_MAX = 512
CHECKPOINT_PAGES = 1000
TRUNCATE_BYTES = 64 << 20

T = TypeVar("T")
Unit = Callable[[], Any]
_Waiting = tuple[Unit, "asyncio.Future[Any]"]


class Writer:
    """Runs units of work on its own thread, many a commit."""

    def __init__(
        self, db: apsw.Connection, keep: Callable[[], None], forget: Callable[[], None]
    ) -> None:
        """
        Start the thread.

        Args:
            db: The write connection; nobody else may touch it from now on.
            keep: Called on the thread after a commit, before anybody is told.
            forget: Called after a rollback: drop whatever was cached from uncommitted rows.

        """
        self._db = db
        self._keep = keep
        self._forget = forget
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._wal_pages = 0
        self._closed = False
        db.set_wal_hook(self._on_wal)
        self._thread = threading.Thread(target=self._run, name="fencepost-writer", daemon=True)
        self._thread.start()

    async def do(self, unit: Callable[[], T]) -> T:
        """Run ``unit`` in a transaction; returns when it is durable."""
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting.put((unit, future))
        return await future

    async def close(self) -> None:
        """Finish what waits, then end the thread."""
        self._closed = True
        self._waiting.put(None)
        await self._loop.run_in_executor(None, self._thread.join)

    # ---- on the thread --------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            first = self._waiting.get()
            group: list[_Waiting] = []
            ending = first is None
            if first is not None:
                group.append(first)
            while len(group) < GROUP_MAX:
                try:
                    more = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    ending = True
                else:
                    group.append(more)
            if group:
                self._work(group)
            if ending:
                self._checkpoint("TRUNCATE")
                return

    def _work(self, group: list[_Waiting]) -> None:
        results = self._commit(group)
        if isinstance(results, BaseException):
            if len(group) > 1:
                for waiting in group:
                    self._work([waiting])
                return
            results = [(group[0][1], None, results)]
        self._tell(results)
        if self._wal_pages >= CHECKPOINT_PAGES:
            too_long = self._wal_pages * PAGE_BYTES > TRUNCATE_BYTES
            self._checkpoint("TRUNCATE" if too_long else "PASSIVE")

    def _commit(self, group: list[_Waiting]) -> Any:
        """Run the group in one transaction; the exception when it had to be rolled back."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            results = [(future, unit(), None) for unit, future in group]
            self._db.execute("COMMIT")
            self._keep()
        except Exception as error:  # noqa: BLE001 - told to the caller of the unit, never dropped
            if self._db.in_transaction:
                with contextlib.suppress(apsw.Error):
                    self._db.execute("ROLLBACK")
            self._forget()
            return _as_store_error(error)
        return results

    def _tell(self, results: list[tuple[asyncio.Future[Any], Any, BaseException | None]]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
            self._loop.call_soon_threadsafe(_resolve, results)

    def _on_wal(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _checkpoint(self, mode: str) -> None:
        with contextlib.suppress(apsw.Error):  # a reader, a full disk: the WAL waits for next time
            self._db.execute(f"PRAGMA wal_checkpoint({mode})")
            self._wal_pages = 0


def _as_store_error(error: Exception) -> Exception:
    if isinstance(error, apsw.Error):
        wrapped = StoreUnavailableError(f"the store could not commit ({type(error).__name__})")
        wrapped.__cause__ = error
        return wrapped
    return error


def _resolve(results: list[tuple[asyncio.Future[Any], Any, BaseException | None]]) -> None:
    for future, result, error in results:
        if future.cancelled():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
