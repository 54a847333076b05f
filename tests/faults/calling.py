"""
Calling: a gateway that has a way to a source stub; to be killed.

Its argument is JSON: ``folder`` and ``ca_file``. It prints its port once it listens.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from doubles.source_stub import way_to
from fencepost_gateway.app import serve
from fencepost_gateway.settings import Settings


async def main(folder: Path, ca_file: Path) -> None:
    """Serve until killed."""
    settings = Settings(data_dir=folder, port=0, min_ack_level="memory")
    await serve(
        settings,
        stop=asyncio.Event(),
        ready=lambda _gateway, port: print(port, flush=True),  # noqa: T201 - the answer
        outside=way_to(ca_file),
    )


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    asyncio.run(main(Path(told["folder"]), Path(told["ca_file"])))
