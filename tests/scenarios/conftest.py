"""Fixtures of the scenarios."""

import pytest


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Say whether golden files are written anew."""
    return bool(request.config.getoption("--update"))
