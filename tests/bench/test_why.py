import asyncio
import os
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
HANG_GUARD_S = 60


async def test_bench_of_why_runs() -> None:
    """Every question is asked of a real store; no figure is judged."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.why", "--records", "20000",
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip

    async with asyncio.timeout(HANG_GUARD_S):
        said, complained = await process.communicate()

    assert (complained, process.returncode) == (b"", 0)
    assert said.count(b"p99") == 7
    assert b"50 listed" in said
