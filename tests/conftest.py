"""
What every run of the tests obeys.

Rule 1. A marker names a row that exists (``ROWS``); a test with another fails.
Rule 2. With ``CI=true`` a skip is a failure, hypothesis is derandomised, and a full run in which
        fewer tests ran than ``tests/count.txt`` says, less 2 %, fails: tests do not vanish unseen.
Rule 3. ``-m long`` runs the long proofs, and properties try ten times as many examples.
Rule 4. ``--row R11`` runs the tests of a promise alone; ``--fault-seed`` repeats a fault plan;
        ``--update`` writes the golden files of the scenarios anew.
Rule 5. No gateway under test asks pages of the internet, unless its test says so.
Rule 6. How a test has its process log is forgotten with it.

The seed of a run is printed at its head (pytest-randomly).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Generator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

IN_CI = os.environ.get("CI") == "true"
COUNT = Path(__file__).parent / "count.txt"
KEPT = 0.98
FEATURES = {
    "C": 12, "D": 8, "G": 9, "I": 13, "J": 11, "K": 10, "M": 9, "N": 24,
    "P": 12, "Q": 29, "S": 16, "T": 5, "X": 6,
}  # fmt: skip
ROWS: dict[str, set[str] | set[int]] = {
    "guarantee": {f"R{n}" for n in range(1, 31)},
    "bad_input": set(range(1, 131)),
    "feature": {f"{letter}{n:02}" for letter, top in FEATURES.items() for n in range(1, top + 1)},
}


os.environ.setdefault("FENCEPOST_CHECK_LINKS", "false")  # Rule 5


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what ``make fault`` says (Rule 4)."""
    parser.addoption("--row", default="", help="run the tests of this guarantee alone")
    parser.addoption("--fault-seed", type=int, default=None, help="the seed of fault plans")
    parser.addoption("--update", action="store_true", help="write the golden files anew")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests of one promise (Rule 4)."""
    row = config.getoption("--row")
    if row:
        marked = {i for i in items if any(row in m.args for m in i.iter_markers("guarantee"))}
        config.hook.pytest_deselected(items=[i for i in items if i not in marked])
        items[:] = [i for i in items if i in marked]


def pytest_configure(config: pytest.Config) -> None:
    """Choose how hypothesis tries (Rules 2 and 3); a slow machine is no failure."""
    settings.register_profile("local", deadline=None)
    settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
    settings.register_profile("long", deadline=None, max_examples=1000)
    is_long = config.option.markexpr == "long"
    settings.load_profile("long" if is_long else "ci" if IN_CI else "local")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test whose marker names no row (Rule 1)."""
    for name, rows in ROWS.items():
        for mark in item.iter_markers(name):
            unknown = [row for row in mark.args if row not in rows]
            if unknown or not mark.args:
                pytest.fail(f"there is no {name} {unknown}: see the tables of the specification")


@pytest.fixture(autouse=True)
def _logs_as_ever() -> Generator[None, None, None]:
    """Let the next test find logging as this one found it (Rule 6)."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure (Rule 2)."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and in CI nothing may be: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole module into a failure (Rule 2)."""
    report = yield
    if IN_CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, and in CI nothing may be: {report.longrepr}"
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Compare how many tests ran with the number on record (Rule 2)."""
    config = session.config
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    is_full = config.args_source is config.ArgsSource.TESTPATHS and not config.option.keyword
    if reporter is None or not is_full or config.option.markexpr != "not long":
        return
    ran = sum(len(reporter.stats.get(how, ())) for how in ("passed", "failed", "xfailed"))
    on_record = int(COUNT.read_text("ascii"))
    reporter.write_line(f"\n{ran} tests ran, {on_record} are on record in tests/count.txt")
    if IN_CI and ran < on_record * KEPT:
        reporter.write_line("too few: were tests lost? if not, write the new number there")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
