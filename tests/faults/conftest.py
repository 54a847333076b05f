"""What the fault tests share: the seed of their plan."""

from __future__ import annotations

import pytest

from e2e.clock import now_ms


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Give the seed of the fault plan: that of ``make fault SEED=…``, or one of its own."""
    given: int | None = request.config.getoption("fault_seed")
    return now_ms() % 1_000_000 if given is None else given
