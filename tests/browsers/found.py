"""Which browsers this machine has; a test that needs another skips, and in CI that is a failure."""

from __future__ import annotations

import os
import shutil

import pytest

NAMES = {"firefox": ("firefox-esr", "firefox"), "chromium": ("chromium", "chromium-browser")}
REMEDY = "`make doctor-dev` says what is missing; on Debian: apt-get install"


def browser(kind: str) -> str:
    """Give the path of a browser, or skip; in CI absence is a failure."""
    for name in NAMES[kind]:
        if path := shutil.which(name):
            return path
    reason = f"no {kind} is found: {REMEDY} {NAMES[kind][0]}"
    if os.environ.get("CI") == "true":
        raise FileNotFoundError(reason)
    pytest.skip(reason)
