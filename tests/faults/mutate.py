"""
Mutate: break a promise on purpose, and see its test turn red.

``make mutants`` (``ROW=R11`` for one row) applies each patch of ``mutants/`` to a copy of the tree,
runs the test that the patch names, takes it back, and prints a table. The working tree is never
touched.

A patch begins with what is broken, in a sentence, and three lines: ``Row`` (of the guarantees, or
of the features), ``Test``, and ``Expect``, a piece of the assertion that must fail. Rules:

Rule 1. Red means that this assertion failed. An import error, a fixture that breaks, a test that
        is gone or another assertion is no proof, and fails.
Rule 2. A patch that no longer applies fails, and says so: it is drawn anew, never deleted.
Rule 3. The same tests are green in a copy that nobody has touched.
Rule 4. Red is not left to chance: properties draw the same examples every time, and what the broken
        file was compiled to is never taken for another's.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from xml.etree import ElementTree as ET

from e2e.clock import steady_ns

ROOT = Path(__file__).parents[2]
PATCHES = Path(__file__).parent / "mutants"
SOURCES = ("geofence", "channels", "sdk", "gateway")
COPIED = (*SOURCES, "tests", "examples", "pyproject.toml")
LEFT_OUT = shutil.ignore_patterns("node_modules", ".*")
TEST_S = 120.0
AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Mutant:
    """One promise broken."""

    patch: Path
    row: str
    test: str
    expect: str

    @property
    def name(self) -> str:
        """What it is called."""
        return self.patch.stem


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a run: whether the promise's assertion turned red, and why not."""

    mutant: Mutant
    is_red: bool
    why: str
    took_s: float


def read(patch: Path) -> Mutant:
    """Read what a patch says of itself."""
    head, _, _ = patch.read_text("utf-8").partition("\n--- ")
    lines = [line.partition(": ") for line in head.splitlines()]
    said = {name: value.strip() for name, _, value in lines if value}
    return Mutant(patch, said["Row"], said["Test"], said["Expect"])


def mutants(row: str = "") -> list[Mutant]:
    """Give all mutants, or those of a row, in the order of rows."""
    found = [read(patch) for patch in PATCHES.glob("*.patch")]
    return sorted(
        (m for m in found if row in {"", m.row}),
        key=lambda m: (m.row[0] != "R", m.row[0], int(m.row[1:]), m.name),
    )


def copy_to(folder: Path) -> None:
    """Copy what the tests need."""
    folder.mkdir(exist_ok=True)
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=LEFT_OUT, symlinks=True)
        else:
            shutil.copy(ROOT / name, folder / name)


def run_tests(folder: Path, tests: Iterable[str]) -> ET.Element:
    """Run tests against the copy; give what pytest's report says."""
    report = folder / "report.xml"
    report.unlink(missing_ok=True)
    left_out = {"CI", "PYTEST_ADDOPTS", "PYTHONDONTWRITEBYTECODE"}
    clean = {k: v for k, v in os.environ.items() if k not in left_out}
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:randomly", "-p", "no:xdist"),
            *("--hypothesis-seed=0", f"--junitxml={report}", *tests),
        ],
        cwd=folder,
        env=clean
        | {
            "PYTHONPATH": os.pathsep.join(str(folder / s) for s in SOURCES),
            "PYTHONPYCACHEPREFIX": str(folder / ".compiled"),  # once for all mutants of a copy
        },
        capture_output=True,
        text=True,
        timeout=TEST_S,
        check=False,
    )
    if not report.exists():
        raise RuntimeError(f"pytest did not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return ET.parse(report).getroot()  # noqa: S314 - written by pytest just now


def judge(mutant: Mutant, report: ET.Element) -> str:
    """Say why a report is no proof; empty when the expected assertion failed (Rule 1)."""
    if report.find(".//testcase") is None:
        return f"no such test: {mutant.test}"
    errors = report.findall(".//error")
    if errors:
        return f"it broke, it did not turn red: {errors[0].get('message', '')[:200]}"
    failures = [f"{f.get('message', '')}\n{f.text or ''}" for f in report.findall(".//failure")]
    if not failures:
        return "SURVIVED: the test is green although the promise is broken"
    if not any(mutant.expect in text for text in failures):
        return f"it failed elsewhere than at `{mutant.expect}`: {failures[0][:300]}"
    return ""


def try_out(mutant: Mutant, folder: Path) -> Seen:
    """Apply a mutant to a copy that nobody else uses now, run its test, and take it back."""
    began_ns = steady_ns()
    with applied(mutant, folder) as refused:
        why = refused or judge(mutant, run_tests(folder, [mutant.test]))
    return Seen(mutant, not why, why, (steady_ns() - began_ns) / 1e9)


@contextmanager
def applied(mutant: Mutant, folder: Path) -> Iterator[str]:
    """Break the promise in a copy; gives why it cannot be broken, empty if it is."""
    refused = _git_apply(mutant, folder)
    if refused:
        yield f"the patch no longer applies, draw it anew: {refused}"
        return
    moment = zlib.crc32(mutant.name.encode())  # of no other mutant of this file (Rule 4)
    for name in re.findall(r"^\+\+\+ b/(.+)$", mutant.patch.read_text("utf-8"), re.MULTILINE):
        os.utime(folder / name, (moment, moment))
    try:
        yield ""
    finally:
        left = _git_apply(mutant, folder, "--reverse")
        if left:
            raise RuntimeError(f"{mutant.name} could not be taken back: {left}")


def _git_apply(mutant: Mutant, folder: Path, *options: str) -> str:
    """Apply a patch; give what git has against it, empty if nothing."""
    done = subprocess.run(  # noqa: S603 - a patch of this tree
        ["git", "apply", "-C1", *options, str(mutant.patch)],  # noqa: S607 - as every developer has it
        cwd=folder,
        env=os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr.strip() if done.returncode else ""


def table(seen: Iterable[Seen]) -> str:
    """Write what was seen, a line a mutant."""
    lines = []
    for each in seen:
        word = "caught" if each.is_red else "MISSED"
        lines.append(f"{each.mutant.row:4}{word:8}{each.took_s:5.1f} s  {each.mutant.name}")
        if each.why:
            lines.append(f"            {each.why}")
    return "\n".join(lines)


def main(row: str = "") -> int:
    """Try out all mutants, or those of a row; the exit code says whether all were caught."""
    free = SimpleQueue[Path]()
    with tempfile.TemporaryDirectory(prefix="mutants-") as made:
        for number in range(AT_ONCE):
            folder = Path(made) / str(number)
            copy_to(folder)
            free.put(folder)

        def in_turn(mutant: Mutant) -> Seen:
            folder = free.get()
            try:
                return try_out(mutant, folder)
            finally:
                free.put(folder)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            seen = list(pool.map(in_turn, mutants(row)))
    print(table(seen))  # noqa: T201 - the command's answer
    return 0 if seen and all(each.is_red for each in seen) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
