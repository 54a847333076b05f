"""Real fences and tracks beside the checkout; tests that use them skip when they are absent."""

import os
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1].parent / "shared" / "data"


def real_data(name: str) -> Path:
    """Give the path of a real data file, or skip; in CI absence is a failure."""
    path = FOLDER / name
    if not path.exists():
        reason = f"real data {name} is absent: put the data folder beside the checkout"
        if os.environ.get("CI") == "true":
            raise FileNotFoundError(reason)
        pytest.skip(reason)
    return path
