import pytest

from bench.saying import HANG_GUARD_S, said_by


@pytest.mark.timeout(HANG_GUARD_S + 10)
async def test_bench_of_a_workspace_runs() -> None:
    """Every part is measured; no figure is judged."""
    said = await said_by("bench.workspace", "--journeys", "20", "--steps", "8")

    assert said.count(b"an event that wakes") == 4
    assert b"compiling one, beside all" in said
    assert b"a gateway with 20 of them starts" in said
