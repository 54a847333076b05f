"""
``python -m bench.backtest``: what a backtest takes, by one process and by more.

A month of many people is recorded first (``recorded``), then run once more by documents that are
changed, against those that are live. Says rates, the peak of memory of all processes together, and
whether all came to the same. ``--quick`` proves in seconds that it runs; no figure is a pass line.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import re
import resource
import sys
import tempfile
import threading
from pathlib import Path

from bench.recorded import DAY_MS, WORKSPACE, record
from fencepost_gateway.clock import SystemClock
from fencepost_gateway.documents.document import SourceFile
from fencepost_gateway.documents.loader import load
from fencepost_gateway.lab import editions
from fencepost_gateway.lab.backtest import backtest, job_of
from fencepost_gateway.lab.backtest_words import figures
from fencepost_gateway.lab.dossiers import Source, open_folder
from fencepost_gateway.lab.job import Window

NOW_MS = 1_780_000_000_000
SEED = 7
EACH = 50  # app events a person
LOOK_S = 0.05
CHANGED = """\
kind: campaign
id: cart
entry: {event: cart_updated}
when: {trait: spent, gte: 40}
reentry: {after: 48h}
message: {template: cart, channels: [email], while: {not: {did: purchase, within: 1h}}}
goal: none
"""


def main() -> None:
    """Record, and run by each number of processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[2])
    parser.add_argument("--against", action="store_true", help="run the live ones too")
    parser.add_argument("--quick", action="store_true")
    args = parser.parse_args()
    events = 2_000 if args.quick else args.events
    with tempfile.TemporaryDirectory() as name:
        rows = asyncio.run(record(Path(name), max(1, events // EACH), events, SEED, NOW_MS))
        say(f"{os.cpu_count()} cores; {events // EACH:,} people, {rows:,} rows of history")
        with open_folder(Path(name), WORKSPACE) as source:
            told = [measured(source, workers, against=args.against) for workers in args.workers]
    say("all came to the same" if len(set(told)) == 1 else "THEY DIFFER")


def say(line: str) -> None:
    """Put a line out at once: the next one may take minutes."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def measured(source: Source, workers: int, *, against: bool) -> str:
    """Run it once; gives what it came to."""
    changes = load([SourceFile("c.yaml", CHANGED)]).documents
    asked = [editions.changed(source.head, changes)]
    asked += [editions.against(source.head, changes, "live")] if against else []
    job = job_of(source, asked, Window(NOW_MS - 30 * DAY_MS, NOW_MS))
    clock, peak = SystemClock(), Peak()
    with peak:
        begin_s, used_s = clock.monotonic_s(), cpu_s()
        found = backtest(source, job, workers, lambda _: None)
        took_s, used_s = clock.monotonic_s() - begin_s, cpu_s() - used_s
    one = found.forecasts[0]
    say(
        f"{workers} processes: {one.events:,} app events in {took_s:.1f} s, "
        f"{one.events / took_s:,.0f} a second ({used_s:.0f} s of CPU time); "
        f"{sum(one.sends.values()):,} messages; peak memory {peak.mib:,.0f} MiB"
    )
    return repr([figures(each) for each in found.forecasts] + [found.differences])


def cpu_s() -> float:
    """Give the CPU time of this process, and of those that have ended."""
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


class Peak:
    """The most memory that this process and its children had at one time."""

    def __init__(self) -> None:
        self.mib = 0.0
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        """Begin to look."""
        self._watch.start()

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._done.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._done.wait(LOOK_S):
            pids = [os.getpid(), *(each.pid for each in multiprocessing.active_children())]
            self.mib = max(self.mib, sum(_resident_mib(pid) for pid in pids))


def _resident_mib(pid: int | None) -> float:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0  # it has ended
    found = re.search(r"VmRSS:\s+(\d+) kB", text)
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    main()
