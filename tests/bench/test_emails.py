import pytest

from bench.saying import HANG_GUARD_S, said_by


@pytest.mark.timeout(HANG_GUARD_S + 10)
async def test_bench_of_emails_runs() -> None:
    """Every way hands every message to the sink; no figure is judged."""
    said = await said_by("bench.emails", "--messages", "30", "--rounds", "1")

    assert said.count(b"messages/s a core") == 5
