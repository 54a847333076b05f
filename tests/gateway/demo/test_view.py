"""The demonstration in a terminal: one plain line an entry, nothing obeyed."""

import io

import msgspec
import pytest
from rich.console import Console

from fencepost_gateway.demo.state import Entry
from fencepost_gateway.demo.view import View, counts_line, line


def entry(**changes: str) -> Entry:
    """Give a withheld coupon, with ``changes``."""
    coupon = Entry(
        id="d1",
        at_ms=1_780_000_000_000,
        kind="decision",
        person="Theo",
        text="coffee-coupon",
        outcome="withheld",
        reason="consent",
        channel="sms",
    )
    return msgspec.structs.replace(coupon, **changes)


def test_line_says_who_what_and_why() -> None:
    """A withheld message shows its reason and channel behind the outcome."""
    written = line(entry(reason="frequency_cap")).plain

    assert written.split(maxsplit=1)[1] == (
        "Theo      coffee-coupon  → withheld: frequency cap (sms)"
    )


def test_transition_has_no_outcome() -> None:
    """A transition is what happened, and no verdict follows it."""
    written = line(entry(kind="transition", text="entered Café Linde", outcome="")).plain

    assert written.endswith("Theo      entered Café Linde")


@pytest.mark.bad_input(89)
def test_line_shows_control_characters_instead_of_obeying_them() -> None:
    """An escape sequence or markup in a name does not reach the terminal as such."""
    written = line(entry(person="\x1b[2J[red]x", text="a\nb\x07")).plain

    assert "\x1b" not in written
    assert "\n" not in written
    assert "\x07" not in written
    assert "[red]" in line(entry(text="[red]x")).plain


def test_view_writes_plain_lines_without_a_terminal() -> None:
    """In a pipe there is no colour, no moving line, and no line is broken."""
    out = io.StringIO()
    long_text = "x" * 300

    with View(Console(file=out, width=80)) as view:
        view.header("http://127.0.0.1:8080/", ["location is granted for the demo"])
        view.show(entry(text=long_text))
        view.counts({"fixes": 3})

    assert "\x1b" not in out.getvalue()
    assert "http://127.0.0.1:8080/" in out.getvalue()
    assert any(long_text in written for written in out.getvalue().splitlines())
    assert "3 fixes" not in out.getvalue()


def test_counts_line_reads_as_the_way_of_the_data() -> None:
    """Counts stand in the order in which things happen."""
    counts = {"fixes": 1204, "transitions": 4, "decisions": 3, "sent": 2, "withheld": 1}

    assert counts_line(counts) == (
        "1,204 fixes → 4 transitions → 3 decisions → 2 messages sent   1 withheld, 0 deferred"
    )
