import pytest

from bench.saying import HANG_GUARD_S, said_by


@pytest.mark.timeout(HANG_GUARD_S + 10)
async def test_bench_of_a_person_runs() -> None:
    """Both histories are decided about and everybody is looked up; no figure is judged."""
    said = await said_by("bench.person", "--records", "20000", "--rounds", "20")

    assert said.count(b"one event folded and decided") == 2
    assert said.count(b"p99") == 3
    assert b"50 listed" in said
