"""
``fencepost backtest`` and ``fencepost history``: what would have been, out of what was recorded.

Thin, as ``__main__`` is, which takes them in. Reads the data folder beside a gateway that serves,
or a file; writes nothing there and calls nobody.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fencepost_gateway.commands.line import Key, Url, fail, fail_problem, show

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from fencepost_gateway.lab.dossiers import Source


def backtest(  # noqa: PLR0913 - one parameter for each option
    documents: Annotated[
        list[Path] | None, typer.Argument(help="Files and folders of changed documents.")
    ] = None,
    *,
    days: Annotated[
        int, typer.Option(help="How far back from the end, in days.", min=1, max=3660)
    ] = 30,
    begin: Annotated[
        str, typer.Option("--from", help="Begin instead: 2026-05-01, in the workspace's zone.")
    ] = "",
    end: Annotated[
        str, typer.Option("--until", help="End.", show_default="the newest that was recorded")
    ] = "",
    without: Annotated[
        list[str] | None,
        typer.Option(help="As if this were archived: fence/studio-3; repeatable."),
    ] = None,
    against: Annotated[
        str, typer.Option(help="`live`, or a version such as v3: who fares otherwise, and why.")
    ] = "",
    history_file: Annotated[
        Path | None,
        typer.Option("--history", help="A file of `fencepost history`, not the data folder."),
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(help="Exit code 1 if so: `sends_per_day>500`, `lost>0`; repeatable."),
    ] = None,
    workers: Annotated[
        int, typer.Option(help="How many processes.", min=0, show_default="cores")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="All figures, and everybody.")] = False,
) -> None:
    """Predict what changed documents would have sent, out of recorded history."""
    from fencepost_gateway.lab import backtest_words as words  # noqa: PLC0415 - as in __main__
    from fencepost_gateway.lab import thresholds  # noqa: PLC0415
    from fencepost_gateway.lab.estimate import Wish, estimate  # noqa: PLC0415

    held = [thresholds.parse(text) for text in fail_if or []]
    if against and against != "live" and not against.removeprefix("v").isdecimal():
        fail("--against takes `live` or the number of a version, such as v3")
    wish = Wish(tuple(documents or ()), days, begin, end, against, workers, tuple(without or ()))
    with _source(history_file) as source, _progress(source.head.rows) as progress:
        found, told = estimate(
            source, wish, progress, lambda problem: print(problem, file=sys.stderr)
        )
    if as_json:
        print(json.dumps(words.as_json(found, told), ensure_ascii=False, indent=1))
    else:
        for line in words.tell(found, told):
            print(line)
    crossed = [line for each in held for line in thresholds.crossed(each, found)]
    for line in crossed:
        print(line, file=sys.stderr)
    if crossed:
        raise typer.Exit(1)


def history(  # noqa: PLR0913 - one parameter for each option
    user: Annotated[str, typer.Option(help="Show this user's timeline instead.")] = "",
    person: Annotated[str, typer.Option(help="Or that of a person id.")] = "",
    limit: Annotated[int, typer.Option(help="How far back, in records.", min=1, max=500)] = 50,
    before: Annotated[str, typer.Option(help="What came earlier: the last answer says.")] = "",
    lang: Annotated[str, typer.Option(help="en or ko.")] = "en",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The gateway's answer as it is.")] = False,
    url: Url = None,
    key: Key = None,
) -> None:
    """Show what happened to somebody, masked; or write all history, for a backtest elsewhere."""
    from fencepost_gateway.lab.dossiers import write_file  # noqa: PLC0415 - as in __main__

    if user or person:
        wish = {"user": user, "person": person, "limit": str(limit), "before": before, "lang": lang}
        _timeline({name: value for name, value in wish.items() if value}, url, key, as_json=as_json)
        return
    with _source(None) as source:
        for line in write_file(source):
            sys.stdout.buffer.write(line + b"\n")


def _timeline(asked: dict[str, str], url: str | None, key: str | None, *, as_json: bool) -> None:
    from fencepost_gateway import remote  # noqa: PLC0415 - as in __main__
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    base, operator_key = remote.address_of(read_settings(), url, key)
    try:
        found = remote.history(base, operator_key, asked)
    except remote.RemoteError as error:
        fail_problem(error.problem)
    show(found, found["words"], as_json=as_json)
    if found["before"] and not as_json:
        print(f"earlier: --before {found['before']}")


def _source(file: Path | None) -> AbstractContextManager[Source]:
    from fencepost_gateway.lab.dossiers import open_file, open_folder  # noqa: PLC0415
    from fencepost_gateway.settings import read_settings  # noqa: PLC0415

    if file is not None:
        return open_file(file)
    settings = read_settings()
    if settings.store == "memory":
        fail("a store in memory keeps no history that could be read: set FENCEPOST_STORE=sqlite")
    return open_folder(settings.data_dir, settings.workspace)


@contextmanager
def _progress(rows: int) -> Iterator[Callable[[int], None]]:
    """Show how far it is, on a terminal."""
    if not sys.stderr.isatty():
        yield lambda _rows: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("backtest", total=rows)
        yield lambda done: bar.update(task, advance=done)
