"""The generated pages are the source's, and nothing of the source is missing on them."""

from __future__ import annotations

import sys

import pytest

from docs.blocks import ROOT
from docs.shell import run
from fencepost_channels.registry import load_drivers
from fencepost_gateway.__main__ import cli
from fencepost_gateway.api.table import ROUTES
from fencepost_gateway.decide.reasons import REASONS
from fencepost_gateway.errors import ERRORS
from fencepost_gateway.metrics import Metrics
from fencepost_gateway.settings import Settings

REFERENCE = ROOT / "docs" / "reference"
COMMANDS = [
    info.name or info.callback.__name__ for info in cli.registered_commands if info.callback
]
METRICS = [family.name for family in Metrics().registry.collect()]
LISTED = [
    *(("settings.md", f"`FENCEPOST_{name.upper()}`") for name in Settings.model_fields),
    *(("metrics.md", f"`{name}") for name in METRICS),
    *(("errors.md", f"| `{code}` |") for code in ERRORS),
    *(("reasons.md", f"| `{code}` |") for code in REASONS),
    *(("drivers.md", f"## `{name}`") for name in load_drivers()),
    *(("command-line.md", f"## `fencepost {name}`") for name in COMMANDS),
    *(("http.md", f"| `{route.method} {route.path}` |") for route in ROUTES),
]


async def test_pages_are_what_the_source_says() -> None:
    """``make docs`` would change nothing."""
    assert await run(sys.executable, "docs/make_reference.py", "--check") == ""


@pytest.mark.parametrize(("page", "line"), LISTED)
def test_everything_has_its_line(page: str, line: str) -> None:
    """A setting, metric, code, reason, driver, command or route without a line fails."""
    assert line in (REFERENCE / page).read_text("utf-8")
