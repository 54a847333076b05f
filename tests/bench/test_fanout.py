import asyncio
import os
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
HANG_GUARD_S = 60


async def test_bench_of_a_fan_out_runs() -> None:
    """Everybody is told once, beside devices that send; no figure is judged."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.fanout", "--persons", "2000",
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip

    async with asyncio.timeout(HANG_GUARD_S):
        said, complained = await process.communicate()

    assert (complained, process.returncode) == (b"", 0)
    assert b"2,040 of 2,040 persons" in said
    assert said.count(b"p99") == 4
    assert b"beside 2,040 waiting runs" in said
