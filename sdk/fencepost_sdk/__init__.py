"""
Fencepost for Python apps: track, go offline, die, come back, and nothing is lost, doubled or sent
without consent.

Standard library only. Importing does nothing but define names; ``init`` opens the store and starts
one thread. No call raises into the host, blocks on the network or takes longer than a local commit.
"""  # noqa: D205 - one sentence that needs two lines

from __future__ import annotations

from typing import TYPE_CHECKING

from fencepost_sdk.client import Client
from fencepost_sdk.guard import InvalidCallError, SdkError
from fencepost_sdk.inbox import Message, Messages
from fencepost_sdk.limits import Limits
from fencepost_sdk.results import (
    Check,
    ConsentEntry,
    Explanation,
    FlushResult,
    Stats,
    Status,
    Tracked,
)
from fencepost_sdk.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

    from fencepost_sdk.location import Location

__all__ = [
    "Check",
    "Client",
    "ConsentEntry",
    "Explanation",
    "FlushResult",
    "InvalidCallError",
    "Limits",
    "Message",
    "Messages",
    "SdkError",
    "Stats",
    "Status",
    "Tracked",
    "init",
]


def init(  # noqa: PLR0913 - the one place where an app says everything, by name
    key: str,
    *,
    host: str,
    app: Mapping[str, str] | None = None,
    data_dir: str | PathLike[str] | None = None,
    consent: Mapping[str, str] | None = None,
    durability: str = "os",
    limits: Limits | None = None,
    context: Mapping[str, str] | None = None,
    location: Location | None = None,
    messages: Messages | None = None,
    on_error: Callable[[Exception], object] | None = None,
    strict: bool = False,
    debug: bool = False,
) -> Client:
    """
    Open the store, start the worker and give the client; no network before it returns.

    Args:
        key: Public write key of the workspace, ``pk_...``.
        host: Address of the gateway; ``http://`` only for loopback.
        app: ``id`` and ``version`` of the app, for the context of each batch.
        data_dir: Folder for the store; None: where the platform keeps an app's data.
        consent: First values, purpose to value; they count only where nothing was said yet.
        durability: ``os`` survives the death of the app, ``fsync`` the loss of power.
        limits: Bounds and triggers; None: the defaults.
        context: What the host knows better than we: ``locale``, ``zone``, ``os``.
        location: ``Location()`` of ``fencepost_sdk.location`` links positions; None: inert.
        messages: ``Messages(poll_s=...)``: how often messages are asked for while somebody listens.
        on_error: Called with every fault, and with what the gateway refused.
        strict: Wrong arguments raise ``InvalidCallError``; for tests.
        debug: Log every fault, not only the first of its name.

    """
    return Client(
        Settings(
            key=key,
            host=host,
            app=app,
            data_dir=data_dir,
            consent=consent,
            durability=durability,
            limits=limits or Limits(),
            context=context,
            location=location,
            messages=messages or Messages(),
            on_error=on_error,
            strict=strict,
            debug=debug,
        )
    )
