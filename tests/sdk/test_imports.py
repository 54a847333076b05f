from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

from fencepost_sdk import wire

LAZY = {"ssl", "http.client", "email", "asyncio", "dataclasses", "logging"}
BASE = "import sqlite3, json, zlib, hashlib, threading"


def run(code: str, **environment: str) -> str:
    """Run code in a fresh interpreter."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={**os.environ, **environment},
    )
    return done.stdout


def test_the_import_loads_nothing_heavy() -> None:
    """TLS, HTTP and their like come on first use: the host's start pays for none of them."""
    loaded = json.loads(
        run(
            "import sys, json, fencepost_sdk, fencepost_sdk.location;"
            "print(json.dumps([*sys.modules]))"
        )
    )

    assert not LAZY & set(loaded)


def test_the_import_starts_nothing() -> None:
    """No thread and no file is opened by importing."""
    assert run("import threading, fencepost_sdk; print(threading.active_count())").strip() == "1"


def test_the_import_costs_little_beside_its_parts(tmp_path: Path) -> None:
    """At most four times the CPU time of the standard modules it is made of, in the same run."""
    timed = "import time; t = time.process_time(); {}; print(time.process_time() - t)"

    def best(code: str) -> float:
        compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tmp_path)}
        return min(float(run(timed.format(code), **compiled)) for _ in range(5))

    assert best("import fencepost_sdk") <= 4 * best(BASE)


def test_a_client_that_is_idle_sleeps_without_a_timer(tmp_path: Path) -> None:
    """With nothing to do the worker waits for a change, not for a time."""
    code = f"""
import sys
from fencepost_sdk import init
fp = init("pk_test", host="http://127.0.0.1:1", data_dir={str(tmp_path)!r})
core = fp._core
while not core.is_worker_asleep:
    with core.lock:
        pass
print(fp._worker._thread.daemon, [name for name in ("ssl", "http.client") if name in sys.modules])
fp.shutdown()
"""

    assert run(code).strip() == "True []"


def test_the_version_on_the_wire_is_the_package_s() -> None:
    """The wire names the version that is installed."""
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())

    assert wire.SDK["version"] == project["project"]["version"]
