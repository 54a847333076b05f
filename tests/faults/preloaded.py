"""
Preloaded: a process that has imported the gateway and forks one whenever it is told to.

Sixty starts cost three minutes of imports on two cores; a fork costs none. What is forked runs the
same ``main()`` as ``python -m fencepost_gateway serve``, opens its own store, is a process of its
own to the kernel, and dies of SIGKILL as any other.

With the path of a shift (``shifted.py``) as its argument, the clock of what it forks can be moved;
that is wired here, because the product has no door for it.

Input, one a line: ``start`` forks a gateway and prints its pid; ``wait PID`` prints how it ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import fencepost_gateway.app
from faults.shifted import ShiftedClock
from fencepost_channels.registry import load_drivers
from fencepost_gateway.__main__ import main
from fencepost_gateway.settings import read_settings


def start() -> int:
    """Fork a gateway; give its pid."""
    pid = os.fork()
    if pid:
        return pid
    for descriptor, path in ((0, os.devnull), (1, "out.log"), (2, "err.log")):
        mode = os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.dup2(os.open(path, mode, 0o600), descriptor)
    given, sys.argv = sys.argv[1:], ["fencepost", "serve"]
    code = 1
    try:
        if given:
            asyncio.run(serve_shifted(Path(given[0])))
        else:
            main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stderr.flush()
        os._exit(code)


async def serve_shifted(shift: Path) -> None:
    """Serve until SIGTERM, by a clock that can be moved."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await fencepost_gateway.app.serve(read_settings(), stop=stop, clock=ShiftedClock(shift))


def serve_forks() -> None:
    """Do what the input says until it ends."""
    load_drivers()
    Path("out.log").touch()
    for line in sys.stdin:
        match line.split():
            case ["start"]:
                print(start(), flush=True)  # noqa: T201 - the answer
            case ["wait", pid]:
                _, status = os.waitpid(int(pid), 0)
                print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


if __name__ == "__main__":
    serve_forks()
