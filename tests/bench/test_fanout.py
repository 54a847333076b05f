import pytest

from bench.saying import HANG_GUARD_S, said_by


@pytest.mark.timeout(HANG_GUARD_S + 10)
async def test_bench_of_a_fan_out_runs() -> None:
    """Everybody is told once, beside devices that send; no figure is judged."""
    said = await said_by("bench.fanout", "--persons", "2000")

    assert b"2,040 of 2,040 persons" in said
    assert said.count(b"p99") == 4
    assert b"beside 2,040 waiting runs" in said
