"""
Identity: who this store speaks for, and in what surroundings.

Not pure: it reads the environment once, at ``init``, and keeps names in the store.

Rule 1. ``device_id`` and its secret belong to the store and live as long as it.
Rule 2. ``anonymous_id`` begins with the store and anew with every ``reset``; ``user_id`` is what
        the host said last.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fencepost_sdk import ids

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fencepost_sdk.clock import Clock
    from fencepost_sdk.sqlite_store import SqliteStore


class Identity(NamedTuple):
    """The names of this device and its person; the secret is never shown."""

    device_id: str
    secret: str
    anonymous_id: str
    user_id: str

    def who(self) -> dict[str, str]:
        """Name the person as the wire does."""
        who = {"anonymous_id": self.anonymous_id}
        return {**who, "user_id": self.user_id} if self.user_id else who


def load_identity(store: SqliteStore, clock: Clock) -> Identity:
    """Read the names of ``store``; a new one is given names of its own (Rule 1)."""
    known = store.meta()
    if "device_id" not in known:
        known = {
            "device_id": ids.uuid7(clock.wall_ms(), clock.entropy(ids.UUID_ENTROPY_BYTES)),
            "secret": ids.token(clock.entropy(ids.SECRET_ENTROPY_BYTES)),
            "anonymous_id": new_anonymous_id(clock),
            "user_id": "",
        }
        with store.transaction():
            for name, value in known.items():
                store.set_meta(name, value)
    return Identity(
        known["device_id"], known["secret"], known["anonymous_id"], known.get("user_id", "")
    )


def new_anonymous_id(clock: Clock) -> str:
    """Name somebody we do not know (Rule 2)."""
    return "a-" + ids.token(clock.entropy(ids.STREAM_ENTROPY_BYTES))


def surroundings(app: Mapping[str, str] | None, said: Mapping[str, str]) -> dict[str, object]:
    """Describe app and device for the batch; what the host ``said`` wins over what we find."""
    found: dict[str, object] = {"os": sys.platform}
    locale = os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    if locale.partition(".")[0] not in {"", "C", "POSIX"}:
        found["locale"] = locale.partition(".")[0].replace("_", "-")
    zone = os.environ.get("TZ", "") or _linked_zone()
    if "/" in zone or zone == "UTC":
        found["zone"] = zone.lstrip(":")
    if app:
        found["app"] = dict(app)
    return {**found, **said}


def _linked_zone() -> str:
    """Read the time zone's name from where the system links it; empty when it does not say."""
    try:
        target = str(Path("/etc/localtime").readlink())
    except OSError:
        return ""
    return target.partition("zoneinfo/")[2]
