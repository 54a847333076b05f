import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bench.noise import trial
from bench.noise.people import Day
from bench.noise.receiver import Receiver, listen
from bench.noise.score import Score, Stay, add, truth_of
from bench.noise.town import Zone, build

ROOT = Path(__file__).resolve().parents[3]
NOWHERE = Path("no-such-folder")


def test_noise_benchmark_runs() -> None:
    """The quick form runs on the generated town, prints all tables and writes nothing."""
    before = sorted((ROOT / "docs").rglob("noise.*"))

    out = subprocess.run(  # noqa: S603 (our own interpreter, a fixed program)
        [sys.executable, "-m", "bench.noise", "--quick", "--data", NOWHERE],
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
        cwd=ROOT,
        env={"PYTHONPATH": "tests"},
    ).stdout

    assert "a generated grid" in out
    assert out.count("| evidence filter |") == 3
    assert len(re.findall(r"^\| (accuracy|error|outliers)", out, re.MULTILINE)) == 8
    assert sorted((ROOT / "docs").rglob("noise.*")) == before


def test_noise_trial_is_a_function_of_its_seed() -> None:
    """The same seed gives the same people and fixes; tuning and reporting share neither."""
    town = build(NOWHERE)
    first, again, other = (
        trial.people(town, seed, 1, hours=0.5)
        for seed in (trial.TUNING, trial.TUNING, trial.REPORTING)
    )

    fixes = [next(trial.heard_by(crowd, Receiver(30))).points for crowd in (first, again, other)]

    assert np.array_equal(fixes[0], fixes[1])
    assert not np.array_equal(first.days[0].points, other.days[0].points)
    assert not np.array_equal(fixes[0][:50], fixes[2][:50])


def test_noise_receiver_errs_as_specified() -> None:
    """68 % within the radius, outliers in 2 % bursts of two on average, 3 % missing."""
    count, radius_m = 200_000, 6.0
    day = Day(np.zeros((count, 2)), np.full(count, radius_m))

    heard = listen(day, Receiver(1), np.random.default_rng(3))

    off_m = np.hypot(*heard.points.T)
    assert np.mean(off_m[off_m < 3 * radius_m] <= radius_m) == pytest.approx(0.68, abs=0.02)
    assert 1 - len(heard) / count == pytest.approx(0.03, abs=0.002)
    assert np.mean(off_m > 3 * radius_m) == pytest.approx(0.038, abs=0.01)
    assert np.std(np.log(heard.accuracy_m / radius_m)) == pytest.approx(0.3, abs=0.01)
    is_sound = off_m < 3 * radius_m
    steps = (heard.points[1:, 0] * heard.points[:-1, 0])[is_sound[1:] & is_sound[:-1]]
    kept = np.mean(steps) / np.mean(heard.points[is_sound, 0] ** 2)
    assert kept == pytest.approx(np.exp(-1 / 30), abs=0.02)


def scored(stays: list[Stay], enters: list[float]) -> tuple[int, int, int, int]:
    """Score one fence at an interval of 5 s; give required, missed, false, duplicate."""
    score = Score()
    add(score, [stays], [enters], 5)
    return score.required, score.missed, score.false, score.duplicate


LONG = Stay(1_000, 1_500, 1_010, 400)
GRAZED = Stay(5_000, 5_050, 5_020, 10)


@pytest.mark.parametrize(
    ("stays", "enters", "expected"),
    [
        ([LONG], [1_020.0], (1, 0, 0, 0)),
        ([LONG], [], (1, 1, 0, 0)),
        ([LONG], [969.0], (1, 1, 1, 0)),
        ([LONG], [971.0], (1, 0, 0, 0)),
        ([LONG], [1_531.0], (1, 1, 1, 0)),
        ([LONG], [1_020.0, 1_100.0, 1_200.0], (1, 0, 0, 2)),
        ([GRAZED], [], (0, 0, 0, 0)),
        ([GRAZED], [5_030.0], (0, 0, 0, 0)),
        ([LONG, Stay(1_550, 1_900, 1_560, 300)], [1_020.0, 1_560.0], (1, 0, 0, 0)),
        ([LONG, Stay(1_550, 1_900, 1_560, 300)], [1_020.0], (1, 0, 0, 0)),
        ([LONG, Stay(1_570, 1_900, 1_580, 300)], [1_020.0], (2, 1, 0, 0)),
        ([], [1.0, 2.0], (0, 0, 2, 0)),
    ],
    ids=[
        "met",
        "missed",
        "too-early",
        "just-early",
        "too-late",
        "twice-more",
        "grazed",
        "grazed-and-told",
        "short-absence-told-apart",
        "short-absence-told-as-one",
        "long-absence-needs-a-second",
        "nobody-ever",
    ],
)
def test_noise_score_counts(
    stays: list[Stay], enters: list[float], expected: tuple[int, int, int, int]
) -> None:
    """Required, missed, false and duplicate, case by case."""
    assert scored(stays, enters) == expected


def test_noise_truth_knows_each_second() -> None:
    """Who walks through a circle at 1 m/s is there from 10 m before to 10 m after it."""
    line = np.stack([np.arange(-100.0, 100.0), np.zeros(200)], axis=1)
    truth = truth_of(Day(line, np.full(200, 6.0)), [Zone(0, 0, 30, None)])

    assert truth == [[Stay(60.0, 140.0, 70.0, 61)]]
