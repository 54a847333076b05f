"""What a benchmark says when it is run; no figure is judged."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
HANG_GUARD_S = 150


async def said_by(*arguments: str) -> bytes:
    """Run a benchmark to its end, without complaint; give what it says."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(HANG_GUARD_S):
        said, complained = await process.communicate()
    assert (complained, process.returncode) == (b"", 0)
    return said
