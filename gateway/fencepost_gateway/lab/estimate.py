"""
Estimate: a backtest as it is asked for, and everything that is said of it besides the figures.

Rule 1. The window ends with the newest that was recorded and reaches thirty days back, unless it is
        told otherwise; days are those of the workspace's zone.
Rule 2. What a backtest cannot know is said with it: history that begins too late, for how much of
        the window fences that differ did not count, arms that are drawn anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from fencepost_gateway.decide.spans import moment_ms, parse_moment, zone_named
from fencepost_gateway.documents.document import Document, Problem
from fencepost_gateway.errors import StartError
from fencepost_gateway.lab import editions
from fencepost_gateway.lab.backtest import NO_SEED, Findings, backtest, job_of
from fencepost_gateway.lab.dossiers import Head, Source
from fencepost_gateway.lab.fences_apart import Fences, fences_of, say
from fencepost_gateway.lab.job import Job, Window
from fencepost_gateway.lab.sources import read_changes
from fencepost_gateway.workers.plans import stored

DAY_MS: Final = 86_400_000
WORKERS_MAX: Final = 64
FEW_ROWS: Final = 5_000  # below it another process costs more than it saves


class Wish(Struct, frozen=True):
    """
    What somebody wants to know.

    Attributes:
        documents: Files and folders of changed documents.
        days: How far back from the end.
        begin: When to begin instead, as it was written; empty: ``days``.
        end: When to end; empty: with the newest that was recorded.
        against: ``live``, a version, or nothing.
        workers: How many processes; 0: as many as there are cores.
        without: What would be archived, each as ``kind/id``.

    """

    documents: tuple[Path, ...] = ()
    days: int = 30
    begin: str = ""
    end: str = ""
    against: str = ""
    workers: int = 0
    without: tuple[str, ...] = ()


class Told(Struct, frozen=True):
    """Everything that a report says besides the figures."""

    window: Window
    zone: str
    names: tuple[str, ...]
    changes: tuple[str, ...]
    notes: tuple[str, ...]
    fences: Fences | None = None


def estimate(
    source: Source,
    wish: Wish,
    progress: Callable[[int], None],
    warned: Callable[[Problem], None],
) -> tuple[Findings, Told]:
    """
    Run a backtest.

    Args:
        source: Whose history.
        wish: What is asked.
        progress: Told how many rows of history are done, as it goes.
        warned: Gets every warning about the changed documents.

    Raises:
        StartError: The documents have errors, or there is no such version, moment or history.

    """
    head = source.head
    live = stored(editions.kept(head, wish.without))
    changes = read_changes(wish.documents, live, warned)
    compared = [editions.changed(head, changes, wish.without)]
    if wish.against:
        compared.append(editions.against(head, changes, wish.against))
    zone = zone_of(head)
    job = job_of(source, compared, window_of(head, wish, zone))
    cores = 1 if head.rows < FEW_ROWS else os.cpu_count() or 1
    found = backtest(source, job, min(wish.workers or cores, WORKERS_MAX), progress)
    fences = fences_of(job, head)
    told = Told(
        job.window,
        zone,
        tuple(edition.name for edition in compared),
        _named(changes, wish.without),
        tuple(_notes(job, head, fences, zone)),
        fences,
    )
    return found, told


def _named(changes: Sequence[Document], archived: Sequence[str]) -> tuple[str, ...]:
    """Name what differs from what is live."""
    named = [f"{each.kind} {each.id}" for each in changes]
    return (*named, *(f"without {name.replace('/', ' ', 1)}" for name in archived))


def zone_of(head: Head) -> str:
    """Give the zone of the workspace, empty where none is set."""
    bodies = (json.loads(row.body) for row in head.documents if row.kind == "workspace")
    return next((str(body.get("zone") or "") for body in bodies), "")


def window_of(head: Head, wish: Wish, zone: str) -> Window:
    """Give the window that was asked for (Rule 1)."""
    if not head.rows:
        raise StartError("nothing is recorded yet: history begins with what happens from now on")
    end_ms = _moment(wish.end, "--until", zone) if wish.end else head.last_ms + 1
    begin_ms = _moment(wish.begin, "--from", zone) if wish.begin else end_ms - wish.days * DAY_MS
    if begin_ms >= end_ms:
        raise StartError("the window ends before it begins: mend --from and --until")
    return Window(begin_ms, end_ms)


def _moment(text: str, option: str, zone: str) -> int:
    moment = parse_moment(text)
    at_ms = moment_ms(moment, zone_named(zone or "UTC")) if moment else None
    if at_ms is None:
        raise StartError(
            f"{option} {text}: write a day or a moment, such as 2026-05-01 or 2026-05-01T18:00"
        )
    return at_ms


def _notes(job: Job, head: Head, fences: Fences | None, zone: str) -> Iterator[str]:
    """Say what this backtest cannot know (Rule 2)."""
    if head.first_ms > job.window.begin_ms:
        yield "history begins later than the window; of the time before nothing is known"
    if fences is not None:
        yield say(fences, job.window, zone, is_file=not head.seed)
    if job.seed == NO_SEED:
        yield "a file of history has no seed, so arms, holdouts and delays are drawn anew"
