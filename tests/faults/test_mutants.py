"""
Each promise's test turns red when the promise is broken: the tests about the tests.

Those of the guarantees run always, those of the features in the long run and by ``make mutants``:
all of them together take ten minutes.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from faults.mutate import Mutant, copy_to, judge, mutants, read, run_tests, table, try_out

MUTANTS = mutants()
PARAMS = [
    pytest.param(each, marks=[] if each.row.startswith("R") else pytest.mark.long)
    for each in MUTANTS
]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the tree; mutants are tried out in it one after the other."""
    folder = tmp_path_factory.mktemp("mutants")
    copy_to(folder)
    return folder


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mutant", PARAMS, ids=lambda mutant: mutant.name)
def test_broken_promise_turns_its_test_red(mutant: Mutant, copied: Path) -> None:
    """The assertion that holds the promise fails where the promise is broken."""
    seen = try_out(mutant, copied)

    assert seen.is_red, table([seen])


@pytest.mark.timeout(300)
def test_copy_that_nobody_touched_is_green(tmp_path: Path) -> None:
    """The copy itself breaks nothing: what turns red there is the mutant's work."""
    copy_to(tmp_path)
    report = run_tests(tmp_path, sorted({mutant.test for mutant in MUTANTS}))

    assert [m.name for m in MUTANTS if "SURVIVED" not in judge(m, report)] == []


@pytest.mark.timeout(300)
def test_patch_that_no_longer_applies_says_so(tmp_path: Path, copied: Path) -> None:
    """A patch whose place is gone is drawn anew, not passed over."""
    moved = tmp_path / "moved.patch"
    shutil.copy(MUTANTS[0].patch, moved)
    text = moved.read_text("utf-8")
    moved.write_text(text.replace("\n-", "\n-gone "), "utf-8")
    seen = try_out(read(moved), copied)

    assert "no longer applies" in seen.why
