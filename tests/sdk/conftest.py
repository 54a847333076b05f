"""What the SDK's tests share: a gateway double, and clients that are shut down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from fencepost_sdk import Client, Limits, init
from sdk.gateway_double import GatewayDouble

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK = Limits(trigger_age_ms=50)


class MakeClient(Protocol):
    """Make a client of the double with a store of its own; arguments as for ``init``."""

    def __call__(self, **settings: Any) -> Client:
        """Make it."""


@pytest.fixture
def gateway() -> Iterator[GatewayDouble]:
    """Give a gateway double."""
    double = GatewayDouble()
    yield double
    double.close()


@pytest.fixture
def make_client(gateway: GatewayDouble, tmp_path: Path) -> Iterator[MakeClient]:
    """Give a maker of clients that are shut down at the end."""
    made: list[Client] = []

    def make(**settings: Any) -> Client:
        given: dict[str, Any] = {
            "host": gateway.url,
            "data_dir": tmp_path / "data",
            "limits": QUICK,
            "consent": {"collect": "y"},
        }
        client = init("pk_test", **{**given, **settings})
        made.append(client)
        return client

    yield make
    for client in made:
        client.shutdown(0)
