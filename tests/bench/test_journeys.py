import pytest

from bench.saying import HANG_GUARD_S, said_by


@pytest.mark.timeout(HANG_GUARD_S + 10)
async def test_bench_of_journeys_runs() -> None:
    """Every part is measured, waits fire in order; no figure is judged."""
    said = await said_by("bench.journeys", "--runs", "400", "--steps", "400")

    assert said.startswith(b"a step: ")
    assert said.count(b"an event that wakes nothing") == 4
    assert b"400 waiting runs" in said
    assert b"400 waits due at once" in said
    assert b"fired in order" in said
