import pytest

from bench.saying import HANG_GUARD_S, said_by


@pytest.mark.timeout(HANG_GUARD_S + 10)
async def test_bench_of_why_runs() -> None:
    """Every question is asked of a real store; no figure is judged."""
    said = await said_by("bench.why", "--records", "20000")

    assert said.count(b"p99") == 7
    assert b"50 listed" in said
