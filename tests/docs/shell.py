"""Running commands to their end."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from docs.blocks import ROOT

BIN = Path(sys.executable).parent
HANG_GUARD_S = 50


async def run(*command: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> str:
    """Run ``command``, which must succeed without complaint; gives what it printed."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(HANG_GUARD_S):
        said, complained = await process.communicate()
    assert (process.returncode, complained.decode()) == (0, ""), said.decode()
    return said.decode()
