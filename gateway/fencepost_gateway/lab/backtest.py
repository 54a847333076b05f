"""
Backtest: recorded history under changed documents, by as many processes as there are cores.

Rule 1. Whoever works out whom, it comes to the same: persons are told apart by nothing they share,
        and forecasts add up. Twice is the same twice.
Rule 2. Persons are read one after the other and handed on in portions, one a process at a time, so
        that memory does not grow with history.
Rule 3. Where documents count for everybody at once it is one process, with everybody in memory.
Rule 4. No network: the drivers of the lab accept everything (``virtual``).
Rule 5. Where fences differ from those that are live, in any edition, transitions are judged anew in
        all of them for as long as positions are kept: they differ by their documents alone.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import traceback
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from typing import Final

import msgspec
from msgspec import Struct, field

from fencepost_gateway.errors import StartError
from fencepost_gateway.lab.dossiers import Dossier, Source
from fencepost_gateway.lab.editions import fences_apart
from fencepost_gateway.lab.forecast import Difference, Forecast, compare
from fencepost_gateway.lab.job import Edition, Job, Window
from fencepost_gateway.lab.rerun import Life, Rerun, counts_across
from fencepost_gateway.logs import set_up_logs
from fencepost_gateway.workers.plans import Plans

PORTION_ROWS: Final = 2_000
PORTION_PEOPLE: Final = 200
NO_SEED: Final = "backtest"

Progress = Callable[[int], None]
Line = Connection  # between two processes

_encode = msgspec.msgpack.Encoder().encode
_portion: msgspec.msgpack.Decoder[list[Dossier]] = msgspec.msgpack.Decoder(list[Dossier])


class Findings(Struct):
    """What it came to: a forecast an edition, and how the first differs from the second."""

    forecasts: list[Forecast] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)


def job_of(source: Source, editions: Sequence[Edition], window: Window) -> Job:
    """Give the job of running these editions over what a source has recorded."""
    head = source.head
    is_apart = any(fences_apart(edition, head) for edition in editions)
    return Job(
        tuple(editions),
        window,
        head.workspace,
        seed=head.seed or NO_SEED,
        rankings=head.rankings,
        announced=head.announced,
        positions_ms=head.positions_ms if is_apart and head.positions_ms < window.end_ms else 0,
    )


def backtest(source: Source, job: Job, workers: int, progress: Progress) -> Findings:
    """
    Let everybody live once more.

    Args:
        source: Whose history.
        job: Under which documents, and when.
        workers: How many processes; 1: this one alone.
        progress: Told how many rows of history are done, as it goes.

    """
    found = Findings([Forecast() for _ in job.editions])
    dossiers = source.dossiers(job.window.end_ms, job.positions_ms)
    if Desk(job).counts_across:
        working: Iterable[tuple[int, Findings]] = _in_order(job, list(dossiers))
    elif workers == 1:
        working = _alone(job, _portions(dossiers))
    else:
        working = _together(job, _portions(dossiers), workers)
    for rows, part in working:
        for total, more in zip(found.forecasts, part.forecasts, strict=True):
            total.add(more)
        found.differences += part.differences
        progress(rows)
    found.differences.sort(key=lambda each: each.person_id)
    return found


class Desk:
    """Works out portions, in the process it is made in."""

    def __init__(self, job: Job) -> None:
        self._reruns: list[Rerun] = []
        self._zones: list[str] = []
        for edition in job.editions:
            plans = Plans(job.seed)
            plans.use(1, edition.rows, job.rankings)
            self._zones.append(plans.plan.workspace_zone)
            self._reruns.append(Rerun(plans, job))

    @property
    def counts_across(self) -> bool:
        """Say whether what one person does counts for another, in any edition."""
        return any(counts_across(rerun.full) for rerun in self._reruns)

    async def work(self, portion: Iterable[Dossier]) -> Findings:
        """Work out some persons, one after the other."""
        found = Findings([Forecast() for _ in self._reruns])
        for dossier in portion:
            self._take(found, [await rerun.live(dossier) for rerun in self._reruns])
        return found

    async def work_in_order(self, people: Sequence[Dossier]) -> Findings:
        """Work out everybody, side by side."""
        found = Findings([Forecast() for _ in self._reruns])
        together = [await rerun.live_together(people) for rerun in self._reruns]
        for lives in zip(*together, strict=True):
            self._take(found, lives)
        return found

    def _take(self, found: Findings, lives: Sequence[Life]) -> None:
        for forecast, life, zone in zip(found.forecasts, lives, self._zones, strict=True):
            forecast.take(life, zone)
        difference = compare(lives[0], lives[1]) if len(lives) > 1 else None
        if difference is not None:
            found.differences.append(difference)


def _portions(dossiers: Iterable[Dossier]) -> Iterator[list[Dossier]]:
    """Hand persons on a few at a time (Rule 2)."""
    portion: list[Dossier] = []
    rows = 0
    for dossier in dossiers:
        portion.append(dossier)
        rows += len(dossier.rows) + len(dossier.uploads)
        if rows >= PORTION_ROWS or len(portion) >= PORTION_PEOPLE:
            yield portion
            portion, rows = [], 0
    if portion:
        yield portion


def _alone(job: Job, portions: Iterable[list[Dossier]]) -> Iterator[tuple[int, Findings]]:
    desk = Desk(job)
    for portion in portions:
        yield _rows(portion), asyncio.run(desk.work(portion))


def _in_order(job: Job, people: Sequence[Dossier]) -> Iterator[tuple[int, Findings]]:
    yield _rows(people), asyncio.run(Desk(job).work_in_order(people))


def _rows(portion: Sequence[Dossier]) -> int:
    return sum(len(dossier.rows) for dossier in portion)


# ---- processes ---------------------------------------------------------------------------------


def _together(
    job: Job, portions: Iterable[list[Dossier]], workers: int
) -> Iterator[tuple[int, Findings]]:
    """Deal the portions out, and give what comes back; a failure there is one here."""
    with _colleagues(job, workers) as lines:
        dealt = ((_rows(portion), _encode(portion)) for portion in portions)
        busy: dict[Line, int] = {}
        for line in lines:
            _deal(line, next(dealt, None), busy)
        ready = next(dealt, None)
        while busy:
            for line in [line for line in lines if line in wait(list(busy))]:
                done, answer = busy.pop(line), _answer(line)
                _deal(line, ready, busy)  # at once: it would wait while the next is read
                ready = next(dealt, None)
                yield done, answer


def _deal(line: Line, portion: tuple[int, bytes] | None, busy: dict[Line, int]) -> None:
    if portion is not None:
        busy[line], body = portion
        line.send_bytes(body)


def _answer(line: Line) -> Findings:
    try:
        answer = line.recv()
    except EOFError:
        raise StartError("a process of the backtest was ended: is there memory enough?") from None
    if isinstance(answer, Findings):
        return answer
    raise RuntimeError(f"a process of the backtest failed:\n{answer}")


@contextmanager
def _colleagues(job: Job, count: int) -> Iterator[list[Line]]:
    """Start the processes; they end with the block."""
    context = multiprocessing.get_context("spawn")  # nothing of this process is shared by chance
    pairs = [context.Pipe() for _ in range(count)]
    people = [context.Process(target=_serve, args=(job, far), daemon=True) for _, far in pairs]
    try:
        for person in people:
            person.start()
        for _, far in pairs:
            far.close()
        yield [near for near, _ in pairs]
    finally:
        for near, _ in pairs:
            near.close()
        for person in people:
            person.join()


def _serve(job: Job, line: Line) -> None:
    """Work out what comes over the line, until it ends."""
    set_up_logs()
    zoneinfo.reset_tzpath(to=())
    try:
        desk = Desk(job)
        while True:
            portion = _portion.decode(line.recv_bytes())
            line.send(asyncio.run(desk.work(portion)))
    except (EOFError, OSError):
        return  # nobody asks any more
    except Exception:  # noqa: BLE001 - told to whoever dealt it out
        line.send(traceback.format_exc())
