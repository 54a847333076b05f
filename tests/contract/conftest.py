"""Both stores, under one name."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fencepost_gateway.ports import Store
from fencepost_gateway.stores.memory import MemoryStore
from fencepost_gateway.stores.sqlite import open_sqlite


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Give an empty store; closed again at the end."""
    made: Store = MemoryStore() if request.param == "memory" else open_sqlite(tmp_path / "data")
    yield made
    await made.close()
