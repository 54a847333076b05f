"""
Assembly: a client's core, made of its settings.

Not pure: it finds the folder and opens the store.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from fencepost_sdk import wire
from fencepost_sdk.core import Core
from fencepost_sdk.identity import surroundings
from fencepost_sdk.slot import default_data_dir

if TYPE_CHECKING:
    from fencepost_sdk.clock import Clock
    from fencepost_sdk.guard import Guard
    from fencepost_sdk.settings import Settings


def core_of(settings: Settings, clock: Clock, guard: Guard) -> Core:
    """Make the core; a store that cannot be opened is told to the guard."""
    name = hashlib.sha256(f"{settings.key}|{settings.host}".encode()).hexdigest()[:16]
    folder = Path(settings.data_dir) if settings.data_dir is not None else default_data_dir(name)
    core = Core(
        folder,
        surroundings(settings.app, settings.context or {}),
        settings.limits,
        clock,
        fsync=settings.durability == "fsync",
        messages=settings.messages,
    )
    if core.problem is not None:
        guard.fault("store", core.problem)
    return core


def user_agent() -> str:
    """Name this SDK to the gateway."""
    return f"fencepost-{wire.SDK['name']}/{wire.SDK['version']}"
