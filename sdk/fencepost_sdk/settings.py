"""
Settings: what ``init`` was given.

Pure. Each member is explained at ``init``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fencepost_sdk.inbox import Messages
from fencepost_sdk.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from os import PathLike

    from fencepost_sdk.location import Location


class Settings(NamedTuple):
    """Arguments of ``init``, defaults filled in."""

    key: str
    host: str
    app: Mapping[str, str] | None = None
    data_dir: str | PathLike[str] | None = None
    consent: Mapping[str, str] | None = None
    durability: str = "os"
    limits: Limits = Limits()
    context: Mapping[str, str] | None = None
    location: Location | None = None
    messages: Messages = Messages()
    on_error: Callable[[Exception], object] | None = None
    strict: bool = False
    debug: bool = False
