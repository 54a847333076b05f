"""
View: the demonstration in a terminal, one line an entry.

On a terminal a last line with the counts stays in place; anywhere else (a pipe, a file) only plain
lines are written. Control characters are shown, never obeyed: names come from outside.

Used as ``with View(console) as view: view.header(...); view.show(entry); view.counts(...)``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.live import Live
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from rich.console import Console

    from fencepost_gateway.demo.state import Entry

TONES = {"sent": "green", "withheld": "yellow", "deferred": "cyan", "failed": "red"}
NAME_CELLS = 9


class View:
    """Writes entries to ``console``; a context manager, because the last line must be let go."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        if console.is_terminal:
            self._live = Live(Text(), console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        """Take the last line."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Let the last line go."""
        if self._live is not None:
            self._live.stop()

    def header(self, page_url: str, notes: Sequence[str] = ()) -> None:
        """Say where the page is, what was granted, and how it ends."""
        self._write(Text.assemble(("Fencepost demo", "bold"), f"   page: {_plain(page_url)}"))
        for note in notes:
            self._write(Text(_plain(note), "dim"))
        self._write(Text("Ctrl-C ends.\n", "dim"))

    def show(self, entry: Entry) -> None:
        """Write one entry."""
        self._write(line(entry))

    def counts(self, counts: Mapping[str, int]) -> None:
        """Renew the line of counts; without a terminal there is none."""
        if self._live is not None:
            self._live.update(Text(counts_line(counts), "bold"), refresh=True)

    def farewell(self, counts: Mapping[str, int]) -> None:
        """Write the counts as the last line."""
        self._write(Text(f"\n{counts_line(counts)}", "bold"))

    def _write(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)


def line(entry: Entry) -> Text:
    """Write ``entry`` as time, person, what happened, and what came of it."""
    at = datetime.fromtimestamp(entry.at_ms / 1000, UTC).astimezone()
    name = _plain(entry.person)[:NAME_CELLS]
    text = Text.assemble((f"{at:%H:%M:%S}  ", "dim"), (f"{name:<{NAME_CELLS}} ", "bold"))
    if not entry.outcome:
        text.append(_plain(entry.text), "dim")
        return text
    text.append(_plain(entry.text))
    text.append("  → ")
    text.append(_plain(entry.outcome.replace("_", " ")), TONES.get(entry.outcome, "magenta"))
    if entry.reason:
        text.append(f": {_plain(entry.reason.replace('_', ' '))}", TONES.get(entry.outcome, ""))
    if entry.channel:
        text.append(f" ({_plain(entry.channel.replace('_', ' '))})", "dim")
    return text


def counts_line(counts: Mapping[str, int]) -> str:
    """Write the counts as the way they flow."""
    flow = " → ".join(
        f"{counts.get(key, 0):,} {word}"
        for key, word in (
            ("fixes", "fixes"),
            ("transitions", "transitions"),
            ("decisions", "decisions"),
            ("sent", "messages sent"),
        )
    )
    return f"{flow}   {counts.get('withheld', 0)} withheld, {counts.get('deferred', 0)} deferred"


def _plain(text: str) -> str:
    """Replace what a terminal would obey."""
    return "".join(c if c.isprintable() else "·" for c in text)
