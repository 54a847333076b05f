"""
Parts: what the core lets a part of the client do beside tracking.

Pure protocols.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fencepost_sdk.answer import Reply


class Errand(Protocol):
    """Something else that a part asks the gateway for, in the worker's thread."""

    @property
    def due_ms(self) -> int | None:
        """When to ask; None: not now."""

    def path(self) -> str:
        """Write the question."""

    def take(self, reply: Reply | None) -> None:
        """Take the answer."""

    def hint(self, hints: Mapping[str, str]) -> None:
        """Take the hints of a batch's answer."""

    def forget(self) -> None:
        """Forget what consent to location allowed to know."""


class Teller(Protocol):
    """Something a part has to tell the host, in the worker's thread."""

    @property
    def due_ms(self) -> int | None:
        """When there is something to tell; None: not before something happens."""

    def hand_out(self) -> list[tuple[str, object]]:
        """Give what is to be told, each once, with the kind of its callbacks."""
