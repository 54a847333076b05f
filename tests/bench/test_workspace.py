import asyncio
import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
HANG_GUARD_S = 120


@pytest.mark.timeout(150)
async def test_bench_of_a_workspace_runs() -> None:
    """Every part is measured; no figure is judged."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.workspace", "--journeys", "20", "--steps", "8",
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip

    async with asyncio.timeout(HANG_GUARD_S):
        said, complained = await process.communicate()

    assert (complained, process.returncode) == (b"", 0)
    assert said.count(b"an event that wakes") == 4
    assert b"compiling one, beside all" in said
    assert b"a gateway with 20 of them starts" in said
