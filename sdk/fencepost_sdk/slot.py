"""
Slot: the folder that one process owns.

Not pure: folders, locks. A data folder holds ``slot-0``, ``slot-1`` ...; each is one store, one
device, and belongs to the process that holds its OS lock. A second process takes the next one.

Rule 1. The lock lives as long as the process, and no longer: after a kill it is free at once.
Rule 2. A forked child owns nothing: it lets go of its copy of the lock, so that the slot is free
        when its parent ends.
Rule 3. A store that cannot be read is set aside as ``.corrupt-<time>``; the newest such copy is
        kept.
"""

from __future__ import annotations

import os
import sys
import weakref
from functools import partial
from pathlib import Path
from typing import IO

SLOTS_MAX = 64
STORE_NAME = "queue.db"
PRIVATE = 0o700


class Slot:
    """One locked folder; ``release`` gives it back."""

    def __init__(self, folder: Path, lock: IO[bytes]) -> None:
        self.folder = folder
        self._lock = lock
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=partial(_let_go, weakref.ref(self)))

    @property
    def store_path(self) -> Path:
        """Where the store of this slot lives."""
        return self.folder / STORE_NAME

    def release(self) -> None:
        """Let the next process have the folder."""
        self._lock.close()

    def set_aside(self, now_ms: int) -> None:
        """Move an unreadable store out of the way, keeping the newest such copy (Rule 3)."""
        for old in self.folder.glob(f"{STORE_NAME}.corrupt-*"):
            old.unlink()
        for suffix in ("-wal", "-shm", "-journal"):
            self.store_path.with_name(STORE_NAME + suffix).unlink(missing_ok=True)
        self.store_path.replace(self.store_path.with_name(f"{STORE_NAME}.corrupt-{now_ms}"))


def _let_go(slot: weakref.ref[Slot]) -> None:
    child = slot()
    if child is not None:
        child.release()


def take_slot(data_dir: Path) -> Slot:
    """
    Lock the first free slot of ``data_dir``.

    Raises:
        OSError: The folder cannot be written, or every slot is taken.

    """
    for number in range(SLOTS_MAX):
        folder = data_dir / f"slot-{number}"
        folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        lock = (folder / "lock").open("ab")
        if _try_lock(lock):
            return Slot(folder, lock)
        lock.close()
    raise OSError(f"all {SLOTS_MAX} slots of the data folder are taken by living processes")


def default_data_dir(name: str) -> Path:
    """Name the folder where this platform keeps an app's data."""
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME", home / ".local" / "share"))
    return base / "fencepost" / name


if sys.platform == "win32":

    def _try_lock(lock: IO[bytes]) -> bool:
        import msvcrt  # noqa: PLC0415 - exists on this platform only

        try:
            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:

    def _try_lock(lock: IO[bytes]) -> bool:
        import fcntl  # noqa: PLC0415 - exists on this platform only

        try:
            fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
