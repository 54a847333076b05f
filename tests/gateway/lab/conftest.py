"""What several tests of the lab share."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bench.recorded import record
from gateway.rig import NOON_MS

DAY_MS = 86_400_000


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the recorded lives of sixty people."""
    folder = tmp_path_factory.mktemp("many")
    asyncio.run(record(folder, 60, 1800, 7, NOON_MS + 30 * DAY_MS))
    return folder
