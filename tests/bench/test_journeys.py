import asyncio
import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
HANG_GUARD_S = 120


@pytest.mark.timeout(150)
async def test_bench_of_journeys_runs() -> None:
    """Every part is measured, waits fire in order; no figure is judged."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.journeys", "--runs", "400", "--steps", "400",
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip

    async with asyncio.timeout(HANG_GUARD_S):
        said, complained = await process.communicate()

    assert (complained, process.returncode) == (b"", 0)
    assert said.startswith(b"a step: ")
    assert said.count(b"an event that wakes nothing") == 4
    assert b"400 waiting runs" in said
    assert b"400 waits due at once" in said
    assert b"fired in order" in said
