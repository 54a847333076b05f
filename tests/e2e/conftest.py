"""What the end-to-end tests share: one gateway a module, with everything around it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from e2e.documents import whole_way
from e2e.people import House
from e2e.rig import gateway, receivers


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A gateway with the documents applied, and where its messages arrive."""
    folder = tmp_path_factory.mktemp("house")
    async with receivers() as there, gateway(folder, there.channels()) as running:
        applied = await running.apply("live", whole_way())
        assert applied.code == 0, applied.err
        yield running, there
