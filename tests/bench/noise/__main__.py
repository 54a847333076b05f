"""
``python -m bench.noise``: how often a geofence is wrong, and how often it is late.

Writes ``docs/noise.md`` and ``docs/images/noise.svg`` from the reporting seeds. ``--quick`` proves
in seconds that everything runs and writes nothing; ``--tune`` prints the table of the tuning seeds,
which is where constants may be chosen.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from bench.noise import page, picture
from bench.noise.receiver import Receiver
from bench.noise.town import build
from bench.noise.trial import INTERVALS_S, REPORTING, SWEEP, TUNING, Result, people, run

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data" / "monaco"
PEOPLE, QUICK_PEOPLE, QUICK_HOURS, FULL_HOURS = 24, 1, 2.0, 12.0


def main(args: argparse.Namespace) -> None:
    """Run the trial, print the page, and write it."""
    town = build(args.data)
    count, hours = (QUICK_PEOPLE, QUICK_HOURS) if args.quick else (args.people, FULL_HOURS)
    crowd = people(town, TUNING if args.tune else REPORTING, count, hours)
    results = {i: run(crowd, Receiver(i), SWEEP) for i in INTERVALS_S}
    robust: dict[str, dict[int, Result]] = {}
    for name, receivers in _odd_receivers(quick=args.quick):
        robust[name] = {one.interval_s: run(crowd, one) for one in receivers}
    text = page.render(crowd, results, robust)
    print(text)
    if not (args.quick or args.tune):
        (ROOT / "docs" / "images").mkdir(exist_ok=True)
        (ROOT / "docs" / "noise.md").write_text(text, encoding="utf-8")
        (ROOT / "docs" / "images" / "noise.svg").write_text(picture.draw(results), encoding="utf-8")


def _odd_receivers(*, quick: bool) -> Iterator[tuple[str, list[Receiver]]]:
    """Name the receivers that the filter was not made for."""
    intervals = INTERVALS_S[-1:] if quick else INTERVALS_S
    yield "accuracy claimed halved", [Receiver(i, boast=0.5) for i in intervals]
    yield "accuracy claimed doubled", [Receiver(i, boast=2.0) for i in intervals]
    yield "error persists 10 s", [Receiver(i, tau_s=10.0) for i in intervals]
    yield "error persists 90 s", [Receiver(i, tau_s=90.0) for i in intervals]
    yield "outliers of a burst agree", [Receiver(i, one_way=True) for i in intervals]


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.noise", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="prove that it runs; write nothing")
    parser.add_argument("--tune", action="store_true", help="use the tuning seeds; write nothing")
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the town's files")
    return parser.parse_args()


if __name__ == "__main__":
    main(read_arguments())
