import os
import subprocess
import sys
from pathlib import Path

from bench.town import town, tracks

TESTS = Path(__file__).resolve().parents[1]


def test_bench_of_the_tracker_runs() -> None:
    """Every part of the benchmark runs; no figure is judged."""
    found = subprocess.run(
        [sys.executable, "-m", "bench.geofence", "--quick"],
        env={**os.environ, "PYTHONPATH": str(TESTS), "TILE38_URL": ""},
        capture_output=True, check=False, timeout=50,
    )  # fmt: skip

    assert (found.stderr, found.returncode) == (b"", 0)
    assert b"dense" in found.stdout
    assert b"a tracked device" in found.stdout
    assert b"no Tile38 server was measured (TILE38_URL)" in found.stdout


def test_town_is_a_function_of_its_seed() -> None:
    """Two runs measure the same fences and fixes."""
    first, second = (town(20, 1) for _ in range(2))

    assert first.fences == second.fences
    assert tracks(first, 3, 10, 1) == tracks(second, 3, 10, 1)
